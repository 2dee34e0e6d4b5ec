//! Device files of the host.

#[cfg_attr(target_os = "linux", path = "device_linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "device_other.rs")]
mod system;

pub use system::{device, devices};

/// A device file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its path.
    pub path: String,
    /// Whether it is a block device; a character device otherwise.
    pub is_block: bool,
    /// The major number.
    pub major: u32,
    /// The minor number.
    pub minor: u32,
    /// The permission bits.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The owning group.
    pub gid: u32,
}
