//! Patterns in the syntaxes of POSIX, GNU and Emacs, written as the regex crates have them.

/// Which characters of a pattern mean something, and which only behind a backslash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Syntax {
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Literal,
    Basic,
    Emacs,
    Extended,
    Perl,
}

impl Syntax {
    /// Text as it is.
    pub fn asis() -> &'static Syntax {
        &Syntax { kind: Kind::Literal }
    }

    /// Basic regular expressions with GNU's `\+`, `\?` and `\|`.
    pub fn grep() -> &'static Syntax {
        &Syntax { kind: Kind::Basic }
    }

    /// The same: GNU's are everywhere.
    pub fn posix_basic() -> &'static Syntax {
        Syntax::grep()
    }

    /// Extended regular expressions.
    pub fn posix_extended() -> &'static Syntax {
        &Syntax { kind: Kind::Extended }
    }

    /// Extended regular expressions with GNU's words and anchors.
    pub fn gnu_regex() -> &'static Syntax {
        Syntax::posix_extended()
    }

    /// Emacs' regular expressions: `+` and `?` as in extended ones, groups as in basic ones.
    pub fn emacs() -> &'static Syntax {
        &Syntax { kind: Kind::Emacs }
    }

    /// What patterns in this syntax are compiled with.
    pub fn options(&self) -> crate::RegexOptions {
        crate::RegexOptions::REGEX_OPTION_NONE
    }

    /// Perl's regular expressions, as far as fancy-regex has them.
    pub fn perl_ng() -> &'static Syntax {
        &Syntax { kind: Kind::Perl }
    }
}

/// A pattern for the regex crates.
#[derive(Debug)]
pub struct Translation {
    pub source: String,
    /// Whether it needs more than regular expressions can do.
    pub is_fancy: bool,
    /// Whether the first match found may be shorter than another one that begins there.
    pub has_choices: bool,
}

pub fn translate(pattern: &str, syntax: &Syntax) -> Result<Translation, String> {
    match syntax.kind {
        Kind::Literal => {
            let mut source = String::with_capacity(pattern.len());
            pattern.chars().for_each(|character| push_literal(&mut source, character));
            Ok(Translation { source, is_fancy: false, has_choices: false })
        }
        Kind::Perl => Ok(Translation { source: pattern.to_owned(), is_fancy: true, has_choices: false }),
        kind => Translator::new(pattern, kind).run(),
    }
}

fn push_literal(source: &mut String, character: char) {
    if character.is_ascii_punctuation() {
        source.push('\\');
    }
    source.push(character);
}

#[derive(PartialEq, Eq)]
enum Token {
    Open,
    Close,
    Alternative,
    /// A repetition, as the regex crates write it.
    Repeat(String),
    Start,
    End,
    Dot,
    Bracket,
    Escape(char),
    Literal(char),
}

struct Translator {
    pattern: Vec<char>,
    at: usize,
    kind: Kind,
    source: String,
    /// Where the last atom begins in `source`. None at the beginning of an alternative.
    atom: Option<usize>,
    is_repeated: bool,
    /// Where the open groups begin.
    groups: Vec<usize>,
    is_fancy: bool,
    has_choices: bool,
}

impl Translator {
    fn new(pattern: &str, kind: Kind) -> Translator {
        Translator {
            pattern: pattern.chars().collect(),
            at: 0,
            kind,
            source: String::with_capacity(pattern.len() + 8),
            atom: None,
            is_repeated: false,
            groups: Vec::new(),
            is_fancy: has_reference(pattern),
            has_choices: false,
        }
    }

    fn run(mut self) -> Result<Translation, String> {
        while self.at < self.pattern.len() {
            let token = self.token();
            self.write(token)?;
        }
        if !self.groups.is_empty() {
            return Err("Unmatched ( or \\(".into());
        }
        Ok(Translation { source: self.source, is_fancy: self.is_fancy, has_choices: self.has_choices })
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.pattern.get(self.at + ahead).copied()
    }

