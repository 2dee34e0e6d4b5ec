//! The files of native containers from outside: `diff`, `commit`, `export`, `cp`, volumes; as root on Linux.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Child, Stdio};

use super::support::native::with_box;
use super::support::{Cowbox, has_tool, tool, wait_for_output};

/// Runs a script of busybox's in the container `name` of an image, to its end.
fn job(cowbox: &Cowbox, name: &str, image: &str, script: &str) -> String {
    cowbox.run(["run", "--name", name, image, "busybox", "sh", "-ec", script]).ok()
}

/// A container that runs until it is dropped, and is removed then.
struct Long<'a> {
    cowbox: &'a Cowbox,
    process: Child,
}

impl Drop for Long<'_> {
    fn drop(&mut self) {
        let removed = self.cowbox.run(["rm", "-f", "long"]);
        self.process.wait().unwrap();
        if !std::thread::panicking() {
            removed.ok();
        }
    }
}

/// The container `long`, once its script was run.
fn long<'a>(cowbox: &'a Cowbox, options: &[&str], script: &str) -> Long<'a> {
    let script = format!("{script}\necho up; exec sleep 1000");
    let mut command =
        cowbox.command([&["run", "--name", "long"], options, &["box", "busybox", "sh", "-ec", &script]].concat());
    let mut long = Long { cowbox, process: command.stdout(Stdio::piped()).spawn().unwrap() };
    wait_for_output(&mut long.process, "up\n");
    long
}

#[test]
fn an_untouched_container_has_no_changes() {
    let Some(cowbox) = with_box() else { return };
    job(&cowbox, "plain", "box", "true");
    assert_eq!(cowbox.run(["diff", "plain"]).ok(), "");
    cowbox.run(["commit", "plain", "same"]).ok();
    let layers = |image| cowbox.run(["inspect", "-f", "{{len .RootFS.Layers}}", image]).ok();
    assert_eq!(layers("same"), layers("box"));
    assert_eq!(cowbox.run(["run", "--rm", "box", "busybox", "stat", "-c", "%a", "/"]).ok(), "755\n");
}

