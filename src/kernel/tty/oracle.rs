//! The same keys into a terminal of ours and into one of the host's kernel: both have to show and to read the same.

use std::io::ErrorKind;

use super::discipline::{Discipline, Reading};
use super::termios::{Termios, cc, input, local, output};
use crate::sys::host_pty::HostPty;

/// A terminal of ours and one of the kernel's, side by side.
struct Both {
    ours: Discipline,
    host: HostPty,
    /// What was done, for the message.
    log: Vec<String>,
}

impl Both {
    /// None where the host has no such terminals: the reason is printed.
    #[allow(clippy::disallowed_macros)]
    fn open(termios: Termios) -> Option<Both> {
        let mut ours = Discipline::default();
        ours.set_termios(termios);
        match HostPty::open(&termios.to_bytes()) {
            Ok(host) => Some(Both { ours, host, log: vec![format!("{termios:x?}")] }),
            Err(error) => {
                println!("skipped: no terminal of the kernel: {error}");
                None
            }
        }
    }

    #[track_caller]
    fn compare<T: PartialEq + std::fmt::Debug>(&self, what: &str, ours: T, host: T) {
        assert!(ours == host, "{what}: ours {ours:x?}, the kernel's {host:x?}\n{}", self.log.join("\n"));
    }

    #[track_caller]
    fn input(&mut self, bytes: &[u8]) {
        self.log.push(format!("input {}", bytes.escape_ascii()));
        let typed = self.host.input(bytes).unwrap();
        assert_eq!(typed, bytes.len());
        self.ours.receive(bytes, &mut Vec::new());
    }

    /// What is shown since the last time.
    #[track_caller]
    fn shown(&mut self) {
        let mut buf = vec![0; 64 << 10];
        let len = self.ours.take_output(&mut buf);
        buf.truncate(len);
        let host = self.host.output().unwrap();
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        self.compare("shown", text(&buf), text(&host));
    }

