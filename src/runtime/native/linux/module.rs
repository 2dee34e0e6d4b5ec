//! The end of a container's script whose program is a wasm module: this program itself runs it.
//!
//! Only the module is kept in the container's root, by the runtime for wasm. The process has the host's tree around it, in the
//! container's namespaces, cgroups and limits, and no rights.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};

use super::plan::{Surroundings, refuse};
use super::process::{push_process, texts};
use crate::oci::runtime::Process;
use crate::runtime::Result;
use crate::runtime::native::ModuleRunner;
use crate::sys::linux::script::{Program, Script, Step};

/// What comes once all is mounted. The descriptor has to be open until the process is there.
pub(super) fn push(
    script: &mut Script,
    process: &Process,
    runner: &ModuleRunner,
    with: Surroundings<'_>,
) -> Result<OwnedFd> {
    let own: OwnedFd =
        File::open("/proc/self/exe").map_err(|error| refuse(format!("open this program: {error}")))?.into();
    script.push(Step::WorkInRoot, "enter the root");
    let mut last = Script::default();
    if let Some(wait) = with.wait_for_start(Some(own.as_raw_fd())) {
        let waits = if with.has_listener() { &mut last } else { &mut *script };
        waits.push(wait, "wait for the start");
    }
    let program = Program::new(Vec::new(), texts(&arguments(process, runner))?, texts(&environment(process))?);
    let run = Step::ExecuteOpen { file: own.as_raw_fd(), program };
    // The runner needs no rights, whoever it is.
    let process = Process { capabilities: None, no_new_privileges: true, cwd: ".".into(), ..process.clone() };
    push_process(script, &process, with.filter, with.kept, last, run)?;
    Ok(own)
}

fn arguments(process: &Process, runner: &ModuleRunner) -> Vec<String> {
    let user = &process.user;
    let own = [format!("--cwd={}", process.cwd), format!("--user={}:{}", user.uid, user.gid)];
    let groups = user.additional_gids.iter().map(|group| format!("--group={group}"));
    let mut all = vec!["cowbox".to_owned()];
    all.extend(runner.0.iter().cloned().chain(own).chain(groups));
    all.push("--".into());
    all.extend(process.args.iter().cloned());
    all
}

fn environment(process: &Process) -> Vec<String> {
    process.env.iter().map(|variable| format!("{}{variable}", ModuleRunner::PREFIX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::runtime::User;

    #[test]
    fn a_runner_is_told_all_and_no_variable_means_anything_to_it() {
        let process = Process {
            args: vec!["/m".into(), "--cwd=x".into()],
            cwd: "/w".into(),
            env: vec!["LD_PRELOAD=./evil.so".into()],
            user: User { uid: 1, gid: 2, additional_gids: vec![3, 4], ..User::default() },
            ..Process::default()
        };
        assert_eq!(
            arguments(&process, &ModuleRunner(vec!["run".into()])),
            ["cowbox", "run", "--cwd=/w", "--user=1:2", "--group=3", "--group=4", "--", "/m", "--cwd=x"]
        );
        assert_eq!(environment(&process), ["guest:LD_PRELOAD=./evil.so"]);
    }
}
