//! What a new process and its parent tell each other until the program runs: messages on a pair of sockets.
//!
//! A message is one packet: a kind, a number, an errno and up to [`DETAIL_MAX`] bytes, perhaps with a descriptor. The socket of
//! the child closes when its program starts, which is how the parent knows.

use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::calls::errno;

/// The most bytes that a message of the child carries.
pub const DETAIL_MAX: usize = 512;

/// The most bytes that a word of the parent carries: the state that hooks read.
pub const WORD_MAX: usize = 60 << 10;

pub(super) const FAILED: u32 = 1;
pub(super) const REACHED: u32 = 2;
pub(super) const MASTER: u32 = 3;
pub(super) const LISTENER: u32 = 4;
pub(super) const READY: u32 = 5;
pub(super) const MOVED: u32 = 6;

/// One message of the child, as it is sent.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Message {
    pub(super) kind: u32,
    pub(super) number: u32,
    pub(super) errno: i32,
    pub(super) detail_len: u32,
    pub(super) detail: [u8; DETAIL_MAX],
}

/// What a child tells.
#[derive(Debug)]
pub enum Event {
    /// It is at the `Sync` of this number, and waits.
    Reached(u32),
    /// The master of its terminal.
    Master(OwnedFd),
    /// The listener of its filter.
    Listener(OwnedFd),
    /// It waits for its start, and says no more here.
    Ready,
    /// A step failed; the process is ending.
    Failed(Failure),
    /// Its program runs, or it was killed.
    Closed,
}

/// Which step failed, and why.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The number of the step.
    pub step: u32,
    /// The error of the system.
    pub errno: i32,
    /// The beginning of the program where that is what failed; the status of a hook (`EPROTO`), and what it said.
    pub detail: Vec<u8>,
}

impl Failure {
    /// How a hook ended, in runc's words, and what it said: `exit status 3: why`, `signal: bad system call`.
    pub fn end_of_hook(&self) -> Option<String> {
        let (status, said) = self.detail.split_first_chunk()?;
        let status = ExitStatus::from_raw(i32::from_ne_bytes(*status));
        let how = match status.signal() {
            Some(signal) => format!("signal: {}", words_of_signal(signal)),
            None => format!("exit status {}", status.code().unwrap_or_default()),
        };
        match String::from_utf8_lossy(said).trim() {
            "" => Some(how),
            said => Some(format!("{how}: {said}")),
        }
    }
}

/// What a signal is called in a sentence.
#[allow(unsafe_code)]
fn words_of_signal(number: i32) -> String {
    // SAFETY: a text of the C library, or of this thread until its next call.
    let words = unsafe { libc::strsignal(number) };
    // SAFETY: as before; it is copied at once.
    let words = (!words.is_null()).then(|| unsafe { CStr::from_ptr(words) }.to_string_lossy().to_lowercase());
    words.unwrap_or_else(|| number.to_string())
}

/// The parent's end.
#[derive(Debug)]
pub struct Channel {
    socket: OwnedFd,
}

