//! Files that appear whole or not at all.

use std::io;
use std::path::Path;
use std::time::Duration;

use tempfile::NamedTempFile;

use super::directory;

/// Makes the names in `folder` durable, where the system has a way to.
pub fn sync_directory(folder: &Path) -> io::Result<()> {
    directory::sync(folder)
}

/// Makes `folder` with its parents; what is made belongs to the current user alone.
pub fn create_private_directory(folder: &Path) -> io::Result<()> {
    directory::create_private(folder)
}

/// Whether `folder` is a directory that only the current user can write to, as far as the system tells.
pub fn is_private_directory(folder: &Path) -> io::Result<bool> {
    directory::is_private(folder)
}

/// Makes `bytes` the content of `path`, atomically and durably: whoever opens `path` sees the old content or the new.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut temporary = NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut temporary, bytes)?;
    publish(temporary, path)
}

/// Gives a complete file the name `path`, atomically and durably. It must lie on the same file system.
///
/// Where the system does not replace a file that somebody has open, it is tried again for a quarter of a second. One that
/// is mapped stays as it is: [`is_in_use`].
pub fn publish(temporary: NamedTempFile, path: &Path) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    temporary.as_file().sync_all()?;
    let mut temporary = temporary.into_temp_path();
    let mut waits = (0..8).map(|doubled| Duration::from_millis(1 << doubled));
    while let Err(failed) = temporary.persist(path) {
        match waits.next() {
            Some(wait) if is_in_use(&failed.error) => std::thread::sleep(wait),
            _ => return Err(failed.error),
        }
        temporary = failed.path;
    }
    sync_directory(folder)
}

/// Whether a file could not be replaced or removed because somebody has it open, or mapped. That is so on Windows alone.
pub fn is_in_use(error: &io::Error) -> bool {
    directory::is_in_use(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_replaced_is_seen_whole_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        replace(&path, b"one").unwrap();
        let old = std::fs::File::open(&path).unwrap();
        replace(&path, b"three").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"three");
        assert_eq!(io::read_to_string(old).unwrap(), "one");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_published_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let temporary = NamedTempFile::new_in(folder.path()).unwrap();
        assert!(publish(temporary, &folder.path().join("missing/f")).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
