//! Bind mounts: a directory or a file of the host, as inodes.
//!
//! Every step is taken from an open directory to one name in it, so that neither `..` nor a symbolic link leads anywhere;
//! cap-std sees to it that this also holds while somebody changes the tree. Symbolic links are shown to the guest as they
//! are: the walk resolves them in the guest's own namespace.
//!
//! A file of the host that can be told from others (device and inode number) is one inode whatever its name, while the
//! inode lives. Where the system has no such numbers, it is one inode for each of its names.
//!
//! Lock order: a node's `listing`; then, each innermost: `Shared::nodes`, `Shared::recent`, a node's `place`, its `dir`.

use std::collections::{HashMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::fs::{File, FileTimes};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::SystemTime;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, Metadata, OpenOptions};

use super::attr::{Attr, Device, FileKind, SetAttr, Timespec, new_dev};
use super::errno::{Errno, Result};
use super::inode::{Cookie, DirEntry, Inode, InodeRef, NewInode, NewKind, RenameMode, downcast};
use super::listing::Listing;
use super::path::Name;
use super::rules::{FILE_MAX, end_of_write, not_a_file};
use crate::sys::{host as system, positional};

/// How many directories are kept open for the next look-up.
const RECENT_MAX: usize = 64;

/// How a [`host`] file is shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostOptions {
    /// Whether every change fails with [`Errno::RoFs`].
    pub read_only: bool,
}

/// The directory or regular file at `path` of the host, links followed. Errors of the host; `Unsupported` for other kinds.
pub fn host(path: &Path, options: &HostOptions) -> io::Result<InodeRef> {
    open(path, options, system::OPEN_DIRECTORIES_STAY, true)
}

/// As [`host`], on a system of which one knows whether open directories stay, and whether its files have numbers.
fn open(path: &Path, options: &HostOptions, open_directories_stay: bool, has_numbers: bool) -> io::Result<InodeRef> {
    let metadata = std::fs::metadata(path)?;
    let (handle, metadata) = if metadata.is_dir() {
        let dir = Dir::open_ambient_dir(path, ambient_authority())?;
        let metadata = dir.dir_metadata()?;
        (Handle::Directory(dir), metadata)
    } else if metadata.is_file() {
        let (file, is_writable) = match File::options().read(true).write(true).open(path) {
            Ok(file) if !options.read_only => (file, true),
            _ => (File::open(path)?, false),
        };
        let metadata = Metadata::from_file(&file)?;
        (Handle::File(OpenFile { file, is_writable }), metadata)
    } else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    let identity = system::details(&metadata).identity.filter(|_| has_numbers);
    let fs = Arc::new(Shared {
        dev: new_dev(),
        host_dev: identity.map_or(0, |(dev, _)| dev),
        read_only: options.read_only,
        has_numbers: identity.is_some(),
        open_directories_stay,
        serials: AtomicU64::new(0),
        nodes: Mutex::default(),
        recent: Mutex::default(),
    });
    let (dev, ino) = identity.unwrap_or((0, 1));
    Ok(fs.node((Key::Numbers(dev, ino), ino), kind_of(&metadata), None, Some(handle)))
}

struct Shared {
    dev: u64,
    /// The device the root lies on.
    host_dev: u64,
    read_only: bool,
    /// Whether the system tells device and inode numbers.
    has_numbers: bool,
    /// [`system::OPEN_DIRECTORIES_STAY`].
    open_directories_stay: bool,
    /// How many nodes there have been.
    serials: AtomicU64,
    nodes: Mutex<HashMap<Key, Weak<HostNode>>>,
    /// Directories looked up last, which stay open.
    recent: Mutex<VecDeque<Arc<HostNode>>>,
}

/// What tells files apart.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    /// Device and inode number.
    Numbers(u64, u64),
    /// Where there are none: the serial number of the directory's node, and the name.
    Name(u64, OsString),
}

/// Where a file was found.
#[derive(Clone)]
struct Place {
    parent: Arc<HostNode>,
    name: OsString,
}

impl Place {
    /// What tells a file at this place from others by its name.
    fn key(&self) -> Key {
        Key::Name(self.parent.serial, self.name.clone())
    }
}

