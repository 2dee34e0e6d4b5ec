//! Hand-made archives, listings of trees, and other programs to compare with.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::archive::header::BLOCK;
use crate::archive::tree::sorted_names;
use crate::archive::{ApplyOptions, Error, apply, pax};
use crate::vfs::{
    FileKind, GuestPath, InodeRef, MemFsOptions, Name, NameBuf, NewInode, NewKind, SetAttr, Timespec, memfs,
};

/// An archive in the making.
#[derive(Clone, Default)]
pub(in crate::archive) struct Tar(pub Vec<u8>);

impl Tar {
    /// A header as `edit` leaves it, with a good checksum.
    pub(in crate::archive) fn header(
        mut self,
        name: &str,
        flag: u8,
        size: u64,
        edit: impl FnOnce(&mut [u8; BLOCK]),
    ) -> Tar {
        let mut header = [0; BLOCK];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[108..116].copy_from_slice(b"0000000\0");
        header[116..124].copy_from_slice(b"0000000\0");
        header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
        header[136..148].copy_from_slice(b"00000000001\0");
        header[156] = flag;
        header[257..265].copy_from_slice(b"ustar\x0000");
        edit(&mut header);
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend_from_slice(&header);
        self
    }

    /// Data with its padding.
    pub(in crate::archive) fn data(mut self, data: &[u8]) -> Tar {
        self.0.extend_from_slice(data);
        self.0.resize(self.0.len().next_multiple_of(BLOCK), 0);
        self
    }

    /// A regular file.
    pub(in crate::archive) fn file(self, name: &str, content: &str) -> Tar {
        self.header(name, b'0', content.len() as u64, |_| ()).data(content.as_bytes())
    }

    /// A directory.
    pub(in crate::archive) fn dir(self, name: &str) -> Tar {
        self.header(name, b'5', 0, |_| ())
    }

    /// A symbolic or hard link.
    pub(in crate::archive) fn link(self, name: &str, flag: u8, target: &str) -> Tar {
        self.header(name, flag, 0, |header| header[157..157 + target.len()].copy_from_slice(target.as_bytes()))
    }

    /// An extended header.
    pub(in crate::archive) fn pax(self, records: &[(&str, &[u8])]) -> Tar {
        let mut data = Vec::new();
        for (key, value) in records {
            pax::append(&mut data, key.as_bytes(), value);
        }
        self.header("PaxHeaders/x", b'x', data.len() as u64, |_| ()).data(&data)
    }

    /// The whole archive.
    pub(in crate::archive) fn end(self) -> Vec<u8> {
        self.data(&[0; 2 * BLOCK]).0
    }
}

/// An empty file system.
pub(in crate::archive) fn empty() -> InodeRef {
    memfs(&MemFsOptions { limit_bytes: 1 << 30, limit_inodes: 100_000, mode: 0o755, uid: 0, gid: 0 })
}

/// What `archive` makes in an empty file system.
pub(in crate::archive) fn applied(archive: &[u8]) -> Result<InodeRef, Error> {
    let root = empty();
    apply(archive, &root, &ApplyOptions::default())?;
    Ok(root)
}

/// One line for each file below `root`, with all that is known of it.
pub(in crate::archive) fn listing(root: &InodeRef) -> Vec<String> {
    let mut lines = Vec::new();
    list(root, &GuestPath::root(), &mut lines);
    lines
}

fn list(dir: &InodeRef, path: &GuestPath, lines: &mut Vec<String>) {
    for name in names_of(dir) {
        let inode = dir.lookup(name.as_name()).unwrap();
        let path = path.join(name.as_name()).unwrap();
        lines.push(describe(&inode, &path));
        if inode.kind() == FileKind::Directory {
            list(&inode, &path, lines);
        }
    }
}

/// The names in a directory, in order.
pub(in crate::archive) fn names_of(dir: &InodeRef) -> Vec<NameBuf> {
    sorted_names(&**dir, &GuestPath::root()).unwrap()
}

