//! Reads the program of a container into the page cache before it is run.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat2};

use crate::sys::mapping;

/// What is read of each file at most: of larger ones nobody knows which parts will run.
const BYTES_MAX: usize = 2 << 20;
/// A script's interpreter, and the loader of that.
const FILES_MAX: usize = 3;
/// Where the kernel looks for an interpreter: in the first page.
const HEAD: usize = 4 << 10;
/// How an ELF file of 64 bits with the low bytes first begins.
const ELF: &[u8] = b"\x7fELF\x02\x01";

/// Reads the first of the files that is there in the tree `root`, the interpreters that are named in it, and the C library. What
/// cannot be read is left out: it will be read when it runs, or fail.
pub fn program<'a>(root: &OwnedFd, candidates: impl IntoIterator<Item = &'a str>) {
    let mut file = candidates.into_iter().find_map(|path| regular(root, path.as_bytes()));
    for _ in 0..FILES_MAX {
        let Some(found) = file else { return };
        let _ = mapping::populate(&found, BYTES_MAX);
        let mut head = [0; HEAD];
        let len = found.read_at(&mut head, 0).unwrap_or(0);
        file = interpreter(&head[..len]).and_then(|path| regular(root, path));
        if let Some(library) = file.as_ref().filter(|_| head.starts_with(ELF)).and_then(|loader| beside(root, loader)) {
            let _ = mapping::populate(&library, BYTES_MAX);
        }
    }
}

/// glibc beside its loader: all programs that have that one need it. Other C libraries are their own loaders.
fn beside(root: &OwnedFd, loader: &File) -> Option<File> {
    let path = std::fs::read_link(format!("/proc/self/fd/{}", loader.as_raw_fd())).ok()?;
    regular(root, path.with_file_name("libc.so.6").as_os_str().as_bytes())
}

/// A regular file of the tree, which is hostile: nothing else is opened, and nothing out of it.
fn regular(root: &OwnedFd, path: &[u8]) -> Option<File> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let found = openat2(root.as_fd(), path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve).ok()?;
    let stat = fstat(&found).ok()?;
    let is_regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    is_regular.then(|| File::open(format!("/proc/self/fd/{}", found.as_raw_fd())).ok())?
}

/// The path of the interpreter in the first bytes of a program: of `#!`, or of an ELF file.
fn interpreter(head: &[u8]) -> Option<&[u8]> {
    if let Some(line) = head.strip_prefix(b"#!") {
        return line.split(u8::is_ascii_whitespace).find(|word| !word.is_empty());
    }
    if !head.starts_with(ELF) {
        return None;
    }
    let number = |at: usize, len: usize| {
        let mut bytes = [0; 8];
        bytes[..len].copy_from_slice(head.get(at..at.checked_add(len)?)?);
        usize::try_from(u64::from_le_bytes(bytes)).ok()
    };
    // elf(5): e_phoff, e_phentsize, e_phnum; then p_type, p_offset and p_filesz of each.
    let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    let headers = (0..count).map_while(|index| table.checked_add(index * size));
    let found = headers.map_while(|at| Some((at, number(at, 4)?))).find(|(_, kind)| *kind == INTERPRETER)?.0;
    let (from, len) = (number(found.checked_add(8)?, 8)?, number(found.checked_add(32)?, 8)?);
    head.get(from..from.checked_add(len)?)?.split(|byte| *byte == 0).next()
}

/// `PT_INTERP`.
const INTERPRETER: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF file whose second segment is named `path`, at the end.
    fn elf(path: &[u8]) -> Vec<u8> {
        let mut file = vec![0; 64 + 2 * 56];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[32..40].copy_from_slice(&64_u64.to_le_bytes());
        file[54..58].copy_from_slice(&[56, 0, 2, 0]);
        file[64] = 1;
        let second = &mut file[64 + 56..];
        second[0] = INTERPRETER as u8;
        second[8..16].copy_from_slice(&(64 + 2 * 56_u64).to_le_bytes());
        second[32..40].copy_from_slice(&(path.len() as u64).to_le_bytes());
        file.extend_from_slice(path);
        file
    }

    #[test]
    fn interpreters_are_those_of_scripts_and_of_elf_files() {
        assert_eq!(interpreter(b"#! /bin/sh -e\n"), Some(&b"/bin/sh"[..]));
        assert_eq!(interpreter(b"#!\n"), None);
        assert_eq!(interpreter(&elf(b"/lib/ld.so\0")), Some(&b"/lib/ld.so"[..]));
        assert_eq!(interpreter(b"text"), None);
    }

    #[test]
    fn numbers_that_lead_out_of_a_file_lead_nowhere() {
        let whole = elf(b"/lib/ld.so\0");
        for len in 0..whole.len() {
            assert_eq!(interpreter(&whole[..len]), None, "{len}");
        }
        for at in (32..40).chain(128..136).chain(152..160) {
            let mut file = whole.clone();
            file[at] = 0xff;
            assert_eq!(interpreter(&file), None, "{at}");
        }
    }

    #[test]
    fn nothing_but_regular_files_of_the_tree_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "content").unwrap();
        std::os::unix::fs::symlink("/file", at("link")).unwrap();
        std::os::unix::fs::symlink("/dev/null", at("device")).unwrap();
        let root = OwnedFd::from(File::open(folder.path()).unwrap());
        let opens = |path: &[u8]| regular(&root, path).is_some();
        assert!(opens(b"file") && opens(b"/link") && opens(b"../../file"));
        assert!(!opens(b"device") && !opens(b".") && !opens(b"missing") && !opens(b"nul\0"));
        program(&root, ["missing", "file"]);
    }

    #[test]
    fn the_c_library_is_the_one_in_the_directory_of_the_loader_itself() {
        let folder = tempfile::tempdir().unwrap();
        // The tree is a mount of its own where this is used, and its paths begin at its root.
        let below = folder.path().strip_prefix("/").unwrap();
        let place = folder.path().join("lib/triplet");
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("ld.so"), "loader").unwrap();
        std::os::unix::fs::symlink("lib/triplet/ld.so", folder.path().join("ld.so")).unwrap();
        let root = OwnedFd::from(File::open("/").unwrap());
        let library = || {
            let loader = regular(&root, below.join("ld.so").as_os_str().as_bytes()).unwrap();
            beside(&root, &loader).map(|file| std::io::read_to_string(file).unwrap())
        };
        assert_eq!(library(), None);
        std::fs::write(place.join("libc.so.6"), "library").unwrap();
        assert_eq!(library().as_deref(), Some("library"));
    }
}
