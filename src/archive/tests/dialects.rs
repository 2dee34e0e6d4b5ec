//! Archives of GNU tar, Python's tarfile and bsdtar are read as they are meant.

use std::fs;
use std::io::{Seek, SeekFrom, Write};

use super::support::{Tar, applied, listing, output};

/// A folder with a bit of everything that needs no privileges, and an archive of it by GNU tar.
fn gnu_tar(arguments: &[&str], with_long_names: bool) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("d/sub")).unwrap();
    fs::write(root.join("d/file"), "content").unwrap();
    fs::write(root.join("d/empty"), "").unwrap();
    fs::write(root.join("d/sub/big"), vec![7; 300_000]).unwrap();
    fs::hard_link(root.join("d/file"), root.join("d/same")).unwrap();
    let script =
        "ln -s ../file d/sub/link; mkfifo d/fifo; chmod 755 d d/sub; chmod 640 d/fifo; chmod 644 d/*e* d/sub/big";
    let script = format!("cd '{}' && {script}", root.display());
    output("sh", &["-c", &script], b"")?;
    if with_long_names {
        let long = root.join("d").join("l".repeat(90)).join("m".repeat(200));
        fs::create_dir_all(&long).unwrap();
        fs::write(long.join("file"), "long").unwrap();
        let script =
            format!("cd '{}' && ln -s {} d/long-link && chmod 755 d/ll* d/ll*/m*", root.display(), "t/".repeat(100));
        output("sh", &["-c", &script], b"")?;
    }
    let root = root.to_str().unwrap();
    let mut all = vec!["-C", root, "--owner=1000", "--group=1001", "--numeric-owner", "--sort=name", "-cf", "-"];
    all.extend_from_slice(arguments);
    if arguments.contains(&"--format=v7") {
        // It has no such type.
        all.push("--exclude=d/fifo");
    }
    all.push("d");
    output("tar", &all, b"")
}

fn expected(mtime: &str, with_long_names: bool) -> Vec<String> {
    let mut lines = vec![
        "/d / 755".to_owned(),
        "/d/empty = 644".to_owned(),
        "/d/fifo | 640".to_owned(),
        "/d/file =content 644".to_owned(),
    ];
    if with_long_names {
        let (first, second) = ("l".repeat(90), "m".repeat(200));
        lines.push(format!("/d/{first} / 755"));
        lines.push(format!("/d/{first}/{second} / 755"));
        lines.push(format!("/d/{first}/{second}/file =long 644"));
        lines.push(format!("/d/long-link -> {} 777", "t/".repeat(100)));
    }
    lines.push("/d/same =content 644".to_owned());
    lines.push("/d/sub / 755".to_owned());
    lines.push("/d/sub/big 300000 8b70d5f7ed8e 644".to_owned());
    lines.push("/d/sub/link -> ../file 777".to_owned());
    let complete = |line: String| {
        let nlink = if line.contains("=content") { 2 } else { 1 };
        format!("{line} 1000:1001 {mtime} n{nlink}")
    };
    lines.into_iter().map(complete).collect()
}

#[test]
fn every_format_of_gnu_tar_is_read() {
    let big = crate::oci::Digest::of(&[7; 300_000]).short();
    for format in ["v7", "ustar", "gnu", "oldgnu", "pax", "posix"] {
        let with_long_names = !matches!(format, "v7" | "ustar");
        let format_argument = format!("--format={format}");
        let arguments = [&format_argument[..], "--mtime=@1700000000.123456789"];
        let Some(archive) = gnu_tar(&arguments, with_long_names) else { return };
        let mtime = if matches!(format, "pax" | "posix") { "1700000000.123456789" } else { "1700000000.0" };
        let mut expected: Vec<_> =
            expected(mtime, with_long_names).into_iter().map(|line| line.replace("8b70d5f7ed8e", &big)).collect();
        expected.retain(|line| format != "v7" || !line.contains("/fifo"));
        assert_eq!(listing(&applied(&archive).unwrap()), expected, "{format}");
    }
}

