//! Native containers on Linux.

mod binds;
mod cgroup;
mod cgroup_mounts;
mod container;
mod doctor;
mod enter;
mod explain;
mod files;
mod hooks;
mod id_maps;
mod image;
mod labels;
mod launch;
mod lifecycle;
mod mapped;
mod module;
mod mounts;
mod namespaces;
mod options;
mod plan;
mod process;
mod processes;
mod root;
mod rootless;
mod seccomp;

pub use crate::sys::linux::ahead::NetworkAhead;
pub use cgroup::{clean_up, clean_up_at, is_paused, limitable, pausable, pause, unpause, update};
pub use container::{Native, enter, is_alive, signal};
pub use doctor::checks;
pub use files::{running_root, stopped_root};
pub use image::can_mount_images;
pub use namespaces::begin_network;
pub use processes::processes;
pub use rootless::{become_root, caller, ids_set_aside, is_in_user_namespace, kept_ids, last_group, may_set_groups};
