//! `Change`: one difference between a file system and what it was copied from.

use std::fmt;

use super::inode::InodeRef;
use super::path::GuestPath;

/// What happened to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// Nothing was there before.
    Added,
    /// Something was there before: it has another content, other attributes, other children, or was replaced.
    Modified,
    /// What was there is gone.
    Deleted,
}

/// One changed path, as `Upper::changes` reports it.
#[derive(Clone)]
pub struct Change {
    /// Where.
    pub path: GuestPath,
    /// What happened.
    pub kind: ChangeKind,
    /// What is there now; none where it was deleted.
    pub inode: Option<InodeRef>,
    /// A directory that replaces another directory: nothing of the old one shows through, and all it holds is reported.
    pub opaque: bool,
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}{}", self.kind, self.path, if self.opaque { " opaque" } else { "" })
    }
}
