//! clear: empties the terminal's screen. reset: also makes its settings sane.

use std::ffi::OsString;
use std::io::Write;

use cowbox_guest::sys::{self, SetWhen};
use cowbox_guest::term::flag;

pub fn run(name: &str, _arguments: Vec<OsString>) -> i32 {
    if name == "reset" {
        if let Ok(mut termios) = sys::tcgetattr(0) {
            termios.iflag |= flag::ICRNL | flag::IXON;
            termios.oflag |= flag::OPOST | flag::ONLCR;
            termios.lflag |= flag::ISIG | flag::ICANON | flag::ECHO | flag::ECHOE | flag::ECHOK | flag::IEXTEN;
            // What cannot be set stays as it is.
            let _ = sys::tcsetattr(0, SetWhen::Now, &termios);
        }
    }
    // Full reset; or: home, screen, what was scrolled away.
    let sequence: &[u8] = if name == "reset" { b"\x1bc" } else { b"\x1b[H\x1b[2J\x1b[3J" };
    i32::from(std::io::stdout().write_all(sequence).is_err())
}
