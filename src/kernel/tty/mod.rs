//! Terminals, made in user space: the same ones on every system.
//!
//! A [`Tty`] has two sides. Processes have a [`Terminal`], which reads lines or bytes and writes. On the other side is who
//! types and looks: a [`Master`] that another process holds (pty(7)), or the [`Console`], which is the container's
//! connection to the outside. Between them stands the discipline.
//!
//! Which session a terminal belongs to, and which group of it is in the foreground, the terminal knows itself;
//! [`Terminals`] finds a session's. What else it has to know of processes is behind `Jobs`.

mod calls;
mod console;
mod discipline;
mod jobs;
mod master;
#[cfg(test)]
mod oracle;
mod output;
mod state;
mod terminal;
mod terminals;
mod termios;
#[cfg(test)]
mod tests;

pub use console::Console;
pub use master::Master;
pub use state::{Tty, WindowSize};
pub use terminal::{Apply, Queues, Terminal};
pub use terminals::Terminals;
pub use termios::{TERMIOS_LEN, Termios};
