//! Unix sockets by which processes of containers are reached: those that wait for their start, and those that take terminals.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
};

/// Listens for packets at the name `name` in the directory `folder`; there must be none of that name.
pub fn listen(folder: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd> {
    let socket = new(SocketType::SEQPACKET)?;
    rustix::net::bind(&socket, &address_in(folder, name)?)?;
    rustix::net::listen(&socket, 8)?;
    Ok(socket)
}

/// Connects to who listens for packets at the name `name` in the directory `folder`.
pub fn connect(folder: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd> {
    let socket = new(SocketType::SEQPACKET)?;
    rustix::net::connect(&socket, &address_in(folder, name)?)?;
    Ok(socket)
}

/// Sends a descriptor with the text `name` to the stream socket at `path`, which may be longer than an address holds.
pub fn send_descriptor(path: &Path, fd: BorrowedFd<'_>, name: &str) -> io::Result<()> {
    use rustix::fs::{Mode, OFlags};
    let socket = new(SocketType::STREAM)?;
    let found = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let address = SocketAddrUnix::new(format!("/proc/self/fd/{}", found.as_raw_fd()))?;
    rustix::net::connect(&socket, &address)?;
    let fds = [fd];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&fds));
    rustix::net::sendmsg(&socket, &[IoSlice::new(name.as_bytes())], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// A Unix socket that is closed by exec.
pub(in crate::sys) fn new(kind: SocketType) -> io::Result<OwnedFd> {
    Ok(rustix::net::socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?)
}

/// The address of a name in a folder, however long the folder's path is: addresses hold 107 bytes.
pub(in crate::sys) fn address_in(folder: BorrowedFd<'_>, name: &str) -> io::Result<SocketAddrUnix> {
    Ok(SocketAddrUnix::new(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsFd;

    #[test]
    fn packets_go_through_a_name_in_a_folder_with_a_long_path() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("x".repeat(200));
        std::fs::create_dir(&folder).unwrap();
        let handle = File::open(&folder).unwrap();
        assert_eq!(connect(handle.as_fd(), "s").unwrap_err().kind(), io::ErrorKind::NotFound);
        let listener = listen(handle.as_fd(), "s").unwrap();
        assert_eq!(listen(handle.as_fd(), "s").unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let client = connect(handle.as_fd(), "s").unwrap();
        let server = rustix::net::accept(&listener).unwrap();
        rustix::net::send(&client, b"word", SendFlags::NOSIGNAL).unwrap();
        let mut bytes = [0; 16];
        let (len, _) = rustix::net::recv(&server, &mut bytes[..], rustix::net::RecvFlags::empty()).unwrap();
        assert_eq!(&bytes[..len], b"word");
        drop(listener);
        assert_eq!(connect(handle.as_fd(), "s").unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn a_descriptor_arrives_with_its_name() {
        use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("y".repeat(200));
        std::fs::create_dir(&folder).unwrap();
        let handle = File::open(&folder).unwrap();
        let listener = new(SocketType::STREAM).unwrap();
        rustix::net::bind(&listener, &address_in(handle.as_fd(), "c").unwrap()).unwrap();
        rustix::net::listen(&listener, 1).unwrap();
        let (reader, writer) = io::pipe().unwrap();
        send_descriptor(&folder.join("c"), reader.as_fd(), "/dev/ptmx").unwrap();
        let server = rustix::net::accept(&listener).unwrap();
        let mut bytes = [0; 32];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [io::IoSliceMut::new(&mut bytes)];
        let received = rustix::net::recvmsg(&server, &mut parts, &mut control, RecvFlags::empty()).unwrap();
        let Some(RecvAncillaryMessage::ScmRights(mut fds)) = control.drain().next() else { panic!("no descriptor") };
        let mut copy = File::from(fds.next().unwrap());
        assert_eq!(&bytes[..received.bytes], b"/dev/ptmx");
        drop(writer);
        assert_eq!(io::read_to_string(&mut copy).unwrap(), "");
    }
}
