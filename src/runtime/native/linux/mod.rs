//! Native containers on Linux.

mod container;
mod image;
mod launch;
mod mounts;
mod options;
mod plan;
mod processes;
mod seccomp;

pub use container::{Native, enter, is_alive, signal};
pub use processes::processes;