/// Both ends of a new channel.
#[allow(unsafe_code)]
pub(super) fn pair() -> io::Result<(Channel, OwnedFd)> {
    let mut fds = [0; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: socketpair(2) writes two descriptors into an array of two.
    if unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, fds.as_mut_ptr()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: both are new, and nobody else has them.
    let [parent, child] = fds.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    Ok((Channel { socket: parent }, child))
}

impl Channel {
    /// A channel on a connection to a process that waits for its start.
    pub fn of_connection(socket: OwnedFd) -> Channel {
        Channel { socket }
    }

    pub(super) fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Waits for the next thing the child tells.
    pub fn next(&self) -> io::Result<Event> {
        let (message, fd) = receive(self.socket.as_raw_fd())?;
        let Some(message) = message else { return Ok(Event::Closed) };
        let missing = || io::Error::new(io::ErrorKind::InvalidData, "a message without its descriptor");
        Ok(match message.kind {
            REACHED => Event::Reached(message.number),
            MASTER => Event::Master(fd.ok_or_else(missing)?),
            LISTENER => Event::Listener(fd.ok_or_else(missing)?),
            READY => Event::Ready,
            FAILED => Event::Failed(Failure {
                step: message.number,
                errno: message.errno,
                detail: message.detail[..(message.detail_len as usize).min(DETAIL_MAX)].to_vec(),
            }),
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "a message of an unknown kind")),
        })
    }

    /// Waits until the child says that it goes on as another process: the descriptor of that one, or why it cannot.
    pub(super) fn moved(&self) -> io::Result<Result<OwnedFd, Failure>> {
        match receive(self.socket.as_raw_fd())? {
            (Some(Message { kind: MOVED, .. }), Some(pidfd)) => Ok(Ok(pidfd)),
            (Some(Message { kind: FAILED, number, errno, .. }), _) => {
                Ok(Err(Failure { step: number, errno, detail: Vec::new() }))
            }
            _ => Err(io::Error::other("the process has ended")),
        }
    }

    /// Lets the child go on, with a word that its hooks read.
    pub fn go_on(&self, word: &[u8]) -> io::Result<()> {
        self.say(word, -1)
    }

    /// Lets the child go on, with a mount that it waits for.
    pub fn hand(&self, mount: &OwnedFd) -> io::Result<()> {
        self.say(b"", mount.as_raw_fd())
    }

    #[allow(unsafe_code)]
    fn say(&self, word: &[u8], fd: RawFd) -> io::Result<()> {
        if word.len() > WORD_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the state of the container is too long for hooks",
            ));
        }
        // A packet without bytes would look like the end.
        let packet = if word.is_empty() { &b" "[..] } else { word };
        // SAFETY: a descriptor that is open, or none.
        unsafe { send_bytes(self.socket.as_raw_fd(), packet, fd) }.map_err(io::Error::from_raw_os_error)
    }
}

/// Waits for the parent's word; whether it came. Allocates nothing.
#[allow(unsafe_code)]
pub(super) fn hear(socket: RawFd) -> bool {
    let mut word = [0u8; 1];
    loop {
        // SAFETY: a buffer of one byte; the rest of a packet is dropped.
        match unsafe { libc::recv(socket, word.as_mut_ptr().cast(), 1, 0) } {
            1 => return true,
            len if len < 0 && errno() == libc::EINTR => {}
            _ => return false,
        }
    }
}

/// The next packet and its descriptor; no packet at the end.
#[allow(unsafe_code)]
fn receive(socket: RawFd) -> io::Result<(Option<Message>, Option<OwnedFd>)> {
    let mut message = MaybeUninit::<Message>::zeroed();
    // SAFETY: the bytes of the message, all of them zero so far.
    let bytes = unsafe { std::slice::from_raw_parts_mut(message.as_mut_ptr().cast::<u8>(), size_of::<Message>()) };
    let (len, fd) = match receive_bytes(socket, bytes) {
        // A child that ends before it has read all that it was told resets the connection. That is heard of once, and before what
        // the child has said.
        Err(libc::ECONNRESET) => receive_bytes(socket, bytes),
        received => received,
    }
    .map_err(io::Error::from_raw_os_error)?;
    // SAFETY: it is new, and nobody else has it.
    let fd = fd.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    if len == 0 {
        return Ok((None, fd));
    }
    if len != size_of::<Message>() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message of another size"));
    }
    // SAFETY: all its bytes were written, and any bytes are a message.
    Ok((Some(unsafe { message.assume_init() }), fd))
}

