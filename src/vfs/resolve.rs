//! `Namespace`: the file systems a guest sees as one tree, and the walk from a path to an inode.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;

use smallvec::SmallVec;

use super::attr::FileKind;
use super::errno::{Errno, Result};
use super::inode::{InodeRef, NewInode, NewKind, same_inode};
use super::path::{GuestPath, Name, NameBuf, PATH_MAX};

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
    point: Point,
    root: InodeRef,
}

/// Where a file system is mounted.
enum Point {
    /// On an inode, which it covers.
    Inode(InodeRef),
    /// At a name of a directory that has no such entry: listings do not show it.
    Name { dir: InodeRef, name: NameBuf },
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
        self.mounts.push(Mount { path: path.clone(), point: Point::Inode(covered), root });
        Ok(())
    }

    /// Mounts `root` at `path` without making anything: where the entry is missing, `root` can be reached by its name all
    /// the same. Nothing is mounted where the directory of the entry is missing, or where a directory would cover a file or
    /// the other way round: the image then has its own idea of the place.
    pub fn mount_hidden(&mut self, path: &GuestPath, root: InodeRef) -> Result<()> {
        let walked = match self.walk(&self.root, path.as_bytes(), Follow::Yes, Scope::Namespace) {
            Ok(walked) => walked,
            Err(Errno::NoEnt | Errno::NotDir | Errno::Loop) => return Ok(()),
            Err(errno) => return Err(errno),
        };
        let is_directory = |inode: &InodeRef| inode.kind() == FileKind::Directory;
        let point = match (walked.target(), walked.name()) {
            (Some(covered), _) if is_directory(covered) == is_directory(&root) => Point::Inode(covered.clone()),
            (Some(_), _) | (None, None) => return Ok(()),
            (None, Some(name)) => Point::Name { dir: walked.dir().clone(), name: name.to_owned() },
        };
        self.mounts.push(Mount { path: path.clone(), point, root });
        Ok(())
    }

    /// The mounts in the order they were made, the root left out.
    pub fn mounts(&self) -> impl Iterator<Item = (&GuestPath, &InodeRef)> {
        self.mounts.iter().map(|mount| (&mount.path, &mount.root))
    }

    /// Whether a file system is mounted on the entry `name` of `dir`: such an entry can be neither removed nor renamed.
    pub fn is_mount_point(&self, dir: &InodeRef, name: Name<'_>) -> bool {
        !self.mounts.is_empty()
            && (self.mounted_at(dir, name).is_some()
                || dir.lookup(name).is_ok_and(|inode| self.mounted_on(&inode).is_some()))
    }

    /// The inode at an absolute path, links followed.
    pub fn find(&self, path: &[u8]) -> Result<InodeRef> {
        self.walk(&self.root, path, Follow::Yes, Scope::Namespace)?.found().cloned()
    }

    /// The path of a directory: by the way back to the root, each name found in the listing above it. [`Errno::NoEnt`] for
    /// one that was removed.
    pub fn path_of(&self, place: &Arc<Place>) -> Result<GuestPath> {
        let mut names = Vec::new();
        let mut below = GuestPath::root();
        let mut current = place;
        while let Some(parent) = current.parent() {
            let mounted = |mount: &&Mount| same_inode(&mount.root, current.inode());
            if let Some(mount) = self.mounts.iter().rev().find(mounted) {
                below = mount.path.clone();
                break;
            }
            names.push(name_of(parent.inode(), current.inode())?);
            current = parent;
        }
        for name in names.iter().rev() {
            below.push(name.as_name())?;
        }
        Ok(below)
    }

    /// Walks `path` from `start`. That the last component does not exist is no error; that one before it does not, is.
    ///
    /// [`Errno::NoEnt`] for an empty path, [`Errno::Loop`] beyond 40 links, [`Errno::NameTooLong`] for a path or a name
    /// that is too long, [`Errno::NotDir`] where something other than a directory is walked through or, with a slash at
    /// the end, is named; [`Errno::NotCapable`] as [`Scope::Beneath`] says.
    pub fn walk<'p>(&self, start: &Arc<Place>, path: &'p [u8], follow: Follow, scope: Scope) -> Result<Walked<'p>> {
        self.walk_checked(start, path, follow, scope, &mut |_| Ok(()))
    }

    /// [`walk`](Namespace::walk), asking `enter` about every directory before something is looked up in it.
    pub fn walk_checked<'p>(
        &self,
        start: &Arc<Place>,
        path: &'p [u8],
        follow: Follow,
        scope: Scope,
        enter: &mut dyn FnMut(&InodeRef) -> Result<()>,
    ) -> Result<Walked<'p>> {
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
            enter(walked.dir())?;
            let target = match walked.dir().lookup(name) {
                Ok(inode) => Some(self.cross(inode)),
                Err(Errno::NoEnt) => match self.mounted_at(walked.dir(), name) {
                    Some(root) => Some(self.cross(root.clone())),
                    None if is_last => None,
                    None => return Err(Errno::NoEnt),
                },
                Err(errno) => return Err(errno),
            };
            let kind = target.as_ref().map(|inode| inode.kind());
            let leads_to_descriptor = || target.as_ref().is_some_and(|inode| inode.descriptor_link().is_some());
            if kind == Some(FileKind::Symlink)
                && (!is_last || follow == Follow::Yes || slash_follows)
                && !leads_to_descriptor()
            {
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
        while let Some(root) = self.mounted_on(&inode) {
            inode = root.clone();
        }
        inode
    }

    /// The root of the last file system that was mounted on `inode`.
    fn mounted_on(&self, inode: &InodeRef) -> Option<&InodeRef> {
        let covers = |point: &Point| matches!(point, Point::Inode(covered) if same_inode(covered, inode));
        self.mounts.iter().rev().find(|mount| covers(&mount.point)).map(|mount| &mount.root)
    }

    /// The root of the file system that was mounted at a name of `dir` that has no entry.
    fn mounted_at(&self, dir: &InodeRef, name: Name<'_>) -> Option<&InodeRef> {
        let is_here = |point: &Point| match point {
            Point::Name { dir: of, name: at } => at.as_name() == name && same_inode(of, dir),
            Point::Inode(_) => false,
        };
        self.mounts.iter().rev().find(|mount| is_here(&mount.point)).map(|mount| &mount.root)
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

/// The name under which `dir` holds `inode`.
fn name_of(dir: &InodeRef, inode: &InodeRef) -> Result<NameBuf> {
    let (dev, ino) = inode.attr().map(|attr| (attr.dev, attr.ino))?;
    let mut candidates = Vec::new();
    dir.read_dir(0, &mut |entry| {
        if entry.ino == ino && entry.kind == FileKind::Directory {
            candidates.push(entry.name.to_owned());
        }
        ControlFlow::Continue(())
    })?;
    let is_it = |name: &NameBuf| {
        let found = dir.lookup(name.as_name()).and_then(|found| found.attr());
        found.is_ok_and(|attr| (attr.dev, attr.ino) == (dev, ino))
    };
    candidates.into_iter().find(is_it).ok_or(Errno::NoEnt)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::contract::name;
    use crate::vfs::memfs::{MemFsOptions, memfs};

    fn make(dir: &InodeRef, path: &str, kind: NewKind<'_>) -> InodeRef {
        let mut at = dir.clone();
        let mut names = path.split('/').peekable();
        while let Some(part) = names.next() {
            let name = Name::new(part.as_bytes()).unwrap();
            at = match at.lookup(name) {
                Ok(inode) => inode,
                Err(_) if names.peek().is_some() => at.create(name, &NewInode::new(NewKind::Directory, 0o755)).unwrap(),
                Err(_) => at.create(name, &NewInode::new(kind, 0o644)).unwrap(),
            };
        }
        at
    }

    fn tree() -> InodeRef {
        let root = memfs(&MemFsOptions::default());
        for file in ["bin/tool", "etc/passwd", "home/ada/notes"] {
            make(&root, file, NewKind::Regular);
        }
        let links = [
            ("abs", "/home/ada"),
            ("rel", "home/../home/./ada"),
            ("home/up", "../etc"),
            ("chain", "chain2/notes"),
            ("chain2", "abs"),
            ("loop", "loop"),
            ("ping", "pong"),
            ("pong", "ping"),
            ("dangling", "home/nothing"),
            ("slashed", "home/ada/"),
            ("file-slashed", "etc/passwd/"),
            ("to-root", "/"),
            ("beyond", "../../../etc/passwd"),
            ("new-dir", "home/made/"),
        ];
        for (path, target) in links {
            make(&root, path, NewKind::Symlink(target.as_bytes()));
        }
        root
    }

    /// The file that has the same inode as `path` when looked up name by name, without links.
    fn plain(root: &InodeRef, path: &str) -> InodeRef {
        let lookup = |at: InodeRef, part: &str| at.lookup(Name::new(part.as_bytes()).unwrap()).unwrap();
        path.split('/').filter(|part| !part.is_empty()).fold(root.clone(), lookup)
    }

    fn place(space: &Namespace, path: &str) -> Arc<Place> {
        space.walk(space.root(), path.as_bytes(), Follow::Yes, Scope::Namespace).unwrap().place().unwrap()
    }

    #[test]
    fn walks_follow_links_and_dots() {
        let root = tree();
        let space = Namespace::new(root.clone());
        for (path, expected) in [
            ("/", "/"),
            ("///", "/"),
            ("/..", "/"),
            ("/../../etc/passwd", "etc/passwd"),
            ("bin//tool", "bin/tool"),
            ("./bin/./tool", "bin/tool"),
            ("bin/../etc/passwd", "etc/passwd"),
            ("abs", "home/ada"),
            ("abs/notes", "home/ada/notes"),
            ("abs/..", "home"),
            ("rel/notes", "home/ada/notes"),
            ("home/up/passwd", "etc/passwd"),
            ("home/up/../bin/tool", "bin/tool"),
            ("chain", "home/ada/notes"),
            ("slashed", "home/ada"),
            ("slashed/", "home/ada"),
            ("slashed/notes", "home/ada/notes"),
            ("to-root", "/"),
            ("to-root/", "/"),
            ("to-root/abs/notes", "home/ada/notes"),
            ("beyond", "etc/passwd"),
        ] {
            let walked = space.walk(space.root(), path.as_bytes(), Follow::Yes, Scope::Namespace).unwrap();
            assert!(same_inode(walked.found().unwrap(), &plain(&root, expected)), "{path}");
        }
    }

    #[test]
    fn walks_fail_as_on_linux() {
        let space = Namespace::new(tree());
        let long = "x".repeat(256);
        for (path, expected) in [
            ("", Errno::NoEnt),
            ("nothing/more", Errno::NoEnt),
            ("dangling/more", Errno::NoEnt),
            ("etc/passwd/", Errno::NotDir),
            ("etc/passwd/more", Errno::NotDir),
            ("etc/passwd/..", Errno::NotDir),
            ("file-slashed", Errno::NotDir),
            ("loop", Errno::Loop),
            ("ping", Errno::Loop),
            ("ping/x", Errno::Loop),
            ("a\0b", Errno::Inval),
            (long.as_str(), Errno::NameTooLong),
        ] {
            let walked = space.walk(space.root(), path.as_bytes(), Follow::Yes, Scope::Namespace);
            assert_eq!(walked.err(), Some(expected), "{path:?}");
        }
        let deep = "a/".repeat(2048);
        assert_eq!(space.find(deep.as_bytes()).err(), Some(Errno::NameTooLong));
    }

    #[test]
    fn forty_links_are_followed_and_no_more() {
        let root = tree();
        make(&root, "l0", NewKind::Symlink(b"etc"));
        for n in 1..=40 {
            make(&root, &format!("l{n}"), NewKind::Symlink(format!("l{}", n - 1).as_bytes()));
        }
        let space = Namespace::new(root);
        assert!(space.find(b"l39/passwd").is_ok());
        assert_eq!(space.find(b"l40/passwd").err(), Some(Errno::Loop));
    }

    #[test]
    fn the_last_link_is_followed_only_on_demand_or_before_a_slash() {
        let root = tree();
        let space = Namespace::new(root.clone());
        let walk = |path: &'static str| space.walk(space.root(), path.as_bytes(), Follow::No, Scope::Namespace);
        for link in ["abs", "loop", "dangling", "home/up"] {
            assert!(same_inode(walk(link).unwrap().found().unwrap(), &plain(&root, link)), "{link}");
        }
        assert!(same_inode(walk("abs/").unwrap().found().unwrap(), &plain(&root, "home/ada")));
        assert!(same_inode(walk("chain2/notes").unwrap().found().unwrap(), &plain(&root, "home/ada/notes")));
        assert_eq!(walk("loop/").err(), Some(Errno::Loop));
    }

    #[test]
    fn a_missing_last_component_tells_where_it_would_be() {
        let root = tree();
        let space = Namespace::new(root.clone());
        for (path, dir, name, wants_directory) in [
            ("new", "/", "new", false),
            ("home/ada/new", "home/ada", "new", false),
            ("home/ada/new//", "home/ada", "new", true),
            ("abs/new", "home/ada", "new", false),
            ("dangling", "home", "nothing", false),
            ("new-dir", "home", "made", true),
            ("home/up/new", "etc", "new", false),
        ] {
            let walked = space.walk(space.root(), path.as_bytes(), Follow::Yes, Scope::Namespace).unwrap();
            assert!(same_inode(walked.dir(), &plain(&root, dir)), "{path}");
            assert_eq!(walked.name().unwrap().as_bytes(), name.as_bytes(), "{path}");
            assert_eq!(walked.wants_directory(), wants_directory, "{path}");
            assert_eq!(walked.found().err(), Some(Errno::NoEnt), "{path}");
        }
    }

    #[test]
    fn a_path_that_ends_in_dots_names_no_entry() {
        let root = tree();
        let space = Namespace::new(root.clone());
        for (path, dir) in [("home/.", "home"), ("home/ada/..", "home"), (".", "/"), ("/", "/"), ("abs/./", "home/ada")]
        {
            let walked = space.walk(space.root(), path.as_bytes(), Follow::No, Scope::Namespace).unwrap();
            let expected = plain(&root, dir);
            if path == "abs/./" || path == "home/." {
                assert!(same_inode(walked.found().unwrap(), &expected), "{path}");
            }
            assert_eq!(walked.name(), None, "{path}");
            assert!(walked.wants_directory() && same_inode(walked.dir(), &expected), "{path}");
            assert!(same_inode(walked.place().unwrap().inode(), &expected), "{path}");
        }
    }

    #[test]
    fn a_place_remembers_the_way_back() {
        let root = tree();
        let space = Namespace::new(root.clone());
        let ada = place(&space, "abs");
        for (path, expected) in [("..", "home"), ("../..", "/"), ("../../..", "/"), ("../up/passwd", "etc/passwd")] {
            let walked = space.walk(&ada, path.as_bytes(), Follow::Yes, Scope::Namespace).unwrap();
            assert!(same_inode(walked.found().unwrap(), &plain(&root, expected)), "{path}");
        }
        assert_eq!(
            space.walk(space.root(), b"etc/passwd", Follow::Yes, Scope::Namespace).unwrap().place().err(),
            Some(Errno::NotDir)
        );
    }

    #[test]
    fn beneath_holds_the_callers_text_but_not_the_images_links() {
        let root = tree();
        let space = Namespace::new(root.clone());
        let home = place(&space, "home");
        let walk = |path: &'static str| space.walk(&home, path.as_bytes(), Follow::Yes, Scope::Beneath);
        for path in ["/etc", "..", "../etc", "ada/../..", "ada/../../home", "./.."] {
            assert_eq!(walk(path).err(), Some(Errno::NotCapable), "{path}");
        }
        for (path, expected) in
            [("ada/..", "home"), ("ada/../ada/notes", "home/ada/notes"), ("up/passwd", "etc/passwd")]
        {
            assert!(same_inode(walk(path).unwrap().found().unwrap(), &plain(&root, expected)), "{path}");
        }
        // `up` leads to /etc: from there the way back is that of /etc, and above it the caller's text has no say.
        assert_eq!(walk("up/../..").err(), Some(Errno::NotCapable));
    }

    #[test]
    fn mounts_cover_directories_and_files() {
        let root = tree();
        let mut space = Namespace::new(root.clone());
        let (data, nested, passwd) = (tree(), tree(), make(&tree(), "bin/tool", NewKind::Regular));
        let at = |path: &str| GuestPath::new(path).unwrap();
        space.mount(&at("/home/ada"), data.clone()).unwrap();
        space.mount(&at("/home/ada/etc"), nested.clone()).unwrap();
        space.mount(&at("/etc/passwd"), passwd.clone()).unwrap();
        let found = |path: &str| space.find(path.as_bytes()).unwrap();
        assert!(same_inode(&found("/home/ada"), &data));
        assert!(same_inode(&found("/abs/bin/tool"), &plain(&data, "bin/tool")));
        assert!(same_inode(&found("/home/ada/etc"), &nested));
        assert!(
            same_inode(&found("/home/ada/etc/../bin"), &plain(&data, "bin")),
            ".. leaves the mount by its mount point"
        );
        assert!(same_inode(&found("/home/ada/.."), &plain(&root, "home")));
        assert!(same_inode(&found("/home/up/passwd"), &passwd));
        assert_eq!(space.find(b"/home/ada/notes").err(), Some(Errno::NoEnt), "what is covered is out of reach");
        let names: Vec<_> = space.mounts().map(|(path, _)| path.to_string()).collect();
        assert_eq!(names, ["/home/ada", "/home/ada/etc", "/etc/passwd"]);
    }

    #[test]
    fn a_second_mount_covers_the_first() {
        let mut space = Namespace::new(tree());
        let (first, second) = (tree(), tree());
        let home = GuestPath::new("/home").unwrap();
        space.mount(&home, first).unwrap();
        space.mount(&home, second.clone()).unwrap();
        assert!(same_inode(&space.find(b"/home").unwrap(), &second));
        let (third, root) = (tree(), GuestPath::root());
        space.mount(&root, third.clone()).unwrap();
        assert!(same_inode(space.root().inode(), &third));
    }

    #[test]
    fn mount_points_are_made_where_they_are_missing() {
        let root = tree();
        let mut space = Namespace::new(root.clone());
        let (data, file) = (tree(), make(&tree(), "bin/tool", NewKind::Regular));
        space.mount(&GuestPath::new("/abs/deep/down").unwrap(), data.clone()).unwrap();
        space.mount(&GuestPath::new("/run/secrets/key").unwrap(), file.clone()).unwrap();
        assert!(same_inode(&space.find(b"/home/ada/deep/down").unwrap(), &data), "through the link");
        assert!(same_inode(&space.find(b"/run/secrets/key").unwrap(), &file));
        assert_eq!(plain(&root, "run/secrets/key").kind(), FileKind::Regular);
        let wrong =
            |path: &str, inode: &InodeRef| Namespace::new(tree()).mount(&GuestPath::new(path).unwrap(), inode.clone());
        assert_eq!(wrong("/etc/passwd", &data), Err(Errno::NotDir));
        assert_eq!(wrong("/etc", &file), Err(Errno::IsDir));
        assert_eq!(wrong("/etc/passwd/below", &data), Err(Errno::NotDir));
    }

    #[test]
    fn a_hidden_mount_needs_no_entry_but_a_directory() {
        let root = tree();
        let mut space = Namespace::new(root.clone());
        let device = memfs(&MemFsOptions::default());
        space.mount_hidden(&GuestPath::new("/dev").unwrap(), device.clone()).unwrap();
        space.mount_hidden(&GuestPath::new("/no/such/place").unwrap(), device.clone()).unwrap();
        assert!(same_inode(&space.find(b"/dev").unwrap(), &device));
        assert!(same_inode(&space.find(b"/dev/../dev/.").unwrap(), &device));
        assert!(root.lookup(Name::new(b"dev").unwrap()).is_err(), "nothing was made");
        assert!(space.find(b"/no/such/place").is_err());
        assert!(space.is_mount_point(&root, Name::new(b"dev").unwrap()));
    }

    #[test]
    fn mount_points_are_known_by_entry() {
        let root = tree();
        let mut space = Namespace::new(root.clone());
        space.mount(&GuestPath::new("/home/ada").unwrap(), tree()).unwrap();
        assert!(space.is_mount_point(&plain(&root, "home"), name("ada")));
        assert!(!space.is_mount_point(&root, name("home")));
        assert!(!space.is_mount_point(&root, name("nothing")));
    }
}
