//! Error numbers, by their names on Linux and with the numbers of the system the program runs on.

use std::{fmt, io};

/// Why a system call failed. [`Errno::raw`] is the number that `std::io::Error::raw_os_error` gives for the same failure.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(i32);

/// What the calls of [`crate::sys`] return.
pub type Result<T, E = Errno> = std::result::Result<T, E>;

macro_rules! errnos {
    ($($name:ident $number:literal $text:literal)*) => {
        #[allow(missing_docs, reason = "the text of each is its documentation")]
        impl Errno {
            $(
                #[cfg(target_os = "wasi")]
                pub const $name: Errno = Errno($number);
                #[cfg(unix)]
                pub const $name: Errno = Errno(libc::$name);
            )*

            /// The name, as in `ENOENT`, where it is one of those listed here.
            pub fn name(self) -> Option<&'static str> {
                $(if self == Errno::$name { return Some(stringify!($name)); })*
                None
            }

            /// What strerror(3) says, where it is one of those listed here.
            pub fn text(self) -> Option<&'static str> {
                $(if self == Errno::$name { return Some($text); })*
                None
            }
        }
    };
}

errnos! {
    E2BIG 1 "Argument list too long"
    EACCES 2 "Permission denied"
    EADDRINUSE 3 "Address already in use"
    EADDRNOTAVAIL 4 "Cannot assign requested address"
    EAFNOSUPPORT 5 "Address family not supported by protocol"
    EAGAIN 6 "Resource temporarily unavailable"
    EALREADY 7 "Operation already in progress"
    EBADF 8 "Bad file descriptor"
    EBADMSG 9 "Bad message"
    EBUSY 10 "Device or resource busy"
    ECANCELED 11 "Operation canceled"
    ECHILD 12 "No child processes"
    ECONNABORTED 13 "Software caused connection abort"
    ECONNREFUSED 14 "Connection refused"
    ECONNRESET 15 "Connection reset by peer"
    EDEADLK 16 "Resource deadlock avoided"
    EDESTADDRREQ 17 "Destination address required"
    EDOM 18 "Numerical argument out of domain"
    EDQUOT 19 "Disk quota exceeded"
    EEXIST 20 "File exists"
    EFAULT 21 "Bad address"
    EFBIG 22 "File too large"
    EHOSTUNREACH 23 "No route to host"
    EIDRM 24 "Identifier removed"
    EILSEQ 25 "Invalid or incomplete multibyte or wide character"
    EINPROGRESS 26 "Operation now in progress"
    EINTR 27 "Interrupted system call"
    EINVAL 28 "Invalid argument"
    EIO 29 "Input/output error"
    EISCONN 30 "Transport endpoint is already connected"
    EISDIR 31 "Is a directory"
    ELOOP 32 "Too many levels of symbolic links"
    EMFILE 33 "Too many open files"
    EMLINK 34 "Too many links"
    EMSGSIZE 35 "Message too long"
    EMULTIHOP 36 "Multihop attempted"
    ENAMETOOLONG 37 "File name too long"
    ENETDOWN 38 "Network is down"
    ENETRESET 39 "Network dropped connection on reset"
    ENETUNREACH 40 "Network is unreachable"
    ENFILE 41 "Too many open files in system"
    ENOBUFS 42 "No buffer space available"
    ENODEV 43 "No such device"
    ENOENT 44 "No such file or directory"
    ENOEXEC 45 "Exec format error"
    ENOLCK 46 "No locks available"
    ENOLINK 47 "Link has been severed"
    ENOMEM 48 "Cannot allocate memory"
    ENOMSG 49 "No message of desired type"
    ENOPROTOOPT 50 "Protocol not available"
    ENOSPC 51 "No space left on device"
    ENOSYS 52 "Function not implemented"
    ENOTCONN 53 "Transport endpoint is not connected"
    ENOTDIR 54 "Not a directory"
    ENOTEMPTY 55 "Directory not empty"
    ENOTRECOVERABLE 56 "State not recoverable"
    ENOTSOCK 57 "Socket operation on non-socket"
    ENOTSUP 58 "Operation not supported"
    ENOTTY 59 "Inappropriate ioctl for device"
    ENXIO 60 "No such device or address"
    EOVERFLOW 61 "Value too large for defined data type"
    EOWNERDEAD 62 "Owner died"
    EPERM 63 "Operation not permitted"
    EPIPE 64 "Broken pipe"
    EPROTO 65 "Protocol error"
    EPROTONOSUPPORT 66 "Protocol not supported"
    EPROTOTYPE 67 "Protocol wrong type for socket"
    ERANGE 68 "Numerical result out of range"
    EROFS 69 "Read-only file system"
    ESPIPE 70 "Illegal seek"
    ESRCH 71 "No such process"
    ESTALE 72 "Stale file handle"
    ETIMEDOUT 73 "Connection timed out"
    ETXTBSY 74 "Text file busy"
    EXDEV 75 "Invalid cross-device link"
}

impl Errno {
    /// The error with this number of the running system.
    pub const fn from_raw(number: i32) -> Errno {
        Errno(number)
    }

    /// Its number on the running system.
    pub const fn raw(self) -> i32 {
        self.0
    }

    /// The number of an error of std's; `EIO` for one without.
    pub fn from_io(error: &io::Error) -> Errno {
        error.raw_os_error().map_or(Errno::EIO, Errno)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => f.write_str(text),
            None => write!(f, "Unknown error {}", self.0),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Errno({})", self.0),
        }
    }
}

impl std::error::Error for Errno {}

impl From<Errno> for io::Error {
    fn from(errno: Errno) -> io::Error {
        io::Error::from_raw_os_error(errno.0)
    }
}
