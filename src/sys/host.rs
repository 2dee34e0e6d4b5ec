//! Host files as guests see them: what differs between systems.

use super::host_system;

pub use host_system::{
    OPEN_DIRECTORIES_STAY, change_mode, details, error_kind, link_to_guest, name_from_guest, name_to_guest,
    set_directory_mode, set_directory_times, set_file_mode, symlink,
};

/// What a host file has besides length and times.
#[derive(Clone, Copy, Debug)]
pub struct HostDetails {
    /// Device and inode number, where the system tells.
    pub identity: Option<(u64, u64)>,
    /// `st_mode`.
    pub mode: u32,
    /// How many names the file has.
    pub nlink: u64,
    /// The owner; 0 where the system has no such numbers.
    pub uid: u32,
    /// The group; 0 where the system has no such numbers.
    pub gid: u32,
    /// The last change of the attributes: seconds and nanoseconds.
    pub ctime: Option<(i64, u32)>,
}
