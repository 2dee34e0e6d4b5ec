//! Pipes: bytes from those who write to those who read, with room for so many.
//!
//! One lock. Those who wait are woken after it is released.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::open_file::{Ready, Stream, stream_attr};
use super::process::Process;
use super::wait::WaitQueue;
use crate::vfs::{Attr, Errno, FileKind, Result};

/// How many bytes a pipe holds. Linux has 64 KiB; with twice as much a writer of 64 KiB chunks need not wait for each.
const CAPACITY: usize = 128 << 10;

/// A write up to this length is not mixed with others (`PIPE_BUF`).
const ATOMIC: usize = 4096;

/// A pipe, or one direction of a pair of sockets.
#[derive(Default)]
pub struct Pipe {
    state: Mutex<State>,
    readers: WaitQueue,
    writers: WaitQueue,
    /// Those who poll, at either end, and those who open a fifo.
    watchers: WaitQueue,
}

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    read_ends: usize,
    write_ends: usize,
    /// How often an end was opened: who opens a fifo waits for the other number to move.
    reads_opened: u64,
    writes_opened: u64,
}

/// The two ends of a new pipe.
pub fn pipe() -> (ReadEnd, WriteEnd) {
    let pipe = Arc::new(Pipe::default());
    (pipe.read_end(), pipe.write_end())
}

/// The end that is read. The last one dropped, writers get [`Errno::Pipe`].
pub struct ReadEnd(Arc<Pipe>);

/// The end that is written. The last one dropped, readers find the end.
pub struct WriteEnd(Arc<Pipe>);

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn read_end(self: &Arc<Pipe>) -> ReadEnd {
        self.open_to_read().0
    }

    pub(super) fn write_end(self: &Arc<Pipe>) -> WriteEnd {
        self.open_to_write().0
    }

    pub(super) fn has_reader(&self) -> bool {
        self.lock().read_ends > 0
    }

    /// Opens a fifo to read. Where nobody has it open to write, with what [`Pipe::wait_for_writer`] is to be given: who
    /// has may be gone again before this returns, and counts.
    pub(super) fn open_to_read(self: &Arc<Pipe>) -> (ReadEnd, Option<u64>) {
        let mut state = self.lock();
        state.read_ends += 1;
        state.reads_opened += 1;
        let alone = (state.write_ends == 0).then_some(state.writes_opened);
        drop(state);
        self.watchers.wake_all();
        (ReadEnd(self.clone()), alone)
    }

    /// The same to write.
    pub(super) fn open_to_write(self: &Arc<Pipe>) -> (WriteEnd, Option<u64>) {
        let mut state = self.lock();
        state.write_ends += 1;
        state.writes_opened += 1;
        let alone = (state.read_ends == 0).then_some(state.reads_opened);
        drop(state);
        self.watchers.wake_all();
        (WriteEnd(self.clone()), alone)
    }

    /// Waits until the end to read was opened another time than `before`.
    pub(super) fn wait_for_reader(&self, process: &Process, before: u64) -> Result<()> {
        self.wait_opened(process, |state| state.reads_opened != before)
    }

    /// The same for the end to write.
    pub(super) fn wait_for_writer(&self, process: &Process, before: u64) -> Result<()> {
        self.wait_opened(process, |state| state.writes_opened != before)
    }

    fn wait_opened(&self, process: &Process, is_open: impl Fn(&State) -> bool) -> Result<()> {
        process.wait(&[&self.watchers], None, || is_open(&self.lock()).then_some(())).map(drop)
    }

    fn read(&self, process: &Process, buf: &mut [u8], nonblocking: bool) -> Result<usize> {
        let mut attempt = || self.take(buf);
        if nonblocking {
            return attempt().unwrap_or(Err(Errno::Again));
        }
        process.wait(&[&self.readers], None, attempt)?.expect("there is no deadline")
    }

    fn take(&self, buf: &mut [u8]) -> Option<Result<usize>> {
        let mut state = self.lock();
        if state.bytes.is_empty() {
            return (state.write_ends == 0).then_some(Ok(0));
        }
        let len = state.bytes.read(buf).unwrap_or(0);
        if state.bytes.is_empty() && state.bytes.capacity() > CAPACITY {
            state.bytes = VecDeque::new();
        }
        // Woken at every byte, writers and readers would take turns all the time.
        let has_room = CAPACITY - state.bytes.len() >= ATOMIC;
        drop(state);
        if has_room {
            self.writers.wake_all();
        }
        self.watchers.wake_all();
        Some(Ok(len))
    }

    fn write(&self, process: &Process, buf: &[u8], nonblocking: bool) -> Result<usize> {
        // Writing nothing neither waits nor fails (pipe(7) is silent, Linux does so).
        if buf.is_empty() {
            return Ok(0);
        }
        let mut written = 0;
        loop {
            let rest = &buf[written..];
            let attempt = || self.put(rest, buf.len() <= ATOMIC);
            let put = match nonblocking {
                true => attempt().unwrap_or(Err(Errno::Again)),
                false => match process.wait(&[&self.writers], None, attempt) {
                    Ok(put) => put.expect("there is no deadline"),
                    Err(errno) => Err(errno),
                },
            };
            match put {
                Ok(len) => written += len,
                Err(errno) if written == 0 => return Err(errno),
                Err(_) => return Ok(written),
            }
            if written == buf.len() {
                return Ok(written);
            }
        }
    }

    fn put(&self, bytes: &[u8], whole: bool) -> Option<Result<usize>> {
        let mut state = self.lock();
        if state.read_ends == 0 {
            return Some(Err(Errno::Pipe));
        }
        let room = CAPACITY - state.bytes.len();
        if room == 0 || whole && room < bytes.len() {
            return None;
        }
        let len = room.min(bytes.len());
        state.bytes.extend(&bytes[..len]);
        drop(state);
        self.readers.wake_all();
        self.watchers.wake_all();
        Some(Ok(len))
    }

    fn ready_to_read(&self) -> Ready {
        let state = self.lock();
        let data = if state.bytes.is_empty() { 0 } else { Ready::IN };
        Ready(data | if state.write_ends == 0 { Ready::HUP } else { 0 })
    }

    fn ready_to_write(&self) -> Ready {
        let state = self.lock();
        if state.read_ends == 0 {
            return Ready(Ready::OUT | Ready::ERR);
        }
        Ready(if CAPACITY - state.bytes.len() >= ATOMIC { Ready::OUT } else { 0 })
    }

    fn len(&self) -> u64 {
        self.lock().bytes.len() as u64
    }

    fn wake_everybody(&self) {
        self.readers.wake_all();
        self.writers.wake_all();
        self.watchers.wake_all();
    }
}

