//! Cuts a template into text and the words of its actions (Go `text/template/parse/lex.go`).

use super::error::TemplateError;
use super::node::Span;
use crate::cli::output::text::{code_point, quote};

/// One word.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub kind: TokenKind,
    pub span: Span,
    /// Whether white space stands before it.
    pub spaced: bool,
}

/// What a word is.
#[derive(Clone, Debug, PartialEq)]
pub enum TokenKind {
    Text(String),
    Open,
    Close,
    Dot,
    Field(String),
    Variable(String),
    Word(String),
    Number(String),
    String(String),
    Char(char),
    Pipe,
    LeftParen,
    RightParen,
    Comma,
    Declare,
    Assign,
}

type Result<T> = std::result::Result<T, TemplateError>;

/// The words of `source`.
pub fn tokens(source: &str) -> Result<Vec<Token>> {
    let mut lexer = Lexer { source, at: 0, tokens: Vec::new() };
    let mut trim = false;
    loop {
        let rest = &source[lexer.at..];
        let Some(open) = rest.find("{{") else {
            lexer.text(rest, trim, false);
            return Ok(lexer.tokens);
        };
        let (text, action) = rest.split_at(open);
        let trims = action[2..].starts_with('-') && action[3..].starts_with(is_space);
        lexer.text(text, trim, trims);
        let start = lexer.at + open;
        lexer.at = start + if trims { 4 } else { 2 };
        trim = if source[lexer.at..].starts_with("/*") { lexer.comment(start)? } else { lexer.action(start)? };
    }
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    tokens: Vec<Token>,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    fn fail<T>(&self, at: usize, why: &str) -> Result<T> {
        Err(TemplateError::form(self.source, at, why))
    }

    fn text(&mut self, text: &str, trim_start: bool, trim_end: bool) {
        let text = if trim_start { text.trim_start_matches(is_space) } else { text };
        let text = if trim_end { text.trim_end_matches(is_space) } else { text };
        if !text.is_empty() {
            let span = self.at..self.at + text.len();
            self.tokens.push(Token { kind: TokenKind::Text(text.to_owned()), span, spaced: false });
        }
    }

    /// Passes over a comment; whether the text behind it is trimmed.
    fn comment(&mut self, start: usize) -> Result<bool> {
        let Some(end) = self.rest()[2..].find("*/") else { return self.fail(start, "unclosed comment") };
        self.at += end + 4;
        match self.close() {
            Some(trims) => Ok(trims),
            None => self.fail(start, "comment ends before closing delimiter"),
        }
    }

    /// Passes over the end of an action, if it is here; whether the text behind it is trimmed.
    fn close(&mut self) -> Option<bool> {
        let rest = self.rest();
        let trims = rest.starts_with(is_space) && rest[1..].starts_with("-}}");
        if !trims && !rest.starts_with("}}") {
            return None;
        }
        self.at += if trims { 4 } else { 2 };
        Some(trims)
    }

    /// Reads an action to its end; whether the text behind it is trimmed.
    fn action(&mut self, start: usize) -> Result<bool> {
        self.tokens.push(Token { kind: TokenKind::Open, span: start..self.at, spaced: false });
        let mut spaced = false;
        loop {
            let at = self.at;
            if let Some(trims) = self.close() {
                self.tokens.push(Token { kind: TokenKind::Close, span: at..self.at, spaced });
                return Ok(trims);
            }
            let Some(c) = self.rest().chars().next() else { return self.fail(start, "unclosed action") };
            if is_space(c) {
                self.at += 1;
                spaced = true;
                continue;
            }
            let kind = self.word(c)?;
            self.tokens.push(Token { kind, span: at..self.at, spaced });
            spaced = false;
        }
    }

    fn word(&mut self, first: char) -> Result<TokenKind> {
        let rest = self.rest();
        let second = rest[first.len_utf8()..].chars().next();
        let single = |kind| (kind, 1);
        let (kind, length) = match first {
            '|' => single(TokenKind::Pipe),
            '(' => single(TokenKind::LeftParen),
            ')' => single(TokenKind::RightParen),
            ',' => single(TokenKind::Comma),
            '=' => single(TokenKind::Assign),
            ':' if second == Some('=') => (TokenKind::Declare, 2),
            ':' => return self.fail(self.at, "expected :="),
            '"' => return self.string(),
            '`' => match rest[1..].find('`') {
                Some(end) => (TokenKind::String(rest[1..=end].to_owned()), end + 2),
                None => return self.fail(self.at, "unterminated raw quoted string"),
            },
            '\'' => return self.character(),
            '.' if second.is_some_and(|c| c.is_ascii_digit()) => return self.number(),
            '.' => match name(&rest[1..]) {
                "" => single(TokenKind::Dot),
                field => (TokenKind::Field(field.to_owned()), field.len() + 1),
            },
            '$' => {
                let variable = name(&rest[1..]);
                (TokenKind::Variable(variable.to_owned()), variable.len() + 1)
            }
            '+' | '-' | '0'..='9' => return self.number(),
            c if c == '_' || c.is_alphanumeric() => {
                let word = name(rest);
                (TokenKind::Word(word.to_owned()), word.len())
            }
            c if c.is_ascii_graphic() => {
                return self.fail(self.at, &format!("unexpected {} in operand", quote(&c.to_string())));
            }
            c => {
                let why = format!("unrecognized character in action: {}", code_point(c));
                return self.fail(self.at, &why);
            }
        };
        self.at += length;
        if let (TokenKind::Field(_) | TokenKind::Variable(_) | TokenKind::Word(_), Some(next)) =
            (&kind, self.rest().chars().next())
            && !is_space(next)
            && !matches!(next, '.' | ',' | '|' | ':' | ')' | '(' | '}' | '=')
        {
            let why = format!("bad character {}", code_point(next));
            return self.fail(self.at, &why);
        }
        Ok(kind)
    }

    fn number(&mut self) -> Result<TokenKind> {
        let rest = self.rest();
        let mut previous = ' ';
        let goes_on = |c: &char| {
            let sign = matches!(c, '+' | '-') && matches!(previous, ' ' | 'e' | 'E' | 'p' | 'P');
            previous = *c;
            sign || c.is_ascii_alphanumeric() || matches!(c, '.' | '_')
        };
        let text: String = rest.chars().take_while(goes_on).collect();
        self.at += text.len();
        Ok(TokenKind::Number(text))
    }

    fn string(&mut self) -> Result<TokenKind> {
        let start = self.at;
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            match self.rest().chars().next() {
                None | Some('\n') => return self.fail(start, "unterminated quoted string"),
                Some('"') => break,
                Some('\\') => self.escape('"', &mut bytes)?,
                Some(c) => {
                    bytes.extend(c.to_string().bytes());
                    self.at += c.len_utf8();
                }
            }
        }
        self.at += 1;
        Ok(TokenKind::String(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn character(&mut self) -> Result<TokenKind> {
        let start = self.at;
        self.at += 1;
        let mut bytes = Vec::new();
        match self.rest().chars().next() {
            None | Some('\n' | '\'') => return self.fail(start, "unterminated character constant"),
            Some('\\') => self.escape('\'', &mut bytes)?,
            Some(c) => {
                bytes.extend(c.to_string().bytes());
                self.at += c.len_utf8();
            }
        }
        if !self.rest().starts_with('\'') {
            return self.fail(start, "unterminated character constant");
        }
        self.at += 1;
        let c = match (bytes.as_slice(), std::str::from_utf8(&bytes)) {
            (_, Ok(text)) => text.chars().next(),
            ([byte], Err(_)) => Some(char::from(*byte)),
            _ => None,
        };
        c.map(TokenKind::Char).map_or_else(|| self.fail(start, "malformed character constant"), Ok)
    }

    /// Reads one escape of a Go string.
    fn escape(&mut self, mark: char, bytes: &mut Vec<u8>) -> Result<()> {
        let start = self.at;
        let rest = &self.rest()[1..];
        let invalid = |lexer: &Self| lexer.fail(start, "invalid syntax in quoted string");
        let Some(letter) = rest.chars().next() else { return invalid(self) };
        let digits = |count: usize, from: usize, radix| {
            let digits = rest.get(from..from + count).filter(|d| d.chars().all(|c| c.is_digit(radix)))?;
            u32::from_str_radix(digits, radix).ok()
        };
        let (code, length, is_byte) = match letter {
            'a' => (Some(7), 1, true),
            'b' => (Some(8), 1, true),
            'f' => (Some(12), 1, true),
            'n' => (Some(10), 1, true),
            'r' => (Some(13), 1, true),
            't' => (Some(9), 1, true),
            'v' => (Some(11), 1, true),
            '\\' => (Some(92), 1, true),
            c if c == mark => (Some(u32::from(mark)), 1, true),
            'x' => (digits(2, 1, 16), 3, true),
            'u' => (digits(4, 1, 16), 5, false),
            'U' => (digits(8, 1, 16), 9, false),
            '0'..='7' => (digits(3, 0, 8), 3, true),
            _ => return invalid(self),
        };
        match (code.and_then(char::from_u32), code) {
            (_, Some(code @ 0..=255)) if is_byte => bytes.push(code as u8),
            (Some(c), _) if !is_byte => bytes.extend(c.to_string().bytes()),
            _ => return invalid(self),
        }
        self.at += 1 + length;
        Ok(())
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// The letters, digits and underscores at the start.
fn name(text: &str) -> &str {
    &text[..text.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(text.len())]
}
