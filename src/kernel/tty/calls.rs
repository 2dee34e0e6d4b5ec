//! Calls on terminals: attributes, sizes, sessions, and opening them.

use std::any::Any;
use std::sync::Arc;

use super::master::Master;
use super::state::{PTS, Tty, WindowSize};
use super::terminal::{Apply, Queues, Terminal};
use super::termios::Termios;
use crate::kernel::open_file::{Object, OpenFile, Stream, flags};
use crate::kernel::process::Pid;
use crate::kernel::task::Task;
use crate::sys;
use crate::vfs::{Device, Errno, Result};

impl Task {
    fn stream(&self, fd: u32) -> Result<&Arc<dyn Stream>> {
        match &self.fds.file(fd)?.object {
            Object::Stream(stream) => Ok(stream),
            _ => Err(Errno::NotTty),
        }
    }

    /// The terminal that `fd` is a side of; [`Errno::NotTty`] where it is none of ours.
    fn tty(&self, fd: u32) -> Result<&Arc<Tty>> {
        self.stream(fd)?.terminal().ok_or(Errno::NotTty)
    }

    /// The terminal of the caller's session that `file` is; [`Errno::NotTty`] for all else.
    pub(in crate::kernel) fn own_terminal(&self, file: &OpenFile) -> Result<Arc<Tty>> {
        let Object::Stream(stream) = &file.object else { return Err(Errno::NotTty) };
        let tty = stream.terminal().ok_or(Errno::NotTty)?;
        tty.owners(&self.process)?;
        Ok(tty.clone())
    }

    /// tcgetattr(3).
    pub fn terminal_attributes(&self, fd: u32) -> Result<Termios> {
        Ok(self.tty(fd)?.termios())
    }

    /// tcsetattr(3).
    pub fn set_terminal_attributes(&self, fd: u32, apply: Apply, termios: Termios) -> Result<()> {
        self.tty(fd)?.set_attributes(&self.process, apply, termios)
    }

    /// The size of the window (`TIOCGWINSZ`): also that of the host's, where it is a stream of the container.
    pub fn terminal_size(&self, fd: u32) -> Result<WindowSize> {
        let stream = self.stream(fd)?;
        match stream.terminal() {
            Some(tty) => Ok(tty.size()),
            None if stream.is_host_terminal() => {
                let size = sys::terminal::size().unwrap_or_default();
                Ok(WindowSize { rows: size.rows, columns: size.columns, ..WindowSize::default() })
            }
            None => Err(Errno::NotTty),
        }
    }

    /// Sets the size of the window (`TIOCSWINSZ`).
    pub fn set_terminal_size(&self, fd: u32, size: WindowSize) -> Result<()> {
        self.tty(fd)?.resize(size);
        Ok(())
    }

    /// The session of a terminal (tcgetsid(3)), and the group in its foreground (tcgetpgrp(3)).
    pub fn terminal_owners(&self, fd: u32) -> Result<(Pid, Pid)> {
        let tty = self.tty(fd)?;
        let stream: &dyn Any = self.stream(fd)?.as_ref();
        // Who has the other side may ask from outside of the session.
        if stream.is::<Master>() { Ok((tty.session(), tty.foreground())) } else { tty.owners(&self.process) }
    }

    /// tcsetpgrp(3).
    pub fn set_terminal_foreground(&self, fd: u32, group: Pid) -> Result<()> {
        self.tty(fd)?.put_in_foreground(&self.process, group)
    }

    /// Makes a terminal that of the caller's session (`TIOCSCTTY`).
    pub fn claim_terminal(&self, fd: u32) -> Result<()> {
        let tty = self.tty(fd)?;
        self.kernel.terminals.claim(&self.process, tty)
    }

    /// tcflush(3).
    pub fn flush_terminal(&self, fd: u32, queues: Queues) -> Result<()> {
        self.tty(fd)?.flush_queues(&self.process, queues)
    }

    /// The name of a terminal (ttyname(3); of a master, ptsname(3)).
    pub fn terminal_name(&self, fd: u32) -> Result<String> {
        Ok(self.tty(fd)?.name())
    }

    /// openpty(3): the master, then the terminal.
    pub fn open_pty(&mut self, status: u32) -> Result<(u32, u32)> {
        let (master, tty) = self.new_pty()?;
        let terminal = self.open_tty(&tty, flags::READ_WRITE | status)?;
        self.insert_pair(OpenFile::stream(master, flags::READ_WRITE | status & flags::NONBLOCK), terminal, status)
    }

    fn new_pty(&self) -> Result<(Master, Arc<Tty>)> {
        let kernel = Arc::downgrade(&self.kernel);
        let tty = self.kernel.terminals.add_pty(kernel)?;
        Ok((Master::new(tty.clone()), tty))
    }

    /// Opens a terminal. It becomes that of a session that has none, if the caller leads it and has not said `NO_CTTY`.
    fn open_tty(&self, tty: &Arc<Tty>, status: u32) -> Result<OpenFile> {
        let terminal = Terminal::open(tty);
        if status & flags::NO_CTTY == 0 {
            // Whoever leads no session, or has a terminal, opens one all the same.
            let _ = self.kernel.terminals.claim(&self.process, tty);
        }
        Ok(OpenFile::stream(terminal, status))
    }

    /// Opens the terminal that a device stands for, by Linux' numbers; none for other devices. The one of the session is
    /// [`Errno::Nxio`] where it has none.
    pub(in crate::kernel) fn open_terminal(&self, device: Device, status: u32) -> Option<Result<OpenFile>> {
        let terminals = &self.kernel.terminals;
        let tty = match (device.major, device.minor) {
            (5, 0) => terminals.of_session(self.kernel.ids(self.process.pid).map_or(0, |ids| ids.session)),
            (5, 1) => terminals.console(),
            (5, 2) => return Some(self.new_pty().map(|(master, _)| OpenFile::stream(master, status))),
            (PTS, minor) => terminals.pty(minor),
            _ => return None,
        };
        Some(tty.ok_or(Errno::Nxio).and_then(|tty| self.open_tty(&tty, status)))
    }
}
