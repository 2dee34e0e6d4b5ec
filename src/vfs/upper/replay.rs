//! Opening an upper again: the journal is read and every change made once more, in memory.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::Upper;
use super::dir::Up;
use super::error::{UpperCause, UpperError};
use super::folder::Folder;
use super::journal::{FORMAT, FRAME_HEADER, HEADER, MAGIC, header};
use super::meta::Meta;
use super::node::{LowerPath, NODE_COST, Node};
use super::record::{Decoder, Record};
use crate::vfs::attr::FileKind;
use crate::vfs::errno::Errno;
use crate::vfs::inode::InodeRef;
use crate::vfs::path::Name;

/// A journal whose frames are whole.
pub(super) struct JournalFile {
    bytes: Vec<u8>,
    /// Where the payload of each frame begins and ends.
    payloads: Vec<(usize, usize)>,
}

impl JournalFile {
    /// The length of the part that counts.
    pub(super) fn valid_len(&self) -> u64 {
        self.payloads.last().map_or(HEADER, |&(_, end)| end) as u64
    }
}

type Result<T> = std::result::Result<T, UpperError>;

fn damaged(path: &Path, offset: usize, what: impl Into<String>) -> UpperError {
    UpperError { path: path.to_owned(), cause: UpperCause::Damaged { offset: offset as u64, what: what.into() } }
}

/// Reads and checks the journal at `path`; none where there is none, or none of its frames was ever written.
pub(super) fn read(path: &Path) -> Result<Option<JournalFile>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(UpperError::io(path, error)),
    };
    let head = header();
    let same = bytes.iter().zip(&head).take_while(|(found, expected)| found == expected).count();
    if same < HEADER && is_zero(&bytes[same..]) {
        return Ok(None);
    }
    if bytes.len() < HEADER {
        return Err(damaged(path, 0, "not a journal"));
    }
    if bytes[..8] != MAGIC {
        return Err(damaged(path, 0, "not a journal"));
    }
    match number(&bytes, 8) {
        Some(FORMAT) => {}
        Some(format) => return Err(UpperError { path: path.to_owned(), cause: UpperCause::Version(format) }),
        None => return Err(damaged(path, 8, "not a journal")),
    }
    let (mut payloads, mut at) = (Vec::new(), HEADER);
    while at < bytes.len() {
        match frame(&bytes, at) {
            Frame::Whole(begin, end) => {
                payloads.push((begin, end));
                at = end;
            }
            Frame::Torn => break,
            Frame::Damaged(what) => return Err(damaged(path, at, what)),
        }
    }
    Ok(Some(JournalFile { bytes, payloads }))
}

enum Frame {
    /// Where the payload begins and ends.
    Whole(usize, usize),
    /// The frame was not written whole, and nothing follows it.
    Torn,
    Damaged(&'static str),
}

fn frame(bytes: &[u8], at: usize) -> Frame {
    let begin = at + FRAME_HEADER;
    let (Some(head), Some(len), Some(sum), Some(check)) =
        (bytes.get(at..at + 8), number(bytes, at), number(bytes, at + 4), number(bytes, at + 8))
    else {
        return Frame::Torn;
    };
    if crc32c::crc32c(head) != check {
        return if is_zero(&bytes[begin..]) {
            Frame::Torn
        } else {
            Frame::Damaged("the frame's head is not what it was")
        };
    }
    let Some(end) = usize::try_from(len).ok().and_then(|len| begin.checked_add(len)).filter(|&end| end <= bytes.len())
    else {
        return Frame::Torn;
    };
    if crc32c::crc32c(&bytes[begin..end]) != sum {
        return if is_zero(&bytes[end..]) { Frame::Torn } else { Frame::Damaged("the frame is not what it was") };
    }
    Frame::Whole(begin, end)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}

/// The state of a replay: nodes by their number.
struct Replay<'u> {
    upper: &'u Upper,
    nodes: HashMap<u64, Arc<Node>>,
    /// The largest number seen.
    last: u64,
}

impl Upper {
    /// Makes the changes of `file` once more, and removes data files that none of them refers to.
    pub(super) fn replay(&self, folder: &Folder, file: &JournalFile, read_only: bool) -> Result<()> {
        let path = folder.journal();
        let mut replay = Replay { upper: self, nodes: HashMap::new(), last: 0 };
        for &(begin, end) in &file.payloads {
            let mut decoder = Decoder(&file.bytes[begin..end]);
            while !decoder.0.is_empty() {
                let at = end - decoder.0.len();
                let record = decoder.record().ok_or_else(|| damaged(&path, at, "no such record"))?;
                replay.apply(record).map_err(|what| damaged(&path, at, what))?;
            }
        }
        let (nodes, last) = (replay.nodes, replay.last);
        self.fs.next_id.store(last.saturating_add(1), std::sync::atomic::Ordering::Relaxed);
        let mut live = HashSet::new();
        for node in nodes.values() {
            node.start_content();
            if node.changed_meta().is_some_and(|meta| meta.nlink > 0) {
                live.extend(node.content_state().map(|content| content.data));
            }
        }
        self.fs.journal.set_live(self.fs.space.metadata());
        if !read_only {
            folder
                .remove_others(|number| live.contains(&number))
                .map_err(|error| UpperError::io(&folder.path, error))?;
            self.flush()?;
        }
        Ok(())
    }
}

