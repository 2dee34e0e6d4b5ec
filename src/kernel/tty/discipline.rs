//! `Discipline`: a terminal as a state machine: keys in, lines or bytes out, and what is shown of both.
//!
//! It neither locks nor waits nor sends anything: whoever drives it does. The rules are those of Linux' `n_tty.c`, and the
//! tests hold it against the kernel's own terminals.
//!
//! ```text
//!   input   |  lines to be read   |  the line being edited  |        raw: all of it is to be read
//!           tail                  edited_from            head
//! ```
//!
//! Positions count from the beginning of time. `ends` holds those of bytes that end a line; the byte is 0 for an end of
//! file, which is not read.

use std::collections::VecDeque;
use std::time::Duration;

use super::output::{Echo, Output, is_control};
use super::termios::{Termios, cc, control, input, local};
use crate::kernel::signal::Signal;

/// How many bytes of input are kept, the line end of an edited line included (`MAX_CANON`, `N_TTY_BUF_SIZE`).
pub(super) const INPUT_MAX: usize = 4096;

/// When a read is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// With a line.
    Line,
    /// With `least` bytes. With a `pause`, also that long after the last byte.
    Bytes {
        /// `VMIN`, at least 1.
        least: usize,
        /// `VTIME` between bytes.
        pause: Option<Duration>,
    },
    /// With the first byte, or after this time without any (`VMIN` is 0).
    Within(Duration),
}

/// A terminal's line discipline.
///
/// Bytes above 127 are parts of characters: `IUCLC` and `OLCUC` leave them alone, and words are made of them. (Linux takes
/// them for Latin-1 there.)
#[derive(Debug, Default)]
pub struct Discipline {
    termios: Termios,
    input: VecDeque<u8>,
    tail: u64,
    edited_from: u64,
    ends: VecDeque<u64>,
    /// The next byte is taken as it is.
    is_quoted: bool,
    /// Erased characters are being shown between `\` and `/` (`ECHOPRT`).
    is_erasing: bool,
    output: Output,
}

impl Discipline {
    /// How the terminal behaves.
    pub fn termios(&self) -> &Termios {
        &self.termios
    }

    /// Sets how it behaves. Where editing of lines begins, what was not read becomes a line; where it ends, it all can be read.
    pub fn set_termios(&mut self, termios: Termios) {
        let old = std::mem::replace(&mut self.termios, termios);
        // Bytes have eight bits here, and no parity.
        self.termios.cflag = termios.cflag & !(control::CSIZE | control::PARENB) | control::CS8 | control::CREAD;
        if (old.lflag ^ termios.lflag) & local::ICANON != 0 {
            self.ends.clear();
            self.edited_from = self.tail;
            if self.is_canonical() && !self.input.is_empty() {
                self.edited_from = self.head();
                self.ends.push_back(self.head() - 1);
            }
            (self.is_erasing, self.is_quoted) = (false, false);
        }
        if old.is_input(input::IXON) && !termios.is_input(input::IXON) {
            self.restart();
        }
    }

    fn is_canonical(&self) -> bool {
        self.termios.is_local(local::ICANON)
    }

    fn is_local(&self, flag: u32) -> bool {
        self.termios.is_local(flag)
    }

    fn is_input(&self, flag: u32) -> bool {
        self.termios.is_input(flag)
    }

    fn head(&self) -> u64 {
        self.tail + self.input.len() as u64
    }

    // What comes in.

    /// Takes what was typed, and returns how much of it there was room for. Signals to be sent to the foreground group are
    /// added to `signals`.
    pub fn receive(&mut self, bytes: &[u8], signals: &mut Vec<Signal>) -> usize {
        let mut rest = bytes;
        while let Some((&byte, behind)) = rest.split_first() {
            if !self.make_room() {
                // A signal throws away all that was typed before it: it need not wait until that was read.
                match rest.iter().position(|&byte| self.flushing_signal(byte).is_some()) {
                    Some(at) => {
                        self.flush_input();
                        rest = &rest[at..];
                        continue;
                    }
                    None => break,
                }
            }
            self.receive_byte(byte, signals);
            rest = behind;
        }
        self.output.show_echoes(&self.termios);
        bytes.len() - rest.len()
    }

