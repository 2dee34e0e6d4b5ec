//! The streams of the host: reads that can be broken off, writes that are passed on as they come.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::open_file::{Ready, Stream, stream_attr};
use super::process::Process;
use super::stdio::{Input, Output};
use super::wait::WaitQueue;
use crate::sys::stdio::{self, Ready as HostReady};
use crate::vfs::{Attr, Errno, FileKind, Result};

/// How much is read ahead of a guest.
const AHEAD: usize = 64 << 10;

/// A queue in which nobody has to wait.
static NOBODY: WaitQueue = WaitQueue::new();

/// What processes read from.
pub(super) fn input(input: Input) -> Arc<dyn Stream> {
    match input {
        Input::Null => Arc::new(NoInput),
        Input::Host => Arc::new(HostInput),
        Input::Reader(reader) => {
            Arc::new(ReaderInput { idle: Mutex::new(Some(reader)), ahead: Arc::new(Ahead::default()) })
        }
    }
}

/// What processes write to; `left` is how many bytes they may, of all streams that share it.
pub(super) fn output(output: Output, left: Option<Arc<AtomicU64>>) -> Arc<dyn Stream> {
    let target = match output {
        Output::Null => Target::Null,
        Output::HostStdout => Target::Stdout,
        Output::HostStderr => Target::Stderr,
        Output::Writer(writer) => Target::Writer(Mutex::new(writer)),
    };
    Arc::new(HostOutput { target, left })
}

struct NoInput;

impl Stream for NoInput {
    fn read(&self, _: &Process, _: &mut [u8], _: bool) -> Result<usize> {
        Ok(0)
    }

    fn ready(&self) -> Ready {
        Ready(Ready::IN | Ready::HUP)
    }

    fn queue(&self) -> &WaitQueue {
        &NOBODY
    }
}

/// The standard input of this process, read only when a guest asks.
struct HostInput;

impl Stream for HostInput {
    fn read(&self, process: &Process, buf: &mut [u8], nonblocking: bool) -> Result<usize> {
        let deadline = nonblocking.then(Instant::now);
        let interrupted = || process.is_interrupted().then_some(());
        match process.sleeper.sleep_for_stdin(deadline, interrupted)? {
            Ok(HostReady::Input) => stdio::read_stdin(buf).map_err(errno),
            Ok(HostReady::TimedOut) => Err(Errno::Again),
            Ok(HostReady::Woken) | Err(()) if process.is_interrupted() => Err(Errno::Intr),
            Ok(HostReady::Woken) | Err(()) => self.read(process, buf, nonblocking),
        }
    }

    /// Only the host knows.
    fn ready(&self) -> Ready {
        match stdio::is_stdin_ready() {
            true if stdio::stdin_available() == Some(0) => Ready(Ready::IN | Ready::HUP),
            true => Ready(Ready::IN),
            false => Ready(0),
        }
    }

    fn queue(&self) -> &WaitQueue {
        &NOBODY
    }

    fn available(&self) -> u64 {
        stdio::stdin_available().unwrap_or(1)
    }

    fn is_host_input(&self) -> bool {
        true
    }

    fn attr(&self) -> Attr {
        host_attr(io::stdin().is_terminal())
    }

    fn is_host_terminal(&self) -> bool {
        io::stdin().is_terminal()
    }
}

fn host_attr(is_terminal: bool) -> Attr {
    let kind = if is_terminal { FileKind::CharDevice } else { FileKind::Fifo };
    stream_attr(kind, 0o620)
}

/// A reader of the embedding program. The thread that reads ahead starts with the first read.
struct ReaderInput {
    idle: Mutex<Option<Box<dyn Read + Send>>>,
    ahead: Arc<Ahead>,
}

impl ReaderInput {
    fn start(&self) -> Result<()> {
        let reader = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(reader) = reader {
            let ahead = self.ahead.clone();
            let thread = std::thread::Builder::new().name("stdin".to_owned());
            thread.spawn(move || ahead.fill(reader)).map_err(errno)?;
        }
        Ok(())
    }
}

impl Drop for ReaderInput {
    fn drop(&mut self) {
        self.ahead.lock().abandoned = true;
        self.ahead.space.notify_all();
    }
}

