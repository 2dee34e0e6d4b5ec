//! Reads the words of a template into nodes (Go `text/template/parse/parse.go`).

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::TemplateError;
use super::lexer::{Token, TokenKind, tokens};
use super::node::{Branch, Command, Kind, Node, Operand, Pipeline};
use super::{MAX_TEMPLATE, Template, functions};
use crate::cli::output::text::quote;

const MAX_DEPTH: usize = 100;

/// The words that are no functions.
const KEYWORDS: &[&str] = &["block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"];

type Result<T> = std::result::Result<T, TemplateError>;

/// Reads a whole template.
pub fn parse(source: &str) -> Result<Template> {
    if source.len() > MAX_TEMPLATE {
        return Err(TemplateError::form(source, 0, format!("{} bytes are more than {MAX_TEMPLATE}", source.len())));
    }
    let mut parser = Parser {
        source,
        tokens: tokens(source)?,
        next: 0,
        variables: vec![String::new()],
        named: BTreeMap::new(),
        depth: 0,
        ranges: 0,
    };
    let (main, end) = parser.list(true)?;
    match end {
        Stop::Source => Ok(Template { source: source.to_owned(), main, named: parser.named }),
        Stop::Else(at) => parser.fail(at, "unexpected {{else}}"),
        Stop::End(at) => parser.fail(at, "unexpected {{end}}"),
    }
}

struct Parser<'s> {
    source: &'s str,
    tokens: Vec<Token>,
    next: usize,
    /// The names in scope, without `$`.
    variables: Vec<String>,
    named: BTreeMap<String, Vec<Node>>,
    depth: usize,
    ranges: usize,
}

/// What ended a list of nodes; the words `else` and `end` are read, what follows them is not.
enum Stop {
    Source,
    Else(usize),
    End(usize),
}

#[derive(Clone, Copy, PartialEq)]
enum Control {
    If,
    With,
    Range,
}

impl Control {
    fn name(self) -> &'static str {
        match self {
            Control::If => "if",
            Control::With => "with",
            Control::Range => "range",
        }
    }
}

