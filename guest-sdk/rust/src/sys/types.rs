//! What the calls of [`crate::sys`] take and return.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::ops::{BitAnd, BitOr, BitOrAssign, Not};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The number of a process, or of a group of them.
pub type Pid = i32;

/// The number of an open descriptor.
pub type Fd = i32;

/// Stands for the working directory wherever a directory is taken.
#[cfg(target_os = "wasi")]
pub const AT_FDCWD: Fd = -100;
/// Stands for the working directory wherever a directory is taken.
#[cfg(unix)]
pub const AT_FDCWD: Fd = libc::AT_FDCWD;

/// What can be a path, a name or an argument: bytes, text, and what std calls paths.
pub trait Bytes {
    /// The bytes of it.
    fn bytes(&self) -> &[u8];
}

macro_rules! bytes {
    ($($kind:ty: |$value:ident| $bytes:expr,)*) => {
        $(impl Bytes for $kind {
            fn bytes(&self) -> &[u8] {
                let $value = self;
                $bytes
            }
        })*
    };
}

bytes! {
    [u8]: |value| value,
    Vec<u8>: |value| value,
    str: |value| value.as_bytes(),
    String: |value| value.as_bytes(),
    OsStr: |value| value.as_encoded_bytes(),
    OsString: |value| value.as_encoded_bytes(),
    Path: |value| value.as_os_str().as_encoded_bytes(),
    PathBuf: |value| value.as_os_str().as_encoded_bytes(),
    CStr: |value| value.to_bytes(),
    CString: |value| value.to_bytes(),
}

impl<const N: usize> Bytes for [u8; N] {
    fn bytes(&self) -> &[u8] {
        self
    }
}

impl<T: Bytes + ?Sized> Bytes for &T {
    fn bytes(&self) -> &[u8] {
        (**self).bytes()
    }
}

impl<T: Bytes + ?Sized> Bytes for &mut T {
    fn bytes(&self) -> &[u8] {
        (**self).bytes()
    }
}

impl Bytes for std::borrow::Cow<'_, [u8]> {
    fn bytes(&self) -> &[u8] {
        self
    }
}

impl Bytes for std::borrow::Cow<'_, str> {
    fn bytes(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Bytes for std::borrow::Cow<'_, OsStr> {
    fn bytes(&self) -> &[u8] {
        self.as_encoded_bytes()
    }
}

