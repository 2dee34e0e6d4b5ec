//! Hooks that run in the runtime's namespaces: config.md "POSIX-platform Hooks".

use std::io::{Seek, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::plan::refuse;
use crate::oci::runtime::Hook;
use crate::runtime::Result;
use crate::sys::linux::process;

/// Runs hooks in their order, with the state as their input; those without an environment have this process's. The first that
/// fails ends it.
pub(super) fn must_run(name: &str, hooks: &[Hook], state: &[u8]) -> Result<()> {
    for (number, hook) in hooks.iter().enumerate() {
        run_one(hook, state).map_err(|why| refuse(told(name, number, hook, &why)))?;
    }
    Ok(())
}

/// The same, but one that fails is told to `warn`, and the others run all the same.
pub(super) fn run(name: &str, hooks: &[Hook], state: &[u8], warn: &dyn Fn(&str)) {
    for (number, hook) in hooks.iter().enumerate() {
        if let Err(why) = run_one(hook, state) {
            warn(&told(name, number, hook, &why));
        }
    }
}

fn told(name: &str, number: usize, hook: &Hook, why: &str) -> String {
    format!("error running {name} hook #{number}: {}: {why}", hook.path)
}

fn run_one(hook: &Hook, state: &[u8]) -> std::result::Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    if !hook.path.starts_with('/') {
        return Err("the path of a hook must be absolute".into());
    }
    // A file, and no pipe: a hook that does not read must not be waited for.
    let mut input = tempfile::tempfile().map_err(text)?;
    input.write_all(state).and_then(|()| input.rewind()).map_err(text)?;
    let mut command = Command::new(&hook.path);
    if let [name, args @ ..] = hook.args.as_slice() {
        command.arg0(name).args(args);
    }
    if !hook.env.is_empty() {
        command.env_clear().envs(hook.env.iter().filter_map(|variable| variable.split_once('=')));
    }
    command.stdin(Stdio::from(input)).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(text)?;
    if let Some(seconds) = hook.timeout {
        let limit = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
        let ended = process::open_pidfd(child.id()).and_then(|process| process::wait_for_end(&process, Some(limit)));
        if !ended.map_err(text)? {
            child.kill().and_then(|()| child.wait()).map_err(text)?;
            return Err(format!("it ran for more than {seconds} s and was killed"));
        }
    }
    let output = child.wait_with_output().map_err(text)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{} {}", output.status, said.trim()).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn shell(script: &str, timeout: Option<i64>) -> Hook {
        let args = ["sh", "-c", script].map(str::to_owned).to_vec();
        Hook { path: "/bin/sh".into(), args, env: vec!["A=b".into()], timeout }
    }

    #[test]
    fn hooks_read_the_state_and_failures_stop_none() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let state = br#"{"id":"c"}"#;
        let hooks = [
            Hook { path: "relative".into(), ..Hook::default() },
            shell("exit 3", None),
            shell("while :; do :; done", Some(0)),
            shell(&format!("cat > {0}; echo $A >> {0}", out.display()), Some(60)),
        ];
        let told = RefCell::new(Vec::new());
        run("poststop", &hooks, state, &|line| told.borrow_mut().push(line.to_owned()));
        let expected = [
            "error running poststop hook #0: relative: the path of a hook must be absolute",
            "error running poststop hook #1: /bin/sh: exit status: 3",
            "error running poststop hook #2: /bin/sh: it ran for more than 0 s and was killed",
        ];
        assert_eq!(*told.borrow(), expected);
        assert_eq!(std::fs::read_to_string(out).unwrap(), "{\"id\":\"c\"}b\n");
        assert!(must_run("prestart", &hooks, state).unwrap_err().message.contains("prestart hook #0"));
    }
}
