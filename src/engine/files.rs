//! The files of a container for the verbs that come from outside (`diff`, `commit`, `export`, `cp`), whichever runtime it has.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::error::{About, Error, Result};
use super::{Container, Engine};
use crate::runtime::InitProcess;
use crate::store::Status;
use crate::vfs::{Change, InodeRef, Namespace, Upper};

/// The files of one container.
pub(super) struct ContainerFiles<'e> {
    engine: &'e Engine,
    /// Whose they are.
    pub(super) container: Container,
    kind: Kind,
}

/// Where they are.
enum Kind {
    /// In an upper of ours; the container does not run.
    Upper(Arc<Upper>),
    /// In an upper of the kernel's overlayfs; with the container's first process, where it runs.
    Native(Option<InitProcess>),
}

impl Engine {
    /// Works on the files of a container. One that does not run is kept from running meanwhile; one that runs has to be a
    /// native one.
    pub(super) fn with_files<T>(&self, key: &str, work: impl FnOnce(&ContainerFiles<'_>) -> Result<T>) -> Result<T> {
        let container = self.container(key)?;
        self.become_root_for(&container.record)?;
        let lock = self.store.lock_container(&container.record.id)?;
        if container.record.runtime == "native" {
            let init = if lock.is_none() { Some(self.first_process(&container)?) } else { None };
            return work(&ContainerFiles { engine: self, container, kind: Kind::Native(init) });
        }
        if lock.is_none() {
            return Err(Error::conflict(format!("container {} is running", container.name)).hint(format!(
                "wait for it with `cowbox wait {0}`, or stop it with `cowbox kill {0}`",
                container.name
            )));
        }
        let upper = self.open_upper(&container.record)?;
        let files = ContainerFiles { engine: self, container, kind: Kind::Upper(upper.clone()) };
        let result = work(&files)?;
        upper.flush().about(|| format!("save the files of container {}", files.container.name))?;
        Ok(result)
    }

    /// The first process of a native container that runs.
    pub(super) fn first_process(&self, container: &Container) -> Result<InitProcess> {
        let init = container.state.init.filter(|_| container.state.status == Status::Running);
        let init = init.ok_or_else(|| {
            Error::conflict(format!("container {} is being started, or in use by another process", container.name))
                .hint("try again")
        })?;
        Ok(InitProcess { pid: init.pid, start_time: init.start_time })
    }
}

impl ContainerFiles<'_> {
    /// What the container changed of its image, parents first.
    pub(super) fn changes(&self) -> Result<Vec<Change>> {
        match &self.kind {
            Kind::Upper(upper) => {
                let mut changes = Vec::new();
                upper.changes(&mut |change| {
                    changes.push(change);
                    ControlFlow::Continue(())
                })?;
                Ok(changes)
            }
            Kind::Native(_) => self.engine.native_changes(&self.container.record),
        }
    }

    /// Its root without what is mounted in it, to be read.
    pub(super) fn root(&self) -> Result<InodeRef> {
        match &self.kind {
            Kind::Upper(upper) => Ok(upper.root()),
            Kind::Native(_) => Ok(self.engine.native_overlay(&self.container.record)?.root()),
        }
    }

    /// Works on what a process in the container sees, mounts included.
    pub(super) fn with_namespace<T>(&self, work: impl FnOnce(Arc<Namespace>) -> Result<T>) -> Result<T> {
        let record = &self.container.record;
        match &self.kind {
            Kind::Upper(upper) => {
                let (rootfs, volumes) = self.engine.rootfs(record, upper)?;
                let result = work(rootfs.namespace);
                for volume in &volumes {
                    volume.flush()?;
                }
                result
            }
            Kind::Native(Some(init)) => work(Arc::new(self.engine.running_namespace(record, *init)?)),
            Kind::Native(None) => work(Arc::new(self.engine.stopped_namespace(record)?)),
        }
    }
}
