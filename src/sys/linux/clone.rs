//! Makes new processes that go through a script: clone3(2), and the maps of ids for a new user namespace.

use std::ffi::c_int;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use super::calls::{check, hide, set_blocked, signal_set, syscall};
use super::channel::{self, Channel};
use super::process::Child;
use super::script::Script;
use super::steps::{self, Walk};

/// `struct clone_args`, up to its cgroup.
#[repr(C)]
#[derive(Default)]
struct CloneArguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

const CLONE_PIDFD: u64 = 0x1000;
const CLONE_CLEAR_SIGHAND: u64 = 1 << 32;
const CLONE_INTO_CGROUP: u64 = 1 << 33;

/// Held while a child's end of a channel is open here, so that no other child inherits it: its channel would not close then.
static CHANNELS: Mutex<()> = Mutex::new(());

/// How a process is made.
#[derive(Debug)]
pub struct Spawn<'a> {
    /// What it does.
    pub script: &'a Script,
    /// `CLONE_NEW*`: the namespaces that are new with it. The root of a new cgroup namespace is the cgroup of the caller, not
    /// `cgroup`: unshare that one in the script.
    pub namespaces: u64,
    /// The cgroup (version 2) that it begins in.
    pub cgroup: Option<BorrowedFd<'a>>,
    /// The process namespace that it is made in, if that is another; it needs `CAP_SYS_ADMIN` there, which those of `users` have in
    /// theirs. Without it here, too, all further children of the calling thread are made in that namespace.
    pub pid_namespace: Option<BorrowedFd<'a>>,
    /// The user namespace that it is in, if that is another: `namespaces` then belong to that one. It begins without ids there.
    pub users: Option<BorrowedFd<'a>>,
    /// What is done before, by a thread for this alone. A process that ends with its parent ends with that thread.
    pub before: Vec<Before<'a>>,
}

