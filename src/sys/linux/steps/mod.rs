//! Runs the steps of a script in a new process: system calls, and nothing that allocates or locks.

mod parent;
mod program;
mod terminal;
mod tree;

use std::ffi::c_int;
use std::os::fd::RawFd;

use super::calls::{Outcome, check, hide, prctl, syscall};
use super::channel::{self, DETAIL_MAX, FAILED, LISTENER, Message, WORD_MAX};
use super::copy_up::copy_entries;
use super::find;
use super::home::Home;
use super::ids::{
    become_root, bounding, capabilities, identity, join_keyring, limit, loopback_up, make_file, streams, write_file,
};
use super::init;
use super::mounts_raw::{MOVE_MOUNT_F_EMPTY_PATH, mount, move_mount, set_attributes};
use super::near::Near;
use super::place::{self, Place};
use super::script::{Make, Script, Step, Target, or_null};
use super::seccomp;
use program::script_program;
use tree::set_root;

/// The state of a process on its way through a script.
pub(super) struct Walk {
    /// The way to whoever hears of failures.
    channel: RawFd,
    /// The container's root.
    root: RawFd,
    /// What was reached in it last.
    near: Near,
    /// What the parent said last.
    word: [u8; WORD_MAX],
    word_len: usize,
    /// The mount that came with it.
    received: Option<Place>,
    /// What is told beside an errno.
    detail: [u8; DETAIL_MAX],
    detail_len: usize,
    /// Whether it ends with its parent.
    dies_with_parent: bool,
    /// Whether the working directory is the one that was asked for.
    in_directory: bool,
    /// A variable that the program gets, too.
    home: Option<Home>,
    /// The program that was found.
    found: Option<find::Found>,
}

/// Goes through the script and ends in the program, or in `_exit` when a step failed and the failure was told.
///
/// # Safety
///
/// Called in a new process with a memory of its own, by its only thread.
#[allow(unsafe_code)]
pub(super) unsafe fn run(script: &Script, channel: RawFd, walk: &mut Walk) -> ! {
    walk.channel = channel;
    for (number, step) in script.steps().iter().enumerate() {
        // SAFETY: as this function's own.
        if let Err(errno) = unsafe { walk.step(script, step).and_then(|()| walk.stays_tied(step)) }
            && !script.is_optional(number)
        {
            let message = Message {
                kind: FAILED,
                number: number as u32,
                errno,
                detail_len: walk.detail_len as u32,
                detail: walk.detail,
            };
            // SAFETY: as this function's own. That the parent is gone is no further failure.
            let _ = unsafe { channel::send(walk.channel, &message, -1) };
            break;
        }
    }
    // SAFETY: ends the process without running anything of its memory's owner.
    unsafe { libc::_exit(255) }
}

impl Walk {
    /// A walk that has not begun, made before the clone: its buffers are large.
    pub(super) fn new() -> Box<Walk> {
        Box::new(Walk {
            channel: -1,
            root: -1,
            near: Near::new(),
            word: [0; WORD_MAX],
            word_len: 0,
            received: None,
            detail: [0; DETAIL_MAX],
            detail_len: 0,
            dies_with_parent: false,
            in_directory: false,
            home: None,
            found: None,
        })
    }