    #[track_caller]
    fn read(&mut self, len: usize) -> Option<Vec<u8>> {
        self.log.push(format!("read {len}"));
        let mut buf = vec![0; len];
        let ours = match self.ours.read(&mut buf) {
            None if matches!(self.ours.reading(), Reading::Within(time) if time.is_zero()) => Some(Vec::new()),
            None => None,
            Some(len) => Some(buf[..len].to_vec()),
        };
        let mut buf = vec![0; len];
        let host = match self.host.read(&mut buf) {
            Ok(len) => Some(buf[..len].to_vec()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        };
        self.compare("read", ours.clone(), host);
        ours
    }

    /// Reads while there is something. What was typed is seen by the kernel before the next step only where nothing could
    /// be read before.
    #[track_caller]
    fn drain(&mut self, len: usize) {
        while self.ours.has_input() {
            self.read(len);
        }
    }

    #[track_caller]
    fn write(&mut self, bytes: &[u8]) {
        self.log.push(format!("write {}", bytes.escape_ascii()));
        let ours = self.ours.write(bytes);
        let host = match self.host.write(bytes) {
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => panic!("{error}"),
        };
        self.compare("written", ours, host);
    }

    #[track_caller]
    fn set(&mut self, termios: Termios) {
        self.log.push(format!("{termios:x?}"));
        self.ours.set_termios(termios);
        self.host.set(&termios.to_bytes()).unwrap();
        let set = self.host.termios().unwrap();
        self.compare("set", self.ours.termios().to_bytes()[..36].to_vec(), set[..36].to_vec());
    }

    #[track_caller]
    fn readiness(&mut self) {
        let (readable, pending) = (self.host.is_readable().unwrap(), self.host.pending().unwrap());
        self.compare("readable", self.ours.is_readable(), readable);
        self.compare("pending", self.ours.pending() as u64, pending);
    }
}

fn without(flags: u32) -> Termios {
    let termios = Termios::default();
    Termios { lflag: termios.lflag & !flags, ..termios }
}

#[test]
fn edited_lines_are_those_of_the_kernel() {
    let lines: &[&[u8]] = &[
        b"plain\n",
        b"a\tb\tc\x7f\x7f\x7f\x7f\x7f\x7f\n",
        b"ab\x01\x02\x7f\x7f\x7f\x7f\x7fx\r",
        "gr\u{fc}n\u{20ac}\u{1f600}\x7f\x7f\x7fx\n".as_bytes(),
        b"one two  three_4 ++ \x17\x17five\x17\n",
        "eins z\u{fc}ge\x17\x17\x17\n".as_bytes(),
        b"to be killed\x15kept\n",
        b"\x16\x03\x16\x7f\x16\n\x7f\x7fx\x16\x16\n",
        b"shown again\x12 here\n",
        b"no end\x04and\x04\n\x04",
        b"\x04\x04",
        b"\x80\x81\x7f\x7fabc\x81\x7f\x7f\x7f\n",
        b"a\0b\0\n",
        b"stop\x13ped\x11 on\n",
        b"old\x03new\n",
        b"\x1b[A\x1b[B\x7f\n",
        b"\xff\xfe\n",
    ];
    let modes = [
        Termios::default(),
        without(local::ECHO),
        without(local::ECHOE),
        without(local::ECHOK),
        without(local::ECHOKE),
        without(local::ECHOCTL),
        without(local::IEXTEN),
        without(local::ISIG),
        Termios { lflag: without(local::ECHO).lflag | local::ECHONL, ..Termios::default() },
        Termios { lflag: Termios::default().lflag | local::ECHOPRT, ..Termios::default() },
        Termios { lflag: Termios::default().lflag | local::NOFLSH, ..Termios::default() },
        Termios { iflag: input::IXON | input::IXANY | input::IGNCR, ..Termios::default() },
        Termios { iflag: input::INLCR | input::ISTRIP, ..Termios::default() },
        Termios { iflag: input::PARMRK | input::IUTF8, ..Termios::default() },
        Termios { oflag: 0, ..Termios::default() },
        Termios { oflag: output::OPOST | output::XTABS | output::ONLCR, ..Termios::default() },
        Termios { oflag: output::OPOST | output::OCRNL | output::ONLRET, ..Termios::default() },
        Termios { oflag: output::OPOST | output::ONOCR, ..Termios::default() },
    ];
    for termios in modes {
        for (line, size) in lines.iter().flat_map(|line| [(line, 4096), (line, 3)]) {
            let Some(mut both) = Both::open(termios) else { return };
            for &byte in *line {
                both.input(&[byte]);
                both.readiness();
                both.shown();
                both.drain(size);
            }
            both.write(b"\tout\x08put\n\r\r\tx\n");
            both.shown();
        }
    }
}

#[test]
fn random_sessions_are_those_of_the_kernel() {
    // No session has both stops and signals: the kernel (6.18) shows rubbish where a signal drops echoes that wait.
    let alphabets: [&[u8]; 2] = [
        b"ab_ .\t\n\r\x7f\x7f\x15\x17\x16\x12\x04\x03\x1a\x1c\x11\x01\x1b\xc3\xbc\xe2\x82\xac\xff\0",
        b"ab_ .\t\n\r\x7f\x7f\x15\x17\x16\x12\x04\x13\x11\x11\x01\x1b\xc3\xbc\xe2\x82\xac\xff\0",
    ];
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..600 {
        let Some(mut both) = Both::open(some_termios(&mut random)) else { return };
        let alphabet = alphabets[random.usize(..2)];
        for _ in 0..random.usize(1..60) {
            match random.u8(0..20) {
                0 => both.set(some_termios(&mut random)),
                1 => both.write(b"\tw\x08r\n\r\xc3\xbc\r\n"),
                _ => both.input(&[alphabet[random.usize(..alphabet.len())]]),
            }
            both.readiness();
            both.drain(random.usize(1..12));
            both.shown();
        }
    }
}

/// A terminal that is set somehow.
fn some_termios(random: &mut fastrand::Rng) -> Termios {
    let mut termios = Termios::default();
    // Not those that take bytes above 127 for letters of Latin-1 in the kernel.
    let flags = |random: &mut fastrand::Rng, word: u32, of: &[u32]| {
        of.iter().fold(word, |word, flag| if random.u8(0..5) == 0 { word ^ flag } else { word })
    };
    let iflags = [input::PARMRK, input::ISTRIP, input::INLCR, input::IGNCR, input::ICRNL, input::IXON, input::IXANY];
    termios.iflag = flags(random, termios.iflag, &iflags);
    termios.iflag = flags(random, termios.iflag, &[input::IUTF8]);
    let oflags = [output::OPOST, output::ONLCR, output::OCRNL, output::ONOCR, output::ONLRET, output::XTABS];
    termios.oflag = flags(random, termios.oflag, &oflags);
    let lflags = [
        local::ISIG,
        local::ICANON,
        local::ECHO,
        local::ECHOE,
        local::ECHOK,
        local::ECHONL,
        local::NOFLSH,
        local::ECHOCTL,
        local::ECHOPRT,
        local::ECHOKE,
        local::IEXTEN,
    ];
    termios.lflag = flags(random, termios.lflag, &lflags);
    if termios.lflag & local::ECHOCTL == 0 {
        // The kernel (6.18) shows rubbish where VLNEXT ends erasing that is shown.
        termios.lflag &= !local::ECHOPRT;
    }
    if random.u8(0..4) == 0 {
        termios.cc[cc::EOL] = b'.';
        termios.cc[cc::EOL2] = b'_';
    }
    termios.cc[cc::MIN] = random.u8(0..4);
    termios.cc[cc::TIME] = random.u8(0..2);
    termios
}

#[test]
fn lines_that_are_too_long_are_cut_as_by_the_kernel() {
    let Some(mut both) = Both::open(without(local::ECHO)) else { return };
    for _ in 0..3 {
        let text: Vec<u8> = (0..5000).map(|at| b'a' + (at % 26) as u8).collect();
        for part in text.chunks(500) {
            both.input(part);
        }
        both.readiness();
        both.input(b"\x7f\x7fz\n");
        both.drain(1000);
    }
}

#[test]
fn bytes_that_wait_survive_a_change_of_modes_as_in_the_kernel() {
    let raw = without(local::ICANON | local::ECHO);
    let slow = Termios { cc: std::array::from_fn(|at| if at == cc::MIN { 99 } else { raw.cc[at] }), ..raw };
    let Some(mut both) = Both::open(without(local::ECHO)) else { return };
    both.input(b"half a li");
    both.set(slow);
    both.read(4);
    both.input(b"ne\nand\n more");
    both.set(Termios::default());
    both.readiness();
    both.drain(5);
    both.input(b"typed\n");
    both.drain(100);
    both.shown();
}
