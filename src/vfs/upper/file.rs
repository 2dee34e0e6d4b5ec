//! Contents of files that were written: a data file (or memory), with the last run of small writes gathered in front of it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLockReadGuard, RwLockWriteGuard};

use super::Shared;
use super::folder::DataFile;
use super::node::{Body, File, Node};
use super::record::ContentState;
use super::space::Extents;
use crate::vfs::attr::Timespec;
use crate::vfs::chunks::Chunks;
use crate::vfs::errno::{Errno, Result};
use crate::vfs::rules::{FILE_MAX, end_of_write, not_a_file};

/// A gathered run is written out when it has become this long.
const RUN_MAX: usize = 128 << 10;
/// Writes of at least this many bytes are not gathered.
const DIRECT_MIN: usize = 16 << 10;
/// How much a copy-up copies at once.
const COPY_PIECE: usize = 256 << 10;

/// The content of a file of its own.
pub(super) struct Own {
    size: u64,
    /// The size without the gathered bytes.
    stored: u64,
    store: Store,
    /// Bytes written but not in the store yet, and where they belong. They cover what the store has there.
    run: Vec<u8>,
    run_at: u64,
    extents: Extents,
    /// The size in the journal; none where the content is not in the journal at all.
    recorded: Option<u64>,
    /// Whether the node is in the list of those to write out.
    is_listed: bool,
}

enum Store {
    Memory(Chunks),
    Disk(Arc<DataFile>),
}

impl Own {
    /// An empty content.
    pub(super) fn new(fs: &Shared) -> Own {
        let store = match &fs.folder {
            Some(folder) => Store::Disk(DataFile::new(folder.clone(), fs.new_id())),
            None => Store::Memory(Chunks::default()),
        };
        Own::with(0, store, Extents::default())
    }

    /// The content that an earlier process recorded.
    pub(super) fn existing(fs: &Shared, state: &ContentState) -> Own {
        let store = match &fs.folder {
            Some(folder) => Store::Disk(DataFile::existing(folder.clone(), state.data, state.size)),
            None => Store::Memory(Chunks::default()),
        };
        let mut own = Own::with(state.size, store, Extents::of_len(state.charged));
        own.recorded = Some(state.size);
        own
    }

    fn with(size: u64, store: Store, extents: Extents) -> Own {
        Own { size, stored: size, store, run: Vec::new(), run_at: 0, extents, recorded: None, is_listed: false }
    }

    /// The number of the data file.
    pub(super) fn data(&self) -> u64 {
        if let Store::Disk(file) = &self.store { file.number } else { 0 }
    }

    pub(super) fn charged(&self) -> u64 {
        self.extents.bytes()
    }

    fn run_end(&self) -> u64 {
        self.run_at + self.run.len() as u64
    }

    /// The state as a record, what is gathered left out.
    fn state(&self, size: u64, mtime: Timespec, ctime: Timespec) -> ContentState {
        ContentState { data: self.data(), size, charged: self.extents.bytes(), mtime, ctime }
    }

    /// Reads what is in the store, which is all of `buf`.
    fn read_store(&self, buf: &mut [u8], offset: u64) -> Result<()> {
        match &self.store {
            Store::Disk(file) => Ok(file.read(buf, offset)?),
            Store::Memory(chunks) => {
                let read = chunks.read_at(buf, offset);
                buf[read..].fill(0);
                Ok(())
            }
        }
    }

    fn write_store(&mut self, buf: &[u8], offset: u64) -> Result<()> {
        match &mut self.store {
            Store::Disk(file) => file.write(buf, offset)?,
            Store::Memory(chunks) => chunks.write_at(buf, offset),
        }
        self.stored = self.stored.max(offset + buf.len() as u64);
        Ok(())
    }

    /// Reads into `buf`, which lies before the end; none where gathered bytes are in the way.
    fn read(&self, buf: &mut [u8], offset: u64) -> Option<Result<()>> {
        let end = offset + buf.len() as u64;
        if self.run.is_empty() || end <= self.run_at || self.run_end() <= offset {
            return Some(self.read_store(buf, offset));
        }
        if self.run_at <= offset && end <= self.run_end() {
            let begin = (offset - self.run_at) as usize;
            buf.copy_from_slice(&self.run[begin..begin + buf.len()]);
            return Some(Ok(()));
        }
        None
    }

    /// Moves gathered bytes to the store. They stay gathered where that fails.
    fn write_out(&mut self, fs: &Shared) -> Result<()> {
        if self.run.is_empty() {
            return Ok(());
        }
        let run = std::mem::take(&mut self.run);
        let result = self.write_store(&run, self.run_at);
        self.run = run;
        result?;
        fs.runs.fetch_sub(1, Ordering::Relaxed);
        self.run.clear();
        Ok(())
    }

