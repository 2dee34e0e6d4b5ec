//! Becoming root of a user namespace, where native containers of other users than root need it.

use std::sync::Arc;

use super::Engine;
use super::error::{Error, Result};
use super::id_ranges::is_auto;
use crate::runtime::native;
use crate::store::{ContainerRecord, IsolationRecord, MountSource, Store};
use crate::vfs::{KernelOptions, OwnerMap};

/// Whether the caller is the same user in the container as outside.
pub(super) fn keeps_ids(isolation: &IsolationRecord) -> bool {
    isolation.userns.as_deref() == Some("keep-id")
}

/// Whether a container's user is nobody's choice, but its caller.
pub(super) fn is_callers(record: &ContainerRecord) -> bool {
    let (uid, gid) = native::caller();
    keeps_ids(&record.isolation) && record.user == format!("{uid}:{gid}")
}

/// Refuses what cannot be had, and says who runs the process where nobody was asked for.
pub(super) fn user_of(isolation: &IsolationRecord, asked: Option<&String>) -> Result<Option<String>> {
    match isolation.userns.as_deref() {
        None | Some("" | "host") => return Ok(asked.cloned()),
        Some("keep-id") => {}
        Some(_) if is_auto(isolation) => return Ok(asked.cloned()),
        Some(other) => return Err(Error::invalid(format!("--userns {other}: host, keep-id and auto are known"))),
    }
    match native::caller() {
        (0, _) => Err(Error::invalid("--userns keep-id: it is for other users than root")
            .hint("root is the same user in every container: leave it away")),
        (uid, gid) => Ok(Some(asked.cloned().unwrap_or_else(|| format!("{uid}:{gid}")))),
    }
}

impl Engine {
    /// Makes this process root of the user's namespace, where it is not root. Every verb on a native container does so by itself; it
    /// cannot be done any more once there is a second thread. A program with threads, or with files open that only the user's
    /// groups may open, calls it first.
    pub fn become_root(&self) -> Result<()> {
        Ok(native::become_root(self.store.root())?)
    }

    /// As [`Engine::become_root`], where the container needs it: its files, or those of a volume, are of all ids of the user.
    pub fn become_root_for(&self, record: &ContainerRecord) -> Result<()> {
        let is_native = |source: &MountSource| match source {
            MountSource::Volume { name, .. } => self.store.native_volume(name).is_some(),
            _ => false,
        };
        let needs = record.runtime == "native" || record.mounts.iter().any(|mount| is_native(&mount.source));
        if needs { self.become_root() } else { Ok(()) }
    }

    /// How owners of a container's files stand on disk, where that is not as the container sees them.
    pub(super) fn owners(&self, record: &ContainerRecord) -> Option<Arc<OwnerMap>> {
        let map = keeps_ids(&record.isolation).then(native::kept_ids)?;
        // With one id alone all files are root's, who is the caller.
        (map.users.len() > 1).then(|| Arc::new(map))
    }

    /// How the kernel's files of a container are opened.
    pub(super) fn kernel_options(&self, record: &ContainerRecord, read_only: bool) -> KernelOptions {
        KernelOptions { read_only, owners: self.owners(record) }
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
