//! Here-documents: their bodies stand on the lines behind the command that reads them.

use super::SyntaxError;
use super::ast::{Part, Word};
use super::lexer::{Lexer, NoMore, PLACEHOLDER, Text};

/// A here-document whose body has not been read yet.
pub struct Pending {
    delimiter: String,
    quoted: bool,
    strips_tabs: bool,
    /// Which word it becomes.
    word: usize,
}

impl Lexer<'_> {
    /// Reads the word behind `<<`, and leaves a place for the body.
    pub fn here_delimiter(&mut self, strips_tabs: bool, start: usize) -> Result<(), SyntaxError> {
        let (delimiter, quoted) = self.delimiter();
        // The grammar wants the delimiter, the body and the delimiter again.
        self.plain("E", start);
        let word = self.out.words.len();
        self.out.words.push(Word::default());
        self.plain(&format!("{PLACEHOLDER}{word}"), start);
        self.plain("E", start);
        self.pending.push(Pending { delimiter, quoted, strips_tabs, word });
        Ok(())
    }

    /// The delimiter without its quotes, and whether there were any. Nothing in it is expanded.
    fn delimiter(&mut self) -> (String, bool) {
        let mut text = String::new();
        let mut quoted = false;
        let mut within = None;
        while let Some(c) = self.rest().chars().next() {
            match (c, within) {
                (_, Some(quote)) if c == quote => within = None,
                ('\\', None | Some('"')) => {
                    quoted = true;
                    self.bump();
                    if let Some(next) = self.rest().chars().next() {
                        text.push(next);
                        if next == '\n' {
                            self.text.line += 1;
                        }
                        self.text.at += next.len_utf8();
                    }
                    continue;
                }
                ('\'' | '"', None) => {
                    quoted = true;
                    within = Some(c);
                }
                (' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')', None) => break,
                ('\n', Some(_)) => break,
                _ => text.push(c),
            }
            self.text.at += c.len_utf8();
        }
        (text, quoted)
    }

    /// Reads the bodies that begin here. `ended`: there are no more lines, and what is there has to do.
    pub fn here_documents(&mut self, ended: bool) -> Result<(), SyntaxError> {
        for pending in std::mem::take(&mut self.pending) {
            let line = self.text.line;
            let body = if ended { String::new() } else { self.body(&pending) };
            let word = if pending.quoted {
                Word(vec![Part::Quoted(body.into())])
            } else {
                let mut text = Text::new(body, line);
                let mut feed = NoMore(&*self.feed);
                Lexer::new(&mut text, &mut feed, self.depth).document()?
            };
            if let Some(place) = self.out.words.get_mut(pending.word) {
                *place = word;
            }
        }
        Ok(())
    }

    fn body(&mut self, pending: &Pending) -> String {
        let mut body = String::new();
        // A line whose newline is escaped goes on, so the next is no delimiter.
        let mut goes_on = false;
        while self.peek().is_some() {
            let length = self.rest().find('\n').map_or(self.rest().len(), |at| at + 1);
            let mut line = &self.rest()[..length];
            if pending.strips_tabs && !goes_on {
                line = line.trim_start_matches('\t');
            }
            let text = line.strip_suffix('\n').unwrap_or(line);
            let ends = !goes_on && text == pending.delimiter;
            if !ends {
                let backslashes = text.len() - text.trim_end_matches('\\').len();
                goes_on = !pending.quoted && backslashes % 2 == 1;
                body.push_str(line);
            }
            self.text.at += length;
            self.text.line += 1;
            if ends {
                break;
            }
        }
        body
    }
}