/// All that is known of the file at `path`.
pub(in crate::archive) fn describe(inode: &InodeRef, path: &GuestPath) -> String {
    let attr = inode.attr().unwrap();
    let what = match attr.kind {
        FileKind::Regular => {
            let content = content(inode);
            match std::str::from_utf8(&content) {
                Ok(text) if text.len() < 40 && text.chars().all(|c| c.is_ascii_graphic()) => format!("={text}"),
                _ => format!("{} {}", content.len(), crate::oci::Digest::of(&content).short()),
            }
        }
        FileKind::Directory => "/".to_owned(),
        FileKind::Symlink => format!("-> {}", String::from_utf8_lossy(&inode.read_link().unwrap())),
        FileKind::CharDevice => format!("c {},{}", attr.rdev.major, attr.rdev.minor),
        FileKind::BlockDevice => format!("b {},{}", attr.rdev.major, attr.rdev.minor),
        FileKind::Fifo => "|".to_owned(),
        FileKind::Socket => "socket".to_owned(),
    };
    // The mode of a symbolic link and the number of a directory's names mean nothing that an archive could keep.
    let mode = if attr.kind == FileKind::Symlink { 0o777 } else { attr.mode };
    let nlink = if attr.kind == FileKind::Directory { 1 } else { attr.nlink };
    let mut line =
        format!("{path} {what} {mode:o} {}:{} {}.{} n{nlink}", attr.uid, attr.gid, attr.mtime.sec, attr.mtime.nsec);
    for name in inode.list_xattrs().unwrap() {
        let value = inode.xattr(&name).unwrap();
        line.push_str(&format!(" {}={}", String::from_utf8_lossy(&name), value.escape_ascii()));
    }
    line
}

/// The whole content of a file.
pub(in crate::archive) fn content(inode: &InodeRef) -> Vec<u8> {
    let mut content = vec![0; inode.attr().unwrap().size as usize];
    let mut filled = 0;
    while filled < content.len() {
        let count = inode.read_at(&mut content[filled..], filled as u64).unwrap();
        assert!(count > 0);
        filled += count;
    }
    content
}

/// Makes a file in `dir`.
pub(in crate::archive) fn make(dir: &InodeRef, name: &str, kind: NewKind<'_>, mode: u16) -> InodeRef {
    let mtime = Some(Timespec { sec: 1_600_000_000, nsec: 5 });
    dir.create(Name::new(name.as_bytes()).unwrap(), &NewInode { kind, mode, uid: 10, gid: 20, mtime }).unwrap()
}

/// Makes a regular file with content in `dir`.
pub(in crate::archive) fn make_file(dir: &InodeRef, name: &str, content: &[u8]) -> InodeRef {
    let file = make(dir, name, NewKind::Regular, 0o644);
    let mut written = 0;
    while written < content.len() {
        written += file.write_at(&content[written..], written as u64).unwrap();
    }
    touch(&file, 1_600_000_001);
    file
}

/// Sets the modification time.
pub(in crate::archive) fn touch(inode: &InodeRef, sec: i64) {
    let mtime = Some(Timespec { sec, nsec: 0 });
    inode.set_attr(&SetAttr { mtime, ..SetAttr::default() }).unwrap();
}

/// The output of `program` fed with `input`; none, with the reason printed, where it is not there or the machine does not
/// support what it does (extended attributes).
pub(in crate::archive) fn output(program: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            skip(format_args!("{program} does not run here: {error}"));
            return None;
        }
    };
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // A program may end before it has read everything.
        scope.spawn(move || {
            let _ = stdin.write_all(input);
        });
        child.wait_with_output().unwrap()
    });
    let complaint = String::from_utf8_lossy(&output.stderr);
    if complaint.contains("not supported") {
        skip(format_args!("{program} {arguments:?}: {complaint}"));
        return None;
    }
    assert!(output.status.success(), "{program} {arguments:?}: {complaint}");
    Some(output.stdout)
}

/// Says why a test does less than it could.
fn skip(reason: std::fmt::Arguments<'_>) {
    // Where nobody listens, nothing is lost.
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}
