//! `Output`: what a terminal shows: output processing with its columns, echo, and the bytes on their way out.
//!
//! The rules are those of Linux' `n_tty.c`.

use std::collections::VecDeque;
use std::io::Read;

use super::termios::{Termios, local, output};

/// How many bytes may be on their way out.
pub(super) const OUTPUT_MAX: usize = 16 << 10;
/// How many echoes may wait while the output is stopped or full; older ones are dropped.
const ECHO_MAX: usize = 4096;

/// One thing to echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Echo {
    /// A byte, processed as output is.
    Byte(u8),
    /// A control character, as `^X`.
    Control(u8),
    /// One column fewer: what was echoed belongs to the character before it.
    Back,
    /// The edited line begins in this column.
    LineBegins,
    /// Goes back over a tab. `columns` of other characters stand before it, since another tab or the beginning of the line.
    EraseTab { columns: u8, after_tab: bool },
}

/// The side of a terminal that faces outward.
#[derive(Debug, Default)]
pub(super) struct Output {
    queue: VecDeque<u8>,
    echoes: VecDeque<Echo>,
    column: usize,
    /// Where the edited line begins.
    line_column: usize,
    stopped: bool,
}

pub(super) fn is_control(byte: u8) -> bool {
    byte < 0x20 || byte == 0x7f
}

impl Output {
    /// How many bytes wait to be taken.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// How many bytes can be written now.
    pub(super) fn room(&self) -> usize {
        if self.stopped { 0 } else { OUTPUT_MAX.saturating_sub(self.queue.len()) }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    pub(super) fn set_stopped(&mut self, stopped: bool) {
        self.stopped = stopped;
    }

    /// Takes bytes out, for whoever shows them.
    pub(super) fn take(&mut self, buf: &mut [u8]) -> usize {
        // Reading from memory cannot fail.
        self.queue.read(buf).unwrap_or(0)
    }

    /// Drops what was not taken yet.
    pub(super) fn flush(&mut self) {
        self.queue.clear();
    }

    /// Drops what was not echoed yet.
    pub(super) fn forget_echoes(&mut self) {
        self.echoes.clear();
    }

    /// Writes what a process wrote, and returns how much of it there was room for.
    pub(super) fn write(&mut self, termios: &Termios, bytes: &[u8]) -> usize {
        self.show_echoes(termios);
        if !termios.is_output(output::OPOST) {
            let len = bytes.len().min(self.room());
            self.queue.extend(&bytes[..len]);
            return len;
        }
        bytes.iter().take_while(|&&byte| self.put_processed(termios, byte)).count()
    }

    /// Writes one byte, processed; false where there is no room for all of it.
    fn put_processed(&mut self, termios: &Termios, byte: u8) -> bool {
        let room = self.room();
        if room == 0 {
            return false;
        }
        let is = |flag| termios.is_output(flag);
        let mut byte = byte;
        match byte {
            b'\n' => {
                if is(output::ONLRET) {
                    self.column = 0;
                }
                if is(output::ONLCR) {
                    if room < 2 {
                        return false;
                    }
                    self.queue.push_back(b'\r');
                    self.column = 0;
                }
                self.line_column = self.column;
            }
            b'\r' => {
                if is(output::ONOCR) && self.column == 0 {
                    return true;
                }
                if is(output::OCRNL) {
                    byte = b'\n';
                }
                if !is(output::OCRNL) || is(output::ONLRET) {
                    (self.column, self.line_column) = (0, 0);
                }
            }
            b'\t' => {
                let spaces = 8 - self.column % 8;
                if termios.oflag & output::TABDLY == output::XTABS {
                    if room < spaces {
                        return false;
                    }
                    self.queue.extend(std::iter::repeat_n(b' ', spaces));
                    self.column += spaces;
                    return true;
                }
                self.column += spaces;
            }
            0x08 => self.column = self.column.saturating_sub(1),
            _ if is_control(byte) => {}
            _ => {
                if is(output::OLCUC) {
                    byte = byte.to_ascii_uppercase();
                }
                if !termios.continues(byte) {
                    self.column += 1;
                }
            }
        }
        self.queue.push_back(byte);
        true
    }

    /// Notes something to echo; [`show_echoes`](Output::show_echoes) shows it.
    pub(super) fn echo(&mut self, echo: Echo) {
        if self.echoes.len() == ECHO_MAX {
            self.echoes.pop_front();
        }
        self.echoes.push_back(echo);
    }

    /// Notes a character that was typed, control characters as `^X` where the terminal is set so.
    pub(super) fn echo_typed(&mut self, termios: &Termios, byte: u8) {
        let is_marked = termios.is_local(local::ECHOCTL) && is_control(byte) && byte != b'\t';
        self.echo(if is_marked { Echo::Control(byte) } else { Echo::Byte(byte) });
    }

    /// Shows what is to be echoed, as far as there is room.
    pub(super) fn show_echoes(&mut self, termios: &Termios) {
        while let Some(&echo) = self.echoes.front() {
            if !self.show(termios, echo) {
                return;
            }
            self.echoes.pop_front();
        }
    }

    fn show(&mut self, termios: &Termios, echo: Echo) -> bool {
        match echo {
            Echo::Byte(0xff) => {
                if self.room() == 0 {
                    return false;
                }
                self.queue.push_back(0xff);
                self.column += 1;
            }
            Echo::Byte(byte) if termios.is_output(output::OPOST) => return self.put_processed(termios, byte),
            Echo::Byte(byte) => {
                if self.room() == 0 {
                    return false;
                }
                self.queue.push_back(byte);
            }
            Echo::Control(byte) => {
                if self.room() < 2 {
                    return false;
                }
                self.queue.extend([b'^', byte ^ 0o100]);
                self.column += 2;
            }
            Echo::Back => self.column = self.column.saturating_sub(1),
            Echo::LineBegins => self.line_column = self.column,
            Echo::EraseTab { columns, after_tab } => {
                let before = usize::from(columns) + if after_tab { 0 } else { self.line_column };
                let back = 8 - before % 8;
                if self.room() < back {
                    return false;
                }
                self.queue.extend(std::iter::repeat_n(0x08, back));
                self.column = self.column.saturating_sub(back);
            }
        }
        true
    }
}
