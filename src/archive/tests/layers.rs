//! Changes become layers, with whiteouts in their places.

use super::support::{empty, make, make_file, output, touch};
use crate::archive::write_layer;
use crate::vfs::{Change, ChangeKind, GuestPath, InodeRef, Name, NewKind};

fn change(path: &str, kind: ChangeKind, inode: Option<&InodeRef>) -> Change {
    Change { path: GuestPath::new(path).unwrap(), kind, inode: inode.cloned(), opaque: false }
}

fn sample() -> Vec<Change> {
    let root = empty();
    let etc = make(&root, "etc", NewKind::Directory, 0o755);
    let hosts = make_file(&etc, "hosts", b"localhost");
    etc.link(Name::new(b"same").unwrap(), &hosts).unwrap();
    let fresh = make(&root, "fresh", NewKind::Directory, 0o700);
    let inside = make_file(&fresh, "inside", b"1");
    for inode in [&fresh, &etc, &root] {
        touch(inode, 5);
    }
    vec![
        change("/", ChangeKind::Modified, Some(&root)),
        change("/a", ChangeKind::Deleted, None),
        change("/etc", ChangeKind::Modified, Some(&etc)),
        change("/etc/hosts", ChangeKind::Modified, Some(&hosts)),
        change("/etc/motd", ChangeKind::Deleted, None),
        change("/etc/passwd", ChangeKind::Deleted, None),
        change("/etc/same", ChangeKind::Added, Some(&hosts)),
        Change { opaque: true, ..change("/fresh", ChangeKind::Modified, Some(&fresh)) },
        change("/fresh/inside", ChangeKind::Added, Some(&inside)),
        change("/usr/gone", ChangeKind::Deleted, None),
    ]
}

#[test]
fn a_layer_has_each_directory_s_marks_right_behind_it() {
    let (archive, written) = write_layer(sample(), Vec::new()).unwrap();
    assert_eq!(written.entries, 11);
    let Some(names) = output("tar", &["-tf", "-"], &archive) else { return };
    let expected = [
        "./",
        ".wh.a",
        "etc/",
        "etc/.wh.motd",
        "etc/.wh.passwd",
        "etc/hosts",
        "etc/same",
        "fresh/",
        "fresh/.wh..wh..opq",
        "fresh/inside",
        "usr/.wh.gone",
    ];
    assert_eq!(String::from_utf8_lossy(&names).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_layer_is_deterministic() {
    assert!(write_layer(sample(), Vec::new()).unwrap().0 == write_layer(sample(), Vec::new()).unwrap().0);
    let (nothing, _) = write_layer([], Vec::new()).unwrap();
    assert_eq!(nothing, [0; 1024]);
}

#[test]
fn names_a_layer_cannot_hold_are_refused() {
    let root = empty();
    let file = make_file(&root, ".wh.x", b"");
    let refused = |change| write_layer([change], Vec::new()).map(|_| ()).unwrap_err().to_string();
    let message = refused(change("/.wh.x", ChangeKind::Added, Some(&file)));
    assert_eq!(message, "entry .wh.x: its name is reserved for whiteouts");
    let message = refused(change(&"n".repeat(252), ChangeKind::Deleted, None));
    assert!(message.ends_with("its name is too long for a whiteout"));
}
