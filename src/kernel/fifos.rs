//! Named pipes: the pipe behind each fifo that is open somewhere in the container.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::open_file::{OpenFile, flags};
use super::pipe::{BothEnds, Pipe};
use super::process::Process;
use crate::vfs::{Errno, InodeRef, Result};

/// The pipes of all fifos that are open.
#[derive(Default)]
pub(super) struct Fifos(Mutex<HashMap<(u64, u64), Weak<Pipe>>>);

impl Fifos {
    /// Opens the fifo `inode` as fifo(7) says: each side waits for the other, unless it is opened for both.
    pub(super) fn open(&self, process: &Process, inode: &InodeRef, status: u32) -> Result<OpenFile> {
        let pipe = self.pipe(inode)?;
        let waits = status & flags::NONBLOCK == 0;
        match status & flags::ACCESS {
            flags::READ_ONLY => {
                let (end, alone) = pipe.open_to_read();
                if let (true, Some(before)) = (waits, alone) {
                    pipe.wait_for_writer(process, before)?;
                }
                Ok(OpenFile::stream(end, status))
            }
            flags::WRITE_ONLY => {
                if !waits && !pipe.has_reader() {
                    return Err(Errno::Nxio);
                }
                let (end, alone) = pipe.open_to_write();
                if let (true, Some(before)) = (waits, alone) {
                    pipe.wait_for_reader(process, before)?;
                }
                Ok(OpenFile::stream(end, status))
            }
            _ => Ok(OpenFile::stream(BothEnds(pipe.read_end(), pipe.write_end()), status)),
        }
    }

    fn pipe(&self, inode: &InodeRef) -> Result<Arc<Pipe>> {
        let attr = inode.attr()?;
        let mut pipes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pipes.retain(|_, pipe| pipe.strong_count() > 0);
        let key = (attr.dev, attr.ino);
        if let Some(pipe) = pipes.get(&key).and_then(Weak::upgrade) {
            return Ok(pipe);
        }
        let pipe = Arc::new(Pipe::default());
        pipes.insert(key, Arc::downgrade(&pipe));
        Ok(pipe)
    }
}
