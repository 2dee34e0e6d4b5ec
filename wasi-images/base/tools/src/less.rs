//! less, and more: shows text a screen at a time. Where the output is no terminal it is copied.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsRawFd;

use cowbox_guest::sys::{self, Errno, SigFlags};
use cowbox_guest::{signal, term};
use regex::{Regex, RegexBuilder};

use crate::arguments::{Arguments, Flag, unknown};

const USAGE: &str = "less [-FiNRSX] [+LINE | +/PATTERN] [FILE...]";

const HELP: &str = "\
   SPACE f PgDn      a screen forward          j e Enter Down    a line forward
   b PgUp            a screen back             k y Up            a line back
   d  u              half a screen             Left  Right       aside, with -S
   g <  G >          the first, the last line; with a number before it, that line
   /pattern ?pattern search forward, backward  n  N              again, the other way
   -N -S -i          number lines, cut lines, ignore case
   :n :p             the next, the previous file
   =                 where we are              q                 leave
";

#[derive(Clone)]
struct Options {
    quits_if_short: bool,
    ignores_case: bool,
    numbers: bool,
    cuts: bool,
    keeps_screen: bool,
    start: Option<String>,
}

pub fn run(name: &str, arguments: Vec<OsString>) -> i32 {
    let mut options = Options {
        quits_if_short: name == "more",
        ignores_case: false,
        numbers: false,
        cuts: false,
        keeps_screen: name == "more",
        start: None,
    };
    let (starts, arguments): (Vec<OsString>, Vec<OsString>) =
        arguments.into_iter().partition(|argument| argument.len() > 1 && argument.as_encoded_bytes().starts_with(b"+"));
    options.start = starts.last().map(|start| start.to_string_lossy()[1..].to_owned());
    let mut arguments = Arguments::new(arguments);
    while let Some(flag) = arguments.flag() {
        match flag {
            Flag::Short('F') => options.quits_if_short = true,
            Flag::Short('i' | 'I') => options.ignores_case = true,
            Flag::Short('N') => options.numbers = true,
            Flag::Short('S') => options.cuts = true,
            Flag::Short('X') => options.keeps_screen = true,
            // Colours are always shown; the others are how it is.
            Flag::Short('R' | 'r' | 'e' | 'E' | 'f' | 'q' | 's' | 'M' | 'm') => {}
            flag => return unknown(name, &flag, USAGE),
        }
    }
    let mut files = arguments.operands();
    if files.is_empty() {
        if io::stdin().is_terminal() {
            eprintln!("{name}: missing file name\nusage: {USAGE}");
            return 1;
        }
        files.push("-".into());
    }
    let shown = if io::stdout().is_terminal() { paged(&files, &options) } else { copied(&files) };
    match shown {
        Ok(status) => status,
        Err(error) => {
            eprintln!("{name}: {error}");
            1
        }
    }
}

fn opened(file: &OsString) -> io::Result<Box<dyn Read>> {
    let named = |error: io::Error| io::Error::other(format!("{}: {error}", file.to_string_lossy()));
    if file == "-" {
        return Ok(Box::new(io::stdin().lock()));
    }
    let opened = File::open(file).map_err(named)?;
    if opened.metadata()?.is_dir() {
        return Err(named(Errno::EISDIR.into()));
    }
    Ok(Box::new(opened))
}

fn copied(files: &[OsString]) -> io::Result<i32> {
    let mut status = 0;
    let mut output = io::stdout().lock();
    for file in files {
        match opened(file) {
            Ok(mut input) => drop(io::copy(&mut input, &mut output)?),
            Err(error) => {
                eprintln!("less: {error}");
                status = 1;
            }
        }
    }
    output.flush()?;
    Ok(status)
}

