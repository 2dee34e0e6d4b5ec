//! File locks between processes: who adds holds the store shared, who removes holds it alone.
//!
//! Lock order: the store's lock, then the lock of the names of images, then that of one container or volume.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::error::{Context, Result};

/// A lock that is held until the value is dropped, also by a process that is killed.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// A lock with others who hold it shared.
pub(crate) fn shared(path: &Path) -> Result<Lock> {
    let file = open(path)?;
    file.lock_shared().context("lock", path)?;
    Ok(Lock { _file: file })
}

/// A lock that nobody else holds; waits for those who do.
pub(crate) fn exclusive(path: &Path) -> Result<Lock> {
    let file = open(path)?;
    file.lock().context("lock", path)?;
    Ok(Lock { _file: file })
}

/// As [`exclusive`], or none where somebody holds it.
pub(crate) fn try_exclusive(path: &Path) -> Result<Option<Lock>> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error).context("lock", path),
    }
}

/// Whether somebody holds the lock exclusively. A file that does not exist is not locked.
pub(crate) fn is_held(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Waits until nobody holds the lock exclusively.
pub(crate) fn wait(path: &Path) -> Result<()> {
    match File::open(path) {
        Ok(file) => file.lock_shared().context("wait for", path),
        Err(_) => Ok(()),
    }
}

/// Opens the lock file, read-only where the store is: that is enough for a shared lock.
fn open(path: &Path) -> Result<File> {
    File::options()
        .read(true)
        .append(true)
        .create(true)
        .open(path)
        .or_else(|error| File::open(path).map_err(|_| error))
        .context("open", path)
}