impl Stream for ReaderInput {
    fn read(&self, process: &Process, buf: &mut [u8], nonblocking: bool) -> Result<usize> {
        self.start()?;
        let mut attempt = || self.ahead.take(buf);
        if nonblocking {
            return attempt().unwrap_or(Err(Errno::Again));
        }
        process.wait(&[&self.ahead.readers], None, attempt)?.expect("there is no deadline")
    }

    fn ready(&self) -> Ready {
        // Where no thread can be started the read will say so.
        if self.start().is_err() {
            return Ready(Ready::IN | Ready::ERR);
        }
        let state = self.ahead.lock();
        let data = if state.bytes.is_empty() { 0 } else { Ready::IN };
        Ready(data | if state.end.is_some() { Ready::IN | Ready::HUP } else { 0 })
    }

    fn queue(&self) -> &WaitQueue {
        &self.ahead.readers
    }

    fn available(&self) -> u64 {
        self.ahead.lock().bytes.len() as u64
    }
}

/// Bytes that were read ahead.
#[derive(Default)]
struct Ahead {
    state: Mutex<AheadState>,
    space: Condvar,
    readers: WaitQueue,
}

#[derive(Default)]
struct AheadState {
    bytes: VecDeque<u8>,
    /// The end, or the error that was met there.
    end: Option<Result<()>>,
    abandoned: bool,
}

impl Ahead {
    fn lock(&self) -> MutexGuard<'_, AheadState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, buf: &mut [u8]) -> Option<Result<usize>> {
        let mut state = self.lock();
        if state.bytes.is_empty() {
            return state.end.map(|end| end.map(|()| 0));
        }
        let len = state.bytes.read(buf).unwrap_or(0);
        self.space.notify_all();
        Some(Ok(len))
    }

    /// Reads until the end, or until nobody wants it any more.
    fn fill(&self, mut reader: Box<dyn Read + Send>) {
        let mut chunk = vec![0; AHEAD];
        loop {
            let read = reader.read(&mut chunk);
            let mut state = self.lock();
            let ended = match read {
                Ok(0) => Some(Ok(())),
                Ok(len) => {
                    while !state.abandoned && state.bytes.len() + len > AHEAD {
                        state = self.space.wait(state).unwrap_or_else(PoisonError::into_inner);
                    }
                    state.bytes.extend(&chunk[..len]);
                    None
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
                Err(error) => Some(Err(errno(error))),
            };
            state.end = ended;
            let is_over = ended.is_some() || state.abandoned;
            drop(state);
            self.readers.wake_all();
            if is_over {
                return;
            }
        }
    }
}

struct HostOutput {
    target: Target,
    left: Option<Arc<AtomicU64>>,
}

enum Target {
    Null,
    Stdout,
    Stderr,
    Writer(Mutex<Box<dyn Write + Send>>),
}

impl HostOutput {
    /// How much of `len` may still be written; [`Errno::FBig`] where that is nothing.
    fn allowed(&self, len: usize) -> Result<usize> {
        let Some(left) = &self.left else { return Ok(len) };
        let take = |left: u64| (left > 0 || len == 0).then(|| left.saturating_sub(len as u64));
        let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).map_err(|_| Errno::FBig)?;
        Ok(len.min(usize::try_from(before).unwrap_or(usize::MAX)))
    }
}

impl Stream for HostOutput {
    fn write(&self, process: &Process, buf: &[u8], _: bool) -> Result<usize> {
        let buf = &buf[..self.allowed(buf.len())?];
        let written = process.out_of_reach(|| match &self.target {
            Target::Null => Ok(buf.len()),
            Target::Stdout => stdio::write_stdout(buf),
            Target::Stderr => stdio::write_stderr(buf),
            Target::Writer(writer) => {
                let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
                let len = writer.write(buf)?;
                // What a program has written is there, as on a descriptor: its prompt may have no line end.
                writer.flush()?;
                Ok(len)
            }
        })?;
        written.map_err(errno)
    }

    /// How much a writer takes is not known beforehand.
    fn ready(&self) -> Ready {
        Ready(Ready::OUT)
    }

    fn queue(&self) -> &WaitQueue {
        &NOBODY
    }

    fn attr(&self) -> Attr {
        host_attr(self.is_host_terminal())
    }

    fn is_host_terminal(&self) -> bool {
        match &self.target {
            Target::Stdout => io::stdout().is_terminal(),
            Target::Stderr => io::stderr().is_terminal(),
            Target::Null | Target::Writer(_) => false,
        }
    }
}

fn errno(error: io::Error) -> Errno {
    Errno::from(&error)
}