    /// Writes `buf`, which is not empty, at `offset`; the size and the charge are the caller's business.
    fn write(&mut self, fs: &Shared, buf: &[u8], offset: u64) -> Result<()> {
        let gathers = buf.len() < DIRECT_MIN && matches!(self.store, Store::Disk(_));
        if gathers && !self.run.is_empty() && self.run_at <= offset && offset <= self.run_end() {
            let begin = (offset - self.run_at) as usize;
            let inside = buf.len().min(self.run.len() - begin);
            self.run[begin..begin + inside].copy_from_slice(&buf[..inside]);
            self.run.extend_from_slice(&buf[inside..]);
            return if self.run.len() >= RUN_MAX { self.write_out(fs) } else { Ok(()) };
        }
        self.write_out(fs)?;
        if !gathers {
            return self.write_store(buf, offset);
        }
        self.run.extend_from_slice(buf);
        self.run_at = offset;
        fs.runs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn set_len(&mut self, fs: &Shared, len: u64) -> Result<()> {
        if len < self.size {
            match &mut self.store {
                Store::Disk(file) => file.truncate(len)?,
                Store::Memory(chunks) => chunks.set_len(len),
            }
            let keep = usize::try_from(len.saturating_sub(self.run_at)).unwrap_or(usize::MAX).min(self.run.len());
            if keep == 0 && !self.run.is_empty() {
                fs.runs.fetch_sub(1, Ordering::Relaxed);
            }
            self.run.truncate(keep);
            fs.space.release(self.extents.truncate(len));
        }
        self.stored = if len < self.size && !self.run.is_empty() { self.stored.min(len) } else { len };
        self.size = len;
        Ok(())
    }

    /// Ends the life of the content; of a file without a name the data goes, too.
    pub(super) fn dismantle(self, fs: &Shared, is_gone: bool) {
        if !self.run.is_empty() {
            fs.runs.fetch_sub(1, Ordering::Relaxed);
        }
        if is_gone {
            fs.space.release(self.extents.bytes());
            if let Store::Disk(file) = &self.store
                && file.close()
            {
                fs.journal.doom(file.number);
            }
        }
    }
}

type OwnRead<'a> = RwLockReadGuard<'a, Option<Box<Own>>>;
type OwnWrite<'a> = RwLockWriteGuard<'a, Option<Box<Own>>>;

impl File {
    fn read(&self) -> OwnRead<'_> {
        self.own.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> OwnWrite<'_> {
        self.own.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `read` with the content, if it is the file's own.
    pub(super) fn with_own<T>(&self, read: impl FnOnce(&Own) -> T) -> Option<T> {
        self.read().as_deref().map(read)
    }
}

impl Node {
    fn file(&self) -> Result<&File> {
        match &self.body {
            Body::Regular(file) => Ok(file),
            _ => Err(not_a_file(self.kind)),
        }
    }

    pub(super) fn own_size(&self, file: &File) -> u64 {
        file.with_own(|own| own.size).unwrap_or(0)
    }

    pub(super) fn read_content(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        let file = self.file()?;
        if !file.is_own() {
            return self.lower.as_ref().ok_or(Errno::Io)?.inode.read_at(buf, offset);
        }
        {
            let own = file.read();
            let own = own.as_deref().ok_or(Errno::Io)?;
            let len = clip(buf.len(), offset, own.size);
            if len == 0 {
                return Ok(0);
            }
            if let Some(result) = own.read(&mut buf[..len], offset) {
                return result.map(|()| len);
            }
        }
        let mut own = file.write();
        let own = own.as_deref_mut().ok_or(Errno::Io)?;
        own.write_out(&self.fs)?;
        let len = clip(buf.len(), offset, own.size);
        own.read_store(&mut buf[..len], offset)?;
        Ok(len)
    }

    /// Writes at `offset`, or at the end; returns how much, and the offset behind it.
    pub(super) fn write_content(&self, buf: &[u8], offset: Option<u64>) -> Result<(usize, u64)> {
        let file = self.file()?;
        self.fs.begin()?;
        let mut guard = file.write();
        let own = self.copy_up(file, &mut guard, u64::MAX)?;
        let offset = offset.unwrap_or(own.size);
        let end = end_of_write(buf.len(), offset)?;
        if buf.is_empty() {
            return Ok((0, offset));
        }
        self.fs.space.charge(own.extents.growth(offset, end))?;
        // What then cannot be written is not known to be free either: it stays charged to the file.
        own.extents.insert(offset, end);
        own.write(&self.fs, buf, offset)?;
        own.size = own.size.max(end);
        let grew = own.recorded.is_none_or(|size| own.stored > size);
        let list = !own.is_listed && self.fs.folder.is_some();
        own.is_listed |= list;
        self.content_changed(own, grew)?;
        drop(guard);
        if list {
            self.fs.list_written(self);
        }
        self.fs.write_out_if_many()?;
        Ok((buf.len(), end))
    }

