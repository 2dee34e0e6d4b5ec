//! `Terminal`: a terminal as processes have it open.

use std::sync::Arc;
use std::time::Instant;

use super::discipline::Reading;
use super::state::Tty;
use super::termios::Termios;
use crate::kernel::open_file::{Ready, Stream, stream_attr};
use crate::kernel::process::{Pid, Process};
use crate::kernel::signal::Signal;
use crate::kernel::wait::WaitQueue;
use crate::vfs::{Attr, Errno, FileKind, Result};

/// When a change of attributes is made: `TCSANOW` and its like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apply {
    /// At once.
    Now,
    /// Once all that was written is shown.
    Drained,
    /// The same, and what was typed and not read is dropped.
    Flushed,
}

/// Which queues tcflush(3) empties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queues {
    /// What was typed and not read.
    Input,
    /// What was written and not shown.
    Output,
    /// Both.
    Both,
}

/// The side of processes: one for each time it was opened.
pub struct Terminal {
    tty: Arc<Tty>,
}

impl Terminal {
    /// Opens `tty`.
    pub fn open(tty: &Arc<Tty>) -> Terminal {
        tty.opened();
        Terminal { tty: tty.clone() }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tty.closed();
    }
}

impl Stream for Terminal {
    fn read(&self, process: &Process, buf: &mut [u8], nonblocking: bool) -> Result<usize> {
        self.tty.check_foreground(process, Signal::TTIN)?;
        let begun = Instant::now();
        let (least, pause, first) = match self.tty.reading() {
            Reading::Line => (1, None, None),
            Reading::Bytes { least, pause } => (least, pause, None),
            Reading::Within(time) => (1, None, Some(begun + time)),
        };
        let mut taken = 0;
        let mut deadline = first;
        while taken < buf.len() {
            let mut look = || self.tty.try_read(&mut buf[taken..]);
            let read = match nonblocking {
                true => look().map(Ok).or_else(|| first.is_none_or(|end| end > begun).then_some(Err(Errno::Again))),
                false => process.wait(&[&self.tty.readers], deadline, look).transpose(),
            };
            match read {
                Some(Ok(read)) => {
                    taken += read.len;
                    if read.is_whole || taken >= least {
                        break;
                    }
                }
                // Time is over.
                None => break,
                Some(Err(_)) if taken > 0 => break,
                Some(Err(errno)) => return Err(errno),
            }
            deadline = pause.map(|pause| Instant::now() + pause);
        }
        Ok(taken)
    }

    fn write(&self, process: &Process, buf: &[u8], nonblocking: bool) -> Result<usize> {
        if self.tty.stops_writers() {
            self.tty.check_foreground(process, Signal::TTOU)?;
        }
        let mut taken = 0;
        while taken < buf.len() {
            let look = || self.tty.try_write(&buf[taken..]);
            let written = match nonblocking {
                true => look().unwrap_or(Err(Errno::Again)),
                false => process
                    .wait(&[&self.tty.writers], None, look)
                    .and_then(|written| written.expect("there is no deadline")),
            };
            match written {
                Ok(len) => taken += len,
                Err(_) if taken > 0 => break,
                Err(errno) => return Err(errno),
            }
        }
        Ok(taken)
    }

    fn ready(&self) -> Ready {
        let state = self.tty.lock();
        let mut ready = 0;
        if state.discipline.is_readable() {
            ready |= Ready::IN;
        }
        if state.discipline.room() > 0 {
            ready |= Ready::OUT;
        }
        drop(state);
        if self.tty.is_hung_up() {
            ready |= Ready::IN | Ready::OUT | Ready::ERR | Ready::HUP;
        }
        Ready(ready)
    }

    fn queue(&self) -> &WaitQueue {
        &self.tty.readers
    }

    fn second_queue(&self) -> Option<&WaitQueue> {
        Some(&self.tty.writers)
    }

    fn available(&self) -> u64 {
        self.tty.lock().discipline.pending() as u64
    }

    fn attr(&self) -> Attr {
        attr(&self.tty)
    }

    fn terminal(&self) -> Option<&Arc<Tty>> {
        Some(&self.tty)
    }
}

/// What stat(2) tells of a terminal.
pub(super) fn attr(tty: &Tty) -> Attr {
    Attr { rdev: tty.device(), ..stream_attr(FileKind::CharDevice, 0o620) }
}

// What ioctl(2) does.
impl Tty {
    /// Sets how it behaves (tcsetattr(3)).
    pub(super) fn set_attributes(&self, process: &Process, apply: Apply, termios: Termios) -> Result<()> {
        self.check_foreground(process, Signal::TTOU)?;
        if apply != Apply::Now {
            process.wait(&[&self.writers], None, || (self.outgoing() == 0 || self.is_hung_up()).then_some(()))?;
        }
        if self.is_hung_up() {
            return Err(Errno::Io);
        }
        self.set_termios(termios, apply == Apply::Flushed);
        Ok(())
    }

    /// tcflush(3).
    pub(super) fn flush_queues(&self, process: &Process, queues: Queues) -> Result<()> {
        self.check_foreground(process, Signal::TTOU)?;
        self.flush(queues != Queues::Output, queues != Queues::Input);
        Ok(())
    }

    /// The session and the foreground group, for a process of that session; [`Errno::NotTty`] for all others.
    pub(super) fn owners(&self, process: &Process) -> Result<(Pid, Pid)> {
        let ids = self.ids(process)?;
        let (session, foreground) = (self.session(), self.foreground());
        if session == 0 || ids.session != session { Err(Errno::NotTty) } else { Ok((session, foreground)) }
    }

    /// tcsetpgrp(3).
    pub(super) fn put_in_foreground(&self, process: &Process, group: Pid) -> Result<()> {
        let (session, _) = self.owners(process)?;
        self.check_foreground(process, Signal::TTOU)?;
        if group <= 0 {
            return Err(Errno::Inval);
        }
        if !self.jobs().is_some_and(|jobs| jobs.is_group_of(group, session)) {
            return Err(Errno::Perm);
        }
        self.set_foreground(group);
        Ok(())
    }
}
