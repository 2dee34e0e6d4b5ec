//! Files of containers: bind mounts, volumes, tmpfs, `cp` both ways.

use std::fs;

use super::support::Cowbox;

#[test]
fn a_bind_mount_shows_the_host_and_writes_through() {
    let cowbox = Cowbox::with_base();
    let folder = cowbox.path("shared");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("in"), "from the host\n").unwrap();
    let mount = format!("{}:/work", folder.display());
    assert_eq!(cowbox.run(["run", "--rm", "-v", &mount, "base", "cat", "/work/in"]).ok(), "from the host\n");
    cowbox.run(["run", "--rm", "-v", &mount, "base", "cp", "/work/in", "/work/out"]).ok();
    assert_eq!(fs::read_to_string(folder.join("out")).unwrap(), "from the host\n");
    let read_only = format!("{mount}:ro");
    let ended = cowbox.run(["run", "--rm", "-v", &read_only, "base", "touch", "/work/new"]);
    assert_ne!(ended.code, 0);
    assert!(!folder.join("new").exists());
    // One file.
    let file = format!("{}:/etc/motd", folder.join("in").display());
    assert_eq!(cowbox.run(["run", "--rm", "-v", &file, "base", "cat", "/etc/motd"]).ok(), "from the host\n");
    // --mount does not make what is missing, -v does.
    let error = cowbox.run(["run", "--rm", "--mount", "type=bind,src=/no/such,dst=/x", "base", "true"]).fails(125);
    assert!(error.contains("/no/such"), "{error}");
    let made = format!("{}:/x", cowbox.path("made").display());
    cowbox.run(["run", "--rm", "-v", &made, "base", "touch", "/x/file"]).ok();
    assert!(cowbox.path("made/file").exists());
}

#[cfg(unix)]
#[test]
fn nothing_leads_out_of_a_bind_mount() {
    let cowbox = Cowbox::with_base();
    let folder = cowbox.path("shared");
    fs::create_dir(&folder).unwrap();
    fs::write(cowbox.path("secret"), "of the host\n").unwrap();
    std::os::unix::fs::symlink("../secret", folder.join("up")).unwrap();
    std::os::unix::fs::symlink(cowbox.path("secret"), folder.join("absolute")).unwrap();
    let mount = format!("{}:/work", folder.display());
    for path in ["/work/up", "/work/absolute", "/work/../../secret"] {
        let ended = cowbox.run(["run", "--rm", "-v", &mount, "base", "cat", path]);
        assert_ne!(ended.code, 0, "{path}: {ended:?}");
        assert!(!ended.out.contains("of the host"), "{path}");
    }
}

#[test]
fn volumes_outlive_containers_and_start_with_the_images_files() {
    let cowbox = Cowbox::with_base();
    let run = |args: &[&str]| cowbox.run(["run", "--rm", "-v", "data:/etc", "base"].iter().chain(args)).ok();
    assert!(run(&["cat", "/etc/passwd"]).starts_with("root:"), "an empty volume gets what the image has");
    run(&["touch", "/etc/mine"]);
    assert_eq!(run(&["ls", "/etc/mine"]), "/etc/mine\n");
    assert_eq!(cowbox.run(["volume", "ls", "-q"]).ok(), "data\n");
    cowbox.run(["create", "--name", "box", "-v", "data:/d", "base", "true"]).ok();
    assert!(cowbox.run(["volume", "rm", "data"]).fails(1).contains("in use"));
    cowbox.run(["rm", "box"]).ok();
    assert_eq!(cowbox.run(["volume", "rm", "data"]).ok(), "data\n");
    // Anonymous ones go with a container that is removed when it ends.
    cowbox.run(["run", "--rm", "-v", "/scratch", "base", "touch", "/scratch/file"]).ok();
    assert_eq!(cowbox.run(["volume", "ls", "-q"]).ok(), "");
}

