//! Archives that lie, lead elsewhere, are cut or are none at all.

use std::io::Read;

use super::support::{Tar, applied, empty, listing};
use crate::archive::{ApplyOptions, Conflict, Limits, apply};
use crate::vfs::{Name, NewInode, NewKind};

fn error_of(archive: &[u8]) -> String {
    match applied(archive) {
        Ok(root) => format!("made {:?}", listing(&root)),
        Err(error) => error.to_string(),
    }
}

fn with_limits(archive: &[u8], limits: Limits) -> String {
    let options = ApplyOptions { limits, ..ApplyOptions::default() };
    apply(archive, &empty(), &options).map_or_else(|error| error.to_string(), |applied| format!("made {applied:?}"))
}

#[test]
fn what_is_no_archive_is_named_so() {
    assert_eq!(error_of(&[b'x'; 600]), "not a tar archive");
    assert_eq!(error_of(b"short"), "not a tar archive: it ends after 5 bytes");
    assert_eq!(error_of(b"BZh91AY&SY..."), "bzip2 compression is not supported (use gzip, zstd or none)");
    let mut zeros = vec![0; 512];
    zeros.extend([b'x'; 512]);
    assert_eq!(error_of(&zeros), "a block of zeros within the archive at byte 0");
}

#[test]
fn nothing_and_zeros_are_empty_archives() {
    for archive in [&[][..], &[0; 512], &[0; 1024], &[0; 10240]] {
        assert_eq!(listing(&applied(archive).unwrap()), Vec::<String>::new());
    }
}

#[test]
fn damaged_headers_are_refused() {
    let good = Tar::default().file("a", "1").file("b", "2").end();
    let mut bad = good.clone();
    bad[1024] ^= 1;
    assert_eq!(error_of(&bad), "a damaged header at byte 1024: its checksum differs");
    bad = good;
    bad[0] ^= 1;
    assert_eq!(error_of(&bad), "not a tar archive");
    for (range, text, what) in [
        (100..108, &b"abcdefg\0"[..], "mode"),
        (108..116, b"\xff\xff\xff\xff\xff\xff\xff\xff", "owner"),
        (116..124, b"\x80\0\0\x01\0\0\0\0", "group"),
        (124..136, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "size"),
        (136..148, b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "time"),
    ] {
        let archive = Tar::default().header("e", b'0', 0, |header| header[range].copy_from_slice(text)).end();
        assert_eq!(error_of(&archive), format!("entry e: bad {what} in its header"));
    }
}

#[test]
fn a_cut_archive_is_an_error_wherever_it_is_cut() {
    let archive = Tar::default()
        .pax(&[("mtime", b"1.5")])
        .file("file", &"x".repeat(700))
        .header("long", b'L', 5, |_| ())
        .data(b"name\0")
        .dir("d")
        .0;
    // Behind the content of an entry an archive may simply end, as many writers leave the end away.
    let ends = [0, archive.len() - 3 * 512, archive.len()];
    for length in (0..=archive.len()).step_by(64) {
        let result = applied(&archive[..length]);
        assert_eq!(result.is_ok(), ends.contains(&length), "cut at {length}");
    }
    let cut = Tar::default().file("file", &"x".repeat(700)).0;
    assert_eq!(error_of(&cut[..1000]), "entry file: the archive is cut short within its content");
}

#[test]
fn a_size_that_lies_allocates_nothing() {
    let huge = Tar::default().header("huge", b'0', 0, |header| {
        header[124..136].copy_from_slice(b"\x80\0\0\0\0\0\x01\0\0\0\0\0");
    });
    assert_eq!(error_of(&huge.clone().data(b"little").0), "entry huge: the archive is cut short within its content");
    let limits = Limits { stream: 1 << 30, ..Limits::default() };
    let expected = "entry huge: 1099511627776 bytes are more than the 1073741824 allowed";
    assert_eq!(with_limits(&huge.end(), limits), expected);
    let records = Tar::default().header("x", b'x', 0, |header| {
        header[124..136].copy_from_slice(b"\x80\0\0\0\0\0\x01\0\0\0\0\0");
    });
    assert_eq!(error_of(&records.0), "an extended header of 1099511627776 bytes at byte 0");
    let name = Tar::default().header("x", b'L', 2 << 20, |_| ()).data(&vec![b'n'; 2 << 20]);
    assert_eq!(error_of(&name.0), "an extended header of 2097152 bytes at byte 0");
}

#[test]
fn a_size_no_file_can_have_is_refused() {
    let archive = Tar::default().pax(&[("size", b"18446744073709551615")]).file("e", "").end();
    assert!(error_of(&archive).starts_with("entry e: 18446744073709551615 bytes are more than the "));
    let archive = Tar::default().pax(&[("size", b"18446744073709551616")]).file("e", "").end();
    assert_eq!(error_of(&archive), "entry PaxHeaders/x: extended header: bad value of size");
}

