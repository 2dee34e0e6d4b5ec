//! Takes a script apart into tokens, one complete command at a time, and words into their pieces.
//!
//! `brush-parser` then finds the commands in the tokens (`super::lower`). Its own tokenizer and word parser are not used: they want the whole script at once,
//! know no aliases, lose blanks within `${...}` and panic on some numbers. A word goes to the grammar as a placeholder that stands for the pieces found here, unless
//! it is so plain that it may be a reserved word, so the grammar sees structure alone.

use std::rc::Rc;

use brush_parser::{SourcePosition, SourceSpan, Token};

use super::ast::{Assignment, Word};
use super::heredoc::Pending;
use super::lower;
use super::{SyntaxError, ast};

/// How deep commands and expansions may nest. The grammar recurses on the stack.
const DEPTH: u32 = 150;

/// Where text comes from when the lexer needs more, and what else it has to ask.
pub trait Feed {
    /// The next line with its newline, or nothing at the end of the script. `continued`: a command has begun.
    fn more(&mut self, continued: bool) -> Option<String>;
    fn alias(&self, name: &str) -> Option<Rc<str>>;
    /// Whether `@(a|b)` is a pattern outside of `[[`.
    fn extended_patterns(&self) -> bool;
    /// Whether the texts of commands are wanted for lists of jobs.
    fn keeps_texts(&self) -> bool;
}

/// For text that is all there: a function's, an expansion's within a here-document.
pub struct NoMore<'a>(pub &'a dyn Feed);

impl Feed for NoMore<'_> {
    fn more(&mut self, _: bool) -> Option<String> {
        None
    }
    fn alias(&self, name: &str) -> Option<Rc<str>> {
        self.0.alias(name)
    }
    fn extended_patterns(&self) -> bool {
        self.0.extended_patterns()
    }
    fn keeps_texts(&self) -> bool {
        self.0.keeps_texts()
    }
}

/// The text read so far and how much of it is used.
#[derive(Debug)]
pub struct Text {
    pub buffer: String,
    pub at: usize,
    pub line: u32,
    pub ended: bool,
}

impl Text {
    pub fn new(buffer: String, line: u32) -> Text {
        Text { buffer, at: 0, line, ended: false }
    }
}

/// The tokens of a command, and what their placeholders stand for.
#[derive(Default)]
pub struct Tokens {
    pub list: Vec<Token>,
    /// Where each token stands in the text.
    pub spans: Vec<(usize, usize)>,
    pub words: Vec<Word>,
    pub assignments: Vec<Assignment>,
    /// For a token that begins a pipeline, the one behind its last.
    pub ends: Vec<(usize, usize)>,
}

/// What begins the text of a placeholder. The number of the word follows.
pub const PLACEHOLDER: char = '\u{1}';

/// What stands before the variable of a `select`.
pub const SELECT: char = '%';

pub struct Lexer<'a> {
    pub text: &'a mut Text,
    pub feed: &'a mut dyn Feed,
    pub out: Tokens,
    pub pending: Vec<Pending>,
    pub depth: u32,
    /// Where two parentheses turned out to be no arithmetic. Finding that out again for each level around them would take exponentially long.
    pub not_arithmetic: Vec<usize>,
    /// Aliases being expanded, and where what they expanded to ends.
    aliases: Vec<(Rc<str>, usize)>,
}

/// What ends a run of commands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The end of a complete command.
    Newline,
    /// The parenthesis that belongs to a `$(` before.
    Parenthesis,
    /// The end of the text.
    End,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Brace,
    Parenthesis,
    If,
    While,
    For,
    Do,
    Case,
}

struct Frame {
    kind: Kind,
    /// The token that began the pipeline around it.
    pipeline: Option<usize>,
}

