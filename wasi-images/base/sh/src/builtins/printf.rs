//! `printf`.

use std::rc::Rc;

use crate::shell::{Run, Shell};
use crate::syntax::lexer::is_name;
use crate::syntax::quote;
use crate::text;

/// No output is padded to more.
const WIDEST: usize = 1 << 20;

pub fn run(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let mut rest = &words[1..];
    let mut variable = None;
    if rest.first().is_some_and(|word| &**word == "-v") && rest.len() > 2 {
        variable = Some(rest[1].clone());
        rest = &rest[2..];
    }
    match rest.first().map(|word| &**word) {
        Some("--") => rest = &rest[1..],
        Some(word) if word.len() > 1 && word.starts_with('-') => {
            return shell.usage("printf", &format!("Illegal option {word}"));
        }
        _ => {}
    }
    let Some(format) = rest.first() else { return shell.usage("printf", "usage: printf [-v var] format [arg ...]") };
    let mut printer = Printer { shell, arguments: &rest[1..], used: 0, out: String::new(), status: 0 };
    loop {
        let before = printer.used;
        if !printer.format(format) {
            break;
        }
        if printer.used >= printer.arguments.len() || printer.used == before {
            break;
        }
        if printer.out.len() > 1 << 16 && variable.is_none() {
            let out = std::mem::take(&mut printer.out);
            printer.shell.print(&out);
        }
    }
    let (out, status) = (printer.out, printer.status);
    match variable {
        None => shell.print(&out),
        Some(name) => {
            let out = text::normalized(out);
            let done = match crate::shell::split_element(&name) {
                Some((base, index)) => {
                    let key = shell.key(base, index)?;
                    shell.set_element(base, &key, &out)
                }
                None if is_name(&name) => shell.set(&name, &out),
                None => {
                    shell.complain(&format!("printf: {name}: bad variable name"));
                    return Ok(2);
                }
            };
            if !done {
                return Ok(1);
            }
        }
    }
    Ok(status)
}

struct Printer<'a> {
    shell: &'a mut Shell,
    arguments: &'a [Rc<str>],
    used: usize,
    out: String,
    status: i32,
}

/// Flags, width and precision of a conversion.
#[derive(Default)]
struct Style {
    left: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

impl Printer<'_> {
    fn next(&mut self) -> Option<Rc<str>> {
        let argument = self.arguments.get(self.used).cloned();
        self.used += 1;
        argument
    }

    /// Writes the format once. False where the output is to end.
    fn format(&mut self, format: &str) -> bool {
        let mut rest = format;
        while let Some(c) = rest.chars().next() {
            match c {
                '\\' => {
                    let (length, ends) = escape(rest, false, &mut self.out);
                    if ends {
                        return false;
                    }
                    rest = &rest[length..];
                }
                '%' if rest[1..].starts_with('%') => {
                    self.out.push('%');
                    rest = &rest[2..];
                }
                '%' => match self.conversion(&rest[1..]) {
                    Some((_, true)) => return false,
                    Some((length, false)) => rest = &rest[1 + length..],
                    None => return false,
                },
                c => {
                    self.out.push(c);
                    rest = &rest[c.len_utf8()..];
                }
            }
        }
        true
    }