    fn token(&mut self) -> Token {
        let character = self.pattern[self.at];
        self.at += 1;
        let escapes_groups = self.kind != Kind::Extended;
        match character {
            '\\' => self.escaped(escapes_groups),
            '(' if !escapes_groups => Token::Open,
            ')' if !escapes_groups && !self.groups.is_empty() => Token::Close,
            '|' if !escapes_groups => Token::Alternative,
            '{' if !escapes_groups => self.interval("}").unwrap_or(Token::Literal('{')),
            '*' => self.repeat("*"),
            '+' | '?' if self.kind != Kind::Basic => self.repeat(&character.to_string()),
            '^' if self.kind == Kind::Extended || self.atom.is_none() => Token::Start,
            '$' if self.kind == Kind::Extended || self.is_before_end() => Token::End,
            '.' => Token::Dot,
            '[' => Token::Bracket,
            other => Token::Literal(other),
        }
    }

    fn escaped(&mut self, escapes_groups: bool) -> Token {
        let Some(character) = self.peek(0) else { return Token::Literal('\\') };
        self.at += 1;
        match character {
            '(' if escapes_groups => Token::Open,
            ')' if escapes_groups => Token::Close,
            '|' if escapes_groups => Token::Alternative,
            '{' if escapes_groups => self.interval("\\}").unwrap_or(Token::Literal('{')),
            '+' | '?' if self.kind == Kind::Basic => self.repeat(&character.to_string()),
            '1'..='9' | 'w' | 'W' | 's' | 'S' | 'b' | 'B' | '<' | '>' | '`' | '\'' => Token::Escape(character),
            other => Token::Literal(other),
        }
    }

    /// At the beginning of an expression there is nothing to repeat, and the character means itself.
    fn repeat(&self, sign: &str) -> Token {
        if self.atom.is_some() {
            Token::Repeat(sign.to_owned())
        } else {
            Token::Literal(sign.chars().next().expect("one character"))
        }
    }

    /// What follows an opening brace, up to `close`. None where it is no interval.
    fn interval(&mut self, close: &str) -> Option<Token> {
        self.atom?;
        let close: Vec<char> = close.chars().collect();
        let rest = &self.pattern[self.at..];
        let end = rest.windows(close.len()).position(|window| window == close)?;
        let text: String = rest[..end].iter().collect();
        let (least, most) = text.split_once(',').map_or((text.as_str(), None), |(least, most)| (least, Some(most)));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(least) || !most.is_none_or(is_number) || text.is_empty() || text == "," && least.is_empty() {
            return if text == "," { self.closed(end + close.len(), "*") } else { None };
        }
        let least = if least.is_empty() { "0" } else { least };
        let repeat = most.map_or_else(|| format!("{{{least}}}"), |most| format!("{{{least},{most}}}"));
        self.closed(end + close.len(), &repeat)
    }

    fn closed(&mut self, length: usize, repeat: &str) -> Option<Token> {
        self.at += length;
        Some(Token::Repeat(repeat.to_owned()))
    }

    /// Whether the expression, or a group or alternative of it, ends here.
    fn is_before_end(&self) -> bool {
        match (self.peek(0), self.peek(1)) {
            (None, _) => true,
            (Some('\\'), Some(')' | '|')) => true,
            _ => false,
        }
    }

