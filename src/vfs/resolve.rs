//! `Namespace`: the file systems a guest sees as one tree, and the walk from a path to an inode.

use std::borrow::Cow;
use std::sync::Arc;

use smallvec::SmallVec;

use super::attr::FileKind;
use super::errno::{Errno, Result};
use super::inode::{InodeRef, NewInode, NewKind, same_inode};
use super::path::{GuestPath, Name, PATH_MAX};

/// How many symbolic links one walk follows (Linux `MAXSYMLINKS`).
const SYMLINKS_MAX: u32 = 40;

/// A directory together with the way it was reached: what an open directory or a working directory is.
///
/// `..` follows the way back, as the entries `..` of a directory do until it is moved.
#[derive(Clone)]
pub struct Place {
    inode: InodeRef,
    parent: Option<Arc<Place>>,
}

impl Place {
    /// The directory itself.
    pub fn inode(&self) -> &InodeRef {
        &self.inode
    }

    /// The directory above; none for the root.
    pub fn parent(&self) -> Option<&Arc<Place>> {
        self.parent.as_ref()
    }
}

/// Whether a walk follows a symbolic link that the last component names. Links before it are always followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// The target of the link.
    Yes,
    /// The link itself, unless the path ends in `/`.
    No,
}

/// Where a path may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Anywhere in the namespace: absolute paths start at the root, `..` at the root stays there.
    Namespace,
    /// The caller's own text stays below the starting directory, as WASI asks: an absolute path or a `..` above the start
    /// is [`Errno::NotCapable`]. Symbolic links lead anywhere in the namespace all the same: they are the image's.
    Beneath,
}

/// A mounted file system.
struct Mount {
    path: GuestPath,
    covered: InodeRef,
    root: InodeRef,
}

/// The root file system with everything mounted on it. Mounts are made before the first guest runs; look-ups take no lock.
pub struct Namespace {
    root: Arc<Place>,
    mounts: Vec<Mount>,
}

/// Where a walk ended.
pub struct Walked<'p> {
    start: Arc<Place>,
    /// Directories entered after `start`, the last one holding the entry.
    entered: SmallVec<[InodeRef; 8]>,
    name: Option<Cow<'p, [u8]>>,
    target: Option<InodeRef>,
    wants_directory: bool,
}

impl Walked<'_> {
    /// The directory that holds (or would hold) the entry.
    pub fn dir(&self) -> &InodeRef {
        self.entered.last().unwrap_or(self.start.inode())
    }

    /// The entry's name; none where the path ends in `.`, `..` or `/` alone and so names a directory by itself
    /// ([`Walked::dir`]).
    pub fn name(&self) -> Option<Name<'_>> {
        self.name.as_deref().map(|bytes| Name::new(bytes).expect("the walk checked it"))
    }

    /// The inode the path leads to, if it exists.
    pub fn target(&self) -> Option<&InodeRef> {
        match &self.name {
            Some(_) => self.target.as_ref(),
            None => Some(self.dir()),
        }
    }

    /// The inode the path leads to, or [`Errno::NoEnt`].
    pub fn found(&self) -> Result<&InodeRef> {
        self.target().ok_or(Errno::NoEnt)
    }

    /// Whether the path ends in `/`, `.` or `..`: what it names has to be a directory.
    pub fn wants_directory(&self) -> bool {
        self.wants_directory
    }

    /// The directory the path leads to, as a starting point for other walks. [`Errno::NotDir`] for other kinds.
    pub fn place(&self) -> Result<Arc<Place>> {
        let mut place = self.start.clone();
        for inode in &self.entered {
            place = Arc::new(Place { inode: inode.clone(), parent: Some(place) });
        }
        if self.name.is_none() {
            return Ok(place);
        }
        let inode = self.found()?.clone();
        if inode.kind() != FileKind::Directory {
            return Err(Errno::NotDir);
        }
        Ok(Arc::new(Place { inode, parent: Some(place) }))
    }
}

