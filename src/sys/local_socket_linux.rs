//! Streams between processes of one user, by a name in a folder, on Linux.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Stdio;

use rustix::fs::Mode;
use rustix::net::SocketType;

use super::linux::socket;

/// How many may wait to be taken.
const WAITING: i32 = 8;

/// Where connections are made to.
#[derive(Debug)]
pub struct Listener(UnixListener);

/// One end of a stream.
#[derive(Debug)]
pub struct Connection(UnixStream);

/// Listens at the name `name` in `folder`, for processes of this user alone. What was there by that name is removed.
pub fn listen(folder: &Path, name: &str) -> io::Result<Listener> {
    match std::fs::remove_file(folder.join(name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let folder = File::open(folder)?;
    let socket = socket::new(SocketType::STREAM)?;
    // The name is made with the mode of the socket.
    rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    rustix::net::bind(&socket, &socket::address_in(folder.as_fd(), name)?)?;
    rustix::net::listen(&socket, WAITING)?;
    Ok(Listener(socket.into()))
}

/// Connects to who listens at the name `name` in `folder`.
pub fn connect(folder: &Path, name: &str) -> io::Result<Connection> {
    let folder = File::open(folder)?;
    let socket = socket::new(SocketType::STREAM)?;
    rustix::net::connect(&socket, &socket::address_in(folder.as_fd(), name)?)?;
    Ok(Connection(socket.into()))
}

/// Both ends of a stream that has no name.
pub fn pair() -> io::Result<(Connection, Connection)> {
    let (one, other) = UnixStream::pair()?;
    Ok((Connection(one), Connection(other)))
}

/// The stream that was given to this process as standard input, which is empty from now on.
pub fn take_stdin() -> io::Result<Connection> {
    let given = io::stdin().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(Connection(given.into()))
}

impl From<Connection> for Stdio {
    fn from(connection: Connection) -> Stdio {
        OwnedFd::from(connection.0).into()
    }
}

impl Listener {
    /// Waits for the next connection.
    pub fn accept(&self) -> io::Result<Connection> {
        self.0.accept().map(|(stream, _)| Connection(stream))
    }
}

impl Connection {
    /// Ends it in both directions: whoever reads or writes there, or here, is told so.
    pub fn end(&self) {
        // One that has ended already is as good.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

impl Read for &Connection {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(buf)
    }
}

impl Write for &Connection {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&self.0).write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn bytes_go_both_ways_through_a_name_that_is_the_users_alone() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("x".repeat(200));
        std::fs::create_dir(&folder).unwrap();
        assert_eq!(connect(&folder, "s").unwrap_err().kind(), io::ErrorKind::NotFound);
        drop(listen(&folder, "s").unwrap());
        assert_eq!(connect(&folder, "s").unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        let listener = listen(&folder, "s").unwrap();
        assert_eq!(folder.join("s").metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let client = connect(&folder, "s").unwrap();
        let server = listener.accept().unwrap();
        (&client).write_all(b"there").unwrap();
        (&server).write_all(b"back").unwrap();
        let mut bytes = [0; 5];
        (&server).read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"there");
        server.end();
        let mut rest = String::new();
        (&client).read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "back");
    }
}
