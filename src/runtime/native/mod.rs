//! Native containers: programs of the host's own kernel, kept apart by namespaces, cgroups and filters of system calls.
//!
//! What a container is, is said by an OCI runtime [`Spec`](crate::oci::runtime::Spec), wherever it comes from: the engine makes
//! one of a container's record, `cowbox runtime` reads one from a bundle. Linux alone has such containers.

mod capabilities;
mod interface;
mod lifecycle;

#[cfg_attr(all(target_os = "linux", feature = "native"), path = "linux/mod.rs")]
#[cfg_attr(not(all(target_os = "linux", feature = "native")), path = "absent.rs")]
mod system;

pub use capabilities::CapSet;
pub use interface::{
    CgroupRecord, EndsWith, Entry, HOST_ROOT, HostProcess, ImageFiles, Lower, MadeFiles, ModuleRunner, NativeBundle,
    NativeRoot, OverlayRoot, SeccompChoice, V1Cgroup,
};
pub use lifecycle::{
    Afterwards, ContainerState, Debug, ExecProcess, ExecRequest, Id, Lifecycle, ProcessChanges, StartOptions,
};
pub use system::{
    Native, NetworkAhead, become_root, begin_network, caller, can_mount_images, checks, clean_up, clean_up_at, enter,
    ids_set_aside, is_alive, is_in_user_namespace, is_paused, kept_ids, last_group, limitable, may_set_groups,
    pausable, pause, processes, running_root, signal, stopped_root, unpause, update,
};
