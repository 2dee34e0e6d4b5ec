//! How `cowbox runtime` runs programs: who decides on their calls, and what is said of those that cannot run; as root on Linux.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use serde_json::{Value, json};

use super::support::bundle::Bundle;
use super::support::native::received;

#[test]
fn who_decides_on_calls_has_the_listener_of_each_process_when_it_is_created() {
    for no_new_privileges in [true, false] {
        let Some(bundle) = Bundle::new() else { return };
        let path = bundle.path("agent");
        let agent = UnixListener::bind(&path).unwrap();
        agent.set_nonblocking(true).unwrap();
        // It is there once the runtime has ended.
        let told = || -> Value { serde_json::from_str(&received(&agent.accept().unwrap().0).0).unwrap() };
        bundle.change(|config| {
            config["process"]["noNewPrivileges"] = json!(no_new_privileges);
            config["linux"]["seccomp"] = json!({
                "defaultAction": "SCMP_ACT_ALLOW",
                "listenerPath": path,
                "listenerMetadata": "mine",
                "syscalls": [{"names": ["swapoff"], "action": "SCMP_ACT_NOTIFY"}],
            });
            config["hooks"] = json!({"startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "echo hook >&2"]}]});
        });
        bundle.script("echo up; exec sleep 1000");
        let folder = bundle.path("");
        bundle.runtime(["create", "--bundle", folder.to_str().unwrap(), "one"]).ok();
        let pid = bundle.pid("one");
        let first = told();
        assert_eq!((&first["pid"], &first["state"]["pid"]), (&json!(pid), &json!(pid)), "{first}");
        assert_eq!((&first["state"]["id"], &first["state"]["status"]), (&json!("one"), &json!("creating")), "{first}");
        assert_eq!((&first["metadata"], &first["fds"]), (&json!("mine"), &json!(["seccompFd"])), "{first}");
        bundle.runtime(["start", "one"]).ok();
        assert_eq!(bundle.runtime(["exec", "one", "echo", "in"]).ok(), "in\n");
        let further = told();
        assert_ne!(further["pid"], json!(pid), "{further}");
        assert_eq!(
            (&further["state"]["pid"], &further["state"]["status"]),
            (&json!(pid), &json!("running")),
            "{further}"
        );
        drop(agent);
        assert_eq!(bundle.runtime(["exec", "one", "true"]).code, 255, "nobody listens");
        bundle.runtime(["delete", "--force", "one"]).ok();
        assert!(bundle.run("two").err.contains("failed to connect with seccomp agent"));
        bundle.is_gone();
    }
}

#[test]
fn a_hook_before_the_program_has_its_rights_and_its_filter() {
    let Some(bundle) = Bundle::new() else { return };
    let hook = |script: &str| json!({"startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", script]}]});
    bundle.change(|config| {
        // As Docker's profile has it: a filter cannot see the arguments of clone3(2).
        config["linux"]["seccomp"] = json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_KILL"},
        ]});
        config["process"]["user"] = json!({"uid": 1000, "gid": 100});
        config["hooks"] = hook(
            "test $(id -u):$(id -g) = 1000:100 && test $(pwd) = /tmp && grep -q 'CapEff:.*00000000$' /proc/self/status",
        );
        config["process"]["cwd"] = json!("/tmp");
    });
    for no_new_privileges in [true, false] {
        bundle.change(|config| config["process"]["noNewPrivileges"] = json!(no_new_privileges));
        assert_eq!(bundle.run("one").ok(), "", "what a hook says is no output of the program");
    }
    for (script, how) in [("exec mkdir /tmp/x", "signal: bad system call"), ("echo why; exit 3", "exit status 3: why")]
    {
        bundle.change(|config| config["hooks"] = hook(script));
        let ended = bundle.run("one");
        let words = format!("error running startContainer hook #0: /bin/sh: {how}");
        assert!(ended.code == 1 && ended.err.contains(&words), "{ended:?}");
    }
    bundle.is_gone();
}

#[test]
fn a_script_without_its_interpreter_is_told_from_one_that_is_not_there() {
    let Some(bundle) = Bundle::new() else { return };
    let script = bundle.root().join("run.sh");
    fs::write(&script, "#!/nowhere -x\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    for (program, words) in [
        ("/run.sh", "exec /run.sh: no such file or directory (the interpreter /nowhere is not in the image)"),
        ("/run", "stat /run: no such file or directory"),
    ] {
        bundle.args(&[program]);
        let ended = bundle.run("one");
        assert!(ended.code == 1 && ended.err.contains(words), "{ended:?}");
    }
    bundle.is_gone();
}

#[test]
fn a_process_has_the_home_that_the_containers_users_have() {
    let Some(bundle) = Bundle::new() else { return };
    bundle.args(&["sleep", "1000"]);
    bundle.runtime(["run", "--detach", "one"]).ok();
    let home = |options: &[&str]| {
        let command = ["one", "sh", "-c", "echo $HOME"];
        bundle.runtime([&["exec"], options, &command].concat()).ok()
    };
    assert_eq!(home(&[]), "/root\n");
    assert_eq!(home(&["--user", "1000"]), "/home/ann\n");
    assert_eq!(home(&["--user", "77"]), "/\n");
    assert_eq!(home(&["--env", "HOME="]), "/root\n");
    assert_eq!(home(&["--env", "HOME=/own"]), "/own\n");
    bundle.runtime(["delete", "--force", "one"]).ok();
    bundle.change(|config| config["process"]["user"]["uid"] = json!(1000));
    bundle.script("echo $HOME");
    assert_eq!(bundle.run("two").ok(), "/home/ann\n");
}

#[test]
fn all_processes_of_a_container_have_its_session_keyring() {
    let Some(bundle) = Bundle::new() else { return };
    if !Path::new("/proc/keys").exists() {
        return println!("skipped: a kernel without keyrings");
    }
    bundle.change(|config| config["linux"]["maskedPaths"] = json!([]));
    bundle.script("cat /proc/keys > /dev/shm/keys; echo > /dev/shm/done; exec sleep 1000");
    let script = "until [ -e /dev/shm/done ]; do :; done; cat /dev/shm/keys /proc/keys";
    // Of what the first process sees, and then a further one. Keyrings are the whole host's: the names are of no other test.
    let sessions = |name: &str| {
        let keys = bundle.runtime(["exec", name, "sh", "-c", script]).ok();
        let of_it = keys.lines().filter(|line| line.contains(&format!(" _ses.{name}: ")));
        of_it.map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    bundle.runtime(["run", "--detach", "shares-keys"]).ok();
    let seen = sessions("shares-keys");
    assert!(seen.len() == 2 && seen[0] == seen[1], "{seen:?}");
    bundle.runtime(["delete", "--force", "shares-keys"]).ok();
    bundle.runtime(["run", "--detach", "--no-new-keyring", "keeps-keys"]).ok();
    assert_eq!(sessions("keeps-keys"), [""; 0]);
    bundle.runtime(["delete", "--force", "keeps-keys"]).ok();
    bundle.is_gone();
}