macro_rules! flags {
    ($(#[$doc:meta])* $kind:ident { $($(#[$item:meta])* $name:ident = $value:expr;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Default, Hash, Debug)]
        pub struct $kind(pub u32);

        impl $kind {
            $($(#[$item])* pub const $name: $kind = $kind($value);)*

            /// None of them.
            pub const fn empty() -> $kind {
                $kind(0)
            }

            /// Whether all of `other` are in it.
            pub const fn contains(self, other: $kind) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether some of `other` are in it.
            pub const fn intersects(self, other: $kind) -> bool {
                self.0 & other.0 != 0
            }

            /// These and those of `other`, where a constant is needed.
            pub const fn union(self, other: $kind) -> $kind {
                $kind(self.0 | other.0)
            }
        }

        impl BitOr for $kind {
            type Output = $kind;
            fn bitor(self, other: $kind) -> $kind {
                $kind(self.0 | other.0)
            }
        }

        impl BitOrAssign for $kind {
            fn bitor_assign(&mut self, other: $kind) {
                self.0 |= other.0;
            }
        }

        impl BitAnd for $kind {
            type Output = $kind;
            fn bitand(self, other: $kind) -> $kind {
                $kind(self.0 & other.0)
            }
        }

        impl Not for $kind {
            type Output = $kind;
            fn not(self) -> $kind {
                $kind(!self.0)
            }
        }
    };
}

flags! {
    /// How a file is opened, numbered as on Linux (asm-generic) on every system. Reading is the absence of writing.
    OpenFlags {
        /// To read.
        RDONLY = 0;
        /// To write.
        WRONLY = 1;
        /// To read and to write.
        RDWR = 2;
        /// The bits that tell the three above apart.
        ACCMODE = 3;
        /// Makes the file where there is none.
        CREAT = 0o100;
        /// With `CREAT`: there must be none.
        EXCL = 0o200;
        /// A terminal does not become the controlling one.
        NOCTTY = 0o400;
        /// Empties the file.
        TRUNC = 0o1000;
        /// Writes at the end.
        APPEND = 0o2000;
        /// Fails with `EAGAIN` instead of waiting.
        NONBLOCK = 0o4000;
        /// Has to be a directory.
        DIRECTORY = 0o200_000;
        /// Must not be a symbolic link.
        NOFOLLOW = 0o400_000;
        /// Closed on exec.
        CLOEXEC = 0o2_000_000;
    }
}

flags! {
    /// How to wait for a child.
    WaitOptions {
        /// Returns at once where none has changed its state.
        NOHANG = 1;
        /// Also tells of stopped children.
        UNTRACED = 2;
        /// Also tells of continued children.
        CONTINUED = 8;
    }
}

flags! {
    /// What makes a descriptor ready, for [`crate::sys::poll`].
    PollEvents {
        /// Something can be read, or the end was reached.
        IN = 1;
        /// Something can be written.
        OUT = 4;
        /// An error; always reported.
        ERR = 8;
        /// The other end is gone; always reported.
        HUP = 16;
        /// Not open; always reported.
        NVAL = 32;
    }
}

flags! {
    /// What is asked for by [`crate::sys::access`]. None of them asks whether the file is there.
    Access {
        /// Execute, or search.
        EXECUTE = 1;
        /// Write.
        WRITE = 2;
        /// Read.
        READ = 4;
    }
}

flags! {
    /// How [`crate::sys::rename`] treats a target that is there.
    RenameFlags {
        /// Fails with `EEXIST`.
        NOREPLACE = 1;
        /// Exchanges the two.
        EXCHANGE = 2;
    }
}

flags! {
    /// How a lock on a file is taken.
    LockOperation {
        /// Along with others who share it.
        SHARED = 1;
        /// Alone.
        EXCLUSIVE = 2;
        /// Fails with `EAGAIN` instead of waiting.
        NONBLOCK = 4;
        /// Gives it back.
        UNLOCK = 8;
    }
}

flags! {
    /// How a signal is handled, numbered as on Linux.
    SigFlags {
        /// Stopped children are no news.
        NOCLDSTOP = 1;
        /// Children leave nothing to wait for.
        NOCLDWAIT = 2;
        /// Calls go on after the handler instead of failing with `EINTR`.
        RESTART = 0x1000_0000;
        /// The signal is not blocked while its handler runs.
        NODEFER = 0x4000_0000;
        /// The default comes back when the handler is called.
        RESETHAND = 0x8000_0000;
    }
}

/// A set of signals: bit n-1 for signal n.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash, Debug)]
pub struct SigSet(pub u64);

impl SigSet {
    /// No signal.
    pub const EMPTY: SigSet = SigSet(0);
    /// Every signal.
    pub const ALL: SigSet = SigSet(u64::MAX);

    /// The set of one signal.
    pub const fn of(signal: i32) -> SigSet {
        SigSet(1 << (signal - 1))
    }

    /// This set and `signal`.
    pub const fn with(self, signal: i32) -> SigSet {
        SigSet(self.0 | 1 << (signal - 1))
    }

    /// This set but for `signal`.
    pub const fn without(self, signal: i32) -> SigSet {
        SigSet(self.0 & !(1 << (signal - 1)))
    }

    /// Whether `signal` is in it.
    pub const fn contains(self, signal: i32) -> bool {
        self.0 & 1 << (signal - 1) != 0
    }

    /// Its signals, the lowest first.
    pub fn iter(self) -> impl Iterator<Item = i32> {
        (1..=64).filter(move |signal| self.contains(*signal))
    }
}

impl FromIterator<i32> for SigSet {
    fn from_iter<I: IntoIterator<Item = i32>>(signals: I) -> SigSet {
        signals.into_iter().fold(SigSet::EMPTY, SigSet::with)
    }
}

/// How the mask of blocked signals changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MaskHow {
    /// Blocks these too.
    Block,
    /// Blocks these no longer.
    Unblock,
    /// Blocks exactly these.
    Set,
}

/// What a signal does.
#[derive(Clone, Copy, Debug)]
pub enum Disposition {
    /// What it does where nothing was said: mostly it ends the process.
    Default,
    /// Nothing.
    Ignore,
    /// Calls a function with its number, on the way back from a system call.
    Handler(fn(i32)),
}

impl Disposition {
    /// Whether it is the default.
    pub const fn is_default(&self) -> bool {
        matches!(self, Disposition::Default)
    }

    /// Whether the signal is ignored.
    pub const fn is_ignored(&self) -> bool {
        matches!(self, Disposition::Ignore)
    }
}

/// What a signal does, how, and what is blocked meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct SigAction {
    /// What it does.
    pub disposition: Disposition,
    /// How.
    pub flags: SigFlags,
    /// Blocked while a handler runs, beside the signal itself.
    pub mask: SigSet,
}

impl From<Disposition> for SigAction {
    fn from(disposition: Disposition) -> SigAction {
        SigAction { disposition, flags: SigFlags::empty(), mask: SigSet::EMPTY }
    }
}

/// What is done in a new process before its program starts, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Closes it. That it is not open is no error.
    Close(Fd),
    /// Makes `to` a copy of `from` that is kept on exec, also where both are the same.
    Dup2 {
        /// The source.
        from: Fd,
        /// What becomes the copy.
        to: Fd,
    },
    /// Opens a file.
    Open {
        /// As this descriptor.
        fd: Fd,
        /// Seen from the child's working directory.
        path: Vec<u8>,
        /// How.
        flags: OpenFlags,
        /// The mode of a new file.
        mode: u32,
    },
    /// Changes the working directory.
    Chdir(Vec<u8>),
    /// Changes the working directory to an open one.
    Fchdir(Fd),
    /// Closes this one and all above.
    CloseFrom(Fd),
    /// Makes the child's group the foreground group of this terminal.
    SetForeground(Fd),
}

