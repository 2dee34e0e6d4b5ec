//! `Tty`: a terminal's state behind one lock, and what both of its sides do with it without waiting.
//!
//! Signals are sent, and who waits is woken, with the lock released.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::discipline::{Discipline, Reading};
use super::jobs::Jobs;
use super::termios::{Termios, local};
use crate::kernel::process::{Pid, Process};
use crate::kernel::signal::{Disposition, Signal};
use crate::kernel::table::Ids;
use crate::kernel::wait::WaitQueue;
use crate::vfs::{Device, Errno, Result};

/// How many bytes may have been typed that the discipline has no room for yet. A key that is a signal is seen behind as many.
const TYPED_MAX: usize = 256 << 10;

/// The major number of pseudo-terminals.
pub(super) const PTS: u32 = 136;

/// The size of a terminal's window (`struct winsize`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowSize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
    /// Pixels, or 0.
    pub width: u16,
    /// Pixels, or 0.
    pub height: u16,
}

/// A terminal.
pub struct Tty {
    jobs: Weak<dyn Jobs>,
    /// The number below `/dev/pts`; the console has none.
    number: Option<u32>,
    state: Mutex<State>,
    /// Processes that read.
    pub(super) readers: WaitQueue,
    /// Processes that write, or wait until all is shown.
    pub(super) writers: WaitQueue,
    /// Who looks.
    pub(super) watchers: WaitQueue,
    /// Who types.
    pub(super) typists: WaitQueue,
}

pub(super) struct State {
    pub(super) discipline: Discipline,
    typed: VecDeque<u8>,
    size: WindowSize,
    /// The session that it belongs to, or 0.
    session: Pid,
    /// The group in the foreground, or 0.
    foreground: Pid,
    /// How many [`Terminal`](super::Terminal)s there are.
    open: usize,
    hung_up: bool,
    /// How many bytes processes may still write.
    left: Option<u64>,
}

/// To whom a signal goes once the lock is released.
enum Send {
    Group(Pid, Signal),
    Process(Pid, Signal),
}

/// What was read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) len: usize,
    /// A line, or the end: nothing more belongs to the same read.
    pub(super) is_whole: bool,
}

