//! Processes that go through scripts, of every kind of step.

use std::ffi::{CStr, CString};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::super::channel::{Event, Failure};
use super::super::id_maps;
use super::super::process::WaitStatus;
use super::super::script::{BindSource, Make, MountAttributes, Program, Step, Target};
use super::*;

const ALL: u64 = (libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWNET) as u64
    | (libc::CLONE_NEWUTS | libc::CLONE_NEWIPC) as u64;

/// Whether this process may do everything; a test that cannot run says so.
#[allow(clippy::disallowed_macros)]
fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        println!("skipped: needs root");
    }
    is_root
}

fn program(words: &[&str]) -> Program {
    let words: Vec<CString> = words.iter().map(|word| CString::new(*word).unwrap()).collect();
    Program::new(vec![words[0].clone()], words, vec![c"PATH=/usr/bin:/bin".to_owned()])
}

fn shell(text: &str) -> Step {
    Step::Execute(program(&["/bin/sh", "-c", text]))
}

fn script(steps: Vec<Step>) -> Script {
    let mut script = Script::default();
    for step in steps {
        let words = format!("{step:?}");
        script.push(step, words);
    }
    script
}

fn of(script: &Script, namespaces: u64) -> Spawn<'_> {
    Spawn { script, namespaces, cgroup: None, pid_namespace: None, users: None, before: Vec::new() }
}

/// Runs steps to their end: the failure that was told, and how the process ended.
fn run(namespaces: u64, steps: Vec<Step>) -> (Option<(u32, i32)>, WaitStatus) {
    let script = script(steps);
    let (child, channel) = spawn(&of(&script, namespaces)).unwrap();
    let failure = match channel.next().unwrap() {
        Event::Closed => None,
        Event::Failed(Failure { step, errno, .. }) => Some((step, errno)),
        event => panic!("{event:?}"),
    };
    (failure, child.wait().unwrap())
}

fn private_mounts() -> Step {
    let flags = libc::MS_REC | libc::MS_PRIVATE;
    Step::Mount { source: None, target: c"/".to_owned(), kind: None, flags, data: None }
}

fn path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}

fn at(path: &CStr, make: Make) -> Target {
    Target { path: path.to_owned(), make }
}

/// The host's tree, shown at an empty directory, becomes the root.
fn host_as_root(dir: &Path, within: Vec<Step>) -> Vec<Step> {
    let flags = libc::MS_BIND | libc::MS_REC;
    let bind = Step::Mount { source: Some(c"/".to_owned()), target: path(dir), kind: None, flags, data: None };
    let pivot = Step::PivotRoot { read_only: false, propagation: 0 };
    let mut steps = vec![private_mounts(), bind, Step::OpenRoot(path(dir))];
    steps.extend(within);
    steps.push(pivot);
    steps
}

