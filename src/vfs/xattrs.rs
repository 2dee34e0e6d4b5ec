//! `Xattrs`: the extended attributes of one inode in memory.

use std::collections::BTreeMap;

use super::errno::{Errno, Result};

/// The longest name (Linux `XATTR_NAME_MAX`).
const XATTR_NAME_MAX: usize = 255;
/// The longest value (Linux `XATTR_SIZE_MAX`).
const XATTR_SIZE_MAX: usize = 64 << 10;
/// What the names and values of one inode may take together.
const XATTRS_SIZE_MAX: usize = 256 << 10;

/// Names and values, in byte order of the names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Xattrs(BTreeMap<Box<[u8]>, Box<[u8]>>);

impl Xattrs {
    /// The value of `name`.
    pub(super) fn value(&self, name: &[u8]) -> Result<Vec<u8>> {
        self.0.get(name).map(|value| value.to_vec()).ok_or(Errno::NoData)
    }

    /// Sets `name`, within the limits of Linux.
    pub(super) fn set(&mut self, name: &[u8], value: &[u8]) -> Result<()> {
        if name.is_empty() || name.len() > XATTR_NAME_MAX || name.contains(&0) {
            return Err(Errno::Range);
        }
        if value.len() > XATTR_SIZE_MAX {
            return Err(Errno::TooBig);
        }
        let replaced = self.0.get(name).map_or(0, |value| name.len() + value.len());
        if self.size() - replaced + name.len() + value.len() > XATTRS_SIZE_MAX {
            return Err(Errno::NoSpc);
        }
        self.0.insert(name.into(), value.into());
        Ok(())
    }

    /// All names.
    pub(super) fn names(&self) -> Vec<Vec<u8>> {
        self.0.keys().map(|name| name.to_vec()).collect()
    }

    /// Removes `name`.
    pub(super) fn remove(&mut self, name: &[u8]) -> Result<()> {
        self.0.remove(name).map(drop).ok_or(Errno::NoData)
    }

    /// The bytes of all names and values.
    pub(super) fn size(&self) -> usize {
        self.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    /// All names and values.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}