/// What the commands lexed so far lead to.
struct State {
    stack: Vec<Frame>,
    /// A command may begin here: reserved words are known.
    start: bool,
    /// No word of the command has come yet: assignments and aliases are.
    prefix: bool,
    /// An alias that ends with a blank was expanded; the word from here on may be one as well.
    alias_next: Option<usize>,
    /// The line ends, but not the command.
    continues: bool,
    /// How many words the command has so far.
    words: usize,
    pipeline: Option<usize>,
}

/// A token as it is found, before the grammar's names.
pub enum Found {
    End,
    Newline,
    Operator(&'static str),
    /// Digits with `<` or `>` right behind them.
    Number(String),
    /// A word begins here.
    Word,
}

const OPERATORS: [&str; 22] = [
    ";;&", ";;", ";&", ";", "&&", "&>>", "&>", "&", "||", "|&", "|", "<<-", "<<<", "<<", "<&", "<>", "<", ">>", ">&",
    ">|", ">", "(",
];

impl<'a> Lexer<'a> {
    pub fn new(text: &'a mut Text, feed: &'a mut dyn Feed, depth: u32) -> Lexer<'a> {
        Lexer {
            text,
            feed,
            out: Tokens::default(),
            pending: Vec::new(),
            depth,
            not_arithmetic: Vec::new(),
            aliases: Vec::new(),
        }
    }

    /// The next complete command; nothing at the end of the script. An empty list where a line holds none.
    pub fn command(&mut self) -> Result<Option<ast::List>, SyntaxError> {
        self.text.buffer.drain(..self.text.at);
        self.text.at = 0;
        if self.text.buffer.is_empty() && !self.fill(false) {
            return Ok(None);
        }
        self.commands(Stop::Newline)?;
        self.finish().map(Some)
    }

    /// All commands up to the end of the text, or to the parenthesis that closes them.
    pub fn list(&mut self, stop: Stop) -> Result<ast::List, SyntaxError> {
        self.enter()?;
        let outer = std::mem::take(&mut self.out);
        let pending = std::mem::take(&mut self.pending);
        let result = self.commands(stop).and_then(|()| self.here_documents(true)).and_then(|()| self.finish());
        self.out = outer;
        self.pending = pending;
        self.depth -= 1;
        result
    }

    fn finish(&mut self) -> Result<ast::List, SyntaxError> {
        let tokens = std::mem::take(&mut self.out);
        lower::program(tokens, &self.text.buffer, self.feed.keeps_texts(), self.text.line)
    }

    pub fn enter(&mut self) -> Result<(), SyntaxError> {
        self.depth += 1;
        if self.depth > DEPTH { Err(self.error("nested too deeply")) } else { Ok(()) }
    }

