//! Terminals: whether something is one, its size, and raw mode that is always given back.

use std::io;

use crate::sys::{self, Fd, Result, SetWhen, Termios, WinSize};

/// The bits of [`Termios`], and the places in its `cc`, of the running system. Their names are those of termios(3).
#[allow(missing_docs, reason = "the names are those of termios(3)")]
pub mod flag {
    macro_rules! flags {
        ($($name:ident $number:literal)*) => {
            $(
                #[cfg(target_os = "wasi")]
                pub const $name: u32 = $number;
                #[cfg(unix)]
                pub const $name: u32 = libc::$name as u32;
            )*
        };
    }

    macro_rules! places {
        ($($name:ident $number:literal)*) => {
            $(
                #[cfg(target_os = "wasi")]
                pub const $name: usize = $number;
                #[cfg(unix)]
                pub const $name: usize = libc::$name;
            )*
        };
    }

    // iflag
    flags! {
        IGNBRK 0o1 BRKINT 0o2 IGNPAR 0o4 PARMRK 0o10 INPCK 0o20 ISTRIP 0o40 INLCR 0o100 IGNCR 0o200 ICRNL 0o400 IXON 0o2000 IXANY 0o4000 IXOFF 0o10000
        IMAXBEL 0o20000 IUTF8 0o40000
    }
    // oflag
    flags! { OPOST 0o1 ONLCR 0o4 OCRNL 0o10 ONOCR 0o20 ONLRET 0o40 OFILL 0o100 OFDEL 0o200 TAB3 0o14000 }
    // cflag
    flags! { CSIZE 0o60 CS5 0 CS6 0o20 CS7 0o40 CS8 0o60 CSTOPB 0o100 CREAD 0o200 PARENB 0o400 PARODD 0o1000 HUPCL 0o2000 CLOCAL 0o4000 }
    // lflag
    flags! {
        ISIG 0o1 ICANON 0o2 ECHO 0o10 ECHOE 0o20 ECHOK 0o40 ECHONL 0o100 NOFLSH 0o200 TOSTOP 0o400 ECHOCTL 0o1000 ECHOKE 0o4000 IEXTEN 0o100000
    }
    // cc
    places! {
        VINTR 0 VQUIT 1 VERASE 2 VKILL 3 VEOF 4 VTIME 5 VMIN 6 VSTART 8 VSTOP 9 VSUSP 10 VEOL 11 VREPRINT 12 VDISCARD 13 VWERASE 14 VLNEXT 15 VEOL2 16
    }
}

/// Whether `fd` is a terminal. For std's streams and files `std::io::IsTerminal` says the same.
pub fn is_terminal(fd: Fd) -> bool {
    sys::isatty(fd)
}

/// Rows and columns of a terminal. `None` where it is none, or has no size.
pub fn size(fd: Fd) -> Option<WinSize> {
    sys::winsize(fd).ok().filter(|size| size.rows > 0 && size.columns > 0)
}

/// The terminal of this process's session, whatever its streams are; open to read and to write.
pub fn controlling() -> io::Result<std::fs::File> {
    std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty")
}

/// A terminal that gives bytes as they are typed, for as long as this lives.
#[must_use = "the terminal is as before when it is dropped"]
#[derive(Debug)]
pub struct RawMode {
    fd: Fd,
    before: Termios,
}

impl RawMode {
    /// Makes it raw: no echo, no lines, no signals from keys, and nothing is done with what is written.
    pub fn new(fd: Fd) -> Result<RawMode> {
        RawMode::with(fd, Termios::raw)
    }

    /// Changes the settings as `change` says.
    pub fn with(fd: Fd, change: impl FnOnce(Termios) -> Termios) -> Result<RawMode> {
        let before = sys::tcgetattr(fd)?;
        sys::tcsetattr(fd, SetWhen::Drain, &change(before))?;
        Ok(RawMode { fd, before })
    }

    /// The settings before, which come back.
    pub fn before(&self) -> &Termios {
        &self.before
    }

    /// Does something with the terminal as it was before.
    pub fn suspended<T>(&self, work: impl FnOnce() -> T) -> Result<T> {
        let raw = sys::tcgetattr(self.fd)?;
        sys::tcsetattr(self.fd, SetWhen::Drain, &self.before)?;
        let result = work();
        sys::tcsetattr(self.fd, SetWhen::Drain, &raw)?;
        Ok(result)
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // A terminal that is gone needs no settings.
        let _ = sys::tcsetattr(self.fd, SetWhen::Drain, &self.before);
    }
}
