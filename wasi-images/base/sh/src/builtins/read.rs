//! `read` and `mapfile`.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use cowbox_guest::sys::{self, Errno, Fd, PollEvents, PollFd};

use crate::exec::traps;
use crate::shell::{Run, Shell};
use crate::syntax::lexer::is_name;
use crate::text;
use crate::variables::Value;

/// How much is looked at in a file that can be gone back in.
const BLOCK: usize = 4096;

/// Reads a descriptor without taking more than was asked for: others read on from there.
pub struct Input {
    fd: Fd,
    seekable: bool,
    block: Vec<u8>,
    at: usize,
    deadline: Option<Instant>,
}

/// Why no byte came.
pub enum End {
    Input,
    Time,
    /// A signal with a trap.
    Signal,
    Failed(Errno),
}

impl Input {
    pub fn new(fd: Fd, deadline: Option<Instant>) -> Input {
        let seekable = deadline.is_none()
            && sys::fstat(fd).is_ok_and(|stat| stat.is_file())
            && sys::seek(fd, std::io::SeekFrom::Current(0)).is_ok();
        Input { fd, seekable, block: Vec::new(), at: 0, deadline }
    }

    pub fn byte(&mut self) -> Result<u8, End> {
        if self.at == self.block.len() {
            self.fill()?;
        }
        let byte = self.block[self.at];
        self.at += 1;
        Ok(byte)
    }

    fn fill(&mut self) -> Result<(), End> {
        self.block.resize(if self.seekable { BLOCK } else { 1 }, 0);
        self.at = 0;
        loop {
            if let Some(deadline) = self.deadline {
                let left = deadline.saturating_duration_since(Instant::now());
                let mut list = [PollFd::new(self.fd, PollEvents::IN)];
                match sys::poll(&mut list, Some(left)) {
                    Ok(0) => {
                        self.block.clear();
                        return Err(End::Time);
                    }
                    Ok(_) => {}
                    Err(Errno::EINTR) if !traps::any_pending() => continue,
                    Err(_) => {
                        self.block.clear();
                        return Err(End::Signal);
                    }
                }
            }
            match sys::read(self.fd, &mut self.block) {
                Ok(0) => {
                    self.block.clear();
                    return Err(End::Input);
                }
                Ok(length) => {
                    self.block.truncate(length);
                    return Ok(());
                }
                Err(Errno::EINTR) if !traps::any_pending() => {}
                Err(errno) => {
                    self.block.clear();
                    return Err(if errno == Errno::EINTR { End::Signal } else { End::Failed(errno) });
                }
            }
        }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        let left = self.block.len() - self.at;
        if self.seekable && left > 0 {
            // What was looked at and not taken is given back; this file could be gone back in before.
            let _ = sys::seek(self.fd, std::io::SeekFrom::Current(-(left as i64)));
        }
    }
}

/// A line with its newline. Nothing at the end of input.
pub fn line(_: &mut Shell, fd: Fd) -> Option<String> {
    let mut input = Input::new(fd, None);
    let mut bytes = Vec::new();
    loop {
        match input.byte() {
            Ok(byte) => {
                bytes.push(byte);
                if byte == b'\n' {
                    break;
                }
            }
            Err(End::Signal) => {}
            Err(_) => break,
        }
    }
    (!bytes.is_empty()).then(|| text::from_bytes(&bytes))
}

#[derive(Default)]
struct Options {
    raw: bool,
    silent: bool,
    array: Option<Rc<str>>,
    delimiter: Option<u8>,
    count: Option<usize>,
    exact: bool,
    prompt: Option<Rc<str>>,
    timeout: Option<Duration>,
    fd: Fd,
}

pub fn run(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let (options, names) = match parse(words) {
        Ok(found) => found,
        Err(message) => return shell.usage("read", &message),
    };
    for name in names {
        if !is_name(crate::shell::split_element(name).map_or(name, |(base, _)| base)) {
            shell.complain(&format!("read: {name}: bad variable name"));
            return Ok(2);
        }
    }
    shell.flush();
    let terminal = sys::isatty(options.fd);
    if let Some(prompt) = &options.prompt
        && terminal
    {
        shell.write_error(prompt);
    }
    if options.timeout == Some(Duration::ZERO) {
        let mut list = [PollFd::new(options.fd, PollEvents::IN)];
        return Ok(i32::from(!matches!(sys::poll(&mut list, Some(Duration::ZERO)), Ok(ready) if ready > 0)));
    }
    // Characters that are not to be seen, or are to come one by one.
    let before = if terminal
        && (options.silent || options.count.is_some() || options.delimiter.is_some_and(|byte| byte != b'\n'))
    {
        sys::tcgetattr(options.fd).ok()
    } else {
        None
    };
    if let Some(before) = before {
        use cowbox_guest::term::flag;
        let mut changed = before;
        if options.silent {
            changed.lflag &= !flag::ECHO;
        }
        if options.count.is_some() || options.delimiter.is_some() {
            changed.lflag &= !flag::ICANON;
            changed.cc[flag::VMIN] = 1;
            changed.cc[flag::VTIME] = 0;
        }
        let _ = sys::tcsetattr(options.fd, sys::SetWhen::Drain, &changed);
    }
    let read = take(shell, &options);
    if let Some(before) = before {
        let _ = sys::tcsetattr(options.fd, sys::SetWhen::Drain, &before);
    }
    let (content, status) = read?;
    shell.status = status;
    give(shell, &options, names, &content)?;
    Ok(shell.status)
}