#[test]
fn a_program_runs_in_new_namespaces_and_a_root_of_its_own() {
    if !is_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut steps = vec![Step::DieWithParent, Step::NewSession, Step::HostName(c"box".to_owned()), Step::LoopbackUp];
    let masks = vec![
        Step::MountAt {
            source: Some(c"proc".to_owned()),
            target: at(c"proc", Make::Directory),
            kind: c"proc".to_owned(),
            flags: 0,
            data: None,
            copy_up: false,
            keep_mode: false,
        },
        Step::Mask { target: at(c"proc/version", Make::Skip), options: c"size=0k,nr_inodes=1".to_owned() },
        Step::Mask { target: at(c"proc/no such file", Make::Skip), options: c"size=0k,nr_inodes=1".to_owned() },
        Step::Mask { target: at(c"home", Make::Skip), options: c"size=0k,nr_inodes=1".to_owned() },
        Step::ReadOnly(at(c"proc/sys", Make::Skip)),
    ];
    steps.extend(host_as_root(dir.path(), masks));
    steps.extend([
        Step::Limit { resource: libc::RLIMIT_NOFILE, soft: 77, hard: 77 },
        Step::Umask(0o27),
        Step::Bounding(1),
        Step::Identity { uid: 1234, gid: 567, groups: Some(vec![8, 9]) },
        Step::Capabilities { effective: 1, permitted: 1, inheritable: 1, ambient: 1 },
        Step::NoNewPrivileges,
        Step::WorkingDirectory { path: c"/usr".to_owned(), must: true },
        Step::CloseFrom(3),
        shell(concat!(
            "test $$ = 1 && test \"$(id -u):$(id -g):$(id -G)\" = '1234:567:567 8 9' && test \"$(ulimit -n)\" = 77 &&",
            " test \"$(umask)\" = 0027 && test \"$(pwd)\" = /usr && test \"$(cat /proc/sys/kernel/hostname)\" = box &&",
            " grep -q 'CapAmb:.*0001$' /proc/self/status && grep -q 'CapBnd:.*0001$' /proc/self/status &&",
            " test -z \"$(cat /proc/version)\" && test -z \"$(ls -A /home)\" &&",
            " grep -q '127.0.0.1' /proc/net/fib_trie && ! echo x 2>/dev/null >/proc/sys/kernel/hostname || exit 9",
        )),
    ]);
    let (failure, status) = run(ALL, steps);
    assert_eq!((failure, status), (None, WaitStatus::Exited(0)));
}

#[test]
fn a_step_that_fails_is_told_by_its_number() {
    let steps = vec![Step::Umask(0), Step::Write { path: c"/nowhere/file".to_owned(), text: b"x".to_vec() }];
    assert_eq!(run(0, steps), (Some((1, libc::ENOENT)), WaitStatus::Exited(255)));
    let steps = vec![Step::Execute(program(&["/no such program"]))];
    assert_eq!(run(0, steps), (Some((0, libc::ENOENT)), WaitStatus::Exited(255)));
    let steps = vec![Step::FindProgram, Step::Execute(program(&["/usr"]))];
    assert_eq!(run(0, steps), (Some((0, libc::EACCES)), WaitStatus::Exited(255)));
    assert_eq!(run(0, vec![Step::FindProgram, shell("exit 4")]), (None, WaitStatus::Exited(4)));
    let steps = vec![Step::Bind {
        source: BindSource::Path(c"/nowhere".to_owned()),
        target: at(c"x", Make::File),
        recursive: false,
        attributes: MountAttributes::default(),
        spread: MountAttributes::default(),
    }];
    assert_eq!(run(0, steps), (Some((0, libc::ENOENT)), WaitStatus::Exited(255)));
}

#[test]
fn the_beginning_of_what_is_no_program_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "no program").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    let script = script(vec![Step::Execute(program(&[file.to_str().unwrap()]))]);
    let (child, channel) = spawn(&of(&script, 0)).unwrap();
    let Event::Failed(failure) = channel.next().unwrap() else { panic!("it ran") };
    assert_eq!((failure.errno, failure.detail.as_slice()), (libc::ENOEXEC, &b"no program"[..]));
    child.wait().unwrap();
}

#[test]
fn codes_and_signals_are_told_apart() {
    assert_eq!(run(0, vec![shell("exit 7")]), (None, WaitStatus::Exited(7)));
    assert_eq!(run(0, vec![shell("kill -TERM $$")]), (None, WaitStatus::Signaled(libc::SIGTERM)));
    // No signal is blocked or ignored in a new program.
    let quiet = "grep -q 'SigBlk:.*0000000000000000' /proc/self/status && kill -PIPE $$";
    assert_eq!(run(0, vec![shell(quiet)]), (None, WaitStatus::Signaled(libc::SIGPIPE)));
}

