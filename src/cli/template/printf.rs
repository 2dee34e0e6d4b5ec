//! Go's `fmt.Sprintf` over JSON values.

use serde_json::{Number, Value};

use super::MAX_OUTPUT;
use super::value::{sorted, type_name};
use crate::cli::output::float;
use crate::cli::output::text::{code_point, push_escaped, quote};

/// The largest width and precision, as in Go.
const MAX_WIDTH: usize = 1_000_000;

/// What stands between `%` and the verb.
#[derive(Clone, Debug, Default)]
struct Spec {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// Writes `arguments` by `format`. Verbs that do not fit are written as Go writes them: `%!d(string=x)`.
pub fn printf(format: &str, arguments: &[&Value]) -> Result<String, String> {
    let mut out = String::with_capacity(format.len());
    let mut printer = Printer { rest: format, arguments, next: 0, reordered: false, bad_index: false };
    while let Some(at) = printer.rest.find('%') {
        out.push_str(&printer.rest[..at]);
        printer.rest = &printer.rest[at + 1..];
        printer.directive(&mut out);
        if out.len() > MAX_OUTPUT {
            return Err(format!("the text is longer than {MAX_OUTPUT} bytes"));
        }
    }
    out.push_str(printer.rest);
    if !printer.reordered && printer.next < arguments.len() {
        out.push_str("%!(EXTRA ");
        for (at, argument) in arguments[printer.next..].iter().enumerate() {
            if at > 0 {
                out.push_str(", ");
            }
            with_type(&mut out, &Spec::default(), argument);
        }
        out.push(')');
    }
    Ok(out)
}

struct Printer<'p> {
    rest: &'p str,
    arguments: &'p [&'p Value],
    next: usize,
    reordered: bool,
    bad_index: bool,
}

impl<'p> Printer<'p> {
    fn eat(&mut self, wanted: char) -> bool {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Writes one directive; its `%` is read.
    fn directive(&mut self, out: &mut String) {
        let mut spec = Spec::default();
        self.bad_index = false;
        while let Some(flag @ ('+' | '-' | '#' | ' ' | '0')) = self.rest.chars().next() {
            match flag {
                '+' => spec.plus = true,
                '-' => spec.minus = true,
                '#' => spec.sharp = true,
                ' ' => spec.space = true,
                _ => spec.zero = true,
            }
            self.rest = &self.rest[1..];
        }
        self.argument_index();
        if self.eat('*') {
            match self.star() {
                Some(width) => {
                    spec.minus |= width < 0;
                    spec.width = Some(width.unsigned_abs() as usize);
                }
                None => out.push_str("%!(BADWIDTH)"),
            }
        } else {
            spec.width = self.number();
        }
        if self.eat('.') {
            self.argument_index();
            if self.eat('*') {
                match self.star() {
                    Some(precision @ 0..) => spec.precision = usize::try_from(precision).ok(),
                    _ => out.push_str("%!(BADPREC)"),
                }
            } else {
                spec.precision = Some(self.number().unwrap_or(0));
            }
        }
        self.argument_index();
        let Some(verb) = self.rest.chars().next() else { return out.push_str("%!(NOVERB)") };
        self.rest = &self.rest[verb.len_utf8()..];
        if verb == '%' {
            return out.push('%');
        }
        if self.bad_index {
            return out.push_str(&format!("%!{verb}(BADINDEX)"));
        }
        // `%+v` is about the fields of structs.
        spec.plus &= verb != 'v';
        match self.arguments.get(self.next) {
            Some(argument) => {
                self.next += 1;
                write(out, &spec, verb, argument);
            }
            None => out.push_str(&format!("%!{verb}(MISSING)")),
        }
    }

    /// `[3]`: the next argument is the third.
    fn argument_index(&mut self) {
        if !self.eat('[') {
            return;
        }
        self.reordered = true;
        let end = self.rest.find(']');
        let index = end.and_then(|end| self.rest[..end].parse::<usize>().ok());
        self.rest = end.map_or("", |end| &self.rest[end + 1..]);
        match index {
            Some(index) if (1..=self.arguments.len()).contains(&index) => self.next = index - 1,
            _ => self.bad_index = true,
        }
    }

    fn number(&mut self) -> Option<usize> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let number = self.rest[..end].parse().ok().filter(|number| *number <= MAX_WIDTH);
        self.rest = &self.rest[end..];
        number
    }

    fn star(&mut self) -> Option<i64> {
        let number = self.arguments.get(self.next)?.as_i64();
        self.next += 1;
        number.filter(|number| number.unsigned_abs() <= MAX_WIDTH as u64)
    }
}

/// A value that a verb does not fit, after its type.
fn with_type(out: &mut String, spec: &Spec, value: &Value) {
    out.push_str(type_name(value));
    if !value.is_null() {
        out.push('=');
        write(out, &Spec { sharp: false, ..spec.clone() }, 'v', value);
    }
}

