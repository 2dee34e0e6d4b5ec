//! Options as POSIX has them: letters that can be written together, some with a value, and long names.

use std::collections::VecDeque;
use std::ffi::OsString;

/// What is left of the arguments.
pub struct Arguments {
    rest: VecDeque<OsString>,
    /// The letters behind the last one of a group.
    letters: String,
    operands: Vec<OsString>,
    /// Whether options end at the first operand.
    is_strict: bool,
    is_over: bool,
}

/// One option.
#[derive(PartialEq, Eq, Debug)]
pub enum Flag {
    Short(char),
    /// A long one, with what stands behind its `=`.
    Long(String, Option<String>),
}

impl Arguments {
    /// Options may stand behind operands.
    pub fn new(arguments: Vec<OsString>) -> Arguments {
        Arguments {
            rest: arguments.into(),
            letters: String::new(),
            operands: Vec::new(),
            is_strict: false,
            is_over: false,
        }
    }

    /// Options end at the first operand, which is a command.
    pub fn of_command(arguments: Vec<OsString>) -> Arguments {
        Arguments { is_strict: true, ..Arguments::new(arguments) }
    }

    /// The next option.
    pub fn flag(&mut self) -> Option<Flag> {
        if let Some(letter) = self.letters.chars().next() {
            self.letters.remove(0);
            return Some(Flag::Short(letter));
        }
        loop {
            let argument = self.rest.pop_front()?;
            let text = argument.to_string_lossy();
            if self.is_over || text == "-" || !text.starts_with('-') {
                self.operands.push(argument);
                self.is_over |= self.is_strict;
                continue;
            }
            if text == "--" {
                self.is_over = true;
                continue;
            }
            if let Some(long) = text.strip_prefix("--") {
                let (name, value) = match long.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (long, None),
                };
                return Some(Flag::Long(name.to_owned(), value));
            }
            let mut letters: String = text[1..].to_owned();
            let letter = letters.remove(0);
            self.letters = letters;
            return Some(Flag::Short(letter));
        }
    }

    /// The value of the option just returned: the rest of its group, or the next argument.
    pub fn value(&mut self) -> Option<String> {
        if !self.letters.is_empty() {
            return Some(std::mem::take(&mut self.letters));
        }
        self.rest.pop_front().map(|argument| argument.to_string_lossy().into_owned())
    }

    /// Whether the next option is of another word.
    pub fn is_between(&self) -> bool {
        self.letters.is_empty()
    }

    /// What was not looked at.
    pub fn into_rest(self) -> Vec<OsString> {
        self.operands.into_iter().chain(self.rest).collect()
    }

    /// What is no option.
    pub fn operands(mut self) -> Vec<OsString> {
        self.operands.extend(self.rest);
        self.operands
    }
}

impl std::fmt::Display for Flag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Flag::Short(letter) => write!(f, "-{letter}"),
            Flag::Long(name, _) => write!(f, "--{name}"),
        }
    }
}

/// Says that an option is unknown, and returns the status for it.
pub fn unknown(name: &str, flag: &Flag, usage: &str) -> i32 {
    eprintln!("{name}: unknown option {flag}\nusage: {usage}");
    2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: Arguments) -> (Vec<Flag>, Vec<OsString>) {
        let mut arguments = arguments;
        let flags = std::iter::from_fn(|| arguments.flag()).collect();
        (flags, arguments.operands())
    }

    fn list(arguments: &[&str]) -> Vec<OsString> {
        arguments.iter().map(OsString::from).collect()
    }

    #[test]
    fn letters_can_be_written_together() {
        let (flags, operands) = parsed(Arguments::new(list(&["-ab", "x", "--long=1", "--", "-c"])));
        assert_eq!(flags, [Flag::Short('a'), Flag::Short('b'), Flag::Long("long".into(), Some("1".into()))]);
        assert_eq!(operands, list(&["x", "-c"]));
    }

    #[test]
    fn options_behind_a_command_are_its_own() {
        let (flags, operands) = parsed(Arguments::of_command(list(&["-k", "sh", "-c", "true"])));
        assert_eq!(flags, [Flag::Short('k')]);
        assert_eq!(operands, list(&["sh", "-c", "true"]));
    }
}