/// A new process: the program, and what is different from the caller.
#[derive(Clone, Default, Debug)]
pub struct Spawn {
    /// The program's file.
    pub path: Vec<u8>,
    /// The arguments, the program's name first.
    pub argv: Vec<Vec<u8>>,
    /// The environment as `NAME=value`; the caller's where it is none.
    pub env: Option<Vec<Vec<u8>>>,
    /// What is done in the child first.
    pub actions: Vec<Action>,
    /// The process group: 0 makes one of its own.
    pub pgroup: Option<Pid>,
    /// Makes a session of its own.
    pub setsid: bool,
    /// The blocked signals.
    pub sigmask: Option<SigSet>,
    /// Signals that do what is their default.
    pub sigdefault: Option<SigSet>,
    /// Directories separated by `:` in which a `path` without `/` is looked up.
    pub search: Option<Vec<u8>>,
    /// The file mode creation mask.
    pub umask: Option<u32>,
}

impl Spawn {
    /// The program in the file `path`, called by that name.
    pub fn new(path: impl Bytes) -> Spawn {
        Spawn { path: path.bytes().to_vec(), argv: vec![path.bytes().to_vec()], ..Spawn::default() }
    }

    /// Adds an argument.
    pub fn arg(&mut self, argument: impl Bytes) -> &mut Spawn {
        self.argv.push(argument.bytes().to_vec());
        self
    }
}

/// How a process ended, or what became of it: a number as in Linux' `<sys/wait.h>`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Status(pub i32);