fn paged(files: &[OsString], options: &Options) -> io::Result<i32> {
    // Keys come from the terminal, also where the text comes from a pipe.
    let keys = term::controlling()
        .or_else(|error| if io::stdin().is_terminal() { File::open("/dev/stdin") } else { Err(error) })?;
    signal::handle(signal::SIGWINCH, |_| {}, SigFlags::empty())?;
    let mut at = 0;
    let mut pager = Pager::new(&files[at], options.clone())?;
    if options.quits_if_short && files.len() == 1 && pager.fits() {
        return pager.print().map(|()| 0);
    }
    let raw = term::RawMode::new(keys.as_raw_fd())?;
    if !options.keeps_screen {
        pager.write("\x1b[?1049h")?;
    }
    let done = (|| {
        loop {
            match pager.ran(&keys)? {
                Ending::Quit => return Ok(0),
                Ending::File(step) => {
                    let next = at.saturating_add_signed(step);
                    if step < 0 && at == 0 || next >= files.len() {
                        pager.message = Some(if step < 0 { "no previous file" } else { "no next file" }.into());
                        continue;
                    }
                    match Pager::new(&files[next], pager.options.clone()) {
                        Ok(opened) => (at, pager) = (next, opened),
                        Err(error) => pager.message = Some(error.to_string()),
                    }
                }
            }
        }
    })();
    let end = if options.keeps_screen { "\r\x1b[K" } else { "\x1b[?1049l" };
    pager.write(end)?;
    drop(raw);
    done
}

enum Ending {
    Quit,
    File(isize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Character(char),
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    /// The size of the terminal changed.
    Resized,
    /// There is no terminal any more.
    Gone,
}

struct Pager {
    name: String,
    lines: Vec<String>,
    options: Options,
    /// The line at the top, and how many of its rows are above the screen.
    top: (usize, usize),
    left: usize,
    pattern: Option<Regex>,
    is_backward: bool,
    message: Option<String>,
    rows: usize,
    columns: usize,
}

impl Pager {
    fn new(file: &OsString, options: Options) -> io::Result<Pager> {
        let mut bytes = Vec::new();
        opened(file)?.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let mut pager = Pager {
            name: if file == "-" { String::new() } else { file.to_string_lossy().into_owned() },
            lines: text.lines().map(shown).collect(),
            options,
            top: (0, 0),
            left: 0,
            pattern: None,
            is_backward: false,
            message: None,
            rows: 24,
            columns: 80,
        };
        pager.measure();
        if let Some(start) = pager.options.start.take() {
            match start.strip_prefix('/') {
                Some(pattern) => {
                    pager.look_for(pattern);
                    if pager.pattern.as_ref().is_some_and(|pattern| {
                        !pattern.is_match(&plain(pager.lines.first().map_or("", String::as_str)))
                    }) {
                        pager.search(false);
                    }
                }
                None if start == "G" => pager.to_end(),
                None => pager.to_line(start.parse().unwrap_or(1)),
            }
        }
        Ok(pager)
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let mut output = io::stdout().lock();
        output.write_all(text.as_bytes())?;
        output.flush()
    }

    fn measure(&mut self) {
        if let Some(size) = term::size(1) {
            (self.rows, self.columns) = (usize::from(size.rows).max(2), usize::from(size.columns).max(2));
        }
    }

    fn page(&self) -> usize {
        self.rows - 1
    }

    /// How many columns numbers of lines take.
    fn margin(&self) -> usize {
        if self.options.numbers { 8 } else { 0 }
    }

    fn width(&self) -> usize {
        self.columns.saturating_sub(self.margin()).max(1)
    }

    fn rows_of(&self, line: usize) -> usize {
        if self.options.cuts {
            return 1;
        }
        self.lines.get(line).map_or(1, |line| width_of(line).div_ceil(self.width()).max(1))
    }

    fn fits(&self) -> bool {
        let mut rows = 0;
        (0..self.lines.len()).all(|line| {
            rows += self.rows_of(line);
            rows <= self.page()
        })
    }

    fn print(&self) -> io::Result<()> {
        let mut output = io::stdout().lock();
        for line in &self.lines {
            writeln!(output, "{line}")?;
        }
        output.flush()
    }

