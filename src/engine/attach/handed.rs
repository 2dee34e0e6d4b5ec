//! Attaching to a container before it runs, so that nothing it shows is missed: one end of a connection is handed to the process
//! that will run it, as its standard input.
//!
//! Who attaches sends the size of its window twice: at once, and when the container shall start.

use std::io;
use std::process::Stdio;
use std::sync::Arc;

use super::client::Attachment;
use super::message::{Kind, Peer, size_of};
use crate::engine::Engine;
use crate::engine::error::Result;
use crate::runtime::TerminalSize;
use crate::store::ContainerId;
use crate::sys::local_socket;

/// The end of the process that will run the container.
#[derive(Clone, Debug)]
pub struct HandedEnd(pub(super) Arc<Peer>);

impl Engine {
    /// A connection to the streams that a container will have, and the standard input of the process that will run it, which
    /// finds it by [`HandedEnd::take`]. None where the system cannot attach.
    pub fn attach_before_start(&self, id: &ContainerId) -> Result<Option<(Attachment, Stdio)>> {
        let record = self.container(id.as_str())?.record;
        self.become_root_for(&record)?;
        match local_socket::pair() {
            Ok((here, there)) => Ok(Some((Attachment(Peer::new(here)), there.into()))),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl HandedEnd {
    /// The end that is the standard input of this process, which has none from now on.
    pub fn take() -> io::Result<HandedEnd> {
        Ok(HandedEnd(Arc::new(Peer::new(local_socket::take_stdin()?))))
    }

    /// Waits until the size of the window is told. An error where who attaches is gone.
    pub fn size(&self) -> io::Result<TerminalSize> {
        match self.0.receive()? {
            Some((Kind::Size, bytes)) => size_of(&bytes).ok_or_else(|| io::ErrorKind::InvalidData.into()),
            Some(_) => Err(io::ErrorKind::InvalidData.into()),
            None => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "who started the container is gone")),
        }
    }
}