/// The part of a path, or of a link's target, that is still to be walked.
struct Rest<'p> {
    text: Cow<'p, [u8]>,
    position: usize,
}

impl Namespace {
    /// A namespace of one file system.
    pub fn new(root: InodeRef) -> Namespace {
        Namespace { root: Arc::new(Place { inode: root, parent: None }), mounts: Vec::new() }
    }

    /// `/`.
    pub fn root(&self) -> &Arc<Place> {
        &self.root
    }

    /// Mounts `root` at `path`. What is missing of the path is made: directories, and for a `root` that is no directory
    /// an empty file. [`Errno::NotDir`] or [`Errno::IsDir`] where a directory would cover a file or the other way round.
    pub fn mount(&mut self, path: &GuestPath, root: InodeRef) -> Result<()> {
        if path.is_root() {
            self.root = Arc::new(Place { inode: root, parent: None });
            return Ok(());
        }
        let is_directory = root.kind() == FileKind::Directory;
        let covered = self.make_mount_point(path, is_directory)?;
        match (covered.kind() == FileKind::Directory, is_directory) {
            (true, false) => return Err(Errno::IsDir),
            (false, true) => return Err(Errno::NotDir),
            _ => {}
        }
        self.mounts.push(Mount { path: path.clone(), covered, root });
        Ok(())
    }

    /// The mounts in the order they were made, the root left out.
    pub fn mounts(&self) -> impl Iterator<Item = (&GuestPath, &InodeRef)> {
        self.mounts.iter().map(|mount| (&mount.path, &mount.root))
    }

    /// Whether a file system is mounted on the entry `name` of `dir`: such an entry can be neither removed nor renamed.
    pub fn is_mount_point(&self, dir: &InodeRef, name: Name<'_>) -> bool {
        !self.mounts.is_empty()
            && dir.lookup(name).is_ok_and(|inode| self.mounts.iter().any(|mount| same_inode(&mount.covered, &inode)))
    }

    /// The inode at an absolute path, links followed.
    pub fn find(&self, path: &[u8]) -> Result<InodeRef> {
        self.walk(&self.root, path, Follow::Yes, Scope::Namespace)?.found().cloned()
    }

