//! The journal: every change of names and attributes, in order, in one file that only grows until it is folded.
//!
//! ```text
//! header   8 bytes "CBUPPER\n"   u32 format (1)   u32 zero
//! frame    u32 length of the payload   u32 CRC-32C of the payload   u32 CRC-32C of the eight bytes before   payload
//! payload  one or more records that take effect together (see record.rs)
//! ```
//!
//! All numbers are little-endian. Frames are gathered in memory and written in batches, each with one write at the end of
//! the file. What a killed process leaves is a prefix of the frames: the last one may be cut short, or, after a loss of
//! power, end in zeros. Such a tail is cut off; any other damage is an error.
//!
//! A data file is removed only after the record that gave it up has been written.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::UpperError;
use super::folder::Folder;
use super::record::Encoder;
use crate::sys::{durable, positional};
use crate::vfs::errno::{Errno, Result};

/// What a journal starts with.
pub(super) const MAGIC: [u8; 8] = *b"CBUPPER\n";
/// The format described above.
pub(super) const FORMAT: u32 = 1;
/// The length of the header of the file.
pub(super) const HEADER: usize = 16;
/// The length of the header of a frame.
pub(super) const FRAME_HEADER: usize = 12;
/// Frames are written when this many bytes have gathered.
const BATCH: usize = 64 << 10;
/// Journals below this size are never folded.
const FOLD_MIN: u64 = 1 << 20;

/// The journal of one upper; without a folder it keeps nothing.
pub(super) struct Journal {
    folder: Option<Arc<Folder>>,
    /// Whether a batch is due.
    is_due: AtomicBool,
    /// The length of the journal, written or not, and the length from which it is to be folded.
    len: AtomicU64,
    fold_at: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    file: Option<File>,
    /// Frames not yet written, the file's header before the first of them.
    buffer: Vec<u8>,
    /// The length of the file that counts.
    written: u64,
    /// While the journal is folded: a copy of all frames since the folding began.
    since_fold: Option<Vec<u8>>,
    /// Data files to remove after the next batch.
    doomed: Vec<u64>,
    /// Whether the folder's names are durable since `file` was opened.
    is_named: bool,
}

impl Journal {
    /// A journal of which `written` bytes are in the file.
    pub(super) fn new(folder: Option<Arc<Folder>>, written: u64) -> Journal {
        let state = State { written, ..State::default() };
        Journal {
            folder,
            is_due: AtomicBool::new(false),
            len: AtomicU64::new(written),
            fold_at: AtomicU64::new(FOLD_MIN),
            state: Mutex::new(state),
        }
    }

    /// Whether there is room for more records: writes those that are due. The errors of the host's file system.
    pub(super) fn ready(&self) -> Result<()> {
        if self.is_due.load(Ordering::Relaxed) {
            self.flush().map_err(|error| Errno::from(&error))?;
        }
        Ok(())
    }

    /// Adds a frame of the records that `encode` makes.
    pub(super) fn append(&self, encode: impl FnOnce(&mut Encoder<'_>)) {
        if self.folder.is_none() {
            return;
        }
        let state = &mut *self.lock();
        if state.buffer.is_empty() && state.written == 0 {
            state.buffer.extend_from_slice(&header());
        }
        let begin = state.buffer.len();
        push_frame(&mut state.buffer, encode);
        if let Some(copy) = &mut state.since_fold {
            copy.extend_from_slice(&state.buffer[begin..]);
        }
        self.len.store(state.written + state.buffer.len() as u64, Ordering::Relaxed);
        if state.buffer.len() >= BATCH {
            self.is_due.store(true, Ordering::Relaxed);
        }
    }

    /// Has data file `number`, which is closed, removed once that is safe.
    pub(super) fn doom(&self, number: u64) {
        self.lock().doomed.push(number);
    }

    /// Writes what has gathered.
    pub(super) fn flush(&self) -> std::result::Result<(), UpperError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        write_out(folder, &mut self.lock())?;
        self.is_due.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Writes what has gathered and makes all durable.
    pub(super) fn sync(&self) -> std::result::Result<(), UpperError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let mut state = self.lock();
        write_out(folder, &mut state)?;
        let path = folder.journal();
        let Some(file) = &state.file else { return Ok(()) };
        file.sync_data().map_err(|error| UpperError::io(&path, error))?;
        if !state.is_named {
            durable::sync_directory(&folder.path).map_err(|error| UpperError::io(&folder.path, error))?;
            state.is_named = true;
        }
        Ok(())
    }

    /// Whether the journal has grown well beyond what a folded one would take; `times` as far as is usual.
    pub(super) fn wants_fold(&self, times: u64) -> bool {
        self.len.load(Ordering::Relaxed) > self.fold_at.load(Ordering::Relaxed).saturating_mul(times)
    }

    /// A folded journal would take about `live` bytes.
    pub(super) fn set_live(&self, live: u64) {
        self.fold_at.store(FOLD_MIN.max(live.saturating_mul(4)), Ordering::Relaxed);
    }

    /// From here on frames are copied for [`Journal::replace`].
    pub(super) fn begin_fold(&self) {
        self.lock().since_fold = Some(Vec::new());
    }

    /// Replaces the file by `folded`, which is a whole journal, and the frames since [`Journal::begin_fold`].
    pub(super) fn replace(&self, mut folded: Vec<u8>) -> std::result::Result<(), UpperError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let path = folder.journal();
        let mut state = self.lock();
        self.set_live(folded.len() as u64);
        folded.append(&mut state.since_fold.take().unwrap_or_default());
        folder.make()?;
        // Not every system replaces a file that is open.
        state.file = None;
        durable::replace(&path, &folded).map_err(|error| {
            self.set_live(self.len.load(Ordering::Relaxed));
            UpperError::io(&path, error)
        })?;
        state.written = folded.len() as u64;
        state.buffer.clear();
        self.len.store(state.written, Ordering::Relaxed);
        write_out(folder, &mut state)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The header of a journal.
pub(super) fn header() -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    header
}

/// Appends a frame of the records that `encode` makes; none where it makes none.
pub(super) fn push_frame(buffer: &mut Vec<u8>, encode: impl FnOnce(&mut Encoder<'_>)) {
    let begin = buffer.len();
    buffer.extend_from_slice(&[0; FRAME_HEADER]);
    encode(&mut Encoder(buffer));
    let (head, payload) = buffer[begin..].split_at_mut(FRAME_HEADER);
    if payload.is_empty() {
        buffer.truncate(begin);
        return;
    }
    head[..4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    head[4..8].copy_from_slice(&crc32c::crc32c(payload).to_le_bytes());
    let check = crc32c::crc32c(&head[..8]);
    head[8..].copy_from_slice(&check.to_le_bytes());
}

fn write_out(folder: &Folder, state: &mut State) -> std::result::Result<(), UpperError> {
    if !state.buffer.is_empty() {
        folder.make()?;
        let path = folder.journal();
        append_to(&path, state).map_err(|error| UpperError::io(&path, error))?;
    }
    folder.remove(&std::mem::take(&mut state.doomed));
    Ok(())
}

fn append_to(path: &std::path::Path, state: &mut State) -> io::Result<()> {
    let file = match &mut state.file {
        Some(file) => file,
        none => {
            let file = File::options().create(true).truncate(false).write(true).open(path)?;
            // A torn tail goes.
            file.set_len(state.written)?;
            state.is_named = false;
            none.insert(file)
        }
    };
    let mut done = 0;
    while done < state.buffer.len() {
        match positional::write_at(file, &state.buffer[done..], state.written + done as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => done += written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    state.written += done as u64;
    state.buffer.clear();
    Ok(())
}
