//! Terminals in user space.

mod discipline;
#[cfg(test)]
mod oracle;
mod output;
mod termios;

pub use discipline::{Discipline, Reading};
pub use termios::{TERMIOS_LEN, Termios};
