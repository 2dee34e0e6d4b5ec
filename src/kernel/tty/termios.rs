//! `Termios`: how a terminal behaves, with the numbers and the layout of Linux' `struct termios2`.

/// The size of a `struct termios2` in memory.
pub const TERMIOS_LEN: usize = 44;

/// Indices of the control characters in [`Termios::cc`].
pub mod cc {
    #![allow(missing_docs)]
    pub const INTR: usize = 0;
    pub const QUIT: usize = 1;
    pub const ERASE: usize = 2;
    pub const KILL: usize = 3;
    pub const EOF: usize = 4;
    pub const TIME: usize = 5;
    pub const MIN: usize = 6;
    pub const START: usize = 8;
    pub const STOP: usize = 9;
    pub const SUSP: usize = 10;
    pub const EOL: usize = 11;
    pub const REPRINT: usize = 12;
    pub const WERASE: usize = 14;
    pub const LNEXT: usize = 15;
    pub const EOL2: usize = 16;
}

/// Flags of [`Termios::iflag`].
pub mod input {
    #![allow(missing_docs)]
    pub const PARMRK: u32 = 0o10;
    pub const ISTRIP: u32 = 0o40;
    pub const INLCR: u32 = 0o100;
    pub const IGNCR: u32 = 0o200;
    pub const ICRNL: u32 = 0o400;
    pub const IUCLC: u32 = 0o1000;
    pub const IXON: u32 = 0o2000;
    pub const IXANY: u32 = 0o4000;
    pub const IUTF8: u32 = 0o40000;
}

/// Flags of [`Termios::oflag`].
pub mod output {
    #![allow(missing_docs)]
    pub const OPOST: u32 = 0o1;
    pub const OLCUC: u32 = 0o2;
    pub const ONLCR: u32 = 0o4;
    pub const OCRNL: u32 = 0o10;
    pub const ONOCR: u32 = 0o20;
    pub const ONLRET: u32 = 0o40;
    pub const TABDLY: u32 = 0o14000;
    /// The value of `TABDLY` that expands tabs to spaces.
    pub const XTABS: u32 = 0o14000;
}

/// Flags of [`Termios::cflag`].
pub mod control {
    #![allow(missing_docs)]
    pub const B38400: u32 = 0o17;
    pub const CSIZE: u32 = 0o60;
    pub const CS8: u32 = 0o60;
    pub const CREAD: u32 = 0o200;
    pub const PARENB: u32 = 0o400;
}

/// Flags of [`Termios::lflag`].
pub mod local {
    #![allow(missing_docs)]
    pub const ISIG: u32 = 0o1;
    pub const ICANON: u32 = 0o2;
    pub const ECHO: u32 = 0o10;
    pub const ECHOE: u32 = 0o20;
    pub const ECHOK: u32 = 0o40;
    pub const ECHONL: u32 = 0o100;
    pub const NOFLSH: u32 = 0o200;
    pub const TOSTOP: u32 = 0o400;
    pub const ECHOCTL: u32 = 0o1000;
    pub const ECHOPRT: u32 = 0o2000;
    pub const ECHOKE: u32 = 0o4000;
    pub const IEXTEN: u32 = 0o100000;
}

/// How a terminal behaves (termios(3)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Termios {
    /// What is done to input: flags of `input`.
    pub iflag: u32,
    /// What is done to output: flags of `output`.
    pub oflag: u32,
    /// The line: flags of `control`, which mean nothing here.
    pub cflag: u32,
    /// Editing, echo and signals: flags of `local`.
    pub lflag: u32,
    /// The line discipline; 0 is the only one.
    pub line: u8,
    /// The control characters, by the indices of `cc`. 0 is none.
    pub cc: [u8; 19],
    /// Bits a second of input.
    pub ispeed: u32,
    /// Bits a second of output.
    pub ospeed: u32,
}

