//! cowbox runs programs from container images, copy-on-write, without a VM and without a daemon.
//!
//! The modules, from the bottom up; each imports only what stands below it (`docs/architecture.md` has the table, and
//! `tests/architecture.rs` keeps it).

pub mod archive;
#[cfg(feature = "cli")]
pub mod cli;
pub mod engine;
pub mod erofs;
pub mod kernel;
pub mod oci;
pub mod runtime;
pub mod store;
pub mod sys;
pub mod vfs;
