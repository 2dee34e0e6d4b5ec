//! Random layers, merged: against a naive model, and against the kernel's overlayfs.

use std::collections::BTreeMap;

use super::super::*;
use super::kernel::{overlay, same_to_the_kernel};
use super::support::*;
use crate::vfs::{FileKind, GuestPath, Timespec};

/// A naive image: files by path, each a number that stands for its inode.
#[derive(Clone, Default)]
struct Model {
    files: BTreeMap<Vec<u8>, usize>,
    inodes: Vec<Node>,
}

impl Model {
    fn is_directory(&self, path: &[u8]) -> bool {
        path == b"/" || self.files.get(path).is_some_and(|&inode| self.inodes[inode].kind == NodeKind::Directory)
    }

    /// Whether the way to `path` leads through a symlink, which this model does not follow.
    fn is_beyond_symlink(&self, path: &GuestPath) -> bool {
        let is_symlink = |inode: &usize| matches!(self.inodes[*inode].kind, NodeKind::Symlink(_));
        let mut above = path.parent();
        while !above.is_root() && !self.files.get(above.as_bytes()).is_some_and(is_symlink) {
            above.pop();
        }
        !above.is_root()
    }

    fn remove(&mut self, path: &[u8]) {
        self.files.remove(path);
        let below = [path, b"/"].concat();
        self.files.retain(|other, _| !other.starts_with(&below));
    }

    fn make_parents(&mut self, path: &GuestPath) {
        let mut parent = GuestPath::root();
        for name in path.parent().names() {
            parent.push(name).unwrap();
            if !self.is_directory(parent.as_bytes()) {
                self.remove(parent.as_bytes());
                self.inodes.push(directory(0o755));
                self.files.insert(parent.as_bytes().to_vec(), self.inodes.len() - 1);
            }
        }
    }

    fn insert(&mut self, path: &GuestPath, node: Node) {
        self.make_parents(path);
        if !(node.kind == NodeKind::Directory && self.is_directory(path.as_bytes())) {
            self.remove(path.as_bytes());
        }
        self.inodes.push(node);
        self.files.insert(path.as_bytes().to_vec(), self.inodes.len() - 1);
    }

    fn link(&mut self, path: &GuestPath, target: &GuestPath) {
        let inode = self.files[target.as_bytes()];
        self.make_parents(path);
        self.remove(path.as_bytes());
        self.files.insert(path.as_bytes().to_vec(), inode);
    }

    fn listing(&self, folder: &Folder) -> Listing {
        let mut links: BTreeMap<usize, u32> = BTreeMap::new();
        self.files.values().for_each(|&inode| *links.entry(inode).or_default() += 1);
        let mut listing = Listing::new();
        let root = (b"/".to_vec(), directory(0o755), 1);
        let files = self.files.iter().map(|(path, &inode)| (path.clone(), self.inodes[inode].clone(), links[&inode]));
        for (path, node, nlink) in files.chain([root]) {
            let below = if path == b"/" { path.clone() } else { [&path[..], b"/"].concat() };
            let is_child = |other: &[u8]| other.strip_prefix(&below[..]).is_some_and(|name| !name.contains(&b'/'));
            let inner = self.files.keys().filter(|other| is_child(other) && self.is_directory(other)).count() as u32;
            let (kind, nlink, data) = match &node.kind {
                NodeKind::Directory => (FileKind::Directory, 2 + inner, Vec::new()),
                NodeKind::Symlink(target) => (FileKind::Symlink, nlink, target.clone()),
                NodeKind::Regular(None) => (FileKind::Regular, nlink, Vec::new()),
                NodeKind::Regular(Some(content)) => {
                    let pack = folder.packs.iter().find(|pack| pack.id() == content.pack).unwrap();
                    (FileKind::Regular, nlink, pack.bytes(content.block, content.len).unwrap().to_vec())
                }
                _ => (FileKind::Fifo, nlink, Vec::new()),
            };
            let (mode, uid, gid, mtime) = (node.mode, node.uid, node.gid, node.mtime);
            let (size, xattrs) = (data.len() as u64, node.xattrs.clone());
            listing.insert(path, Seen { kind, mode, uid, gid, nlink, mtime, rdev: (0, 0), size, data, xattrs });
        }
        listing
    }
}

fn random_path(random: &mut fastrand::Rng) -> GuestPath {
    let names = ["a", "b", "c", "-", ".x", "long name"];
    path((0..random.usize(1..=4)).map(|_| names[random.usize(..names.len())]).collect::<Vec<_>>().join("/"))
}

fn random_node(random: &mut fastrand::Rng, contents: &[ContentRef]) -> Node {
    let kind = match random.u32(..8) {
        0..3 => NodeKind::Directory,
        3 => NodeKind::Symlink(vec![b'l'; random.usize(1..100)]),
        4 => NodeKind::Fifo,
        5 => NodeKind::Regular(None),
        _ => NodeKind::Regular(Some(contents[random.usize(..contents.len())])),
    };
    let mut node = Node::new(kind, random.u16(..0o7777));
    if random.bool() {
        node.mtime = Timespec { sec: random.i64(..), nsec: random.u32(..1_000_000_000) };
        node.uid = random.u32(..);
    }
    if random.u32(..5) == 0 {
        node.xattrs = vec![(b"trusted.a".to_vec(), vec![1; random.usize(..200)])];
    }
    node
}