impl Parser<'_> {
    fn fail<T>(&self, at: usize, why: impl AsRef<str>) -> Result<T> {
        Err(TemplateError::form(self.source, at, why))
    }

    fn peek(&self) -> Option<&TokenKind> {
        self.tokens.get(self.next).map(|token| &token.kind)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.source.len(), |token| token.span.start)
    }

    /// Where the last word ended.
    fn end(&self) -> usize {
        self.next.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |token| token.span.end)
    }

    fn unexpected<T>(&self, context: &str) -> Result<T> {
        match self.tokens.get(self.next) {
            Some(token) => {
                let text = &self.source[token.span.clone()];
                let shown = match &token.kind {
                    TokenKind::Word(word) if KEYWORDS.contains(&word.as_str()) => format!("<{word}>"),
                    _ => quote(text),
                };
                self.fail(token.span.start, format!("unexpected {shown} in {context}"))
            }
            None => self.fail(self.source.len(), "unexpected EOF"),
        }
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(TokenKind::Word(own)) if own == word)
    }

    fn close(&mut self, context: &str) -> Result<()> {
        if self.peek() != Some(&TokenKind::Close) {
            return self.unexpected(context);
        }
        self.next += 1;
        Ok(())
    }

    /// One level deeper, for as long as `read` takes.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == MAX_DEPTH {
            return self.fail(self.at(), format!("nested deeper than {MAX_DEPTH} levels"));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn list(&mut self, top: bool) -> Result<(Vec<Node>, Stop)> {
        let mut nodes = Vec::new();
        loop {
            let at = self.at();
            match self.peek().cloned() {
                None => return Ok((nodes, Stop::Source)),
                Some(TokenKind::Text(text)) => {
                    self.next += 1;
                    nodes.push(Node::Text(text));
                }
                Some(_) => {
                    self.next += 1;
                    if self.is_word("end") {
                        self.next += 1;
                        self.close("end")?;
                        return Ok((nodes, Stop::End(at)));
                    }
                    if self.is_word("else") {
                        self.next += 1;
                        return Ok((nodes, Stop::Else(at)));
                    }
                    nodes.extend(self.action(top)?);
                }
            }
        }
    }

    /// An action, its opening being read; a definition is no node.
    fn action(&mut self, top: bool) -> Result<Option<Node>> {
        let word = match self.peek() {
            Some(TokenKind::Word(word)) => word.clone(),
            _ => String::new(),
        };
        let at = self.at();
        let control = match word.as_str() {
            "if" => Control::If,
            "with" => Control::With,
            "range" => Control::Range,
            "break" | "continue" => {
                self.next += 1;
                self.close(&word)?;
                if self.ranges == 0 {
                    return self.fail(at, format!("{{{{{word}}}}} outside {{{{range}}}}"));
                }
                return Ok(Some(if word == "break" { Node::Break } else { Node::Continue }));
            }
            "template" => return self.call().map(Some),
            "block" => return self.nested(Self::block).map(Some),
            "define" if top => return self.nested(Self::define).map(|()| None),
            "define" => return self.unexpected("command"),
            _ => {
                let pipeline = self.pipeline("command", false)?;
                self.close("command")?;
                return Ok(Some(Node::Action(pipeline)));
            }
        };
        self.next += 1;
        self.nested(|parser| parser.control(control)).map(Some)
    }

    /// `if`, `with` or `range` behind its word, to its end.
    fn control(&mut self, control: Control) -> Result<Node> {
        let scope = self.variables.len();
        let ranges = self.ranges;
        let condition = self.pipeline(control.name(), control == Control::Range)?;
        self.close(control.name())?;
        self.ranges += usize::from(control == Control::Range);
        let (then, end) = self.list(false)?;
        self.ranges = ranges;
        let otherwise = match end {
            Stop::Source => return self.fail(self.source.len(), "unexpected EOF"),
            Stop::End(_) => Vec::new(),
            Stop::Else(_) if control != Control::Range && self.is_word(control.name()) => {
                self.next += 1;
                vec![self.nested(|parser| parser.control(control))?]
            }
            Stop::Else(_) => {
                self.close("else")?;
                match self.list(false)? {
                    (otherwise, Stop::End(_)) => otherwise,
                    (_, Stop::Else(at)) => return self.fail(at, "expected end; found {{else}}"),
                    (_, Stop::Source) => return self.fail(self.source.len(), "unexpected EOF"),
                }
            }
        };
        self.variables.truncate(scope);
        let branch = Branch { condition, then, otherwise };
        Ok(match control {
            Control::If => Node::If(branch),
            Control::With => Node::With(branch),
            Control::Range => Node::Range(branch),
        })
    }

    fn string(&mut self, context: &str) -> Result<String> {
        match self.peek().cloned() {
            Some(TokenKind::String(text)) => {
                self.next += 1;
                Ok(text)
            }
            _ => self.unexpected(context),
        }
    }

    fn call(&mut self) -> Result<Node> {
        let start = self.action_start();
        self.next += 1;
        let at = self.at();
        let name = self.string("template clause")?;
        let argument = match self.peek() {
            Some(TokenKind::Close) => None,
            _ => Some(self.pipeline("template clause", false)?),
        };
        self.close("template clause")?;
        Ok(Node::Call { name, argument, at, span: start..self.end() })
    }

    /// Where the action began whose first word is next.
    fn action_start(&self) -> usize {
        self.next.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |token| token.span.start)
    }

    fn define(&mut self) -> Result<()> {
        self.next += 1;
        let name = self.string("define clause")?;
        self.close("define clause")?;
        self.body(name)
    }

    fn block(&mut self) -> Result<Node> {
        let start = self.action_start();
        self.next += 1;
        let at = self.at();
        let name = self.string("block clause")?;
        let argument = Some(self.pipeline("block clause", false)?);
        self.close("block clause")?;
        let span = start..self.end();
        self.body(name.clone())?;
        Ok(Node::Call { name, argument, at, span })
    }

    /// The nodes of a named template, which sees no variables but `$`.
    fn body(&mut self, name: String) -> Result<()> {
        let variables = std::mem::replace(&mut self.variables, vec![String::new()]);
        let ranges = std::mem::take(&mut self.ranges);
        let (nodes, end) = self.list(false)?;
        (self.variables, self.ranges) = (variables, ranges);
        match end {
            Stop::End(_) => {
                self.named.insert(name, nodes);
                Ok(())
            }
            Stop::Else(at) => self.fail(at, "unexpected {{else}} in define clause"),
            Stop::Source => self.fail(self.source.len(), "unexpected EOF"),
        }
    }

    fn pipeline(&mut self, context: &str, is_range: bool) -> Result<Pipeline> {
        let start = self.at();
        let (variables, assigns) = self.declaration(context, is_range)?;
        let mut commands = Vec::new();
        loop {
            match self.peek() {
                Some(TokenKind::Close | TokenKind::RightParen) => break,
                None => return self.fail(self.source.len(), "unclosed action"),
                Some(_) => {
                    let command = self.command(context)?;
                    let is_value = matches!(
                        command.operands.first().map(|operand| &operand.kind),
                        Some(Kind::Literal(_) | Kind::Nil | Kind::Dot)
                    );
                    if is_value && !commands.is_empty() {
                        let stage = commands.len() + 1;
                        return self
                            .fail(command.span.start, format!("non executable command in pipeline stage {stage}"));
                    }
                    commands.push(command);
                }
            }
            if self.peek() != Some(&TokenKind::Pipe) {
                break;
            }
            self.next += 1;
        }
        if commands.is_empty() {
            return self.fail(start, format!("missing value for {context}"));
        }
        self.variables.extend(if assigns { Vec::new() } else { variables.clone() });
        Ok(Pipeline { variables, assigns, commands, span: start..self.end() })
    }

    /// `$x :=`, `$x =`, and in a range `$x, $y :=`.
    fn declaration(&mut self, context: &str, is_range: bool) -> Result<(Vec<String>, bool)> {
        let start = self.next;
        let mut variables = Vec::new();
        while let Some(TokenKind::Variable(name)) = self.peek() {
            variables.push(name.clone());
            self.next += 1;
            match self.peek() {
                Some(TokenKind::Declare) => {
                    self.next += 1;
                    return Ok((variables, false));
                }
                Some(TokenKind::Assign) => {
                    self.next += 1;
                    if let Some(unknown) = variables.iter().find(|name| !self.variables.contains(name)) {
                        return self.fail(self.at(), format!("undefined variable {}", quote(&format!("${unknown}"))));
                    }
                    return Ok((variables, true));
                }
                Some(TokenKind::Comma) if is_range && variables.len() == 1 => self.next += 1,
                Some(TokenKind::Comma) => return self.fail(self.at(), format!("too many declarations in {context}")),
                _ => break,
            }
        }
        if variables.len() > 1 {
            return self.unexpected("range");
        }
        self.next = start;
        Ok((Vec::new(), false))
    }

    fn command(&mut self, context: &str) -> Result<Command> {
        let start = self.at();
        let mut operands: Vec<Operand> = Vec::new();
        while let Some(kind) = self.peek() {
            if matches!(kind, TokenKind::Pipe | TokenKind::Close | TokenKind::RightParen) {
                break;
            }
            let glued = !operands.is_empty() && !self.tokens.get(self.next).is_some_and(|token| token.spaced);
            if glued {
                return self.unexpected("operand");
            }
            let operand = self.operand(context)?;
            operands.push(operand);
        }
        if operands.is_empty() {
            return self.unexpected(context);
        }
        Ok(Command { operands, span: start..self.end() })
    }

    fn operand(&mut self, context: &str) -> Result<Operand> {
        let at = self.at();
        let Some(kind) = self.peek().cloned() else { return self.unexpected(context) };
        self.next += 1;
        let kind = match kind {
            TokenKind::Dot => Kind::Dot,
            TokenKind::Field(field) => Kind::Field(vec![field]),
            TokenKind::Variable(name) => {
                if !self.variables.contains(&name) {
                    return self.fail(at, format!("undefined variable {}", quote(&format!("${name}"))));
                }
                Kind::Variable(name, Vec::new())
            }
            TokenKind::String(text) => Kind::Literal(Value::String(text)),
            TokenKind::Char(c) => Kind::Literal(Value::from(u32::from(c))),
            TokenKind::Number(text) => match number(&text) {
                Some(number) if number.is_f64() && !text.contains(['.', 'e', 'E']) => {
                    return self.fail(at, format!("integer overflow: {}", quote(&text)));
                }
                Some(number) => Kind::Literal(number),
                None => {
                    let digits = ["0x", "0o", "0b"].iter().find_map(|radix| text.strip_prefix(radix)).unwrap_or(&text);
                    let is_shaped = digits.bytes().all(|byte| byte.is_ascii_digit() || b"_.eE+-".contains(&byte));
                    let word = if is_shaped { "illegal" } else { "bad" };
                    return self.fail(at, format!("{word} number syntax: {}", quote(&text)));
                }
            },
            TokenKind::Word(word) => match word.as_str() {
                "true" => Kind::Literal(Value::Bool(true)),
                "false" => Kind::Literal(Value::Bool(false)),
                "nil" => Kind::Nil,
                name if KEYWORDS.contains(&name) => {
                    self.next -= 1;
                    return self.unexpected(context);
                }
                name if functions::exists(name) => Kind::Function(word),
                name => return self.fail(at, format!("function {} not defined", quote(name))),
            },
            TokenKind::LeftParen => {
                let pipeline = self.nested(|parser| parser.pipeline("parenthesized pipeline", false))?;
                if self.peek() != Some(&TokenKind::RightParen) {
                    return self.fail(at, "unclosed left paren");
                }
                self.next += 1;
                Kind::Pipeline(Box::new(pipeline))
            }
            _ => {
                self.next -= 1;
                return self.unexpected(context);
            }
        };
        let operand = Operand { kind, span: at..self.end(), at };
        self.chain(operand)
    }

    /// The fields that follow an operand without white space.
    fn chain(&mut self, operand: Operand) -> Result<Operand> {
        let mut fields = Vec::new();
        let first = self.at();
        while let Some(Token { kind: TokenKind::Field(field), spaced: false, .. }) = self.tokens.get(self.next) {
            fields.push(field.clone());
            self.next += 1;
        }
        if fields.is_empty() {
            return Ok(operand);
        }
        let span = operand.span.start..self.end();
        let kind = match operand.kind {
            Kind::Field(mut own) => {
                own.extend(fields);
                Kind::Field(own)
            }
            Kind::Variable(name, own) => Kind::Variable(name, [own, fields].concat()),
            Kind::Dot | Kind::Nil | Kind::Literal(_) => {
                let text = &self.source[operand.span];
                return self.fail(first, format!("unexpected . after term {}", quote(text)));
            }
            kind => Kind::Chain(Box::new(Operand { kind, ..operand }), fields),
        };
        Ok(Operand { kind, span, at: first })
    }
}

/// A number as Go writes it: decimal, `0x`, `0o`, `0b`, with `_` between digits, a fraction or an exponent.
fn number(text: &str) -> Option<Value> {
    let (sign, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (if text.starts_with('-') { "-" } else { "" }, digits),
        None => ("", text),
    };
    if digits.ends_with('_') || digits.contains("__") {
        return None;
    }
    let digits = digits.replace('_', "").to_ascii_lowercase();
    let (radix, whole) = match digits.get(..2) {
        Some("0x") => (16, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        _ if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()) => {
            (8, &digits[1..])
        }
        _ => (10, digits.as_str()),
    };
    if whole.is_empty() || whole.starts_with(['+', '-']) {
        return None;
    }
    if let Ok(number) = i64::from_str_radix(&format!("{sign}{whole}"), radix) {
        return Some(Value::from(number));
    }
    let is_decimal = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let number = format!("{sign}{digits}").parse::<f64>().ok().filter(|number| is_decimal && number.is_finite())?;
    Some(Value::from(number))
}