impl Tty {
    /// A terminal that belongs to no session.
    pub(super) fn new(jobs: Weak<dyn Jobs>, number: Option<u32>, size: WindowSize, left: Option<u64>) -> Arc<Tty> {
        let state = State {
            discipline: Discipline::default(),
            typed: VecDeque::new(),
            size,
            session: 0,
            foreground: 0,
            open: 0,
            left,
            hung_up: false,
        };
        Arc::new(Tty {
            jobs,
            number,
            state: Mutex::new(state),
            readers: WaitQueue::default(),
            writers: WaitQueue::default(),
            watchers: WaitQueue::default(),
            typists: WaitQueue::default(),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, then sends and wakes what follows from it: who waits sees the signal before the change.
    fn change<T>(&self, change: impl FnOnce(&mut State, &mut Vec<Send>) -> T) -> T {
        let mut signals = Vec::new();
        let value = change(&mut self.lock(), &mut signals);
        self.send(signals);
        for queue in [&self.readers, &self.writers, &self.watchers, &self.typists] {
            queue.wake_all();
        }
        value
    }

    fn send(&self, signals: Vec<Send>) {
        let Some(jobs) = self.jobs.upgrade() else { return };
        for signal in signals {
            match signal {
                Send::Group(group, signal) if group > 0 => jobs.signal_group(group, signal),
                Send::Process(pid, signal) if pid > 0 => jobs.signal(pid, signal),
                _ => {}
            }
        }
    }

    /// Its name below `/dev`.
    pub fn name(&self) -> String {
        self.number.map_or("/dev/console".to_owned(), |number| format!("/dev/pts/{number}"))
    }

    /// Its number as a device, as on Linux.
    pub fn device(&self) -> Device {
        self.number.map_or(Device { major: 5, minor: 1 }, |minor| Device { major: PTS, minor })
    }

    // The side that types and looks.

    /// Takes what was typed, and returns how much of it there was room for.
    pub fn type_in(&self, bytes: &[u8]) -> usize {
        self.change(|state, signals| {
            if state.hung_up {
                return bytes.len();
            }
            let len = bytes.len().min(TYPED_MAX.saturating_sub(state.typed.len()));
            state.typed.extend(&bytes[..len]);
            state.advance(signals);
            len
        })
    }

    /// Whether something typed would be taken.
    pub(super) fn has_room_to_type(&self) -> bool {
        let state = self.lock();
        state.hung_up || state.typed.len() < TYPED_MAX
    }

    /// Takes what is to be shown; none where that is nothing.
    pub(super) fn take_output(&self, buf: &mut [u8]) -> Option<usize> {
        if self.outgoing() == 0 {
            return None;
        }
        Some(self.change(|state, _| state.discipline.take_output(buf))).filter(|&len| len > 0)
    }

    /// How many bytes are to be shown.
    pub(super) fn outgoing(&self) -> usize {
        self.lock().discipline.outgoing()
    }

    /// The window has another size: the group in the foreground is told.
    pub fn resize(&self, size: WindowSize) {
        self.change(|state, signals| {
            if state.size != size {
                state.size = size;
                signals.push(Send::Group(state.foreground, Signal::WINCH));
            }
        });
    }

    /// The other side is gone: reads meet the end, writes fail, and the session is told.
    pub fn hang_up(&self) {
        let (session, foreground) = {
            let mut state = self.lock();
            (std::mem::take(&mut state.session), std::mem::take(&mut state.foreground))
        };
        // A process that reads has the signal before it meets the end.
        for signal in [Signal::HUP, Signal::CONT] {
            // Whoever leads the session is in the group of its number.
            let leader = if foreground == session { 0 } else { session };
            self.send(vec![Send::Process(leader, signal), Send::Group(foreground, signal)]);
        }
        self.change(|state, _| {
            state.hung_up = true;
            state.typed.clear();
            state.discipline.flush_input();
            state.discipline.flush_output();
        });
    }

    // The side of processes.

    pub(super) fn opened(&self) {
        self.lock().open += 1;
    }

    pub(super) fn closed(&self) {
        self.change(|state, _| state.open -= 1);
    }

    pub(super) fn is_open(&self) -> bool {
        self.lock().open > 0
    }

    pub(super) fn is_hung_up(&self) -> bool {
        self.lock().hung_up
    }

    /// When a read is done.
    pub(super) fn reading(&self) -> Reading {
        self.lock().discipline.reading()
    }

    /// Reads what there is; none where there is nothing.
    pub(super) fn try_read(&self, buf: &mut [u8]) -> Option<Read> {
        {
            let state = self.lock();
            if state.hung_up {
                return Some(Read { len: 0, is_whole: true });
            }
            if !state.discipline.has_input() {
                return None;
            }
        }
        self.change(|state, signals| {
            let is_whole = state.discipline.reading() == Reading::Line;
            let len = state.discipline.read(buf)?;
            state.advance(signals);
            Some(Read { len, is_whole })
        })
    }

    /// Writes as much as there is room for; none where there is none. [`Errno::Io`] where nobody looks any more,
    /// [`Errno::FBig`] where nothing more may be shown.
    pub(super) fn try_write(&self, bytes: &[u8]) -> Option<Result<usize>> {
        {
            let state = self.lock();
            if state.hung_up {
                return Some(Err(Errno::Io));
            }
            if state.left == Some(0) {
                return Some(Err(Errno::FBig));
            }
            if state.discipline.room() == 0 {
                return None;
            }
        }
        let len = self.change(|state, _| {
            let most =
                state.left.map_or(bytes.len(), |left| bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
            let len = state.discipline.write(&bytes[..most]);
            state.left = state.left.map(|left| left - len as u64);
            len
        });
        (len > 0 || bytes.is_empty()).then_some(Ok(len))
    }

    /// How it behaves.
    pub fn termios(&self) -> Termios {
        *self.lock().discipline.termios()
    }

    /// Sets how it behaves; `flush` drops what was typed before.
    pub(super) fn set_termios(&self, termios: Termios, flush: bool) {
        self.change(|state, signals| {
            if flush {
                state.typed.clear();
                state.discipline.flush_input();
            }
            state.discipline.set_termios(termios);
            state.advance(signals);
        });
    }

    /// The size of its window.
    pub fn size(&self) -> WindowSize {
        self.lock().size
    }

    /// Drops what was typed and not read, or what was written and not shown (tcflush(3)).
    pub(super) fn flush(&self, input: bool, output: bool) {
        self.change(|state, _| {
            if input {
                state.typed.clear();
                state.discipline.flush_input();
            }
            if output {
                state.discipline.flush_output();
            }
        });
    }

    // Sessions.

    /// The session that it belongs to, or 0.
    pub fn session(&self) -> Pid {
        self.lock().session
    }

    /// The group in the foreground, or 0.
    pub fn foreground(&self) -> Pid {
        self.lock().foreground
    }

    /// Gives it to a session, with a group in the foreground.
    pub(in crate::kernel) fn give_to(&self, session: Pid, foreground: Pid) {
        let mut state = self.lock();
        (state.session, state.foreground) = (session, foreground);
    }

    pub(in crate::kernel) fn set_foreground(&self, group: Pid) {
        self.lock().foreground = group;
    }

    /// Its session's first process has ended: the group in the foreground is told, and the terminal is free.
    pub(super) fn leader_ended(&self) {
        self.change(|state, signals| {
            for signal in [Signal::HUP, Signal::CONT] {
                signals.push(Send::Group(state.foreground, signal));
            }
            (state.session, state.foreground) = (0, 0);
        });
    }

    pub(super) fn jobs(&self) -> Option<Arc<dyn Jobs>> {
        self.jobs.upgrade()
    }

    /// The numbers of a process.
    pub(super) fn ids(&self, process: &Process) -> Result<Ids> {
        self.jobs.upgrade().and_then(|jobs| jobs.standing(process.pid)).ok_or(Errno::Srch)
    }

    /// Whether the background may not write.
    pub(super) fn stops_writers(&self) -> bool {
        self.lock().discipline.termios().is_local(local::TOSTOP)
    }

    /// Stops a process of the background that wants what only the foreground may: it is sent `signal`, and fails with
    /// [`Errno::Intr`]. [`Errno::Io`] where it could not be stopped.
    pub(super) fn check_foreground(&self, process: &Process, signal: Signal) -> Result<()> {
        let (session, foreground) = {
            let state = self.lock();
            (state.session, state.foreground)
        };
        let Some(jobs) = self.jobs.upgrade() else { return Ok(()) };
        let Some(ids) = jobs.standing(process.pid) else { return Ok(()) };
        if ids.session != session || foreground == 0 || ids.group == foreground {
            return Ok(());
        }
        let is_ignored =
            process.action(signal).disposition == Disposition::Ignore || process.blocked().contains(signal);
        match (is_ignored, signal) {
            (true, Signal::TTIN) => Err(Errno::Io),
            (true, _) => Ok(()),
            (false, _) if jobs.is_orphaned(ids.group) => Err(Errno::Io),
            (false, _) => {
                jobs.signal_group(ids.group, signal);
                Err(Errno::Intr)
            }
        }
    }
}

impl State {
    /// Lets the discipline take what was typed, as far as there is room.
    fn advance(&mut self, signals: &mut Vec<Send>) {
        if self.typed.is_empty() {
            return;
        }
        let mut sent = Vec::new();
        let len = self.discipline.receive(self.typed.make_contiguous(), &mut sent);
        self.typed.drain(..len);
        signals.extend(sent.into_iter().map(|signal| Send::Group(self.foreground, signal)));
    }
}
