//! The terminal that this process was started in: its size, and raw mode, which is left however this process ends.

use std::io;

use super::terminal_system as system;

/// How many characters a window has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
}

impl Default for Size {
    /// That of a terminal that does not tell.
    fn default() -> Size {
        Size { rows: 24, columns: 80 }
    }
}

/// The size of the window, if a standard stream is a terminal that has one.
pub fn size() -> Option<Size> {
    system::size().filter(|size| size.rows > 0 && size.columns > 0)
}

/// Calls `handler` on a thread of its own: at once, and whenever the window may have another size from now on.
pub fn on_resize(handler: impl FnMut() + Send + 'static) {
    system::on_resize(Box::new(handler));
}

/// Raw mode of the terminal at standard input: each key arrives as it is typed, none is echoed or means anything. There is
/// one at a time.
///
/// Dropped, it puts the terminal back as it was. On Unix another process watches over that, so that it is put back also
/// where this one crashes or is killed; while this one is stopped (SIGTSTP), the terminal is as it was, too. On Windows what
/// is killed cannot put anything back.
pub struct RawMode(system::RawMode);

impl RawMode {
    /// Remembers how the terminal is. Nothing changes before [`enter`](RawMode::enter).
    pub fn prepare() -> io::Result<RawMode> {
        system::RawMode::prepare().map(RawMode)
    }

    /// Makes the terminal raw.
    pub fn enter(&self) -> io::Result<()> {
        self.0.enter()
    }
}

/// Whether the terminal is raw now. What is then written to it needs `\r\n` at the end of a line.
pub fn is_raw() -> bool {
    system::is_raw()
}