#[test]
fn streams_may_be_given_in_any_order() {
    use std::io::Read;
    let (mut out, their_out) = std::os::unix::net::UnixStream::pair().unwrap();
    let their_out: OwnedFd = their_out.into();
    let fd = their_out.as_raw_fd();
    // First 1 is the socket, then 0 is what 1 is, and 1 what 0 was.
    let steps = vec![Step::Streams([2, fd, 1]), Step::Streams([1, 0, 1]), shell("echo said >&0; echo more >&2")];
    let script = script(steps);
    let (child, _channel) = spawn(&of(&script, 0)).unwrap();
    drop(their_out);
    let mut said = String::new();
    out.read_to_string(&mut said).unwrap();
    assert_eq!((said.as_str(), child.wait().unwrap()), ("said\nmore\n", WaitStatus::Exited(0)));
}

#[test]
fn hooks_read_what_the_parent_said_and_end_in_time() {
    let hook =
        |text: &str, timeout| Step::Hook { program: program(&["/bin/sh", "-c", text]), timeout, has_home: false };
    let sync = |last: Step| script(vec![Step::Sync(4), last, shell("exit 3")]);
    let ended = |script: Script| {
        let (child, channel) = spawn(&of(&script, 0)).unwrap();
        assert!(matches!(channel.next().unwrap(), Event::Reached(4)));
        channel.go_on(b"state").unwrap();
        let (errno, how) = match channel.next().unwrap() {
            Event::Failed(failure) => (failure.errno, failure.end_of_hook()),
            _ => (0, None),
        };
        assert_eq!(how.is_some(), errno == libc::EPROTO);
        (how.ok_or(errno), child.wait().unwrap())
    };
    let good = hook("test \"$(cat)\" = state", Some(60));
    assert_eq!(ended(sync(good)), (Err(0), WaitStatus::Exited(3)));
    assert_eq!(
        ended(sync(hook("echo why; echo not >&2; exit 1", None))),
        (Ok("exit status 1: why\nnot".into()), WaitStatus::Exited(255))
    );
    let killed = "signal: bad system call".to_owned();
    assert_eq!(ended(sync(hook("kill -SYS $$", None))), (Ok(killed), WaitStatus::Exited(255)));
    let endless = hook("exec sleep 1000", Some(0));
    assert_eq!(ended(sync(endless)), (Err(libc::ETIMEDOUT), WaitStatus::Exited(255)));
    let none = Step::Hook { program: program(&["/nowhere"]), timeout: None, has_home: false };
    assert_eq!(ended(sync(none)), (Err(libc::ENOENT), WaitStatus::Exited(255)));
}

#[test]
fn init_passes_signals_on_and_waits_for_all() {
    if !is_root() {
        return;
    }
    use std::io::Read;
    let namespaces = libc::CLONE_NEWPID as u64;
    assert_eq!(run(namespaces, vec![Step::Init, shell("exit 5")]), (None, WaitStatus::Exited(5)));
    let dies = WaitStatus::Exited(128 + libc::SIGKILL);
    assert_eq!(run(namespaces, vec![Step::Init, shell("kill -KILL $$")]), (None, dies));
    let fails = run(namespaces, vec![Step::Init, Step::Execute(program(&["/nowhere"]))]);
    assert_eq!(fails, (Some((1, libc::ENOENT)), WaitStatus::Exited(255)));

    let (mut out, their_out) = std::os::unix::net::UnixStream::pair().unwrap();
    let their_out: OwnedFd = their_out.into();
    let text = "trap 'echo got; exit 6' USR1; (sh -c 'exit 1' &) ; echo $$; while :; do read x <&1; done";
    let steps = vec![Step::Streams([0, their_out.as_raw_fd(), 2]), Step::Init, shell(text)];
    let script = script(steps);
    let (child, _channel) = spawn(&of(&script, namespaces)).unwrap();
    drop(their_out);
    let mut number = [0; 2];
    out.read_exact(&mut number).unwrap();
    assert_eq!(&number, b"2\n");
    child.signal(libc::SIGUSR1).unwrap();
    let mut said = String::new();
    out.read_to_string(&mut said).unwrap();
    assert_eq!((said.as_str(), child.wait().unwrap()), ("got\n", WaitStatus::Exited(6)));
}