    fn number_or_argument(&mut self, rest: &str) -> (i64, usize) {
        if rest.starts_with('*') {
            let argument = self.next().unwrap_or_default();
            return (self.integer(&argument) as i64, 1);
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        (rest[..digits].parse().unwrap_or(0), digits)
    }

    /// A conversion behind its `%`: how long it is, and whether output ends with it. Nothing where it is none.
    fn conversion(&mut self, text: &str) -> Option<(usize, bool)> {
        let mut style = Style::default();
        let mut at = 0;
        while let Some(flag) = text[at..].bytes().next() {
            match flag {
                b'-' => style.left = true,
                b'+' => style.plus = true,
                b' ' => style.space = true,
                b'#' => style.alternate = true,
                b'0' => style.zero = true,
                _ => break,
            }
            at += 1;
        }
        let (width, length) = self.number_or_argument(&text[at..]);
        at += length;
        style.left |= width < 0;
        style.width = usize::try_from(width.unsigned_abs()).unwrap_or(0).min(WIDEST);
        if text[at..].starts_with('.') {
            let (precision, length) = self.number_or_argument(&text[at + 1..]);
            at += 1 + length;
            style.precision = usize::try_from(precision).ok().map(|precision| precision.min(WIDEST));
        }
        // Lengths as C has them mean nothing here.
        while matches!(text[at..].bytes().next(), Some(b'l' | b'h' | b'j' | b'z' | b't' | b'L' | b'q'))
            && text.as_bytes().get(at + 1).is_some_and(u8::is_ascii_alphabetic)
            && !text[at..].starts_with("q ")
        {
            at += 1;
        }
        if text[at..].starts_with('(') {
            return self.time(text, at, &style);
        }
        let Some(kind) = text[at..].chars().next() else {
            self.complain(&format!("%{text}: invalid directive"));
            return None;
        };
        at += kind.len_utf8();
        let argument = if matches!(
            kind,
            's' | 'b' | 'q' | 'c' | 'd' | 'i' | 'u' | 'o' | 'x' | 'X' | 'e' | 'E' | 'f' | 'F' | 'g' | 'G' | 'a' | 'A'
        ) {
            self.next()
        } else {
            None
        };
        match kind {
            's' => self.padded_text(&argument.unwrap_or_default(), &style),
            'b' => {
                let (text, ends) = escaped(&argument.unwrap_or_default(), true);
                self.padded_text(&text, &style);
                if ends {
                    return Some((at, true));
                }
            }
            'q' => self.padded_text(&quote::backslashed(&argument.unwrap_or_default()), &style),
            'c' => {
                let first: String = argument.unwrap_or_default().chars().take(1).collect();
                self.padded_text(&first, &Style { precision: None, ..style });
            }
            'd' | 'i' => {
                let value = argument.map_or(0, |argument| self.integer(&argument));
                let sign = if value < 0 {
                    "-"
                } else if style.plus {
                    "+"
                } else if style.space {
                    " "
                } else {
                    ""
                };
                self.padded_number(sign, &value.unsigned_abs().to_string(), &style);
            }
            'u' => {
                let value = argument.map_or(0, |argument| self.integer(&argument));
                self.padded_number("", &(value as u64).to_string(), &style);
            }
            'o' => {
                let value = argument.map_or(0, |argument| self.integer(&argument)) as u64;
                let digits = if style.alternate && value != 0 { format!("0{value:o}") } else { format!("{value:o}") };
                self.padded_number("", &digits, &style);
            }
            'x' | 'X' => {
                let value = argument.map_or(0, |argument| self.integer(&argument)) as u64;
                let prefix = match kind {
                    _ if !style.alternate || value == 0 => "",
                    'x' => "0x",
                    _ => "0X",
                };
                let digits = if kind == 'x' { format!("{value:x}") } else { format!("{value:X}") };
                self.padded_number(prefix, &digits, &style);
            }
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' | 'a' | 'A' => {
                let value = argument.map_or(0.0, |argument| self.float(&argument));
                let sign = if value.is_sign_negative() {
                    "-"
                } else if style.plus {
                    "+"
                } else if style.space {
                    " "
                } else {
                    ""
                };
                let digits = float_text(value.abs(), kind, style.precision, style.alternate);
                let zero = style.zero && value.is_finite();
                self.padded_number(sign, &digits, &Style { precision: None, zero, ..style });
            }
            kind => {
                self.complain(&format!("%{kind}: invalid directive"));
                return None;
            }
        }
        Some((at, false))
    }

    /// `%(format)T`
    fn time(&mut self, text: &str, at: usize, style: &Style) -> Option<(usize, bool)> {
        let Some(end) = text[at..].find(")T") else {
            self.complain("%(: invalid directive");
            return None;
        };
        let format = &text[at + 1..at + end];
        let argument = self.next();
        let seconds = match argument.as_deref() {
            None | Some("" | "-1" | "-2") => crate::shell::now().as_secs() as i64,
            Some(text) => self.integer(&text.into()),
        };
        let shown = crate::time::format(if format.is_empty() { "%X" } else { format }, seconds);
        self.padded_text(&shown, style);
        Some((at + end + 2, false))
    }

