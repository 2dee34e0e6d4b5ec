//! Native containers where there are none: on systems that are not Linux, and in builds without them.

use std::path::Path;

use super::lifecycle::{Afterwards, ContainerState, ExecRequest, Id, Lifecycle, StartOptions};
use crate::oci::runtime::{Features, Namespace, Resources};
use crate::runtime::native::{CgroupRecord, Entry, HostProcess, OverlayRoot};
use crate::runtime::{
    Bundle, Check, Container, Error, ErrorKind, InitProcess, Result, Running, Runtime, Signal, Stdio, TerminalSize,
};
use crate::vfs::{InodeRef, KernelOptions, OwnerMap};

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

/// The network of a container that is not there.
#[derive(Debug)]
pub enum NetworkAhead {}

/// None: there are no containers.
pub fn begin_network(_: &[Namespace]) -> Option<NetworkAhead> {
    None
}

/// An error: there is no container that could be entered.
pub fn enter(_: InitProcess, _: Entry<'_>, _: Stdio, _: Option<TerminalSize>) -> Result<Box<dyn Running>> {
    Err(absent())
}

/// An error: no container runs.
pub fn running_root(_: InitProcess, _: &KernelOptions) -> Result<InodeRef> {
    Err(absent())
}

/// An error: there are no containers.
pub fn stopped_root(_: &OverlayRoot, _: bool, _: &KernelOptions) -> Result<InodeRef> {
    Err(absent())
}

/// Nothing to do: there are no containers that need it.
pub fn become_root(_: &Path) -> Result<()> {
    Ok(())
}

/// Never.
pub fn is_in_user_namespace() -> bool {
    false
}

/// Always.
pub fn may_set_groups() -> bool {
    true
}

/// None: whoever runs cowbox is the same everywhere.
pub fn caller() -> (u32, u32) {
    (0, 0)
}

/// Nothing is mapped.
pub fn kept_ids() -> OwnerMap {
    OwnerMap::default()
}

/// None.
pub fn ids_set_aside(_: &[&str]) -> [Vec<(u32, u32)>; 2] {
    [Vec::new(), Vec::new()]
}

/// The last that there can be.
pub fn last_group() -> u32 {
    i32::MAX as u32
}

/// Nothing that could be looked at.
pub fn checks(_: &Path) -> Vec<Check> {
    Vec::new()
}

/// Never.
pub fn can_mount_images() -> bool {
    false
}

/// Never.
pub fn is_alive(_: InitProcess) -> bool {
    false
}

#[expect(missing_docs, reason = "the twin says what they do, and these do nothing")]
impl Lifecycle {
    pub fn create(&self, _id: &Id, _bundle: &Path, _options: &StartOptions) -> Result<()> {
        Err(absent())
    }

    pub fn run(&self, _id: &Id, _bundle: &Path, _options: &StartOptions, _then: Afterwards) -> Result<i32> {
        Err(absent())
    }

    pub fn start(&self, _id: &Id) -> Result<()> {
        Err(absent())
    }

    pub fn exec(&self, _id: &Id, _request: ExecRequest) -> Result<i32> {
        Err(absent())
    }

    pub fn kill(&self, _id: &Id, _signal: i32, _all: bool) -> Result<()> {
        Err(absent())
    }

    pub fn delete(&self, _id: &Id, _force: bool) -> Result<()> {
        Err(absent())
    }

    pub fn state(&self, _id: &Id) -> Result<ContainerState> {
        Err(absent())
    }

    pub fn list(&self) -> Result<Vec<ContainerState>> {
        Err(absent())
    }

    pub fn processes(&self, _id: &Id) -> Result<Vec<u32>> {
        Err(absent())
    }

    pub fn pause(&self, _id: &Id) -> Result<()> {
        Err(absent())
    }

    pub fn resume(&self, _id: &Id) -> Result<()> {
        Err(absent())
    }

    pub fn update(&self, _id: &Id, _resources: &Resources) -> Result<()> {
        Err(absent())
    }

    pub fn stats(&self, _id: &Id) -> Result<serde_json::Value> {
        Err(absent())
    }

    pub fn oom_kills(&self, _id: &Id) -> Result<u64> {
        Err(absent())
    }

    pub fn features() -> Result<Features> {
        Err(absent())
    }
}

/// An error.
pub fn pausable(_: Option<CgroupRecord>, _: &str) -> Result<CgroupRecord> {
    Err(absent())
}

/// An error.
pub fn limitable(_: Option<CgroupRecord>, _: &str, _: &Resources) -> Result<CgroupRecord> {
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
pub fn update(_: InitProcess, _: &CgroupRecord, _: &Resources) -> Result<()> {
    Err(absent())
}

/// Nothing: there is none.
pub fn clean_up(_: &CgroupRecord) -> Result<()> {
    Ok(())
}

/// Nothing to do: there are none.
pub fn clean_up_at(_: &str) -> Result<()> {
    Ok(())
}

/// An error: there is no container.
pub fn signal(_: InitProcess, _: Signal) -> Result<()> {
    Err(absent())
}

/// An error: there is no container.
pub fn processes(_: InitProcess, _: Option<&CgroupRecord>) -> Result<Vec<HostProcess>> {
    Err(absent())
}
