//! Bad input: one line that names the thing, the right exit code, and a store that is clean afterwards.

use std::fs;
use std::io::Write;

use super::support::{Cowbox, printing};

/// Loads a file that must be refused.
#[track_caller]
fn refuses(cowbox: &Cowbox, bytes: &[u8], why: &str) {
    let path = cowbox.path("bad");
    fs::write(&path, bytes).unwrap();
    let error = cowbox.run(["load", "-i", path.to_str().unwrap()]).fails(1);
    assert!(error.contains(why), "expected {why:?}: {error}");
}

#[test]
fn archives_that_lie_are_refused_and_leave_nothing() {
    let cowbox = Cowbox::with_base();
    cowbox.run(["save", "-o", "good.tar", "base"]).ok();
    let good = fs::read(cowbox.path("good.tar")).unwrap();
    let other = Cowbox::empty();
    refuses(&other, b"", "no tar archive");
    refuses(&other, b"plain text, and not a tar archive by any measure", "no tar archive");
    refuses(&other, &good[..good.len() / 2], "");
    refuses(&other, b"\x1f\x8b\x08\x00garbage", "");
    refuses(&other, b"BZh91AY&SY", "bzip2");
    // A byte of every region of the archive.
    let mut refused = 0;
    for at in (600..good.len()).step_by(good.len() / 40) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        fs::write(other.path("bad"), bad).unwrap();
        let ended = other.run(["load", "-i", "bad"]);
        assert!(ended.code <= 1, "{ended:?}");
        refused += ended.code;
        if ended.code == 0 {
            other.run(["rmi", "-f", "base"]);
        }
    }
    assert!(refused > 30, "only {refused} of 40 were refused");
    other.run(["system", "prune", "-f", "-a"]).ok();
    assert_eq!(other.run(["images", "-q"]).ok(), "");
    other.is_clean();
    assert_eq!(fs::read_dir(other.root().join("tmp")).unwrap().count(), 0);
}

#[test]
fn a_bomb_is_refused() {
    let cowbox = Cowbox::empty();
    // Zeros shrink a thousandfold: a terabyte of them would be a gigabyte. A few hundred megabytes show the rule.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let zeros = vec![0; 1 << 20];
    let mut header = tar::Header::new_gnu();
    header.set_path("zeros").unwrap();
    header.set_size(1 << 50);
    header.set_cksum();
    encoder.write_all(header.as_bytes()).unwrap();
    for _ in 0..64 {
        encoder.write_all(&zeros).unwrap();
    }
    fs::write(cowbox.path("bomb.tgz"), encoder.finish().unwrap()).unwrap();
    cowbox.run(["import", "bomb.tgz", "bomb"]).fails(1);
    cowbox.is_clean();
}

#[test]
fn programs_that_cannot_run_say_why() {
    let cowbox = Cowbox::empty();
    let folder = cowbox.path("programs");
    fs::create_dir_all(&folder).unwrap();
    let module = |text: &str| wat::parse_str(text).unwrap();
    fs::write(folder.join("text"), "just text\n").unwrap();
    fs::write(folder.join("empty"), "").unwrap();
    fs::write(folder.join("script"), "#!/bin/sh\necho\n").unwrap();
    fs::copy(env!("CARGO_BIN_EXE_cowbox"), folder.join("native")).unwrap();
    fs::write(folder.join("cut"), &module(&printing("x", 0))[..40]).unwrap();
    fs::write(folder.join("reactor"), module("(module)")).unwrap();
    fs::write(folder.join("import"), module(r#"(module (import "env" "magic" (func)) (func (export "_start")))"#))
        .unwrap();
    fs::write(folder.join("component"), b"\0asm\x0d\0\x01\0").unwrap();
    fs::create_dir(folder.join("directory")).unwrap();
    cowbox.run(["import", folder.to_str().unwrap(), "bad"]).ok();
    for (program, why) in [
        ("/text", "text"),
        ("/empty", "empty"),
        ("/native", "native"),
        ("/cut", "cut"),
        ("/reactor", "_start"),
        ("/import", "magic"),
        ("/component", "component"),
        ("/directory", "directory"),
    ] {
        let error = cowbox.run(["run", "--rm", "bad", program]).fails(126);
        assert!(error.contains(program) && error.contains(why), "{program}: {error}");
    }
    assert!(cowbox.run(["run", "--rm", "bad", "/missing"]).fails(127).contains("/missing"));
    assert!(cowbox.run(["run", "--rm", "bad", "/script"]).fails(127).contains("/bin/sh"));
    assert_eq!(cowbox.run(["ps", "-aq"]).ok(), "");
    cowbox.is_clean();
}

#[test]
fn names_and_options_are_checked() {
    let cowbox = Cowbox::empty();
    cowbox.program("a", &printing("x", 0));
    for (args, why) in [
        (&["tag", "a", "UPPER"][..], "lowercase"),
        (&["tag", "a", "a@sha256:00"], "digest"),
        (&["import", "a.d", "b", "--change", "RUN x"], "RUN"),
        (&["import", "a.d", "b", "--platform", "a/b/c/d/e"], "a/b/c/d/e"),
        (&["images", "-f", "nosuch=1"], "nosuch"),
        (&["images", "--format", "{{.Nope}}"], "Nope"),
        (&["images", "--format", "{{"], "template"),
        (&["inspect", "--type", "planet", "a"], "planet"),
        (&["kill", "-s", "NOSUCH", "a"], "NOSUCH"),
        (&["logs", "--tail", "x", "a"], "x"),
        (&["rmi", ""], "no such image"),
    ] {
        let error = cowbox.run(args.iter()).fails(1);
        assert!(error.contains(why), "{args:?}: {error}");
    }
    for (args, why) in [
        (&["run", "-v", "rel/path:x", "a"][..], "absolute"),
        (&["run", "-e", "=x", "a"], "environment"),
        (&["run", "-w", "rel", "a"], "absolute"),
        (&["run", "--platform", "linux/amd64", "a"], "linux/amd64"),
        (&["run", "--tmpfs", "/t:size=x", "a"], "size=x"),
    ] {
        let error = cowbox.run(args.iter()).fails(125);
        assert!(error.contains(why), "{args:?}: {error}");
    }
}

#[test]
fn a_folder_of_somebody_else_is_no_store() {
    let cowbox = Cowbox::empty();
    fs::create_dir(cowbox.root()).unwrap();
    fs::write(cowbox.root().join("thesis.txt"), "years of work").unwrap();
    let error = cowbox.run(["images"]).fails(1);
    assert!(error.contains("thesis.txt"), "{error}");
    assert_eq!(fs::read_dir(cowbox.root()).unwrap().count(), 1);
}
