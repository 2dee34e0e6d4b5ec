//! Layers are unpacked, merged and read again.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::support::{Tar, applied, content, describe, empty, listing, names_of, touch};
use crate::archive::{Compression, Encoder, Error, LayerSink, Limits, Unpacked, unpack, write_layer, write_tree};
use crate::erofs::{ContentRef, Image, LayerBuilder, Pack, PackId, PackStats, PackWriter, Tree, merge};
use crate::oci::Digest;
use crate::vfs::{Change, ChangeKind, ContentId, FileKind, GuestPath, InodeRef, Name, NewInode, NewKind};

/// Layers in a temporary folder, the lowest first.
struct Layers {
    folder: tempfile::TempDir,
    images: Vec<Image>,
    packs: Vec<Arc<Pack>>,
    stats: Vec<PackStats>,
}

impl Layers {
    fn new() -> Layers {
        Layers { folder: tempfile::tempdir().unwrap(), images: Vec::new(), packs: Vec::new(), stats: Vec::new() }
    }

    /// Unpacks `archive` as the next layer; contents of the packs below are known.
    fn push(&mut self, archive: &[u8]) -> Result<Unpacked, Error> {
        let path = self.folder.path().join(format!("pack{}", self.packs.len()));
        let mut pack = PackWriter::new(File::create(&path).unwrap(), PackId::random().unwrap());
        let mut layer = LayerBuilder::new();
        let known = |id: &ContentId| -> Option<ContentRef> { self.packs.iter().find_map(|pack| pack.get(id)) };
        let mut sink = LayerSink { layer: &mut layer, pack: &mut pack, known: &known };
        let unpacked = unpack(archive, &mut sink, &Limits::default())?;
        self.stats.push(pack.finish().unwrap());
        self.packs.push(Arc::new(Pack::open(&path).unwrap()));
        let mut image = Vec::new();
        layer.write(&mut image).unwrap();
        self.images.push(Image::from_bytes(image, Path::new("layer")).unwrap());
        Ok(unpacked)
    }

    /// The tree that the layers make.
    fn root(&self) -> InodeRef {
        let mut tree = Vec::new();
        merge(&self.images.iter().collect::<Vec<_>>(), &mut tree).unwrap();
        Tree::open(Arc::new(Image::from_bytes(tree, Path::new("tree")).unwrap()), self.packs.clone()).unwrap()
    }
}

/// Changes a tree at random, times included.
fn change_at_random(root: &InodeRef, random: &mut fastrand::Rng) {
    let mut dirs = vec![root.clone()];
    for step in 0..random.i64(5..60) {
        let dir = dirs[random.usize(..dirs.len())].clone();
        let text = format!("{}", random.u8(0..6));
        let name = Name::new(text.as_bytes()).unwrap();
        let kind = match random.u8(0..8) {
            0..=2 => NewKind::Directory,
            3..=4 => NewKind::Regular,
            5 => NewKind::Symlink(b"../x"),
            6 => NewKind::Fifo,
            _ => {
                // Of directories, empty ones alone.
                let _ = dir.unlink(name).or_else(|_| dir.rmdir(name));
                continue;
            }
        };
        if kind.file_kind() != FileKind::Directory {
            let _ = dir.unlink(name);
        }
        let new = NewInode { kind, mode: random.u16(..0o1000), uid: 1, gid: 2, mtime: None };
        let Ok(made) = dir.create(name, &new).or_else(|_| dir.lookup(name)) else { continue };
        match made.kind() {
            FileKind::Directory => dirs.push(made),
            FileKind::Regular => {
                made.write_at(&[random.u8(..); 5], 0).unwrap();
                touch(&made, step);
            }
            _ => touch(&made, step),
        }
    }
    // Directories that were removed are changed in vain.
    for dir in dirs {
        touch(&dir, 1000);
    }
}

