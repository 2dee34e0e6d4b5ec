//! `LayerBuilder`: the entries of one layer, in any order, become a layer image.

use std::io::Write;

use super::draft::{Draft, DraftInode, Id, Payload, ROOT, SYMLINKS_MAX, Span};
use super::error::Error;
use super::format::encode_device;
use super::pack::ContentRef;
use super::writer::{self, ImageStats, Marks};
use super::xattr;
use crate::vfs::{Device, FileKind, GuestPath, Timespec};

/// A file of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Permission bits (`& 0o7777`).
    pub mode: u16,
    /// The owner.
    pub uid: u32,
    /// The owning group.
    pub gid: u32,
    /// The modification time.
    pub mtime: Timespec,
    /// Extended attributes, in any order. Those of overlayfs (`trusted.overlay.*`) and of cowbox are left out.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What a file of a layer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A regular file; one without content is empty.
    Regular(Option<ContentRef>),
    /// A directory.
    Directory,
    /// A symbolic link and its target.
    Symlink(Vec<u8>),
    /// A character device. The device 0:0 is a [whiteout](LayerBuilder::whiteout).
    CharDevice(Device),
    /// A block device.
    BlockDevice(Device),
    /// A named pipe.
    Fifo,
    /// A socket's name.
    Socket,
}

impl Node {
    /// A file owned by root, without time and extended attributes.
    pub fn new(kind: NodeKind, mode: u16) -> Node {
        Node { kind, mode, uid: 0, gid: 0, mtime: Timespec::default(), xattrs: Vec::new() }
    }
}

/// Gathers the entries of one layer.
///
/// A later entry replaces an earlier one as extracting a tar would: a directory over a directory changes its attributes,
/// everything else takes the place of what was there and of all below it. Directories that no entry describes are implied;
/// when layers are merged they take the attributes that lower layers give them. Where an entry's path leads through a symlink,
/// of this layer or of lower ones, the entry lies where the symlink leads.
pub struct LayerBuilder {
    draft: Draft,
    /// The directory of the entry before, which most often is that of the next.
    recent: (GuestPath, Id),
}

/// Where the way along a path led.
enum Reached {
    Directory(Id),
    /// Up to a symlink: the way goes on along this path.
    Symlink(GuestPath),
}

impl Default for LayerBuilder {
    fn default() -> LayerBuilder {
        LayerBuilder::new()
    }
}

impl LayerBuilder {
    /// A layer without entries.
    pub fn new() -> LayerBuilder {
        LayerBuilder { draft: Draft::new(), recent: (GuestPath::root(), ROOT) }
    }

    /// How many entries were added, implied directories included.
    pub fn len(&self) -> usize {
        self.draft.len()
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.draft.len() == 0
    }

    /// Adds a file. At `/` only a directory can be: it sets the root's attributes.
    pub fn insert(&mut self, path: &GuestPath, node: Node) -> Result<(), Error> {
        if node.kind == NodeKind::CharDevice(Device::default()) {
            return self.whiteout(path);
        }
        let inode = self.inode(path, &node)?;
        let Some(name) = path.file_name() else {
            if inode.kind != FileKind::Directory {
                return Err(Error::Entry { path: path.clone(), reason: "the root must be a directory" });
            }
            self.describe(ROOT, inode);
            return Ok(());
        };
        let dir = self.directory(&path.parent())?;
        let old = self.draft.get(dir, name.as_bytes());
        match old.map(|id| (id, *self.draft.inode(id))) {
            Some((id, old)) if inode.kind == FileKind::Directory => {
                if old.kind == FileKind::Directory {
                    self.describe(id, inode);
                } else {
                    // What was there hid what lower layers have; the directory must go on hiding it.
                    let id = self.draft.add(DraftInode { opaque: true, ..inode })?;
                    self.replace(dir, name.as_bytes(), id)?;
                }
                Ok(())
            }
            _ => {
                let id = self.draft.add(inode)?;
                self.replace(dir, name.as_bytes(), id)
            }
        }
    }

    /// Adds a hard link to what `target` was before: an entry of this layer, or one of a lower layer that is found when
    /// layers are merged. A target in this layer must not be a directory.
    pub fn hard_link(&mut self, path: &GuestPath, target: &GuestPath) -> Result<(), Error> {
        let entry_error = |reason| Error::Entry { path: path.clone(), reason };
        let name = path.file_name().ok_or_else(|| entry_error("the root cannot be a hard link"))?;
        if path == target {
            return Ok(());
        }
        let found = self.draft.find(target).filter(|&id| !self.draft.inode(id).is_whiteout());
        let id = match found {
            Some(id) if self.draft.inode(id).kind == FileKind::Directory => {
                return Err(entry_error("a directory cannot have hard links"));
            }
            Some(id) => id,
            None => {
                let target = self.draft.store(target.as_bytes())?;
                let plain = DraftInode::whiteout();
                self.draft.add(DraftInode { kind: FileKind::Regular, payload: Payload::Lower(target), ..plain })?
            }
        };
        let dir = self.directory(&path.parent())?;
        self.replace(dir, name.as_bytes(), id)
    }

    /// Hides what lower layers have at `path`. Entries of this layer show all the same, wherever they come in its order
    /// (image-spec layer.md "Whiteouts").
    pub fn whiteout(&mut self, path: &GuestPath) -> Result<(), Error> {
        let Some(name) = path.file_name() else { return self.opaque(path) };
        let dir = self.directory(&path.parent())?;
        match self.draft.get(dir, name.as_bytes()) {
            Some(id) if self.draft.inode(id).kind == FileKind::Directory => self.draft.inode_mut(id).opaque = true,
            Some(_) => {}
            None => {
                let id = self.draft.add(DraftInode::whiteout())?;
                self.draft.set(dir, name.as_bytes(), id)?;
            }
        }
        Ok(())
    }

