//! stty: shows and changes the settings of the terminal that is its standard input.

use std::ffi::OsString;
use std::os::fd::IntoRawFd;

use cowbox_guest::sys::{self, Errno, Fd, SetWhen, Termios};
use cowbox_guest::term::flag;

const USAGE: &str = "stty [-F DEVICE] [-a | -g | SETTING...]";

#[derive(Clone, Copy)]
enum Field {
    Input,
    Output,
    Control,
    Local,
}

/// The name of a bit, where it is, and whether it is set on a sane terminal. None where that does not matter.
const BITS: &[(&str, Field, u32, Option<bool>)] = &[
    ("parenb", Field::Control, flag::PARENB, None),
    ("parodd", Field::Control, flag::PARODD, None),
    ("hupcl", Field::Control, flag::HUPCL, None),
    ("cstopb", Field::Control, flag::CSTOPB, None),
    ("cread", Field::Control, flag::CREAD, Some(true)),
    ("clocal", Field::Control, flag::CLOCAL, None),
    ("ignbrk", Field::Input, flag::IGNBRK, Some(false)),
    ("brkint", Field::Input, flag::BRKINT, Some(true)),
    ("ignpar", Field::Input, flag::IGNPAR, None),
    ("parmrk", Field::Input, flag::PARMRK, None),
    ("inpck", Field::Input, flag::INPCK, None),
    ("istrip", Field::Input, flag::ISTRIP, None),
    ("inlcr", Field::Input, flag::INLCR, Some(false)),
    ("igncr", Field::Input, flag::IGNCR, Some(false)),
    ("icrnl", Field::Input, flag::ICRNL, Some(true)),
    ("ixon", Field::Input, flag::IXON, Some(true)),
    ("ixoff", Field::Input, flag::IXOFF, Some(false)),
    ("ixany", Field::Input, flag::IXANY, Some(false)),
    ("imaxbel", Field::Input, flag::IMAXBEL, Some(true)),
    ("iutf8", Field::Input, flag::IUTF8, None),
    ("opost", Field::Output, flag::OPOST, Some(true)),
    ("ocrnl", Field::Output, flag::OCRNL, Some(false)),
    ("onlcr", Field::Output, flag::ONLCR, Some(true)),
    ("onocr", Field::Output, flag::ONOCR, Some(false)),
    ("onlret", Field::Output, flag::ONLRET, Some(false)),
    ("isig", Field::Local, flag::ISIG, Some(true)),
    ("icanon", Field::Local, flag::ICANON, Some(true)),
    ("iexten", Field::Local, flag::IEXTEN, Some(true)),
    ("echo", Field::Local, flag::ECHO, Some(true)),
    ("echoe", Field::Local, flag::ECHOE, Some(true)),
    ("echok", Field::Local, flag::ECHOK, Some(true)),
    ("echonl", Field::Local, flag::ECHONL, Some(false)),
    ("noflsh", Field::Local, flag::NOFLSH, Some(false)),
    ("tostop", Field::Local, flag::TOSTOP, Some(false)),
    ("echoctl", Field::Local, flag::ECHOCTL, Some(true)),
    ("echoke", Field::Local, flag::ECHOKE, Some(true)),
];

/// The name of a special character, where it is, and what it is on a sane terminal.
const CHARACTERS: &[(&str, usize, u8)] = &[
    ("intr", flag::VINTR, 3),
    ("quit", flag::VQUIT, 28),
    ("erase", flag::VERASE, 127),
    ("kill", flag::VKILL, 21),
    ("eof", flag::VEOF, 4),
    ("eol", flag::VEOL, 0),
    ("eol2", flag::VEOL2, 0),
    ("start", flag::VSTART, 17),
    ("stop", flag::VSTOP, 19),
    ("susp", flag::VSUSP, 26),
    ("rprnt", flag::VREPRINT, 18),
    ("werase", flag::VWERASE, 23),
    ("lnext", flag::VLNEXT, 22),
    ("discard", flag::VDISCARD, 15),
];

