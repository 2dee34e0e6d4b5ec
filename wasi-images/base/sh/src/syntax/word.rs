//! Takes words apart: quotes, expansions, tildes. Part of the lexer, which has to know where a word ends.

use std::rc::Rc;

use super::arith;
use super::ast::{
    Arithmetic, Assignment, Index, Name, Operation, Parameter, Part, ReplaceAt, Substitution, Value, Word,
};
use super::lexer::{Lexer, NoMore, Stop, Text, is_name};
use super::{SyntaxError, quote};

/// What ends a word, and how what is in it is to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Until {
    /// A blank or an operator.
    Blank,
    /// The same, and patterns like `@(a|b)` are known.
    Pattern,
    /// A blank outside of parentheses.
    Regex,
    /// `}`
    Brace,
    /// `/` or `}`
    Slash,
    /// `]`
    Bracket,
    /// `}`, within double quotes.
    QuotedBrace,
    /// `"`
    Quote,
    /// The end of the text: a here-document.
    End,
}

/// Where a tilde stands for a directory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tilde {
    Never,
    AtStart,
    /// At the start and behind colons.
    InAssignment,
}

/// The pieces of a word as they are found.
#[derive(Default)]
struct Pieces {
    parts: Vec<Part>,
    literal: String,
}

impl Pieces {
    fn push(&mut self, part: Part) {
        self.flush();
        self.parts.push(part);
    }

    fn flush(&mut self) {
        if !self.literal.is_empty() {
            self.parts.push(Part::Literal(std::mem::take(&mut self.literal).into()));
        }
    }

    fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.literal.is_empty()
    }
}

