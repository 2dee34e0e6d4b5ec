//! `Errno`: why a file operation failed, in the words of POSIX.

use std::fmt;
use std::io;

/// A POSIX error, numbered as on Linux. The only error type of [`vfs`](crate::vfs).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
#[non_exhaustive]
pub enum Errno {
    /// Operation not permitted.
    Perm = 1,
    /// No such file or directory.
    NoEnt = 2,
    /// No such process.
    Srch = 3,
    /// Interrupted: the guest is being stopped, or a signal arrived.
    Intr = 4,
    /// Input/output error: the host's file system, or damaged data of ours.
    Io = 5,
    /// No such device or address.
    Nxio = 6,
    /// Argument list too long.
    TooBig = 7,
    /// Exec format error.
    NoExec = 8,
    /// Bad file descriptor.
    BadF = 9,
    /// No child processes.
    Child = 10,
    /// Resource temporarily unavailable.
    Again = 11,
    /// Cannot allocate memory.
    NoMem = 12,
    /// Permission denied.
    Access = 13,
    /// Bad address.
    Fault = 14,
    /// Device or resource busy.
    Busy = 16,
    /// File exists.
    Exist = 17,
    /// Invalid cross-device link.
    XDev = 18,
    /// No such device.
    NoDev = 19,
    /// Not a directory.
    NotDir = 20,
    /// Is a directory.
    IsDir = 21,
    /// Invalid argument.
    Inval = 22,
    /// Too many open files in the system.
    NFile = 23,
    /// Too many open files.
    MFile = 24,
    /// Inappropriate ioctl for device.
    NotTty = 25,
    /// Text file busy.
    TxtBsy = 26,
    /// File too large.
    FBig = 27,
    /// No space left on device.
    NoSpc = 28,
    /// Illegal seek.
    SPipe = 29,
    /// Read-only file system.
    RoFs = 30,
    /// Too many links.
    MLink = 31,
    /// Broken pipe.
    Pipe = 32,
    /// Numerical argument out of domain.
    Dom = 33,
    /// Numerical result out of range.
    Range = 34,
    /// File name too long.
    NameTooLong = 36,
    /// Function not implemented.
    NoSys = 38,
    /// Directory not empty.
    NotEmpty = 39,
    /// Too many levels of symbolic links.
    Loop = 40,
    /// No data available: an extended attribute that is not there.
    NoData = 61,
    /// Value too large for defined data type.
    Overflow = 75,
    /// Illegal byte sequence.
    IlSeq = 84,
    /// Socket operation on non-socket.
    NotSock = 88,
    /// Operation not supported.
    NotSup = 95,
    /// Connection timed out.
    TimedOut = 110,
    /// Disk quota exceeded: the container's own limit.
    DQuot = 122,
    /// Operation canceled.
    Canceled = 125,
    /// Not below the directory the guest was given (WASI's `notcapable`).
    NotCapable = 1076,
}

/// What file operations return.
pub type Result<T> = std::result::Result<T, Errno>;

