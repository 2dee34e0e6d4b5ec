//! Native containers on Linux.

mod seccomp;