/// Layers at random, the lowest first, and what they make.
struct Random {
    folder: Folder,
    layers: Vec<Image>,
    model: Model,
}

/// Whether hard links go into lower layers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Links {
    Anywhere,
    OwnLayer,
}

impl Random {
    fn new(seed: u64, links: Links) -> Random {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut folder = Folder::new();
        let contents = [folder.pack(&[b"zero", b"one"]), folder.pack(&[b"two", &[3; 5000]])].concat();
        let mut made = Random { folder, layers: Vec::new(), model: Model::default() };
        for _ in 0..random.usize(1..=5) {
            let mut builder = LayerBuilder::new();
            made.hide(&mut random, &mut builder);
            made.fill(&mut random, &mut builder, &contents, links);
            let mut bytes = Vec::new();
            builder.write(&mut bytes).unwrap();
            let path = made.folder.path(&format!("layer {}", made.layers.len()));
            std::fs::write(&path, bytes).unwrap();
            made.layers.push(Image::open(&path).unwrap());
        }
        made
    }

    /// Whiteouts and opaque directories come first, as they spare entries of their layer wherever they come; for the same
    /// reason none lies above another.
    fn hide(&mut self, random: &mut fastrand::Rng, builder: &mut LayerBuilder) {
        let model = &mut self.model;
        let mut hidden: Vec<GuestPath> = Vec::new();
        for _ in 0..random.usize(..4) {
            let path = random_path(random);
            if !model.files.contains_key(path.as_bytes()) || hidden.iter().any(|below| below.starts_with(&path)) {
                continue;
            }
            if random.bool() && model.is_directory(path.as_bytes()) {
                let kept = model.files[path.as_bytes()];
                model.remove(path.as_bytes());
                model.files.insert(path.as_bytes().to_vec(), kept);
                builder.insert(&path, model.inodes[kept].clone()).unwrap();
                builder.opaque(&path).unwrap();
            } else {
                builder.whiteout(&path).unwrap();
                model.remove(path.as_bytes());
            }
            hidden.push(path);
        }
    }

    fn fill(&mut self, random: &mut fastrand::Rng, builder: &mut LayerBuilder, contents: &[ContentRef], links: Links) {
        let model = &mut self.model;
        let lower = model.clone();
        let mut touched: Vec<GuestPath> = Vec::new();
        for _ in 0..random.usize(..30) {
            let path = random_path(random);
            if model.is_beyond_symlink(&path) {
                continue;
            }
            if random.u32(..6) != 0 {
                let node = random_node(random, contents);
                builder.insert(&path, node.clone()).unwrap();
                model.insert(&path, node);
                touched.push(path);
                continue;
            }
            // Links to what this layer has left alone, or has made.
            let target = random_path(random);
            let is_lower = lower.files.get(target.as_bytes()) == model.files.get(target.as_bytes());
            let is_file = model.files.contains_key(target.as_bytes()) && !model.is_directory(target.as_bytes());
            let is_touched = touched.iter().any(|path| target.starts_with(path) || path.starts_with(&target));
            let is_inside = target.starts_with(&path) || path.starts_with(&target);
            let is_allowed = !is_lower || (links == Links::Anywhere && !is_touched);
            if is_file && !is_inside && is_allowed {
                builder.hard_link(&path, &target).unwrap();
                model.link(&path, &target);
                touched.push(path);
            }
        }
    }
}

#[test]
fn random_layers_make_what_a_naive_model_makes() {
    for seed in 0..300 {
        let Random { folder, layers, model } = Random::new(seed, Links::Anywhere);
        let layers: Vec<_> = layers.iter().collect();
        let image = folder.merge("tree", &layers);
        let (ours, expected) = (listing(&folder.tree(&image)), model.listing(&folder));
        for (path, seen) in &expected {
            let path_text = String::from_utf8_lossy(path);
            assert_eq!(ours.get(path), Some(seen), "seed {seed}: {path_text}");
        }
        assert_eq!(ours.len(), expected.len(), "seed {seed}");
        if seed % 10 == 0 {
            fsck(&folder, &image);
            same_to_the_kernel(&folder, &image);
        }
        let again = folder.merge("again", &layers);
        assert!(again.body() == image.body());
        let whole = folder.merge("whole", &[&image]);
        assert!(whole.body() == image.body(), "seed {seed}: a tree merged alone is itself");
    }
}

/// Layers of ours are what overlayfs takes for lower directories. It knows no implied directories: attributes of
/// directories are left out, and link counts.
#[test]
fn random_layers_make_what_the_kernels_overlayfs_makes() {
    for seed in 1000..1030 {
        let Random { folder, layers, .. } = Random::new(seed, Links::OwnLayer);
        let image = folder.merge("tree", &layers.iter().collect::<Vec<_>>());
        let Some(overlay) = overlay(&folder, &layers) else { return };
        let same = |listing: Listing| -> Vec<_> {
            let plain = |(path, seen): (Vec<u8>, Seen)| match seen.kind {
                FileKind::Directory => (
                    path,
                    Seen { mode: 0, uid: 0, gid: 0, nlink: 0, mtime: Timespec::default(), xattrs: Vec::new(), ..seen },
                ),
                _ => (path, Seen { nlink: 0, ..seen }),
            };
            listing.into_iter().map(plain).collect()
        };
        assert_eq!(same(listing(&folder.tree(&image))), same(overlay), "seed {seed}");
    }
}
