//! Fields while a word is expanded: what was quoted in them, where they are split.

use super::pattern;

/// What an expansion is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Arguments: fields are split, and patterns looked for among files.
    Fields,
    /// One text: nothing is split.
    Text,
    /// One text in which what was quoted stands behind backslashes.
    Pattern,
    /// The same for regular expressions.
    Regex,
}

/// A field, and which of its bytes were quoted.
#[derive(Default, Debug)]
pub struct Field {
    pub text: String,
    /// Ranges of the text that are not part of a pattern.
    pub quoted: Vec<(usize, usize)>,
    /// Whether it holds characters that make it a pattern.
    pub active: bool,
}

impl Field {
    /// The field as a pattern.
    pub fn pattern(&self) -> String {
        let mut out = String::with_capacity(self.text.len() + 8);
        let mut at = 0;
        for &(start, end) in &self.quoted {
            unquoted_into(&mut out, &self.text[at..start]);
            pattern::escape_into(&mut out, &self.text[start..end]);
            at = end;
        }
        unquoted_into(&mut out, &self.text[at..]);
        out
    }
}

/// A backslash that came out of an expansion is one.
fn unquoted_into(out: &mut String, text: &str) {
    for c in text.chars() {
        if c == '\\' {
            out.push('\\');
        }
        out.push(c);
    }
}

pub struct Fields<'a> {
    pub done: Vec<Field>,
    pub current: Field,
    /// The current field exists, even if it is empty.
    pub started: bool,
    /// A blank ended the field before; a separator that follows belongs to it.
    after_blank: bool,
    pub mode: Mode,
    pub extended: bool,
    separators: &'a str,
}

impl<'a> Fields<'a> {
    pub fn new(mode: Mode, separators: &'a str, extended: bool) -> Fields<'a> {
        Fields {
            done: Vec::new(),
            current: Field::default(),
            started: false,
            after_blank: false,
            mode,
            extended,
            separators,
        }
    }

    /// Text of the word itself, which may hold patterns.
    pub fn literal(&mut self, text: &str) {
        self.started = true;
        self.after_blank = false;
        if self.mode == Mode::Fields && pattern::is_active(text, self.extended) {
            self.current.active = true;
        }
        self.current.text.push_str(text);
    }

    pub fn quoted(&mut self, text: &str) {
        self.started = true;
        self.after_blank = false;
        match self.mode {
            Mode::Text => self.current.text.push_str(text),
            Mode::Pattern => pattern::escape_into(&mut self.current.text, text),
            Mode::Regex => {
                for c in text.chars() {
                    if matches!(
                        c,
                        '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '^' | '$' | '\\' | '/'
                    ) {
                        self.current.text.push('\\');
                    }
                    self.current.text.push(c);
                }
            }
            Mode::Fields => {
                let start = self.current.text.len();
                self.current.text.push_str(text);
                if !text.is_empty() {
                    match self.current.quoted.last_mut() {
                        Some((_, end)) if *end == start => *end += text.len(),
                        _ => self.current.quoted.push((start, start + text.len())),
                    }
                }
            }
        }
    }

    /// What an unquoted expansion gave.
    pub fn split(&mut self, text: &str) {
        if self.mode != Mode::Fields {
            if !text.is_empty() {
                self.started = true;
            }
            self.current.text.push_str(text);
            return;
        }
        let separators = self.separators;
        let mut run = 0;
        for (at, c) in text.char_indices() {
            if !separators.contains(c) {
                continue;
            }
            self.keep(&text[run..at]);
            run = at + c.len_utf8();
            if matches!(c, ' ' | '\t' | '\n') {
                if self.started {
                    self.finish();
                    self.after_blank = true;
                }
            } else if self.started {
                self.finish();
            } else if self.after_blank {
                self.after_blank = false;
            } else {
                self.started = true;
                self.finish();
            }
        }
        self.keep(&text[run..]);
    }

    fn keep(&mut self, text: &str) {
        if !text.is_empty() {
            self.started = true;
            self.after_blank = false;
            if pattern::is_active(text, self.extended) {
                self.current.active = true;
            }
            self.current.text.push_str(text);
        }
    }

    /// Ends the current field, if there is one.
    pub fn finish(&mut self) {
        self.after_blank = false;
        if std::mem::take(&mut self.started) {
            self.done.push(std::mem::take(&mut self.current));
        }
    }
}