impl Status {
    /// A process that left with `code`.
    pub const fn from_code(code: i32) -> Status {
        Status((code & 0xff) << 8)
    }

    /// The code it left with, where it did.
    pub const fn code(self) -> Option<i32> {
        if self.0 & 0x7f == 0 { Some(self.0 >> 8 & 0xff) } else { None }
    }

    /// The signal that ended it.
    pub const fn signal(self) -> Option<i32> {
        let signal = self.0 & 0x7f;
        if signal != 0 && signal != 0x7f { Some(signal) } else { None }
    }

    /// Whether a core dump was made.
    pub const fn core_dumped(self) -> bool {
        self.signal().is_some() && self.0 & 0x80 != 0
    }

    /// The signal that stopped it.
    pub const fn stopped(self) -> Option<i32> {
        if self.0 & 0xff == 0x7f { Some(self.0 >> 8 & 0xff) } else { None }
    }

    /// Whether it goes on after having been stopped.
    pub const fn continued(self) -> bool {
        self.0 == 0xffff
    }

    /// What a shell puts into `$?`: the code, or 128 and the signal.
    pub const fn shell_code(self) -> i32 {
        if let Some(code) = self.code() {
            code
        } else if let Some(signal) = self.signal() {
            128 + signal
        } else if let Some(signal) = self.stopped() {
            128 + signal
        } else {
            0
        }
    }
}

/// What a process used.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Usage {
    /// Time in its own code.
    pub user: Duration,
    /// Time in system calls.
    pub system: Duration,
    /// The most memory it had, in bytes.
    pub max_memory: u64,
}

/// A child whose state changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waited {
    /// Which.
    pub pid: Pid,
    /// What became of it.
    pub status: Status,
    /// What it used.
    pub usage: Usage,
}

/// Where a process belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProcessInfo {
    /// Its number.
    pub pid: Pid,
    /// Its parent's.
    pub ppid: Pid,
    /// Its group's.
    pub pgid: Pid,
    /// Its session's.
    pub sid: Pid,
}

/// What a process and its waited-for children used.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Times {
    /// Time in its own code.
    pub user: Duration,
    /// Time in system calls.
    pub system: Duration,
    /// The same of its children.
    pub children_user: Duration,
    /// The same of its children.
    pub children_system: Duration,
}

/// A point in time since 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Debug)]
pub struct Time {
    /// Seconds.
    pub sec: i64,
    /// Nanoseconds, less than 1,000,000,000.
    pub nsec: u32,
}

/// All that is known of a file.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[allow(missing_docs, reason = "the names are those of stat(2)")]
pub struct Stat {
    pub dev: u64,
    pub ino: u64,
    /// With the file type.
    pub mode: u32,
    pub nlink: u64,
    pub uid: u32,
    pub gid: u32,
    pub rdev_major: u32,
    pub rdev_minor: u32,
    pub size: u64,
    /// Of 512 bytes.
    pub blocks: u64,
    pub block_size: u32,
    pub atime: Time,
    pub mtime: Time,
    pub ctime: Time,
}

/// The bits of a mode that hold the file type.
pub const S_IFMT: u32 = 0o170_000;
/// A socket.
pub const S_IFSOCK: u32 = 0o140_000;
/// A symbolic link.
pub const S_IFLNK: u32 = 0o120_000;
/// A regular file.
pub const S_IFREG: u32 = 0o100_000;
/// A block device.
pub const S_IFBLK: u32 = 0o060_000;
/// A directory.
pub const S_IFDIR: u32 = 0o040_000;
/// A character device.
pub const S_IFCHR: u32 = 0o020_000;
/// A fifo.
pub const S_IFIFO: u32 = 0o010_000;

impl Stat {
    /// The type's bits of the mode.
    pub const fn file_type(&self) -> u32 {
        self.mode & S_IFMT
    }

    /// Whether it is a directory.
    pub const fn is_dir(&self) -> bool {
        self.file_type() == S_IFDIR
    }

