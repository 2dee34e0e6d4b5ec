//! Filters of system calls: profiles become programs of the kernel's, without libseccomp.

mod abi;
mod cache;
mod compile;
mod default;
mod program;
mod syscalls;
#[cfg(test)]
mod tests;

use std::path::Path;

use crate::oci::runtime::Seccomp;
use crate::runtime::native::CapSet;
use crate::sys::linux::seccomp::SockFilter;

use abi::Abi;

/// A filter that is ready to be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    /// The program: at least one instruction, at most 4096.
    pub program: Vec<SockFilter>,
    /// `SECCOMP_FILTER_FLAG_…`.
    pub flags: u32,
    /// Who decides about some calls. Where it is somebody, loading gives the descriptor that is to be sent there.
    pub listener: Option<Listener>,
}

/// Who decides about calls of a container: config-linux.md "Seccomp", `listenerPath`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listener {
    /// A Unix socket.
    pub path: String,
    /// A text that is sent with the descriptor.
    pub metadata: String,
}

/// The filter of a profile, with the outcome that it has under runc: rules for names that are not known are left out, and
/// calls that are newer than all in the profile fail with `ENOSYS`.
pub(super) fn compile(profile: &Seccomp) -> Result<Filter, String> {
    compile::compile(profile, Abi::native()?)
}

/// The same, from the files in `folder` where it was compiled before; the folder is made where there is none. Files that are
/// broken, and folders that others can write to, are passed over.
pub(super) fn cached(profile: &Seccomp, folder: Option<&Path>) -> Result<Filter, String> {
    match folder {
        Some(folder) => cache::cached(profile, Abi::native()?, folder),
        None => compile(profile),
    }
}

/// The filter of Docker's default profile, for a process with these capabilities in its bounding set. It fails only on
/// machines whose system calls are not known here.
pub(super) fn default_filter(capabilities: CapSet) -> Result<Filter, String> {
    default::default_filter(capabilities, Abi::native()?)
}