#[test]
#[allow(clippy::disallowed_macros)]
fn a_user_namespace_gets_its_ids_while_the_process_waits() {
    let script = script(vec![
        Step::Sync(0),
        Step::BecomeRoot { keeps_groups: false },
        shell("test \"$(id -u):$(id -g)\" = 0:0"),
    ]);
    let (child, channel) = match spawn(&of(&script, libc::CLONE_NEWUSER as u64)) {
        Err(error) => return println!("skipped: no user namespaces: {error}"),
        Ok(spawned) => spawned,
    };
    assert!(matches!(channel.next().unwrap(), Event::Reached(0)));
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    id_maps::write(child.pid(), &[(0, uid, 1)], &[(0, gid, 1)]).unwrap();
    channel.go_on(b"").unwrap();
    assert!(matches!(channel.next().unwrap(), Event::Closed));
    assert_eq!(child.wait().unwrap(), WaitStatus::Exited(0));
}

#[test]
fn a_process_joins_the_processes_of_another() {
    if !is_root() {
        return;
    }
    let first = script(vec![Step::Sync(0)]);
    let (first, channel) = spawn(&of(&first, libc::CLONE_NEWPID as u64)).unwrap();
    assert!(matches!(channel.next().unwrap(), Event::Reached(0)));
    let namespace = fs::File::open(format!("/proc/{}/ns/pid", first.pid())).unwrap();
    let second = script(vec![shell("exit $$")]);
    let joined = Spawn { pid_namespace: Some(namespace.as_fd()), ..of(&second, 0) };
    assert_eq!(spawn(&joined).unwrap().0.wait().unwrap(), WaitStatus::Exited(2));
    // Later ones are here again.
    let own = fs::read_link("/proc/thread-self/ns/pid").unwrap();
    assert_eq!(fs::read_link("/proc/thread-self/ns/pid_for_children").unwrap(), own);
    drop(channel);
    assert_eq!(first.wait().unwrap(), WaitStatus::Exited(255));
}

#[test]
fn a_process_joins_the_clocks_of_another() {
    if !is_root() {
        return;
    }
    let first = script(vec![Step::Sync(0)]);
    let clocks = Spawn { before: vec![Before::Clocks("boottime 1000000 0\n")], ..of(&first, 0) };
    let (first, channel) = spawn(&clocks).unwrap();
    assert!(matches!(channel.next().unwrap(), Event::Reached(0)));
    let namespace = fs::File::open(format!("/proc/{}/ns/time", first.pid())).unwrap();
    // A second kind that is joined with it: the one of this process.
    let own = fs::File::open("/proc/self/ns/uts").unwrap();
    let joined = [(&own, libc::CLONE_NEWUTS), (&namespace, super::super::flags::CLONE_NEWTIME)];
    let before = joined.map(|(file, kind)| Before::Join(file.as_fd(), kind as u64)).to_vec();
    let second = script(vec![shell("read up rest </proc/uptime; test ${up%.*} -gt 1000000")]);
    let (second, _channel) = spawn(&Spawn { before, ..of(&second, 0) }).unwrap();
    assert_eq!(second.wait().unwrap(), WaitStatus::Exited(0));
    let wrong = vec![Before::Join(own.as_fd(), libc::CLONE_NEWNS as u64)];
    let third = script(vec![shell("exit 0")]);
    let error = spawn(&Spawn { before: wrong, ..of(&third, 0) }).unwrap_err();
    assert!(error.to_string().starts_with("join a namespace: Invalid argument"), "{error}");
    drop(channel);
    assert_eq!(first.wait().unwrap(), WaitStatus::Exited(255));
}