impl Replay<'_> {
    /// Makes one change; the error says what is wrong with it.
    fn apply(&mut self, record: Record<'_>) -> std::result::Result<(), String> {
        match record {
            Record::Node { id, kind, meta, origin, target } => return self.node(id, kind, meta, origin, target),
            Record::Attributes { id, meta: new } => self.change(id, |meta| {
                (meta.mode, meta.uid, meta.gid, meta.nlink) = (new.mode, new.uid, new.gid, new.nlink);
                (meta.atime, meta.mtime, meta.ctime) = (new.atime, new.mtime, new.ctime);
            }),
            Record::Links { id, nlink, time } => {
                self.change(id, |meta| (meta.nlink, meta.ctime) = (nlink, time));
                if nlink == 0 {
                    self.forget(id);
                }
            }
            Record::Touch { id, nlink, time } => {
                self.change(id, |meta| (meta.nlink, meta.mtime, meta.ctime) = (nlink, time, time));
            }
            Record::Content { id, content } => {
                self.last = self.last.max(content.data);
                if let Some(node) = self.nodes.get(&id) {
                    node.restore_content(&content).map_err(|errno| format!("content of node {id}: {errno}"))?;
                    self.change(id, |meta| (meta.mtime, meta.ctime) = (content.mtime, content.ctime));
                }
            }
            Record::Xattrs { id, xattrs } => self.change(id, |meta| meta.xattrs = Some(Box::new(xattrs))),
            Record::Entry { dir, name, id, covers } => {
                let name = checked(name)?;
                let node = self.nodes.get(&id).cloned().ok_or_else(|| format!("an entry names node {id}"))?;
                let parent = self.nodes.get(&dir).cloned().ok_or_else(|| format!("an entry of node {dir}"))?;
                let entries = parent.dir().map_err(|_| format!("node {dir} is no directory"))?;
                if let Ok(child) = node.dir() {
                    if parent.is_below(&node) {
                        return Err(format!("directory {id} would contain itself"));
                    }
                    child.set_up(Up::Weak(parent.this.clone()));
                }
                entries.put(name, node, covers);
            }
            Record::Whiteout { dir, name } => self.remove(dir, name, true)?,
            Record::Remove { dir, name } => self.remove(dir, name, false)?,
        }
        Ok(())
    }

    fn node(
        &mut self,
        id: u64,
        kind: FileKind,
        meta: Meta,
        origin: &[u8],
        target: &[u8],
    ) -> std::result::Result<(), String> {
        self.last = self.last.max(id);
        let fs = &self.upper.fs;
        let node = if origin == b"/" {
            let root = self.upper.root.clone();
            *root.meta().map_err(|errno| format!("the lower's root: {errno}"))? = meta;
            fs.remember(&root);
            root
        } else if origin.is_empty() {
            Node::of_record(fs.clone(), kind, meta, None, target)
        } else {
            let (inode, path) = self.lower(origin)?;
            let attr = inode.attr().map_err(|errno| format!("{}: {errno}", String::from_utf8_lossy(origin)))?;
            if attr.kind != kind {
                return Err(format!("{} of the lower is of another kind", String::from_utf8_lossy(origin)));
            }
            let node = Node::of_record(fs.clone(), kind, meta, Some((inode, attr.ino, path)), target);
            fs.remember(&node);
            node
        };
        fs.space.charge_metadata_anyway(NODE_COST);
        self.nodes.insert(id, node);
        Ok(())
    }

    /// The inode at a path of the lower.
    fn lower(&self, origin: &[u8]) -> std::result::Result<(InodeRef, LowerPath), String> {
        let missing = |errno: Errno| format!("{} of the lower: {errno}", String::from_utf8_lossy(origin));
        let root = self.upper.root.lower.as_ref().ok_or("the root has no lower")?;
        let (mut inode, mut path) = (root.inode.clone(), LowerPath::root());
        for name in origin.split(|&byte| byte == b'/').filter(|name| !name.is_empty()) {
            inode = Name::new(name).and_then(|name| inode.lookup(name)).map_err(missing)?;
            path = LowerPath::below(Arc::new(path), name.into());
        }
        Ok((inode, path))
    }

    fn change(&self, id: u64, change: impl FnOnce(&mut Meta)) {
        if let Some(mut meta) = self.nodes.get(&id).and_then(|node| node.changed_meta()) {
            let before = meta.xattrs.as_ref().map_or(0, |xattrs| xattrs.size() as u64);
            change(&mut meta);
            let after = meta.xattrs.as_ref().map_or(0, |xattrs| xattrs.size() as u64);
            self.upper.fs.space.charge_metadata_anyway(after);
            self.upper.fs.space.release_metadata(before);
        }
    }

    fn remove(&self, dir: u64, name: &[u8], covers: bool) -> std::result::Result<(), String> {
        let parent = self.nodes.get(&dir).ok_or_else(|| format!("an entry of node {dir}"))?;
        let entries = parent.dir().map_err(|_| format!("node {dir} is no directory"))?;
        entries.take(&self.upper.fs, checked(name)?, covers);
        Ok(())
    }

    /// Lets go of a node without a name. Its directory entries went before.
    fn forget(&mut self, id: u64) {
        if let Some(node) = self.nodes.remove(&id) {
            if let Ok(dir) = node.dir() {
                dir.mark_removed(&self.upper.fs);
            }
            self.upper.fs.forget(&node);
        }
    }
}

fn checked(name: &[u8]) -> std::result::Result<&[u8], String> {
    Name::new(name).map(Name::as_bytes).map_err(|_| "an entry without a proper name".to_owned())
}
