//! From bytes of a terminal to keys.

use std::time::Duration;

use cowbox_guest::signal;
use cowbox_guest::sys::{self, Errno, Fd, PollEvents, PollFd};

use crate::exec::traps;

/// How long a terminal may take between the bytes of one key.
const PAUSE: Duration = Duration::from_millis(60);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    Character(char),
    /// With the control key; the letter in lower case.
    Control(char),
    /// With the meta key, or behind an escape.
    Meta(char),
    Enter,
    Tab,
    Backspace,
    Delete,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    WordLeft,
    WordRight,
    MetaBackspace,
    /// Text that was pasted as a whole.
    Paste(String),
    /// The window has another size.
    Resize,
    Interrupt,
    /// There is nothing more to come.
    Closed,
    Unknown,
}

pub struct Keys {
    fd: Fd,
    waiting: std::collections::VecDeque<u8>,
}

impl Keys {
    pub fn new(fd: Fd) -> Keys {
        Keys { fd, waiting: std::collections::VecDeque::new() }
    }

    pub fn next(&mut self) -> Key {
        let byte = match self.byte(None) {
            Ok(Some(byte)) => byte,
            Ok(None) => return Key::Closed,
            Err(key) => return key,
        };
        match byte {
            b'\r' | b'\n' => Key::Enter,
            b'\t' => Key::Tab,
            0x7f | 0x08 => Key::Backspace,
            0x1b => self.escape(),
            0 => Key::Control('@'),
            0x01..=0x1a => Key::Control(char::from(byte - 1 + b'a')),
            0x1c..=0x1f => Key::Control(char::from(byte + 0x40)),
            0x20..=0x7e => Key::Character(char::from(byte)),
            byte => self.multibyte(byte),
        }
    }

    /// Whether more has been typed already.
    pub fn more(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The next byte. Nothing at the end, or where none came in time.
    fn byte(&mut self, timeout: Option<Duration>) -> Result<Option<u8>, Key> {
        if let Some(byte) = self.waiting.pop_front() {
            return Ok(Some(byte));
        }
        if timeout.is_some() {
            let mut list = [PollFd::new(self.fd, PollEvents::IN)];
            if !matches!(sys::poll(&mut list, timeout), Ok(ready) if ready > 0) {
                return Ok(None);
            }
        }
        let mut buffer = [0; 256];
        loop {
            match sys::read(self.fd, &mut buffer) {
                Ok(0) => return Ok(None),
                Ok(length) => {
                    self.waiting.extend(&buffer[..length]);
                    return Ok(self.waiting.pop_front());
                }
                Err(Errno::EINTR) => {
                    if traps::take(signal::SIGWINCH) {
                        return Err(Key::Resize);
                    }
                    if traps::any_pending() {
                        return Err(Key::Interrupt);
                    }
                }
                Err(_) => return Ok(None),
            }
        }
    }

    fn soon(&mut self) -> Option<u8> {
        self.byte(Some(PAUSE)).ok().flatten()
    }

    fn multibyte(&mut self, first: u8) -> Key {
        let more = match first {
            0xF0..=0xF7 => 3,
            0xE0..=0xEF => 2,
            0xC0..=0xDF => 1,
            _ => return Key::Unknown,
        };
        let mut bytes = vec![first];
        for _ in 0..more {
            match self.soon() {
                Some(byte) if byte & 0xC0 == 0x80 => bytes.push(byte),
                Some(byte) => {
                    self.waiting.push_front(byte);
                    return Key::Unknown;
                }
                None => return Key::Unknown,
            }
        }
        match std::str::from_utf8(&bytes).ok().and_then(|text| text.chars().next()) {
            Some(c) => Key::Character(c),
            None => Key::Unknown,
        }
    }

    fn escape(&mut self) -> Key {
        match self.soon() {
            None => Key::Unknown,
            Some(b'[') => self.control_sequence(),
            Some(b'O') => match self.soon() {
                Some(b'A') => Key::Up,
                Some(b'B') => Key::Down,
                Some(b'C') => Key::Right,
                Some(b'D') => Key::Left,
                Some(b'H') => Key::Home,
                Some(b'F') => Key::End,
                _ => Key::Unknown,
            },
            Some(0x7f | 0x08) => Key::MetaBackspace,
            Some(byte) if byte < 0x80 => Key::Meta(char::from(byte)),
            Some(_) => Key::Unknown,
        }
    }

    fn control_sequence(&mut self) -> Key {
        let mut parameters = String::new();
        loop {
            let Some(byte) = self.soon() else { return Key::Unknown };
            match byte {
                b'0'..=b'9' | b';' => {
                    if parameters.len() < 32 {
                        parameters.push(char::from(byte));
                    }
                }
                0x20..=0x2f | 0x3a..=0x3f => {}
                _ => {
                    // The second number tells which keys are held: control is 5, meta 3.
                    let held = parameters.split_once(';').map_or("", |(_, held)| held);
                    let words = matches!(held, "5" | "3" | "7");
                    return match (byte, parameters.split(';').next().unwrap_or("")) {
                        (b'A', _) => Key::Up,
                        (b'B', _) => Key::Down,
                        (b'C', _) => {
                            if words {
                                Key::WordRight
                            } else {
                                Key::Right
                            }
                        }
                        (b'D', _) => {
                            if words {
                                Key::WordLeft
                            } else {
                                Key::Left
                            }
                        }
                        (b'H', _) | (b'~', "1" | "7") => Key::Home,
                        (b'F', _) | (b'~', "4" | "8") => Key::End,
                        (b'~', "3") => Key::Delete,
                        (b'~', "200") => self.paste(),
                        _ => Key::Unknown,
                    };
                }
            }
        }
    }

    /// What was pasted, up to the sequence that ends it.
    fn paste(&mut self) -> Key {
        const END: &[u8] = b"\x1b[201~";
        let mut bytes = Vec::new();
        while !bytes.ends_with(END) {
            match self.byte(None) {
                Ok(Some(byte)) => bytes.push(byte),
                Ok(None) => break,
                Err(_) => {}
            }
        }
        let length = bytes.len() - if bytes.ends_with(END) { END.len() } else { 0 };
        let text = crate::text::from_bytes(&bytes[..length]);
        Key::Paste(text.replace("\r\n", "\n").replace('\r', "\n"))
    }
}
