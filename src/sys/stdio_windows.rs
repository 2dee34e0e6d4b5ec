//! The standard streams, on Windows: a thread that reads standard input when it is asked to.

use std::io::{self, IsTerminal, Read, Write};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::stdio::Ready;
use super::terminal_system;

/// What the reading thread and the waiting ones share. One lock, so no order.
#[derive(Default)]
struct Shared {
    /// From when a chunk is asked for until it is there.
    wanted: bool,
    /// What was read and not yet taken; empty at the end of the input.
    chunk: Option<io::Result<Vec<u8>>>,
    started: bool,
}

static SHARED: OnceLock<(Mutex<Shared>, Condvar)> = OnceLock::new();

fn shared() -> &'static (Mutex<Shared>, Condvar) {
    SHARED.get_or_init(Default::default)
}

fn lock() -> MutexGuard<'static, Shared> {
    shared().0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads one chunk each time it is wanted. It ends with the process: nothing can interrupt a read of a console.
fn read_when_wanted() {
    loop {
        let mut state = lock();
        while !state.wanted {
            state = shared().1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        let chunk = match terminal_system::is_raw() {
            true => terminal_system::read_keys(),
            false => {
                let mut buf = vec![0; 64 << 10];
                io::stdin().lock().read(&mut buf).map(|len| {
                    buf.truncate(len);
                    buf
                })
            }
        };
        let mut state = lock();
        (state.chunk, state.wanted) = (Some(chunk), false);
        drop(state);
        shared().1.notify_all();
    }
}

fn ask(state: &mut Shared) {
    if state.chunk.is_none() && !state.wanted {
        state.wanted = true;
        if !state.started {
            state.started = true;
            std::thread::spawn(read_when_wanted);
        }
        shared().1.notify_all();
    }
}

pub(super) struct Waker(Mutex<bool>);

impl Waker {
    pub(super) fn new() -> io::Result<Waker> {
        Ok(Waker(Mutex::new(false)))
    }

    fn is_woken(&self) -> bool {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wake(&self) {
        let state = lock();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        drop(state);
        shared().1.notify_all();
    }

    pub(super) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = false;
    }

    pub(super) fn wait_for_stdin(&self, timeout: Option<Duration>) -> io::Result<Ready> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = lock();
        loop {
            if self.is_woken() {
                return Ok(Ready::Woken);
            }
            if state.chunk.is_some() {
                return Ok(Ready::Input);
            }
            ask(&mut state);
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            state = match left {
                Some(Duration::ZERO) => return Ok(Ready::TimedOut),
                Some(left) => shared().1.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
                None => shared().1.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

pub(super) fn read_stdin(buf: &mut [u8]) -> io::Result<usize> {
    if buf.is_empty() {
        return Ok(0);
    }
    let mut state = lock();
    loop {
        match state.chunk.take() {
            Some(Ok(mut chunk)) => {
                let len = chunk.len().min(buf.len());
                buf[..len].copy_from_slice(&chunk[..len]);
                chunk.drain(..len);
                if !chunk.is_empty() {
                    state.chunk = Some(Ok(chunk));
                }
                return Ok(len);
            }
            Some(Err(error)) => return Err(error),
            None => {
                ask(&mut state);
                state = shared().1.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

/// Asks for input where there is none yet, so that a later call finds it.
pub(super) fn is_stdin_ready() -> bool {
    let mut state = lock();
    ask(&mut state);
    state.chunk.is_some()
}

pub(super) fn stdin_available() -> Option<u64> {
    match &lock().chunk {
        Some(Ok(chunk)) => Some(chunk.len() as u64),
        _ => None,
    }
}

/// What was written to a console of a character that is not whole yet.
type Unfinished = Mutex<Vec<u8>>;

static OF_STDOUT: Unfinished = Mutex::new(Vec::new());
static OF_STDERR: Unfinished = Mutex::new(Vec::new());

pub(super) fn write_stdout(buf: &[u8]) -> io::Result<usize> {
    write(io::stdout().lock(), &OF_STDOUT, buf)
}

pub(super) fn write_stderr(buf: &[u8]) -> io::Result<usize> {
    write(io::stderr().lock(), &OF_STDERR, buf)
}

fn write(mut out: impl Write + IsTerminal, unfinished: &Unfinished, buf: &[u8]) -> io::Result<usize> {
    let len = match out.is_terminal() {
        true => {
            let text = readable(&mut unfinished.lock().unwrap_or_else(PoisonError::into_inner), buf);
            out.write_all(text.as_bytes())?;
            buf.len()
        }
        false => out.write(buf)?,
    };
    out.flush()?;
    Ok(len)
}

/// The characters that are whole with `bytes`. A console takes nothing else: for what is no Unicode there stands U+FFFD.
fn readable(unfinished: &mut Vec<u8>, bytes: &[u8]) -> String {
    unfinished.extend_from_slice(bytes);
    let all = std::mem::take(unfinished);
    let mut text = String::with_capacity(all.len());
    let mut chunks = all.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        text.push_str(chunk.valid());
        let may_go_on =
            chunks.peek().is_none() && str::from_utf8(chunk.invalid()).is_err_and(|e| e.error_len().is_none());
        if may_go_on {
            unfinished.extend_from_slice(chunk.invalid());
        } else if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_gets_whole_characters() {
        let mut unfinished = Vec::new();
        let mut write = |bytes: &[u8]| readable(&mut unfinished, bytes);
        assert_eq!(write("aü€".as_bytes()), "aü€");
        assert_eq!((write(b"\xe2\x82"), write(b"\xac!")), (String::new(), "€!".into()));
        assert_eq!(write(b"a\xffb\xfe"), "a\u{fffd}b\u{fffd}");
        assert_eq!((write(b"\xe2"), write(b"a"), write(b"")), (String::new(), "\u{fffd}a".into(), String::new()));
    }
}