    fn ran(&mut self, keys: &File) -> io::Result<Ending> {
        let mut number = String::new();
        loop {
            self.draw(&number)?;
            let key = read_key(keys)?;
            self.message = None;
            if let Key::Character(digit @ '0'..='9') = key {
                number.push(digit);
                continue;
            }
            let given = std::mem::take(&mut number).parse::<usize>().ok();
            let count = given.unwrap_or(1);
            match key {
                Key::Gone | Key::Character('q' | 'Q' | '\x03') => return Ok(Ending::Quit),
                Key::Resized => self.measure(),
                Key::Character(' ' | 'f' | '\x06' | '\x16') | Key::PageDown => {
                    self.forward(given.unwrap_or(self.page()))
                }
                Key::Character('b' | '\x02') | Key::PageUp => self.back(given.unwrap_or(self.page())),
                Key::Character('j' | 'e' | '\r' | '\n' | '\x0e' | '\x05') | Key::Down => self.forward(count),
                Key::Character('k' | 'y' | '\x10' | '\x19') | Key::Up => self.back(count),
                Key::Character('d' | '\x04') => self.forward(given.unwrap_or(self.page() / 2)),
                Key::Character('u' | '\x15') => self.back(given.unwrap_or(self.page() / 2)),
                Key::Character('g' | '<') | Key::Home => self.to_line(count),
                Key::Character('G' | '>') | Key::End => match given {
                    Some(line) => self.to_line(line),
                    None => self.to_end(),
                },
                Key::Left => self.left = self.left.saturating_sub(self.columns / 2),
                Key::Right => self.left += self.columns / 2,
                Key::Character('/') => self.ask_pattern(keys, false)?,
                Key::Character('?') => self.ask_pattern(keys, true)?,
                Key::Character('n') => self.search(false),
                Key::Character('N') => self.search(true),
                Key::Character('=' | '\x07') => self.message = Some(self.position()),
                Key::Character('-') => self.toggle(read_key(keys)?),
                Key::Character(':') => match read_key(keys)? {
                    Key::Character('n') => return Ok(Ending::File(1)),
                    Key::Character('p') => return Ok(Ending::File(-1)),
                    Key::Character('q') => return Ok(Ending::Quit),
                    _ => {}
                },
                Key::Character('h' | 'H') => self.help(keys)?,
                Key::Character('r' | '\x0c') => self.measure(),
                Key::Character(_) => self.write("\x07")?,
            }
        }
    }

    fn toggle(&mut self, key: Key) {
        let (what, is_on) = match key {
            Key::Character('N') => ("line numbers", &mut self.options.numbers),
            Key::Character('S') => ("cutting of long lines", &mut self.options.cuts),
            Key::Character('i' | 'I') => ("ignoring of case", &mut self.options.ignores_case),
            _ => return,
        };
        *is_on = !*is_on;
        self.message = Some(format!("{what} {}", if *is_on { "on" } else { "off" }));
        self.top.1 = 0;
        self.left = 0;
    }

    // Moving.

    fn forward(&mut self, count: usize) {
        let last = self.last_top();
        for _ in 0..count {
            if self.top >= last {
                return;
            }
            if self.top.1 + 1 < self.rows_of(self.top.0) { self.top.1 += 1 } else { self.top = (self.top.0 + 1, 0) }
        }
    }

    fn back(&mut self, count: usize) {
        for _ in 0..count {
            match self.top {
                (0, 0) => return,
                (line, 0) => self.top = (line - 1, self.rows_of(line - 1) - 1),
                (line, row) => self.top = (line, row - 1),
            }
        }
    }

    fn to_line(&mut self, line: usize) {
        let line = line.saturating_sub(1).min(self.lines.len().saturating_sub(1));
        self.top = (line, 0);
    }

    fn to_end(&mut self) {
        self.top = self.last_top();
    }

    /// The place that has the end of the text at the bottom of the screen.
    fn last_top(&self) -> (usize, usize) {
        let mut left = self.page();
        for line in (0..self.lines.len()).rev() {
            let rows = self.rows_of(line);
            if rows >= left {
                return (line, rows - left);
            }
            left -= rows;
        }
        (0, 0)
    }

    // Searching.

    fn look_for(&mut self, pattern: &str) {
        let build = |pattern: &str| RegexBuilder::new(pattern).case_insensitive(self.options.ignores_case).build();
        // What is no regular expression is looked for as it is.
        self.pattern = build(pattern).or_else(|_| build(&regex::escape(pattern))).ok();
    }

