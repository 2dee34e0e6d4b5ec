//! Attaching before anything runs, so that nothing it shows is missed: one end of a connection is handed to the process that
//! will run a container, or one more process in it, as its standard input.
//!
//! Who attaches sends what more process is to run, if that is it, and the size of its window twice: at once, and when it shall
//! start.

use std::io;
use std::process::Stdio;
use std::sync::Arc;

use super::client::Attachment;
use super::message::{Kind, Peer, size_of};
use crate::engine::ExecOptions;
use crate::runtime::TerminalSize;
use crate::sys::local_socket;

/// The end of the process that will run it.
#[derive(Clone, Debug)]
pub struct HandedEnd(pub(super) Arc<Peer>);

impl Attachment {
    /// A connection to streams that there will be, and the standard input of the process that will have them, which finds it by
    /// [`HandedEnd::take`]. None where the system cannot attach.
    pub fn before_start() -> io::Result<Option<(Attachment, Stdio)>> {
        match local_socket::pair() {
            Ok((here, there)) => Ok(Some((Attachment(Peer::new(here)), there.into()))),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks for one more process in the container, before all else.
    pub fn ask(&self, options: &ExecOptions) -> io::Result<()> {
        self.0.send(Kind::Exec, &serde_json::to_vec(options)?)
    }
}

impl HandedEnd {
    /// The end that is the standard input of this process, which has none from now on.
    pub fn take() -> io::Result<HandedEnd> {
        Ok(HandedEnd(Arc::new(Peer::new(local_socket::take_stdin()?))))
    }

    /// Waits until the size of the window is told, with what is asked for before that. An error where who attaches is gone.
    pub fn hear(&self) -> io::Result<(TerminalSize, Option<ExecOptions>)> {
        let mut asked = Vec::new();
        while let Some((kind, bytes)) = self.0.receive()? {
            match (kind, size_of(&bytes)) {
                (Kind::Exec, _) => asked.extend(bytes),
                (Kind::Size, Some(size)) => {
                    let options = (!asked.is_empty()).then(|| serde_json::from_slice(&asked)).transpose()?;
                    return Ok((size, options));
                }
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "who started it is gone"))
    }
}