pub fn run(name: &str, arguments: Vec<OsString>) -> i32 {
    let mut words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let mut fd = 0;
    if words.first().is_some_and(|word| word == "-F" || word == "--file") {
        let device = words.get(1).cloned().unwrap_or_default();
        match std::fs::OpenOptions::new().read(true).write(true).open(&device) {
            Ok(file) => fd = file.into_raw_fd(),
            Err(error) => {
                eprintln!("{name}: {device}: {error}");
                return 1;
            }
        }
        words.drain(..2);
    }
    match done(fd, &words) {
        Ok(()) => 0,
        Err(Failure::Errno(errno)) => {
            eprintln!("{name}: standard input: {errno}");
            1
        }
        Err(Failure::Word(word)) => {
            eprintln!("{name}: invalid argument '{word}'\nusage: {USAGE}");
            1
        }
    }
}

enum Failure {
    Errno(Errno),
    Word(String),
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Failure {
        Failure::Errno(errno)
    }
}

fn done(fd: Fd, words: &[String]) -> Result<(), Failure> {
    let before = sys::tcgetattr(fd)?;
    match words.first().map(String::as_str) {
        None => print(fd, &before, false),
        Some("-a" | "--all") => print(fd, &before, true),
        Some("-g" | "--save") => println!("{}", saved(&before)),
        Some("size") => {
            let size = sys::winsize(fd)?;
            println!("{} {}", size.rows, size.columns);
        }
        Some("speed") => println!("{}", speed(before.ospeed)),
        Some(_) => {
            let mut termios = before;
            let mut rest = words.iter();
            while let Some(word) = rest.next() {
                change(fd, &mut termios, word, &mut rest)?;
            }
            if termios != before {
                sys::tcsetattr(fd, SetWhen::Drain, &termios)?;
            }
        }
    }
    Ok(())
}

fn field(termios: &mut Termios, field: Field) -> &mut u32 {
    match field {
        Field::Input => &mut termios.iflag,
        Field::Output => &mut termios.oflag,
        Field::Control => &mut termios.cflag,
        Field::Local => &mut termios.lflag,
    }
}

fn set(termios: &mut Termios, name: &str, is_on: bool) -> bool {
    let Some((_, at, bit, _)) = BITS.iter().find(|(bit, ..)| *bit == name) else { return false };
    let bits = field(termios, *at);
    *bits = if is_on { *bits | bit } else { *bits & !bit };
    true
}

fn set_all(termios: &mut Termios, names: &[&str], is_on: bool) {
    for name in names {
        set(termios, name, is_on);
    }
}

fn change<'w>(
    fd: Fd,
    termios: &mut Termios,
    word: &str,
    rest: &mut impl Iterator<Item = &'w String>,
) -> Result<(), Failure> {
    let wrong = || Failure::Word(word.to_owned());
    let (name, is_on) = word.strip_prefix('-').map_or((word, true), |name| (name, false));
    match (name, is_on) {
        ("sane", true) => sane(termios),
        ("raw", true) | ("cooked", false) => *termios = termios.raw(),
        ("raw", false) | ("cooked", true) => {
            set_all(termios, &["brkint", "ignpar", "icrnl", "ixon", "opost", "isig", "icanon"], true);
            (termios.cc[flag::VEOF], termios.cc[flag::VEOL]) = (4, 0);
        }
        ("cbreak", _) => drop(set(termios, "icanon", !is_on)),
        ("nl", _) => set_all(termios, &["icrnl", "onlcr"], !is_on),
        ("ek", true) => (termios.cc[flag::VERASE], termios.cc[flag::VKILL]) = (127, 21),
        ("crt", true) => set_all(termios, &["echoe", "echoctl", "echoke"], true),
        ("cs8", true) => termios.cflag |= flag::CS8,
        ("cs7", true) => termios.cflag = termios.cflag & !flag::CSIZE | flag::CS7,
        ("rows" | "cols" | "columns", true) => {
            let number = rest.next().and_then(|number| number.parse::<u16>().ok()).ok_or_else(wrong)?;
            let mut size = sys::winsize(fd)?;
            if name == "rows" {
                size.rows = number
            } else {
                size.columns = number
            }
            sys::set_winsize(fd, size)?;
        }
        ("min" | "time", true) => {
            let number = rest.next().and_then(|number| number.parse::<u8>().ok()).ok_or_else(wrong)?;
            termios.cc[if name == "min" { flag::VMIN } else { flag::VTIME }] = number;
        }
        ("ispeed" | "ospeed" | "line", true) => drop(rest.next().ok_or_else(wrong)?),
        _ if set(termios, name, is_on) => {}
        _ if is_on && name.bytes().all(|byte| byte.is_ascii_digit()) => {}
        _ => match CHARACTERS.iter().find(|(character, ..)| is_on && *character == name) {
            Some((_, at, _)) => termios.cc[*at] = character(rest.next().ok_or_else(wrong)?).ok_or_else(wrong)?,
            None => *termios = restored(word, *termios).ok_or_else(wrong)?,
        },
    }
    Ok(())
}

