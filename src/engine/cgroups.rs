//! The cgroups of native containers that are there: stopping their processes for a while, removing what is
//! left.

use serde::Deserialize;

use super::error::{Error, Result};
use super::resources::cgroups_path;
use super::{Container, Engine};
use crate::runtime::InitProcess;
use crate::runtime::native::{self, CgroupRecord};
use crate::store::{self, ContainerId, ContainerRecord, ContainerState, Status};

impl Engine {
    /// Stops all processes of a native container that runs, until [`Engine::unpause`].
    pub fn pause(&self, key: &str) -> Result<()> {
        let container = self.container(key)?;
        if container.record.runtime != "native" {
            return Err(Error::invalid(format!("container {key} is one of WASI programs: it cannot be paused"))
                .hint(format!("end it with `cowbox stop {key}`")));
        }
        let init = container.state.init.filter(|_| container.state.status == Status::Running);
        let init = init.ok_or_else(|| Error::conflict(format!("container {key} is not running")))?;
        if container.state.paused {
            return Err(Error::conflict(format!("container {key} is already paused")));
        }
        self.become_root()?;
        let id = &container.record.id;
        let known = cgroup_of(id, &container.state)?;
        let cgroup = native::pausable(known.clone(), &cgroups_path(&container.record))?;
        self.keep_cgroup(&container, known.as_ref(), &cgroup)?;
        native::pause(InitProcess { pid: init.pid, start_time: init.start_time }, &cgroup)?;
        Ok(())
    }

    /// Stops all processes of a native container that runs for as long as what is returned lives. None where there is nothing to
    /// stop: a container that does not run, is paused already, or is one of WASI programs. Where this process is killed, the
    /// container stays paused.
    pub fn hold(&self, key: &str) -> Result<Option<Held<'_>>> {
        let container = self.container(key)?;
        let runs = container.state.status == Status::Running && !container.state.paused;
        if !runs || container.record.runtime != "native" {
            return Ok(None);
        }
        let id = container.record.id.clone();
        self.pause(id.as_str())?;
        Ok(Some(Held { engine: self, id }))
    }

    /// Writes down that a container has these cgroups, so that they are removed with it.
    pub(super) fn keep_cgroup(
        &self,
        container: &Container,
        known: Option<&CgroupRecord>,
        cgroup: &CgroupRecord,
    ) -> Result<()> {
        if known == Some(cgroup) {
            return Ok(());
        }
        let id = &container.record.id;
        // What it says now: the container may have ended meanwhile.
        let state = self.store.written_state(id)?;
        if state.status != Status::Running {
            return Err(Error::conflict(format!("container {} is not running", container.name)));
        }
        Ok(self.store.set_container_state(id, &ContainerState { cgroup: to_value(cgroup), ..state })?)
    }

    /// Lets the processes of a container go on.
    pub fn unpause(&self, key: &str) -> Result<()> {
        let container = self.container(key)?;
        match container.state.paused {
            true => self.become_root().and_then(|()| self.unpause_stored(&container)),
            false => Err(Error::conflict(format!("container {key} is not paused"))),
        }
    }

    /// Lets the processes of a container go on that was found to be paused.
    pub(super) fn unpause_stored(&self, container: &Container) -> Result<()> {
        match cgroup_of(&container.record.id, &container.state)? {
            Some(cgroup) => Ok(native::unpause(&cgroup)?),
            None => Ok(()),
        }
    }

    /// The container with the word on whether it is paused, which the kernel has.
    pub(super) fn with_pause(&self, mut container: Container) -> Container {
        if container.state.status == Status::Running && container.record.runtime == "native" {
            let cgroup = cgroup_of(&container.record.id, &container.state).ok().flatten();
            container.state.paused = cgroup.is_some_and(|cgroup| native::is_paused(&cgroup));
        }
        container
    }

    /// Removes the cgroups of a container that does not run, with what is still in them: also those that were left when the
    /// process that ran it was killed.
    pub(super) fn remove_cgroup(&self, record: &ContainerRecord) -> Result<()> {
        let state = self.store.written_state(&record.id)?;
        if let Some(cgroup) = cgroup_of(&record.id, &state)? {
            native::clean_up(&cgroup)?;
            self.store.set_container_state(&record.id, &ContainerState { cgroup: None, ..state })?;
        }
        // It may have been killed after it made them and before it wrote down where. No process was in them yet.
        match record.runtime == "native" && self.store.has_native_folders(&record.id) {
            true => Ok(native::clean_up_at(&cgroups_path(record))?),
            false => Ok(()),
        }
    }
}

/// A container whose processes are stopped. They go on when this is dropped.
pub struct Held<'e> {
    engine: &'e Engine,
    id: ContainerId,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // One that has ended meanwhile, or that somebody else let go on, is not paused.
        let _ = self.engine.unpause(self.id.as_str());
    }
}

/// Where the cgroups of a container are.
pub(super) fn cgroup_of(id: &ContainerId, state: &ContainerState) -> Result<Option<CgroupRecord>> {
    let damaged = |error| store::Error::damaged(format!("the cgroups of container {}", id.short()), error).into();
    state.cgroup.as_ref().map(|cgroup| CgroupRecord::deserialize(cgroup).map_err(damaged)).transpose()
}

/// Cgroups as a state has them.
pub(super) fn to_value(cgroup: &CgroupRecord) -> Option<serde_json::Value> {
    // It is texts, of which JSON can be made.
    serde_json::to_value(cgroup).ok()
}