/// What the surroundings of a new process are made of before it is there.
#[derive(Clone, Copy, Debug)]
pub enum Before<'a> {
    /// setns(2): the namespace, and its `CLONE_NEW*`.
    Join(BorrowedFd<'a>, u64),
    /// A time namespace with these offsets: time_namespaces(7).
    Clocks(&'a str),
}

/// Makes a process, which goes through the script at once. A script with `DieWithParent` ends when the calling *thread* ends.
pub fn spawn(spawn: &Spawn<'_>) -> io::Result<(Child, Channel)> {
    if spawn.before.is_empty() {
        return spawn_here(spawn);
    }
    let apart = || {
        spawn.before.iter().try_for_each(prepare)?;
        spawn_here(spawn)
    };
    let broken = |_| Err(io::Error::other("the thread that makes a process has ended"));
    std::thread::scope(|scope| scope.spawn(apart).join().unwrap_or_else(broken))
}

#[allow(unsafe_code)]
fn prepare(before: &Before<'_>) -> io::Result<()> {
    match before {
        Before::Join(namespace, kind) => {
            // SAFETY: an open descriptor; the calling thread alone is concerned.
            check(unsafe { libc::setns(namespace.as_raw_fd(), *kind as c_int) })
                .map_err(io::Error::from_raw_os_error)?;
        }
        Before::Clocks(offsets) => {
            // SAFETY: a number; only later children of the calling thread are concerned.
            check(unsafe { libc::unshare(super::flags::CLONE_NEWTIME) }).map_err(io::Error::from_raw_os_error)?;
            if !offsets.is_empty() {
                let thread = rustix::thread::gettid().as_raw_nonzero();
                write_whole(&format!("/proc/{thread}/timens_offsets"), offsets)?;
            }
        }
    }
    Ok(())
}

fn spawn_here(spawn: &Spawn<'_>) -> io::Result<(Child, Channel)> {
    let mut walk = Walk::new();
    let held = CHANNELS.lock().unwrap_or_else(PoisonError::into_inner);
    let (parent_end, child_end) = channel::pair()?;
    let elsewhere = spawn.pid_namespace.map(ChildrenElsewhere::enter).transpose();
    // Whoever may not go there from here may from within the user namespace.
    let is_refused = elsewhere.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
    let late_pids = spawn.pid_namespace.filter(|_| is_refused && spawn.users.is_some());
    let _elsewhere = if late_pids.is_some() { None } else { elsewhere? };
    let before = set_blocked(&signal_set(true));
    let flags = spawn.namespaces | spawn.cgroup.map_or(0, |_| CLONE_INTO_CGROUP);
    let cgroup = spawn.cgroup.map_or(0, |cgroup| cgroup.as_raw_fd());
    let users = spawn.users.map(|users| users.as_raw_fd());
    let first_flags = if users.is_some() { 0 } else { flags };
    // SAFETY: the new process makes nothing but system calls, on what was prepared, and never returns from here.
    #[allow(unsafe_code)]
    let made = unsafe {
        let made = clone3(first_flags | CLONE_CLEAR_SIGHAND, cgroup);
        if let Ok((0, _)) = made {
            begin(&parent_end, spawn);
            if let Some(users) = users {
                let pids = late_pids.map(|pids| pids.as_raw_fd());
                move_into(users, pids, flags, cgroup, child_end.as_raw_fd());
            }
            steps::run(spawn.script, child_end.as_raw_fd(), &mut walk)
        }
        made
    };
    set_blocked(&before);
    drop(child_end);
    drop(held);
    let (pid, pidfd) = made.map_err(explain)?;
    // SAFETY: it is new, and nobody else has it.
    #[allow(unsafe_code)]
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    let child = Child::new(pid as u32, pidfd);
    if users.is_none() {
        return Ok((child, parent_end));
    }
    let moved =
        parent_end.moved().map_err(|error| io::Error::new(error.kind(), format!("join the user namespace: {error}")));
    child.wait()?;
    let child = Child::of_pidfd(moved?)?;
    parent_end.go_on(b"")?;
    Ok((child, parent_end))
}

/// Joins a user namespace and goes on in another process, whose namespaces belong to that one: those of the calling process
/// would stay the host's. Its process namespace is `pids`, if that is another. Both have the same parent, who is told of the new
/// one. The calling process ends.
///
/// # Safety
///
/// Called in a new process.
#[allow(unsafe_code)]
unsafe fn move_into(users: RawFd, pids: Option<RawFd>, flags: u64, cgroup: RawFd, channel: RawFd) {
    // Its root may look into all that run there.
    let moved = hide().and_then(|()| {
        // SAFETY: open descriptors; then a process that makes nothing but system calls.
        unsafe {
            check(libc::setns(users, libc::CLONE_NEWUSER))?;
            if let Some(pids) = pids {
                check(libc::setns(pids, libc::CLONE_NEWPID))?;
            }
            clone3(flags | libc::CLONE_PARENT as u64, cgroup)
        }
    });
    let (kind, errno, pidfd) = match moved {
        // Nothing that it says may come before the parent knows of it.
        Ok((0, _)) if channel::hear(channel) => return,
        // The parent is gone. SAFETY: the end of the process.
        Ok((0, _)) => unsafe { libc::_exit(255) },
        Ok((_, pidfd)) => (channel::MOVED, 0, pidfd),
        Err(errno) => (channel::FAILED, errno, -1),
    };
    let message = channel::Message { kind, number: 0, errno, detail_len: 0, detail: [0; channel::DETAIL_MAX] };
    // SAFETY: a descriptor that is open or none; then the end of the process. Where the parent is gone nobody waits.
    unsafe {
        let _ = channel::send(channel, &message, pidfd);
        libc::_exit(0)
    }
}

/// The new process's first acts: it takes signals as any program does, and has only its own end of the channel.
///
/// # Safety
///
/// Called in the new process.
#[allow(unsafe_code)]
unsafe fn begin(parent_end: &Channel, spawn: &Spawn<'_>) {
    // SAFETY: calls on signals and a descriptor of this process.
    unsafe {
        // The C runtime of the host or whoever started it may have had them ignored.
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        libc::close(parent_end.as_raw_fd());
    }
    if spawn.pid_namespace.is_some() {
        // Those in the container see this process already. That it cannot be hidden is nothing that ever happens.
        let _ = hide();
    }
    set_blocked(&signal_set(false));
}

fn explain(errno: c_int) -> io::Error {
    let words = match errno {
        libc::ENOSYS => "clone3 is not there: this needs Linux 5.12 or newer, and no seccomp filter that hides clone3",
        libc::ENOSPC | libc::EUSERS => {
            "the system allows no more namespaces; see /proc/sys/user/max_*_namespaces and how deep they are nested"
        }
        _ => return io::Error::from_raw_os_error(errno),
    };
    io::Error::new(io::ErrorKind::Unsupported, words)
}

/// A new process with a copy of the memory: 0 in it, its number and descriptor in the caller.
///
/// # Safety
///
/// The new process allocates and locks nothing, and ends by exec or `_exit`.
#[allow(unsafe_code)]
pub(super) unsafe fn fork(flags: u64) -> Result<(libc::pid_t, RawFd), i32> {
    // SAFETY: as this function's own.
    unsafe { clone3(flags, 0) }
}

#[allow(unsafe_code)]
unsafe fn clone3(flags: u64, cgroup: RawFd) -> Result<(libc::pid_t, RawFd), i32> {
    let mut pidfd: RawFd = -1;
    let arguments = CloneArguments {
        flags: flags | CLONE_PIDFD,
        pidfd: (&raw mut pidfd) as u64,
        // A sibling has that of who makes it.
        exit_signal: if flags & libc::CLONE_PARENT as u64 == 0 { libc::SIGCHLD as u64 } else { 0 },
        cgroup: cgroup as u64,
        ..CloneArguments::default()
    };
    // SAFETY: a structure of the size that is given; without CLONE_VM the new process goes on on a copy of this stack.
    let made = syscall(unsafe { libc::syscall(libc::SYS_clone3, &raw const arguments, size_of::<CloneArguments>()) })?;
    Ok((made as libc::pid_t, pidfd))
}

/// While it lives, new processes of this thread are in another process namespace.
struct ChildrenElsewhere {
    own: OwnedFd,
}

impl ChildrenElsewhere {
    fn enter(namespace: BorrowedFd<'_>) -> io::Result<ChildrenElsewhere> {
        let own = fs::File::open("/proc/thread-self/ns/pid_for_children")?.into();
        set_children(namespace.as_raw_fd())?;
        Ok(ChildrenElsewhere { own })
    }
}

impl Drop for ChildrenElsewhere {
    fn drop(&mut self) {
        match set_children(self.own.as_raw_fd()) {
            // Only the host's root may go back; others have a thread for this alone.
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => {}
            back => back.expect("a thread may go back to the process namespace that it is in"),
        }
    }
}

#[allow(unsafe_code)]
fn set_children(namespace: RawFd) -> io::Result<()> {
    // SAFETY: an open descriptor; only later children of this thread are concerned.
    check(unsafe { libc::setns(namespace, libc::CLONE_NEWPID) }).map_err(io::Error::from_raw_os_error)?;
    Ok(())
}

/// Gives the new user namespace of a process its ids: ranges of (first inside, first outside, how many). What may not be
/// written directly is written by `newuidmap` and `newgidmap`.
pub fn write_id_maps(pid: u32, uid: &[(u32, u32, u32)], gid: &[(u32, u32, u32)]) -> io::Result<()> {
    let directory = format!("/proc/{pid}");
    write_map(&format!("{directory}/uid_map"), uid, || run_helper("newuidmap", pid, uid))?;
    write_map(&format!("{directory}/gid_map"), gid, || match gid {
        // One's own group needs no helper, only that no group is ever left.
        [(_, outside, 1)] if *outside == rustix::process::getegid().as_raw() => {
            write_whole(&format!("{directory}/setgroups"), "deny")?;
            write_whole(&format!("{directory}/gid_map"), &text_of(gid))
        }
        _ => run_helper("newgidmap", pid, gid),
    })
}

fn write_map(path: &str, ranges: &[(u32, u32, u32)], else_by: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    match write_whole(path, &text_of(ranges)) {
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => else_by(),
        Err(error) => Err(io::Error::new(error.kind(), format!("write {path}: {error}"))),
        Ok(()) => Ok(()),
    }
}

fn text_of(ranges: &[(u32, u32, u32)]) -> String {
    ranges.iter().map(|(inside, outside, count)| format!("{inside} {outside} {count}\n")).collect()
}

/// One write, as files of `/proc` want it.
fn write_whole(path: &str, text: &str) -> io::Result<()> {
    let file: OwnedFd = fs::OpenOptions::new().write(true).open(path)?.into();
    let written = rustix::io::write(&file, text.as_bytes())?;
    if written == text.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

fn run_helper(program: &str, pid: u32, ranges: &[(u32, u32, u32)]) -> io::Result<()> {
    let numbers = ranges.iter().flat_map(|(inside, outside, count)| [inside, outside, count].map(u32::to_string));
    let output = Command::new(program).arg(pid.to_string()).args(numbers).stdin(Stdio::null()).output();
    let output = output.map_err(|error| {
        let hint =
            "install it (package uidmap or shadow-utils) and give the user ranges in /etc/subuid and /etc/subgid";
        io::Error::new(error.kind(), format!("run {program}: {error}; {hint}"))
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{program}: {}", said.trim())))
}

#[cfg(test)]
mod tests {
    use std::ffi::{CStr, CString};
    use std::os::fd::AsFd;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use super::super::channel::{Event, Failure};
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
        let mut steps =
            vec![Step::DieWithParent, Step::NewSession, Step::HostName(c"box".to_owned()), Step::LoopbackUp];
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
            Step::Mask(at(c"proc/version", Make::Skip)),
            Step::Mask(at(c"proc/no such file", Make::Skip)),
            Step::Mask(at(c"home", Make::Skip)),
            Step::ReadOnly(at(c"proc/sys", Make::Skip)),
        ];
        steps.extend(host_as_root(dir.path(), masks));
        steps.extend([
            Step::Limit { resource: libc::RLIMIT_NOFILE, soft: 77, hard: 77 },
            Step::Umask(0o27),
            Step::Bounding(1),
            Step::Identity { uid: 1234, gid: 567, groups: vec![8, 9] },
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
        let hook = |text: &str, timeout| Step::Hook { program: program(&["/bin/sh", "-c", text]), timeout };
        let sync = |last: Step| script(vec![Step::Sync(4), last, shell("exit 3")]);
        let ended = |script: Script| {
            let (child, channel) = spawn(&of(&script, 0)).unwrap();
            assert!(matches!(channel.next().unwrap(), Event::Reached(4)));
            channel.go_on(b"state").unwrap();
            let errno = match channel.next().unwrap() {
                Event::Failed(failure) => failure.errno,
                _ => 0,
            };
            (errno, child.wait().unwrap())
        };
        let good = hook("test \"$(cat)\" = state", Some(60));
        assert_eq!(ended(sync(good)), (0, WaitStatus::Exited(3)));
        assert_eq!(ended(sync(hook("exit 1", None))), (libc::EPROTO, WaitStatus::Exited(255)));
        let endless = hook("exec sleep 1000", Some(0));
        assert_eq!(ended(sync(endless)), (libc::ETIMEDOUT, WaitStatus::Exited(255)));
        let none = Step::Hook { program: program(&["/nowhere"]), timeout: None };
        assert_eq!(ended(sync(none)), (libc::ENOENT, WaitStatus::Exited(255)));
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
        let script = script(vec![Step::Sync(0), Step::BecomeRoot, shell("test \"$(id -u):$(id -g)\" = 0:0")]);
        let (child, channel) = match spawn(&of(&script, libc::CLONE_NEWUSER as u64)) {
            Err(error) => return println!("skipped: no user namespaces: {error}"),
            Ok(spawned) => spawned,
        };
        assert!(matches!(channel.next().unwrap(), Event::Reached(0)));
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        write_id_maps(child.pid(), &[(0, uid, 1)], &[(0, gid, 1)]).unwrap();
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
        let script = script(vec![
            Step::WaitForStart { socket: 0, first: 3, file: None },
            Step::Execute(program(&["/bin/true"])),
        ]);
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
}