fn parse(words: &[Rc<str>]) -> Result<(Options, &[Rc<str>]), String> {
    let mut options = Options::default();
    let mut rest = &words[1..];
    while let Some(word) = rest.first() {
        if &**word == "--" {
            rest = &rest[1..];
            break;
        }
        let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else { break };
        rest = &rest[1..];
        let mut letters = letters.chars();
        while let Some(letter) = letters.next() {
            match letter {
                'r' => options.raw = true,
                's' => options.silent = true,
                'e' => {}
                'a' | 'd' | 'n' | 'N' | 'p' | 't' | 'u' | 'i' => {
                    let behind: String = letters.by_ref().collect();
                    let value: Rc<str> = if behind.is_empty() {
                        let Some(value) = rest.first() else {
                            return Err(format!("-{letter}: option requires an argument"));
                        };
                        rest = &rest[1..];
                        value.clone()
                    } else {
                        behind.into()
                    };
                    let bad = || format!("{value}: Illegal number");
                    match letter {
                        'a' => options.array = Some(value),
                        'd' => options.delimiter = Some(text::to_bytes(&value).first().copied().unwrap_or(0)),
                        'n' | 'N' => {
                            options.count = Some(value.parse().map_err(|_| bad())?);
                            options.exact = letter == 'N';
                        }
                        'p' => options.prompt = Some(value),
                        't' => {
                            options.timeout = Some(
                                value
                                    .parse()
                                    .ok()
                                    .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                                    .ok_or_else(bad)?,
                            )
                        }
                        'u' => options.fd = value.parse().map_err(|_| bad())?,
                        _ => {}
                    }
                }
                letter => return Err(format!("Illegal option -{letter}")),
            }
        }
    }
    Ok((options, rest))
}

/// A character as it was read, and whether a backslash stood before it.
type Content = Vec<(u8, bool)>;

fn take(shell: &mut Shell, options: &Options) -> Run<(Content, i32)> {
    let mut input = Input::new(options.fd, options.timeout.map(|timeout| Instant::now() + timeout));
    let delimiter = if options.exact { None } else { Some(options.delimiter.unwrap_or(b'\n')) };
    let mut content = Content::new();
    let mut characters = 0;
    loop {
        if options.count.is_some_and(|count| characters >= count) {
            return Ok((content, 0));
        }
        let mut escaped = false;
        let mut byte = match input.byte() {
            Ok(byte) => byte,
            Err(end) => return ended(shell, end, content),
        };
        if byte == b'\\' && !options.raw {
            byte = match input.byte() {
                Ok(byte) => byte,
                Err(end) => return ended(shell, end, content),
            };
            if byte == b'\n' {
                if sys::isatty(options.fd) && shell.options.interactive {
                    shell.write_error("> ");
                }
                continue;
            }
            escaped = true;
        }
        if !escaped && Some(byte) == delimiter {
            return Ok((content, 0));
        }
        if byte == 0 {
            continue;
        }
        // Bytes within a character are none of their own.
        if byte & 0xC0 != 0x80 {
            characters += 1;
        }
        content.push((byte, escaped));
        if options.count.is_some_and(|count| characters >= count) && byte >= 0xC0 {
            let more = match byte {
                0xF0.. => 3,
                0xE0.. => 2,
                _ => 1,
            };
            for _ in 0..more {
                match input.byte() {
                    Ok(byte) => content.push((byte, escaped)),
                    Err(_) => break,
                }
            }
        }
    }
}

fn ended(shell: &mut Shell, end: End, content: Content) -> Run<(Content, i32)> {
    match end {
        End::Input => Ok((content, 1)),
        End::Time => Ok((content, 142)),
        End::Signal => {
            let status = traps::first_pending().map_or(130, |signal| 128 + signal);
            shell.run_pending_traps()?;
            Ok((content, status))
        }
        End::Failed(errno) => {
            shell.complain(&format!("read: {}", crate::shell::describe(errno)));
            Ok((content, 1))
        }
    }
}

