//! Prompts.

use std::rc::Rc;

use cowbox_guest::sys;

use crate::shell::Shell;
use crate::syntax::lexer::{Feed, Lexer, Text};
use crate::text;

struct Nothing;

impl Feed for Nothing {
    fn more(&mut self, _: bool) -> Option<String> {
        None
    }
    fn alias(&self, _: &str) -> Option<Rc<str>> {
        None
    }
    fn extended_patterns(&self) -> bool {
        false
    }
    fn keeps_texts(&self) -> bool {
        false
    }
}

impl Shell {
    /// The prompt that this variable holds, as it is shown.
    pub fn prompt(&mut self, variable: &str) -> String {
        let value = match self.get(variable) {
            Some(value) => value,
            None if variable == "PS1" => if sys::geteuid() == 0 { "# " } else { "$ " }.into(),
            None => "> ".into(),
        };
        let status = self.status;
        let shown = self.prompt_text(&value);
        self.status = status;
        shown
    }

    /// A prompt with its escapes and expansions replaced.
    pub fn prompt_text(&mut self, value: &str) -> String {
        if !value.contains(['\\', '$', '`']) {
            return value.to_owned();
        }
        let replaced = self.prompt_escapes(value);
        self.expand_string(&replaced).unwrap_or(replaced)
    }

    /// Text with its expansions replaced, as in a here-document.
    pub fn expand_string(&mut self, value: &str) -> Option<String> {
        let mut text = Text::new(value.to_owned(), self.line);
        let word = Lexer::new(&mut text, &mut Nothing, 0).document().ok()?;
        self.expand_text(&word).ok().map(|text| text.to_string())
    }

    /// bash's escapes.
    fn prompt_escapes(&mut self, value: &str) -> String {
        let mut out = String::new();
        let mut chars = value.chars().peekable();
        while let Some(c) = chars.next() {
            if c != '\\' {
                out.push(c);
                continue;
            }
            match chars.next() {
                Some('w' | 'W') if value.is_empty() => {}
                Some('w') => {
                    let directory = self.short_directory();
                    out.push_str(&directory);
                }
                Some('W') => {
                    let directory = self.short_directory();
                    out.push_str(directory.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(&directory));
                }
                Some('u') => {
                    let uid = sys::geteuid();
                    out.push_str(
                        &cowbox_guest::users::user_by_id(uid)
                            .map_or_else(|| uid.to_string(), |user| user.name.to_string()),
                    );
                }
                Some(c @ ('h' | 'H')) => {
                    let name = sys::hostname().map(|name| text::from_bytes(&name)).unwrap_or_default();
                    out.push_str(if c == 'h' { name.split('.').next().unwrap_or("") } else { &name });
                }
                Some('$') => out.push(if sys::geteuid() == 0 { '#' } else { '$' }),
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('a') => out.push('\x07'),
                Some('e') => out.push('\x1b'),
                Some('[') => out.push('\x01'),
                Some(']') => out.push('\x02'),
                Some('s') => out.push_str(self.name.rsplit('/').next().unwrap_or("sh")),
                Some('v' | 'V') => out.push_str(env!("CARGO_PKG_VERSION")),
                Some('j') => out.push_str(&self.jobs.all.len().to_string()),
                Some('!' | '#') => out.push_str(&(self.history.len() + 1).to_string()),
                Some('t') => out.push_str(&crate::time::format("%T", crate::shell::now().as_secs() as i64)),
                Some('A') => out.push_str(&crate::time::format("%R", crate::shell::now().as_secs() as i64)),
                Some('d') => out.push_str(&crate::time::format("%a %b %d", crate::shell::now().as_secs() as i64)),
                Some('\\') => out.push_str("\\\\"),
                Some(digit @ '0'..='7') => {
                    let mut value = digit.to_digit(8).unwrap_or(0);
                    for _ in 0..2 {
                        let Some(next) = chars.peek().and_then(|c| c.to_digit(8)) else { break };
                        chars.next();
                        value = value * 8 + next;
                    }
                    text::push_byte(&mut out, value as u8);
                }
                Some(other) => {
                    out.push('\\');
                    out.push(other);
                }
                None => out.push('\\'),
            }
        }
        out
    }

    /// The working directory with the home directory as a tilde.
    fn short_directory(&mut self) -> String {
        let directory = self.working_directory();
        match self.get("HOME") {
            Some(home) if home.len() > 1 && (directory == home || directory.starts_with(&format!("{home}/"))) => {
                format!("~{}", &directory[home.len()..])
            }
            _ => directory.to_string(),
        }
    }
}