enum Handle {
    Directory(Dir),
    File(OpenFile),
}

struct OpenFile {
    file: File,
    is_writable: bool,
}

struct HostNode {
    this: Weak<HostNode>,
    fs: Arc<Shared>,
    serial: u64,
    /// The inode number, or a hash of the path.
    ino: u64,
    kind: FileKind,
    /// None once the name is gone, or for the root.
    place: Mutex<Option<Place>>,
    /// A regular file, opened when it is needed first.
    file: OnceLock<OpenFile>,
    /// A directory, opened when it is needed.
    dir: Mutex<Option<Arc<Dir>>>,
    listing: Mutex<Listing>,
    appending: Mutex<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn kind_of(metadata: &Metadata) -> FileKind {
    FileKind::from_mode(system::details(metadata).mode).unwrap_or(FileKind::Regular)
}

fn host_name(name: Name<'_>) -> Result<&OsStr> {
    system::name_from_guest(name.as_bytes()).ok_or(Errno::Inval)
}

impl Shared {
    /// What tells the file at `place` from others, and its inode number.
    fn key(&self, metadata: &Metadata, place: &Place) -> (Key, u64) {
        if let Some((dev, ino)) = system::details(metadata).identity.filter(|_| self.has_numbers) {
            return (Key::Numbers(dev, ino), ino);
        }
        let mut hasher = DefaultHasher::new();
        place.parent.ino.hash(&mut hasher);
        place.name.hash(&mut hasher);
        (place.key(), hasher.finish())
    }

    fn node(
        self: &Arc<Self>,
        (key, ino): (Key, u64),
        kind: FileKind,
        place: Option<Place>,
        handle: Option<Handle>,
    ) -> Arc<HostNode> {
        let mut nodes = lock(&self.nodes);
        // A file that was just made is none of those that had its name before.
        let may_be_known = self.has_numbers || handle.is_none();
        let known = nodes.get(&key).and_then(Weak::upgrade);
        if let Some(node) = known.filter(|node| may_be_known && node.kind == kind) {
            drop(nodes);
            if place.is_some() {
                *lock(&node.place) = place;
            }
            return node;
        }
        let (file, dir) = match handle {
            Some(Handle::File(file)) => (OnceLock::from(file), None),
            Some(Handle::Directory(dir)) => (OnceLock::new(), Some(Arc::new(dir))),
            None => (OnceLock::new(), None),
        };
        let node = Arc::new_cyclic(|this| HostNode {
            this: this.clone(),
            fs: self.clone(),
            serial: self.serials.fetch_add(1, Ordering::Relaxed),
            ino,
            kind,
            place: Mutex::new(place),
            file,
            dir: Mutex::new(dir),
            listing: Mutex::default(),
            appending: Mutex::new(()),
        });
        if nodes.len() >= 1024 && nodes.len() == nodes.capacity() {
            nodes.retain(|_, node| node.strong_count() > 0);
        }
        nodes.insert(key, Arc::downgrade(&node));
        drop(nodes);
        if kind == FileKind::Directory && node.place().is_some() {
            let mut recent = lock(&self.recent);
            recent.push_back(node.clone());
            let oldest = if recent.len() > RECENT_MAX { recent.pop_front() } else { None };
            drop(recent);
            drop(oldest);
        }
        node
    }

    fn known(&self, key: &Key) -> Option<Arc<HostNode>> {
        lock(&self.nodes).get(key).and_then(Weak::upgrade)
    }

    /// Sees to it that `node`, where it is known by its name, is known by another one, or by none.
    fn rename(&self, node: &HostNode, from: &Key, to: Option<Key>) {
        if self.has_numbers {
            return;
        }
        let mut nodes = lock(&self.nodes);
        if nodes.get(from).is_some_and(|found| std::ptr::eq(found.as_ptr(), node)) {
            nodes.remove(from);
        }
        if let Some(to) = to {
            nodes.insert(to, node.this.clone());
        }
    }

    /// Closes all directories that can be opened again.
    fn close_directories(&self) {
        let nodes: Vec<_> = lock(&self.nodes).values().filter_map(Weak::upgrade).collect();
        for node in nodes.iter().filter(|node| node.place().is_some()) {
            let dir = lock(&node.dir).take();
            drop(dir);
        }
    }