    /// Whether a byte more can be taken. What is too much for a line is dropped, so that it can still be ended.
    fn make_room(&mut self) -> bool {
        let room = INPUT_MAX.saturating_sub(self.input.len());
        // Each byte can become two.
        let room = if self.is_input(input::PARMRK) { room.div_ceil(3) } else { room };
        if room > 1 {
            return true;
        }
        if !self.is_canonical() || self.edited_from != self.tail {
            return false;
        }
        if room == 0 {
            self.input.pop_back();
        }
        true
    }

    /// The signal of a control character that also empties the terminal.
    fn flushing_signal(&self, byte: u8) -> Option<Signal> {
        if self.is_local(local::NOFLSH) { None } else { self.signal(byte) }
    }

    /// The signal of a control character.
    fn signal(&self, byte: u8) -> Option<Signal> {
        if !self.is_local(local::ISIG) {
            return None;
        }
        let all = [(cc::INTR, Signal::INT), (cc::QUIT, Signal::QUIT), (cc::SUSP, Signal::TSTP)];
        all.into_iter().find(|&(index, _)| self.termios.is_cc(byte, index)).map(|(_, signal)| signal)
    }

    fn receive_byte(&mut self, byte: u8, signals: &mut Vec<Signal>) {
        let mut byte = byte;
        if self.is_input(input::ISTRIP) {
            byte &= 0x7f;
        }
        if self.is_input(input::IUCLC) && self.is_local(local::IEXTEN) {
            byte = byte.to_ascii_lowercase();
        }
        if std::mem::take(&mut self.is_quoted) {
            self.restart_at_any();
            return self.receive_plain(byte, Echoed::AsTyped);
        }
        if self.is_input(input::IXON) {
            if self.termios.is_cc(byte, cc::START) {
                return self.restart();
            }
            if self.termios.is_cc(byte, cc::STOP) {
                return self.output.set_stopped(true);
            }
        }
        if let Some(signal) = self.signal(byte) {
            return self.receive_signal(byte, signal, signals);
        }
        self.restart_at_any();
        let (byte, echoed) = match byte {
            b'\r' if self.is_input(input::IGNCR) => return,
            b'\r' if self.is_input(input::ICRNL) => (b'\n', Echoed::AsLineEnd),
            b'\n' if self.is_input(input::INLCR) => (b'\r', Echoed::AsTyped),
            byte => (byte, Echoed::AsTyped),
        };
        if !(self.is_canonical() && self.edit(byte)) {
            self.receive_plain(byte, echoed);
        }
    }

    fn receive_signal(&mut self, byte: u8, signal: Signal, signals: &mut Vec<Signal>) {
        signals.push(signal);
        if !self.is_local(local::NOFLSH) {
            self.output.forget_echoes();
            self.output.flush();
            self.flush_input();
        }
        if self.is_input(input::IXON) {
            self.restart();
        }
        if self.is_local(local::ECHO) {
            self.output.echo_typed(&self.termios, byte);
        }
    }

    /// Takes a byte that means itself.
    fn receive_plain(&mut self, byte: u8, echoed: Echoed) {
        if self.is_local(local::ECHO) {
            self.finish_erasing();
            match echoed {
                Echoed::AsLineEnd => self.output.echo(Echo::Byte(byte)),
                Echoed::AsTyped => {
                    self.note_beginning();
                    self.output.echo_typed(&self.termios, byte);
                }
            }
        }
        if byte == 0xff && self.is_input(input::PARMRK) {
            self.input.push_back(byte);
        }
        self.input.push_back(byte);
    }

    /// Remembers in which column the edited line begins, for erasing tabs.
    fn note_beginning(&mut self) {
        if self.edited_from == self.head() {
            self.output.echo(Echo::LineBegins);
        }
    }

    /// Lets output go on with any key, where the terminal is set so.
    fn restart_at_any(&mut self) {
        if self.output.is_stopped() && self.is_input(input::IXON) && self.is_input(input::IXANY) {
            self.restart();
        }
    }

    /// Lets output go on.
    fn restart(&mut self) {
        self.output.set_stopped(false);
        self.output.show_echoes(&self.termios);
    }

    // Editing of lines.

