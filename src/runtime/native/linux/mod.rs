//! Native containers on Linux.

mod cgroup;
mod container;
mod image;
mod launch;
mod mounts;
mod options;
mod plan;
mod seccomp;

pub use cgroup::{clean_up, is_paused, pausable, pause, unpause, update};
pub use container::{Native, enter, is_alive};
