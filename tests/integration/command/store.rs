//! The store: damage, crashes, several processes, room.

use std::fs;
use std::path::{Path, PathBuf};

use super::support::{Cowbox, has_tool, printing, tool};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Changes one byte in the middle of a file.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 0x55;
    fs::write(path, bytes).unwrap();
}

#[test]
fn damage_anywhere_is_found_and_named() {
    for kind in ["blobs/sha256", "layers", "packs", "trees"] {
        let cowbox = Cowbox::with_base();
        cowbox.is_clean();
        let path = files(&cowbox.root().join(kind))
            .into_iter()
            .filter(|path| path.extension().is_none())
            .max_by_key(|path| fs::metadata(path).unwrap().len())
            .unwrap();
        damage(&path);
        let ended = cowbox.run(["system", "fsck"]);
        assert_eq!(ended.code, 1, "{kind}: {ended:?}");
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(ended.out.contains(name), "{kind}: {name} is not named in {ended:?}");
        assert!(ended.out.lines().all(|line| line.ends_with(')')), "every line says what to do: {ended:?}");
    }
}

#[test]
fn what_can_be_made_again_is_made_again() {
    let cowbox = Cowbox::with_base();
    for kind in ["trees", "compiled"] {
        for path in files(&cowbox.root().join(kind)) {
            fs::remove_file(path).unwrap();
        }
    }
    assert_eq!(cowbox.run(["run", "--rm", "base", "echo", "again"]).ok(), "again\n");
    cowbox.is_clean();
}

#[test]
fn damaged_compiled_code_is_compiled_again() {
    let cowbox = Cowbox::empty();
    cowbox.program("a", &printing("fine\n", 0));
    cowbox.run(["run", "--rm", "a"]).ok();
    for path in files(&cowbox.root().join("compiled")) {
        damage(&path);
    }
    assert_eq!(cowbox.run(["run", "--rm", "a"]).ok(), "fine\n");
    for path in files(&cowbox.root().join("compiled")) {
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    }
    assert_eq!(cowbox.run(["run", "--rm", "a"]).ok(), "fine\n");
}

#[test]
fn leftovers_of_a_crash_do_no_harm_and_are_removed() {
    let cowbox = Cowbox::with_base();
    let root = cowbox.root();
    fs::write(root.join("tmp/half"), vec![0; 4096]).unwrap();
    fs::write(root.join("packs").join("ab".repeat(32)), vec![0; 4096]).unwrap();
    fs::create_dir_all(root.join("containers").join("cd".repeat(32)).join("upper")).unwrap();
    fs::write(root.join("names/=gone="), "cd".repeat(32)).unwrap();
    cowbox.run(["create", "--name", "gone", "base", "true"]).ok();
    cowbox.run(["rm", "gone"]).ok();
    assert_eq!(cowbox.run(["run", "--rm", "base", "echo", "fine"]).ok(), "fine\n");
    cowbox.run(["system", "prune", "-f"]).ok();
    assert_eq!(files(&root.join("tmp")), Vec::<PathBuf>::new());
    assert_eq!(files(&root.join("packs")).len(), 1);
    assert_eq!(files(&root.join("containers")), Vec::<PathBuf>::new());
    cowbox.is_clean();
}

#[test]
fn several_processes_share_a_store() {
    let cowbox = Cowbox::with_base();
    for round in 0..4 {
        cowbox.program(&format!("image{round}"), &printing(&format!("{round}\n"), 0));
    }
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let cowbox = &cowbox;
            scope.spawn(move || {
                for round in 0..5 {
                    let image = format!("image{worker}");
                    let name = format!("box{worker}-{round}");
                    assert_eq!(cowbox.run(["run", "--name", &name, &image]).ok(), format!("{worker}\n"));
                    cowbox.run(["commit", &name, &format!("made{worker}-{round}")]).ok();
                    cowbox.run(["tag", "base", &format!("tag{worker}-{round}")]).ok();
                    cowbox.run(["rm", &name]).ok();
                    if round == 2 {
                        cowbox.run(["image", "prune", "-f"]).ok();
                    }
                }
            });
        }
    });
    let tags = cowbox.run(["images", "--format", "{{.Repository}}"]).ok();
    assert_eq!(tags.lines().filter(|name| name.starts_with("tag")).count(), 20);
    assert_eq!(tags.lines().filter(|name| name.starts_with("made")).count(), 20);
    cowbox.is_clean();
}