    /// Forgets a directory that lost its name.
    fn forget_recent(&self, node: &HostNode) {
        let mut recent = lock(&self.recent);
        let at = recent.iter().position(|found| std::ptr::eq(&**found, node));
        let gone = at.and_then(|at| recent.remove(at));
        drop(recent);
        drop(gone);
    }
}

impl HostNode {
    fn place(&self) -> Option<Place> {
        lock(&self.place).clone()
    }

    fn dir(&self) -> Result<Arc<Dir>> {
        if self.kind != FileKind::Directory {
            return Err(Errno::NotDir);
        }
        if let Some(dir) = &*lock(&self.dir) {
            return Ok(dir.clone());
        }
        let place = self.place().ok_or(Errno::NoEnt)?;
        let dir = Arc::new(place.parent.dir()?.open_dir(&place.name)?);
        Ok(lock(&self.dir).get_or_insert(dir).clone())
    }

    fn open_file(&self) -> Result<&OpenFile> {
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        if self.kind != FileKind::Regular {
            return Err(not_a_file(self.kind));
        }
        let place = self.place().ok_or(Errno::NoEnt)?;
        let parent = place.parent.dir()?;
        let writable = parent.open_with(&place.name, OpenOptions::new().read(true).write(!self.fs.read_only));
        let file = match writable {
            Ok(file) => OpenFile { file: file.into_std(), is_writable: !self.fs.read_only },
            Err(_) => OpenFile { file: parent.open(&place.name)?.into_std(), is_writable: false },
        };
        Ok(self.file.get_or_init(|| file))
    }

    fn file(&self) -> Result<&File> {
        Ok(&self.open_file()?.file)
    }

    fn writable_file(&self) -> Result<&File> {
        if self.fs.read_only && self.kind == FileKind::Regular {
            return Err(Errno::RoFs);
        }
        let open = self.open_file()?;
        if open.is_writable { Ok(&open.file) } else { Err(Errno::Access) }
    }

    /// The directory, for a change of its entries.
    fn changing_dir(&self) -> Result<Arc<Dir>> {
        let dir = self.dir()?;
        if self.fs.read_only { Err(Errno::RoFs) } else { Ok(dir) }
    }

    fn metadata(&self) -> Result<Metadata> {
        if let Some(open) = self.file.get() {
            return Ok(Metadata::from_file(&open.file)?);
        }
        let dir = lock(&self.dir).clone();
        match (dir, self.place()) {
            (Some(dir), _) => Ok(dir.dir_metadata()?),
            (None, Some(place)) => Ok(place.parent.dir()?.symlink_metadata(&place.name)?),
            (None, None) => Err(Errno::NoEnt),
        }
    }

    /// The inode of the entry `name`.
    fn find(&self, name: Name<'_>) -> Result<Arc<HostNode>> {
        let dir = self.dir()?;
        // What the host cannot have is not there.
        let host_name = host_name(name).map_err(|_| Errno::NoEnt)?;
        let metadata = dir.symlink_metadata(host_name)?;
        let place = Place { parent: self.arc(), name: host_name.to_owned() };
        let key = self.fs.key(&metadata, &place);
        Ok(self.fs.node(key, kind_of(&metadata), Some(place), None))
    }

    fn arc(&self) -> Arc<HostNode> {
        self.this.upgrade().expect("nodes live in an Arc only")
    }

    /// The node of entry `name` if somebody holds it, with a handle that outlives the name, or with none that would keep it.
    fn held(&self, name: &OsStr) -> Option<Arc<HostNode>> {
        let metadata = self.dir().ok()?.symlink_metadata(name).ok()?;
        let place = Place { parent: self.arc(), name: name.to_owned() };
        let node = self.fs.known(&self.fs.key(&metadata, &place).0)?;
        match node.kind {
            FileKind::Directory if self.fs.open_directories_stay => self.fs.close_directories(),
            // What cannot be opened has nothing that could outlive its name.
            FileKind::Directory => drop(node.dir()),
            _ => drop(node.open_file()),
        }
        Some(node)
    }

