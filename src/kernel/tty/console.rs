//! `Console`: what connects the terminal of a container with the outside: one thread shows, another types.

use std::io::{self, IsTerminal, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::output::OUTPUT_MAX;
use super::state::{Tty, WindowSize};
use crate::kernel::stdio::{Input, Output};
use crate::kernel::wait::{Sleeper, wait};
use crate::sys::stdio::{self, Ready, Waker};

/// How much is typed at once, so that its echo fits: each byte may be shown as two.
const PIECE: usize = OUTPUT_MAX / 8;

/// How long typing waits for what is shown. A screen that is stuck must not keep keys from interrupting.
const SHOWN_WITHIN: Duration = Duration::from_millis(50);

/// A terminal's connection to the outside. Dropped, it is cut, and the terminal hangs up.
///
/// Where the terminal of this process is what types, its end hangs the container's up. Where nothing can be written any more,
/// it hangs up as well.
pub struct Console {
    shared: Arc<Shared>,
    /// The thread that types, where it can be told to stop.
    typist: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    tty: Arc<Tty>,
    /// Nothing more will be written by processes.
    is_ending: AtomicBool,
    /// What is left is not shown.
    is_cut: AtomicBool,
    has_shown: Mutex<bool>,
    shown: Condvar,
    shower: Arc<Sleeper>,
    typist: Arc<Sleeper>,
    waker: Waker,
}

impl Console {
    /// Connects `tty`.
    pub fn start(tty: &Arc<Tty>, input: Input, output: Output) -> io::Result<Console> {
        let shared = Arc::new(Shared {
            tty: tty.clone(),
            is_ending: AtomicBool::new(false),
            is_cut: AtomicBool::new(false),
            has_shown: Mutex::new(false),
            shown: Condvar::new(),
            shower: Arc::default(),
            typist: Arc::default(),
            waker: Waker::new()?,
        });
        let out: Box<dyn Write + Send> = match output {
            Output::Null => Box::new(io::sink()),
            Output::HostStdout => Box::new(stdio::Stdout),
            Output::HostStderr => Box::new(stdio::Stderr),
            Output::Writer(writer) => writer,
        };
        let console = Console { shared, typist: Mutex::new(None) };
        let shared = console.shared.clone();
        // It ends with the last output, and is not waited for where that is cut: a write to the host cannot be broken off.
        std::thread::Builder::new().name("console".to_owned()).spawn(move || shared.show(out))?;
        console.start_typing(input)?;
        Ok(console)
    }

    fn start_typing(&self, input: Input) -> io::Result<()> {
        let shared = self.shared.clone();
        let thread = std::thread::Builder::new().name("keys".to_owned());
        match input {
            Input::Null => {}
            Input::Host => *lock(&self.typist) = Some(thread.spawn(move || shared.type_host())?),
            // Nothing breaks off a reader: the thread ends with it.
            Input::Reader(reader) => drop(thread.spawn(move || shared.type_reader(reader))?),
        }
        Ok(())
    }

    /// Waits until all is shown that was written. To be called once all processes have ended.
    pub fn finish(&self) {
        self.shared.end();
        let mut has_shown = lock(&self.shared.has_shown);
        while !*has_shown && !self.shared.is_cut.load(Ordering::SeqCst) {
            has_shown = self.shared.shown.wait(has_shown).unwrap_or_else(PoisonError::into_inner);
        }
        drop(has_shown);
        if let Some(typist) = lock(&self.typist).take() {
            // A thread that has panicked types nothing any more.
            let _ = typist.join();
        }
    }

    /// Whether all is shown that was written, or will never be. To be asked once all processes have ended.
    pub fn has_finished(&self) -> bool {
        self.shared.end();
        *lock(&self.shared.has_shown) || self.shared.is_cut.load(Ordering::SeqCst)
    }

    /// The window outside has another size.
    pub fn resize(&self, size: WindowSize) {
        self.shared.tty.resize(size);
    }

    /// Ends [`finish`](Console::finish), though somebody does not take what is written.
    pub fn cut(&self) {
        self.shared.is_cut.store(true, Ordering::SeqCst);
        self.shared.end();
        let _has_shown = lock(&self.shared.has_shown);
        self.shared.shown.notify_all();
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.cut();
        self.shared.tty.hang_up();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::SeqCst)
    }

    fn end(&self) {
        self.is_ending.store(true, Ordering::SeqCst);
        self.shower.wake();
        self.typist.wake();
        self.waker.wake();
    }

    fn show(&self, mut out: Box<dyn Write + Send>) {
        self.shower.adopt();
        let mut buf = vec![0; OUTPUT_MAX];
        let is_cut = || self.is_cut.load(Ordering::SeqCst);
        loop {
            let look = || match self.tty.take_output(&mut buf) {
                Some(len) => Some(len),
                None => self.is_ending().then_some(0),
            };
            let Ok(Some(len @ 1..)) = wait(&self.shower, &[&self.tty.watchers], None, is_cut, look) else { break };
            if out.write_all(&buf[..len]).and_then(|()| out.flush()).is_err() {
                self.tty.hang_up();
                break;
            }
        }
        drop(out);
        *lock(&self.has_shown) = true;
        self.shown.notify_all();
    }

    fn type_host(&self) {
        self.typist.adopt();
        let is_terminal = io::stdin().is_terminal();
        let mut buf = [0; 4096];
        while let Ok(Ready::Input) = self.waker.wait_for_stdin(None) {
            match stdio::read_stdin(&mut buf) {
                Ok(len @ 1..) => self.type_in(&buf[..len]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(_) | Err(_) if is_terminal => return self.tty.hang_up(),
                Ok(_) | Err(_) => return,
            }
        }
    }

    fn type_reader(&self, mut reader: Box<dyn Read + Send>) {
        self.typist.adopt();
        let mut buf = [0; 4096];
        while !self.is_ending() {
            match reader.read(&mut buf) {
                Ok(len @ 1..) => self.type_in(&buf[..len]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => return,
            }
        }
    }

    /// Types all of it, or as much as is wanted, not faster than it can be shown: echo that finds no room is lost.
    fn type_in(&self, bytes: &[u8]) {
        let wait_until = |deadline: Option<Instant>, is_so: &dyn Fn() -> bool| {
            let look = || is_so().then_some(());
            // What came of it is looked at next.
            let _ = wait(&self.typist, &[&self.tty.typists], deadline, || self.is_ending(), look);
        };
        let mut rest = bytes;
        while !rest.is_empty() && !self.is_ending() {
            rest = &rest[self.tty.type_in(&rest[..rest.len().min(PIECE)])..];
            if !rest.is_empty() {
                wait_until(None, &|| self.tty.has_room_to_type());
            }
            wait_until(Some(Instant::now() + SHOWN_WITHIN), &|| self.tty.outgoing() < OUTPUT_MAX / 2);
        }
    }
}