impl Drop for ReadEnd {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.read_ends -= 1;
        if state.read_ends > 0 {
            return;
        }
        state.bytes = VecDeque::new();
        drop(state);
        self.0.wake_everybody();
    }
}

impl Drop for WriteEnd {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.write_ends -= 1;
        let is_last = state.write_ends == 0;
        drop(state);
        if is_last {
            self.0.wake_everybody();
        }
    }
}

impl Stream for ReadEnd {
    fn read(&self, process: &Process, buf: &mut [u8], nonblocking: bool) -> Result<usize> {
        self.0.read(process, buf, nonblocking)
    }

    fn ready(&self) -> Ready {
        self.0.ready_to_read()
    }

    fn queue(&self) -> &WaitQueue {
        &self.0.watchers
    }

    fn available(&self) -> u64 {
        self.0.len()
    }
}

impl Stream for WriteEnd {
    fn write(&self, process: &Process, buf: &[u8], nonblocking: bool) -> Result<usize> {
        self.0.write(process, buf, nonblocking)
    }

    fn ready(&self) -> Ready {
        self.0.ready_to_write()
    }

    fn queue(&self) -> &WaitQueue {
        &self.0.watchers
    }
}

/// Both ends of a fifo, opened for reading and writing.
pub(super) struct BothEnds(pub(super) ReadEnd, pub(super) WriteEnd);

impl Stream for BothEnds {
    fn read(&self, process: &Process, buf: &mut [u8], nonblocking: bool) -> Result<usize> {
        self.0.read(process, buf, nonblocking)
    }

    fn write(&self, process: &Process, buf: &[u8], nonblocking: bool) -> Result<usize> {
        self.1.write(process, buf, nonblocking)
    }

    fn ready(&self) -> Ready {
        Ready(self.0.ready().0 | self.1.ready().0)
    }

    fn queue(&self) -> &WaitQueue {
        self.0.queue()
    }

    fn available(&self) -> u64 {
        self.0.available()
    }
}

/// One of a pair of connected sockets: it reads from one pipe and writes to another.
pub struct Socket {
    incoming: ReadEnd,
    outgoing: WriteEnd,
}

/// A pair of connected stream sockets.
pub fn socket_pair() -> (Socket, Socket) {
    let (a_reads, b_writes) = pipe();
    let (b_reads, a_writes) = pipe();
    (Socket { incoming: a_reads, outgoing: a_writes }, Socket { incoming: b_reads, outgoing: b_writes })
}

impl Stream for Socket {
    fn read(&self, process: &Process, buf: &mut [u8], nonblocking: bool) -> Result<usize> {
        self.incoming.read(process, buf, nonblocking)
    }

    fn write(&self, process: &Process, buf: &[u8], nonblocking: bool) -> Result<usize> {
        self.outgoing.write(process, buf, nonblocking)
    }

    fn ready(&self) -> Ready {
        Ready(self.incoming.ready().0 | self.outgoing.ready().0)
    }

    fn queue(&self) -> &WaitQueue {
        self.incoming.queue()
    }

    fn second_queue(&self) -> Option<&WaitQueue> {
        Some(self.outgoing.queue())
    }

    fn available(&self) -> u64 {
        self.incoming.available()
    }

    fn attr(&self) -> Attr {
        stream_attr(FileKind::Socket, 0o777)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_opens_a_fifo_does_not_miss_the_other_side_that_is_gone_at_once() {
        let pipe = Arc::new(Pipe::default());
        let (reader, alone) = pipe.open_to_read();
        let before = alone.expect("nobody writes yet");
        let (writer, alone) = pipe.open_to_write();
        assert_eq!(alone, None);
        drop(writer);
        assert_ne!(pipe.lock().writes_opened, before);
        drop(reader);

        let (writer, alone) = pipe.open_to_write();
        assert!(alone.is_some());
        let (_reader, alone) = pipe.open_to_read();
        drop(writer);
        assert_eq!(alone, None);
    }
}
