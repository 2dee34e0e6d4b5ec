//! Expansion: from words to the texts a command gets.

mod arith;
pub mod brace;
pub mod fields;
mod glob;
pub use glob::entries as glob_names;
mod parameter;
pub mod pattern;

use std::rc::Rc;

use self::fields::{Field, Fields, Mode};
use self::pattern::Pattern;
use crate::shell::{Run, Shell};
use crate::syntax::ast::{Part, Word};

/// Where a part stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    Plain,
    Quoted,
    /// In what an expansion is replaced by: text that stands there is split as well.
    Operand,
}

impl Shell {
    /// A word of a command: any number of arguments.
    pub fn expand_fields(&mut self, word: &Word, out: &mut Vec<Rc<str>>) -> Run {
        if let Some(text) = word.as_literal()
            && !pattern::is_pattern(text, self.options.extglob)
            && !(self.options.braceexpand && text.contains('{'))
        {
            out.push(text.into());
            return Ok(());
        }
        if self.options.braceexpand
            && let Some(words) = brace::expand(word)
        {
            for word in words {
                self.expand_one(&word, out)?;
            }
            return Ok(());
        }
        self.expand_one(word, out)
    }

    fn expand_one(&mut self, word: &Word, out: &mut Vec<Rc<str>>) -> Run {
        let separators = self.separators();
        let mut fields = Fields::new(Mode::Fields, &separators, self.options.extglob);
        self.expand_parts(&word.0, &mut fields, Place::Plain)?;
        fields.finish();
        for field in fields.done {
            self.field(field, out)?;
        }
        Ok(())
    }

    /// A field, or the files it is a pattern of.
    fn field(&mut self, field: Field, out: &mut Vec<Rc<str>>) -> Run {
        if field.active && !self.options.noglob && pattern::is_pattern(&field.text, self.options.extglob) {
            let files = self.glob(&field.pattern());
            if !files.is_empty() {
                out.extend(files);
                return Ok(());
            }
            if self.options.failglob {
                self.complain(&format!("no match: {}", field.text));
                self.status = 1;
                return Err(crate::shell::Stop::Abort);
            }
            if self.options.nullglob {
                return Ok(());
            }
        }
        out.push(field.text.into());
        Ok(())
    }

    /// One text, with nothing split: an assignment's value, a here-document.
    pub fn expand_text(&mut self, word: &Word) -> Run<Rc<str>> {
        match word.0.as_slice() {
            [] => return Ok("".into()),
            [Part::Literal(text) | Part::Quoted(text)] => return Ok(text.clone()),
            _ => {}
        }
        Ok(self.expand_in(word, Mode::Text, Place::Plain)?.into())
    }

    /// Text in which what was quoted stands behind backslashes.
    pub fn expand_pattern_text(&mut self, word: &Word) -> Run<String> {
        self.expand_in(word, Mode::Pattern, Place::Plain)
    }

    pub fn expand_pattern(&mut self, word: &Word, extended: bool) -> Run<Pattern> {
        Ok(Pattern::new(&self.expand_pattern_text(word)?, extended))
    }

    pub fn expand_regex(&mut self, word: &Word) -> Run<String> {
        self.expand_in(word, Mode::Regex, Place::Plain)
    }

    fn expand_in(&mut self, word: &Word, mode: Mode, place: Place) -> Run<String> {
        let mut fields = Fields::new(mode, "", self.options.extglob);
        self.expand_parts(&word.0, &mut fields, place)?;
        Ok(fields.current.text)
    }

    /// A redirection's target: one file.
    pub fn expand_target(&mut self, word: &Word) -> Run<Rc<str>> {
        self.expand_text(word)
    }

    /// True where all of it came to nothing, as `"$@"` does without parameters.
    fn expand_parts(&mut self, parts: &[Part], fields: &mut Fields<'_>, place: Place) -> Run<bool> {
        let mut vanished = !parts.is_empty();
        for part in parts {
            vanished &= self.expand_part(part, fields, place)?;
        }
        Ok(vanished)
    }

    fn expand_part(&mut self, part: &Part, fields: &mut Fields<'_>, place: Place) -> Run<bool> {
        match part {
            Part::Literal(text) => match place {
                Place::Plain => fields.literal(text),
                Place::Quoted => fields.quoted(text),
                Place::Operand => fields.split(text),
            },
            Part::Quoted(text) => fields.quoted(text),
            Part::Double(parts) => {
                if !self.expand_parts(parts, fields, Place::Quoted)? {
                    fields.quoted("");
                }
            }
            Part::Tilde(name) => {
                let directory = self.tilde(name);
                fields.quoted(&directory);
            }
            Part::Parameter(parameter) => return self.parameter(parameter, fields, place),
            Part::Command(substitution) => {
                let output = self.substitute(&substitution.list)?;
                give(fields, &output, place);
            }
            Part::Arithmetic(arithmetic) => {
                let value = self.arithmetic(arithmetic)?;
                give(fields, &value.to_string(), place);
            }
            Part::Process { output, body } => {
                let path = self.process_substitution(&body.list, *output)?;
                fields.quoted(&path);
            }
        }
        Ok(false)
    }

    /// The directory that a tilde and this name stand for.
    fn tilde(&mut self, name: &str) -> Rc<str> {
        match name {
            "" => {
                if let Some(home) = self.get("HOME") {
                    return home;
                }
                let uid = cowbox_guest::sys::getuid();
                match cowbox_guest::users::user_by_id(uid) {
                    Some(user) => user.home.as_str().into(),
                    None => "~".into(),
                }
            }
            "+" => self.working_directory(),
            "-" => self.get("OLDPWD").unwrap_or_else(|| "~-".into()),
            name => match cowbox_guest::users::user_by_name(name) {
                Some(user) => user.home.as_str().into(),
                None => format!("~{name}").into(),
            },
        }
    }
}

/// What an expansion gave, as the place wants it.
pub fn give(fields: &mut Fields<'_>, text: &str, place: Place) {
    if place == Place::Quoted { fields.quoted(text) } else { fields.split(text) }
}