/// What turns the tree `old` into the tree `new`, as a container's upper would report it: parents first, directories above
/// a change as changed.
fn difference(old: Option<&InodeRef>, new: &InodeRef, path: &GuestPath, random: &mut fastrand::Rng) -> Vec<Change> {
    let old_dir = old.filter(|old| old.kind() == FileKind::Directory);
    let is_dir = new.kind() == FileKind::Directory;
    // A directory may have been removed and made again: all in it is new then.
    let opaque = is_dir && old_dir.is_some() && random.u8(0..5) == 0;
    let mut below = Vec::new();
    if is_dir {
        let shown = if opaque { None } else { old_dir };
        let mut names = shown.map_or(Vec::new(), names_of);
        names.extend(names_of(new));
        names.sort();
        names.dedup();
        for name in names {
            let path = path.join(name.as_name()).unwrap();
            let old = shown.and_then(|dir| dir.lookup(name.as_name()).ok());
            match new.lookup(name.as_name()) {
                Ok(new) => below.extend(difference(old.as_ref(), &new, &path, random)),
                Err(_) => below.push(Change { path, kind: ChangeKind::Deleted, inode: None, opaque: false }),
            }
        }
    }
    let is_same = old.is_some_and(|old| describe(old, path) == describe(new, path));
    if is_same && !opaque && below.is_empty() {
        return below;
    }
    let kind = if old.is_some() { ChangeKind::Modified } else { ChangeKind::Added };
    below.insert(0, Change { path: path.clone(), kind, inode: Some(new.clone()), opaque });
    below
}

#[test]
fn a_layer_of_changes_over_the_old_tree_is_the_new_tree() {
    let mut random = fastrand::Rng::with_seed(11);
    for round in 0..200 {
        let tree = empty();
        change_at_random(&tree, &mut random);
        let mut layers = Layers::new();
        layers.push(&write_tree(&tree, Vec::new()).unwrap().0).unwrap();
        for _ in 0..3 {
            let old = layers.root();
            change_at_random(&tree, &mut random);
            let changes = difference(Some(&old), &tree, &GuestPath::root(), &mut random);
            let (archive, _) = write_layer(changes, Vec::new()).unwrap();
            layers.push(&archive).unwrap();
            assert_eq!(listing(&layers.root()), listing(&tree), "round {round}");
        }
    }
}

fn tree_of(archives: &[Vec<u8>]) -> Vec<String> {
    let mut layers = Layers::new();
    for archive in archives {
        layers.push(archive).unwrap();
    }
    let times = |line: String| line.replace(" 0:0 1.0", "").replace(" 0:0 0.0", "");
    listing(&layers.root()).into_iter().map(times).collect()
}

fn error_of(archive: &[u8]) -> String {
    Layers::new().push(archive).map(|_| ()).unwrap_err().to_string()
}

fn sample() -> Vec<u8> {
    let large: String = (0..300_000).map(|number| format!("{number:07}\n")).collect();
    Tar::default()
        .header("./", b'5', 0, |header| header[100..108].copy_from_slice(b"0000755\0"))
        .dir("d")
        .file("d/small", "content")
        .file("d/empty", "")
        .file("d/large", &large)
        .file("d/same", "content")
        .file("d/large-too", &large)
        .pax(&[("mtime", b"5.000000001"), ("SCHILY.xattr.user.a", b"\n"), ("uid", b"4000000")])
        .header("d/file", b'0', 0, |_| ())
        .link("d/hard", b'1', "/d/small")
        .link("d/soft", b'2', "../up")
        .header("null", b'3', 0, |header| header[329..345].copy_from_slice(b"0000001\x000000003\0"))
        .header("disk", b'4', 0, |header| header[329..345].copy_from_slice(b"0000010\x000000001\0"))
        .header("pipe", b'6', 0, |_| ())
        .end()
}