#[test]
fn compressed_archives_of_gnu_tar_are_read() {
    for compression in ["gzip", "zstd"] {
        if output(compression, &["--version"], b"").is_none() {
            continue;
        }
        let compression = &format!("--{compression}")[..];
        let Some(archive) = gnu_tar(&[compression, "--mtime=@5", "--format=gnu"], true) else { continue };
        assert_eq!(listing(&applied(&archive).unwrap()).len(), expected("", true).len(), "{compression}");
    }
}

#[test]
fn sparse_files_are_read_in_every_encoding() {
    let folder = tempfile::tempdir().unwrap();
    // More parts than a header and one block behind it can list.
    let mut content = vec![0u8; 3 << 20];
    for part in 0..60 {
        content[part * 50_000 + 4096..][..3000].fill(part as u8 + 1);
    }
    let mut file = fs::File::create(folder.path().join("s")).unwrap();
    file.set_len(content.len() as u64).unwrap();
    for part in 0..60 {
        let offset = part * 50_000 + 4096;
        file.seek(SeekFrom::Start(offset as u64)).unwrap();
        file.write_all(&content[offset..][..3000]).unwrap();
    }
    fs::File::create(folder.path().join("hole")).unwrap().set_len(1 << 20).unwrap();
    fs::write(folder.path().join("tail"), "after").unwrap();
    let digest = crate::oci::Digest::of(&content).short();
    let hole = crate::oci::Digest::of(&vec![0; 1 << 20]).short();
    for version in
        ["--format=gnu", "--format=oldgnu", "--sparse-version=0.0", "--sparse-version=0.1", "--sparse-version=1.0"]
    {
        let format = if version.starts_with("--format") { version } else { "--format=posix" };
        let mut arguments = vec!["-C", folder.path().to_str().unwrap(), "-S", "--hole-detection=raw", format];
        if format != version {
            arguments.push(version);
        }
        arguments.extend(["--owner=0", "--group=0", "--mode=644", "--mtime=@1", "-cf", "-", "s", "hole", "tail"]);
        let Some(archive) = output("tar", &arguments, b"") else { return };
        assert!(archive.len() < 1 << 20, "{version}: not sparse");
        let expected = [
            format!("/hole 1048576 {hole} 644 0:0 1.0 n1"),
            format!("/s 3145728 {digest} 644 0:0 1.0 n1"),
            "/tail =after 644 0:0 1.0 n1".to_owned(),
        ];
        assert_eq!(listing(&applied(&archive).unwrap()), expected, "{version}");
    }
}

const PYTHON: &str = r#"
import io, sys, tarfile
form = {"USTAR": tarfile.USTAR_FORMAT, "GNU": tarfile.GNU_FORMAT, "PAX": tarfile.PAX_FORMAT}[sys.argv[1]]
tar = tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=form)
def add(name, type=tarfile.REGTYPE, data=b"", **fields):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.mtime = type, len(data), 7
    for key, value in fields.items():
        setattr(info, key, value)
    tar.addfile(info, io.BytesIO(data))
add("char", tarfile.CHRTYPE, devmajor=4, devminor=64, mode=0o620)
add("block", tarfile.BLKTYPE, devmajor=259, devminor=70000)
add("fifo", tarfile.FIFOTYPE)
add("contiguous", tarfile.CONTTYPE, b"cont")
add("setuid", data=b"x", mode=0o6755, uid=2097151, gid=5)
if form != tarfile.USTAR_FORMAT:
    add("old", data=b"y", mtime=-86400, uid=4294967294, gid=3000000)
    add("n" * 150, data=b"long")
    add("h" * 120, tarfile.LNKTYPE, linkname="n" * 150)
    add("s" * 10, tarfile.SYMTYPE, linkname="t" * 300)
    add("umlaut-\u00fc", data=b"u")
if form == tarfile.PAX_FORMAT:
    add("times", data=b"t", mtime=-0.5)
    add("attributes", data=b"a", pax_headers={"SCHILY.xattr.user.text": "a\nb=c", "SCHILY.xattr.user.none": ""})
