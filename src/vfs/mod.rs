//! Guest files: the inode contract, what implements it, and the walk from paths to inodes.
//!
//! This module knows nothing of images: [`erofs`](crate::erofs) brings a merged image in as one more [`Inode`].

mod attr;
mod change;
mod chunks;
#[cfg(test)]
pub(crate) mod contract;
mod devfs;
mod devpts;
mod errno;
mod etc;
mod fixed;
mod hostdir;
mod inode;
mod kernel_dir;
mod listing;
mod memfs;
mod overlay;
mod path;
mod procfs;
mod resolve;
mod rules;
mod upper;
mod xattrs;

pub use attr::{Attr, Device, FileKind, FsStat, SetAttr, Timespec, new_dev};
pub use change::{Change, ChangeKind};
pub use devfs::devfs;
pub use errno::{Errno, Result};
pub use etc::{etc_hostname, etc_hosts, etc_resolv_conf, memfile};
pub use hostdir::{HostOptions, host};
pub use inode::{ContentId, Cookie, DirEntry, Inode, InodeRef, NewInode, NewKind, RenameMode, downcast, same_inode};
pub use kernel_dir::{KernelOptions, OwnerMap, kernel_dir};
pub use memfs::{MemFsOptions, memfs};
pub use overlay::Overlay;
pub use path::{GuestPath, NAME_MAX, Name, NameBuf, PATH_MAX};
pub use procfs::{ProcEntry, ProcInfo, ProcessSource, Processes, procfs};
pub use resolve::{Follow, Namespace, Place, Scope, Walked};
pub use upper::{Upper, UpperCause, UpperError, UpperOptions};