    fn write(&mut self, token: Token) -> Result<(), String> {
        match token {
            Token::Open => {
                self.groups.push(self.source.len());
                self.source.push('(');
                self.atom = None;
                self.is_repeated = false;
                return Ok(());
            }
            Token::Close => {
                let start = self.groups.pop().ok_or("Unmatched ) or \\)")?;
                self.source.push(')');
                self.atom = Some(start);
                self.is_repeated = false;
                return Ok(());
            }
            Token::Alternative => {
                self.source.push('|');
                self.has_choices = true;
                self.atom = None;
                self.is_repeated = false;
                return Ok(());
            }
            Token::Repeat(repeat) => {
                let start = self.atom.expect("there is something to repeat");
                // Two signs in a row would mean something else to the regex crates.
                if self.is_repeated {
                    self.source.insert_str(start, "(?:");
                    self.source.push(')');
                }
                self.source.push_str(&repeat);
                self.is_repeated = true;
                self.has_choices = true;
                return Ok(());
            }
            Token::Start => {
                self.source.push('^');
                // In basic expressions what follows is still a beginning.
                if self.kind == Kind::Extended {
                    self.atom = Some(self.source.len() - 1);
                }
                self.is_repeated = false;
                return Ok(());
            }
            _ => {}
        }
        self.atom = Some(self.source.len());
        self.is_repeated = false;
        match token {
            Token::End => self.source.push('$'),
            Token::Dot => self.source.push('.'),
            Token::Bracket => self.bracket()?,
            Token::Escape(character) => self.escape(character),
            Token::Literal(character) => push_literal(&mut self.source, character),
            Token::Open | Token::Close | Token::Alternative | Token::Repeat(_) | Token::Start => {
                unreachable!("written above")
            }
        }
        Ok(())
    }

    fn escape(&mut self, character: char) {
        let text = match character {
            '<' if self.is_fancy => r"\b(?=\w)",
            '>' if self.is_fancy => r"\b(?<=\w)",
            '<' => r"\b{start}",
            '>' => r"\b{end}",
            '`' => r"\A",
            '\'' => r"\z",
            other => {
                self.source.push('\\');
                self.source.push(other);
                return;
            }
        };
        self.source.push_str(text);
    }

    /// A bracket expression, from behind its `[`. A backslash means itself in it.
    fn bracket(&mut self) -> Result<(), String> {
        let unmatched = || String::from("Unmatched [, [^, [:, [., or [=");
        self.source.push('[');
        if self.peek(0) == Some('^') {
            self.at += 1;
            self.source.push('^');
        }
        let first = self.at;
        loop {
            let character = self.peek(0).ok_or_else(unmatched)?;
            if character == ']' && self.at > first {
                self.at += 1;
                self.source.push(']');
                return Ok(());
            }
            if character == '[' && self.peek(1) == Some(':') {
                let name = self.named(':').ok_or_else(unmatched)?;
                if !CLASSES.contains(&name.as_str()) {
                    return Err("Invalid character class name".into());
                }
                self.source.push_str(&format!("[:{name}:]"));
                continue;
            }
            let start = self.element().ok_or_else(unmatched)?;
            // A dash before the end means itself.
            if self.peek(0) == Some('-') && self.peek(1).is_some_and(|next| next != ']') {
                self.at += 1;
                let end = self.element().ok_or_else(unmatched)?;
                if end < start {
                    return Err("Invalid range end".into());
                }
                push_literal(&mut self.source, start);
                self.source.push('-');
                push_literal(&mut self.source, end);
            } else {
                push_literal(&mut self.source, start);
            }
        }
    }

    /// One character of a bracket expression, which may be written `[.x.]` or `[=x=]`.
    fn element(&mut self) -> Option<char> {
        let character = self.peek(0)?;
        match (character, self.peek(1)) {
            ('[', Some(sign @ ('.' | '='))) => {
                let name = self.named(sign)?;
                let mut characters = name.chars();
                let one = characters.next()?;
                characters.next().is_none().then_some(one)
            }
            _ => {
                self.at += 1;
                Some(character)
            }
        }
    }

    /// What stands between `[:` and `:]`, or the like.
    fn named(&mut self, sign: char) -> Option<String> {
        let start = self.at + 2;
        let end = self.pattern.get(start..)?.windows(2).position(|window| window == [sign, ']'])? + start;
        self.at = end + 2;
        Some(self.pattern[start..end].iter().collect())
    }
}

/// The classes of POSIX.
const CLASSES: [&str; 12] =
    ["alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "xdigit"];

/// Whether a pattern refers to one of its groups.
fn has_reference(pattern: &str) -> bool {
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if character == '\\' && characters.next().is_some_and(|next| matches!(next, '1'..='9')) {
            return true;
        }
    }
    false
}
