//! What layers make together, rule by rule.

use super::super::*;
use super::support::*;
use crate::vfs::{Device, FileKind};

/// The paths of a tree made of these layers, with kinds, modes and link counts.
fn merged(layers: &[&Image]) -> Vec<String> {
    let folder = Folder::new();
    let seen = listing(&folder.tree(&folder.merge("tree", layers)));
    let line = |(path, seen): (&Vec<u8>, &Seen)| {
        let end = if seen.kind == FileKind::Directory { "/" } else { "" };
        format!("{}{end} {:o} {}", String::from_utf8_lossy(path), seen.mode, seen.nlink)
    };
    seen.iter().map(line).collect()
}

fn file_of_mode(mode: u16) -> Node {
    Node { mode, ..empty() }
}

#[test]
fn a_whiteout_hides_what_lower_layers_have_and_nothing_of_its_own_layer() {
    let lower = layer(|builder| {
        for name in ["a", "b", "c/x", "d/x", "e/x"] {
            builder.insert(&path(name), empty()).unwrap();
        }
    });
    let upper = layer(|builder| {
        builder.whiteout(&path("a")).unwrap();
        builder.insert(&path("b"), file_of_mode(0o600)).unwrap();
        builder.whiteout(&path("b")).unwrap();
        builder.insert(&path("c/y"), empty()).unwrap();
        builder.whiteout(&path("c")).unwrap();
        builder.whiteout(&path("d")).unwrap();
        builder.insert(&path("d/y"), empty()).unwrap();
        builder.insert(&path("e"), Node::new(NodeKind::CharDevice(Device::default()), 0)).unwrap();
        builder.whiteout(&path("never/there")).unwrap();
    });
    let expected = ["// 755 5", "/b 600 1", "/c/ 755 2", "/c/y 644 1", "/d/ 755 2", "/d/y 644 1", "/never/ 755 2"];
    assert_eq!(merged(&[&lower, &upper]), expected);
    assert_eq!(merged(&[&upper, &lower])[1], "/a 644 1");
}

#[test]
fn an_opaque_directory_shows_its_own_layer_alone() {
    let lower = layer(|builder| {
        builder.insert(&path("dir/old"), empty()).unwrap();
        builder.insert(&path("dir"), directory(0o700)).unwrap();
        builder.insert(&path("stays"), empty()).unwrap();
    });
    let upper = layer(|builder| {
        builder.insert(&path("dir/new"), empty()).unwrap();
        builder.opaque(&path("dir")).unwrap();
    });
    assert_eq!(merged(&[&lower, &upper]), ["// 755 3", "/dir/ 755 2", "/dir/new 644 1", "/stays 644 1"]);
    let root = layer(|builder| builder.opaque(&path("/")).unwrap());
    assert_eq!(merged(&[&lower, &root]), ["// 755 2"]);
}

#[test]
fn an_implied_directory_has_the_attributes_of_the_lower_one() {
    let described = layer(|builder| builder.insert(&path("a/b"), directory(0o711)).unwrap());
    let implied = layer(|builder| builder.insert(&path("a/b/c"), empty()).unwrap());
    let expected = ["// 755 3", "/a/ 755 3", "/a/b/ 711 2", "/a/b/c 644 1"];
    assert_eq!(merged(&[&described, &implied]), expected);
    assert_eq!(merged(&[&implied, &described]), expected);
    let root = layer(|builder| builder.insert(&path("/"), directory(0o700)).unwrap());
    assert_eq!(merged(&[&root, &implied])[0], "// 700 3");
}

#[test]
fn later_entries_replace_earlier_ones_as_extracting_does() {
    let lower = layer(|builder| builder.insert(&path("x/lower"), empty()).unwrap());
    let upper = layer(|builder| {
        // A file takes the place of a directory, then a directory that of the file: nothing from below shows.
        builder.insert(&path("x/first"), empty()).unwrap();
        builder.insert(&path("x"), empty()).unwrap();
        builder.insert(&path("x/second"), empty()).unwrap();
        builder.insert(&path("y"), file_of_mode(0o600)).unwrap();
        builder.insert(&path("y"), file_of_mode(0o640)).unwrap();
        builder.insert(&path("z/kept"), empty()).unwrap();
        builder.insert(&path("z"), directory(0o700)).unwrap();
    });
    let expected = ["// 755 4", "/x/ 755 2", "/x/second 644 1", "/y 640 1", "/z/ 700 2", "/z/kept 644 1"];
    assert_eq!(merged(&[&lower, &upper]), expected);
}