#[test]
fn tmpfs_and_read_only_roots() {
    let cowbox = Cowbox::with_base();
    let ended = cowbox.run(["run", "--rm", "--read-only", "base", "touch", "/root/file"]);
    assert_ne!(ended.code, 0);
    assert!(ended.err.to_lowercase().contains("read-only"), "{ended:?}");
    cowbox.run(["run", "--rm", "--read-only", "--tmpfs", "/tmp", "base", "touch", "/tmp/file"]).ok();
    let ended =
        cowbox.run(["run", "--name", "box", "--tmpfs", "/tmp:size=64k", "base", "cp", "/bin/coreutils", "/tmp/"]);
    assert_ne!(ended.code, 0);
    assert!(!cowbox.run(["diff", "box"]).ok().contains("coreutils"), "a tmpfs is no part of the container");
}

/// A container with `/dir/file` and `/dir/sub/deep`, and the same on the host.
fn prepared() -> Cowbox {
    let cowbox = Cowbox::with_base();
    let folder = cowbox.path("dir");
    fs::create_dir_all(folder.join("sub")).unwrap();
    fs::write(folder.join("file"), "file\n").unwrap();
    fs::write(folder.join("sub/deep"), "deep\n").unwrap();
    cowbox.run(["create", "--name", "box", "base", "true"]).ok();
    cowbox
}

#[test]
fn cp_into_a_container_follows_dockers_rules() {
    let cowbox = prepared();
    let cat = |path: &str| cowbox.run(["cp", &format!("box:{path}"), "-"]).out;
    cowbox.run(["cp", "dir/file", "box:/root"]).ok();
    assert!(cat("/root/file").contains("file\n"), "a file into a directory");
    cowbox.run(["cp", "dir/file", "box:/root/renamed"]).ok();
    assert!(cat("/root/renamed").contains("file\n"), "a file to a new name");
    cowbox.run(["cp", "dir", "box:/root/new"]).ok();
    assert!(cat("/root/new/sub/deep").contains("deep\n"), "a directory to a new name");
    cowbox.run(["cp", "dir", "box:/root/new"]).ok();
    assert!(cat("/root/new/dir/file").contains("file\n"), "a directory into a directory");
    cowbox.run(["cp", "dir/.", "box:/home"]).ok();
    assert!(cat("/home/sub/deep").contains("deep\n"), "what is in a directory");
    assert!(cowbox.run(["cp", "dir", "box:/root/file"]).fails(1).contains("cannot copy directory"));
    assert!(cowbox.run(["cp", "dir/file", "box:/no/such/"]).code == 1);
    assert!(cowbox.run(["cp", "dir/nothing", "box:/root"]).fails(1).contains("nothing"));
    assert!(cowbox.run(["cp", "dir", "dir2"]).fails(1).contains("container"));
    let tar = fs::read(env!("CARGO_MANIFEST_DIR").to_owned() + "/wasi-images/base/base.oci.tar").unwrap();
    cowbox.run_with(["cp", "-", "box:/tmp"], &tar).ok();
    assert!(cat("/tmp/index.json").contains("manifests"), "a tar from standard input");
    cowbox.is_clean();
}

#[test]
fn cp_out_of_a_container_follows_dockers_rules() {
    let cowbox = prepared();
    cowbox.run(["cp", "dir", "box:/dir"]).ok();
    cowbox.run(["cp", "box:/dir/file", "out"]).ok();
    assert_eq!(fs::read_to_string(cowbox.path("out")).unwrap(), "file\n");
    cowbox.run(["cp", "box:/dir", "copy"]).ok();
    assert_eq!(fs::read_to_string(cowbox.path("copy/sub/deep")).unwrap(), "deep\n");
    cowbox.run(["cp", "box:/dir", "copy"]).ok();
    assert_eq!(fs::read_to_string(cowbox.path("copy/dir/sub/deep")).unwrap(), "deep\n");
    cowbox.run(["cp", "box:/dir/.", "copy/sub"]).ok();
    assert_eq!(fs::read_to_string(cowbox.path("copy/sub/file")).unwrap(), "file\n");
    let ended = cowbox.run(["cp", "box:/dir/file", "-"]);
    assert!(ended.out.contains("file\0\0") && ended.out.contains("file\n"), "a tar of the file by its own name");
    // A link is copied as it is, or followed.
    let target = cowbox.run(["cp", "-L", "box:/bin/ls", "ls.wasm"]);
    assert_eq!(target.code, 0, "{target:?}");
    assert!(fs::read(cowbox.path("ls.wasm")).unwrap().starts_with(b"\0asm"));
}