    /// Whether it is a regular file.
    pub const fn is_file(&self) -> bool {
        self.file_type() == S_IFREG
    }

    /// Whether it is a symbolic link.
    pub const fn is_symlink(&self) -> bool {
        self.file_type() == S_IFLNK
    }

    /// Whether both are the same file.
    pub const fn is_same_file(&self, other: &Stat) -> bool {
        self.dev == other.dev && self.ino == other.ino
    }
}

/// What a file system holds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct StatFs {
    /// Bytes in all.
    pub bytes: u64,
    /// Bytes that are free.
    pub bytes_free: u64,
    /// Inodes in all.
    pub inodes: u64,
    /// Inodes that are free.
    pub inodes_free: u64,
    /// The longest name.
    pub name_max: u64,
}

/// One descriptor of [`crate::sys::poll`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PollFd {
    /// Which; a negative one is passed over.
    pub fd: Fd,
    /// What is waited for.
    pub events: PollEvents,
    /// What is the case.
    pub revents: PollEvents,
}

impl PollFd {
    /// `fd`, waiting for `events`.
    pub const fn new(fd: Fd, events: PollEvents) -> PollFd {
        PollFd { fd, events, revents: PollEvents(0) }
    }
}

/// A terminal's size.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub struct WinSize {
    pub rows: u16,
    pub columns: u16,
    pub width_pixels: u16,
    pub height_pixels: u16,
}

/// When a terminal's new settings begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetWhen {
    /// Now.
    Now,
    /// When all was written.
    Drain,
    /// When all was written, and what was not read is thrown away.
    Flush,
}

/// What [`crate::sys::tcflush`] throws away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlushQueue {
    /// What was typed and not read.
    Input,
    /// What was written and not shown.
    Output,
    /// Both.
    Both,
}

/// The settings of a terminal. The constants for them are in [`crate::term::flag`], and of the running system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are those of termios(3)")]
pub struct Termios {
    pub iflag: u32,
    pub oflag: u32,
    pub cflag: u32,
    pub lflag: u32,
    pub line: u8,
    pub cc: [u8; 19],
    pub ispeed: u32,
    pub ospeed: u32,
}

impl Termios {
    /// What cfmakeraw(3) makes of it: no echo, no lines, no signals, bytes as they are.
    pub fn raw(mut self) -> Termios {
        use crate::term::flag as f;
        self.iflag &= !(f::IGNBRK | f::BRKINT | f::PARMRK | f::ISTRIP | f::INLCR | f::IGNCR | f::ICRNL | f::IXON);
        self.oflag &= !f::OPOST;
        self.lflag &= !(f::ECHO | f::ECHONL | f::ICANON | f::ISIG | f::IEXTEN);
        self.cflag &= !(f::CSIZE | f::PARENB);
        self.cflag |= f::CS8;
        self.cc[f::VMIN] = 1;
        self.cc[f::VTIME] = 0;
        self
    }
}

/// A limit of the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit {
    /// What counts. `u64::MAX` is none.
    pub soft: u64,
    /// How far it can be raised.
    pub hard: u64,
}

/// What is limited, numbered as on Linux.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are those of setrlimit(2)")]
pub enum Resource {
    Cpu = 0,
    FileSize = 1,
    Data = 2,
    Stack = 3,
    Core = 4,
    Rss = 5,
    Processes = 6,
    Files = 7,
    MemLock = 8,
    AddressSpace = 9,
}

/// The users and groups of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Credentials {
    pub uid: u32,
    pub euid: u32,
    pub suid: u32,
    pub gid: u32,
    pub egid: u32,
    pub sgid: u32,
}

/// The machine, as far as a container sees it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SysInfo {
    /// How many processors.
    pub processors: u32,
    /// Bytes in a page of memory.
    pub page_size: u32,
    /// Bytes of memory.
    pub memory_total: u64,
    /// Bytes of it that are free.
    pub memory_free: u64,
    /// Since it was started.
    pub uptime: Duration,
}