    pub fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError { line: self.text.line, message: message.into() }
    }

    /// Gets another line. `continued`: a command has begun.
    fn fill(&mut self, continued: bool) -> bool {
        if self.text.ended {
            return false;
        }
        match self.feed.more(continued) {
            Some(line) => self.text.buffer.push_str(&line),
            None => self.text.ended = true,
        }
        !self.text.ended
    }

    /// The byte that comes next, reading on where the text ends.
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            if let Some(&byte) = self.text.buffer.as_bytes().get(self.text.at) {
                return Some(byte);
            }
            if !self.fill(true) {
                return None;
            }
        }
    }

    /// The byte so far behind, within the text there is.
    pub fn ahead(&self, distance: usize) -> Option<u8> {
        self.text.buffer.as_bytes().get(self.text.at + distance).copied()
    }

    /// Passes one byte.
    pub fn bump(&mut self) {
        if self.ahead(0) == Some(b'\n') {
            self.text.line += 1;
        }
        self.text.at += 1;
    }

    pub fn rest(&self) -> &str {
        self.text.buffer.get(self.text.at..).unwrap_or("")
    }

    /// Passes blanks, comments, and newlines behind a backslash.
    pub fn blanks(&mut self) {
        loop {
            // The end of the text is looked at without asking for more, so that nothing is read too early.
            match self.ahead(0) {
                Some(b' ' | b'\t') => self.bump(),
                Some(b'\\') if self.ahead(1) == Some(b'\n') => {
                    self.bump();
                    self.bump();
                    if self.ahead(0).is_none() && self.peek().is_none() {
                        return;
                    }
                }
                Some(b'#') => {
                    let length = self.rest().find('\n').unwrap_or(self.rest().len());
                    self.text.at += length;
                }
                _ => return,
            }
        }
    }

    /// The byte that comes next behind blanks, on a later line if need be.
    pub fn next_byte(&mut self) -> Option<u8> {
        loop {
            self.blanks();
            if let Some(byte) = self.ahead(0) {
                return Some(byte);
            }
            if !self.fill(true) {
                return None;
            }
        }
    }

    /// What comes next; operators and numbers are passed, a word is not.
    pub fn found(&mut self) -> Found {
        let Some(byte) = self.next_byte() else { return Found::End };
        match byte {
            b'\n' => {
                self.bump();
                Found::Newline
            }
            b')' => {
                self.bump();
                Found::Operator(")")
            }
            b'<' | b'>' if self.ahead(1) == Some(b'(') => Found::Word,
            b';' | b'&' | b'|' | b'<' | b'>' | b'(' => {
                let rest = self.rest();
                let operator = OPERATORS.iter().find(|operator| rest.starts_with(**operator)).copied().unwrap_or("(");
                self.text.at += operator.len();
                Found::Operator(operator)
            }
            b'0'..=b'9' => {
                let rest = self.rest();
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                let behind = &rest.as_bytes()[digits..];
                // Beyond nine digits it is no descriptor of anybody's.
                if digits < 10 && matches!(behind.first(), Some(b'<' | b'>')) && behind.get(1) != Some(&b'(') {
                    let number = rest[..digits].to_owned();
                    self.text.at += digits;
                    return Found::Number(number);
                }
                Found::Word
            }
            _ => Found::Word,
        }
    }

    fn push(&mut self, token: fn(String, SourceSpan) -> Token, text: &str, start: usize) {
        let number = self.out.list.len();
        let position = |index| std::sync::Arc::new(SourcePosition { index, line: self.text.line as usize, column: 1 });
        let span = SourceSpan { start: position(number), end: position(number + 1) };
        self.out.list.push(token(text.to_owned(), span));
        self.out.spans.push((start, self.text.at));
    }

    pub fn operator(&mut self, text: &str, start: usize) {
        self.push(Token::Operator, text, start);
    }

    pub fn plain(&mut self, text: &str, start: usize) {
        self.push(Token::Word, text, start);
    }

    /// Passes a word on: as it is if it is plain, else by a placeholder.
    pub fn word_token(&mut self, word: Word, start: usize) {
        let plain = |text: &str| {
            text.bytes().all(|b| {
                b.is_ascii_alphanumeric()
                    || matches!(b, b'_' | b'-' | b'{' | b'}' | b'!' | b'/' | b'.' | b',' | b':' | b'+' | b'%')
            }) && !text.bytes().all(|b| b.is_ascii_digit())
        };
        if let Some(text) = word.as_literal().filter(|text| plain(text) || *text == "[[") {
            let text = text.to_owned();
            return self.plain(&text, start);
        }
        let text = format!("{PLACEHOLDER}{}", self.out.words.len());
        self.out.words.push(word);
        self.plain(&text, start);
    }

    /// The commands up to `stop`, as tokens.
    fn commands(&mut self, stop: Stop) -> Result<(), SyntaxError> {
        let mut state = State {
            stack: Vec::new(),
            start: true,
            prefix: true,
            alias_next: None,
            continues: false,
            words: 0,
            pipeline: None,
        };
        loop {
            self.blanks();
            // Asking for more once a command is complete would take lines that belong to the commands it runs.
            let complete = stop == Stop::Newline && self.ahead(0).is_none() && self.out.list.is_empty();
            if !complete {
                self.next_byte();
            }
            let start = self.text.at;
            let found = if complete { Found::End } else { self.found() };
            match found {
                Found::End => {
                    if !state.stack.is_empty() || state.continues || stop == Stop::Parenthesis {
                        return Err(self.error(match state.stack.last().map(|frame| frame.kind) {
                            Some(Kind::Brace) => "end of file unexpected (expecting \"}\")",
                            Some(Kind::Parenthesis) => "end of file unexpected (expecting \")\")",
                            Some(Kind::If) => "end of file unexpected (expecting \"fi\")",
                            Some(Kind::While | Kind::For) => "end of file unexpected (expecting \"do\")",
                            Some(Kind::Do) => "end of file unexpected (expecting \"done\")",
                            Some(Kind::Case) => "end of file unexpected (expecting \";;\")",
                            None if stop == Stop::Parenthesis => "end of file unexpected (expecting \")\")",
                            None => "end of file unexpected",
                        }));
                    }
                    self.close(&mut state);
                    return self.here_documents(true);
                }
                Found::Newline => {
                    self.here_documents(false)?;
                    if !state.continues {
                        self.close(&mut state);
                    }
                    if state.stack.is_empty() && !state.continues && stop == Stop::Newline {
                        return Ok(());
                    }
                    self.operator("\n", start);
                    if !state.continues {
                        state.begin();
                    }
                }
                Found::Number(number) => {
                    self.begin(&mut state);
                    self.plain(&number, start);
                    state.start = false;
                }
                Found::Operator(operator) => {
                    if self.operate(&mut state, operator, start, stop)? {
                        return Ok(());
                    }
                }
                Found::Word => self.command_word(&mut state, start)?,
            }
        }
    }

    /// Remembers where a pipeline begins.
    fn begin(&mut self, state: &mut State) {
        state.continues = false;
        if state.pipeline.is_none() {
            state.pipeline = Some(self.out.list.len());
        }
    }

    /// A pipeline ends before the token to come.
    fn close(&mut self, state: &mut State) {
        if let Some(start) = state.pipeline.take() {
            self.out.ends.push((start, self.out.list.len()));
        }
    }

    /// Takes in an operator. True where it is the end of what is read.
    fn operate(
        &mut self,
        state: &mut State,
        operator: &'static str,
        start: usize,
        stop: Stop,
    ) -> Result<bool, SyntaxError> {
        match operator {
            ";" | "&" => {
                self.close(state);
                self.operator(operator, start);
                state.begin();
            }
            "&&" | "||" => {
                self.close(state);
                self.operator(operator, start);
                state.begin();
                state.continues = true;
            }
            "|" | "|&" => {
                self.operator(operator, start);
                state.begin();
                state.continues = true;
            }
            ";;" | ";&" | ";;&" => {
                self.close(state);
                self.operator(operator, start);
                state.begin();
                if state.top() == Some(Kind::Case) {
                    self.patterns(state)?;
                }
            }
            "(" => self.open(state, start)?,
            ")" => {
                self.close(state);
                if state.stack.is_empty() && stop == Stop::Parenthesis {
                    return Ok(true);
                }
                self.operator(")", start);
                if state.top() == Some(Kind::Parenthesis) {
                    state.pop();
                }
                state.end_compound();
            }
            _ => {
                self.begin(state);
                self.operator(operator, start);
                state.start = false;
                self.redirect_target(operator)?;
            }
        }
        Ok(false)
    }

    /// The word behind a redirection's operator. Where none is the grammar will say so.
    fn redirect_target(&mut self, operator: &str) -> Result<(), SyntaxError> {
        self.next_byte();
        let start = self.text.at;
        if !matches!(self.ahead(0), Some(byte) if !matches!(byte, b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')'))
            && !self.rest().starts_with("<(")
            && !self.rest().starts_with(">(")
        {
            return Ok(());
        }
        if matches!(operator, "<<" | "<<-") {
            return self.here_delimiter(operator == "<<-", start);
        }
        let word = self.word()?;
        self.word_token(word, start);
        Ok(())
    }

    /// An opening parenthesis: a function's, a subshell's, or arithmetic.
    fn open(&mut self, state: &mut State, start: usize) -> Result<(), SyntaxError> {
        if !state.start && state.words == 1 {
            self.operator("(", start);
            self.blanks();
            if self.ahead(0) == Some(b')') {
                let start = self.text.at;
                self.bump();
                self.operator(")", start);
                state.begin();
                state.continues = true;
            }
            return Ok(());
        }
        self.begin(state);
        if state.start && self.ahead(0) == Some(b'(') && self.arithmetic_command(start)? {
            state.end_compound();
            return Ok(());
        }
        // The grammar takes two parentheses for arithmetic, whatever stands between them.
        if matches!(self.out.list.last(), Some(Token::Operator(text, _)) if text == "(") {
            self.operator("\n", start);
            if state.pipeline == Some(self.out.list.len() - 1) {
                state.pipeline = Some(self.out.list.len());
            }
        }
        self.operator("(", start);
        if state.start {
            self.push_frame(state, Kind::Parenthesis)?;
        }
        Ok(())
    }

    fn push_frame(&mut self, state: &mut State, kind: Kind) -> Result<(), SyntaxError> {
        if state.stack.len() as u32 + self.depth >= DEPTH {
            return Err(self.error("nested too deeply"));
        }
        state.stack.push(Frame { kind, pipeline: state.pipeline.take() });
        state.begin();
        Ok(())
    }

    /// `((expression))`, whose first parenthesis has been passed. False, with nothing changed, where it is none.
    fn arithmetic_command(&mut self, start: usize) -> Result<bool, SyntaxError> {
        let (at, line, depth) = (self.text.at, self.text.line, self.depth);
        if self.not_arithmetic.contains(&at) {
            return Ok(false);
        }
        self.bump();
        if let Ok(word) = self.arithmetic_text(b")")
            && self.ahead(0) == Some(b')')
            && self.ahead(1) == Some(b')')
        {
            self.bump();
            self.bump();
            self.operator("(", start);
            self.operator("(", start);
            // Always a placeholder: the grammar is not to look into it.
            let text = format!("{PLACEHOLDER}{}", self.out.words.len());
            self.out.words.push(word);
            self.plain(&text, start);
            self.operator(")", start);
            self.operator(")", start);
            return Ok(true);
        }
        self.text.at = at;
        self.text.line = line;
        self.depth = depth;
        self.not_arithmetic.push(at);
        Ok(false)
    }

    /// A word where a command may begin or go on.
    fn command_word(&mut self, state: &mut State, start: usize) -> Result<(), SyntaxError> {
        if state.start
            && let Some(reserved) = self.reserved(state)
        {
            return self.take_reserved(state, reserved, start);
        }
        if state.top() == Some(Kind::For) && state.start {
            // Only `do` may stand here; the grammar will say so.
            state.start = false;
        }
        let after_alias = state.alias_next.is_some_and(|end| self.text.at >= end);
        if (state.prefix || after_alias) && self.expand_alias(state) {
            return Ok(());
        }
        if after_alias {
            state.alias_next = None;
        }
        self.begin(state);
        if let Some(assignment) = self.assignment(state.prefix)? {
            let text = format!("A{}=", self.out.assignments.len());
            self.out.assignments.push(assignment);
            self.plain(&text, start);
            state.start = false;
            if !state.prefix {
                state.words += 1;
            }
            return Ok(());
        }
        let word = self.word()?;
        self.word_token(word, start);
        state.start = false;
        state.prefix = false;
        state.words += 1;
        Ok(())
    }

    /// The reserved word that comes next, if one does.
    fn reserved(&self, state: &State) -> Option<&'static str> {
        const RESERVED: [&str; 22] = [
            "if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "while", "until", "for", "{", "}", "!",
            "in", "[[", "function", "select", "time", "coproc", "]]",
        ];
        let rest = self.rest();
        let length = rest
            .bytes()
            .take_while(|b| !matches!(b, b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')'))
            .count();
        let text = &rest[..length];
        let word = RESERVED.iter().find(|word| **word == text).copied()?;
        match word {
            "in" | "]]" => None,
            "time" | "!" if state.words > 0 => None,
            // A function may be called so; and `function (` is not ours.
            "function" | "select" | "coproc" | "time"
                if rest[length..].trim_start_matches([' ', '\t']).starts_with("()") =>
            {
                None
            }
            _ => Some(word),
        }
    }

    fn take_reserved(&mut self, state: &mut State, reserved: &'static str, start: usize) -> Result<(), SyntaxError> {
        let closes = matches!(reserved, "then" | "else" | "elif" | "fi" | "do" | "done" | "esac" | "}");
        if closes {
            self.close(state);
            if reserved == "esac" && state.top() == Some(Kind::Case) {
                // Without it the grammar reads the last item twice, and nested ones exponentially often.
                self.operator(";;", start);
            }
        } else if reserved != "!" {
            self.begin(state);
        }
        self.text.at += reserved.len();
        // The grammar has no `select`; it is a `for` whose variable says so.
        self.plain(if reserved == "select" { "for" } else { reserved }, start);
        state.continues = false;
        match reserved {
            "if" => self.push_frame(state, Kind::If)?,
            "while" | "until" => self.push_frame(state, Kind::While)?,
            "{" => {
                if state.top() == Some(Kind::For) {
                    state.set_top(Kind::Brace);
                    state.begin();
                } else {
                    self.push_frame(state, Kind::Brace)?;
                }
            }
            "do" => {
                state.set_top(Kind::Do);
                state.begin();
            }
            "fi" | "done" | "esac" | "}" => {
                state.pop();
                state.end_compound();
            }
            "for" | "select" => self.for_head(state, reserved == "select")?,
            "case" => self.case_head(state)?,
            "function" => {
                self.blanks();
                let start = self.text.at;
                if matches!(self.found_word(), Some(())) {
                    let word = self.word()?;
                    self.word_token(word, start);
                    state.words = 1;
                    self.blanks();
                    if self.rest().starts_with('(') {
                        let start = self.text.at;
                        self.bump();
                        state.start = false;
                        self.open(state, start)?;
                    }
                }
                state.begin();
                state.continues = true;
            }
            "[[" => {
                self.test_command()?;
                state.end_compound();
            }
            "time" => {
                self.blanks();
                let start = self.text.at;
                if self.rest().starts_with("-p") && matches!(self.ahead(2), Some(b' ' | b'\t' | b'\n') | None) {
                    self.text.at += 2;
                    self.plain("-p", start);
                }
                state.begin();
            }
            _ => state.begin(),
        }
        Ok(())
    }

    /// Whether a word comes next.
    pub fn found_word(&mut self) -> Option<()> {
        matches!(self.next_byte(), Some(byte) if !matches!(byte, b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')')).then_some(())
    }

    /// Behind `for`: a name and words, or three expressions.
    fn for_head(&mut self, state: &mut State, select: bool) -> Result<(), SyntaxError> {
        self.blanks();
        let start = self.text.at;
        self.push_frame(state, Kind::For)?;
        if self.rest().starts_with("((") {
            self.text.at += 2;
            self.operator("(", start);
            self.operator("(", start);
            for (stops, end) in [(&b";"[..], ";"), (b";", ";"), (b")", ")")] {
                let word = self.arithmetic_text(stops)?;
                if !word.0.is_empty() && word.as_literal().is_none_or(|text| !text.trim().is_empty()) {
                    let text = format!("{PLACEHOLDER}{}", self.out.words.len());
                    self.out.words.push(word);
                    self.plain(&text, start);
                }
                if !self.rest().starts_with(end) {
                    return Err(self.error(format!("\"{end}\" expected in arithmetic for")));
                }
                self.bump();
                self.operator(end, start);
            }
            if self.ahead(0) != Some(b')') {
                return Err(self.error("\"))\" expected in arithmetic for"));
            }
            self.bump();
            self.operator(")", start);
            return Ok(());
        }
        if self.found_word().is_none() {
            return Ok(());
        }
        let name = self.word()?;
        let Some(name) = name.as_literal().filter(|text| is_name(text)) else {
            return Err(self.error("Bad for loop variable"));
        };
        let name = if select { format!("{SELECT}{name}") } else { name.to_owned() };
        self.plain(&name, start);
        // `in` may stand on a later line.
        let mut newlines = Vec::new();
        loop {
            if self.next_byte() != Some(b'\n') {
                break;
            }
            newlines.push(self.text.at);
            self.bump();
            self.here_documents(false)?;
        }
        let start = self.text.at;
        for at in newlines {
            self.operator("\n", at);
        }
        if self.rest().starts_with("in") && matches!(self.ahead(2), None | Some(b' ' | b'\t' | b'\n' | b';')) {
            self.text.at += 2;
            self.plain("in", start);
            state.start = false;
            state.prefix = false;
            state.words = 2;
        }
        Ok(())
    }

    /// Behind `case`: a word, `in`, the first patterns.
    fn case_head(&mut self, state: &mut State) -> Result<(), SyntaxError> {
        self.blanks();
        let start = self.text.at;
        if self.found_word().is_none() {
            return Ok(());
        }
        let word = self.word()?;
        self.word_token(word, start);
        loop {
            if self.next_byte() != Some(b'\n') {
                break;
            }
            let start = self.text.at;
            self.bump();
            self.operator("\n", start);
            self.here_documents(false)?;
        }
        let start = self.text.at;
        if self.rest().starts_with("in") && matches!(self.ahead(2), None | Some(b' ' | b'\t' | b'\n' | b'(' | b'#')) {
            self.text.at += 2;
            self.plain("in", start);
            self.push_frame(state, Kind::Case)?;
            self.patterns(state)?;
        }
        Ok(())
    }

    /// The patterns of an item of `case`, or `esac`.
    fn patterns(&mut self, state: &mut State) -> Result<(), SyntaxError> {
        let mut first = true;
        loop {
            self.next_byte();
            let start = self.text.at;
            match self.found() {
                Found::Newline => {
                    self.operator("\n", start);
                    self.here_documents(false)?;
                }
                Found::Operator("(") if first => {
                    first = false;
                    self.operator("(", start);
                }
                Found::Operator("|") => self.operator("|", start),
                Found::Operator(")") => {
                    self.operator(")", start);
                    state.begin();
                    return Ok(());
                }
                Found::Word => {
                    let word = self.word()?;
                    let ends = first && word.as_literal() == Some("esac");
                    first = false;
                    self.word_token(word, start);
                    if ends {
                        state.pop();
                        state.end_compound();
                        return Ok(());
                    }
                }
                Found::End => return Err(self.error("end of file unexpected (expecting \")\")")),
                Found::Operator(operator) => {
                    return Err(self.error(format!("\"{operator}\" unexpected (expecting \")\")")));
                }
                Found::Number(number) => return Err(self.error(format!("\"{number}\" unexpected (expecting \")\")"))),
            }
        }
    }

    /// Behind `[[`, up to `]]`.
    fn test_command(&mut self) -> Result<(), SyntaxError> {
        const OPERATORS: [&str; 4] = ["==", "=", "!=", "=~"];
        let mut regex = false;
        let mut parentheses = 0;
        loop {
            self.next_byte();
            let start = self.text.at;
            if regex && !matches!(self.ahead(0), None | Some(b'\n')) {
                let word = self.regex_word()?;
                self.word_token(word, start);
                regex = false;
                continue;
            }
            let rest = self.rest();
            let single = rest.starts_with(['<', '>'])
                && matches!(rest.as_bytes().get(1), Some(b' ' | b'\t' | b'"' | b'\'' | b'$') | None);
            if single {
                let operator = if rest.starts_with('<') { "<" } else { ">" };
                self.bump();
                self.operator(operator, start);
                continue;
            }
            match self.found() {
                Found::End => return Err(self.error("end of file unexpected (expecting \"]]\")")),
                // They mean nothing here; the grammar knows them in some places only.
                Found::Newline => {}
                Found::Operator(operator) => {
                    parentheses += u32::from(operator == "(");
                    if parentheses > DEPTH {
                        return Err(self.error("nested too deeply"));
                    }
                    self.operator(operator, start);
                }
                Found::Number(number) => {
                    let word = Word::literal(&number);
                    self.word_token(word, start);
                }
                Found::Word => {
                    let word = self.pattern_word()?;
                    match word.as_literal() {
                        Some("]]") => {
                            self.plain("]]", start);
                            return Ok(());
                        }
                        Some(text) if OPERATORS.contains(&text) => {
                            regex = text == "=~";
                            let text = text.to_owned();
                            self.plain(&text, start);
                        }
                        _ => self.word_token(word, start),
                    }
                }
            }
        }
    }

    /// Replaces an alias that comes next by what it stands for. True where it did.
    fn expand_alias(&mut self, state: &mut State) -> bool {
        self.aliases.retain(|(_, end)| self.text.at < *end);
        let rest = self.rest();
        let length = rest
            .bytes()
            .take_while(|b| {
                !matches!(
                    b,
                    b' ' | b'\t'
                        | b'\n'
                        | b';'
                        | b'&'
                        | b'|'
                        | b'<'
                        | b'>'
                        | b'('
                        | b')'
                        | b'\''
                        | b'"'
                        | b'\\'
                        | b'$'
                        | b'`'
                        | b'='
                )
            })
            .count();
        // Quoted anywhere, it is no alias.
        if length == 0 || matches!(rest.as_bytes().get(length), Some(b'\'' | b'"' | b'\\' | b'$' | b'`' | b'=')) {
            return false;
        }
        let name = &rest[..length];
        if self.aliases.iter().any(|(used, _)| &**used == name) {
            return false;
        }
        let Some(value) = self.feed.alias(name) else { return false };
        let name: Rc<str> = name.into();
        let at = self.text.at;
        self.text.buffer.replace_range(at..at + length, &value);
        for (_, end) in &mut self.aliases {
            *end = *end + value.len() - length;
        }
        self.aliases.push((name, at + value.len()));
        if let Some(end) = &mut state.alias_next
            && *end > at
        {
            *end = *end + value.len() - length;
        } else {
            state.alias_next = value.ends_with([' ', '\t']).then_some(at + value.len());
        }
        true
    }
}

impl State {
    fn top(&self) -> Option<Kind> {
        self.stack.last().map(|frame| frame.kind)
    }

    fn set_top(&mut self, kind: Kind) {
        if let Some(frame) = self.stack.last_mut() {
            frame.kind = kind;
        }
    }

    fn pop(&mut self) {
        if let Some(frame) = self.stack.pop() {
            self.pipeline = frame.pipeline;
        }
    }

    /// A command may begin now.
    fn begin(&mut self) {
        self.start = true;
        self.prefix = true;
        self.alias_next = None;
        self.continues = false;
        self.words = 0;
    }

    /// A compound command has ended: redirections may follow, and what separates commands.
    fn end_compound(&mut self) {
        self.start = true;
        self.prefix = false;
        self.words = 2;
        self.continues = false;
    }
}

/// Whether this can be a variable's name.
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.as_bytes()[0].is_ascii_digit()
        && text.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())
}
