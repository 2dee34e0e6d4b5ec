//! Messages of those who attach to a container: a kind, a length, and so many bytes.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Mutex, PoisonError};

use crate::runtime::TerminalSize;
use crate::sys::local_socket::Connection;

/// More bytes than this are several messages.
pub(super) const BYTES_MAX: usize = 64 << 10;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// To the container: bytes for its standard input.
    Input = 0,
    /// From it: bytes of its standard output.
    Output = 1,
    /// From it: bytes of its standard error.
    Error = 2,
    /// To it: the size of its terminal, lines and columns with two bytes each, the low ones first.
    Size = 3,
    /// From it, the last one: it has ended, with an exit code of four bytes, the low ones first, and perhaps a text that says why.
    End = 4,
    /// To the process that will run it, before all else: what is to run, where that is one more process in a container.
    Exec = 5,
}

impl Kind {
    fn of(byte: u8) -> io::Result<Kind> {
        let known = [Kind::Input, Kind::Output, Kind::Error, Kind::Size, Kind::End, Kind::Exec];
        let unknown = || io::Error::new(ErrorKind::InvalidData, format!("a message of the unknown kind {byte}"));
        known.get(usize::from(byte)).copied().ok_or_else(unknown)
    }
}

/// The bytes of a size.
pub(super) fn size_bytes(size: TerminalSize) -> Vec<u8> {
    [size.rows.to_le_bytes(), size.columns.to_le_bytes()].concat()
}

/// The size that `bytes` are.
pub(super) fn size_of(bytes: &[u8]) -> Option<TerminalSize> {
    let [a, b, c, d] = bytes.try_into().ok()?;
    Some(TerminalSize { rows: u16::from_le_bytes([a, b]), columns: u16::from_le_bytes([c, d]) })
}

/// One end of a connection.
#[derive(Debug)]
pub(super) struct Peer {
    connection: Connection,
    /// Held while a message is sent, however long the other end takes: messages of several threads are whole.
    sending: Mutex<()>,
}

impl Peer {
    pub(super) fn new(connection: Connection) -> Peer {
        Peer { connection, sending: Mutex::new(()) }
    }

    pub(super) fn send(&self, kind: Kind, bytes: &[u8]) -> io::Result<()> {
        let _sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        write(&self.connection, kind, bytes)
    }

    /// The next message; none at the end, also where the other process was killed.
    pub(super) fn receive(&self) -> io::Result<Option<(Kind, Vec<u8>)>> {
        match read(&self.connection) {
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof) => Ok(None),
            read => read,
        }
    }

    /// Ends the connection.
    pub(super) fn end(&self) {
        self.connection.end();
    }
}

fn write(mut to: impl Write, kind: Kind, bytes: &[u8]) -> io::Result<()> {
    for part in bytes.chunks(BYTES_MAX) {
        let len = (part.len() as u32).to_le_bytes();
        to.write_all(&[&[kind as u8], &len[..], part].concat())?;
    }
    Ok(())
}

fn read(mut from: impl Read) -> io::Result<Option<(Kind, Vec<u8>)>> {
    let mut head = [0; 5];
    match from.read(&mut head[..1])? {
        0 => return Ok(None),
        _ => from.read_exact(&mut head[1..])?,
    }
    let [kind, len @ ..] = head;
    let kind = Kind::of(kind)?;
    let len = u32::from_le_bytes(len) as usize;
    if len > BYTES_MAX {
        return Err(io::Error::new(ErrorKind::InvalidData, "a message that is too long"));
    }
    let mut bytes = vec![0; len];
    from.read_exact(&mut bytes)?;
    Ok(Some((kind, bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_whole_and_what_is_none_is_refused() {
        let mut sent = Vec::new();
        write(&mut sent, Kind::Input, &[7; BYTES_MAX + 1]).unwrap();
        write(&mut sent, Kind::Size, &[1, 0, 2, 0]).unwrap();
        let mut rest = &sent[..];
        assert_eq!(read(&mut rest).unwrap(), Some((Kind::Input, vec![7; BYTES_MAX])));
        assert_eq!(read(&mut rest).unwrap(), Some((Kind::Input, vec![7])));
        assert_eq!(rest, [3, 4, 0, 0, 0, 1, 0, 2, 0]);
        assert_eq!(read(&mut rest).unwrap(), Some((Kind::Size, vec![1, 0, 2, 0])));
        assert_eq!(read(&mut rest).unwrap(), None);
        let error = |bytes: &[u8]| read(bytes).unwrap_err();
        assert_eq!(error(&[6, 0, 0, 0, 0]).to_string(), "a message of the unknown kind 6");
        assert_eq!(error(&[0, 1, 0, 1, 0]).to_string(), "a message that is too long");
        assert_eq!(error(&[0, 9]).kind(), ErrorKind::UnexpectedEof);
    }
}