    /// Notes that the name a node was found under is gone.
    fn lost(&self, parent: &HostNode, name: &OsStr) {
        let mut place = lock(&self.place);
        let is_this = place.as_ref().is_some_and(|place| std::ptr::eq(&*place.parent, parent) && place.name == name);
        let old = if is_this { place.take() } else { None };
        drop(place);
        if let Some(old) = old {
            self.fs.rename(self, &old.key(), None);
        }
        self.fs.forget_recent(self);
    }

    /// A directory of the same bind.
    fn other(&self, inode: &InodeRef) -> Result<Arc<HostNode>> {
        downcast::<HostNode>(inode).filter(|node| Arc::ptr_eq(&node.fs, &self.fs)).ok_or(Errno::XDev)
    }

    fn attr_of(&self, metadata: &Metadata) -> Attr {
        let details = system::details(metadata);
        let time = |time: io::Result<cap_std::time::SystemTime>| {
            time.map_or(Timespec::default(), |time| time.into_std().into())
        };
        let mtime = time(metadata.modified());
        // Another device below the root gets a number of its own, told apart by the distance to the root's.
        let other = details.identity.map_or(0, |(dev, _)| dev.wrapping_sub(self.fs.host_dev) << 20);
        Attr {
            dev: self.fs.dev.wrapping_add(other),
            ino: self.ino,
            kind: self.kind,
            mode: (details.mode & 0o7777) as u16,
            nlink: u32::try_from(details.nlink).unwrap_or(u32::MAX),
            uid: details.uid,
            gid: details.gid,
            rdev: Device::default(),
            size: metadata.len(),
            atime: time(metadata.accessed()),
            mtime,
            ctime: details.ctime.map_or(mtime, |(sec, nsec)| Timespec { sec, nsec }),
        }
    }

    /// Brings the listing up to date.
    fn relist(&self, listing: &mut Listing) -> Result<()> {
        let mut entries = Vec::new();
        for entry in self.dir()?.entries()? {
            let entry = entry?;
            let file_name = entry.file_name();
            let name = system::name_to_guest(&file_name);
            // Gone since it was listed.
            let Ok(metadata) = entry.metadata() else { continue };
            let place = Place { parent: self.arc(), name: file_name.clone() };
            let (_, ino) = self.fs.key(&metadata, &place);
            entries.push((name.into(), ino, kind_of(&metadata)));
        }
        listing.renew(entries);
        Ok(())
    }

    fn set_times(&self, change: &SetAttr) -> io::Result<()> {
        let mut times = FileTimes::new();
        if let Some(time) = change.atime.and_then(Option::<SystemTime>::from) {
            times = times.set_accessed(time);
        }
        if let Some(time) = change.mtime.and_then(Option::<SystemTime>::from) {
            times = times.set_modified(time);
        }
        match self.kind {
            FileKind::Directory => system::set_directory_times(&*self.dir()?, times),
            _ => self.file()?.set_times(times),
        }
    }
}

impl Inode for HostNode {
    fn kind(&self) -> FileKind {
        self.kind
    }

    fn attr(&self) -> Result<Attr> {
        Ok(self.attr_of(&self.metadata()?))
    }

    fn set_attr(&self, change: &SetAttr) -> Result<Attr> {
        if self.fs.read_only {
            return Err(Errno::RoFs);
        }
        let attr = self.attr()?;
        // The host's owners are the host's business.
        if change.uid.is_some_and(|uid| uid != attr.uid) || change.gid.is_some_and(|gid| gid != attr.gid) {
            return Err(Errno::Perm);
        }
        if let Some(mode) = change.mode.filter(|&mode| mode != attr.mode) {
            if self.kind == FileKind::Symlink {
                return Err(Errno::NotSup);
            }
            match self.place() {
                Some(place) => system::change_mode(&*place.parent.dir()?, &place.name, mode.into())?,
                None => return Err(Errno::Perm),
            }
        }
        if change.atime.is_some() || change.mtime.is_some() {
            self.set_times(change)?;
        }
        self.attr()
    }