    /// Hides everything that lower layers have in the directory `path` (image-spec layer.md "Opaque Whiteout").
    pub fn opaque(&mut self, path: &GuestPath) -> Result<(), Error> {
        let dir = self.directory(path)?;
        self.draft.inode_mut(dir).opaque = true;
        Ok(())
    }

    /// Writes the layer as an image, without a [trailer](super::Trailer). The same entries give the same bytes.
    pub fn write(&self, out: &mut impl Write) -> Result<ImageStats, Error> {
        writer::write(&self.draft, Marks::Keep, out)
    }

    fn inode(&mut self, path: &GuestPath, node: &Node) -> Result<DraftInode, Error> {
        let entry_error = |reason| Error::Entry { path: path.clone(), reason };
        let device = |device: Device| {
            let numbers =
                encode_device(device).ok_or_else(|| entry_error("the numbers of the device are too large"))?;
            Ok::<_, Error>(Payload::Device(numbers))
        };
        let (kind, payload) = match &node.kind {
            NodeKind::Regular(Some(content)) if content.len > 0 => {
                let pack = self.draft.pack(content.pack);
                (FileKind::Regular, Payload::Content { pack, block: content.block, len: content.len })
            }
            NodeKind::Regular(_) => (FileKind::Regular, Payload::None),
            NodeKind::Directory => (FileKind::Directory, Payload::Parent(ROOT)),
            NodeKind::Symlink(target) => {
                if target.is_empty() || target.len() > crate::vfs::PATH_MAX || target.contains(&0) {
                    return Err(entry_error("the target of the symlink is empty, too long or has a NUL"));
                }
                (FileKind::Symlink, Payload::Target(self.draft.store(target)?))
            }
            NodeKind::CharDevice(numbers) => (FileKind::CharDevice, device(*numbers)?),
            NodeKind::BlockDevice(numbers) => (FileKind::BlockDevice, device(*numbers)?),
            NodeKind::Fifo => (FileKind::Fifo, Payload::None),
            NodeKind::Socket => (FileKind::Socket, Payload::None),
        };
        if node.mtime.nsec >= 1_000_000_000 {
            return Err(entry_error("the time has more than 999,999,999 nanoseconds"));
        }
        let xattrs = match node.xattrs.is_empty() {
            true => Span::default(),
            false => self.draft.store(&xattr::encode_all(&node.xattrs).map_err(entry_error)?)?,
        };
        Ok(DraftInode {
            kind,
            implied: false,
            opaque: false,
            mode: node.mode & 0o7777,
            uid: node.uid,
            gid: node.gid,
            mtime: node.mtime,
            payload,
            xattrs,
        })
    }

    /// The directory `path`. A symlink on the way is followed, as extracting would; what is missing is implied, and what
    /// is no directory is replaced.
    fn directory(&mut self, path: &GuestPath) -> Result<Id, Error> {
        if self.recent.0 == *path {
            return Ok(self.recent.1);
        }
        let mut real = path.clone();
        let mut links = 0;
        let dir = loop {
            match self.real_directory(&real)? {
                Reached::Directory(id) => break id,
                Reached::Symlink(to) => real = to,
            }
            links += 1;
            if links > SYMLINKS_MAX {
                return Err(Error::Entry { path: path.clone(), reason: "the symlinks on the way have no end" });
            }
        };
        self.recent = (path.clone(), dir);
        Ok(dir)
    }

    fn real_directory(&mut self, path: &GuestPath) -> Result<Reached, Error> {
        let mut dir = ROOT;
        for (depth, name) in path.names().enumerate() {
            let old = self.draft.get(dir, name.as_bytes());
            dir = match old.map(|id| (id, self.draft.inode(id).payload)) {
                Some((id, Payload::Parent(_))) => id,
                Some((_, Payload::Target(target))) => {
                    let above: Vec<u8> =
                        path.names().take(depth).flat_map(|name| [b"/", name.as_bytes()].concat()).collect();
                    let below: Vec<u8> =
                        path.names().skip(depth + 1).flat_map(|name| [b"/", name.as_bytes()].concat()).collect();
                    let target = self.draft.bytes(target);
                    let above = if target.starts_with(b"/") { &[] } else { &above[..] };
                    let to = GuestPath::new([above, b"/", target, &below].concat());
                    return to.map(Reached::Symlink).map_err(|_| Error::Entry {
                        path: path.clone(),
                        reason: "a symlink on the way leads to a path that is too long",
                    });
                }
                _ => {
                    let opaque = old.is_some();
                    let id = self.draft.add(DraftInode { opaque, ..DraftInode::implied_directory() })?;
                    self.replace(dir, name.as_bytes(), id)?;
                    id
                }
            };
        }
        Ok(Reached::Directory(dir))
    }

    /// Gives a directory new attributes.
    fn describe(&mut self, id: Id, inode: DraftInode) {
        let old = self.draft.inode_mut(id);
        *old = DraftInode { opaque: old.opaque, payload: old.payload, ..inode };
    }

    fn replace(&mut self, dir: Id, name: &[u8], id: Id) -> Result<(), Error> {
        if self.draft.get(dir, name).is_some() {
            // It may have been a directory above the recent one.
            self.recent = (GuestPath::root(), ROOT);
        }
        self.draft.set(dir, name, id)
    }
}