impl Errno {
    /// The message that `strerror` gives on Linux.
    pub fn message(self) -> &'static str {
        match self {
            Errno::Perm => "operation not permitted",
            Errno::NoEnt => "no such file or directory",
            Errno::Srch => "no such process",
            Errno::Intr => "interrupted system call",
            Errno::Io => "input/output error",
            Errno::Nxio => "no such device or address",
            Errno::TooBig => "argument list too long",
            Errno::NoExec => "exec format error",
            Errno::BadF => "bad file descriptor",
            Errno::Child => "no child processes",
            Errno::Again => "resource temporarily unavailable",
            Errno::NoMem => "cannot allocate memory",
            Errno::Access => "permission denied",
            Errno::Fault => "bad address",
            Errno::Busy => "device or resource busy",
            Errno::Exist => "file exists",
            Errno::XDev => "invalid cross-device link",
            Errno::NoDev => "no such device",
            Errno::NotDir => "not a directory",
            Errno::IsDir => "is a directory",
            Errno::Inval => "invalid argument",
            Errno::NFile => "too many open files in system",
            Errno::MFile => "too many open files",
            Errno::NotTty => "inappropriate ioctl for device",
            Errno::TxtBsy => "text file busy",
            Errno::FBig => "file too large",
            Errno::NoSpc => "no space left on device",
            Errno::SPipe => "illegal seek",
            Errno::RoFs => "read-only file system",
            Errno::MLink => "too many links",
            Errno::Pipe => "broken pipe",
            Errno::Dom => "numerical argument out of domain",
            Errno::Range => "numerical result out of range",
            Errno::NameTooLong => "file name too long",
            Errno::NoSys => "function not implemented",
            Errno::NotEmpty => "directory not empty",
            Errno::Loop => "too many levels of symbolic links",
            Errno::NoData => "no data available",
            Errno::Overflow => "value too large for defined data type",
            Errno::IlSeq => "invalid or incomplete multibyte or wide character",
            Errno::NotSock => "socket operation on non-socket",
            Errno::NotSup => "operation not supported",
            Errno::TimedOut => "connection timed out",
            Errno::DQuot => "disk quota exceeded",
            Errno::Canceled => "operation canceled",
            Errno::NotCapable => "not below the directory given",
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Errno {}

/// By the kind of the error, so that the same failure is the same `Errno` on every system.
impl From<&io::Error> for Errno {
    fn from(error: &io::Error) -> Errno {
        use io::ErrorKind as Kind;
        match crate::sys::host::error_kind(error) {
            Kind::NotFound => Errno::NoEnt,
            Kind::PermissionDenied => Errno::Access,
            Kind::AlreadyExists => Errno::Exist,
            Kind::WouldBlock => Errno::Again,
            Kind::NotADirectory => Errno::NotDir,
            Kind::IsADirectory => Errno::IsDir,
            Kind::DirectoryNotEmpty => Errno::NotEmpty,
            Kind::ReadOnlyFilesystem => Errno::RoFs,
            Kind::StorageFull => Errno::NoSpc,
            Kind::QuotaExceeded => Errno::DQuot,
            Kind::FileTooLarge => Errno::FBig,
            Kind::ResourceBusy | Kind::ExecutableFileBusy => Errno::Busy,
            Kind::CrossesDevices => Errno::XDev,
            Kind::TooManyLinks => Errno::MLink,
            Kind::InvalidFilename => Errno::NameTooLong,
            Kind::ArgumentListTooLong => Errno::TooBig,
            Kind::BrokenPipe => Errno::Pipe,
            Kind::NotSeekable => Errno::SPipe,
            Kind::InvalidInput => Errno::Inval,
            Kind::Unsupported => Errno::NotSup,
            Kind::OutOfMemory => Errno::NoMem,
            Kind::TimedOut => Errno::TimedOut,
            Kind::Interrupted => Errno::Intr,
            _ => Errno::Io,
        }
    }
}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Errno {
        Errno::from(&error)
    }
}

impl From<Errno> for io::Error {
    fn from(errno: Errno) -> io::Error {
        use io::ErrorKind as Kind;
        let kind = match errno {
            Errno::NoEnt => Kind::NotFound,
            Errno::Access | Errno::Perm => Kind::PermissionDenied,
            Errno::Exist => Kind::AlreadyExists,
            Errno::NotDir => Kind::NotADirectory,
            Errno::IsDir => Kind::IsADirectory,
            Errno::NotEmpty => Kind::DirectoryNotEmpty,
            Errno::RoFs => Kind::ReadOnlyFilesystem,
            Errno::NoSpc => Kind::StorageFull,
            Errno::DQuot => Kind::QuotaExceeded,
            Errno::FBig => Kind::FileTooLarge,
            Errno::Inval => Kind::InvalidInput,
            Errno::Pipe => Kind::BrokenPipe,
            Errno::Again => Kind::WouldBlock,
            _ => Kind::Other,
        };
        io::Error::new(kind, errno)
    }
}
