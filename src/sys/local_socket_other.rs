//! Streams between processes of one user, where there are none: on systems other than Linux.

use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::Stdio;

/// Where connections are made to: never there.
#[derive(Debug)]
pub struct Listener(Infallible);

/// One end of a stream: never there.
#[derive(Debug)]
pub struct Connection(Infallible);

/// An error.
pub fn listen(_: &Path, _: &str) -> io::Result<Listener> {
    Err(io::ErrorKind::Unsupported.into())
}

/// An error.
pub fn connect(_: &Path, _: &str) -> io::Result<Connection> {
    Err(io::ErrorKind::Unsupported.into())
}

/// An error.
pub fn pair() -> io::Result<(Connection, Connection)> {
    Err(io::ErrorKind::Unsupported.into())
}

/// An error.
pub fn take_stdin() -> io::Result<Connection> {
    Err(io::ErrorKind::Unsupported.into())
}

impl From<Connection> for Stdio {
    fn from(connection: Connection) -> Stdio {
        match connection.0 {}
    }
}

impl Listener {
    /// Never called.
    pub fn accept(&self) -> io::Result<Connection> {
        match self.0 {}
    }
}

impl Connection {
    /// Never called.
    pub fn end(&self) {
        match self.0 {}
    }
}

impl Read for &Connection {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }
}

impl Write for &Connection {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0 {}
    }
}
