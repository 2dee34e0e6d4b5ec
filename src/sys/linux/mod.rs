//! What only Linux has: namespaces, mounts, processes that enter them.

pub mod seccomp;