    fn lookup(&self, name: Name<'_>) -> Result<InodeRef> {
        Ok(self.find(name)?)
    }

    fn read_dir(&self, from: Cookie, sink: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>) -> Result<()> {
        if self.kind != FileKind::Directory {
            return Err(Errno::NotDir);
        }
        let mut listing = lock(&self.listing);
        if from == 0 && !(self.place().is_none() && self.attr()?.nlink == 0) {
            self.relist(&mut listing)?;
        }
        listing.show(from, sink)
    }

    fn create(&self, name: Name<'_>, new: &NewInode<'_>) -> Result<InodeRef> {
        let (dir, host_name) = (self.changing_dir()?, host_name(name)?);
        match new.kind {
            NewKind::Regular => {
                let mut options = OpenOptions::new();
                options.read(true).write(true).create_new(true);
                system::set_file_mode(&mut options, u32::from(new.mode & 0o7777));
                let file = dir.open_with(host_name, &options)?.into_std();
                let metadata = Metadata::from_file(&file)?;
                let place = Place { parent: self.arc(), name: host_name.to_owned() };
                let key = self.fs.key(&metadata, &place);
                let handle = Handle::File(OpenFile { file, is_writable: true });
                return Ok(self.fs.node(key, FileKind::Regular, Some(place), Some(handle)));
            }
            NewKind::Directory => {
                let mut builder = DirBuilder::new();
                system::set_directory_mode(&mut builder, u32::from(new.mode & 0o7777));
                dir.create_dir_with(host_name, &builder)?;
            }
            NewKind::Symlink(target) => system::symlink(&dir, target, host_name)?,
            _ => return Err(Errno::Perm),
        }
        self.lookup(name)
    }

    fn link(&self, name: Name<'_>, target: &InodeRef) -> Result<()> {
        let (dir, target) = (self.changing_dir()?, self.other(target)?);
        if target.kind == FileKind::Directory {
            return Err(Errno::Perm);
        }
        let place = target.place().ok_or(Errno::NoEnt)?;
        Ok(place.parent.dir()?.hard_link(&place.name, &dir, host_name(name)?)?)
    }

    fn unlink(&self, name: Name<'_>) -> Result<()> {
        let (dir, host_name) = (self.changing_dir()?, host_name(name).map_err(|_| Errno::NoEnt)?);
        if dir.symlink_metadata(host_name)?.is_dir() {
            return Err(Errno::IsDir);
        }
        let held = self.held(host_name);
        dir.remove_file(host_name)?;
        if let Some(node) = held {
            node.lost(self, host_name);
        }
        Ok(())
    }

    fn rmdir(&self, name: Name<'_>) -> Result<()> {
        let (dir, host_name) = (self.changing_dir()?, host_name(name).map_err(|_| Errno::NoEnt)?);
        let held = self.held(host_name);
        dir.remove_dir(host_name)?;
        if let Some(node) = held {
            *lock(&node.listing) = Listing::default();
            node.lost(self, host_name);
        }
        Ok(())
    }