    pub(super) fn cut(&self, len: u64) -> Result<()> {
        let file = self.file()?;
        if len > FILE_MAX {
            return Err(Errno::FBig);
        }
        self.fs.begin()?;
        let mut guard = file.write();
        let own = self.copy_up(file, &mut guard, len)?;
        own.set_len(&self.fs, len)?;
        own.write_out(&self.fs)?;
        self.content_changed(own, true)
    }

    /// Moves gathered bytes to the data file and records where the content ends.
    pub(super) fn write_out(&self) -> Result<()> {
        let Body::Regular(file) = &self.body else { return Ok(()) };
        let mut guard = file.write();
        let Some(own) = guard.as_deref_mut() else { return Ok(()) };
        own.is_listed = false;
        own.write_out(&self.fs)?;
        own.run = Vec::new();
        let meta = self.meta()?;
        self.record_content(own, &meta);
        Ok(())
    }

    pub(super) fn sync_content(&self) -> Result<()> {
        self.write_out()?;
        let Body::Regular(file) = &self.body else { return Ok(()) };
        let data = file.with_own(|own| match &own.store {
            Store::Disk(file) => Some(file.clone()),
            Store::Memory(_) => None,
        });
        match data.flatten() {
            Some(data) => Ok(data.sync()?),
            None => Ok(()),
        }
    }

    /// Takes over content that was recorded.
    pub(super) fn restore_content(&self, state: &ContentState) -> Result<()> {
        let file = self.file()?;
        let mut guard = file.write();
        let before = guard.as_deref().map_or(0, Own::charged);
        self.fs.space.release(before);
        self.fs.space.charge_anyway(state.charged);
        *guard = Some(Box::new(Own::existing(&self.fs, state)));
        file.is_own.store(true, Ordering::Release);
        Ok(())
    }

    /// Gives a new file, read back without content, an empty one.
    pub(super) fn start_content(&self) {
        if let (Body::Regular(file), None) = (&self.body, &self.lower)
            && !file.is_own()
        {
            *file.write() = Some(Box::new(Own::new(&self.fs)));
            file.is_own.store(true, Ordering::Release);
        }
    }

    /// The content as it is to be recorded when the journal is folded.
    pub(super) fn content_state(&self) -> Option<ContentState> {
        let Body::Regular(file) = &self.body else { return None };
        let own = file.read();
        let own = own.as_deref()?;
        own.recorded?;
        let meta = self.changed_meta()?;
        Some(own.state(own.stored, meta.mtime, meta.ctime))
    }

    fn content_changed(&self, own: &mut Own, record: bool) -> Result<()> {
        let mut meta = self.meta()?;
        meta.touch();
        if record && self.fs.folder.is_some() {
            self.record_content(own, &meta);
        }
        Ok(())
    }

    fn record_content(&self, own: &mut Own, meta: &super::meta::Meta) {
        if meta.is_recorded() {
            let size = own.stored;
            let state = own.state(size, meta.mtime, meta.ctime);
            self.fs.journal.append(|frame| frame.content(meta.id, &state));
            own.recorded = Some(size);
        }
    }

    /// The file's own content, for a change. Content of the lower is copied, as far as `keep` bytes of it are wanted.
    fn copy_up<'a>(&self, file: &File, guard: &'a mut OwnWrite<'_>, keep: u64) -> Result<&'a mut Own> {
        if guard.is_none() {
            let lower = &self.lower.as_ref().ok_or(Errno::Io)?.inode;
            let len = lower.attr()?.size.min(keep);
            self.record(&mut *self.meta()?)?;
            let mut own = Own::new(&self.fs);
            if let Err(errno) = self.copy(&mut own, len) {
                own.dismantle(&self.fs, true);
                return Err(errno);
            }
            **guard = Some(Box::new(own));
            file.is_own.store(true, Ordering::Release);
        }
        guard.as_deref_mut().ok_or(Errno::Io)
    }

    fn copy(&self, own: &mut Own, len: u64) -> Result<()> {
        let lower = &self.lower.as_ref().ok_or(Errno::Io)?.inode;
        let piece_len = usize::try_from(len).unwrap_or(usize::MAX).min(COPY_PIECE);
        let (mut piece, mut offset) = (vec![0; piece_len], 0);
        while offset < len {
            let wanted = clip(piece.len(), offset, len);
            let read = lower.read_at(&mut piece[..wanted], offset)?;
            if read == 0 {
                break;
            }
            let end = offset + read as u64;
            if piece[..read].iter().any(|&byte| byte != 0) {
                self.fs.space.charge(own.extents.growth(offset, end))?;
                own.extents.insert(offset, end);
                own.write_store(&piece[..read], offset)?;
            }
            offset = end;
        }
        (own.size, own.stored) = (len, len);
        let meta = self.meta()?;
        self.record_content(own, &meta);
        Ok(())
    }
}

/// How much of `len` bytes at `offset` lies before `end`.
fn clip(len: usize, offset: u64, end: u64) -> usize {
    usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX).min(len)
}
