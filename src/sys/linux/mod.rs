//! What only Linux has: namespaces, mounts, processes that enter them.

mod calls;
pub mod cgroup;
pub mod cgroup_device;
pub mod channel;
pub mod clone;
pub mod detached;
mod find;
pub mod flags;
mod ids;
mod init;
mod mounts_raw;
mod place;
pub mod process;
pub mod script;
pub mod seccomp;
mod steps;
