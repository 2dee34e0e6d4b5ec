//! A store of packs in a temporary folder, and trees as lists of lines.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use super::super::*;
use crate::vfs::{ContentId, FileKind, GuestPath, InodeRef, Name, Timespec};

/// A folder for packs and images.
pub(super) struct Folder {
    folder: tempfile::TempDir,
    pub packs: Vec<Arc<Pack>>,
}

/// The digest of a content, as far as these tests need one: equal for equal contents.
pub(super) fn digest(bytes: &[u8]) -> ContentId {
    let mut random = fastrand::Rng::with_seed(u64::from(crc32c::crc32c(bytes)) << 32 | bytes.len() as u64);
    ContentId(std::array::from_fn(|_| random.u8(..)))
}

pub(super) fn path(text: impl AsRef<[u8]>) -> GuestPath {
    GuestPath::new(text).unwrap()
}

impl Folder {
    pub(super) fn new() -> Folder {
        Folder { folder: tempfile::tempdir().unwrap(), packs: Vec::new() }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a pack of `contents` and says where they lie.
    pub(super) fn pack(&mut self, contents: &[&[u8]]) -> Vec<ContentRef> {
        self.pack_with(|writer| contents.iter().map(|content| writer.put(digest(content), content).unwrap()).collect())
    }

    /// Writes a pack.
    pub(super) fn pack_with<T>(&mut self, fill: impl FnOnce(&mut PackWriter) -> T) -> T {
        let id = PackId(std::array::from_fn(|_| self.packs.len() as u8 + 1));
        let path = self.path(&id.to_string());
        let mut writer = PackWriter::new(File::create(&path).unwrap(), id);
        let filled = fill(&mut writer);
        writer.finish().unwrap();
        self.packs.push(Arc::new(Pack::open(&path).unwrap()));
        filled
    }

    pub(super) fn pack_path(&self, id: &PackId) -> PathBuf {
        self.path(&id.to_string())
    }

    /// Merges `layers` into a file.
    pub(super) fn merge(&self, name: &str, layers: &[&Image]) -> Arc<Image> {
        let path = self.path(name);
        merge(layers, &mut File::create(&path).unwrap()).unwrap();
        Arc::new(Image::open(&path).unwrap())
    }

    pub(super) fn tree(&self, image: &Arc<Image>) -> InodeRef {
        Tree::open(image.clone(), self.packs.clone()).unwrap()
    }
}

/// The image of a layer, in memory.
pub(super) fn layer(fill: impl FnOnce(&mut LayerBuilder)) -> Image {
    let mut builder = LayerBuilder::new();
    fill(&mut builder);
    let mut bytes = Vec::new();
    let stats = builder.write(&mut bytes).unwrap();
    assert_eq!(stats.image_len, bytes.len() as u64);
    Image::from_bytes(bytes, Path::new("layer")).unwrap()
}

pub(super) fn file(content: ContentRef) -> Node {
    Node::new(NodeKind::Regular(Some(content)), 0o644)
}

pub(super) fn empty() -> Node {
    Node::new(NodeKind::Regular(None), 0o644)
}

pub(super) fn directory(mode: u16) -> Node {
    Node::new(NodeKind::Directory, mode)
}

/// All that can be seen of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub kind: FileKind,
    pub mode: u16,
    pub uid: u32,
    pub gid: u32,
    pub nlink: u32,
    pub mtime: Timespec,
    pub rdev: (u32, u32),
    /// The length of a file or a symlink's target.
    pub size: u64,
    /// A symlink's target, or the first MiB of a file.
    pub data: Vec<u8>,
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

pub(super) type Listing = BTreeMap<Vec<u8>, Seen>;

/// Everything in a tree by path, `/` included.
pub(super) fn listing(root: &InodeRef) -> Listing {
    let mut seen = Listing::new();
    let mut pending = vec![(b"/".to_vec(), root.clone())];
    while let Some((path, inode)) = pending.pop() {
        if inode.kind() == FileKind::Directory {
            for name in names(&inode) {
                let child = inode.lookup(Name::new(&name).unwrap()).unwrap();
                pending.push(([&path[..], if path == b"/" { b"" } else { b"/" }, &name].concat(), child));
            }
        }
        seen.insert(path, see(&inode));
    }
    seen
}

pub(super) fn see(inode: &InodeRef) -> Seen {
    let attr = inode.attr().unwrap();
    let data = match attr.kind {
        FileKind::Symlink => inode.read_link().unwrap(),
        FileKind::Regular => {
            let mut data = vec![0; 1 << 20];
            let len = inode.read_at(&mut data, 0).unwrap();
            data.truncate(len);
            data
        }
        _ => Vec::new(),
    };
    let names = inode.list_xattrs().unwrap();
    Seen {
        kind: attr.kind,
        mode: attr.mode,
        uid: attr.uid,
        gid: attr.gid,
        nlink: attr.nlink,
        mtime: attr.mtime,
        rdev: (attr.rdev.major, attr.rdev.minor),
        size: if attr.kind == FileKind::Directory { 0 } else { attr.size },
        data,
        xattrs: names.into_iter().map(|name| (name.clone(), inode.xattr(&name).unwrap())).collect(),
    }
}

/// The names in a directory, in the order of its listing.
pub(super) fn names(dir: &InodeRef) -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    dir.read_dir(0, &mut |entry| {
        names.push(entry.name.as_bytes().to_vec());
        ControlFlow::Continue(())
    })
    .unwrap();
    names
}

/// Asserts that `fsck.erofs` finds no fault.
#[allow(clippy::disallowed_macros)]
pub(super) fn fsck(folder: &Folder, image: &Image) {
    let path = folder.path("fsck.erofs");
    std::fs::write(&path, [image.body(), &image.trailer().map_or([0; 0].to_vec(), |t| t.encode().to_vec())].concat())
        .unwrap();
    let mut command = Command::new("fsck.erofs");
    for id in image.devices() {
        command.arg(format!("--device={}", folder.pack_path(id).display()));
    }
    match command.arg("--extract").arg(&path).output() {
        Ok(output) => assert!(
            output.status.success() && !String::from_utf8_lossy(&output.stdout).contains("corrupt"),
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ),
        Err(error) => println!("skipped: fsck.erofs: {error}"),
    }
}
