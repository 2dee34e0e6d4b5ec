//! Files that appear whole or not at all.

use std::fs::File;
use std::io;
use std::path::Path;

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
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut temporary, bytes)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    sync_directory(folder)
}

/// Moves a complete, closed file to `path` atomically and durably. The file must lie on the same file system.
pub fn publish(temporary: &Path, path: &Path) -> io::Result<()> {
    File::options().read(true).write(true).open(temporary)?.sync_all()?;
    std::fs::rename(temporary, path)?;
    sync_directory(path.parent().ok_or(io::ErrorKind::InvalidInput)?)
}
