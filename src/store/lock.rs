//! File locks between processes: who adds holds the store shared, who removes holds it alone.
//!
//! Lock order: the store's lock, then the lock of the names of images or of the ids of containers, then that of one container or volume.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use super::error::{Context, Result};

/// A lock that is held until the value is dropped, also by a process that is killed.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Leaves a number in the file, for those who wait for this lock.
    pub fn leave(&self, number: i32) -> io::Result<()> {
        // The last line counts. To cut the file off would have the disk written to before it can be closed.
        (&self.file).write_all(format!("{number}\n").as_bytes())
    }
}

/// A lock with others who hold it shared.
pub(crate) fn shared(path: &Path) -> Result<Lock> {
    let file = open(path)?;
    file.lock_shared().context("lock", path)?;
    Ok(Lock { file })
}

/// A lock that nobody else holds; waits for those who do.
pub(crate) fn exclusive(path: &Path) -> Result<Lock> {
    let file = open(path)?;
    file.lock().context("lock", path)?;
    Ok(Lock { file })
}

/// As [`exclusive`], or none where somebody holds it.
pub(crate) fn try_exclusive(path: &Path) -> Result<Option<Lock>> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock { file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error).context("lock", path),
    }
}

/// As [`try_exclusive`], where those who hold the lock shared only look whether somebody holds it, and let go at once.
pub(crate) fn try_exclusive_past_lookers(path: &Path) -> Result<Option<Lock>> {
    loop {
        match try_exclusive(path)? {
            None if is_held(path) => return Ok(None),
            None => std::thread::yield_now(),
            lock => return Ok(lock),
        }
    }
}

/// Whether somebody holds the lock exclusively. A file that does not exist is not locked.
pub(crate) fn is_held(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Waits until nobody holds the lock exclusively, for this time at most: whether nobody does.
pub(crate) fn wait_for(path: &Path, time: Duration) -> Result<bool> {
    if !is_held(path) {
        return Ok(true);
    }
    let Ok(file) = File::open(path) else { return Ok(true) };
    let (tell, told) = mpsc::channel();
    // Locks know no time limits. Where the time is over, the thread ends with the lock that it waits for, or this process.
    std::thread::Builder::new()
        .spawn(move || {
            // Nobody listens any more where the time is over.
            let _ = tell.send(file.lock_shared());
        })
        .context("wait for", path)?;
    match told.recv_timeout(time) {
        Ok(locked) => locked.context("wait for", path).map(|()| true),
        Err(_) => Ok(false),
    }
}

/// Waits until nobody holds the lock exclusively; then the number that the last holder [left](Lock::leave), also where it
/// has removed the file.
pub(crate) fn wait(path: &Path) -> Result<Option<i32>> {
    match File::open(path) {
        Ok(file) => read_when_free(file, path),
        Err(_) => Ok(None),
    }
}

fn read_when_free(mut file: File, path: &Path) -> Result<Option<i32>> {
    file.lock_shared().context("wait for", path)?;
    let mut text = String::new();
    file.read_to_string(&mut text).context("read", path)?;
    Ok(text.lines().last().and_then(|line| line.parse().ok()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_told_what_the_holder_left_where_the_file_is_gone_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = try_exclusive_past_lookers(&path).unwrap().unwrap();
        assert!(is_held(&path) && try_exclusive_past_lookers(&path).unwrap().is_none());
        assert!(!wait_for(&path, Duration::ZERO).unwrap());
        std::thread::scope(|scope| {
            let file = File::open(&path).unwrap();
            let waits = scope.spawn(move || read_when_free(file, Path::new("lock")).unwrap());
            lock.leave(143).unwrap();
            std::fs::remove_file(&path).unwrap();
            drop(lock);
            assert_eq!(waits.join().unwrap(), Some(143));
        });
        assert_eq!(wait(&path).unwrap(), None);
        assert!(wait_for(&path, Duration::ZERO).unwrap());
    }

    #[test]
    fn who_only_looks_keeps_nobody_from_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let looker = shared(&path).unwrap();
        std::thread::scope(|scope| {
            let takes = scope.spawn(|| try_exclusive_past_lookers(&path).unwrap().is_some());
            drop(looker);
            assert!(takes.join().unwrap());
        });
    }
}