#[test]
fn a_layer_is_the_tree_its_archive_makes() {
    let archive = sample();
    let mut layers = Layers::new();
    let unpacked = layers.push(&archive).unwrap();
    assert_eq!(listing(&layers.root()), listing(&applied(&archive).unwrap()));
    let large = 300_000 * 8;
    let expected =
        Unpacked { diff_id: Digest::of(&archive), size: archive.len() as u64, entries: 13, content: 2 * large + 14 };
    assert_eq!(unpacked, expected);
    assert_eq!((layers.stats[0].contents, layers.stats[0].bytes), (2, large + 7), "each distinct content once");
}

#[test]
fn compression_changes_nothing() {
    let archive = sample();
    let expected = Layers::new().push(&archive).unwrap();
    for compression in [Compression::Gzip, Compression::Zstd] {
        let mut encoder = Encoder::new(Vec::new(), compression).unwrap();
        encoder.write_all(&archive).unwrap();
        assert_eq!(Layers::new().push(&encoder.finish().unwrap()).unwrap(), expected, "{compression:?}");
    }
}

#[test]
fn what_follows_the_end_counts_for_the_diff_id_alone() {
    let archive = [Tar::default().file("a", "1").end(), vec![b'x'; 10_000]].concat();
    let unpacked = Layers::new().push(&archive).unwrap();
    assert_eq!((unpacked.diff_id, unpacked.size, unpacked.entries), (Digest::of(&archive), archive.len() as u64, 1));
    assert_eq!(Layers::new().push(b"").unwrap().diff_id, Digest::of(b""));
}

#[test]
fn a_tree_of_layers_becomes_the_same_archive_again() {
    let mut layers = Layers::new();
    layers.push(&sample()).unwrap();
    let (first, _) = write_tree(&layers.root(), Vec::new()).unwrap();
    let mut again = Layers::new();
    again.push(&first).unwrap();
    let (second, _) = write_tree(&again.root(), Vec::new()).unwrap();
    assert!(first == second);
}

#[test]
fn contents_of_other_packs_are_not_written_again() {
    let mut layers = Layers::new();
    layers.push(&sample()).unwrap();
    layers.push(&sample()).unwrap();
    assert_eq!(layers.stats[1].contents, 0);
    assert!(layers.stats[1].file_len < 4096 * 2);
    assert_eq!(listing(&layers.root()), listing(&applied(&sample()).unwrap()));
}

#[test]
fn whiteouts_hide_what_lies_below() {
    let lower =
        Tar::default().dir("d").file("d/a", "1").file("d/b", "2").dir("e").file("e/x", "3").file("f", "4").end();
    // The order within a layer does not matter.
    let upper = Tar::default()
        .file("d/.wh.a", "")
        .file("e/new", "5")
        .file("e/.wh..wh..opq", "")
        .dir("e")
        .file(".wh.f", "")
        .file(".wh.never", "")
        .file(".wh..wh.plnk/1.2", "")
        .end();
    assert_eq!(tree_of(&[lower, upper]), ["/d / 644 n1", "/d/b =2 644 n1", "/e / 644 n1", "/e/new =5 644 n1"]);
}

#[test]
fn whiteouts_of_the_same_layer_s_files_leave_them() {
    let lower = Tar::default().dir("d").file("d/old", "1").file("f", "1").end();
    let upper = Tar::default().file("d/new", "2").file(".wh.d", "").file(".wh.f", "").file("f", "3").end();
    assert_eq!(tree_of(&[lower, upper]), ["/d / 755 n1", "/d/new =2 644 n1", "/f =3 644 n1"]);
}

#[test]
fn a_hard_link_may_lead_to_a_lower_layer() {
    let lower = Tar::default().file("a", "1").end();
    let upper = Tar::default().link("b", b'1', "a").end();
    assert_eq!(tree_of(&[lower, upper]), ["/a =1 644 n2", "/b =1 644 n2"]);
}