fn sane(termios: &mut Termios) {
    for (name, _, _, is_on) in BITS {
        if let Some(is_on) = is_on {
            set(termios, name, *is_on);
        }
    }
    for (_, at, character) in CHARACTERS {
        termios.cc[*at] = *character;
    }
    (termios.cc[flag::VMIN], termios.cc[flag::VTIME]) = (1, 0);
    termios.cflag |= flag::CS8;
}

/// A character as it is typed in a command: itself, `^X`, a number, or `undef`.
fn character(text: &str) -> Option<u8> {
    match text.as_bytes() {
        b"undef" | b"^-" => Some(0),
        b"^?" => Some(127),
        [b'^', letter] => Some(letter.to_ascii_uppercase() & 0x1f),
        [one] if !one.is_ascii_digit() => Some(*one),
        _ => match text.strip_prefix("0x") {
            Some(digits) => u8::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        },
    }
}

fn character_text(character: u8) -> String {
    match character {
        0 => "<undef>".into(),
        127 => "^?".into(),
        1..32 => format!("^{}", char::from(character + 64)),
        _ => char::from(character).to_string(),
    }
}

/// All of the settings as a word that sets them again.
fn saved(termios: &Termios) -> String {
    let mut words: Vec<String> =
        [termios.iflag, termios.oflag, termios.cflag, termios.lflag].iter().map(|bits| format!("{bits:x}")).collect();
    words.extend(termios.cc.iter().map(|character| format!("{character:x}")));
    words.join(":")
}

fn restored(word: &str, before: Termios) -> Option<Termios> {
    let numbers: Vec<u32> =
        word.split(':').map(|digits| u32::from_str_radix(digits, 16).ok()).collect::<Option<_>>()?;
    let [iflag, oflag, cflag, lflag, characters @ ..] = &numbers[..] else { return None };
    let characters: Vec<u8> = characters.iter().map(|number| u8::try_from(*number).ok()).collect::<Option<_>>()?;
    let cc = characters.try_into().ok()?;
    Some(Termios { iflag: *iflag, oflag: *oflag, cflag: *cflag, lflag: *lflag, cc, ..before })
}

/// Linux' number of a speed, or the speed itself.
fn speed(number: u32) -> u32 {
    match number {
        13 => 9600,
        14 => 19200,
        15 => 38400,
        other => other,
    }
}

fn print(fd: Fd, termios: &Termios, all: bool) {
    let mut termios = *termios;
    let mut line = format!("speed {} baud;", speed(termios.ospeed));
    if all {
        if let Ok(size) = sys::winsize(fd) {
            line.push_str(&format!(" rows {}; columns {};", size.rows, size.columns));
        }
    }
    println!("{line} line = {};", termios.line);
    let characters: Vec<String> = CHARACTERS
        .iter()
        .filter(|(_, at, sane)| all || termios.cc[*at] != *sane)
        .map(|(name, at, _)| format!("{name} = {};", character_text(termios.cc[*at])))
        .collect();
    wrapped(&characters);
    if all {
        println!("min = {}; time = {};", termios.cc[flag::VMIN], termios.cc[flag::VTIME]);
    }
    let mut bits = Vec::new();
    for (name, at, bit, sane) in BITS {
        let is_on = *field(&mut termios, *at) & bit != 0;
        if all || sane.is_some_and(|sane| sane != is_on) {
            bits.push(if is_on { (*name).to_owned() } else { format!("-{name}") });
        }
    }
    wrapped(&bits);
}

fn wrapped(words: &[String]) {
    let mut line = String::new();
    for word in words {
        if line.len() + word.len() + 1 > 80 {
            println!("{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        println!("{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_written_as_they_are_read() {
        for character in [0, 3, 127, b'#'] {
            let text = character_text(character);
            let text = if text == "<undef>" { "undef" } else { &text };
            assert_eq!(super::character(text), Some(character));
        }
    }
}
