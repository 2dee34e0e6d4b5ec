//! In place of `agentos/` in a build without it: no module belongs to that interface.

use wasmtime::Linker;

use super::guest::Guest;

pub(super) fn is_module(_: &str) -> bool {
    false
}

pub(super) fn prepare(_: &mut Guest) {}

pub(super) fn define(_: &mut Linker<Guest>) -> wasmtime::Result<()> {
    Ok(())
}