/// Splits what was read, and sets the variables.
fn give(shell: &mut Shell, options: &Options, names: &[Rc<str>], content: &Content) -> Run {
    let separators = shell.separators();
    let bytes: Vec<u8> = content.iter().map(|(byte, _)| *byte).collect();
    if options.exact && options.array.is_none() {
        let name = names.first().cloned().unwrap_or_else(|| "REPLY".into());
        set(shell, &name, &text::from_bytes(&bytes))?;
        for name in names.iter().skip(1) {
            set(shell, name, "")?;
        }
        return Ok(());
    }
    if names.is_empty() && options.array.is_none() {
        return set(shell, "REPLY", &text::from_bytes(&bytes));
    }
    let separators: Vec<u8> = text::to_bytes(&separators).into_owned();
    let is_blank = |at: usize| {
        !content[at].1 && matches!(content[at].0, b' ' | b'\t' | b'\n') && separators.contains(&content[at].0)
    };
    let is_separator = |at: usize| !content[at].1 && separators.contains(&content[at].0);
    let mut at = 0;
    let end = content.len();
    while at < end && is_blank(at) {
        at += 1;
    }
    let wanted = if options.array.is_some() { usize::MAX } else { names.len() };
    let mut fields: Vec<String> = Vec::new();
    while at < end {
        if fields.len() + 1 == wanted {
            // All the rest, without blanks at its end.
            let mut last = end;
            while last > at && is_blank(last - 1) {
                last -= 1;
            }
            // One separator at the end ends the field, if it is the only one.
            let first = (at..last).find(|&i| is_separator(i));
            if let Some(first) = first {
                let mut behind = first;
                while behind < last && is_blank(behind) {
                    behind += 1;
                }
                if behind < last && is_separator(behind) && !is_blank(behind) {
                    behind += 1;
                }
                while behind < end && is_blank(behind) {
                    behind += 1;
                }
                if behind >= end {
                    last = first;
                }
            }
            fields.push(text::from_bytes(&bytes[at..last]));
            break;
        }
        let start = at;
        while at < end && !is_separator(at) {
            at += 1;
        }
        fields.push(text::from_bytes(&bytes[start..at]));
        while at < end && is_blank(at) {
            at += 1;
        }
        if at < end && is_separator(at) && !is_blank(at) {
            at += 1;
            while at < end && is_blank(at) {
                at += 1;
            }
        }
    }
    if let Some(name) = &options.array {
        let elements: BTreeMap<i64, Rc<str>> =
            fields.into_iter().enumerate().map(|(at, field)| (at as i64, field.into())).collect();
        shell.vars().entry(name).value = Value::Array(Rc::new(elements));
        return Ok(());
    }
    for (at, name) in names.iter().enumerate() {
        set(shell, name, fields.get(at).map_or("", |field| field))?;
    }
    Ok(())
}

fn set(shell: &mut Shell, name: &str, value: &str) -> Run {
    match crate::shell::split_element(name) {
        Some((base, index)) => {
            let key = shell.key(base, index)?;
            shell.set_element(base, &key, value);
        }
        None => {
            if !shell.set(name, value) {
                shell.status = 1;
            }
        }
    }
    Ok(())
}

/// `mapfile`: the lines of input as an array.
pub fn mapfile(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let mut trims = false;
    let (mut fd, mut delimiter, mut most, mut skipped, mut origin) = (0, b'\n', usize::MAX, 0_usize, None);
    let mut rest = &words[1..];
    while let Some(word) = rest.first() {
        let Some(option) = word.strip_prefix('-').filter(|option| !option.is_empty()) else { break };
        rest = &rest[1..];
        if option == "t" {
            trims = true;
            continue;
        }
        let (letter, behind) = option.split_at(1);
        let value: Rc<str> = if behind.is_empty() {
            let Some(value) = rest.first() else {
                return shell.usage("mapfile", &format!("-{letter}: option requires an argument"));
            };
            rest = &rest[1..];
            value.clone()
        } else {
            behind.into()
        };
        let number = value.parse::<usize>().unwrap_or(0);
        match letter {
            "u" => fd = number as Fd,
            "d" => delimiter = text::to_bytes(&value).first().copied().unwrap_or(0),
            "n" => most = if number == 0 { usize::MAX } else { number },
            "s" => skipped = number,
            "O" => origin = Some(number as i64),
            letter => return shell.usage("mapfile", &format!("Illegal option -{letter}")),
        }
    }
    let name = rest.first().cloned().unwrap_or_else(|| "MAPFILE".into());
    let mut elements: BTreeMap<i64, Rc<str>> =
        match (origin, shell.variables.find(&name).map(|variable| variable.value.clone())) {
            (Some(_), Some(Value::Array(before))) => (*before).clone(),
            _ => BTreeMap::new(),
        };
    let mut next = origin.unwrap_or(0);
    let mut input = Input::new(fd, None);
    let mut count = 0;
    let mut bytes = Vec::new();
    while count < most {
        match input.byte() {
            Ok(byte) => {
                bytes.push(byte);
                if byte != delimiter {
                    continue;
                }
                if trims {
                    bytes.pop();
                }
            }
            Err(_) if bytes.is_empty() => break,
            Err(_) => {}
        }
        let line = text::from_bytes(&std::mem::take(&mut bytes));
        if skipped > 0 {
            skipped -= 1;
            continue;
        }
        elements.insert(next, line.into());
        next += 1;
        count += 1;
    }
    drop(input);
    shell.vars().entry(&name).value = Value::Array(Rc::new(elements));
    Ok(0)
}
