//! Where a guest's path starts: descriptor and path to a walk.
//!
//! wasi-libc (libc-bottom-half/sources/preopens.c) takes the slash off absolute paths and `./` off relative ones, and then
//! looks for the preopened directory whose name is the longest prefix, the last of equals. `/` and `.` are equals: with
//! both open, every path of a C or Rust program arrives at the last one, and nothing tells whether `a/b` was written `/a/b`.
//! Go (syscall/fs_wasip1.go) joins relative paths to `PWD` and takes `/`; old wasi-libc and others tell `/` and `.` apart.
//!
//! So `/` is descriptor 3. If the working directory is another one, it is `.`, descriptor 4, and a path that starts there
//! is looked up below the working directory first and below `/` second. What both miss is made where its parent exists, in
//! the working directory where that is no answer either. A program whose working directory is `/` has descriptor 3 alone,
//! and nothing is ambiguous.

use std::sync::Arc;

use crate::kernel::{Descriptor, Object, OpenFile, Task, flags};
use crate::runtime::wasm::guest::Guest;
use crate::vfs::{FileKind, Follow, Place, Result, Scope, Walked, same_inode};

/// The working directory of the process, wherever a directory is taken (`docs/guest-abi.md`): -100.
pub(super) const CWD: u32 = -100_i32 as u32;

/// Gives a program what it finds open: one that knows preview 1 alone, two directories behind the standard streams.
pub(in crate::runtime::wasm) fn prepare(task: &mut Task) {
    task.fds.remove_from(3);
    let open = |place: &Arc<Place>, name| {
        let file = OpenFile::new(Object::Directory(place.clone()), flags::READ_ONLY);
        Descriptor { preopened: Some(name), ..Descriptor::closed_on_exec(Arc::new(file), true) }
    };
    let root = task.namespace.root().clone();
    let is_root = same_inode(root.inode(), task.cwd.inode());
    // With a limit below five descriptors the program will find out by itself.
    let _ = task.fds.replace(3, open(&root, "/"));
    if !is_root {
        let _ = task.fds.replace(4, open(&task.cwd, "."));
        // Go starts in `PWD`.
        if !task.env.iter().any(|pair| pair.starts_with(b"PWD="))
            && let Ok(path) = task.namespace.path_of(&task.cwd)
        {
            let mut env = task.env.to_vec();
            env.push([b"PWD=", path.as_bytes()].concat());
            task.env = Arc::new(env);
        }
    }
}

/// What a call does with the last component of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    /// It has to exist.
    Find,
    /// It is made where it does not exist.
    FindOrMake,
    /// It must not exist.
    Make,
}

/// Which of the two directories of an ambiguous path it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    WorkingDirectory,
    Root,
}

/// Where a walk ended, and on which side.
pub(super) struct Start<'p> {
    pub(super) walked: Walked<'p>,
    pub(super) side: Side,
}

/// A directory that a path starts from.
pub(super) enum Directory<'a> {
    /// The working directory of the process: paths are resolved as on Linux.
    Working,
    /// `/`, for programs that know it by a number of its own.
    Root,
    Open(&'a Descriptor, &'a Arc<Place>),
}

/// The directory `fd`.
pub(super) fn directory(guest: &Guest, fd: u32) -> Result<Directory<'_>> {
    if fd == CWD {
        return Ok(Directory::Working);
    }
    if guest.foreign.root == Some(fd) {
        return Ok(Directory::Root);
    }
    let descriptor = guest.task.fds.descriptor(fd)?;
    Ok(Directory::Open(descriptor, descriptor.file.directory()?))
}

/// Walks `path` from the directory `fd`.
pub(super) fn walk<'p>(guest: &Guest, fd: u32, path: &'p [u8], follow: Follow, intent: Intent) -> Result<Walked<'p>> {
    Ok(walk_from(guest, &directory(guest, fd)?, path, follow, intent, None)?.walked)
}

/// Walks `path` from `directory`, a name alone that is to be made preferably on the side `prefer`.
pub(super) fn walk_from<'p>(
    guest: &Guest,
    directory: &Directory<'_>,
    path: &'p [u8],
    follow: Follow,
    intent: Intent,
    prefer: Option<Side>,
) -> Result<Start<'p>> {
    let task = &guest.task;
    let at = |place: &Arc<Place>, scope| {
        let walked = task.walk(place, path, follow, scope)?;
        Ok(Start { walked, side: Side::WorkingDirectory })
    };
    let place = match directory {
        Directory::Working => return at(&task.cwd, Scope::Namespace),
        Directory::Root => return at(task.namespace.root(), Scope::Namespace),
        Directory::Open(descriptor, place) if descriptor.preopened != Some(".") => return at(place, Scope::Beneath),
        Directory::Open(_, place) => *place,
    };
    let below = |side| {
        let start = match side {
            Side::WorkingDirectory => place,
            Side::Root => task.namespace.root(),
        };
        task.walk(start, path, follow, Scope::Namespace).map(|walked| Start { walked, side })
    };
    let exists = |start: &Result<Start<'_>>| start.as_ref().is_ok_and(|start| start.walked.target().is_some());
    let here = below(Side::WorkingDirectory);
    if exists(&here) || is_relative_for_sure(path) {
        return here;
    }
    let at_root = below(Side::Root);
    let is_name_alone = !path.contains(&b'/');
    if exists(&at_root) {
        let is_taken = match intent {
            Intent::Find => true,
            // A program that makes `out` does not mean the folder `/out`.
            Intent::FindOrMake => !is_name_alone || !is_directory(&at_root),
            Intent::Make => !is_name_alone,
        };
        if is_taken {
            return at_root;
        }
    }
    match (&here, &at_root) {
        (Ok(_), Ok(_)) if prefer == Some(Side::Root) => at_root,
        (Err(_), Ok(_)) => at_root,
        _ => here,
    }
}

/// Whether no program means `/` by this path.
fn is_relative_for_sure(path: &[u8]) -> bool {
    path == b"." || path == b".." || path.starts_with(b"./") || path.starts_with(b"../") || path.starts_with(b"/")
}

fn is_directory(start: &Result<Start<'_>>) -> bool {
    let target = start.as_ref().ok().and_then(|start| start.walked.target());
    target.is_some_and(|inode| inode.kind() == FileKind::Directory)
}