#[test]
fn df_counts_what_du_counts() {
    if !has_tool("du") {
        return;
    }
    let cowbox = Cowbox::with_base();
    cowbox.run(["run", "--name", "box", "base", "cp", "/bin/coreutils", "/root/"]).ok();
    let root = cowbox.root();
    let du = |folders: &[&str]| -> u64 {
        let count = |folder: &&str| {
            let script = format!("find {} -type f -printf '%s\\n' | paste -sd+ | bc", root.join(folder).display());
            tool("sh", ["-c", &script]).trim().parse::<u64>().unwrap_or(0)
        };
        folders.iter().map(count).sum()
    };
    if !has_tool("bc") {
        return;
    }
    let df = cowbox.run(["system", "df", "--format", "{{.Type}}={{.Size}}"]).ok();
    let human = |bytes| cowbox::cli::output::human::size(bytes);
    assert!(df.contains(&format!("Images={}\n", human(du(&["blobs", "layers", "packs", "trees"])))), "{df}");
    assert!(df.contains(&format!("Containers={}\n", human(du(&["containers"])))), "{df}");
    assert!(df.contains(&format!("Compiled Code={}\n", human(du(&["compiled"])))), "{df}");
}

#[test]
fn room_is_given_back_and_half_dead_packs_are_rewritten() {
    let cowbox = Cowbox::empty();
    // Two images of one import's content: a large file that both have, and a larger one that only the first has.
    let folder = cowbox.path("tree");
    fs::create_dir_all(&folder).unwrap();
    let noise = |seed: u64, length: usize| -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(seed);
        (0..length).map(|_| random.u8(..)).collect()
    };
    fs::write(folder.join("kept"), noise(1, 1 << 20)).unwrap();
    fs::write(folder.join("gone"), noise(2, 8 << 20)).unwrap();
    cowbox.run(["import", folder.to_str().unwrap(), "both"]).ok();
    fs::remove_file(folder.join("gone")).unwrap();
    cowbox.run(["import", folder.to_str().unwrap(), "one"]).ok();
    let packs = || files(&cowbox.root().join("packs"));
    assert_eq!(packs().len(), 1, "the second image refers to what is there");
    cowbox.run(["rmi", "both"]).ok();
    cowbox.run(["system", "prune", "-f"]).ok();
    let sizes = packs().iter().map(|path| fs::metadata(path).unwrap().len()).sum::<u64>();
    assert!((1 << 20..3 << 20).contains(&sizes), "{sizes}");
    cowbox.run(["create", "--name", "box", "one", "x"]).ok();
    cowbox.run(["cp", "box:/kept", "back"]).ok();
    assert_eq!(fs::read(cowbox.path("back")).unwrap(), noise(1, 1 << 20));
    cowbox.is_clean();
}

#[test]
fn a_store_that_cannot_be_written_to_can_be_looked_at() {
    let cowbox = Cowbox::with_base();
    cowbox.run(["create", "--name", "box", "base", "true"]).ok();
    if tool("id", ["-u"]).trim() == "0" {
        println!("skipped: permissions do not hold for root");
        return;
    }
    tool("chmod", ["-R", "a-w", cowbox.root().to_str().unwrap()]);
    assert_eq!(cowbox.run(["images", "--format", "{{.Repository}}"]).ok(), "base\n");
    assert_eq!(cowbox.run(["ps", "-a", "--format", "{{.Names}}"]).ok(), "box\n");
    let error = cowbox.run(["run", "--rm", "base", "true"]).fails(125);
    assert!(error.contains("--root"), "{error}");
    tool("chmod", ["-R", "u+w", cowbox.root().to_str().unwrap()]);
}