    /// Does what the control characters of edited lines are for; false for all other bytes.
    fn edit(&mut self, byte: u8) -> bool {
        let extended = self.is_local(local::IEXTEN);
        let is = |index| self.termios.is_cc(byte, index);
        if is(cc::ERASE) {
            self.erase(Erase::Character);
        } else if is(cc::KILL) {
            self.kill();
        } else if is(cc::WERASE) && extended {
            self.erase(Erase::Word);
        } else if is(cc::LNEXT) && extended {
            self.quote();
        } else if is(cc::REPRINT) && extended && self.is_local(local::ECHO) {
            self.reprint(byte);
        } else if byte == b'\n' {
            if self.is_local(local::ECHO) || self.is_local(local::ECHONL) {
                self.output.echo(Echo::Byte(b'\n'));
            }
            self.end_line(byte);
        } else if is(cc::EOF) {
            self.end_line(0);
        } else if is(cc::EOL) || is(cc::EOL2) && extended {
            if self.is_local(local::ECHO) {
                self.note_beginning();
                self.output.echo_typed(&self.termios, byte);
            }
            if byte == 0xff && self.is_input(input::PARMRK) {
                self.input.push_back(byte);
            }
            self.end_line(byte);
        } else {
            return false;
        }
        true
    }

    fn end_line(&mut self, byte: u8) {
        self.ends.push_back(self.head());
        self.input.push_back(byte);
        self.edited_from = self.head();
    }

    fn quote(&mut self) {
        self.is_quoted = true;
        if self.is_local(local::ECHO) {
            self.finish_erasing();
            if self.is_local(local::ECHOCTL) {
                self.output.echo(Echo::Byte(b'^'));
                self.output.echo(Echo::Byte(0x08));
            }
        }
    }

    fn reprint(&mut self, byte: u8) {
        self.finish_erasing();
        self.output.echo_typed(&self.termios, byte);
        self.output.echo(Echo::Byte(b'\n'));
        for at in (self.edited_from - self.tail) as usize..self.input.len() {
            self.output.echo_typed(&self.termios, self.input[at]);
        }
    }

    fn kill(&mut self) {
        let is_shown = self.is_local(local::ECHO);
        let is_erased = [local::ECHOK, local::ECHOKE, local::ECHOE].into_iter().all(|flag| self.is_local(flag));
        if self.edited_from == self.head() || is_shown && is_erased {
            return self.erase(Erase::Line);
        }
        self.input.truncate((self.edited_from - self.tail) as usize);
        if is_shown {
            self.finish_erasing();
            self.output.echo_typed(&self.termios, self.termios.cc[cc::KILL]);
            if self.is_local(local::ECHOK) {
                self.output.echo(Echo::Byte(b'\n'));
            }
        }
    }

    fn erase(&mut self, what: Erase) {
        if self.edited_from == self.head() {
            return;
        }
        let mut in_word = false;
        while let Some(len) = self.last_character() {
            let first = self.input[self.input.len() - len];
            if what == Erase::Word {
                // The first bytes of characters beyond ASCII count as letters.
                let is_letter = first.is_ascii_alphanumeric() || first == b'_' || first >= 0xc0;
                if in_word && !is_letter {
                    break;
                }
                in_word |= is_letter;
            }
            let erased = self.input.split_off(self.input.len() - len);
            if self.is_local(local::ECHO) {
                self.show_erased(what, erased.into());
            }
            if what == Erase::Character {
                break;
            }
        }
        if self.edited_from == self.head() && self.is_local(local::ECHO) {
            self.finish_erasing();
        }
    }

    /// How many bytes the last character of the edited line has; none where there is no whole one.
    fn last_character(&self) -> Option<usize> {
        let line = self.input.range((self.edited_from - self.tail) as usize..);
        line.rev().position(|&byte| !self.termios.continues(byte)).map(|before| before + 1)
    }

    fn show_erased(&mut self, what: Erase, erased: Vec<u8>) {
        let first = erased[0];
        if self.is_local(local::ECHOPRT) {
            if !std::mem::replace(&mut self.is_erasing, true) {
                self.output.echo(Echo::Byte(b'\\'));
            }
            self.output.echo_typed(&self.termios, first);
            for &byte in &erased[1..] {
                self.output.echo(Echo::Byte(byte));
                self.output.echo(Echo::Back);
            }
        } else if what == Erase::Character && !self.is_local(local::ECHOE) {
            self.output.echo_typed(&self.termios, self.termios.cc[cc::ERASE]);
        } else if first == b'\t' {
            let (columns, after_tab) = self.columns_before();
            self.output.echo(Echo::EraseTab { columns, after_tab });
        } else {
            let columns = match is_control(first) {
                true if self.is_local(local::ECHOCTL) => 2,
                true => 0,
                false => 1,
            };
            for byte in std::iter::repeat_n(*b"\x08 \x08", columns).flatten() {
                self.output.echo(Echo::Byte(byte));
            }
        }
    }

