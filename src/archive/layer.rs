//! The changes of a container written as a layer (image-spec layer.md "Creating").

use std::collections::BTreeMap;
use std::io::Write;

use super::error::{Error, Result};
use super::tree::{EntryWriter, Written};
use super::whiteout;
use crate::vfs::{Change, ChangeKind, FileKind, GuestPath, NameBuf};

/// Writes `changes`, which come parents first, as the tar of a layer.
///
/// A directory is followed by its marks: opaque first, then the whiteouts in the order of their names; what else is in it
/// comes later, in the order of `changes`; whiteouts of directories that are no change themselves come last. The same changes give the same bytes: whiteouts have neither owner nor time, and
/// nothing depends on when or where the layer is written. Names of one changed inode become hard links. A file whose
/// name reads as a whiteout, and a deletion whose whiteout's name would be too long, are refused.
pub fn write_layer<W: Write>(changes: impl IntoIterator<Item = Change>, out: W) -> Result<(W, Written)> {
    let mut writer = EntryWriter::new(out);
    let mut kept = Vec::new();
    let mut deleted: BTreeMap<GuestPath, Vec<NameBuf>> = BTreeMap::new();
    for change in changes {
        match (change.kind, change.path.file_name()) {
            (ChangeKind::Deleted, Some(name)) => deleted.entry(change.path.parent()).or_default().push(name.to_owned()),
            (ChangeKind::Deleted, None) => {}
            _ => kept.push(change),
        }
    }
    for change in kept {
        let path = &change.path;
        let Some(inode) = &change.inode else { continue };
        if path.file_name().is_some_and(whiteout::is_reserved) {
            return Err(Error::entry(path.relative(), "its name is reserved for whiteouts"));
        }
        let name = if path.is_root() { b"." } else { path.relative() };
        writer.inode(inode, path, name)?;
        if inode.kind() != FileKind::Directory {
            continue;
        }
        if change.opaque {
            writer.marker(&below(path, whiteout::opaque_mark().as_bytes()))?;
        }
        if let Some(names) = deleted.remove(path) {
            whiteouts(&mut writer, path, names)?;
        }
    }
    for (dir, names) in deleted {
        whiteouts(&mut writer, &dir, names)?;
    }
    writer.finish()
}

fn whiteouts<W: Write>(writer: &mut EntryWriter<W>, dir: &GuestPath, mut names: Vec<NameBuf>) -> Result<()> {
    names.sort();
    for name in names {
        let hidden = whiteout::whiteout_of(name.as_name())
            .ok_or_else(|| Error::entry(&below(dir, name.as_bytes()), "its name is too long for a whiteout"))?;
        writer.marker(&below(dir, hidden.as_bytes()))?;
    }
    Ok(())
}

/// The name of an entry of the directory `dir`, as archives write it.
fn below(dir: &GuestPath, name: &[u8]) -> Vec<u8> {
    match dir.relative() {
        b"" => name.to_vec(),
        dir => [dir, b"/", name].concat(),
    }
}