#[test]
fn a_terminal_is_the_streams_and_its_master_is_sent() {
    if !is_root() {
        return;
    }
    use std::io::Read;
    let dir = tempfile::tempdir().unwrap();
    let devpts = Step::MountAt {
        source: Some(c"devpts".to_owned()),
        target: at(c"dev/pts", Make::Directory),
        kind: c"devpts".to_owned(),
        flags: 0,
        data: Some(c"newinstance,ptmxmode=0666,mode=0620".to_owned()),
        copy_up: false,
        keep_mode: false,
    };
    let devices = Step::MountAt {
        source: Some(c"tmpfs".to_owned()),
        target: at(c"dev", Make::Nothing),
        kind: c"tmpfs".to_owned(),
        flags: 0,
        data: None,
        copy_up: false,
        keep_mode: false,
    };
    let terminal = Step::Terminal { rows: 24, columns: 99, owner: 0, console: true, plain: false };
    let within = vec![
        devices,
        devpts,
        Step::MakeNode { target: c"dev/null".to_owned(), mode: libc::S_IFCHR | 0o666, device: 259, owner: (0, 0) },
        Step::MakeLink { target: c"dev/fd".to_owned(), link: c"/proc/self/fd".to_owned() },
        terminal,
    ];
    let mut steps = host_as_root(dir.path(), within);
    // In the foreground it may read from the terminal; its size is known.
    steps.extend([Step::Init, shell("stty size; read x; echo \"<$x>\" >/dev/console; test -c /dev/null")]);
    let script = script(steps);
    let (child, channel) = spawn(&of(&script, ALL)).unwrap();
    let master = match channel.next().unwrap() {
        Event::Master(master) => master,
        event => panic!("{event:?}"),
    };
    rustix::io::write(&master, b"word\n").unwrap();
    let mut master = fs::File::from(master);
    let (mut said, mut part) = (String::new(), [0; 4096]);
    // Once nobody has the terminal open, reading its master is an error.
    while let Ok(len @ 1..) = master.read(&mut part) {
        said.push_str(str::from_utf8(&part[..len]).unwrap());
    }
    assert!(said.contains("24 99") && said.contains("<word>"), "{said}");
    assert_eq!(child.wait().unwrap(), WaitStatus::Exited(0));
}

#[test]
fn a_process_that_nobody_has_left_alone_ends_with_its_parent() {
    let script =
        script(vec![Step::WaitForStart { socket: 0, first: 3, file: None }, Step::Execute(program(&["/bin/true"]))]);
    let (child, channel) = spawn(&of(&script, 0)).unwrap();
    assert!(matches!(channel.next().unwrap(), Event::Ready));
    drop(channel);
    assert_eq!(child.wait().unwrap(), WaitStatus::Exited(255));
}

#[test]
fn a_container_waits_for_its_start_without_its_parent() {
    let dir = tempfile::tempdir().unwrap();
    let folder = fs::File::open(dir.path()).unwrap();
    let socket = super::super::socket::listen(folder.as_fd(), "start").unwrap();
    let wait = Step::WaitForStart { socket: socket.as_raw_fd(), first: 3, file: Some(folder.as_raw_fd()) };
    let script = script(vec![wait, Step::Execute(program(&["/nowhere"]))]);
    let (child, channel) = spawn(&of(&script, 0)).unwrap();
    assert!(matches!(channel.next().unwrap(), Event::Ready));
    let held = format!("/proc/{}/fd", child.pid());
    assert_eq!(fs::read_link(format!("{held}/{}", folder.as_raw_fd())).unwrap(), dir.path());
    let others = fs::read_dir(held).unwrap().count() - 3;
    assert_eq!(others, 3, "the folder, the socket and the way to the parent");
    drop(socket);
    channel.go_on(b"").unwrap();
    assert!(matches!(channel.next().unwrap(), Event::Closed));
    let start = Channel::of_connection(super::super::socket::connect(folder.as_fd(), "start").unwrap());
    start.go_on(b"state").unwrap();
    assert!(matches!(start.next().unwrap(), Event::Failed(Failure { step: 1, errno: libc::ENOENT, .. })));
    assert_eq!(child.wait().unwrap(), WaitStatus::Exited(255));
}
