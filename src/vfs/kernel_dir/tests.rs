//! The contract of inodes on real directories, and what they have beyond it.

use super::*;
use crate::sys::process;
use crate::vfs::contract::{self, Lacks, content, file, list, mkdir, name};

/// Whether this process may make every kind of file.
#[allow(clippy::disallowed_macros)]
fn is_root(folder: &Path) -> bool {
    let may = process::owner().0 == 0
        && kernel_dir(folder, &KernelOptions::default()).is_ok_and(|root| {
            let device = NewKind::CharDevice(Device { major: 1, minor: 3 });
            root.create(name("null"), &NewInode::new(device, 0o666)).is_ok() && root.unlink(name("null")).is_ok()
        });
    if !may {
        println!("skipped: this needs root on Linux");
    }
    may
}

#[test]
fn it_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    if !is_root(folder.path()) {
        return;
    }
    let count = Mutex::new(0);
    contract::check(Lacks::default(), &|| {
        let mut count = lock(&count);
        *count += 1;
        let path = folder.path().join(count.to_string());
        std::fs::create_dir(&path).unwrap();
        kernel_dir(&path, &KernelOptions::default()).unwrap()
    });
}

#[test]
fn everything_the_kernel_knows_of_a_file_is_shown_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    if !is_root(folder.path()) {
        return;
    }
    let root = kernel_dir(folder.path(), &KernelOptions::default()).unwrap();
    let time = Timespec { sec: 1000, nsec: 123_456_789 };
    let new = NewInode { uid: 70_000, gid: 7, mtime: Some(time), ..NewInode::new(NewKind::Regular, 0o6755) };
    let made = root.create(name("f"), &new).unwrap();
    let value = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    made.set_xattr(b"security.capability", &value).unwrap();
    made.set_xattr(b"trusted.mine", b"x").unwrap();
    // Where the kernel has SELinux its policy has to know it.
    let _ = made.set_xattr(b"security.selinux", b"u:r:t:s0");
    drop((made, root));
    let found = kernel_dir(folder.path(), &KernelOptions::default()).unwrap().lookup(name("f")).unwrap();
    let attr = found.attr().unwrap();
    assert_eq!((attr.mode, attr.uid, attr.gid, attr.mtime), (0o6755, 70_000, 7, time));
    assert_eq!(found.list_xattrs(), Ok(vec![b"security.capability".to_vec(), b"trusted.mine".to_vec()]));
    assert_eq!(found.xattr(b"security.capability"), Ok(value.to_vec()));
    let root = kernel_dir(folder.path(), &KernelOptions::default()).unwrap();
    let new = NewInode { uid: 3, gid: 4, mtime: Some(time), ..NewInode::new(NewKind::Symlink(b"/f"), 0o777) };
    let attr = root.create(name("l"), &new).unwrap().attr().unwrap();
    assert_eq!((attr.kind, attr.uid, attr.gid, attr.mtime), (FileKind::Symlink, 3, 4, time));
}

#[test]
fn more_files_are_held_than_can_be_open() {
    let folder = tempfile::tempdir().unwrap();
    if !is_root(folder.path()) {
        return;
    }
    let root = kernel_dir(folder.path(), &KernelOptions::default()).unwrap();
    let deep = mkdir(&mkdir(&root, "d"), "e");
    let files: Vec<_> = (0..3000).map(|n| file(&deep, &format!("f{n}"))).collect();
    let node = downcast::<KernelNode>(&root).unwrap();
    let open = || {
        let nodes = lock(&node.fs.nodes);
        nodes.values().filter_map(Weak::upgrade).filter(|node| lock(&node.held).is_some()).count()
    };
    assert!(open() <= RECENT_MAX + 1);
    for (n, file) in files.iter().enumerate() {
        file.write_at(format!("{n}").as_bytes(), 0).unwrap();
    }
    assert!(open() <= RECENT_MAX + 1);
    root.rename(name("d"), &root, name("moved"), RenameMode::Replace).unwrap();
    for (n, file) in files.iter().enumerate() {
        assert_eq!(content(file), format!("{n}").as_bytes());
    }
    assert_eq!(list(&deep).len(), 3000);
    deep.unlink(name("f7")).unwrap();
    file(&deep, "f7");
    assert_eq!(content(&files[7]), b"7");
}

#[test]
fn links_lead_nowhere_and_pipes_are_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    if !is_root(folder.path()) {
        return;
    }
    let root = kernel_dir(folder.path(), &KernelOptions::default()).unwrap();
    for target in ["/etc/passwd", "../../../etc/passwd", "/"] {
        let link = root.create(name("l"), &NewInode::new(NewKind::Symlink(target.as_bytes()), 0o777)).unwrap();
        assert_eq!(link.read_link(), Ok(target.as_bytes().to_vec()));
        assert_eq!((link.read_at(&mut [0; 4], 0), link.write_at(b"x", 0)), (Err(Errno::Inval), Err(Errno::Inval)));
        assert_eq!(link.lookup(name("passwd")).err(), Some(Errno::NotDir));
        root.link(name("m"), &link).unwrap();
        assert_eq!(root.lookup(name("m")).unwrap().read_link(), Ok(target.as_bytes().to_vec()));
        link.set_xattr(b"trusted.x", b"1").unwrap();
        assert_eq!(link.xattr(b"trusted.x"), Ok(b"1".to_vec()));
        root.unlink(name("l")).unwrap();
        root.unlink(name("m")).unwrap();
    }
    let pipe = root.create(name("p"), &NewInode::new(NewKind::Fifo, 0o644)).unwrap();
    assert_eq!(pipe.read_at(&mut [0; 4], 0), Err(Errno::Inval));
}

#[test]
fn what_others_put_in_its_place_is_another_file() {
    let folder = tempfile::tempdir().unwrap();
    if !is_root(folder.path()) {
        return;
    }
    let root = kernel_dir(folder.path(), &KernelOptions::default()).unwrap();
    let a = file(&root, "a");
    std::fs::rename(folder.path().join("a"), folder.path().join("b")).unwrap();
    std::fs::write(folder.path().join("a"), "other").unwrap();
    let other = root.lookup(name("a")).unwrap();
    assert_eq!((content(&a), content(&other)), (b"".to_vec(), b"other".to_vec()));
    let node = downcast::<KernelNode>(&a).unwrap();
    lock(&node.held).take();
    assert_eq!(a.attr(), Err(Errno::NoEnt));
}

#[test]
fn nothing_can_be_changed_where_it_is_only_to_be_read() {
    let folder = tempfile::tempdir().unwrap();
    if !is_root(folder.path()) {
        return;
    }
    let root = kernel_dir(folder.path(), &KernelOptions::default()).unwrap();
    file(&mkdir(&root, "d"), "f").write_at(b"content", 0).unwrap();
    root.create(name("l"), &NewInode::new(NewKind::Symlink(b"d"), 0o777)).unwrap();
    contract::check_read_only(
        &kernel_dir(folder.path(), &KernelOptions { read_only: true, ..KernelOptions::default() }).unwrap(),
    );
}