impl Default for Termios {
    /// What a new terminal of Linux has (`tty_std_termios`, pty(7)), and UTF-8.
    fn default() -> Termios {
        let mut termios = Termios {
            iflag: input::ICRNL | input::IXON | input::IUTF8,
            oflag: output::OPOST | output::ONLCR,
            cflag: control::B38400 | control::CS8 | control::CREAD,
            lflag: local::ISIG
                | local::ICANON
                | local::ECHO
                | local::ECHOE
                | local::ECHOK
                | local::ECHOCTL
                | local::ECHOKE
                | local::IEXTEN,
            line: 0,
            cc: [0; 19],
            ispeed: 38400,
            ospeed: 38400,
        };
        let characters = [
            (cc::INTR, 0x03),
            (cc::QUIT, 0x1c),
            (cc::ERASE, 0x7f),
            (cc::KILL, 0x15),
            (cc::EOF, 0x04),
            (cc::MIN, 1),
            (cc::START, 0x11),
            (cc::STOP, 0x13),
            (cc::SUSP, 0x1a),
            (cc::REPRINT, 0x12),
            // VDISCARD, which does nothing on Linux either.
            (13, 0x0f),
            (cc::WERASE, 0x17),
            (cc::LNEXT, 0x16),
        ];
        for (index, character) in characters {
            termios.cc[index] = character;
        }
        termios
    }
}

impl Termios {
    /// Reads a `struct termios2`.
    pub fn from_bytes(bytes: &[u8; TERMIOS_LEN]) -> Termios {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let mut cc = [0; 19];
        cc.copy_from_slice(&bytes[17..36]);
        Termios {
            iflag: word(0),
            oflag: word(4),
            cflag: word(8),
            lflag: word(12),
            line: bytes[16],
            cc,
            ispeed: word(36),
            ospeed: word(40),
        }
    }

    /// The bytes of a `struct termios2`.
    pub fn to_bytes(&self) -> [u8; TERMIOS_LEN] {
        let mut bytes = [0; TERMIOS_LEN];
        for (at, word) in [(0, self.iflag), (4, self.oflag), (8, self.cflag), (12, self.lflag)] {
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        bytes[16] = self.line;
        bytes[17..36].copy_from_slice(&self.cc);
        bytes[36..40].copy_from_slice(&self.ispeed.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.ospeed.to_le_bytes());
        bytes
    }

    /// Whether a flag of [`input`] is set.
    pub(super) fn is_input(&self, flag: u32) -> bool {
        self.iflag & flag != 0
    }

    /// Whether a flag of [`output`] is set.
    pub(super) fn is_output(&self, flag: u32) -> bool {
        self.oflag & flag != 0
    }

    /// Whether a flag of [`local`] is set.
    pub(super) fn is_local(&self, flag: u32) -> bool {
        self.lflag & flag != 0
    }

    /// Whether `byte` is the control character of this index. None of them is 0, which stands for "none".
    pub(super) fn is_cc(&self, byte: u8, index: usize) -> bool {
        byte != 0 && self.cc[index] == byte
    }

    /// Whether `byte` goes on with a character that another byte has begun.
    pub(super) fn continues(&self, byte: u8) -> bool {
        self.is_input(input::IUTF8) && byte & 0xc0 == 0x80
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_that_of_linux() {
        let bytes = Termios::default().to_bytes();
        assert_eq!(bytes[..4], 0o42400u32.to_le_bytes());
        assert_eq!(bytes[12..16], 0o105073u32.to_le_bytes());
        assert_eq!(bytes[16..25], [0, 3, 0x1c, 0x7f, 0x15, 4, 0, 1, 0]);
        assert_eq!(bytes[40..], 38400u32.to_le_bytes());
        assert_eq!(Termios::from_bytes(&bytes), Termios::default());
        let all: [u8; TERMIOS_LEN] = std::array::from_fn(|at| at as u8);
        assert_eq!(Termios::from_bytes(&all).to_bytes(), all);
    }
}
