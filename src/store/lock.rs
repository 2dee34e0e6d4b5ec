//! File locks between processes: who adds holds the store shared, who removes holds it alone.
//!
//! Lock order: the store's lock, then the lock of the names of images, of the ids or of the renaming of containers, then that of one container or volume.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::error::{Context, Result};

/// How often who waits for a lock looks whether its holder is still there.
const LOOK: Duration = Duration::from_millis(100);

/// A lock that is held until the value is dropped, also by a process that is killed.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Leaves a number in the file under the holder's name, for those who [watch](Watched) this lock.
    pub fn leave(&self, name: &str, number: i32) -> io::Result<()> {
        // Lines of holders before stay: to cut the file off would have the disk written to before it can be closed.
        (&self.file).write_all(format!("{name} {number}\n").as_bytes())
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

/// A lock that is waited for. The file that was opened is the holder's also when its name is gone, and others may have it since.
#[derive(Debug)]
pub struct Watched {
    file: File,
    path: PathBuf,
}

/// Watches a lock; none where there is no file.
pub(crate) fn watch(path: &Path) -> Option<Watched> {
    let file = File::open(path).ok()?;
    Some(Watched { file, path: path.to_owned() })
}

impl Watched {
    /// Waits until the holder has let go of the lock, for this time at most: whether it has.
    pub fn wait(&self, time: Option<Duration>) -> Result<bool> {
        // A time beyond all clocks never ends.
        let deadline = time.and_then(|time| Instant::now().checked_add(time));
        if !self.is_held() {
            return Ok(true);
        }
        let file = self.file.try_clone().context("wait for", &self.path)?;
        let (tell, told) = mpsc::channel();
        // Locks know no time limits. Where the time is over, the thread ends with the lock that it waits for, or this process.
        std::thread::Builder::new()
            .spawn(move || {
                let locked = file.lock_shared().and_then(|()| file.unlock());
                // Nobody listens any more where the time is over.
                let _ = tell.send(locked);
            })
            .context("wait for", &self.path)?;
        loop {
            let left = deadline.map_or(LOOK, |deadline| deadline.saturating_duration_since(Instant::now()).min(LOOK));
            match told.recv_timeout(left) {
                Ok(locked) => return locked.context("wait for", &self.path).map(|()| true),
                // It is not the holder any more who keeps the lock.
                Err(_) if !self.path.exists() => return Ok(true),
                Err(_) if deadline.is_some_and(|deadline| Instant::now() >= deadline) => return Ok(false),
                Err(_) => {}
            }
        }
    }

    /// The number that the holder [left](Lock::leave) under this name.
    pub fn left(&self, name: &str) -> Result<Option<i32>> {
        let mut text = String::new();
        let read = (&self.file).rewind().and_then(|()| (&self.file).read_to_string(&mut text));
        read.context("read", &self.path)?;
        Ok(text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok()))
    }

    fn is_held(&self) -> bool {
        match self.file.try_lock_shared() {
            Ok(()) => self.file.unlock().is_err(),
            Err(error) => matches!(error, TryLockError::WouldBlock),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_told_what_the_holder_left_where_the_file_is_gone_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = try_exclusive_past_lookers(&path).unwrap().unwrap();
        assert!(is_held(&path) && try_exclusive_past_lookers(&path).unwrap().is_none());
        let watched = watch(&path).unwrap();
        assert!(!watched.wait(Some(Duration::ZERO)).unwrap());
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| watched.wait(None).unwrap());
            lock.leave("other", 1).unwrap();
            lock.leave("one", 143).unwrap();
            std::fs::remove_file(&path).unwrap();
            drop(lock);
            assert!(waits.join().unwrap());
        });
        assert_eq!((watched.left("one").unwrap(), watched.left("on").unwrap()), (Some(143), None));
        assert!(watch(&path).is_none());
    }

    #[test]
    fn who_waits_does_not_wait_for_who_has_the_file_next() {
        let folder = tempfile::tempdir().unwrap();
        let (path, next) = (folder.path().join("lock"), folder.path().join("next"));
        let lock = try_exclusive_past_lookers(&path).unwrap().unwrap();
        let watched = watch(&path).unwrap();
        lock.leave("one", 3).unwrap();
        std::fs::rename(&path, &next).unwrap();
        lock.leave("two", 4).unwrap();
        assert!(watched.wait(None).unwrap() && is_held(&next));
        assert!(watched.wait(Some(Duration::MAX)).unwrap());
        assert_eq!(watched.left("one").unwrap(), Some(3));
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