impl Lexer<'_> {
    /// A word of a command.
    pub fn word(&mut self) -> Result<Word, SyntaxError> {
        let until = if self.feed.extended_patterns() { Until::Pattern } else { Until::Blank };
        self.parts(until, Tilde::AtStart)
    }

    /// A word within `[[`.
    pub fn pattern_word(&mut self) -> Result<Word, SyntaxError> {
        self.parts(Until::Pattern, Tilde::AtStart)
    }

    /// What stands behind `=~`.
    pub fn regex_word(&mut self) -> Result<Word, SyntaxError> {
        self.parts(Until::Regex, Tilde::AtStart)
    }

    /// All of the text, as within double quotes but with `"` standing for itself.
    pub fn document(&mut self) -> Result<Word, SyntaxError> {
        let parts = self.parts(Until::End, Tilde::Never)?;
        Ok(Word(if parts.0.is_empty() { Vec::new() } else { vec![Part::Double(parts.0)] }))
    }

    /// An assignment, if one comes next. `prefix`: before a command's first word, where it can be nothing else.
    pub fn assignment(&mut self, prefix: bool) -> Result<Option<Assignment>, SyntaxError> {
        let rest = self.rest();
        let length = rest.bytes().take_while(|&b| b == b'_' || b.is_ascii_alphanumeric()).count();
        if length == 0 || !is_name(&rest[..length]) {
            return Ok(None);
        }
        let behind = rest[length..].as_bytes();
        let plain = matches!(behind, [b'=', ..] | [b'+', b'=', ..]);
        if !plain && behind.first() != Some(&b'[') {
            return Ok(None);
        }
        let name: Rc<str> = rest[..length].into();
        let (start, line, depth) = (self.text.at, self.text.line, self.depth);
        self.text.at += length;
        let mut index = None;
        if !plain {
            self.bump();
            let found = if self.ahead(0) == Some(b']') {
                Ok(Word::default())
            } else {
                self.parts(Until::Bracket, Tilde::Never)
            };
            match found {
                Ok(word)
                    if self.ahead(0) == Some(b']')
                        && (self.ahead(1) == Some(b'=')
                            || (self.ahead(1) == Some(b'+') && self.ahead(2) == Some(b'='))) =>
                {
                    self.bump();
                    index = Some(word);
                }
                _ => {
                    self.text.at = start;
                    self.text.line = line;
                    self.depth = depth;
                    return Ok(None);
                }
            }
        }
        let append = self.ahead(0) == Some(b'+');
        self.text.at += if append { 2 } else { 1 };
        let head = self.text.buffer[start..self.text.at].to_owned();
        let value = if self.ahead(0) == Some(b'(') {
            self.bump();
            Value::Array(self.array()?)
        } else {
            Value::Scalar(self.parts(Until::Blank, Tilde::InAssignment)?)
        };
        let word = match &value {
            _ if prefix => Word::default(),
            Value::Scalar(value) => without_tildes(&head, value),
            Value::Array(_) => Word(vec![Part::Quoted(self.text.buffer[start..self.text.at].into())]),
        };
        Ok(Some(Assignment { name, index, append, value, word }))
    }

    /// The elements of an array up to the closing parenthesis.
    fn array(&mut self) -> Result<Vec<(Option<Word>, Word)>, SyntaxError> {
        let mut elements = Vec::new();
        loop {
            match self.next_byte() {
                None => return Err(self.error("end of file unexpected (expecting \")\")")),
                Some(b'\n') => self.bump(),
                Some(b')') => {
                    self.bump();
                    return Ok(elements);
                }
                Some(b';' | b'&' | b'|' | b'<' | b'>' | b'(') if !self.rest().starts_with("<(") => {
                    let byte = char::from(self.ahead(0).unwrap_or(b' '));
                    return Err(self.error(format!("\"{byte}\" unexpected (expecting \")\")")));
                }
                Some(b'[') => {
                    let (at, line, depth) = (self.text.at, self.text.line, self.depth);
                    self.bump();
                    let key = self.parts(Until::Bracket, Tilde::Never);
                    if let Ok(key) = key
                        && self.ahead(0) == Some(b']')
                        && self.ahead(1) == Some(b'=')
                    {
                        self.text.at += 2;
                        elements.push((Some(key), self.parts(Until::Blank, Tilde::InAssignment)?));
                        continue;
                    }
                    self.text.at = at;
                    self.text.line = line;
                    self.depth = depth;
                    elements.push((None, self.word()?));
                }
                Some(_) => elements.push((None, self.word()?)),
            }
        }
    }

    fn parts(&mut self, until: Until, tilde: Tilde) -> Result<Word, SyntaxError> {
        self.enter()?;
        let mut pieces = Pieces::default();
        if tilde != Tilde::Never {
            self.tilde(&mut pieces, tilde);
        }
        // Of parentheses that belong to the word, and of brackets.
        let mut nested = 0_usize;
        let quoted = matches!(until, Until::QuotedBrace | Until::Quote | Until::End);
        while let Some(byte) = self.peek() {
            match byte {
                b'\\' => self.backslash(&mut pieces, until),
                b'\'' if !quoted => {
                    let text = self.single_quoted()?;
                    pieces.push(Part::Quoted(text.into()));
                }
                b'"' if until == Until::Quote => break,
                b'"' if until != Until::End => {
                    self.bump();
                    let inner = self.double_quoted()?;
                    pieces.push(Part::Double(inner));
                }
                b'$' => self.dollar(&mut pieces, quoted)?,
                b'`' => {
                    let part = self.backquoted(quoted)?;
                    pieces.push(part);
                }
                b'}' if matches!(until, Until::Brace | Until::Slash | Until::QuotedBrace) => break,
                b'/' if until == Until::Slash && !pieces.is_empty() => break,
                b'[' if until == Until::Bracket => {
                    nested += 1;
                    self.literal(&mut pieces, byte);
                }
                b']' if until == Until::Bracket => {
                    if nested == 0 {
                        break;
                    }
                    nested -= 1;
                    self.literal(&mut pieces, byte);
                }
                b'\n' if until == Until::Bracket => break,
                b' ' | b'\t' | b'\n' if matches!(until, Until::Blank | Until::Pattern) => break,
                b' ' | b'\t' | b'\n' if until == Until::Regex && nested == 0 => break,
                b'(' if until == Until::Regex => {
                    nested += 1;
                    self.literal(&mut pieces, byte);
                }
                b')' if until == Until::Regex => {
                    if nested == 0 {
                        break;
                    }
                    nested -= 1;
                    self.literal(&mut pieces, byte);
                }
                b'(' if until == Until::Pattern && pieces.literal.ends_with(['?', '*', '+', '@', '!']) => {
                    self.extended_pattern(&mut pieces)?
                }
                b'<' | b'>'
                    if matches!(until, Until::Blank | Until::Pattern)
                        && pieces.is_empty()
                        && self.ahead(1) == Some(b'(') =>
                {
                    self.text.at += 2;
                    let list = self.list(Stop::Parenthesis)?;
                    pieces.push(Part::Process { output: byte == b'>', body: Rc::new(Substitution { list }) });
                }
                b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')' if matches!(until, Until::Blank | Until::Pattern) => {
                    break;
                }
                b':' if tilde == Tilde::InAssignment => {
                    self.literal(&mut pieces, byte);
                    self.tilde(&mut pieces, tilde);
                }
                _ => self.plain_run(&mut pieces),
            }
        }
        pieces.flush();
        self.depth -= 1;
        Ok(Word(pieces.parts))
    }

    fn literal(&mut self, pieces: &mut Pieces, byte: u8) {
        pieces.literal.push(char::from(byte));
        self.bump();
    }

    /// One character that means nothing here, and all that follow which never mean anything.
    fn plain_run(&mut self, pieces: &mut Pieces) {
        let start = self.text.at;
        if self.ahead(0) == Some(b'\n') {
            self.text.line += 1;
        }
        self.text.at += 1;
        while let Some(byte) = self.ahead(0)
            && (byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'_' | b'-' | b'.' | b',' | b'%' | b'='))
        {
            self.text.at += 1;
        }
        pieces.literal.push_str(&self.text.buffer[start..self.text.at]);
    }

    /// A tilde and the name behind it, if they come next.
    fn tilde(&mut self, pieces: &mut Pieces, tilde: Tilde) {
        if self.peek() != Some(b'~') {
            return;
        }
        let rest = &self.rest()[1..];
        let length =
            rest.bytes().take_while(|&b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'+')).count();
        let ends = match rest.as_bytes().get(length) {
            None => true,
            Some(b'/' | b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')' | b'}') => true,
            Some(b':') => tilde == Tilde::InAssignment,
            _ => false,
        };
        if ends {
            let name = rest[..length].into();
            self.text.at += 1 + length;
            pieces.push(Part::Tilde(name));
        }
    }

    fn backslash(&mut self, pieces: &mut Pieces, until: Until) {
        self.bump();
        let next = self.peek();
        if next == Some(b'\n') {
            // The line goes on.
            self.bump();
            return;
        }
        let Some(next) = next else {
            pieces.literal.push('\\');
            return;
        };
        let special = match until {
            Until::Quote => matches!(next, b'$' | b'`' | b'"' | b'\\'),
            Until::QuotedBrace => matches!(next, b'$' | b'`' | b'"' | b'\\' | b'}'),
            Until::End => matches!(next, b'$' | b'`' | b'\\'),
            _ => {
                let c = self.rest().chars().next().unwrap_or('\\');
                self.text.at += c.len_utf8();
                pieces.push(Part::Quoted(c.to_string().into()));
                return;
            }
        };
        if special {
            pieces.push(Part::Quoted(char::from(next).to_string().into()));
            self.bump();
        } else {
            pieces.literal.push('\\');
        }
    }

    fn single_quoted(&mut self) -> Result<String, SyntaxError> {
        self.bump();
        let mut text = String::new();
        loop {
            if let Some(length) = self.rest().find('\'') {
                let part = &self.rest()[..length];
                self.text.line += part.bytes().filter(|&b| b == b'\n').count() as u32;
                text.push_str(&self.text.buffer[self.text.at..self.text.at + length]);
                self.text.at += length + 1;
                return Ok(text);
            }
            let part = self.rest().to_owned();
            self.text.line += part.bytes().filter(|&b| b == b'\n').count() as u32;
            self.text.at += part.len();
            text.push_str(&part);
            if self.peek().is_none() {
                return Err(self.error("Unterminated quoted string"));
            }
        }
    }

    /// What stands between double quotes; the first has been passed.
    fn double_quoted(&mut self) -> Result<Vec<Part>, SyntaxError> {
        let word = self.parts(Until::Quote, Tilde::Never)?;
        if self.peek().is_none() {
            return Err(self.error("Unterminated quoted string"));
        }
        self.bump();
        Ok(word.0)
    }

    /// `@(a|b)` and its like, whose first character is already in the literal.
    fn extended_pattern(&mut self, pieces: &mut Pieces) -> Result<(), SyntaxError> {
        self.enter()?;
        self.literal(pieces, b'(');
        loop {
            match self.peek() {
                None => return Err(self.error("end of file unexpected (expecting \")\")")),
                Some(b')') => {
                    self.literal(pieces, b')');
                    self.depth -= 1;
                    return Ok(());
                }
                Some(b'(') => self.extended_pattern(pieces)?,
                Some(b'\'') => {
                    let text = self.single_quoted()?;
                    pieces.push(Part::Quoted(text.into()));
                }
                Some(b'"') => {
                    self.bump();
                    let inner = self.double_quoted()?;
                    pieces.push(Part::Double(inner));
                }
                Some(b'$') => self.dollar(pieces, false)?,
                Some(b'`') => {
                    let part = self.backquoted(false)?;
                    pieces.push(part);
                }
                Some(b'\\') => self.backslash(pieces, Until::Blank),
                Some(_) => self.plain_run(pieces),
            }
        }
    }

    /// What a dollar begins, or the dollar itself.
    fn dollar(&mut self, pieces: &mut Pieces, quoted: bool) -> Result<(), SyntaxError> {
        self.bump();
        match self.peek() {
            Some(b'(') => {
                self.bump();
                if self.peek() == Some(b'(')
                    && let Some(expression) = self.try_arithmetic()?
                {
                    pieces.push(Part::Arithmetic(Box::new(expression)));
                    return Ok(());
                }
                let list = self.list(Stop::Parenthesis)?;
                pieces.push(Part::Command(Rc::new(Substitution { list })));
            }
            Some(b'{') => {
                self.bump();
                let parameter = self.braced(quoted)?;
                pieces.push(Part::Parameter(Box::new(parameter)));
            }
            Some(b'[') => {
                self.bump();
                let word = self.arithmetic_text(b"]")?;
                self.bump();
                pieces.push(Part::Arithmetic(Box::new(arithmetic(word))));
            }
            Some(b'\'') if !quoted => {
                self.bump();
                let text = self.ansi_quoted()?;
                pieces.push(Part::Quoted(text.into()));
            }
            Some(b'"') if !quoted => {
                self.bump();
                let inner = self.double_quoted()?;
                pieces.push(Part::Double(inner));
            }
            Some(byte) if byte == b'_' || byte.is_ascii_alphabetic() => {
                let length = self.rest().bytes().take_while(|&b| b == b'_' || b.is_ascii_alphanumeric()).count();
                let name = Name::Variable(self.rest()[..length].into());
                self.text.at += length;
                pieces.push(plain_parameter(name));
            }
            Some(byte @ b'0'..=b'9') => {
                self.bump();
                pieces.push(plain_parameter(Name::Positional(usize::from(byte - b'0'))));
            }
            Some(byte @ (b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!')) => {
                self.bump();
                pieces.push(plain_parameter(Name::Special(char::from(byte))));
            }
            _ => pieces.literal.push('$'),
        }
        Ok(())
    }

    /// `$'...'`, whose first quote has been passed.
    fn ansi_quoted(&mut self) -> Result<String, SyntaxError> {
        let start = self.text.at;
        loop {
            match self.peek() {
                None => return Err(self.error("Unterminated quoted string")),
                Some(b'\\') => {
                    self.bump();
                    if self.peek().is_some() {
                        self.bump();
                    }
                }
                Some(b'\'') => break,
                Some(_) => self.bump(),
            }
        }
        let text = quote::ansi(&self.text.buffer[start..self.text.at]);
        self.bump();
        Ok(text)
    }

    /// `` `...` ``
    fn backquoted(&mut self, quoted: bool) -> Result<Part, SyntaxError> {
        self.bump();
        let line = self.text.line;
        let mut inner = Vec::new();
        loop {
            let Some(byte) = self.peek() else { return Err(self.error("EOF in backquote substitution")) };
            self.bump();
            match byte {
                b'`' => break,
                b'\\' => match self.peek() {
                    Some(next) if matches!(next, b'$' | b'`' | b'\\') || (next == b'"' && quoted) => {
                        inner.push(next);
                        self.bump();
                    }
                    Some(b'\n') => self.bump(),
                    _ => inner.push(b'\\'),
                },
                _ => inner.push(byte),
            }
        }
        // Whole characters were copied, and bytes below 0x80 left out.
        let mut text = Text::new(String::from_utf8(inner).unwrap_or_default(), line);
        let mut feed = NoMore(&*self.feed);
        let list = Lexer::new(&mut text, &mut feed, self.depth).list(Stop::End)?;
        Ok(Part::Command(Rc::new(Substitution { list })))
    }

    /// `$((expression))`, of which `$(` has been passed. Nothing, and nothing changed, where it is a command that begins with a parenthesis.
    fn try_arithmetic(&mut self) -> Result<Option<Arithmetic>, SyntaxError> {
        let (at, line, depth) = (self.text.at, self.text.line, self.depth);
        if self.not_arithmetic.contains(&at) {
            return Ok(None);
        }
        self.bump();
        let found = self.arithmetic_text(b")");
        if let Ok(word) = found
            && self.ahead(0) == Some(b')')
            && self.ahead(1) == Some(b')')
        {
            self.text.at += 2;
            return Ok(Some(arithmetic(word)));
        }
        self.text.at = at;
        self.text.line = line;
        self.depth = depth;
        self.not_arithmetic.push(at);
        Ok(None)
    }

    /// The text of an expression up to one of `stops` outside of parentheses, which is not passed.
    pub fn arithmetic_text(&mut self, stops: &[u8]) -> Result<Word, SyntaxError> {
        self.enter()?;
        let mut pieces = Pieces::default();
        let mut nested = 0_usize;
        let mut conditions = 0_usize;
        loop {
            let Some(byte) = self.peek() else { return Err(self.error("end of file unexpected (expecting \"))\")")) };
            match byte {
                b':' if conditions > 0 && nested == 0 => {
                    conditions -= 1;
                    self.literal(&mut pieces, byte);
                }
                _ if nested == 0 && stops.contains(&byte) => break,
                b'(' | b'[' => {
                    nested += 1;
                    self.literal(&mut pieces, byte);
                }
                b')' | b']' => {
                    if nested == 0 {
                        break;
                    }
                    nested -= 1;
                    self.literal(&mut pieces, byte);
                }
                b'?' => {
                    conditions += usize::from(nested == 0);
                    self.literal(&mut pieces, byte);
                }
                b'\\' => self.backslash(&mut pieces, Until::Quote),
                b'\'' => {
                    let text = self.single_quoted()?;
                    pieces.push(Part::Quoted(text.into()));
                }
                b'"' => {
                    self.bump();
                    let inner = self.double_quoted()?;
                    pieces.push(Part::Double(inner));
                }
                b'$' => self.dollar(&mut pieces, true)?,
                b'`' => {
                    let part = self.backquoted(true)?;
                    pieces.push(part);
                }
                _ => self.literal_character(&mut pieces),
            }
        }
        pieces.flush();
        self.depth -= 1;
        Ok(Word(pieces.parts))
    }

    fn literal_character(&mut self, pieces: &mut Pieces) {
        if let Some(c) = self.rest().chars().next() {
            pieces.literal.push(c);
            if c == '\n' {
                self.text.line += 1;
            }
            self.text.at += c.len_utf8();
        }
    }

    /// `${...}`, whose brace has been passed.
    fn braced(&mut self, quoted: bool) -> Result<Parameter, SyntaxError> {
        self.enter()?;
        let start = self.text.at;
        let parameter = match self.braced_parameter(quoted)? {
            Some(parameter) if self.peek() == Some(b'}') => {
                self.bump();
                parameter
            }
            _ => {
                // It ends where its brace is, wherever reading it got stuck.
                self.parts(if quoted { Until::QuotedBrace } else { Until::Brace }, Tilde::Never)?;
                if self.peek().is_none() {
                    return Err(self.error("Missing '}'"));
                }
                let text = self.text.buffer[start..self.text.at].into();
                self.bump();
                Parameter { name: Name::Special('?'), index: None, indirect: false, operation: Operation::Bad(text) }
            }
        };
        self.depth -= 1;
        Ok(parameter)
    }

    fn braced_parameter(&mut self, quoted: bool) -> Result<Option<Parameter>, SyntaxError> {
        let Some(first) = self.peek() else { return Ok(None) };
        let second = self.ahead(1).unwrap_or(b'}');
        let names = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
        let special = |byte: u8| matches!(byte, b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!');
        if first == b'#' && (names(second) || (special(second) && self.ahead(2) == Some(b'}'))) {
            self.bump();
            let Some((name, index)) = self.parameter_name()? else { return Ok(None) };
            return Ok(Some(Parameter { name, index, indirect: false, operation: Operation::Length }));
        }
        let indirect = first == b'!'
            && (names(second)
                || (matches!(second, b'#' | b'@' | b'*' | b'?' | b'!' | b'-' | b'$') && self.ahead(2) == Some(b'}')));
        if indirect {
            self.bump();
        }
        let Some((name, index)) = self.parameter_name()? else { return Ok(None) };
        let mut parameter = Parameter { name, index, indirect, operation: Operation::None };
        if indirect && matches!(parameter.index, Some(Index::Each | Index::All)) && self.peek() == Some(b'}') {
            parameter.operation = Operation::Keys;
            parameter.indirect = false;
            return Ok(Some(parameter));
        }
        if indirect
            && parameter.index.is_none()
            && matches!(self.peek(), Some(b'@' | b'*'))
            && self.ahead(1) == Some(b'}')
        {
            parameter.operation = Operation::Names { each: self.ahead(0) == Some(b'@') };
            parameter.indirect = false;
            self.bump();
            return Ok(Some(parameter));
        }
        let Some(operation) = self.operation(quoted)? else { return Ok(None) };
        parameter.operation = operation;
        Ok(Some(parameter))
    }

    fn parameter_name(&mut self) -> Result<Option<(Name, Option<Index>)>, SyntaxError> {
        let Some(byte) = self.peek() else { return Ok(None) };
        if byte.is_ascii_digit() {
            let length = self.rest().bytes().take_while(u8::is_ascii_digit).count();
            let number = self.rest()[..length].parse().unwrap_or(usize::MAX);
            self.text.at += length;
            return Ok(Some((Name::Positional(number), None)));
        }
        if byte == b'_' || byte.is_ascii_alphabetic() {
            let length = self.rest().bytes().take_while(|&b| b == b'_' || b.is_ascii_alphanumeric()).count();
            let name = Name::Variable(self.rest()[..length].into());
            self.text.at += length;
            let mut index = None;
            if self.peek() == Some(b'[') {
                self.bump();
                index = Some(match (self.ahead(0), self.ahead(1)) {
                    (Some(b'@'), Some(b']')) => {
                        self.bump();
                        Index::Each
                    }
                    (Some(b'*'), Some(b']')) => {
                        self.bump();
                        Index::All
                    }
                    _ => Index::One(self.parts(Until::Bracket, Tilde::Never)?),
                });
                if self.peek() != Some(b']') {
                    return Ok(None);
                }
                self.bump();
            }
            return Ok(Some((name, index)));
        }
        if matches!(byte, b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!') {
            self.bump();
            return Ok(Some((Name::Special(char::from(byte)), None)));
        }
        Ok(None)
    }

    /// What is done with the parameter's value, up to the closing brace. Nothing where it makes no sense.
    fn operation(&mut self, quoted: bool) -> Result<Option<Operation>, SyntaxError> {
        let Some(mut byte) = self.peek() else { return Ok(None) };
        let operand = if quoted { Until::QuotedBrace } else { Until::Brace };
        let null = byte == b':';
        if null {
            match self.ahead(1) {
                Some(next @ (b'-' | b'=' | b'?' | b'+')) => {
                    self.bump();
                    byte = next;
                }
                _ => {
                    self.bump();
                    let offset = self.arithmetic_text(b":}")?;
                    let mut length = None;
                    if self.peek() == Some(b':') {
                        self.bump();
                        length = Some(arithmetic(self.arithmetic_text(b"}")?));
                    }
                    return Ok(Some(Operation::Slice { offset: arithmetic(offset), length }));
                }
            }
        }
        let operation = match byte {
            b'}' => return Ok(Some(Operation::None)),
            b'-' | b'=' | b'?' | b'+' => {
                self.bump();
                let tilde = if quoted { Tilde::Never } else { Tilde::AtStart };
                let word = self.parts(operand, tilde)?;
                match byte {
                    b'-' => Operation::Default { null, word },
                    b'=' => Operation::Assign { null, word },
                    b'?' => Operation::Error { null, word },
                    _ => Operation::Alternative { null, word },
                }
            }
            b'#' | b'%' => {
                self.bump();
                let longest = self.peek() == Some(byte);
                if longest {
                    self.bump();
                }
                let pattern = self.parts(Until::Brace, Tilde::AtStart)?;
                if byte == b'#' {
                    Operation::RemovePrefix { longest, pattern }
                } else {
                    Operation::RemoveSuffix { longest, pattern }
                }
            }
            b'/' => {
                self.bump();
                let at = match self.peek() {
                    Some(b'/') => ReplaceAt::Every,
                    Some(b'#') => ReplaceAt::Start,
                    Some(b'%') => ReplaceAt::End,
                    _ => ReplaceAt::First,
                };
                if at != ReplaceAt::First {
                    self.bump();
                }
                let pattern = self.parts(Until::Slash, Tilde::Never)?;
                let mut with = Word::default();
                if self.peek() == Some(b'/') {
                    self.bump();
                    with = self.parts(Until::Brace, Tilde::AtStart)?;
                }
                Operation::Replace { at, pattern, with }
            }
            b'^' | b',' => {
                self.bump();
                let all = self.peek() == Some(byte);
                if all {
                    self.bump();
                }
                Operation::Case { upper: byte == b'^', all, pattern: self.parts(Until::Brace, Tilde::Never)? }
            }
            b'@' => {
                self.bump();
                match self.peek() {
                    Some(letter) if letter.is_ascii_alphabetic() => {
                        self.bump();
                        Operation::Transform(char::from(letter))
                    }
                    _ => return Ok(None),
                }
            }
            _ => return Ok(None),
        };
        Ok(Some(operation))
    }
}

fn plain_parameter(name: Name) -> Part {
    Part::Parameter(Box::new(Parameter { name, index: None, indirect: false, operation: Operation::None }))
}

/// An expression, read now if nothing in it has to be expanded first.
pub fn arithmetic(word: Word) -> Arithmetic {
    let text = match word.0.as_slice() {
        [] => "",
        [Part::Literal(text)] => text,
        _ => return Arithmetic::Dynamic(word),
    };
    match arith::parse(text) {
        Ok(expression) => Arithmetic::Static(expression),
        // To be told about when it is run.
        Err(_) => Arithmetic::Dynamic(word),
    }
}

/// What was read as an assignment, as a plain word.
fn without_tildes(head: &str, value: &Word) -> Word {
    let mut parts = vec![Part::Literal(head.into())];
    parts.extend(value.0.iter().map(|part| match part {
        Part::Tilde(name) => Part::Literal(format!("~{name}").into()),
        part => part.clone(),
    }));
    Word(parts)
}
