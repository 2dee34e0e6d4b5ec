//! The folder of one container: made, found, locked, written, removed.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::record::Record;
use crate::runtime::Error;
use crate::runtime::native::lifecycle::{Id, failed};
use crate::runtime::native::system::cgroup::NotedScope;
use crate::runtime::native::system::lifecycle::words::plain;
use crate::sys;
use crate::sys::linux::socket;

/// What is read of a record at most: some times what a configuration can have.
const MAX_RECORD: u64 = 16 << 20;
/// The socket on which a process waits for its start.
const SOCKET: &str = "start.sock";
const RECORD: &str = "state.json";
/// Where the cgroup is being made, for who finds that the creation was broken off.
const CGROUP: &str = "cgroup";

/// The folder of a container, which may be gone meanwhile.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    handle: File,
}

/// A lock on the folder, which lasts until this is dropped.
pub(super) struct Locked<'a>(&'a Folder);

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // Said, and not left to the end of the descriptor: a process that waits for its start has a copy of that.
        let _ = self.0.handle.unlock();
    }
}

/// That there is no such container.
pub(super) const NO_CONTAINER: &str = "container does not exist";

impl Folder {
    /// Makes the folder of a new container.
    pub(super) fn create(root: &Path, id: &Id) -> Result<Folder, Error> {
        let made = sys::durable::create_private_directory(root);
        made.map_err(|error| failed(format!("mkdir {}: {}", root.display(), plain(&error))))?;
        let path = root.join(id.as_str());
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => Folder::at(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(failed("container with given ID already exists"))
            }
            Err(error) => Err(failed(format!("mkdir {}: {}", path.display(), plain(&error)))),
        }
    }

    /// The folder of a container.
    pub(super) fn open(root: &Path, id: &Id) -> Result<Folder, Error> {
        Folder::at(root.join(id.as_str()))
    }

    fn at(path: PathBuf) -> Result<Folder, Error> {
        let unusable = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => failed(NO_CONTAINER),
            _ => failed(format!("open {}: {}", path.display(), plain(&error))),
        };
        // What is in it is trusted: processes are signalled and programs are run because of it.
        if !sys::durable::is_private_directory(&path).map_err(unusable)? {
            return Err(failed(format!("{} is no folder of this user alone", path.display())));
        }
        let handle = File::open(&path).map_err(unusable)?;
        Ok(Folder { path, handle })
    }

    /// Waits until nobody else holds the container.
    pub(super) fn lock(&self) -> Result<Locked<'_>, Error> {
        self.handle.lock().map_err(|error| self.failed("lock", &error))?;
        self.locked()
    }

    /// Holds the container if nobody else does.
    pub(super) fn try_lock(&self) -> Result<Option<Locked<'_>>, Error> {
        match self.handle.try_lock() {
            Ok(()) => self.locked().map(Some),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(self.failed("lock", &error)),
        }
    }

    /// The lock that was just taken, unless who held it before has removed the folder.
    fn locked(&self) -> Result<Locked<'_>, Error> {
        let lock = Locked(self);
        let of = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        let held = self.handle.metadata().map(of).map_err(|error| self.failed("stat", &error))?;
        match std::fs::symlink_metadata(&self.path).map(of) {
            Ok(there) if there == held => Ok(lock),
            _ => Err(failed(NO_CONTAINER)),
        }
    }

    /// The record; none before the container is created.
    pub(super) fn record(&self) -> Result<Option<Record>, Error> {
        let file = match File::open(self.path.join(RECORD)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed("read the state in", &error)),
        };
        let mut bytes = Vec::new();
        file.take(MAX_RECORD).read_to_end(&mut bytes).map_err(|error| self.failed("read the state in", &error))?;
        Record::parse(&bytes).map(Some)
    }

    /// The record of a container that exists.
    pub(super) fn existing(&self) -> Result<Record, Error> {
        self.record()?.ok_or_else(|| failed(NO_CONTAINER))
    }

    /// Makes the container exist.
    pub(super) fn write(&self, record: &Record) -> Result<(), Error> {
        let path = self.path.join(RECORD);
        write_whole(&path, &record.to_bytes()?, 0o600).map_err(|error| self.failed("write the state in", &error))
    }

    /// Notes where the cgroup will be, and the scope that systemd will make, before they are made.
    pub(super) fn note_cgroup(&self, path: &str, scope: Option<(&str, Option<&str>)>) -> Result<(), Error> {
        let (unit, bus) = scope.unzip();
        let lines = [Some(path), unit, bus.flatten()].into_iter().flatten().collect::<Vec<_>>().join("\n");
        let noted = std::fs::write(self.path.join(CGROUP), lines);
        noted.map_err(|error| self.failed("note the cgroup in", &error))
    }

    /// Where a cgroup may have been made, and by which scope; none where that was not begun.
    pub(super) fn noted_cgroup(&self) -> Option<(String, Option<NotedScope>)> {
        // Nothing is made before all of it is written: an empty note was broken off.
        let text = std::fs::read_to_string(self.path.join(CGROUP)).ok().filter(|text| !text.is_empty())?;
        let mut lines = text.split('\n').map(str::to_owned);
        let path = lines.next()?;
        Some((path, lines.next().map(|unit| NotedScope { unit, bus: lines.next() })))
    }

    /// Listens where the start is asked for.
    pub(super) fn listen(&self) -> Result<OwnedFd, Error> {
        socket::listen(self.as_fd(), SOCKET).map_err(|error| self.failed("listen in", &error))
    }

    /// Connects to the process that waits for its start.
    pub(super) fn connect(&self) -> Result<OwnedFd, Error> {
        socket::connect(self.as_fd(), SOCKET).map_err(|error| self.failed("reach the process that waits in", &error))
    }

    /// Whether the process was not started.
    pub(super) fn waits_for_start(&self) -> bool {
        std::fs::symlink_metadata(self.path.join(SOCKET)).is_ok()
    }

    /// Remembers that it was started.
    pub(super) fn note_start(&self) -> Result<(), Error> {
        std::fs::remove_file(self.path.join(SOCKET)).map_err(|error| self.failed("note the start in", &error))
    }

    /// Removes the folder; done already is done.
    pub(super) fn remove(&self) -> Result<(), Error> {
        match std::fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed("remove", &error)),
            _ => Ok(()),
        }
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }

    fn failed(&self, verb: &str, error: &io::Error) -> Error {
        failed(format!("{verb} {}: {}", self.path.display(), plain(error)))
    }
}