/// The paths of files and folders below one, relative to it.
fn listing(folder: &Path) -> Vec<String> {
    let found = walkdir::WalkDir::new(folder).min_depth(1).sort_by_file_name().into_iter().map(Result::unwrap);
    found.map(|entry| entry.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn a_folder_that_a_container_leaves_is_used_by_one_to_come() {
    let Some(cowbox) = with_box() else { return };
    let store = cowbox.root();
    job(&cowbox, "kept", "box", "busybox cat /etc/hosts /etc/hostname /etc/resolv.conf");
    let id = cowbox.run(["inspect", "-f", "{{.Id}}", "kept"]).ok();
    let kept = store.join("containers").join(id.trim());
    assert_eq!(listing(&kept.join("diff")), [""; 0], "what is mounted takes no files of the container's");
    let run = || cowbox.run(["run", "--rm", "box", "busybox", "true"]).ok();
    let spares = || {
        let names = fs::read_dir(store.join("spares")).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).collect::<Vec<_>>()
    };
    run();
    let [first] = &spares()[..] else { panic!("{:?}", spares()) };
    assert_eq!(first.len(), 64, "it has the name of its container until it is empty");
    run();
    assert!(spares().contains(&"0".to_owned()) && !spares().contains(first), "{:?}", spares());
    assert_eq!(listing(&store.join("spares/0")), ["work"]);
    let inode = || fs::metadata(store.join("spares/0")).unwrap().ino();
    let used = inode();
    cowbox.run(["create", "--name", "next", "box", "busybox", "true"]).ok();
    let id = cowbox.run(["inspect", "-f", "{{.Id}}", "next"]).ok();
    assert_eq!(fs::metadata(store.join("containers").join(id.trim())).unwrap().ino(), used);
    assert_eq!(cowbox.run(["start", "-a", "next"]).ok(), "");
    cowbox.run(["rm", "kept", "next"]).ok();
    cowbox.run(["system", "prune", "-f"]).ok();
    assert_eq!(listing(&store.join("spares")), [""; 0]);
    assert_eq!(listing(&store.join("containers")), [""; 0]);
}

#[test]
fn the_files_of_a_container_are_gone_when_it_is() {
    let Some(cowbox) = with_box() else { return };
    cowbox.run(["run", "--rm", "box", "busybox", "sh", "-ec", "echo secret > /unlike-any-other"]).ok();
    job(&cowbox, "first", "box", "echo secret > /unlike-any-other");
    cowbox.run(["rm", "first"]).ok();
    assert_eq!(job(&cowbox, "said", "box", "echo secret"), "secret\n");
    let is_left = |path: &String| path.contains("unlike-any-other") || path.ends_with("/log");
    let left = || listing(&cowbox.root()).into_iter().filter(is_left).collect::<Vec<_>>();
    assert_eq!(left().len(), 1, "its log");
    cowbox.run(["rm", "said"]).ok();
    assert_eq!(left(), [""; 0]);
}

#[test]
fn changes_are_listed_and_become_a_layer() {
    let Some(cowbox) = with_box() else { return };
    job(&cowbox, "first", "box", "busybox mkdir -p /opt/a/b /opt/gone; echo 1 > /opt/a/b/f; echo 2 > /opt/gone/f");
    assert_eq!(
        cowbox.run(["diff", "first"]).ok(),
        "A /opt\nA /opt/a\nA /opt/a/b\nA /opt/a/b/f\nA /opt/gone\nA /opt/gone/f\n"
    );
    assert!(cowbox.run(["ps", "-a", "-s", "--format", "{{.Size}}"]).ok().starts_with("4B (virtual "));
    cowbox.run(["commit", "first", "one"]).ok();
    let script = "busybox rm -r /opt/gone /opt/a; busybox mkdir /opt/a; echo 3 > /opt/a/new; \
                  busybox rm /etc/group; busybox chmod 600 /etc/passwd; busybox ln /opt/a/new /opt/hard; \
                  busybox mkfifo -m 640 /opt/pipe; busybox chown 7:8 /opt/pipe; busybox ln -s /nowhere /opt/link";
    job(&cowbox, "second", "one", script);
    let expected = "C /etc\nD /etc/group\nC /etc/passwd\nC /opt\nC /opt/a\nD /opt/a/b\nA /opt/a/new\nD /opt/gone\nA /opt/hard\n\
                    A /opt/link\nA /opt/pipe\n";
    assert_eq!(cowbox.run(["diff", "second"]).ok(), expected);
    cowbox.run(["commit", "second", "two"]).ok();
    let look = "cd /; busybox find opt etc/passwd etc/group 2> /dev/null | busybox sort; \
                busybox stat -c '%a %u:%g %h %n' opt/hard opt/pipe etc/passwd; busybox readlink opt/link";
    let seen = "etc/passwd\nopt\nopt/a\nopt/a/new\nopt/hard\nopt/link\nopt/pipe\n\
                644 0:0 2 opt/hard\n640 7:8 1 opt/pipe\n600 0:0 1 etc/passwd\n/nowhere\n";
    assert_eq!(cowbox.run(["run", "--rm", "two", "busybox", "sh", "-c", look]).ok(), seen);
    // As one tar, in again as an image of one layer.
    let tar = cowbox.path("two.tar");
    cowbox.run(["export", "-o", tar.to_str().unwrap(), "second"]).ok();
    let platform = format!("linux/{}", std::env::consts::ARCH);
    cowbox.run(["import", "--platform", &platform, tar.to_str().unwrap(), "flat"]).ok();
    assert_eq!(cowbox.run(["run", "--rm", "flat", "busybox", "sh", "-c", look]).ok(), seen);
    cowbox.is_clean();
}

#[test]
fn other_tools_read_a_committed_image() {
    let Some(cowbox) = with_box() else { return };
    if !has_tool("skopeo") || !has_tool("umoci") {
        return;
    }
    job(&cowbox, "job", "box", "busybox rm /etc/group; echo new > /etc/new");
    cowbox.run(["commit", "job", "made"]).ok();
    cowbox.run(["save", "-o", "made.tar", "made"]).ok();
    let path = |name: &str| cowbox.path(name).to_str().unwrap().to_owned();
    let (archive, layout) = (format!("oci-archive:{}", path("made.tar")), format!("{}:made", path("layout")));
    assert_eq!(tool("skopeo", ["inspect", "--format", "{{len .Layers}}", &archive]), "2\n");
    tool("skopeo", ["copy", "-q", &archive, &format!("oci:{layout}")]);
    tool("umoci", ["raw", "unpack", "--image", &layout, &path("rootfs")]);
    assert_eq!(fs::read_to_string(path("rootfs/etc/new")).unwrap(), "new\n");
    assert!(!cowbox.path("rootfs/etc/group").exists() && cowbox.path("rootfs/etc/passwd").exists());
}

#[test]
fn files_are_copied_into_and_out_of_a_stopped_container() {
    let Some(cowbox) = with_box() else { return };
    let tree = cowbox.path("tree");
    fs::create_dir_all(tree.join("deep")).unwrap();
    fs::write(tree.join("deep/file"), "given\n").unwrap();
    job(&cowbox, "job", "box", "busybox rm /etc/group; busybox mkdir /out; echo made > /out/file");
    cowbox.run(["cp", "job:/out", "out"]).ok();
    assert_eq!(fs::read_to_string(cowbox.path("out/file")).unwrap(), "made\n");
    // A new directory, a file in a directory of the image, one over a whiteout, and one over a file of the image.
    cowbox.run(["cp", "tree", "job:/new"]).ok();
    cowbox.run(["cp", "tree/deep/file", "job:/etc"]).ok();
    cowbox.run(["cp", "tree/deep/file", "job:/etc/group"]).ok();
    cowbox.run(["cp", "tree/deep/file", "job:/etc/passwd"]).ok();
    assert!(cowbox.run(["cp", "job:/no/such", "out"]).fails(1).contains("no such file"));
    let diff = cowbox.run(["diff", "job"]).ok();
    assert_eq!(
        diff,
        "C /etc\nA /etc/file\nC /etc/group\nC /etc/passwd\nA /new\nA /new/deep\nA /new/deep/file\nA /out\nA /out/file\n"
    );
    cowbox.run(["commit", "job", "made"]).ok();
    let script = "cat /etc/file /etc/group /etc/passwd; busybox stat -c '%a %u:%g' /etc; cat /out/file";
    assert_eq!(
        cowbox.run(["run", "--rm", "made", "busybox", "sh", "-c", script]).ok(),
        "given\ngiven\ngiven\n755 0:0\nmade\n"
    );
    cowbox.run(["create", "--name", "fixed", "--read-only", "box", "true"]).ok();
    assert!(cowbox.run(["cp", "tree", "fixed:/"]).fails(1).contains("read-only"));
    cowbox.is_clean();
}

#[test]
fn a_running_container_is_seen_with_its_mounts() {
    let Some(cowbox) = with_box() else { return };
    fs::create_dir(cowbox.path("bound")).unwrap();
    let bind = format!("{}:/bound:ro", cowbox.path("bound").display());
    fs::write(cowbox.path("file"), "given\n").unwrap();
    let options = ["--tmpfs", "/scratch", "-v", "vol:/vol", "-v", &bind];
    let running = long(&cowbox, &options, "echo inside > /scratch/made; echo changed > /etc/group");
    cowbox.run(["cp", "long:/scratch/made", "made"]).ok();
    assert_eq!(fs::read_to_string(cowbox.path("made")).unwrap(), "inside\n");
    for target in ["/scratch", "/vol", "/etc"] {
        cowbox.run(["cp", "file", &format!("long:{target}")]).ok();
    }
    let read = "cat /scratch/file /vol/file /etc/file";
    assert_eq!(cowbox.run(["exec", "long", "sh", "-c", read]).ok(), "given\ngiven\ngiven\n");
    assert!(cowbox.run(["cp", "file", "long:/bound"]).fails(1).contains("read-only"));
    let diff = "A /bound\nC /etc\nA /etc/file\nC /etc/group\nA /scratch\nA /vol\n";
    assert_eq!(cowbox.run(["diff", "long"]).ok(), diff);
    cowbox.run(["commit", "long", "made"]).ok();
    let seen = cowbox.run(["run", "--rm", "made", "sh", "-c", "cat /etc/group /vol/file /scratch/made"]);
    assert_eq!((seen.code, &*seen.out), (1, "changed\n"), "mounts are no part of the image");
    // Users that the container made.
    fs::write(cowbox.path("passwd"), "zoe:x:70:71::/:/bin/sh\n").unwrap();
    cowbox.run(["cp", "passwd", "long:/etc/passwd"]).ok();
    assert!(cowbox.run(["exec", "-u", "zoe", "long", "id"]).ok().starts_with("uid=70(zoe) gid=71"));
    drop(running);
    cowbox.is_clean();
}

#[test]
fn a_running_container_is_paused_while_it_is_committed() {
    let Some(cowbox) = with_box() else { return };
    let counts = "touch /a /b; while true; do echo >>/a; echo >>/b; done";
    cowbox.run(["run", "-d", "--name", "counts", "box", "sh", "-c", counts]).ok();
    for _ in 0..5 {
        cowbox.run(["commit", "counts", "made"]).ok();
        let text = cowbox.run(["run", "--rm", "made", "busybox", "stat", "-c", "%s", "/a", "/b"]).ok();
        let sizes = text.lines().map(|line| line.parse::<u64>().unwrap()).collect::<Vec<_>>();
        assert!(sizes[0] == sizes[1] || sizes[0] == sizes[1] + 1, "{sizes:?}");
    }
    let state = "{{.State.Running}} {{.State.Paused}}";
    assert_eq!(cowbox.run(["inspect", "-f", state, "counts"]).ok(), "true false\n");
    for option in ["--pause", "--pause=false", "--no-pause", "-p"] {
        cowbox.run(["commit", option, "counts", "made"]).ok();
        assert_eq!(cowbox.run(["inspect", "-f", state, "counts"]).ok(), "true false\n");
    }
    // One that was paused stays so.
    cowbox.run(["pause", "counts"]).ok();
    cowbox.run(["commit", "--pause", "counts", "made"]).ok();
    assert_eq!(cowbox.run(["inspect", "-f", state, "counts"]).ok(), "true true\n");
    cowbox.run(["rm", "-f", "counts"]).ok();
    cowbox.is_clean();
}

#[test]
fn links_of_a_container_do_not_lead_out_of_it() {
    let Some(cowbox) = with_box() else { return };
    fs::create_dir(cowbox.path("hosts")).unwrap();
    fs::write(cowbox.path("hosts/secret"), "of the host\n").unwrap();
    fs::write(cowbox.path("file"), "given\n").unwrap();
    let outside = cowbox.path("hosts").to_str().unwrap().to_owned();
    let up = format!("{}{outside}", "../".repeat(20));
    let script = format!("busybox ln -s {outside} /abs; busybox ln -s {up} /up; busybox ln -s / /root-link");
    let tries = |name: &str| {
        for link in ["abs", "up", &format!("root-link{outside}")] {
            cowbox.run(["cp", &format!("{name}:/{link}/secret"), "stolen"]).fails(1);
            cowbox.run(["cp", "file", &format!("{name}:/{link}/planted")]).fails(1);
        }
        cowbox.run(["cp", "file", &format!("{name}:/root-link/planted")]).ok();
        cowbox.run(["cp", "-L", &format!("{name}:/root-link/etc/passwd"), "passwd"]).ok();
        assert!(fs::read_to_string(cowbox.path("passwd")).unwrap().contains("/home/ann"));
        assert!(!cowbox.path("stolen").exists() && !cowbox.path("hosts/planted").exists());
        assert!(!fs::exists("/planted").unwrap());
    };
    let running = long(&cowbox, &[], &script);
    tries("long");
    drop(running);
    job(&cowbox, "stopped", "box", &script);
    tries("stopped");
}

#[test]
fn a_new_volume_begins_with_the_images_files() {
    let Some(cowbox) = with_box() else { return };
    let folder = cowbox.path("box");
    fs::create_dir(folder.join("data")).unwrap();
    fs::write(folder.join("data/seed"), "seed\n").unwrap();
    chown(folder.join("data/seed"), Some(7), Some(8)).unwrap();
    fs::set_permissions(folder.join("data"), fs::Permissions::from_mode(0o1750)).unwrap();
    let platform = format!("linux/{}", std::env::consts::ARCH);
    cowbox.run(["import", "--platform", &platform, folder.to_str().unwrap(), "full"]).ok();
    let look = "busybox stat -c '%a %u:%g' /data; cd /data; busybox stat -c '%a %u:%g %n' *; echo more > more";
    let run = |volume: &str| cowbox.run(["run", "--rm", "-v", volume, "full", "sh", "-c", look]);
    assert_eq!(run("vol:/data").ok(), "1750 0:0\n644 7:8 seed\n");
    assert_eq!(run("vol:/data").ok(), "1750 0:0\n644 0:0 more\n644 7:8 seed\n");
    let bare = run("bare:/data:nocopy");
    assert!(bare.out.starts_with("755 0:0\n") && !bare.out.contains("seed"), "{bare:?}");
    // What is copied into a container before its first start does not take the place of the image's files.
    cowbox.run(["create", "--name", "job", "-v", "early:/data", "full", "busybox", "ls", "/data"]).ok();
    fs::write(cowbox.path("file"), "given\n").unwrap();
    cowbox.run(["cp", "file", "job:/data"]).ok();
    assert_eq!(cowbox.run(["start", "-a", "job"]).ok(), "file\nseed\n");
    cowbox.is_clean();
}

#[test]
fn what_was_copied_in_before_the_only_start_is_there() {
    let Some(cowbox) = with_box() else { return };
    fs::write(cowbox.path("file"), "given\n").unwrap();
    cowbox.run(["create", "--rm", "--name", "job", "box", "cat", "/file"]).ok();
    cowbox.run(["cp", "file", "job:/"]).ok();
    assert_eq!(cowbox.run(["start", "-a", "job"]).ok(), "given\n");
    cowbox.is_clean();
}

#[test]
fn a_user_that_was_copied_in_runs_the_next_start() {
    let Some(cowbox) = with_box() else { return };
    cowbox.run(["create", "--name", "job", "-u", "zoe", "box", "id"]).ok();
    fs::write(cowbox.path("passwd"), "zoe:x:70:71::/:/bin/sh\n").unwrap();
    cowbox.run(["cp", "passwd", "job:/etc/passwd"]).ok();
    assert!(cowbox.run(["start", "-a", "job"]).ok().starts_with("uid=70(zoe) gid=71"));
    assert_eq!(fs::metadata(cowbox.path("passwd")).unwrap().uid(), 0);
}
