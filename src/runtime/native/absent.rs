//! Native containers where there are none: on systems that are not Linux, and in builds without them.

use crate::oci::runtime::Process;
use crate::runtime::native::{HostProcess, SeccompChoice};
use crate::runtime::{
    Bundle, Container, Error, ErrorKind, InitProcess, Result, Running, Runtime, Signal, Stdio, TerminalSize,
};

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

/// Never.
pub fn is_alive(_: InitProcess) -> bool {
    false
}

/// An error: there is no container.
pub fn signal(_: InitProcess, _: Signal) -> Result<()> {
    Err(absent())
}

/// An error: there is no container.
pub fn processes(_: InitProcess) -> Result<Vec<HostProcess>> {
    Err(absent())
}