#[test]
fn hard_links_reach_into_lower_layers_and_count_the_names_that_are_left() {
    let lower = layer(|builder| {
        builder.insert(&path("one"), file_of_mode(0o600)).unwrap();
        builder.hard_link(&path("two"), &path("one")).unwrap();
        builder.hard_link(&path("three"), &path("two")).unwrap();
    });
    assert_eq!(merged(&[&lower])[1..], ["/one 600 3", "/three 600 3", "/two 600 3"]);
    let upper = layer(|builder| {
        builder.hard_link(&path("four"), &path("one")).unwrap();
        builder.hard_link(&path("five"), &path("four")).unwrap();
        // What the layer puts in the place of the target comes too late for the link.
        builder.insert(&path("one"), file_of_mode(0o640)).unwrap();
        builder.whiteout(&path("two")).unwrap();
    });
    let expected = ["// 755 2", "/five 600 3", "/four 600 3", "/one 640 1", "/three 600 3"];
    assert_eq!(merged(&[&lower, &upper]), expected);

    let missing = layer(|builder| builder.hard_link(&path("a/b"), &path("nowhere")).unwrap());
    let error = merge(&[&lower, &missing], &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "/a/b: hard link to /nowhere, which is in no layer");
    let late = layer(|builder| {
        builder.hard_link(&path("early"), &path("late")).unwrap();
        builder.insert(&path("late"), file_of_mode(0o600)).unwrap();
    });
    assert_eq!(merged(&[&late])[1..], ["/early 600 2", "/late 600 2"]);
}

#[test]
fn an_entry_lies_where_the_symlinks_on_its_way_lead() {
    let link = |target: &str| Node::new(NodeKind::Symlink(target.as_bytes().to_vec()), 0o777);
    let lower = layer(|builder| {
        builder.insert(&path("usr/lib/old"), empty()).unwrap();
        builder.insert(&path("usr/lib/gone"), empty()).unwrap();
        builder.insert(&path("lib"), link("usr/./lib")).unwrap();
        builder.insert(&path("a/up"), link("../usr")).unwrap();
        builder.insert(&path("abs"), link("/a/up/lib")).unwrap();
        builder.insert(&path("broken"), link("nowhere")).unwrap();
        // Of the same layer: followed at once.
        builder.insert(&path("lib/same"), empty()).unwrap();
    });
    let upper = layer(|builder| {
        builder.insert(&path("lib/one"), empty()).unwrap();
        builder.insert(&path("a/up/lib/two"), empty()).unwrap();
        builder.insert(&path("abs/three"), empty()).unwrap();
        builder.whiteout(&path("lib/gone")).unwrap();
        builder.hard_link(&path("link"), &path("abs/old")).unwrap();
        builder.insert(&path("broken/four"), empty()).unwrap();
    });
    let expected = [
        "// 755 5",
        "/a/ 755 2",
        "/a/up 777 1",
        "/abs 777 1",
        "/broken/ 755 2",
        "/broken/four 644 1",
        "/lib 777 1",
        "/link 644 2",
        "/usr/ 755 3",
        "/usr/lib/ 755 2",
        "/usr/lib/old 644 2",
        "/usr/lib/one 644 1",
        "/usr/lib/same 644 1",
        "/usr/lib/three 644 1",
        "/usr/lib/two 644 1",
    ];
    assert_eq!(merged(&[&lower, &upper]), expected);
    let described = layer(|builder| builder.insert(&path("lib"), directory(0o700)).unwrap());
    assert!(merged(&[&lower, &described]).contains(&"/lib/ 700 2".to_owned()));
    let mut endless = LayerBuilder::new();
    endless.insert(&path("x"), link("y")).unwrap();
    endless.insert(&path("y"), link("x")).unwrap();
    let error = endless.insert(&path("x/file"), empty()).unwrap_err();
    assert_eq!(error.to_string(), "/x: the symlinks on the way have no end");
}