    fn complain(&mut self, message: &str) {
        self.status = 1;
        let out = std::mem::take(&mut self.out);
        self.shell.print(&out);
        self.shell.complain(&format!("printf: {message}"));
    }

    fn padded_text(&mut self, text: &str, style: &Style) {
        let text: String = match style.precision {
            Some(precision) => text.chars().take(precision).collect(),
            None => text.to_owned(),
        };
        let padding = " ".repeat(style.width.saturating_sub(text.chars().count()));
        if style.left {
            self.out.push_str(&text);
            self.out.push_str(&padding);
        } else {
            self.out.push_str(&padding);
            self.out.push_str(&text);
        }
    }

    fn padded_number(&mut self, sign: &str, digits: &str, style: &Style) {
        let digits = match style.precision {
            Some(0) if digits == "0" => String::new(),
            Some(precision) => format!("{}{digits}", "0".repeat(precision.saturating_sub(digits.len()))),
            None => digits.to_owned(),
        };
        let missing = style.width.saturating_sub(sign.len() + digits.len());
        if style.left {
            self.out.push_str(&format!("{sign}{digits}{}", " ".repeat(missing)));
        } else if style.zero && style.precision.is_none() {
            self.out.push_str(&format!("{sign}{}{digits}", "0".repeat(missing)));
        } else {
            self.out.push_str(&format!("{}{sign}{digits}", " ".repeat(missing)));
        }
    }

    /// An argument as a number: C's notation, or a character behind a quote.
    fn integer(&mut self, argument: &Rc<str>) -> i64 {
        if let Some(quoted) = argument.strip_prefix(['\'', '"']) {
            return match quoted.chars().next() {
                Some(c) => match text::to_bytes(&c.to_string()).as_ref() {
                    [byte] => i64::from(*byte),
                    _ => i64::from(c as u32),
                },
                None => 0,
            };
        }
        if argument.is_empty() {
            return 0;
        }
        let trimmed = argument.trim_start();
        let (negative, unsigned) = match trimmed.as_bytes().first() {
            Some(b'-') => (true, &trimmed[1..]),
            Some(b'+') => (false, &trimmed[1..]),
            _ => (false, trimmed),
        };
        let (base, digits) = if let Some(digits) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
            (16, digits)
        } else if unsigned.len() > 1 && unsigned.starts_with('0') {
            (8, &unsigned[1..])
        } else {
            (10, unsigned)
        };
        let length = digits.chars().take_while(|c| c.is_digit(base)).count();
        let complete = length == digits.len() && (length > 0 || base == 8);
        if !complete {
            let what = if length == 0 && base != 8 { "expected numeric value" } else { "not completely converted" };
            self.complain(&format!("{argument}: {what}"));
        }
        let Ok(value) = u64::from_str_radix(if length == 0 { "0" } else { &digits[..length] }, base) else {
            self.complain(&format!("{argument}: Numerical result out of range"));
            return if negative { i64::MIN } else { i64::MAX };
        };
        if negative {
            if value > 1 << 63 {
                self.complain(&format!("{argument}: Numerical result out of range"));
                return i64::MIN;
            }
            (value as i64).wrapping_neg()
        } else {
            value as i64
        }
    }

    fn float(&mut self, argument: &Rc<str>) -> f64 {
        if argument.starts_with(['\'', '"']) {
            return self.integer(argument) as f64;
        }
        let text = argument.trim();
        if text.is_empty() {
            self.complain(&format!("{argument}: expected numeric value"));
            return 0.0;
        }
        if text.contains("0x") || text.contains("0X") {
            return self.integer(argument) as f64;
        }
        // The longest beginning that is a number counts.
        for end in (1..=text.len()).rev() {
            if text.is_char_boundary(end)
                && let Ok(value) = text[..end].parse::<f64>()
            {
                if end < text.len() {
                    self.complain(&format!("{argument}: not completely converted"));
                }
                return value;
            }
        }
        self.complain(&format!("{argument}: expected numeric value"));
        0.0
    }
}