#[test]
fn lying_sparse_maps_are_refused() {
    for map in ["0,5,3,2", "0,10", "5,1", "0,5,18446744073709551615,1", "0,1,0,4", "0,5,9"] {
        let records: [(&str, &[u8]); 2] = [("GNU.sparse.map", map.as_bytes()), ("GNU.sparse.size", b"8")];
        let message = error_of(&Tar::default().pax(&records).file("s", "12345").end());
        assert!(message.ends_with("bad sparse map") || message.ends_with("malformed sparse map"), "{map}: {message}");
    }
    let one: [(&str, &[u8]); 3] =
        [("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"0"), ("GNU.sparse.realsize", b"100")];
    for map in ["", "x", "99999999999999999999999", "1000000\n", "2\n0\n1\n"] {
        let data = format!("{map:\0<512}");
        let archive = Tar::default().pax(&one).file("s", &data).end();
        assert_eq!(error_of(&archive), "entry s: bad sparse map", "{map}");
    }
    let holes: [(&str, &[u8]); 2] = [("GNU.sparse.map", b""), ("GNU.sparse.size", b"1099511627776")];
    let message = error_of(&Tar::default().pax(&holes).file("s", "").end());
    assert_eq!(message, "entry s: holes of sparse files beyond 17179869184 bytes");
}

#[test]
fn limits_are_kept() {
    let many = (0..20).fold(Tar::default(), |tar, number| tar.file(&number.to_string(), "")).end();
    let limits = Limits { entries: 19, ..Limits::default() };
    assert_eq!(with_limits(&many, limits), "the archive has more than 19 entries");
    let limits = Limits { stream: 2000, ..Limits::default() };
    assert_eq!(with_limits(&many, limits), "the archive is larger than 2000 bytes");
    let limits = Limits { metadata: 29, ..Limits::default() };
    assert_eq!(with_limits(&many, limits), "entry 19: names and attributes beyond 29 bytes");
    let deep = Tar::default().file(&"d/".repeat(40), "").end();
    let limits = Limits { depth: 39, ..Limits::default() };
    assert!(with_limits(&deep, limits).ends_with("its path has more than 39 components"));
    let attributes = Tar::default().pax(&[("SCHILY.xattr.user.a", &[b'x'; 300])]).file("e", "").end();
    let limits = Limits { xattrs: 300, ..Limits::default() };
    assert_eq!(with_limits(&attributes, limits), "entry e: 306 bytes of attributes");
    for (name, value) in [("SCHILY.xattr.", &b"x"[..]), ("SCHILY.xattr.user.big", &[0; 65537])] {
        let archive = Tar::default().pax(&[(name, value)]).file("e", "").end();
        assert_eq!(error_of(&archive), "entry e: an attribute with a bad name or a value beyond 64 KiB");
    }
}

#[test]
fn names_that_lead_out_are_refused_and_absolute_ones_taken_in() {
    for name in ["../x", "a/../../x", "/../x", ".."] {
        let message = error_of(&Tar::default().file(name, "").end());
        assert_eq!(message, format!("entry {name}: its path leads out of the archive's root"));
    }
    let root = applied(&Tar::default().file("/a", "1").file("//b/../c", "2").file("./d", "3").end()).unwrap();
    let names: Vec<_> = listing(&root).iter().map(|line| line[..2].to_owned()).collect();
    assert_eq!(names, ["/a", "/c", "/d"]);
    let long = Tar::default().pax(&[("path", &[b'n'; 256])]).file("e", "").end();
    assert!(error_of(&long).ends_with("a name longer than 255 bytes, or a path longer than 4,095"));
    let path = "p/".repeat(2048);
    let limits = Limits { depth: 10_000, ..Limits::default() };
    let long = Tar::default().pax(&[("path", path.as_bytes())]).file("e", "").end();
    assert!(with_limits(&long, limits).ends_with("a name longer than 255 bytes, or a path longer than 4,095"));
}

#[test]
fn links_lead_nowhere_but_into_the_root() {
    let archive = Tar::default()
        .dir("etc")
        .link("out", b'2', "../../../etc")
        .link("abs", b'2', "/etc")
        .file("out/a", "1")
        .file("abs/b", "2")
        .link("here", b'2', "out/c")
        .file("here", "3")
        .end();
    let root = applied(&archive).unwrap();
    let names: Vec<_> =
        listing(&root).iter().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(names, ["/abs ->", "/etc /", "/etc/a =1", "/etc/b =2", "/here =3", "/out ->"]);
    let circle = Tar::default().link("a", b'2', "b").link("b", b'2', "a").file("a/x", "").end();
    assert_eq!(error_of(&circle), "entry a/x: too many levels of symbolic links");
    let dangling = Tar::default().link("a", b'2', "nowhere").file("a/x", "").end();
    assert!(error_of(&dangling).starts_with("entry a/x: "));
    let through_file = Tar::default().file("a", "").file("a/x", "").end();
    assert!(error_of(&through_file).starts_with("entry a/x: cannot overwrite something else with a directory"));
}

#[test]
fn bad_hard_links_are_refused() {
    let message = error_of(&Tar::default().link("a", b'1', "nothing").end());
    assert_eq!(message, "entry a: hard link: no such file or directory");
    let message = error_of(&Tar::default().link("a", b'1', "a").end());
    assert_eq!(message, "entry a: hard link: no such file or directory");
    let message = error_of(&Tar::default().dir("d").link("a", b'1', "d").end());
    assert_eq!(message, "entry a: hard link: its target is a directory");
    let message = error_of(&Tar::default().link("a", b'1', "../../etc/passwd").end());
    assert_eq!(message, "entry a: its path leads out of the archive's root");
}

#[test]
fn types_without_a_meaning_are_refused() {
    for flag in *b"DMNAZ9" {
        let message = error_of(&Tar::default().header("e", flag, 0, |_| ()).end());
        assert_eq!(message, format!("entry e: unknown type {:?}", char::from(flag)));
    }
}

#[test]
fn directories_and_files_replace_each_other_only_where_asked() {
    let over = |archive: &[u8], conflict| {
        let root = empty();
        let dir = root.create(Name::new(b"d").unwrap(), &NewInode::new(NewKind::Directory, 0o755)).unwrap();
        dir.create(Name::new(b"inside").unwrap(), &NewInode::new(NewKind::Regular, 0o644)).unwrap();
        root.create(Name::new(b"f").unwrap(), &NewInode::new(NewKind::Regular, 0o644)).unwrap();
        let options = ApplyOptions { conflict, ..ApplyOptions::default() };
        let result = apply(archive, &root, &options).map_err(|error| error.to_string());
        result.map(|_| {
            listing(&root).iter().map(|line| line.split(' ').next().unwrap_or("").to_owned()).collect::<Vec<_>>()
        })
    };
    let file_over = Tar::default().file("d", "").end();
    let dir_over = Tar::default().dir("f").end();
    let file_error = "entry d: cannot overwrite a directory with something else".to_owned();
    assert_eq!(over(&file_over, Conflict::Refuse), Err(file_error));
    assert!(over(&dir_over, Conflict::Refuse).unwrap_err().starts_with("entry f: cannot overwrite something else"));
    assert_eq!(over(&file_over, Conflict::Replace).unwrap(), ["/d", "/f"]);
    assert_eq!(over(&dir_over, Conflict::Replace).unwrap(), ["/d", "/d/inside", "/f"]);
}

#[test]
fn no_flipped_bit_makes_it_panic() {
    let long = "n".repeat(150);
    let archive = Tar::default()
        .dir("d")
        .pax(&[("path", long.as_bytes()), ("mtime", b"1.5"), ("SCHILY.xattr.user.a", b"1")])
        .file("x", "content")
        .pax(&[("GNU.sparse.map", b"1,2,7,3"), ("GNU.sparse.size", b"20"), ("GNU.sparse.name", b"sparse")])
        .file("s", "12345")
        .pax(&[("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"0"), ("GNU.sparse.realsize", b"100")])
        .file("s1", &format!("{:\0<512}ab", "1\n5\n2\n"))
        .header("old", b'S', 3, |header| {
            header[257..265].copy_from_slice(b"ustar  \0");
            header[386..410].copy_from_slice(b"00000000001\x0000000000003\0");
            header[483..495].copy_from_slice(b"00000000009\0");
        })
        .data(b"old")
        .link("l", b'2', "d")
        .link("h", b'1', "x")
        .header("c", b'3', 0, |header| header[329..345].copy_from_slice(b"0000001\x000000002\0"))
        .end();
    assert!(applied(&archive).is_err(), "the hard link's target has another name");
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..20_000 {
        let mut damaged = archive.clone();
        for _ in 0..random.usize(1..4) {
            let header = random.usize(0..damaged.len() / 512) * 512;
            let place = header + random.usize(0..512);
            damaged[place] ^= 1 << random.u8(0..8);
            // Half of the time the checksum is right all the same, so that what is behind it gets its turn.
            if random.bool() {
                let block = &mut damaged[header..header + 512];
                block[148..156].fill(b' ');
                let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
                block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            }
        }
        let limits = Limits { holes: 1 << 20, stream: 1 << 20, ..Limits::default() };
        let _ = apply(&damaged[..], &empty(), &ApplyOptions { limits, ..ApplyOptions::default() });
    }
}

#[test]
fn a_failing_stream_says_so() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the line is dead"))
        }
    }
    let archive = Tar::default().file("a", "1").0;
    let result = apply(archive.chain(Failing), &empty(), &ApplyOptions::default());
    assert_eq!(result.map_err(|error| error.to_string()), Err("read archive: the line is dead".to_owned()));
}