    /// Walks `path` from `start`. That the last component does not exist is no error; that one before it does not, is.
    ///
    /// [`Errno::NoEnt`] for an empty path, [`Errno::Loop`] beyond 40 links, [`Errno::NameTooLong`] for a path or a name
    /// that is too long, [`Errno::NotDir`] where something other than a directory is walked through or, with a slash at
    /// the end, is named; [`Errno::NotCapable`] as [`Scope::Beneath`] says.
    pub fn walk<'p>(&self, start: &Arc<Place>, path: &'p [u8], follow: Follow, scope: Scope) -> Result<Walked<'p>> {
        check(path)?;
        let mut walked =
            Walked { start: start.clone(), entered: SmallVec::new(), name: None, target: None, wants_directory: false };
        if path[0] == b'/' {
            if scope == Scope::Beneath {
                return Err(Errno::NotCapable);
            }
            walked.start = self.root.clone();
        }
        let mut rests: SmallVec<[Rest<'p>; 2]> = SmallVec::new();
        rests.push(Rest { text: Cow::Borrowed(path), position: 0 });
        let mut links = 0;
        loop {
            let component = match next_component(&mut rests) {
                Some(component) => component,
                None => {
                    walked.wants_directory = true;
                    return Ok(walked);
                }
            };
            let is_last = !rests.iter().any(Rest::has_more);
            let slash_follows = component.slash_follows || rests.iter().any(|rest| !rest.is_empty());
            match &*component.text {
                b"." => continue,
                b".." => {
                    if walked.entered.pop().is_none() {
                        if scope == Scope::Beneath && component.is_callers {
                            return Err(Errno::NotCapable);
                        }
                        if let Some(parent) = walked.start.parent().cloned() {
                            walked.start = parent;
                        }
                    }
                    continue;
                }
                _ => {}
            }
            let name = Name::new(&component.text)?;
            let target = match walked.dir().lookup(name) {
                Ok(inode) => Some(self.cross(inode)),
                Err(Errno::NoEnt) if is_last => None,
                Err(errno) => return Err(errno),
            };
            let kind = target.as_ref().map(|inode| inode.kind());
            if kind == Some(FileKind::Symlink) && (!is_last || follow == Follow::Yes || slash_follows) {
                links += 1;
                if links > SYMLINKS_MAX {
                    return Err(Errno::Loop);
                }
                let text = target.expect("its kind is known").read_link()?;
                check(&text)?;
                if text[0] == b'/' {
                    walked.start = self.root.clone();
                    walked.entered.clear();
                }
                rests.push(Rest { text: Cow::Owned(text), position: 0 });
                continue;
            }
            if is_last {
                walked.wants_directory |= slash_follows;
                if slash_follows && kind.is_some_and(|kind| kind != FileKind::Directory) {
                    return Err(Errno::NotDir);
                }
                walked.name = Some(component.text);
                walked.target = target;
                return Ok(walked);
            }
            match (kind, target) {
                (Some(FileKind::Directory), Some(inode)) => walked.entered.push(inode),
                _ => return Err(Errno::NotDir),
            }
        }
    }

    /// The root of what is mounted on `inode`, or `inode`.
    fn cross(&self, mut inode: InodeRef) -> InodeRef {
        while let Some(mount) = self.mounts.iter().rev().find(|mount| same_inode(&mount.covered, &inode)) {
            inode = mount.root.clone();
        }
        inode
    }

    /// The inode at `path`, made with its parents where it is missing.
    fn make_mount_point(&self, path: &GuestPath, is_directory: bool) -> Result<InodeRef> {
        let mut made = GuestPath::root();
        let mut names = path.names().peekable();
        while let Some(name) = names.next() {
            made.push(name)?;
            let walked = self.walk(&self.root, made.as_bytes(), Follow::Yes, Scope::Namespace)?;
            if walked.target().is_some() {
                continue;
            }
            let (Some(name), dir) = (walked.name(), walked.dir()) else { continue };
            let new = match names.peek().is_some() || is_directory {
                true => NewInode::new(NewKind::Directory, 0o755),
                false => NewInode::new(NewKind::Regular, 0o644),
            };
            dir.create(name, &new)?;
        }
        self.find(path.as_bytes())
    }
}

/// What holds for every path and link target.
fn check(path: &[u8]) -> Result<()> {
    match path {
        b"" => Err(Errno::NoEnt),
        path if path.len() > PATH_MAX => Err(Errno::NameTooLong),
        path if path.contains(&0) => Err(Errno::Inval),
        _ => Ok(()),
    }
}

struct Component<'p> {
    text: Cow<'p, [u8]>,
    /// Whether the caller wrote it, rather than a link.
    is_callers: bool,
    slash_follows: bool,
}

/// Takes the next component off the innermost rest that has one.
fn next_component<'p>(rests: &mut SmallVec<[Rest<'p>; 2]>) -> Option<Component<'p>> {
    while let Some(rest) = rests.last_mut() {
        let text: &[u8] = &rest.text;
        let Some(skip) = text[rest.position..].iter().position(|&byte| byte != b'/') else {
            rests.pop();
            continue;
        };
        let begin = rest.position + skip;
        let end = text[begin..].iter().position(|&byte| byte == b'/').map_or(text.len(), |length| begin + length);
        rest.position = end;
        let slash_follows = end < text.len();
        return Some(match &rest.text {
            Cow::Borrowed(text) => {
                Component { text: Cow::Borrowed(&text[begin..end]), is_callers: true, slash_follows }
            }
            Cow::Owned(text) => {
                Component { text: Cow::Owned(text[begin..end].to_vec()), is_callers: false, slash_follows }
            }
        });
    }
    None
}

impl Rest<'_> {
    fn has_more(&self) -> bool {
        self.text[self.position..].iter().any(|&byte| byte != b'/')
    }

    fn is_empty(&self) -> bool {
        self.position == self.text.len()
    }
}
