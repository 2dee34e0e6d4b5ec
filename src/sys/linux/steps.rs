//! Runs the steps of a script in a new process: system calls, and nothing that allocates or locks.

use std::ffi::{CStr, c_int, c_ulong, c_void};
use std::os::fd::RawFd;

use super::calls::{Outcome, check, hide, prctl, syscall};
use super::channel::{self, DETAIL_MAX, FAILED, LISTENER, MASTER, Message, REACHED, READY, WORD_MAX};
use super::copy_up::copy_entries;
use super::find;
use super::home::Home;
use super::hook;
use super::ids::{
    become_root, bounding, capabilities, close_but, identity, limit, loopback_up, make_file, streams, write_file,
};
use super::init;
use super::mounts_raw::{
    AT_RECURSIVE, MOUNT_ATTR_RDONLY, MOVE_MOUNT_F_EMPTY_PATH, MOVE_MOUNT_T_EMPTY_PATH, OPEN_TREE_CLOEXEC,
    OPEN_TREE_CLONE, mount, move_mount, open_tree, set_attributes, set_attributes_of,
};
use super::near::Near;
use super::place::{self, Place};
use super::script::{BindSource, Make, MountAttributes, Program, Script, Step, Target, or_null};
use super::seccomp;

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

/// The program that the script ends in.
fn script_program(script: &Script) -> Result<&Program, i32> {
    match script.steps().last() {
        Some(Step::Execute(program)) => Ok(program),
        _ => Err(libc::EINVAL),
    }
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
                Step::NewKeyring => {
                    const KEYCTL_JOIN_SESSION_KEYRING: c_int = 1;
                    let none = std::ptr::null::<libc::c_char>();
                    match syscall(libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, none)) {
                        // A kernel without keyrings, or a filter around us that shows none.
                        Err(libc::ENOSYS | libc::EPERM) => Ok(()),
                        made => made.map(drop),
                    }
                }
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
                Step::Hook { program, timeout } => self.hook(program, *timeout),
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

    #[allow(unsafe_code)]
    unsafe fn tell(&self, kind: u32, number: u32, fd: RawFd) -> Outcome {
        let message = Message { kind, number, errno: 0, detail_len: 0, detail: [0; DETAIL_MAX] };
        // SAFETY: called between clone and exec.
        unsafe { channel::send(self.channel, &message, fd) }
    }

    /// Asks again to end with the parent, if it shall, after a step that makes the kernel forget it: one that changes ids or
    /// capabilities.
    #[allow(unsafe_code)]
    unsafe fn stays_tied(&self, step: &Step) -> Outcome {
        let forgets = match step {
            Step::BecomeRoot { .. } | Step::Identity { .. } | Step::Capabilities { .. } => true,
            Step::Join { kind, .. } => *kind & libc::CLONE_NEWUSER as u64 != 0,
            _ => false,
        };
        match forgets && self.dies_with_parent {
            // SAFETY: as this function's own.
            true => unsafe { self.die_with_parent() },
            false => Ok(()),
        }
    }

    #[allow(unsafe_code)]
    unsafe fn die_with_parent(&self) -> Outcome {
        prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as c_ulong)?;
        // SAFETY: system calls on this process and its own buffer.
        unsafe {
            let mut byte = 0_u8;
            let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
            // The end of the channel: the parent went before it was asked to take this process along.
            match libc::recv(self.channel, (&raw mut byte).cast(), 1, flags) {
                0 => libc::_exit(255),
                _ => Ok(()),
            }
        }
    }

    #[allow(unsafe_code)]
    unsafe fn sync(&mut self, number: u32) -> Outcome {
        // SAFETY: called between clone and exec; the buffer is this walk's own.
        unsafe {
            self.tell(REACHED, number, -1)?;
            self.hear();
            Ok(())
        }
    }

    /// Waits for a word of the parent, and ends where it is gone.
    #[allow(unsafe_code)]
    unsafe fn hear(&mut self) {
        match channel::receive_bytes(self.channel, &mut self.word) {
            Ok((len, fd)) if len > 0 => {
                self.word_len = len;
                self.received = fd.map(Place::of);
            }
            // SAFETY: ends the process without running anything of its memory's owner.
            _ => unsafe { libc::_exit(255) },
        }
    }

    /// A hook that did not end with 0 is told of with its status, and the beginning of what it said.
    #[allow(unsafe_code)]
    fn hook(&mut self, program: &Program, timeout: Option<u32>) -> Outcome {
        let (status, said) = hook::run(program, &self.word[..self.word_len], timeout)?;
        if status == 0 {
            return Ok(());
        }
        let (front, rest) = self.detail.split_at_mut(size_of_val(&status));
        front.copy_from_slice(&status.to_ne_bytes());
        // SAFETY: a buffer as long as it is said to be.
        let len = unsafe { libc::pread(said.fd(), rest.as_mut_ptr().cast(), rest.len(), 0) };
        self.detail_len = front.len() + len.max(0) as usize;
        Err(libc::EPROTO)
    }

    #[allow(unsafe_code)]
    fn bind(
        &mut self,
        source: &BindSource,
        target: &Target,
        recursive: bool,
        [attributes, spread]: [&MountAttributes; 2],
    ) -> Outcome {
        let recursion = if recursive { AT_RECURSIVE } else { 0 };
        let flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursion;
        let tree = match source {
            BindSource::Path(path) => Place::of(open_tree(libc::AT_FDCWD, path, flags)?),
            // SAFETY: an open descriptor; the copy is this value's own.
            BindSource::Detached(mount) => Place::of(check(unsafe { libc::fcntl(*mount, libc::F_DUPFD_CLOEXEC, 3) })?),
            BindSource::Received => self.received.take().ok_or(libc::EBADF)?,
        };
        set_attributes(tree.fd(), attributes)?;
        let place = match target.make {
            Make::AsSource if tree.is_directory()? => place::make_directories(self.root, &target.path, 0o755).map(Some),
            Make::AsSource => place::make_file(self.root, &target.path).map(Some),
            _ => self.place(target),
        };
        let Some(place) = place? else { return Ok(()) };
        move_mount(tree.fd(), c"", place.fd(), c"", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)?;
        set_attributes(tree.fd(), spread)
    }

    fn read_only(&self, target: &Target) -> Outcome {
        let Some(place) = self.place(target)? else { return Ok(()) };
        let flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | libc::AT_EMPTY_PATH as u32;
        let tree = Place::of(open_tree(place.fd(), c"", flags)?);
        let read_only = MountAttributes { set: MOUNT_ATTR_RDONLY, recursive: true, ..MountAttributes::default() };
        set_attributes(tree.fd(), &read_only)?;
        move_mount(tree.fd(), c"", place.fd(), c"", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
    }

    #[allow(unsafe_code)]
    unsafe fn mask(&self, target: &Target, options: &CStr) -> Outcome {
        let Some(place) = self.place(target)? else { return Ok(()) };
        // SAFETY: descriptors that are open; literal texts.
        unsafe {
            if place.is_directory()? {
                check(libc::fchdir(place.fd()))?;
                let flags = libc::MS_RDONLY | libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
                let kind = c"tmpfs".as_ptr();
                return check(libc::mount(kind, c".".as_ptr(), kind, flags, options.as_ptr().cast())).map(drop);
            }
            let null = Place::of(open_tree(libc::AT_FDCWD, c"/dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)?);
            move_mount(null.fd(), c"", place.fd(), c"", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
        }
    }

    #[allow(unsafe_code)]
    unsafe fn make_node(&mut self, target: &CStr, mode: u32, device: u64, owner: (u32, u32)) -> Outcome {
        let (parent, name) = self.near.parent(self.root, target)?;
        // SAFETY: an open directory and a name that ends in NUL.
        unsafe {
            match place::with_exact_modes(|| check(libc::mknodat(parent.fd(), name.as_ptr(), mode, device))) {
                Err(libc::EEXIST) => {
                    // What the image has there stays if it is the device.
                    let mut stat: libc::stat = std::mem::zeroed();
                    check(libc::fstatat(parent.fd(), name.as_ptr(), &raw mut stat, libc::AT_SYMLINK_NOFOLLOW))?;
                    let is_it = stat.st_mode & libc::S_IFMT == mode & libc::S_IFMT && stat.st_rdev == device;
                    return if is_it { Ok(()) } else { Err(libc::EEXIST) };
                }
                made => made?,
            };
            if owner == (0, 0) {
                return Ok(());
            }
            let flags = libc::AT_SYMLINK_NOFOLLOW;
            check(libc::fchownat(parent.fd(), name.as_ptr(), owner.0, owner.1, flags)).map(drop)
        }
    }

    #[allow(unsafe_code)]
    unsafe fn make_link(&mut self, target: &CStr, link: &CStr) -> Outcome {
        let (parent, name) = self.near.parent(self.root, target)?;
        // SAFETY: an open directory and texts that end in NUL.
        match check(unsafe { libc::symlinkat(link.as_ptr(), parent.fd(), name.as_ptr()) }) {
            Err(libc::EEXIST) => Ok(()),
            made => made.map(drop),
        }
    }

    #[allow(unsafe_code)]
    unsafe fn terminal(&self, (rows, columns): (u16, u16), owner: u32, console: bool, plain: bool) -> Outcome {
        // SAFETY: system calls on descriptors that are open, and structures on this stack.
        unsafe {
            let master = Place::of(place::open_file(self.root, c"dev/pts/ptmx", libc::O_RDWR | libc::O_NOCTTY)?);
            let unlocked: c_int = 0;
            check(libc::ioctl(master.fd(), libc::TIOCSPTLCK, &raw const unlocked))?;
            // By descriptor: nothing that the container has put at the name can be opened instead.
            let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
            let slave = Place::of(check(libc::ioctl(master.fd(), libc::TIOCGPTPEER, flags))?);
            if rows > 0 && columns > 0 {
                let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
                check(libc::ioctl(master.fd(), libc::TIOCSWINSZ, &raw const size))?;
            }
            if plain {
                let mut settings: libc::termios = std::mem::zeroed();
                check(libc::tcgetattr(slave.fd(), &raw mut settings))?;
                settings.c_oflag &= !libc::ONLCR;
                check(libc::tcsetattr(slave.fd(), libc::TCSANOW, &raw const settings))?;
            }
            // Where the id is not of this user namespace the terminal stays root's, as Docker's does.
            libc::fchown(slave.fd(), owner, u32::MAX);
            self.tell(MASTER, 0, master.fd())?;
            // It fails where the process leads a session already, which is as well.
            libc::setsid();
            check(libc::ioctl(slave.fd(), libc::TIOCSCTTY, 0))?;
            if console {
                let mut number: c_int = 0;
                check(libc::ioctl(master.fd(), libc::TIOCGPTN, &raw mut number))?;
                let mut path = [0_u8; 32];
                place::write_number(&mut path, b"dev/pts/", number as u32);
                let path = CStr::from_bytes_until_nul(&path).map_err(|_| libc::EINVAL)?;
                let place = place::open_at(self.root, path)?;
                let flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | libc::AT_EMPTY_PATH as u32;
                let tree = Place::of(open_tree(place.fd(), c"", flags)?);
                let target = place::make_file(self.root, c"dev/console")?;
                let flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
                move_mount(tree.fd(), c"", target.fd(), c"", flags)?;
            }
            streams(&[slave.fd(); 3])
        }
    }

    #[allow(unsafe_code)]
    unsafe fn pivot(&self) -> Outcome {
        // SAFETY: system calls on the open root and literal texts.
        unsafe {
            let host = check(libc::open(c"/".as_ptr(), libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC))?;
            let host = Place::of(host);
            check(libc::fchdir(self.root))?;
            syscall(libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()))?;
            // The host's tree lies on top of the root now; leaving it must not reach the host.
            check(libc::fchdir(host.fd()))?;
            let none = std::ptr::null();
            let flags = libc::MS_SLAVE | libc::MS_REC;
            check(libc::mount(none, c".".as_ptr(), none, flags, std::ptr::null::<c_void>()))?;
            check(libc::umount2(c".".as_ptr(), libc::MNT_DETACH))?;
            check(libc::chdir(c"/".as_ptr())).map(drop)
        }
    }

    #[allow(unsafe_code)]
    unsafe fn working_directory(&mut self, path: &CStr, must: bool) -> Outcome {
        if self.in_directory {
            return Ok(());
        }
        // SAFETY: texts of the script.
        unsafe {
            let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC;
            let entered = find::open_plain(path, flags)
                .map(Place::of)
                .and_then(|directory| check(libc::fchdir(directory.fd())).map(drop));
            self.in_directory = entered.is_ok();
            if must { entered } else { Ok(()) }
        }
    }

    #[allow(unsafe_code)]
    unsafe fn wait_for_start(&mut self, socket: RawFd, first: u32, file: Option<RawFd>) -> Outcome {
        // SAFETY: descriptors that are open, and others that nothing needs any more.
        unsafe {
            self.root = -1;
            let file = file.or(self.found.as_ref().map(find::Found::fd));
            close_but(first, [self.channel, socket, file.unwrap_or(socket)])?;
            for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
                libc::signal(signal, ended_by as extern "C" fn(c_int) as libc::sighandler_t);
            }
            self.tell(READY, 0, -1)?;
            self.hear();
            libc::close(self.channel);
            self.channel = -1;
            let connection = loop {
                match check(libc::accept4(socket, std::ptr::null_mut(), std::ptr::null_mut(), libc::SOCK_CLOEXEC)) {
                    Err(libc::EINTR | libc::ECONNABORTED) => {}
                    connection => break connection?,
                }
            };
            libc::close(socket);
            self.channel = connection;
            // Who connects sends the state that hooks read.
            let len = libc::recv(connection, self.word.as_mut_ptr().cast(), WORD_MAX, 0);
            self.word_len = len.max(0) as usize;
            Ok(())
        }
    }

    #[allow(unsafe_code)]
    unsafe fn execute(&mut self, program: &Program) -> Outcome {
        // SAFETY: the program's lists end in null, and it lives until the process is another.
        unsafe {
            let found = match self.found.take() {
                Some(found) => found,
                None => self.find(program)?,
            };
            if let Some(home) = &self.home {
                program.add_variable(home.as_ptr());
            }
            let errno = find::execute(&found, program);
            if matches!(errno, libc::ENOEXEC | libc::ENOENT) {
                self.tell_beginning(&found);
            }
            Err(errno)
        }
    }

    fn find(&mut self, program: &Program) -> Result<find::Found, i32> {
        let mut found = find::find(program)?;
        match found.check_interpreter(program) {
            Ok(()) => Ok(found),
            Err(errno) => {
                self.tell_beginning(&found);
                Err(errno)
            }
        }
    }

    /// What is wrong with a program that is there is seen from how it begins.
    #[allow(unsafe_code)]
    fn tell_beginning(&mut self, found: &find::Found) {
        // SAFETY: a buffer as long as it is said to be.
        let len = unsafe { libc::pread(found.fd_for_reading(), self.detail.as_mut_ptr().cast(), DETAIL_MAX, 0) };
        self.detail_len = len.max(0) as usize;
    }
}

/// The mount that `/` is now.
fn set_root(read_only: bool, propagation: u64) -> Outcome {
    if propagation != 0 {
        set_attributes_of(c"/", &MountAttributes { propagation, ..MountAttributes::default() })?;
    }
    if read_only {
        let attributes = MountAttributes { set: MOUNT_ATTR_RDONLY, ..MountAttributes::default() };
        set_attributes_of(c"/", &attributes)?;
    }
    Ok(())
}

/// Ends a process that waits: as the first one of its namespace it would not be ended by signals that it has no handler for.
extern "C" fn ended_by(signal: c_int) {
    // SAFETY: ends the process without running anything of its memory's owner.
    #[allow(unsafe_code)]
    unsafe {
        libc::_exit(128 + signal)
    }
}
