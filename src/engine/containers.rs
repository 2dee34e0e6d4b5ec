//! The verbs on containers that are there: list, remove, wait, diff.

use std::ops::ControlFlow;

use super::Engine;
use super::error::{Error, Result};
use crate::runtime::Signal;
use crate::store::{ContainerRecord, Status, StoredContainer};
use crate::vfs::{ChangeKind, GuestPath, InodeRef, NameBuf};

/// A container with its name and how it goes.
pub type Container = StoredContainer;

/// One line of `diff`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffLine {
    /// Added, modified or deleted.
    pub kind: ChangeKind,
    /// The path.
    pub path: GuestPath,
}

impl Engine {
    /// All containers, newest first.
    pub fn containers(&self) -> Result<Vec<Container>> {
        let mut containers = self.store.containers()?;
        containers.sort_by(|a, b| (&b.record.created, &b.record.id).cmp(&(&a.record.created, &a.record.id)));
        Ok(containers.into_iter().map(|container| self.with_pause(container)).collect())
    }

    /// The container of a name, an id, or the beginning of an id.
    pub fn container(&self, key: &str) -> Result<Container> {
        let found = self.store.find_container(key).map(|container| self.with_pause(container));
        found.map_err(|error| {
            let error = Error::from(error);
            match error.kind {
                super::ErrorKind::NotFound => Error::not_found(format!("no such container: {key}"))
                    .hint("`cowbox ps -a` lists the containers that are there"),
                _ => error,
            }
        })
    }

    /// Removes a container that does not run; with `force` it is killed first. With `volumes` its anonymous volumes go too.
    pub fn remove(&self, key: &str, force: bool, volumes: bool) -> Result<()> {
        let container = self.container(key)?;
        self.become_root_for(&container.record)?;
        let id = &container.record.id;
        if force {
            self.kill_to_end(id)?;
        } else if container.state.status == Status::Running {
            return Err(Error::conflict(format!(
                "cannot remove container {:?}: container is running: stop the container before removing or force remove",
                container.name
            )));
        }
        if self.store.container(id).is_err() {
            // It was created to go by itself when it ends.
            return Ok(());
        }
        let lock = self.store.lock_container(id)?;
        if lock.is_none() {
            return Err(Error::conflict(format!("container {} is in use by another process", id.short())));
        }
        self.remove_cgroup(&container.record)?;
        drop(lock);
        self.store.remove_container(id)?;
        if volumes {
            self.remove_anonymous_volumes(&container.record);
        }
        Ok(())
    }

    /// Removes what is stored of a container that goes when it ends.
    pub(super) fn remove_stored(&self, record: &ContainerRecord) -> Result<()> {
        self.store.remove_container(&record.id)?;
        self.remove_anonymous_volumes(record);
        Ok(())
    }

    /// Sends a signal to the first process of a container that another process runs. With [`Signal::KILL`] it returns when
    /// the container has ended.
    pub fn kill(&self, key: &str, signal: Signal) -> Result<()> {
        let container = self.container(key)?;
        if container.state.status != Status::Running {
            let message =
                format!("cannot kill container: {key}: container {} is not running", container.record.id.short());
            return Err(Error::conflict(message));
        }
        self.become_root_for(&container.record)?;
        match signal {
            Signal::KILL => self.kill_to_end(&container.record.id),
            signal => self.send(&container, signal),
        }
    }

    /// Waits until a container has ended, and returns its exit code.
    pub fn wait(&self, key: &str) -> Result<i32> {
        let id = self.container(key)?.record.id;
        // Before its state is read: who removes it as it ends leaves the exit code there.
        let watched = self.store.watch_container(&id);
        let is_over = self.store.container(&id).is_ok_and(|container| container.state.status != Status::Running);
        if let Some(watched) = watched.as_ref().filter(|_| !is_over) {
            watched.wait(None)?;
        }
        self.settle(&id)?;
        let left = || watched.and_then(|watched| watched.left(id.as_str()).transpose()).transpose();
        match self.store.container(&id) {
            Err(gone) => left()?.ok_or(gone.into()),
            Ok(container) => Ok(container.state.exit_code),
        }
    }

    /// What a container changed of its image, parents first. Of what is gone with a directory the directory alone is told.
    pub fn diff(&self, key: &str) -> Result<Vec<DiffLine>> {
        self.with_files(key, |files| {
            let (mut lines, changes) = (Vec::new(), files.changes()?);
            let is_replaced = changes.iter().any(|change| change.opaque);
            let image = is_replaced.then(|| self.tree_of(&files.container.record)).transpose()?;
            // That something changed at the root is no news.
            for change in changes.into_iter().filter(|change| !change.path.is_root()) {
                lines.push(DiffLine { kind: change.kind, path: change.path.clone() });
                if let (true, Some(dir), Some(image)) = (change.opaque, change.inode, &image) {
                    let replaced = lookup(image.clone(), &change.path)?;
                    lines.extend(gone(&replaced, &dir, &change.path)?);
                }
            }
            Ok(lines)
        })
    }
}

/// What is at a path none of whose names is a symbolic link.
fn lookup(root: InodeRef, path: &GuestPath) -> Result<InodeRef> {
    Ok(path.names().try_fold(root, |dir, name| dir.lookup(name))?)
}

/// What was in a directory that another one has replaced, and is in that no more.
fn gone(replaced: &InodeRef, dir: &InodeRef, path: &GuestPath) -> Result<Vec<DiffLine>> {
    let mut names = Vec::new();
    replaced.read_dir(0, &mut |entry| {
        names.push(entry.name.to_owned());
        ControlFlow::Continue(())
    })?;
    names.sort_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
    names.retain(|name| dir.lookup(name.as_name()).is_err());
    let line = |name: &NameBuf| Ok(DiffLine { kind: ChangeKind::Deleted, path: path.join(name.as_name())? });
    names.iter().map(line).collect()
}