#[test]
fn diff_shows_additions_changes_and_deletions() {
    let cowbox = Cowbox::with_base();
    cowbox.run(["run", "--name", "box", "base", "rm", "-r", "/etc/passwd", "/home"]).ok();
    assert_eq!(cowbox.run(["diff", "box"]).ok(), "C /etc\nD /etc/passwd\nD /home\n");
    let anew = "rm -r /etc; mkdir /etc; echo new > /etc/passwd";
    cowbox.run(["run", "--name", "anew", "base", "sh", "-c", anew]).ok();
    let shown = cowbox.run(["diff", "anew"]).ok();
    assert!(shown.starts_with("C /etc\nD /etc/group\n") && shown.contains("\nC /etc/passwd\n"), "{shown}");
    cowbox.run(["commit", "box", "less"]).ok();
    let ended = cowbox.run(["run", "--rm", "less", "ls", "/etc/passwd"]);
    assert_ne!(ended.code, 0);
    let listing = cowbox.run(["run", "--rm", "less", "ls", "/"]).ok();
    assert!(!listing.contains("home"), "{listing}");
}

#[test]
fn ten_thousand_entries_are_removed() {
    let cowbox = Cowbox::with_base();
    let folder = cowbox.path("tree/many");
    fs::create_dir_all(&folder).unwrap();
    for number in 0..10_000 {
        fs::write(folder.join(format!("entry{number}")), "").unwrap();
    }
    // In an image, where each removal leaves a whiteout; then in the container's own layer.
    cowbox.run(["create", "--name", "seed", "base", "true"]).ok();
    cowbox.run(["cp", "tree/many", "seed:/many"]).ok();
    cowbox.run(["commit", "seed", "many"]).ok();
    cowbox.run(["run", "--name", "box", "many", "rm", "-r", "/many"]).ok();
    assert_eq!(cowbox.run(["diff", "box"]).ok(), "D /many\n");
    cowbox.run(["create", "--name", "own", "base", "rm", "-r", "/many"]).ok();
    cowbox.run(["cp", "tree/many", "own:/many"]).ok();
    cowbox.run(["start", "-a", "own"]).ok();
    assert_eq!(cowbox.run(["diff", "own"]).ok(), "");
}

#[cfg(unix)]
#[test]
fn copies_belong_to_who_copies_unless_owners_are_kept() {
    let cowbox = prepared();
    if super::support::tool("id", ["-u"]).trim() != "0" {
        println!("skipped: only root can give files away");
        return;
    }
    super::support::tool("chown", ["12:34", cowbox.path("dir/file").to_str().unwrap()]);
    cowbox.run(["cp", "dir/file", "box:/root/plain"]).ok();
    cowbox.run(["cp", "-a", "dir/file", "box:/root/kept"]).ok();
    cowbox.run(["export", "-o", "box.tar", "box"]).ok();
    let mut archive = tar::Archive::new(fs::File::open(cowbox.path("box.tar")).unwrap());
    let mut owners = Vec::new();
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        if path.starts_with("root/") && path.len() > 5 {
            owners.push((path, entry.header().uid().unwrap(), entry.header().gid().unwrap()));
        }
    }
    assert_eq!(owners, [("root/kept".to_owned(), 12, 34), ("root/plain".to_owned(), 0, 0)]);
}
