//! Runs scripts: text that is there, and text that comes line by line.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::shell::{Run, Shell, Stop};
use crate::syntax::SyntaxError;
use crate::syntax::ast::List;
use crate::syntax::lexer::{Feed, Lexer, Text};

/// What the lexer asks of a shell, as it is when a command is read.
struct Asked {
    aliases: Option<Rc<BTreeMap<Rc<str>, Rc<str>>>>,
    extended_patterns: bool,
    keeps_texts: bool,
}

impl Asked {
    fn of(shell: &Shell) -> Asked {
        let aliases = (shell.options.expand_aliases && !shell.aliases.is_empty()).then(|| shell.aliases.clone());
        Asked {
            aliases,
            extended_patterns: shell.options.extglob,
            keeps_texts: shell.options.monitor || shell.options.interactive,
        }
    }

    fn alias(&self, name: &str) -> Option<Rc<str>> {
        self.aliases.as_ref()?.get(name).cloned()
    }
}

/// Lines of a text that is all there.
struct Lines<'a> {
    asked: Asked,
    rest: &'a str,
    verbose: bool,
}

impl Feed for Lines<'_> {
    fn more(&mut self, _: bool) -> Option<String> {
        if self.rest.is_empty() {
            return None;
        }
        let length = self.rest.find('\n').map_or(self.rest.len(), |at| at + 1);
        let (line, rest) = self.rest.split_at(length);
        self.rest = rest;
        if self.verbose {
            // Where nothing can be written there is nobody to tell.
            let _ = cowbox_guest::sys::write_all(2, &crate::text::to_bytes(line));
        }
        Some(line.to_owned())
    }
    fn alias(&self, name: &str) -> Option<Rc<str>> {
        self.asked.alias(name)
    }
    fn extended_patterns(&self) -> bool {
        self.asked.extended_patterns
    }
    fn keeps_texts(&self) -> bool {
        self.asked.keeps_texts
    }
}

/// Where a shell's commands come from, line by line.
pub trait Source {
    fn line(&mut self, shell: &mut Shell, continued: bool) -> Option<String>;
}

struct FromSource<'a> {
    asked: Asked,
    shell: &'a mut Shell,
    source: &'a mut dyn Source,
}

impl Feed for FromSource<'_> {
    fn more(&mut self, continued: bool) -> Option<String> {
        let line = self.source.line(self.shell, continued)?;
        if self.shell.options.verbose {
            self.shell.write_error(&line);
        }
        Some(line)
    }
    fn alias(&self, name: &str) -> Option<Rc<str>> {
        self.asked.alias(name)
    }
    fn extended_patterns(&self) -> bool {
        self.asked.extended_patterns
    }
    fn keeps_texts(&self) -> bool {
        self.asked.keeps_texts
    }
}

/// Standard input that is no terminal: no byte is taken before it is needed.
pub struct StandardInput;

impl Source for StandardInput {
    fn line(&mut self, shell: &mut Shell, _: bool) -> Option<String> {
        crate::builtins::read::line(shell, 0)
    }
}

impl Shell {
    /// Runs text as commands: `eval`, traps.
    pub fn eval(&mut self, code: &str) -> Run {
        let line = self.line;
        let result = self.run_lines(code, line);
        self.line = line;
        result
    }

    /// Runs a script that has been read.
    pub fn run_script(&mut self, script: String) -> Run {
        self.run_lines(&script, 1)
    }

    fn run_lines(&mut self, code: &str, line: u32) -> Run {
        self.dive()?;
        let result = self.run_lines_within(code, line);
        self.depth -= 1;
        result
    }

    fn run_lines_within(&mut self, code: &str, line: u32) -> Run {
        let mut text = Text::new(String::new(), line);
        let mut rest = code;
        let mut ran = false;
        loop {
            let mut feed = Lines { asked: Asked::of(self), rest, verbose: self.options.verbose };
            let command = Lexer::new(&mut text, &mut feed, 0).command();
            rest = feed.rest;
            match command {
                Ok(Some(list)) => {
                    ran |= !list.is_empty();
                    self.list(&list)?;
                    if self.options.onecmd && self.subshells == 0 {
                        return Err(Stop::Exit);
                    }
                }
                Ok(None) => {
                    if !ran {
                        self.status = 0;
                    }
                    return Ok(());
                }
                Err(error) => return self.syntax_error(&error),
            }
        }
    }

    fn syntax_error(&mut self, error: &SyntaxError) -> Run {
        self.line = error.line;
        let message = if error.message.starts_with("Bad") {
            error.message.clone()
        } else {
            format!("Syntax error: {}", error.message)
        };
        self.complain(&message);
        self.status = 2;
        Err(Stop::Abort)
    }

    /// The next command of a source. Nothing at its end.
    pub fn next_command(&mut self, text: &mut Text, source: &mut dyn Source) -> Run<Option<List>> {
        let asked = Asked::of(self);
        let command = Lexer::new(text, &mut FromSource { asked, shell: self, source }, 0).command();
        match command {
            Ok(list) => Ok(list),
            Err(error) => {
                // What is left of the line is not looked at.
                text.at = text.buffer.len();
                self.syntax_error(&error).map(|()| None)
            }
        }
    }

    /// Runs commands as they come, up to the end of the source.
    pub fn run_source(&mut self, source: &mut dyn Source) -> Run {
        let mut text = Text::new(String::new(), 1);
        loop {
            let Some(list) = self.next_command(&mut text, source)? else { return Ok(()) };
            self.list(&list)?;
            if self.options.onecmd {
                return Err(Stop::Exit);
            }
        }
    }
}