    fn ask_pattern(&mut self, keys: &File, is_backward: bool) -> io::Result<()> {
        let Some(text) = self.ask(keys, if is_backward { "?" } else { "/" })? else { return Ok(()) };
        if !text.is_empty() {
            self.look_for(&text);
        }
        self.is_backward = is_backward;
        self.search(false);
        Ok(())
    }

    fn search(&mut self, is_reversed: bool) {
        let Some(pattern) = &self.pattern else {
            self.message = Some("nothing was searched for".into());
            return;
        };
        let is_found = |line: &usize| pattern.is_match(&plain(&self.lines[*line]));
        let found = if self.is_backward != is_reversed {
            (0..self.top.0).rev().find(is_found)
        } else {
            (self.top.0 + 1..self.lines.len()).find(is_found)
        };
        match found {
            Some(line) => self.top = (line, 0),
            None => self.message = Some("pattern not found".into()),
        }
    }

    /// Reads a line at the bottom of the screen. `None` where it was given up.
    fn ask(&self, keys: &File, prompt: &str) -> io::Result<Option<String>> {
        let mut text = String::new();
        loop {
            self.write(&format!("\x1b[{};1H\x1b[K{prompt}{text}", self.rows))?;
            match read_key(keys)? {
                Key::Character('\r' | '\n') => return Ok(Some(text)),
                Key::Character('\x03' | '\x1b') | Key::Gone => return Ok(None),
                Key::Character('\x7f' | '\x08') => {
                    if text.pop().is_none() {
                        return Ok(None);
                    }
                }
                Key::Character('\x15') => text.clear(),
                Key::Character(character) if !character.is_control() => text.push(character),
                _ => {}
            }
        }
    }

    // Showing.

    fn draw(&self, number: &str) -> io::Result<()> {
        let mut screen = String::from("\x1b[H");
        let (mut line, mut row) = self.top;
        for _ in 0..self.page() {
            match self.lines.get(line) {
                Some(text) => {
                    if self.options.numbers {
                        let label = if row == 0 { format!("{:>7} ", line + 1) } else { " ".repeat(8) };
                        screen.push_str(&label);
                    }
                    let start = if self.options.cuts { self.left } else { row * self.width() };
                    let text = self.pattern.as_ref().map_or_else(|| text.clone(), |pattern| marked(text, pattern));
                    screen.push_str(&slice(&text, start, self.width()));
                    if row + 1 < self.rows_of(line) { row += 1 } else { (line, row) = (line + 1, 0) }
                }
                None => screen.push('~'),
            }
            screen.push_str("\x1b[0m\x1b[K\r\n");
        }
        screen.push_str(&self.status(number));
        screen.push_str("\x1b[K");
        self.write(&screen)
    }

    fn status(&self, number: &str) -> String {
        let text = match &self.message {
            Some(message) => message.clone(),
            None if !number.is_empty() => return format!(":{number}"),
            None if self.top >= self.last_top() => "(END)".into(),
            None if !self.name.is_empty() && self.top == (0, 0) => self.name.clone(),
            None => return ":".into(),
        };
        format!("\x1b[7m{}\x1b[0m", text.chars().take(self.columns - 1).collect::<String>())
    }

    fn position(&self) -> String {
        let last = (self.top.0 + self.page()).min(self.lines.len());
        let percent = (last * 100).checked_div(self.lines.len()).unwrap_or(100);
        format!("{} lines {}-{last}/{} {percent}%", self.name, self.top.0 + 1, self.lines.len())
    }

    fn help(&self, keys: &File) -> io::Result<()> {
        self.write(&format!("\x1b[H\x1b[2J{}\r\n\x1b[7mpress a key\x1b[0m", HELP.replace('\n', "\r\n")))?;
        read_key(keys).map(drop)
    }
}

/// A line as it is shown: tabs as spaces, and control characters but for colours as `^X`.
fn shown(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut column = 0;
    let mut characters = line.trim_end_matches('\r').chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\t' => {
                let spaces = 8 - column % 8;
                text.push_str(&" ".repeat(spaces));
                column += spaces;
            }
            '\x1b' if characters.peek() == Some(&'[') => {
                let escape: String = escape_sequence(&mut characters);
                if escape.ends_with('m') {
                    text.push_str(&escape);
                }
            }
            '\x00'..'\x20' | '\x7f' => {
                text.push('^');
                text.push(char::from((character as u8) ^ 0x40));
                column += 2;
            }
            _ => {
                text.push(character);
                column += 1;
            }
        }
    }
    text
}