/// Receives a packet: how long it is, and a new descriptor where one came with it. Allocates nothing.
#[allow(unsafe_code)]
pub(super) fn receive_bytes(socket: RawFd, bytes: &mut [u8]) -> Result<(usize, Option<RawFd>), i32> {
    let mut part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let mut control = Control::default();
    // SAFETY: all zeros is a message header without anything.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = (&raw mut control).cast();
    header.msg_controllen = size_of::<Control>() as _;
    let len = loop {
        // SAFETY: the header leads to one buffer and one control buffer, both alive and as long as it says.
        let len = unsafe { libc::recvmsg(socket, &raw mut header, libc::MSG_CMSG_CLOEXEC) };
        match len {
            0.. => break len as usize,
            _ if errno() == libc::EINTR => {}
            _ => return Err(errno()),
        }
    };
    let has_fd = header.msg_controllen as usize >= size_of::<libc::cmsghdr>()
        && (control.level, control.kind) == (libc::SOL_SOCKET, libc::SCM_RIGHTS);
    Ok((len, has_fd.then_some(control.fd)))
}

/// A control message with one descriptor: `CMSG_SPACE(4)` bytes, laid out as `struct cmsghdr` and its data.
#[repr(C, align(8))]
#[derive(Default)]
struct Control {
    len: usize,
    level: libc::c_int,
    kind: libc::c_int,
    fd: libc::c_int,
    padding: libc::c_int,
}

/// Sends one message, with a descriptor unless `fd` is negative. Allocates nothing.
///
/// # Safety
///
/// `fd` is open or negative. May be called between clone and exec.
#[allow(unsafe_code)]
pub(super) unsafe fn send(socket: RawFd, message: &Message, fd: RawFd) -> Result<(), i32> {
    // SAFETY: a message is four words and bytes, with no gaps between them.
    let bytes = unsafe { std::slice::from_raw_parts((&raw const *message).cast::<u8>(), size_of::<Message>()) };
    // SAFETY: as this function's own.
    unsafe { send_bytes(socket, bytes, fd) }
}

/// Sends bytes, with a descriptor unless `fd` is negative. Allocates nothing.
///
/// # Safety
///
/// `fd` is open or negative. May be called between clone and exec.
#[allow(unsafe_code)]
pub(super) unsafe fn send_bytes(socket: RawFd, bytes: &[u8], fd: RawFd) -> Result<(), i32> {
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut control = Control {
        len: size_of::<libc::cmsghdr>() + size_of::<libc::c_int>(),
        level: libc::SOL_SOCKET,
        kind: libc::SCM_RIGHTS,
        fd,
        padding: 0,
    };
    // SAFETY: all zeros is a message header without anything; then it leads to buffers that are alive, which are only read.
    unsafe {
        let mut header: libc::msghdr = std::mem::zeroed();
        header.msg_iov = &raw mut part;
        header.msg_iovlen = 1;
        if fd >= 0 {
            header.msg_control = (&raw mut control).cast();
            header.msg_controllen = size_of::<Control>() as _;
        }
        loop {
            match libc::sendmsg(socket, &raw const header, libc::MSG_NOSIGNAL) {
                0.. => return Ok(()),
                _ if errno() == libc::EINTR => {}
                _ => return Err(errno()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(unsafe_code)]
    fn a_child_that_fails_before_it_has_heard_all_says_why() {
        let (parent, child) = pair().unwrap();
        parent.go_on(b"a word").unwrap();
        let failed = Message { kind: FAILED, number: 7, errno: libc::ENOTDIR, detail_len: 0, detail: [0; DETAIL_MAX] };
        // SAFETY: an open descriptor, and none.
        unsafe { send(child.as_raw_fd(), &failed, -1) }.unwrap();
        drop(child);
        assert!(matches!(parent.next(), Ok(Event::Failed(Failure { step: 7, errno: libc::ENOTDIR, .. }))));
        assert!(matches!(parent.next(), Ok(Event::Closed)));
    }

    #[test]
    fn a_child_that_was_killed_before_it_has_heard_all_is_closed() {
        let (parent, child) = pair().unwrap();
        parent.go_on(b"a word").unwrap();
        drop(child);
        assert!(matches!(parent.next(), Ok(Event::Closed)));
    }
}
