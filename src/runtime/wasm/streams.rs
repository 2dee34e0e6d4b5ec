//! The standard streams of a guest: reads that can be broken off, writes that are passed on as they come.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::control::Control;
use crate::runtime::{Input, Output};
use crate::sys::stdio::{self, Ready};
use crate::vfs::{Errno, Result};

/// How much is read ahead of a guest.
const AHEAD: usize = 64 << 10;

/// A standard stream.
pub(super) enum Stream {
    Input(InputStream),
    Output(OutputStream),
}

impl Stream {
    pub(super) fn is_terminal(&self) -> bool {
        match self {
            Stream::Input(InputStream::Host) => io::stdin().is_terminal(),
            Stream::Output(OutputStream::HostStdout) => io::stdout().is_terminal(),
            Stream::Output(OutputStream::HostStderr) => io::stderr().is_terminal(),
            _ => false,
        }
    }
}

/// Where a guest reads from.
pub(super) enum InputStream {
    Null,
    Host,
    /// Not yet read from: the thread that reads ahead starts with the first read.
    Idle(Box<dyn Read + Send>),
    Ahead(Reading),
}

/// Where a guest writes to.
pub(super) enum OutputStream {
    Null,
    HostStdout,
    HostStderr,
    Writer(Box<dyn Write + Send>),
}

/// What can be read of an input right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Available {
    pub(super) bytes: u64,
    pub(super) ended: bool,
}

impl InputStream {
    pub(super) fn new(input: Input) -> InputStream {
        match input {
            Input::Null => InputStream::Null,
            Input::Host => InputStream::Host,
            Input::Reader(reader) => InputStream::Idle(reader),
        }
    }

    /// Reads what is there into `buf`, which is not empty; 0 at the end. Waits while there is nothing unless
    /// `nonblocking` ([`Errno::Again`]). [`Errno::Intr`] where the guest has to stop.
    pub(super) fn read(&mut self, control: &Arc<Control>, buf: &mut [u8], nonblocking: bool) -> Result<usize> {
        let deadline = nonblocking.then(Instant::now);
        match self {
            InputStream::Null => Ok(0),
            InputStream::Host => {
                let timeout = nonblocking.then_some(std::time::Duration::ZERO);
                match control.stdin_waker()?.wait_for_stdin(timeout).map_err(errno)? {
                    Ready::Input => stdio::read_stdin(buf).map_err(errno),
                    Ready::TimedOut => Err(Errno::Again),
                    Ready::Woken => Err(Errno::Intr),
                }
            }
            InputStream::Idle(_) => {
                self.start(control)?;
                self.read(control, buf, nonblocking)
            }
            InputStream::Ahead(ahead) => match control.wait_for(deadline, || ahead.0.take(buf))? {
                Some(taken) => taken,
                None => Err(Errno::Again),
            },
        }
    }

    /// What can be read without waiting; none where that is nothing.
    pub(super) fn available(&mut self, control: &Arc<Control>) -> Result<Option<Available>> {
        match self {
            InputStream::Null => Ok(Some(Available { bytes: 0, ended: true })),
            InputStream::Host => match control.stdin_waker()?.wait_for_stdin(Some(std::time::Duration::ZERO)) {
                Ok(Ready::Input) => {
                    let bytes = stdio::stdin_available().unwrap_or(1);
                    Ok(Some(Available { bytes, ended: bytes == 0 }))
                }
                Ok(Ready::TimedOut) => Ok(None),
                Ok(Ready::Woken) => Err(Errno::Intr),
                Err(error) => Err(errno(error)),
            },
            InputStream::Idle(_) => {
                self.start(control)?;
                self.available(control)
            }
            InputStream::Ahead(ahead) => Ok(ahead.0.available()),
        }
    }

    fn start(&mut self, control: &Arc<Control>) -> Result<()> {
        if let InputStream::Idle(reader) = std::mem::replace(self, InputStream::Null) {
            let ahead = Arc::new(Ahead { state: Mutex::default(), space: Condvar::new() });
            let (shared, control) = (ahead.clone(), control.clone());
            std::thread::Builder::new()
                .name("stdin".to_owned())
                .spawn(move || shared.fill(reader, &control))
                .map_err(errno)?;
            *self = InputStream::Ahead(Reading(ahead));
        }
        Ok(())
    }
}

/// The guest's end of what is read ahead: dropped, the reading stops.
pub(super) struct Reading(Arc<Ahead>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.lock().abandoned = true;
        self.0.space.notify_all();
    }
}

impl Reading {
    /// Whether a read would not wait.
    pub(super) fn is_ready(&self) -> bool {
        self.0.available().is_some()
    }
}

/// Bytes that were read ahead. Its lock is taken inside of [`Control`]'s, never around it.
struct Ahead {
    state: Mutex<AheadState>,
    space: Condvar,
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

    fn available(&self) -> Option<Available> {
        let state = self.lock();
        let ended = state.end.is_some();
        (ended || !state.bytes.is_empty()).then(|| Available { bytes: state.bytes.len() as u64, ended })
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
    fn fill(&self, mut reader: Box<dyn Read + Send>, control: &Control) {
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
            control.wake();
            if is_over {
                return;
            }
        }
    }
}

impl OutputStream {
    pub(super) fn new(output: Output) -> OutputStream {
        match output {
            Output::Null => OutputStream::Null,
            Output::HostStdout => OutputStream::HostStdout,
            Output::HostStderr => OutputStream::HostStderr,
            Output::Writer(writer) => OutputStream::Writer(writer),
        }
    }

    /// Writes `buf` with one call, and returns how much was taken.
    pub(super) fn write(&mut self, control: &Control, buf: &[u8]) -> Result<usize> {
        let written = match self {
            OutputStream::Null => return Ok(buf.len()),
            OutputStream::HostStdout => control.out_of_reach(|| stdio::write_stdout(buf))?,
            OutputStream::HostStderr => control.out_of_reach(|| stdio::write_stderr(buf))?,
            OutputStream::Writer(writer) => control.out_of_reach(|| {
                let len = writer.write(buf)?;
                // What a program has written is there, as on a descriptor: its prompt may have no line end.
                writer.flush()?;
                Ok(len)
            })?,
        };
        written.map_err(errno)
    }
}

fn errno(error: io::Error) -> Errno {
    Errno::from(&error)
}