/// A number as C's printf writes it.
fn float_text(value: f64, kind: char, precision: Option<usize>, alternate: bool) -> String {
    let upper = kind.is_ascii_uppercase();
    let text = if value.is_nan() {
        "nan".to_owned()
    } else if value.is_infinite() {
        "inf".to_owned()
    } else {
        match kind.to_ascii_lowercase() {
            'f' => format!("{value:.*}", precision.unwrap_or(6)),
            'e' => exponent(value, precision.unwrap_or(6)),
            'a' => format!("{value:e}"),
            _ => {
                let precision = precision.unwrap_or(6).max(1);
                let scientific = exponent(value, precision - 1);
                let power: i32 = scientific.split_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or(0);
                let text = if power < -4 || power >= precision as i32 {
                    scientific
                } else {
                    format!("{value:.*}", (precision as i32 - 1 - power).max(0) as usize)
                };
                if alternate { text } else { without_zeros(&text) }
            }
        }
    };
    if upper { text.to_uppercase() } else { text }
}

fn exponent(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    match text.split_once('e') {
        Some((digits, power)) => {
            let (sign, power) = power.strip_prefix('-').map_or(('+', power), |power| ('-', power));
            format!("{digits}e{sign}{power:0>2}")
        }
        None => text,
    }
}

fn without_zeros(text: &str) -> String {
    let (digits, power) = text.split_once('e').map_or((text, ""), |(digits, _)| (digits, &text[digits.len()..]));
    let digits = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    format!("{digits}{power}")
}

/// The text with its escapes replaced, as `%b` and `echo` have them. True where `\c` says that output ends.
pub fn escaped(text: &str, octal_zero: bool) -> (String, bool) {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c != '\\' {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let (length, ends) = escape(rest, octal_zero, &mut out);
        if ends {
            return (out, true);
        }
        rest = &rest[length..];
    }
    (out, false)
}

/// Replaces the escape at the start of `text`: its length, and whether it was `\c`. `octal_zero`: octal numbers begin with 0.
fn escape(text: &str, octal_zero: bool, out: &mut String) -> (usize, bool) {
    let Some(next) = text[1..].chars().next() else {
        out.push('\\');
        return (1, false);
    };
    let simple = match next {
        'a' => Some('\x07'),
        'b' => Some('\x08'),
        'e' | 'E' => Some('\x1b'),
        'f' => Some('\x0c'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\x0b'),
        '\\' => Some('\\'),
        '\'' | '"' if !octal_zero => Some(next),
        _ => None,
    };
    if let Some(c) = simple {
        out.push(c);
        return (2, false);
    }
    match next {
        'c' if octal_zero => (2, true),
        '0'..='7' => {
            let skipped = usize::from(octal_zero && next == '0');
            let digits: String = text[1 + skipped..].chars().take(3).take_while(|c| c.is_digit(8)).collect();
            text::push_byte(out, u32::from_str_radix(&digits, 8).unwrap_or(0) as u8);
            (1 + skipped + digits.len(), false)
        }
        'x' | 'u' | 'U' => {
            let most = match next {
                'x' => 2,
                'u' => 4,
                _ => 8,
            };
            let digits: String = text[2..].chars().take(most).take_while(char::is_ascii_hexdigit).collect();
            if digits.is_empty() {
                out.push('\\');
                out.push(next);
                return (2, false);
            }
            let value = u32::from_str_radix(&digits, 16).unwrap_or(0);
            if next == 'x' {
                text::push_byte(out, value as u8);
            } else {
                out.push(char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            (2 + digits.len(), false)
        }
        next => {
            out.push('\\');
            out.push(next);
            (1 + next.len_utf8(), false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_in_c() {
        for (value, kind, precision, expected) in [
            (1.5, 'f', None, "1.500000"),
            (1.5, 'g', None, "1.5"),
            (100_000.0, 'g', None, "100000"),
            (1_000_000.0, 'g', None, "1e+06"),
            (0.0001, 'g', None, "0.0001"),
            (12345.678, 'e', Some(2), "1.23e+04"),
            (0.0, 'e', None, "0.000000e+00"),
        ] {
            assert_eq!(float_text(value, kind, precision, false), expected);
        }
    }

    #[test]
    fn escapes_are_replaced() {
        assert_eq!(escaped("a\\tb\\0101\\x41\\c z", true), ("a\tbAA".to_owned(), true));
        assert_eq!(escaped("\\q\\", true), ("\\q\\".to_owned(), false));
    }
}