tar.close()
"#;

#[test]
fn every_format_of_python_s_tarfile_is_read() {
    let common = [
        "/block b 259,70000 644 0:0 7.0 n1",
        "/char c 4,64 620 0:0 7.0 n1",
        "/contiguous =cont 644 0:0 7.0 n1",
        "/fifo | 644 0:0 7.0 n1",
        "/setuid =x 6755 2097151:5 7.0 n1",
    ];
    let (long, linked, target) = ("n".repeat(150), "h".repeat(120), "t".repeat(300));
    let modern = [
        format!("/{linked} =long 644 0:0 7.0 n2"),
        format!("/{long} =long 644 0:0 7.0 n2"),
        "/old =y 644 4294967294:3000000 -86400.0 n1".to_owned(),
        format!("/ssssssssss -> {target} 777 0:0 7.0 n1"),
        "/umlaut-ü =u 644 0:0 7.0 n1".to_owned(),
    ];
    let pax = [
        "/attributes =a 644 0:0 7.0 n1 user.none= user.text=a\\nb=c".to_owned(),
        "/times =t 644 0:0 -1.500000000 n1".to_owned(),
    ];
    for (format, extra) in [("USTAR", vec![]), ("GNU", modern.to_vec()), ("PAX", [&modern[..], &pax].concat())] {
        let Some(archive) = output("python3", &["-c", PYTHON, format], b"") else { return };
        let mut expected: Vec<String> = common.iter().map(|&line| line.to_owned()).chain(extra).collect();
        expected.sort();
        let mut found = listing(&applied(&archive).unwrap());
        found.sort();
        assert_eq!(found, expected, "{format}");
    }
}

#[test]
fn bsdtar_s_archives_are_read() {
    let Some(source) = gnu_tar(&["--mtime=@1700000000", "--format=posix"], true) else { return };
    for format in ["ustar", "pax", "gnutar", "v7"] {
        let with = format!("--format={format}");
        let arguments = if format == "pax" || format == "gnutar" {
            vec!["-cf", "-", &with, "@-"]
        } else {
            vec!["-cf", "-", &with, "--exclude", "*lll*", "--exclude", "*long-link", "@-"]
        };
        let Some(archive) = output("bsdtar", &arguments, &source) else { return };
        let with_long_names = arguments.len() == 4;
        let big = crate::oci::Digest::of(&[7; 300_000]).short();
        let expected: Vec<_> = expected("1700000000.0", with_long_names)
            .into_iter()
            .map(|line| line.replace("8b70d5f7ed8e", &big))
            .filter(|line| format != "v7" || !line.contains("/fifo"))
            .collect();
        let mut found = listing(&applied(&archive).unwrap());
        found.retain(|line| format != "v7" || !line.contains("/fifo"));
        assert_eq!(found, expected, "{format}");
    }
}

#[test]
fn attributes_and_times_written_by_other_programs_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    fs::write(folder.path().join("f"), "x").unwrap();
    let script = "import os, sys\nos.chmod(sys.argv[1], 0o4711)\nos.setxattr(sys.argv[1], 'user.raw', b'\\0a=\\n')\n\
        os.setxattr(sys.argv[1], 'user.text', b'y')\nos.utime(sys.argv[1], ns=(1, 2500000000))";
    let file = folder.path().join("f");
    let Some(_) = output("python3", &["-c", script, file.to_str().unwrap()], b"") else { return };
    let owner = ["--owner=5", "--group=6", "--numeric-owner"];
    let gnu =
        [&["-C", root, "--xattrs", "--xattrs-include=*", "--format=posix"][..], &owner, &["-cf", "-", "f"]].concat();
    let owner = ["--uid=5", "--gid=6", "--numeric-owner"];
    let bsd = [&["-C", root, "--xattrs", "--format=pax"][..], &owner, &["-cf", "-", "f"]].concat();
    for (program, arguments) in [("tar", gnu), ("bsdtar", bsd)] {
        let Some(archive) = output(program, &arguments, b"") else { continue };
        let expected = ["/f =x 4711 5:6 2.500000000 n1 user.raw=\\x00a=\\n user.text=y"];
        assert_eq!(listing(&applied(&archive).unwrap()), expected, "{program}");
    }
}

