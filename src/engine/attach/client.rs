//! Attaching to a container that another process runs.

use std::io;

use super::SOCKET;
use super::message::{Kind, Peer, size_bytes};
use crate::engine::Engine;
use crate::engine::error::{About, Error, Result};
use crate::runtime::TerminalSize;
use crate::store::{ContainerId, Status};
use crate::sys::local_socket;

/// A connection to the streams of a container. Several threads may use it.
#[derive(Debug)]
pub struct Attachment(pub(super) Peer);

/// What comes of a container.
#[derive(Debug, PartialEq, Eq)]
pub enum Shown {
    /// Bytes of its standard output, or of its terminal.
    Output(Vec<u8>),
    /// Bytes of its standard error.
    Error(Vec<u8>),
    /// It has ended.
    End {
        /// The exit code.
        code: i32,
        /// Why, where it was ended, or what went wrong afterwards.
        message: Option<String>,
    },
}

impl Engine {
    /// Connects to the streams of a container that runs in the background, from now on.
    pub fn attach(&self, id: &ContainerId) -> Result<Attachment> {
        let container = self.container(id.as_str())?;
        let name = &container.name;
        if container.state.status != Status::Running {
            return Err(Error::conflict("you cannot attach to a stopped container, start it first"));
        }
        if container.state.paused {
            return Err(Error::conflict("you cannot attach to a paused container, unpause it first"));
        }
        self.become_root_for(&container.record)?;
        match local_socket::connect(&self.store.streams_folder(id), SOCKET) {
            Ok(connection) => Ok(Attachment(Peer::new(connection))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::conflict(format!(
                "container {name} runs in the foreground of process {}, which has its streams",
                container.state.pid
            ))
            .hint("one that `cowbox run -d` or `cowbox start` has started can be attached to")),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                Err(Error::conflict(format!("container {name}: attaching takes a Linux host"))
                    .hint(format!("see its output with `cowbox logs -f {name}`")))
            }
            Err(error) => Err(error).about(|| format!("attach to container {name}")),
        }
    }
}

impl Attachment {
    /// Waits for what the container shows next; none where the process that runs it is gone, or after [`Attachment::leave`].
    pub fn next(&self) -> io::Result<Option<Shown>> {
        let Some((kind, bytes)) = self.0.receive()? else { return Ok(None) };
        let broken = || io::Error::new(io::ErrorKind::InvalidData, "a message that makes no sense");
        Ok(Some(match kind {
            Kind::Output => Shown::Output(bytes),
            Kind::Error => Shown::Error(bytes),
            Kind::End => {
                let (code, text) = bytes.split_first_chunk().ok_or_else(broken)?;
                let message = (!text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned());
                Shown::End { code: i32::from_le_bytes(*code), message }
            }
            Kind::Input | Kind::Size | Kind::Exec => return Err(broken()),
        }))
    }

    /// Sends bytes to the container's standard input, or types them at its terminal.
    pub fn send(&self, bytes: &[u8]) -> io::Result<()> {
        self.0.send(Kind::Input, bytes)
    }

    /// Tells the size of the window that the container's terminal is seen in.
    pub fn resize(&self, size: TerminalSize) -> io::Result<()> {
        self.0.send(Kind::Size, &size_bytes(size))
    }

    /// Leaves the container alone.
    pub fn leave(&self) {
        self.0.end();
    }
}
