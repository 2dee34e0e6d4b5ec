//! Native containers where there are none: on systems that are not Linux, and in builds without them.

use crate::oci::runtime::Process;
use crate::runtime::native::{OverlayRoot, SeccompChoice};
use crate::runtime::{Bundle, Container, Error, ErrorKind, InitProcess, Result, Running, Runtime, Stdio, TerminalSize};
use crate::vfs::InodeRef;

/// The runtime that is not there.
pub struct Native;

fn absent() -> Error {
    Error::new(ErrorKind::NotExecutable, "native containers need a Linux host, and a cowbox with the feature `native`")
}

impl Runtime for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn create(&self, _: Bundle) -> Result<Box<dyn Container>> {
        Err(absent())
    }
}

/// An error: there is no container that could be entered.
pub fn enter(
    _: InitProcess,
    _: &Process,
    _: &SeccompChoice,
    _: Stdio,
    _: Option<TerminalSize>,
) -> Result<Box<dyn Running>> {
    Err(absent())
}

/// An error: no container runs.
pub fn running_root(_: InitProcess) -> Result<InodeRef> {
    Err(absent())
}

/// An error: there are no containers.
pub fn stopped_root(_: &OverlayRoot, _: bool) -> Result<InodeRef> {
    Err(absent())
}

/// Never.
pub fn is_alive(_: InitProcess) -> bool {
    false
}
