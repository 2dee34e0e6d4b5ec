//! What only Linux has: namespaces, mounts, processes that enter them.

pub mod ahead;
mod calls;
pub mod cgroup;
pub mod cgroup_device;
pub mod channel;
pub mod clone;
mod copy_up;
pub mod detached;
mod find;
pub mod flags;
mod home;
mod hook;
pub mod id_maps;
mod ids;
mod init;
pub mod loop_device;
pub mod mount_table;
mod mounts_raw;
mod near;
mod place;
pub mod process;
pub mod script;
pub mod seccomp;
pub mod socket;
mod steps;
pub mod users;
pub mod window;
