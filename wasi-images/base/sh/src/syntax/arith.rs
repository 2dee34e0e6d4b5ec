//! Reads arithmetic expressions: `$((...))`, `((...))`, offsets and indices.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Expression {
    Number(i64),
    Variable(Rc<str>),
    /// An array's element; the index stays text, as it is a key where the array is associative.
    Element(Rc<str>, Rc<str>),
    Unary(Unary, Box<Expression>),
    Binary(Binary, Box<Expression>, Box<Expression>),
    Conditional(Box<(Expression, Expression, Expression)>),
    /// A target, the operator of `+=` and its like, the value.
    Assign(Box<Expression>, Option<Binary>, Box<Expression>),
    /// A target, by how much it changes, whether the value is the one before.
    Step(Box<Expression>, i64, bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unary {
    Plus,
    Minus,
    Not,
    Complement,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Binary {
    Comma,
    LogicalOr,
    LogicalAnd,
    Or,
    Xor,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    ShiftLeft,
    ShiftRight,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
}

/// How deep parentheses and operators may nest.
const DEPTH: usize = 200;

/// Operators, longest first where one begins another.
const BINARY: [(&str, Binary, u8); 19] = [
    ("**", Binary::Power, 13),
    ("||", Binary::LogicalOr, 3),
    ("&&", Binary::LogicalAnd, 4),
    ("==", Binary::Equal, 8),
    ("!=", Binary::NotEqual, 8),
    ("<<", Binary::ShiftLeft, 10),
    (">>", Binary::ShiftRight, 10),
    ("<=", Binary::LessOrEqual, 9),
    (">=", Binary::GreaterOrEqual, 9),
    ("<", Binary::Less, 9),
    (">", Binary::Greater, 9),
    ("|", Binary::Or, 5),
    ("^", Binary::Xor, 6),
    ("&", Binary::And, 7),
    ("+", Binary::Add, 11),
    ("-", Binary::Subtract, 11),
    ("*", Binary::Multiply, 12),
    ("/", Binary::Divide, 12),
    ("%", Binary::Remainder, 12),
];
const COMMA: u8 = 0;
const ASSIGNMENT: u8 = 1;
const CONDITIONAL: u8 = 2;
const UNARY: u8 = 14;

/// Reads an expression; an empty one is 0. The error says what is wrong, without naming the expression.
pub fn parse(text: &str) -> Result<Expression, String> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    reader.blanks();
    if reader.at == text.len() {
        return Ok(Expression::Number(0));
    }
    let expression = reader.expression(COMMA)?;
    if reader.at < text.len() { Err(reader.unexpected()) } else { Ok(expression) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn unexpected(&self) -> String {
        if self.rest().is_empty() {
            "expecting primary".to_owned()
        } else {
            format!("syntax error near `{}'", self.rest())
        }
    }

    /// Takes this text if it comes next, and the blanks behind it.
    fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
            self.blanks();
        }
        found
    }

    /// The binary operator that comes next, if it is not the beginning of an assignment.
    fn binary(&self) -> Option<(&'static str, Binary, u8)> {
        let rest = self.rest();
        let (text, operator, level) = *BINARY.iter().find(|(text, ..)| rest.starts_with(text))?;
        let assigns = rest[text.len()..].starts_with('=')
            && !matches!(operator, Binary::Equal | Binary::NotEqual | Binary::LessOrEqual | Binary::GreaterOrEqual);
        let assigns =
            assigns && !matches!(operator, Binary::Less | Binary::Greater | Binary::LogicalAnd | Binary::LogicalOr);
        (!assigns).then_some((text, operator, level))
    }

    /// An expression of operators that bind at least as tightly as `level`.
    fn expression(&mut self, level: u8) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("expression nested too deeply".to_owned());
        }
        let mut left = self.unary()?;
        if level <= ASSIGNMENT && matches!(left, Expression::Variable(_) | Expression::Element(..)) {
            left = self.assignment(left)?;
        }
        loop {
            if let Some((text, operator, its)) = self.binary() {
                if its < level {
                    break;
                }
                self.take(text);
                // Only powers group from the right.
                let right = self.expression(if operator == Binary::Power { its } else { its + 1 })?;
                left = Expression::Binary(operator, Box::new(left), Box::new(right));
            } else if level <= CONDITIONAL && self.rest().starts_with('?') {
                self.take("?");
                let yes = self.expression(COMMA)?;
                if !self.take(":") {
                    return Err("expecting `:'".to_owned());
                }
                let no = self.expression(CONDITIONAL)?;
                left = Expression::Conditional(Box::new((left, yes, no)));
            } else if level <= COMMA && self.rest().starts_with(',') {
                self.take(",");
                let right = self.expression(ASSIGNMENT)?;
                left = Expression::Binary(Binary::Comma, Box::new(left), Box::new(right));
            } else {
                break;
            }
        }
        self.depth -= 1;
        Ok(left)
    }

    fn assignment(&mut self, target: Expression) -> Result<Expression, String> {
        let rest = self.rest();
        let operator = if rest.starts_with('=') && !rest.starts_with("==") {
            self.take("=");
            None
        } else {
            const ASSIGN: [(&str, Binary); 10] = [
                ("+=", Binary::Add),
                ("-=", Binary::Subtract),
                ("*=", Binary::Multiply),
                ("/=", Binary::Divide),
                ("%=", Binary::Remainder),
                ("<<=", Binary::ShiftLeft),
                (">>=", Binary::ShiftRight),
                ("&=", Binary::And),
                ("^=", Binary::Xor),
                ("|=", Binary::Or),
            ];
            let Some((text, operator)) = ASSIGN.iter().find(|(text, _)| rest.starts_with(text)) else {
                return Ok(target);
            };
            self.take(text);
            Some(*operator)
        };
        let value = self.expression(ASSIGNMENT)?;
        Ok(Expression::Assign(Box::new(target), operator, Box::new(value)))
    }

    fn unary(&mut self) -> Result<Expression, String> {
        self.blanks();
        for (text, step) in [("++", 1), ("--", -1)] {
            if self.rest().starts_with(text) {
                let before = self.at;
                self.take(text);
                if self.rest().starts_with(|c: char| c == '_' || c.is_ascii_alphabetic()) {
                    let target = self.primary()?;
                    return Ok(Expression::Step(Box::new(target), step, false));
                }
                // `--1`: two signs.
                self.at = before;
                break;
            }
        }
        let operator = match self.rest().chars().next() {
            Some('+') => Unary::Plus,
            Some('-') => Unary::Minus,
            Some('!') => Unary::Not,
            Some('~') => Unary::Complement,
            _ => return self.primary(),
        };
        self.at += 1;
        self.blanks();
        let operand = self.expression(UNARY)?;
        Ok(Expression::Unary(operator, Box::new(operand)))
    }

    fn primary(&mut self) -> Result<Expression, String> {
        if self.take("(") {
            let inner = self.expression(COMMA)?;
            if !self.take(")") {
                return Err("expecting `)'".to_owned());
            }
            return Ok(inner);
        }
        let rest = self.rest();
        match rest.bytes().next() {
            Some(b'0'..=b'9') => {
                let length =
                    rest.bytes().take_while(|&b| b.is_ascii_alphanumeric() || matches!(b, b'#' | b'@' | b'_')).count();
                let number = number(&rest[..length])?;
                self.at += length;
                self.blanks();
                Ok(Expression::Number(number))
            }
            Some(b) if b == b'_' || b.is_ascii_alphabetic() => {
                let length = rest.bytes().take_while(|&b| b == b'_' || b.is_ascii_alphanumeric()).count();
                let name: Rc<str> = rest[..length].into();
                self.at += length;
                let target = if self.rest().starts_with('[') {
                    Expression::Element(name, self.index()?)
                } else {
                    Expression::Variable(name)
                };
                self.blanks();
                for (text, step) in [("++", 1), ("--", -1)] {
                    if self.rest().starts_with(text) {
                        self.take(text);
                        return Ok(Expression::Step(Box::new(target), step, true));
                    }
                }
                Ok(target)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// What stands between brackets, which come next.
    fn index(&mut self) -> Result<Rc<str>, String> {
        let mut depth = 0_usize;
        let rest = self.rest();
        for (at, byte) in rest.bytes().enumerate() {
            match byte {
                b'[' => depth += 1,
                b']' => {
                    depth -= 1;
                    if depth == 0 {
                        let text = rest[1..at].into();
                        self.at += at + 1;
                        return Ok(text);
                    }
                }
                _ => {}
            }
        }
        Err("expecting `]'".to_owned())
    }
}

/// A constant: decimal, `0x` hexadecimal, `0` octal, or `base#digits` up to base 64. What is too large wraps.
fn number(text: &str) -> Result<i64, String> {
    let (base, digits) = if let Some((base, digits)) = text.split_once('#') {
        (
            base.parse::<i64>()
                .ok()
                .filter(|base| (2..=64).contains(base))
                .ok_or_else(|| format!("{text}: invalid arithmetic base"))?,
            digits,
        )
    } else if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        (16, digits)
    } else if text.len() > 1 && text.starts_with('0') {
        (8, &text[1..])
    } else {
        (10, text)
    };
    if digits.is_empty() {
        return Err(format!("{text}: invalid number"));
    }
    let mut value = 0_i64;
    for byte in digits.bytes() {
        let digit = match byte {
            b'0'..=b'9' => i64::from(byte - b'0'),
            b'a'..=b'z' => i64::from(byte - b'a') + 10,
            b'A'..=b'Z' if base <= 36 => i64::from(byte - b'A') + 10,
            b'A'..=b'Z' => i64::from(byte - b'A') + 36,
            b'@' => 62,
            b'_' => 63,
            _ => 64,
        };
        if digit >= base {
            return Err(format!("{text}: value too great for base"));
        }
        value = value.wrapping_mul(base).wrapping_add(digit);
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_all_bases() {
        for (text, value) in [
            ("0", 0),
            ("10", 10),
            ("010", 8),
            ("0x1F", 31),
            ("2#101", 5),
            ("64#@_", 62 * 64 + 63),
            ("9223372036854775808", i64::MIN),
        ] {
            assert_eq!(parse(text), Ok(Expression::Number(value)), "{text}");
        }
        for text in ["09", "1a", "1#0", "08", "0x", "2#2"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in ["1 +", "(1", "1 2", "a b", "* 2", "1 ? 2", "a[1", "1 = 2", ")", "a = = 2"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"(".repeat(100_000)).is_err());
        assert!(parse(&"-".repeat(100_000)).is_err());
    }
}