    fn rename(&self, from: Name<'_>, to_dir: &InodeRef, to: Name<'_>, mode: RenameMode) -> Result<()> {
        let to_node = self.other(to_dir)?;
        let (dir, target_dir) = (self.changing_dir()?, to_node.changing_dir()?);
        let (from, to) = (host_name(from).map_err(|_| Errno::NoEnt)?, host_name(to)?);
        match mode {
            RenameMode::Exchange => return Err(Errno::NotSup),
            RenameMode::NoReplace if target_dir.symlink_metadata(to).is_ok() => return Err(Errno::Exist),
            _ => {}
        }
        let (moved, replaced) = (self.held(from), to_node.held(to));
        let is_same = matches!((&moved, &replaced), (Some(moved), Some(replaced)) if Arc::ptr_eq(moved, replaced));
        dir.rename(from, &target_dir, to)?;
        if is_same {
            return Ok(());
        }
        if let Some(node) = replaced {
            node.lost(&to_node, to);
        }
        if let Some(node) = moved {
            let old = Place { parent: self.arc(), name: from.to_owned() };
            let new = Place { parent: to_node, name: to.to_owned() };
            self.fs.rename(&node, &old.key(), Some(new.key()));
            *lock(&node.place) = Some(new);
        }
        Ok(())
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        let file = self.file()?;
        if offset > FILE_MAX {
            return Ok(0);
        }
        Ok(positional::read_at(file, buf, offset)?)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> Result<usize> {
        let file = self.writable_file()?;
        end_of_write(buf.len(), offset)?;
        if buf.is_empty() { Ok(0) } else { Ok(positional::write_at(file, buf, offset)?) }
    }

    fn append(&self, buf: &[u8]) -> Result<(usize, u64)> {
        let file = self.writable_file()?;
        let _appending = lock(&self.appending);
        let end = file.metadata()?.len();
        let written = positional::write_at(file, buf, end)?;
        Ok((written, end + written as u64))
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let file = self.writable_file()?;
        if len > FILE_MAX { Err(Errno::FBig) } else { Ok(file.set_len(len)?) }
    }

    fn sync(&self) -> Result<()> {
        // Not every system can make the names in a directory durable.
        match self.kind {
            FileKind::Regular => Ok(self.file()?.sync_all()?),
            _ => Ok(()),
        }
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        if self.kind != FileKind::Symlink {
            return Err(Errno::Inval);
        }
        let place = self.place().ok_or(Errno::NoEnt)?;
        let target = place.parent.dir()?.read_link_contents(&place.name)?;
        Ok(system::link_to_guest(target.as_os_str()).into_owned())
    }

    fn set_xattr(&self, _name: &[u8], _value: &[u8]) -> Result<()> {
        Err(if self.fs.read_only { Errno::RoFs } else { Errno::NotSup })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::contract::{self, Lacks, content, file, list, mkdir, name};

    fn writable(path: &Path) -> InodeRef {
        host(path, &HostOptions::default()).unwrap()
    }

    #[test]
    fn it_keeps_the_contract() {
        let folder = tempfile::tempdir().unwrap();
        let count = Mutex::new(0);
        contract::check(Lacks { unix: true }, &|| {
            let mut count = lock(&count);
            *count += 1;
            let path = folder.path().join(count.to_string());
            std::fs::create_dir(&path).unwrap();
            writable(&path)
        });
    }

    /// What Windows is like.
    fn without_numbers(path: &Path) -> InodeRef {
        open(path, &HostOptions::default(), true, false).unwrap()
    }

    #[test]
    fn files_without_numbers_are_known_by_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let root = without_numbers(folder.path());
        let old = file(&root, "f");
        old.write_at(b"old", 0).unwrap();
        assert!(Arc::ptr_eq(&root.lookup(name("f")).unwrap(), &old));
        root.rename(name("f"), &root, name("g"), RenameMode::Replace).unwrap();
        assert!(Arc::ptr_eq(&root.lookup(name("g")).unwrap(), &old));
        let new = file(&root, "f");
        new.write_at(b"new", 0).unwrap();
        assert_eq!((content(&old), content(&new)), (b"old".to_vec(), b"new".to_vec()));
        root.unlink(name("f")).unwrap();
        file(&root, "f").write_at(b"newest", 0).unwrap();
        assert_eq!((content(&old), content(&new)), (b"old".to_vec(), b"new".to_vec()));
        assert_eq!(content(&root.lookup(name("f")).unwrap()), b"newest");
    }

    #[test]
    fn children_of_a_moved_directory_are_not_those_of_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let root = without_numbers(folder.path());
        let old = mkdir(&root, "d");
        let child = file(&old, "f");
        child.write_at(b"old", 0).unwrap();
        root.rename(name("d"), &root, name("e"), RenameMode::Replace).unwrap();
        let new = mkdir(&root, "d");
        file(&new, "f").write_at(b"new", 0).unwrap();
        assert_eq!((content(&child), content(&old.lookup(name("f")).unwrap())), (b"old".to_vec(), b"old".to_vec()));
        assert_eq!(content(&new.lookup(name("f")).unwrap()), b"new");
    }

