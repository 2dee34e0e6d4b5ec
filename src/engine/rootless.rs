//! Becoming root of a user namespace, where native containers of other users than root need it.

use super::Engine;
use super::error::Result;
use crate::runtime::native;
use crate::store::{ContainerRecord, Store};

impl Engine {
    /// Makes this process root of the user's namespace, where it is not root. Every verb on a native container does so by itself; it
    /// cannot be done any more once there is a second thread. A program with threads, or with files open that only the user's
    /// groups may open, calls it first.
    pub fn become_root(&self) -> Result<()> {
        Ok(native::become_root(self.store.root())?)
    }

    /// As [`Engine::become_root`], where the container needs it.
    pub(super) fn become_root_for(&self, record: &ContainerRecord) -> Result<()> {
        if record.runtime == "native" { self.become_root() } else { Ok(()) }
    }

    /// The store, to work on what native containers may have left in it: some files are of ids that only root of the user's namespace
    /// may touch.
    pub(super) fn store_as_root(&self) -> Result<&Store> {
        if self.store.has_checkouts() {
            self.become_root()?;
        }
        Ok(&self.store)
    }
}