#[test]
fn symbolic_links_of_the_layer_are_followed_on_the_way_to_an_entry() {
    let archive = Tar::default()
        .link("lib", b'2', "usr/lib")
        .file("lib/a", "1")
        .link("usr/up", b'2', "../../../opt")
        .file("usr/up/b", "2")
        .link("same", b'1', "lib/a")
        .link("once", b'2', "lib")
        .file("once", "3")
        .file("lib/.wh.c", "")
        .end();
    let expected = [
        "/lib -> usr/lib 777 n1",
        "/once =3 644 n1",
        "/opt / 755 n1",
        "/opt/b =2 644 n1",
        "/same =1 644 n2",
        "/usr / 755 n1",
        "/usr/lib / 755 n1",
        "/usr/lib/a =1 644 n2",
        "/usr/up -> ../../../opt 777 n1",
    ];
    assert_eq!(tree_of(&[archive]), expected);
    let circle = Tar::default().link("a", b'2', "b").link("b", b'2', "a").file("a/x", "").end();
    assert_eq!(error_of(&circle), "entry a/x: the symlinks on the way have no end");
}

#[test]
fn what_no_layer_may_hold_is_refused() {
    for (archive, message) in [
        (Tar::default().file("../x", ""), "entry ../x: its path leads out of the archive's root"),
        (Tar::default().file(".wh.", ""), "entry .wh.: whiteout without a name"),
        (Tar::default().file(".wh...", ""), "entry .wh...: whiteout without a name"),
        (Tar::default().file(".wh.a/b", ""), "entry .wh.a/b: the name of its directory is reserved for whiteouts"),
        (Tar::default().file("a", "").link("a", b'1', "./a"), "entry a: a hard link to itself"),
        (Tar::default().dir("d").link("a", b'1', "d"), "entry a: a directory cannot have hard links"),
        (Tar::default().file("", "x"), "entry : the root must be a directory"),
        (Tar::default().link("a", b'2', ""), "entry a: the target of the symlink is empty, too long or has a NUL"),
    ] {
        assert_eq!(error_of(&archive.end()), message);
    }
    assert_eq!(error_of(&[b'x'; 1000]), "not a tar archive");
    assert_eq!(
        error_of(b"\x1f\x8b\x08\0\0\0\0\0\0\0rubbish rubbish"),
        "gzip: deflate decompression error: invalid distance too far back"
    );
}

#[test]
fn a_sparse_file_is_whole_again() {
    let records: [(&str, &[u8]); 2] = [("GNU.sparse.map", b"1000,3,3000000,2"), ("GNU.sparse.size", b"5000000")];
    let small: [(&str, &[u8]); 2] = [("GNU.sparse.map", b"1,3"), ("GNU.sparse.size", b"9")];
    let archive = Tar::default().pax(&records).file("s", "abcde").pax(&small).file("t", "xyz").end();
    let mut layers = Layers::new();
    layers.push(&archive).unwrap();
    let root = layers.root();
    let find = |name: &[u8]| content(&root.lookup(Name::new(name).unwrap()).unwrap());
    let mut expected = vec![0; 5_000_000];
    expected[1000..1003].copy_from_slice(b"abc");
    expected[3_000_000..3_000_002].copy_from_slice(b"de");
    assert!(find(b"s") == expected);
    assert_eq!(find(b"t"), b"\0xyz\0\0\0\0\0");
}

#[test]
fn no_flipped_bit_of_a_layer_makes_it_panic() {
    let archive = sample();
    let small = &archive[..512 * 9];
    let mut random = fastrand::Rng::with_seed(3);
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let mut encoder = Encoder::new(Vec::new(), compression).unwrap();
        encoder.write_all(small).unwrap();
        let encoded = encoder.finish().unwrap();
        for _ in 0..300 {
            let mut damaged = encoded.clone();
            for _ in 0..random.usize(1..4) {
                let place = random.usize(0..damaged.len());
                damaged[place] ^= 1 << random.u8(0..8);
            }
            let _ = Layers::new().push(&damaged);
        }
    }
}