    /// How many columns the end of the edited line takes, modulo 8: since its last tab if there is one, else all of it.
    fn columns_before(&self) -> (u8, bool) {
        let mut columns = 0;
        for &byte in self.input.range((self.edited_from - self.tail) as usize..).rev() {
            if byte == b'\t' {
                return ((columns % 8) as u8, true);
            }
            columns += match is_control(byte) {
                true if self.is_local(local::ECHOCTL) => 2,
                true => 0,
                false => usize::from(!self.termios.continues(byte)),
            };
        }
        ((columns % 8) as u8, false)
    }

    fn finish_erasing(&mut self) {
        if std::mem::take(&mut self.is_erasing) {
            self.output.echo(Echo::Byte(b'/'));
        }
    }

    // What is read.

    /// When a read is done.
    pub fn reading(&self) -> Reading {
        let time = Duration::from_millis(u64::from(self.termios.cc[cc::TIME]) * 100);
        match usize::from(self.termios.cc[cc::MIN]) {
            _ if self.is_canonical() => Reading::Line,
            0 => Reading::Within(time),
            least => Reading::Bytes { least, pause: (!time.is_zero()).then_some(time) },
        }
    }

    /// Whether anything can be read.
    pub fn has_input(&self) -> bool {
        if self.is_canonical() { self.edited_from != self.tail } else { !self.input.is_empty() }
    }

    /// Whether poll(2) calls it readable: with as many bytes as a read waits for where no time limits the wait.
    pub fn is_readable(&self) -> bool {
        match self.reading() {
            Reading::Bytes { least, pause: None } => self.input.len() >= least,
            _ => self.has_input(),
        }
    }

    /// How many bytes can be read, ends of files left out (`FIONREAD`).
    pub fn pending(&self) -> usize {
        if !self.is_canonical() {
            return self.input.len();
        }
        let all = (self.edited_from - self.tail) as usize;
        let is_end_of_file = |&&end: &&u64| self.input[(end - self.tail) as usize] == 0;
        all - self.ends.iter().filter(is_end_of_file).count()
    }

    /// Reads a line, or the bytes that are there. Nothing where there is none of either; 0 bytes at an end of file.
    pub fn read(&mut self, buf: &mut [u8]) -> Option<usize> {
        if !self.has_input() {
            return None;
        }
        if !self.is_canonical() {
            return Some(self.take(buf, self.input.len()));
        }
        let end = *self.ends.front()?;
        let last = (end - self.tail) as usize;
        let is_end_of_file = self.input[last] == 0;
        let text = if is_end_of_file { last } else { last + 1 };
        let taken = self.take(buf, text);
        if is_end_of_file && taken == text {
            // It goes with the text before it, also where that has filled the buffer: no second read sees it.
            self.input.pop_front();
            self.tail += 1;
        }
        if end < self.tail {
            self.ends.pop_front();
        }
        Some(taken)
    }

    fn take(&mut self, buf: &mut [u8], most: usize) -> usize {
        let len = buf.len().min(most);
        for (to, from) in buf.iter_mut().zip(self.input.drain(..len)) {
            *to = from;
        }
        self.tail += len as u64;
        len
    }

    /// Drops all input.
    pub fn flush_input(&mut self) {
        self.tail = self.head();
        self.edited_from = self.tail;
        self.input.clear();
        self.ends.clear();
        self.is_erasing = false;
    }

    // What goes out.

    /// Takes what a process writes, and returns how much of it there was room for.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        self.output.write(&self.termios, bytes)
    }

    /// How many bytes can be written; none while output is stopped.
    pub fn room(&self) -> usize {
        self.output.room()
    }

    /// How many bytes are on their way out.
    pub fn outgoing(&self) -> usize {
        self.output.len()
    }

    /// Takes what is to be shown.
    pub fn take_output(&mut self, buf: &mut [u8]) -> usize {
        let len = self.output.take(buf);
        self.output.show_echoes(&self.termios);
        len
    }

    /// Drops what is on its way out.
    pub fn flush_output(&mut self) {
        self.output.flush();
    }
}

/// How a byte that means itself is echoed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Echoed {
    AsTyped,
    AsLineEnd,
}

/// What is erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Erase {
    Character,
    Word,
    Line,
}