/// An escape sequence, from behind its first character.
fn escape_sequence(characters: &mut impl Iterator<Item = char>) -> String {
    let mut escape = String::from("\x1b");
    for character in characters {
        escape.push(character);
        if character != '[' && ('@'..='~').contains(&character) {
            break;
        }
    }
    escape
}

/// A line without colours.
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\x1b' { drop(escape_sequence(&mut characters)) } else { text.push(character) }
    }
    text
}

fn width_of(line: &str) -> usize {
    plain(line).chars().count()
}

/// The columns of a line from `start` on, with all the colours before and in them.
fn slice(line: &str, start: usize, width: usize) -> String {
    let mut text = String::new();
    let mut column = 0;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\x1b' {
            text.push_str(&escape_sequence(&mut characters));
            continue;
        }
        if (start..start + width).contains(&column) {
            text.push(character);
        }
        column += 1;
    }
    text
}

/// A line with what a pattern matches set off. Its colours go, for the places of matches are those of the text.
fn marked(line: &str, pattern: &Regex) -> String {
    let text = plain(line);
    if !pattern.is_match(&text) {
        return line.to_owned();
    }
    pattern.replace_all(&text, "\x1b[7m${0}\x1b[27m").into_owned()
}

fn read_key(keys: &File) -> io::Result<Key> {
    let fd = keys.as_raw_fd();
    let mut byte = [0];
    let mut next = || match sys::read(fd, &mut byte) {
        Ok(0) | Err(Errno::EIO) => Ok(None),
        Ok(_) => Ok(Some(byte[0])),
        Err(errno) => Err(errno),
    };
    let first = match next() {
        Ok(Some(first)) => first,
        Ok(None) => return Ok(Key::Gone),
        Err(Errno::EINTR) => return Ok(Key::Resized),
        Err(errno) => return Err(errno.into()),
    };
    if first == 0x1b {
        // A sequence follows at once, or it was the key itself.
        let mut list = [sys::PollFd::new(fd, sys::PollEvents::IN)];
        if !matches!(sys::poll(&mut list, Some(std::time::Duration::from_millis(50))), Ok(1..)) {
            return Ok(Key::Character('\x1b'));
        }
        let mut next = || sys::retry(&mut next).map(|byte| byte.unwrap_or_default());
        if !matches!(next()?, b'[' | b'O') {
            return Ok(Key::Character('\x1b'));
        }
        let mut last = next()?;
        let mut digits = String::new();
        while last.is_ascii_digit() || last == b';' {
            digits.push(char::from(last));
            last = next()?;
        }
        return Ok(match (last, digits.as_str()) {
            (b'A', _) => Key::Up,
            (b'B', _) => Key::Down,
            (b'C', _) => Key::Right,
            (b'D', _) => Key::Left,
            (b'H', _) | (b'~', "1" | "7") => Key::Home,
            (b'F', _) | (b'~', "4" | "8") => Key::End,
            (b'~', "5") => Key::PageUp,
            (b'~', "6") => Key::PageDown,
            _ => Key::Character('\x1b'),
        });
    }
    // The other bytes of a character.
    let mut bytes = vec![first];
    let length = match first {
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0.. => 4,
        _ => 1,
    };
    while bytes.len() < length {
        bytes.push(sys::retry(&mut next)?.unwrap_or_default());
    }
    Ok(Key::Character(String::from_utf8_lossy(&bytes).chars().next().unwrap_or('\0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_by_columns_and_keep_their_colours() {
        let line = shown("a\tb\x1b[31mred\x1b[0m\x01");
        assert_eq!(line, "a       b\x1b[31mred\x1b[0m^A");
        assert_eq!(width_of(&line), 14);
        assert_eq!(slice(&line, 8, 3), "b\x1b[31mre\x1b[0m");
        assert_eq!(plain(&line), "a       bred^A");
    }
}