    #[allow(unsafe_code)]
    unsafe fn step(&mut self, script: &Script, step: &Step) -> Outcome {
        let is_beside_others = match step {
            Step::MakeNode { .. } | Step::MakeLink { .. } => true,
            Step::MountAt { target, .. } => target.make == Make::Directory,
            _ => false,
        };
        if !is_beside_others {
            self.near.forget();
        }
        // SAFETY: every call is a system call on texts and structures that the script owns or that live on this stack.
        unsafe {
            match step {
                Step::DieWithParent => {
                    self.dies_with_parent = true;
                    self.die_with_parent()
                }
                Step::Sync(number) => self.sync(*number),
                Step::Hear => {
                    self.hear();
                    Ok(())
                }
                Step::BecomeRoot { keeps_groups } => become_root(*keeps_groups),
                Step::Join { namespace, kind } => {
                    if *kind & libc::CLONE_NEWUSER as u64 != 0 {
                        // Its root may look into all that run there.
                        hide()?;
                    }
                    check(libc::setns(*namespace, *kind as c_int)).map(drop)
                }
                Step::Unshare(flags) => check(libc::unshare(*flags as c_int)).map(drop),
                Step::NewSession => check(libc::setsid()).map(drop),
                Step::JoinKeyring(name) => join_keyring(name),
                Step::Write { path, text } => write_file(path, text),
                Step::MakeFile { path, text, mode } => make_file(path, text, *mode),
                Step::Mount { source, target, kind, flags, data } => mount(source, target, kind, *flags, data),
                Step::Attach { mount, target } => {
                    move_mount(*mount, c"", libc::AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH)
                }
                Step::OpenRoot(path) => {
                    self.root = check(libc::open(path.as_ptr(), libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC))?;
                    Ok(())
                }
                Step::MountAt { source, target, kind, flags, data, copy_up, keep_mode } => {
                    let was_there = *keep_mode && place::open_at(self.root, &target.path).is_ok();
                    let place = match target.make {
                        Make::Directory => self.near.directory(self.root, &target.path).map(Some),
                        _ => self.place(target),
                    };
                    let Some(place) = place? else { return Ok(()) };
                    check(libc::fchdir(place.fd()))?;
                    let (source, kind, data) = (or_null(source), kind.as_ptr(), or_null(data).cast());
                    check(libc::mount(source, c".".as_ptr(), kind, *flags as _, data))?;
                    if !*copy_up && !was_there {
                        return Ok(());
                    }
                    // By its descriptor the target is what was there before, by its path what is there now.
                    let Some(new) = self.place(target)? else { return Ok(()) };
                    if was_there {
                        check(libc::fchdir(new.fd()))?;
                        let mode = place.stat()?.st_mode & 0o7777;
                        check(libc::fchmodat(libc::AT_FDCWD, c".".as_ptr(), mode, 0))?;
                    }
                    if *copy_up { copy_entries(place.fd(), new.fd()) } else { Ok(()) }
                }
                Step::Bind { source, target, recursive, attributes, spread } => {
                    self.bind(source, target, *recursive, [attributes, spread])
                }
                Step::SetMount { target, attributes } => {
                    let Some(place) = self.place(target)? else { return Ok(()) };
                    set_attributes(place.fd(), attributes)
                }
                Step::ReadOnly(target) => self.read_only(target),
                Step::Mask { target, options } => self.mask(target, options),
                Step::Label { target, label } => {
                    let Some(place) = self.place(target)? else { return Ok(()) };
                    check(libc::fchdir(place.fd()))?;
                    let value = label.to_bytes();
                    let name = c"security.selinux".as_ptr();
                    check(libc::setxattr(c".".as_ptr(), name, value.as_ptr().cast(), value.len(), 0)).map(drop)
                }
                Step::MakeNode { target, mode, device, owner } => self.make_node(target, *mode, *device, *owner),
                Step::MakeLink { target, link } => self.make_link(target, link),
                Step::MakeDirectory { target, mode } => place::make_directories(self.root, target, *mode).map(drop),
                Step::Hook { program, timeout, has_home } => self.hook(program, *timeout, *has_home),
                Step::Terminal { rows, columns, owner, console, plain } => {
                    self.terminal((*rows, *columns), *owner, *console, *plain)
                }
                Step::Streams(fds) => streams(fds),
                Step::PivotRoot { read_only, propagation } => {
                    self.pivot()?;
                    set_root(*read_only, *propagation)
                }
                Step::MoveRoot { read_only, propagation } => {
                    check(libc::fchdir(self.root))?;
                    let none = std::ptr::null();
                    check(libc::mount(c".".as_ptr(), c"/".as_ptr(), none, libc::MS_MOVE, none.cast()))?;
                    check(libc::chroot(c".".as_ptr()))?;
                    check(libc::chdir(c"/".as_ptr()))?;
                    set_root(*read_only, *propagation)
                }
                Step::Unmount(path) => check(libc::umount2(path.as_ptr(), libc::MNT_DETACH)).map(drop),
                Step::WorkInRoot => check(libc::fchdir(self.root)).map(drop),
                Step::HostName(name) => check(libc::sethostname(name.as_ptr(), name.to_bytes().len())).map(drop),
                Step::DomainName(name) => check(libc::setdomainname(name.as_ptr(), name.to_bytes().len())).map(drop),
                Step::LoopbackUp => loopback_up(),
                Step::Limit { resource, soft, hard } => limit(*resource, *soft, *hard),
                Step::Umask(mask) => {
                    libc::umask(*mask);
                    Ok(())
                }
                Step::Personality(domain) => check(libc::personality(*domain)).map(drop),
                Step::IoPriority(priority) => {
                    const IOPRIO_WHO_PROCESS: c_int = 1;
                    syscall(libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, *priority)).map(drop)
                }
                Step::Scheduler(attributes) => {
                    syscall(libc::syscall(libc::SYS_sched_setattr, 0, attributes.as_ptr(), 0)).map(drop)
                }
                Step::Bounding(kept) => bounding(*kept),
                Step::Identity { uid, gid, groups } => identity(*uid, *gid, groups.as_deref()),
                Step::Capabilities { effective, permitted, inheritable, ambient } => {
                    capabilities(*effective, *permitted, *inheritable, *ambient)
                }
                Step::NoNewPrivileges => prctl(libc::PR_SET_NO_NEW_PRIVS, 1).map(drop),
                Step::Filter { program, flags, notify } => {
                    if *notify {
                        hide()?;
                    }
                    let listener = seccomp::load(program.as_ptr(), program.len() as u16, *flags)?;
                    match *notify {
                        true => self.tell(LISTENER, 0, Place::of(listener).fd()),
                        false => Ok(()),
                    }
                }
                Step::WorkingDirectory { path, must } => self.working_directory(path, *must),
                Step::CloseFrom(first) => {
                    syscall(libc::syscall(libc::SYS_close_range, *first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC)).map(drop)
                }
                Step::FindHome(uid) => {
                    self.home = Some(Home::of(c"/etc/passwd", *uid));
                    Ok(())
                }
                Step::FindProgram => {
                    self.found = Some(self.find(script_program(script)?)?);
                    Ok(())
                }
                Step::ChangeRoot => {
                    check(libc::fchdir(self.root))?;
                    check(libc::chroot(c".".as_ptr()))?;
                    check(libc::chdir(c"/".as_ptr())).map(drop)
                }
                Step::WaitForStart { socket, first, file } => self.wait_for_start(*socket, *first, *file),
                Step::Init => init::fork_off(),
                Step::Execute(program) => self.execute(program),
                Step::ExecuteOpen { file, program } => find::execute_open(*file, program).map(drop),
            }
        }
    }

    fn place(&self, target: &Target) -> Result<Option<Place>, i32> {
        match place::open(self.root, target) {
            Err(libc::ENOENT | libc::ENOTDIR) if target.make == Make::Skip => Ok(None),
            place => place.map(Some),
        }
    }
}
