//! What a new process and its parent say to each other on the way, and the wait for the start.

use std::ffi::{c_int, c_ulong};
use std::os::fd::RawFd;

use super::Walk;
use crate::sys::linux::calls::{Outcome, check, prctl};
use crate::sys::linux::channel::{self, DETAIL_MAX, Message, REACHED, READY, WORD_MAX};
use crate::sys::linux::find;
use crate::sys::linux::ids::close_but;
use crate::sys::linux::place::Place;
use crate::sys::linux::script::Step;

impl Walk {
    #[allow(unsafe_code)]
    pub(super) unsafe fn tell(&self, kind: u32, number: u32, fd: RawFd) -> Outcome {
        let message = Message { kind, number, errno: 0, detail_len: 0, detail: [0; DETAIL_MAX] };
        // SAFETY: called between clone and exec.
        unsafe { channel::send(self.channel, &message, fd) }
    }

    /// Asks again to end with the parent, if it shall, after a step that makes the kernel forget it: one that changes ids or
    /// capabilities.
    #[allow(unsafe_code)]
    pub(super) unsafe fn stays_tied(&self, step: &Step) -> Outcome {
        let forgets = match step {
            Step::BecomeRoot { .. } | Step::Identity { .. } | Step::Capabilities { .. } => true,
            Step::Join { kind, .. } => *kind & libc::CLONE_NEWUSER as u64 != 0,
            _ => false,
        };
        match forgets && self.dies_with_parent {
            // SAFETY: as this function's own.
            true => unsafe { self.die_with_parent() },
            false => Ok(()),
        }
    }

    #[allow(unsafe_code)]
    pub(super) unsafe fn die_with_parent(&self) -> Outcome {
        prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as c_ulong)?;
        // SAFETY: system calls on this process and its own buffer.
        unsafe {
            let mut byte = 0_u8;
            let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
            // The end of the channel: the parent went before it was asked to take this process along.
            match libc::recv(self.channel, (&raw mut byte).cast(), 1, flags) {
                0 => libc::_exit(255),
                _ => Ok(()),
            }
        }
    }

    #[allow(unsafe_code)]
    pub(super) unsafe fn sync(&mut self, number: u32) -> Outcome {
        // SAFETY: called between clone and exec; the buffer is this walk's own.
        unsafe {
            self.tell(REACHED, number, -1)?;
            self.hear();
            Ok(())
        }
    }

    /// Waits for a word of the parent, and ends where it is gone.
    #[allow(unsafe_code)]
    pub(super) unsafe fn hear(&mut self) {
        match channel::receive_bytes(self.channel, &mut self.word) {
            Ok((len, fd)) if len > 0 => {
                self.word_len = len;
                self.received = fd.map(Place::of);
            }
            // SAFETY: ends the process without running anything of its memory's owner.
            _ => unsafe { libc::_exit(255) },
        }
    }

    #[allow(unsafe_code)]
    pub(super) unsafe fn wait_for_start(&mut self, socket: RawFd, first: u32, file: Option<RawFd>) -> Outcome {
        // SAFETY: descriptors that are open, and others that nothing needs any more.
        unsafe {
            self.root = -1;
            let file = file.or(self.found.as_ref().map(find::Found::fd));
            close_but(first, [self.channel, socket, file.unwrap_or(socket)])?;
            for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
                libc::signal(signal, ended_by as extern "C" fn(c_int) as libc::sighandler_t);
            }
            self.tell(READY, 0, -1)?;
            self.hear();
            libc::close(self.channel);
            self.channel = -1;
            let connection = loop {
                match check(libc::accept4(socket, std::ptr::null_mut(), std::ptr::null_mut(), libc::SOCK_CLOEXEC)) {
                    Err(libc::EINTR | libc::ECONNABORTED) => {}
                    connection => break connection?,
                }
            };
            libc::close(socket);
            self.channel = connection;
            // Who connects sends the state that hooks read.
            let len = libc::recv(connection, self.word.as_mut_ptr().cast(), WORD_MAX, 0);
            self.word_len = len.max(0) as usize;
            Ok(())
        }
    }
}

/// Ends a process that waits: as the first one of its namespace it would not be ended by signals that it has no handler for.
extern "C" fn ended_by(signal: c_int) {
    // SAFETY: ends the process without running anything of its memory's owner.
    #[allow(unsafe_code)]
    unsafe {
        libc::_exit(128 + signal)
    }
}