#[test]
fn what_old_and_rare_writers_do_is_understood() {
    let long = "p".repeat(60);
    let archive = Tar::default()
        // Seventh edition: no magic, a directory by its slash alone.
        .header("v7/", 0, 0, |header| header[257..].fill(0))
        .header("v7/file", 0, 2, |header| header[257..].fill(0))
        .data(b"v7")
        // Padding with spaces, no terminators.
        .header("spaces", b'0', 1, |header| {
            header[100..108].copy_from_slice(b"   644 \0");
            header[124..136].copy_from_slice(b"          1 ");
        })
        .data(b"s")
        // ustar's prefix.
        .header("file", b'0', 1, |header| header[345..405].copy_from_slice(long.as_bytes()))
        .data(b"p")
        // star keeps times where ustar has the end of the prefix.
        .header("star", b'0', 1, |header| {
            header[345..349].copy_from_slice(b"skyy");
            header[476..488].copy_from_slice(b"00000000001 ");
            header[508..512].copy_from_slice(b"tar\0");
        })
        .data(b"*")
        // GNU keeps times there; Go before 1.8 wrote a prefix all the same.
        .header("gnu", b'0', 1, |header| {
            header[257..265].copy_from_slice(b"ustar  \0");
            header[345..357].copy_from_slice(b"00000000001\0");
            header[357..369].copy_from_slice(b"00000000001\0");
        })
        .data(b"g")
        .header("go", b'0', 1, |header| {
            header[257..265].copy_from_slice(b"ustar  \0");
            header[345..352].copy_from_slice(b"golang1");
        })
        .data(b"o")
        // A volume label, a global header and a link with a size mean nothing.
        .header("label", b'V', 0, |_| ())
        .header("global", b'g', 20, |_| ())
        .data(b"20 path=everything!\n")
        .link("linked", b'1', "spaces")
        .header("ln", b'2', 1234, |header| header[157] = b'x')
        .end();
    let expected = [
        "/golang1 / 755".to_owned(),
        "/golang1/go =o 644".to_owned(),
        "/gnu =g 644".to_owned(),
        "/linked =s 644".to_owned(),
        "/ln -> x 777".to_owned(),
        format!("/{long} / 755"),
        format!("/{long}/file =p 644"),
        "/skyy / 755".to_owned(),
        "/skyy/star =* 644".to_owned(),
        "/spaces =s 644".to_owned(),
        "/v7 / 644".to_owned(),
        "/v7/file =v7 644".to_owned(),
    ];
    let mut found: Vec<_> = listing(&applied(&archive).unwrap())
        .iter()
        .map(|line| line.split(" 0:0").next().unwrap_or_default().to_owned())
        .collect();
    found.sort();
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn records_win_over_fields_and_the_last_of_two_counts() {
    let archive = Tar::default()
        .pax(&[("path", b"first"), ("path", b"a/name"), ("uid", b"70000"), ("mtime", b"3.25"), ("size", b"4")])
        .header("other", b'0', 0, |_| ())
        .data(b"size")
        .pax(&[("linkpath", b"a/name")])
        .link("hard", b'1', "nothing")
        .pax(&[("SCHILY.xattr.user.a", b"1"), ("SCHILY.xattr.user.a", b"\x002")])
        .file("x", "")
        .end();
    let expected = [
        "/a / 755 0:0",
        "/a/name =size 644 70000:0 3.250000000 n2",
        "/hard =size 644 70000:0 3.250000000 n2",
        "/x = 644 0:0 1.0 n1 user.a=\\x002",
    ];
    let mut found = listing(&applied(&archive).unwrap());
    // The time of a directory no entry speaks of is now.
    found[0].truncate(expected[0].len());
    assert_eq!(found, expected);
}
