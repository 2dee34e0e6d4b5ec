//! Native containers where there are none: on systems that are not Linux, and in builds without them.

use crate::oci::runtime::{Process, Resources};
use crate::runtime::native::{CgroupRecord, SeccompChoice};
use crate::runtime::{Bundle, Container, Error, ErrorKind, InitProcess, Result, Running, Runtime, Stdio, TerminalSize};

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
    _: Option<&CgroupRecord>,
) -> Result<Box<dyn Running>> {
    Err(absent())
}

/// Never.
pub fn is_alive(_: InitProcess) -> bool {
    false
}

/// An error.
pub fn pausable(_: Option<CgroupRecord>, _: &str) -> Result<CgroupRecord> {
    Err(absent())
}

/// An error.
pub fn pause(_: InitProcess, _: &CgroupRecord) -> Result<()> {
    Err(absent())
}

/// An error.
pub fn unpause(_: &CgroupRecord) -> Result<()> {
    Err(absent())
}

/// Never.
pub fn is_paused(_: &CgroupRecord) -> bool {
    false
}

/// An error.
pub fn update(_: &CgroupRecord, _: &Resources) -> Result<()> {
    Err(absent())
}

/// Nothing: there is none.
pub fn clean_up(_: &CgroupRecord) -> Result<()> {
    Ok(())
}