/// Makes `bytes` the content of a file, whole or not at all. It need not outlive a crash of the host.
pub(super) fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(".new");
    let temporary = path.with_file_name(name);
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&temporary)
        .and_then(|mut file| io::Write::write_all(&mut file, bytes))
        .and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // What is left of it is of no use.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn id(text: &str) -> Id {
        Id::parse(text).unwrap()
    }

    #[test]
    fn a_container_exists_once_its_record_is_there() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().join("a/b");
        assert_eq!(Folder::open(&root, &id("c")).unwrap_err().message, NO_CONTAINER);
        let folder = Folder::create(&root, &id("c")).unwrap();
        assert_eq!(std::fs::metadata(root.join("c")).unwrap().mode() & 0o777, 0o700);
        assert_eq!(folder.existing().unwrap_err().message, NO_CONTAINER);
        folder.write(&record("c", 1, 2)).unwrap();
        assert_eq!(Folder::open(&root, &id("c")).unwrap().existing().unwrap().pid, 1);
        let taken = Folder::create(&root, &id("c")).unwrap_err();
        assert_eq!(taken.message, "container with given ID already exists");
        folder.remove().unwrap();
        folder.remove().unwrap();
        assert_eq!(Folder::open(&root, &id("c")).unwrap_err().message, NO_CONTAINER);
    }

    #[test]
    fn one_at_a_time_holds_a_container_and_none_holds_a_removed_one() {
        let root = tempfile::tempdir().unwrap();
        let first = Folder::create(root.path(), &id("c")).unwrap();
        let second = Folder::open(root.path(), &id("c")).unwrap();
        let lock = first.lock().unwrap();
        assert!(second.try_lock().unwrap().is_none());
        drop(lock);
        drop(second.try_lock().unwrap().unwrap());
        first.remove().unwrap();
        assert_eq!(second.lock().err().unwrap().message, NO_CONTAINER);
        Folder::create(root.path(), &id("c")).unwrap();
        assert_eq!(second.lock().err().unwrap().message, NO_CONTAINER, "it is another container");
    }

    #[test]
    fn a_note_that_was_broken_off_names_no_cgroup() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::create(root.path(), &id("c")).unwrap();
        assert_eq!(folder.noted_cgroup(), None);
        std::fs::write(root.path().join("c/cgroup"), "").unwrap();
        assert_eq!(folder.noted_cgroup(), None);
        folder.note_cgroup("a/c", None).unwrap();
        assert_eq!(folder.noted_cgroup(), Some(("a/c".to_owned(), None)));
        for bus in [None, Some("unix:path=/run/user/7/bus")] {
            folder.note_cgroup("/a.slice/b-c.scope", Some(("b-c.scope", bus))).unwrap();
            let scope = NotedScope { unit: "b-c.scope".to_owned(), bus: bus.map(str::to_owned) };
            assert_eq!(folder.noted_cgroup(), Some(("/a.slice/b-c.scope".to_owned(), Some(scope))));
        }
    }

    #[test]
    fn folders_that_others_can_write_to_are_not_trusted() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("c");
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
        let error = Folder::open(root.path(), &id("c")).unwrap_err();
        assert_eq!(error.message, format!("{} is no folder of this user alone", path.display()));
        std::os::unix::fs::symlink("/root", root.path().join("l")).unwrap();
        assert!(Folder::open(root.path(), &id("l")).is_err());
    }

    #[test]
    fn the_socket_tells_whether_the_process_was_started() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::create(root.path(), &id("c")).unwrap();
        assert!(!folder.waits_for_start());
        let listener = folder.listen().unwrap();
        assert!(folder.waits_for_start());
        folder.connect().unwrap();
        drop(listener);
        assert!(folder.connect().unwrap_err().message.ends_with(": connection refused"));
        folder.note_start().unwrap();
        assert!(!folder.waits_for_start());
    }

    #[test]
    fn a_file_is_written_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        write_whole(&folder.path().join("pid"), b"12", 0o644).unwrap();
        write_whole(&folder.path().join("pid"), b"3", 0o644).unwrap();
        assert_eq!(std::fs::read(folder.path().join("pid")).unwrap(), b"3");
        assert!(write_whole(&folder.path().join("no/pid"), b"3", 0o644).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