    #[test]
    fn a_directory_is_closed_before_it_loses_its_name_where_it_has_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let root = without_numbers(folder.path());
        let outer = mkdir(&root, "d");
        let inner = mkdir(&outer, "e");
        file(&inner, "f");
        let is_open = |inode: &InodeRef| lock(&downcast::<HostNode>(inode).unwrap().dir).is_some();
        assert!(is_open(&root) && is_open(&outer) && is_open(&inner));
        root.rename(name("d"), &root, name("x"), RenameMode::Replace).unwrap();
        assert!(is_open(&root) && !is_open(&outer) && !is_open(&inner));
        assert_eq!(list(&inner), [("f".to_owned(), FileKind::Regular)]);
        inner.unlink(name("f")).unwrap();
        outer.rmdir(name("e")).unwrap();
        assert_eq!((is_open(&inner), inner.lookup(name("f")).err()), (false, Some(Errno::NoEnt)));
    }

    #[test]
    fn a_read_only_bind_refuses_every_change() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("d")).unwrap();
        std::fs::write(folder.path().join("d/f"), "text").unwrap();
        let root = host(folder.path(), &HostOptions { read_only: true }).unwrap();
        contract::check_read_only(&root);
        assert_eq!(content(&root.lookup(name("d")).unwrap().lookup(name("f")).unwrap()), b"text");
    }

    #[test]
    fn a_single_file_is_bound_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, "text").unwrap();
        let inode = writable(&path);
        assert_eq!((inode.kind(), content(&inode)), (FileKind::Regular, b"text".to_vec()));
        inode.write_at(b"T", 0).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"Text");
        assert_eq!(host(&path, &HostOptions { read_only: true }).unwrap().write_at(b"x", 0), Err(Errno::RoFs));
    }

    #[test]
    fn what_the_host_changes_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let root = writable(folder.path());
        std::fs::write(folder.path().join("f"), "one").unwrap();
        let inode = root.lookup(name("f")).unwrap();
        assert_eq!(content(&inode), b"one");
        std::fs::write(folder.path().join("f"), "three").unwrap();
        assert_eq!(content(&inode), b"three");
        std::fs::write(folder.path().join("g"), "").unwrap();
        std::fs::remove_file(folder.path().join("f")).unwrap();
        assert_eq!(list(&root), [("g".to_owned(), FileKind::Regular)]);
        assert_eq!(root.lookup(name("f")).err(), Some(Errno::NoEnt));
    }

    #[test]
    fn links_are_shown_and_never_followed() {
        let folder = tempfile::tempdir().unwrap();
        let root = writable(folder.path());
        for target in ["/etc/passwd", "../../../etc/passwd", "/"] {
            let link = root.create(name("link"), &NewInode::new(NewKind::Symlink(target.as_bytes()), 0o777)).unwrap();
            assert_eq!((link.kind(), link.read_link()), (FileKind::Symlink, Ok(target.as_bytes().to_vec())));
            assert_eq!(link.attr().unwrap().kind, FileKind::Symlink);
            assert_eq!((link.read_at(&mut [0; 4], 0), link.write_at(b"x", 0)), (Err(Errno::Inval), Err(Errno::Inval)));
            assert_eq!(link.lookup(name("passwd")).err(), Some(Errno::NotDir));
            root.unlink(name("link")).unwrap();
        }
    }

    #[test]
    fn a_directory_that_becomes_a_link_leads_nowhere() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "secret").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let root = writable(folder.path());
        let held = mkdir(&root, "d");
        let fresh = mkdir(&root, "e");
        file(&held, "f");
        drop(fresh);
        for text in ["d", "e"] {
            std::fs::rename(folder.path().join(text), folder.path().join(format!("{text}-old"))).unwrap();
            let made = system::symlink(
                &Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap(),
                outside.path().as_os_str().as_encoded_bytes(),
                text.as_ref(),
            );
            made.unwrap();
        }
        assert_eq!(held.lookup(name("secret")).err(), Some(Errno::NoEnt));
        assert!(held.lookup(name("f")).is_ok(), "an open directory stays the one it was");
        assert_eq!(root.lookup(name("e")).unwrap().kind(), FileKind::Symlink);
        assert_eq!(root.lookup(name("e")).unwrap().lookup(name("secret")).err(), Some(Errno::NotDir));
    }
}
