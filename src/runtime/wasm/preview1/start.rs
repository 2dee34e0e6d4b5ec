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

use crate::runtime::wasm::fds::{Descriptor, Directory};
use crate::runtime::wasm::guest::Guest;
use crate::vfs::{FileKind, Follow, Result, Scope, Walked};

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

/// Walks `path` from the directory `fd`.
pub(super) fn walk<'p>(guest: &Guest, fd: u32, path: &'p [u8], follow: Follow, intent: Intent) -> Result<Walked<'p>> {
    let (directory, _) = guest.fds.directory(fd)?;
    Ok(walk_from(guest, directory, path, follow, intent, None)?.walked)
}

/// The directory `fd` with its descriptor.
pub(super) fn directory(guest: &Guest, fd: u32) -> Result<(&Directory, &Descriptor)> {
    guest.fds.directory(fd)
}

/// Walks `path` from `directory`, a name alone that is to be made preferably on the side `prefer`.
pub(super) fn walk_from<'p>(
    guest: &Guest,
    directory: &Directory,
    path: &'p [u8],
    follow: Follow,
    intent: Intent,
    prefer: Option<Side>,
) -> Result<Start<'p>> {
    if directory.preopened != Some(".") {
        let walked = guest.namespace.walk(&directory.place, path, follow, Scope::Beneath)?;
        return Ok(Start { walked, side: Side::WorkingDirectory });
    }
    let below = |side| {
        let start = match side {
            Side::WorkingDirectory => &directory.place,
            Side::Root => guest.namespace.root(),
        };
        guest.namespace.walk(start, path, follow, Scope::Namespace).map(|walked| Start { walked, side })
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
