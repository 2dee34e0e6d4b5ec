//! Native containers on Linux.

mod container;
mod files;
mod image;
mod launch;
mod mounts;
mod options;
mod plan;
mod seccomp;

pub use container::{Native, enter, is_alive};
pub use files::{running_root, stopped_root};