fn write(out: &mut String, spec: &Spec, verb: char, value: &Value) {
    let mut spec = spec.clone();
    // A precision rules out zeros before whole numbers.
    spec.zero &= spec.precision.is_none() || !value.is_i64() && !value.is_u64();
    let spec = &spec;
    match (verb, value) {
        ('T', _) => return pad(out, spec, type_name(value)),
        ('v', Value::Null) => return pad(out, spec, "<nil>"),
        (_, Value::Array(list)) => {
            out.push('[');
            for (at, item) in list.iter().enumerate() {
                if at > 0 {
                    out.push(' ');
                }
                write(out, spec, verb, item);
            }
            return out.push(']');
        }
        (_, Value::Object(map)) => {
            out.push_str("map[");
            for (at, (key, item)) in sorted(map).into_iter().enumerate() {
                if at > 0 {
                    out.push(' ');
                }
                write(out, spec, verb, &Value::String(key.clone()));
                out.push(':');
                write(out, spec, verb, item);
            }
            return out.push(']');
        }
        _ => {}
    }
    let text = match value {
        Value::Bool(truth) if matches!(verb, 'v' | 't') => Some(truth.to_string()),
        Value::String(text) => string(spec, verb, text),
        Value::Number(number) if number.is_f64() => real(spec, verb, number.as_f64().unwrap_or(0.0)),
        Value::Number(number) => whole(spec, verb, number),
        _ => None,
    };
    match text {
        Some(text) => pad(out, spec, &text),
        None => {
            out.push_str(&format!("%!{verb}("));
            with_type(out, spec, value);
            out.push(')');
        }
    }
}

fn string(spec: &Spec, verb: char, text: &str) -> Option<String> {
    let end = spec.precision.and_then(|count| text.char_indices().nth(count)).map_or(text.len(), |(at, _)| at);
    let text = &text[..end];
    match verb {
        'v' if spec.sharp => Some(quote(text)),
        'v' | 's' => Some(text.to_owned()),
        'q' if spec.sharp && !text.contains('`') && !text.chars().any(|c| c.is_control() && c != '\t') => {
            Some(format!("`{text}`"))
        }
        'q' => Some(quote(text)),
        'x' | 'X' => {
            let digits = |byte: u8| if verb == 'x' { format!("{byte:02x}") } else { format!("{byte:02X}") };
            let prefix = if spec.sharp { format!("0{verb}") } else { String::new() };
            let bytes: Vec<String> = text.bytes().map(digits).collect();
            Some(if spec.space {
                bytes.iter().map(|byte| format!("{prefix}{byte}")).collect::<Vec<_>>().join(" ")
            } else if bytes.is_empty() {
                String::new()
            } else {
                prefix + &bytes.concat()
            })
        }
        _ => None,
    }
}

fn whole(spec: &Spec, verb: char, number: &Number) -> Option<String> {
    let value = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))?;
    let size = value.unsigned_abs();
    let character = u32::try_from(value).ok().and_then(char::from_u32).unwrap_or('\u{fffd}');
    let (prefix, digits) = match verb {
        'v' | 'd' => ("", size.to_string()),
        'b' => (if spec.sharp { "0b" } else { "" }, format!("{size:b}")),
        'o' => (if spec.sharp && size != 0 { "0" } else { "" }, format!("{size:o}")),
        'O' => ("0o", format!("{size:o}")),
        'x' => (if spec.sharp { "0x" } else { "" }, format!("{size:x}")),
        'X' => (if spec.sharp { "0X" } else { "" }, format!("{size:X}")),
        'c' => return Some(character.to_string()),
        'q' => {
            let mut quoted = "'".to_owned();
            push_escaped(&mut quoted, character, '\'');
            return Some(quoted + "'");
        }
        'U' if spec.sharp && u32::try_from(value).is_ok_and(|code| char::from_u32(code).is_some()) => {
            return Some(code_point(character));
        }
        'U' => return Some(format!("U+{:04X}", value as u64)),
        _ => return None,
    };
    let least = spec.precision.unwrap_or(0);
    let digits = if spec.precision == Some(0) && value == 0 { String::new() } else { format!("{digits:0>least$}") };
    Some(format!("{}{prefix}{digits}", sign(spec, value < 0)))
}

fn real(spec: &Spec, verb: char, value: f64) -> Option<String> {
    let text = match verb {
        'v' | 'g' => float::general(value, spec.precision),
        'G' => float::general(value, spec.precision).to_uppercase(),
        'f' | 'F' => float::fixed(value, Some(spec.precision.unwrap_or(6))),
        'e' => float::exponent(value, Some(spec.precision.unwrap_or(6))),
        'E' => float::exponent(value, Some(spec.precision.unwrap_or(6))).to_uppercase(),
        _ => return None,
    };
    let text = text.strip_prefix('+').unwrap_or(&text);
    Some(match text.strip_prefix('-') {
        Some(digits) => format!("-{digits}"),
        None => format!("{}{text}", sign(spec, false)),
    })
}

fn sign(spec: &Spec, negative: bool) -> &'static str {
    match (negative, spec.plus, spec.space) {
        (true, ..) => "-",
        (_, true, _) => "+",
        (_, _, true) => " ",
        _ => "",
    }
}

fn missing_width(spec: &Spec, text: &str) -> usize {
    spec.width.unwrap_or(0).saturating_sub(text.chars().count())
}

/// Adds `text` in the width of the directive; zeros go behind a sign.
fn pad(out: &mut String, spec: &Spec, text: &str) {
    let missing = missing_width(spec, text);
    if spec.minus {
        out.push_str(text);
        out.extend(std::iter::repeat_n(' ', missing));
    } else if spec.zero {
        let (sign, digits) = text.split_at(usize::from(text.starts_with(['+', '-'])));
        out.push_str(sign);
        out.extend(std::iter::repeat_n('0', missing));
        out.push_str(digits);
    } else {
        out.extend(std::iter::repeat_n(' ', missing));
        out.push_str(text);
    }
}
