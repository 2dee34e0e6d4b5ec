//! `Master`: the side of a pseudo-terminal that types and looks (pty(7)).

use std::sync::Arc;

use super::state::Tty;
use super::terminal::attr;
use crate::kernel::open_file::{Ready, Stream};
use crate::kernel::process::Process;
use crate::kernel::wait::WaitQueue;
use crate::vfs::{Attr, Errno, Result};

/// The other side of a terminal. Dropped, it hangs up.
pub struct Master {
    tty: Arc<Tty>,
}

impl Master {
    pub(super) fn new(tty: Arc<Tty>) -> Master {
        Master { tty }
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.tty.hang_up();
    }
}

impl Stream for Master {
    /// [`Errno::Io`] once all is read and no process has the terminal open any more.
    fn read(&self, process: &Process, buf: &mut [u8], nonblocking: bool) -> Result<usize> {
        let mut look = || match self.tty.take_output(buf) {
            Some(len) => Some(Ok(len)),
            None => (!self.tty.is_open()).then_some(Err(Errno::Io)),
        };
        match nonblocking {
            true => look().unwrap_or(Err(Errno::Again)),
            false => process.wait(&[&self.tty.watchers], None, look)?.expect("there is no deadline"),
        }
    }

    fn write(&self, process: &Process, buf: &[u8], nonblocking: bool) -> Result<usize> {
        let mut taken = 0;
        while taken < buf.len() {
            let look = || self.tty.has_room_to_type().then_some(());
            let room = match nonblocking {
                true => look().ok_or(Errno::Again),
                false => process.wait(&[&self.tty.typists], None, look).map(|_| ()),
            };
            match room {
                Ok(()) => taken += self.tty.type_in(&buf[taken..]),
                Err(_) if taken > 0 => break,
                Err(errno) => return Err(errno),
            }
        }
        Ok(taken)
    }

    fn ready(&self) -> Ready {
        let mut ready = 0;
        if self.tty.outgoing() > 0 {
            ready |= Ready::IN;
        }
        if self.tty.has_room_to_type() {
            ready |= Ready::OUT;
        }
        if !self.tty.is_open() {
            ready |= Ready::HUP;
        }
        Ready(ready)
    }

    fn queue(&self) -> &WaitQueue {
        &self.tty.watchers
    }

    fn second_queue(&self) -> Option<&WaitQueue> {
        Some(&self.tty.typists)
    }

    fn available(&self) -> u64 {
        self.tty.outgoing() as u64
    }

    fn attr(&self) -> Attr {
        attr(&self.tty)
    }

    fn terminal(&self) -> Option<&Arc<Tty>> {
        Some(&self.tty)
    }
}