#[test]
fn impossible_entries_are_refused() {
    let mut builder = LayerBuilder::new();
    builder.insert(&path("dir"), directory(0o755)).unwrap();
    let too_large = NodeKind::BlockDevice(Device { major: 4096, minor: 0 });
    assert!(builder.insert(&path("/"), empty()).is_err());
    assert!(builder.insert(&path("a"), Node::new(too_large, 0)).is_err());
    assert!(builder.insert(&path("a"), Node::new(NodeKind::Symlink(Vec::new()), 0)).is_err());
    assert!(builder.insert(&path("a"), Node::new(NodeKind::Symlink(vec![b'x'; 4096]), 0)).is_err());
    assert!(builder.hard_link(&path("a"), &path("dir")).is_err());
    assert!(builder.hard_link(&path("/"), &path("a")).is_err());
    assert!(builder.insert(&path("dir"), empty()).is_ok() && builder.len() == 1);
}

#[test]
fn a_tree_names_only_the_packs_it_uses_and_no_mark_is_left() {
    let mut folder = Folder::new();
    let (first, second) = (folder.pack(&[b"first"]), folder.pack(&[b"second"]));
    let lower = layer(|builder| {
        builder.insert(&path("a"), file(first[0])).unwrap();
        builder.insert(&path("link"), file(first[0])).unwrap();
    });
    let upper = layer(|builder| {
        builder.insert(&path("a"), file(second[0])).unwrap();
        builder.insert(&path("dir/b"), file(second[0])).unwrap();
        builder.opaque(&path("dir")).unwrap();
        builder.hard_link(&path("link"), &path("a")).unwrap();
        builder.whiteout(&path("link2")).unwrap();
    });
    fsck(&folder, &upper);
    assert_eq!(upper.devices(), [second[0].pack]);
    let tree = folder.merge("tree", &[&lower, &upper]);
    assert_eq!(tree.devices(), [second[0].pack]);
    let seen = listing(&folder.tree(&tree));
    assert!(seen.values().all(|seen| seen.xattrs.is_empty() && seen.kind != FileKind::CharDevice));
    let contents: Result<Vec<_>, _> = tree.contents().collect();
    assert_eq!(contents.unwrap(), [second[0], second[0], second[0]]);
    assert!(
        matches!(Tree::open(tree, folder.packs[..1].to_vec()), Err(Error::MissingPack(id)) if id == second[0].pack)
    );
}

#[test]
fn relocating_changes_places_and_nothing_else() {
    let mut folder = Folder::new();
    let old = folder.pack(&[b"a", b"b", b"c"]);
    let new = folder.pack(&[b"c", b"a"]);
    let marked = layer(|builder| {
        builder.insert(&path("dir/a"), file(old[0])).unwrap();
        builder.hard_link(&path("dir/a2"), &path("dir/a")).unwrap();
        builder.insert(&path("b"), file(old[1])).unwrap();
        builder.insert(&path("c"), Node { xattrs: vec![(b"user.x".to_vec(), b"y".to_vec())], ..file(old[2]) }).unwrap();
        builder.opaque(&path("dir")).unwrap();
        builder.whiteout(&path("gone")).unwrap();
        builder.hard_link(&path("link"), &path("lower")).unwrap();
    });
    let move_to = |content: ContentRef| [(old[0], new[1]), (old[2], new[0])].into_iter().find(|pair| pair.0 == content);
    let mut moved = Vec::new();
    relocate(&marked, &|content| Some(move_to(content)?.1), &mut moved).unwrap();
    let moved = Image::from_bytes(moved, std::path::Path::new("moved")).unwrap();
    assert_eq!(moved.devices(), [old[0].pack, new[0].pack]);
    let mut back = Vec::new();
    let move_back =
        |content: ContentRef| Some([(old[0], new[1]), (old[2], new[0])].into_iter().find(|pair| pair.1 == content)?.0);
    relocate(&moved, &move_back, &mut back).unwrap();
    assert!(back == marked.body());
    let lower = layer(|builder| builder.insert(&path("lower"), file(old[1])).unwrap());
    let see = |top: &Image| listing(&folder.tree(&folder.merge("tree", &[&lower, top])));
    assert_eq!(see(&marked), see(&moved));
}