#[test]
fn a_load_that_is_killed_leaves_nothing_that_matters() {
    let cowbox = Cowbox::empty();
    let mut random = fastrand::Rng::with_seed(7);
    let folder = cowbox.path("tree");
    fs::create_dir_all(&folder).unwrap();
    for number in 0..200 {
        let content: Vec<u8> = (0..20_000).map(|_| random.u8(..)).collect();
        fs::write(folder.join(number.to_string()), content).unwrap();
    }
    cowbox.run(["import", "tree", "first"]).ok();
    cowbox.run(["save", "-o", "first.tar", "first"]).ok();
    let other = Cowbox::empty();
    other.program("kept", &printing("kept\n", 0));
    let archive = cowbox.path("first.tar");
    for round in 0..12 {
        let mut child = other.command(["load", "-i", archive.to_str().unwrap()]).spawn().unwrap();
        // Killed somewhere between its first and its last step.
        for _ in 0..round * 400 {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        other.is_clean();
        assert_eq!(other.run(["run", "--rm", "kept"]).ok(), "kept\n");
    }
    other.run(["load", "-i", archive.to_str().unwrap()]).ok();
    other.run(["system", "prune", "-f"]).ok();
    assert_eq!(files(&other.root().join("tmp")), Vec::<PathBuf>::new());
    other.is_clean();
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_survived() {
    let cowbox = Cowbox::with_base();
    cowbox.run(["save", "-o", "base.tar", "base"]).ok();
    let small = cowbox.path("small");
    fs::create_dir(&small).unwrap();
    // A file system of 3 MB in a mount namespace of its own.
    let script = format!(
        "mount -t tmpfs -o size=3m none {small} || exit 77
         export COWBOX_HOME={small}/store
         {program} load -i {archive}; echo $?
         {program} images -q
         {program} system fsck",
        small = small.display(),
        program = env!("CARGO_BIN_EXE_cowbox"),
        archive = cowbox.path("base.tar").display(),
    );
    let output = std::process::Command::new("unshare").args(["-m", "sh", "-c", &script]).output();
    let Some(output) = output.ok().filter(|output| output.status.code() == Some(0)) else {
        println!("skipped: no file system can be mounted here");
        return;
    };
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(out, "1\nthe store is clean\n", "{err}");
    assert!(err.contains("No space left") && err.contains("cowbox system prune"), "{err}");
}

#[test]
fn a_damaged_record_stops_gc_and_is_named() {
    let cowbox = Cowbox::empty();
    cowbox.program("a", &printing("kept\n", 0));
    cowbox.run(["create", "--name", "box", "a"]).ok();
    let config = files(&cowbox.root().join("containers"))[0].join("config.json");
    let whole = fs::read(&config).unwrap();
    fs::write(&config, &whole[..whole.len() / 2]).unwrap();
    let ended = cowbox.run(["system", "fsck"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.out.contains("the record of container"), "{ended:?}");
    assert!(cowbox.run(["system", "prune", "-f", "-a"]).fails(1).contains("the record of container"));
    fs::write(&config, whole).unwrap();
    assert_eq!(cowbox.run(["start", "-a", "box"]).ok(), "kept\n");
}

#[test]
fn the_first_processes_on_a_store_make_it_together() {
    for _ in 0..5 {
        let cowbox = Cowbox::empty();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(cowbox.run(["images", "-q"]).ok(), ""));
            }
        });
        cowbox.is_clean();
    }
    // One that was being made when its maker was killed.
    let cowbox = Cowbox::empty();
    for folder in ["blobs/sha256", "layers", "volumes"] {
        fs::create_dir_all(cowbox.root().join(folder)).unwrap();
    }
    assert_eq!(cowbox.run(["images", "-q"]).ok(), "");
}

#[test]
fn damage_in_a_packs_index_is_found() {
    let cowbox = Cowbox::with_base();
    let pack = files(&cowbox.root().join("packs")).remove(0);
    let mut bytes = fs::read(&pack).unwrap();
    let at = bytes.len() - 200;
    bytes[at] ^= 1;
    fs::write(&pack, bytes).unwrap();
    assert_eq!(cowbox.run(["system", "fsck"]).code, 1);
}

#[test]
fn a_volume_has_one_writer_at_a_time() {
    use std::io::Write;
    use std::process::Stdio;

    let cowbox = Cowbox::with_base();
    let mut command = cowbox.command(["run", "--rm", "-i", "-v", "fresh:/data", "base", "tee", "/data/first"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"ready\n").unwrap();
    super::support::wait_for_output(&mut child, "ready");
    let error = cowbox.run(["run", "--rm", "-v", "fresh:/data", "base", "touch", "/data/second"]).fails(125);
    assert!(error.contains("volume fresh"), "{error}");
    drop(stdin);
    assert!(child.wait().unwrap().success());
    assert_eq!(cowbox.run(["run", "--rm", "-v", "fresh:/data", "base", "cat", "/data/first"]).ok(), "ready\n");
}

#[test]
fn a_long_lived_engine_notices_what_another_process_removed() {
    use cowbox::engine::{Engine, EngineOptions, ImportOptions, ImportSource};

    let cowbox = Cowbox::empty();
    let folder = cowbox.path("tree");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("file"), "the same content twice").unwrap();
    let engine = Engine::open(EngineOptions::new(cowbox.root())).unwrap();
    let import = |name: &str| {
        let options = ImportOptions { name: Some(name.into()), ..ImportOptions::default() };
        engine.import(ImportSource::Path(folder.clone()), &options).unwrap();
    };
    import("first");
    cowbox.run(["rmi", "first"]).ok();
    cowbox.run(["system", "prune", "-f"]).ok();
    // Its layer must not refer to the pack that is gone.
    fs::write(folder.join("other"), "and more").unwrap();
    import("second");
    cowbox.is_clean();
}
