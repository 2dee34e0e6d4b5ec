//! Quotes: taking `$'...'` apart, and writing text so that the shell reads it back.

use crate::text;

/// What stands between the quotes of `$'...'`, with its escapes replaced.
pub fn ansi(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let Some(escape) = chars.next() else {
            out.push('\\');
            break;
        };
        match escape {
            'a' => out.push('\x07'),
            'b' => out.push('\x08'),
            'e' | 'E' => out.push('\x1b'),
            'f' => out.push('\x0c'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'v' => out.push('\x0b'),
            '\\' | '\'' | '"' | '?' => out.push(escape),
            'c' => {
                if let Some(control) = chars.next() {
                    text::push_byte(&mut out, (control as u32 as u8).to_ascii_uppercase() ^ 0x40);
                }
            }
            '0'..='7' => {
                let mut value = escape.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = chars.peek().and_then(|c| c.to_digit(8)) else { break };
                    chars.next();
                    value = value * 8 + digit;
                }
                if value == 0 {
                    // A string cannot hold it: bash ends the text here.
                    break;
                }
                text::push_byte(&mut out, value as u8);
            }
            'x' | 'u' | 'U' => {
                let most = match escape {
                    'x' => 2,
                    'u' => 4,
                    _ => 8,
                };
                let mut value = 0_u32;
                let mut digits = 0;
                while digits < most
                    && let Some(digit) = chars.peek().and_then(|c| c.to_digit(16))
                {
                    chars.next();
                    value = value.wrapping_mul(16).wrapping_add(digit);
                    digits += 1;
                }
                if digits == 0 {
                    out.push('\\');
                    out.push(escape);
                } else if value == 0 {
                    break;
                } else if escape == 'x' {
                    text::push_byte(&mut out, value as u8);
                } else if let Some(c) = char::from_u32(value) {
                    out.push(c);
                }
            }
            other => {
                out.push('\\');
                out.push(other);
            }
        }
    }
    text::normalized(out)
}

/// The text in single quotes, as dash and `trap` print it.
pub fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The text as it is if it needs no quotes, else quoted: `set`, `export -p`, `alias` and `set -x` print so.
pub fn if_needed(text: &str) -> String {
    let plain = |b: u8| {
        b.is_ascii_alphanumeric()
            || matches!(b, b'_' | b'-' | b'.' | b'/' | b':' | b'=' | b',' | b'+' | b'@' | b'%' | b'^')
            || b >= 0x80
    };
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else if text.chars().any(|c| c.is_control()) {
        dollar(text)
    } else {
        single(text)
    }
}

/// `$'...'`
pub fn dollar(text: &str) -> String {
    let mut out = String::from("$'");
    for c in text.chars() {
        match c {
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0b' => out.push_str("\\v"),
            '\x0c' => out.push_str("\\f"),
            '\x1b' => out.push_str("\\E"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => out.push_str(&format!("\\{:03o}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// In double quotes, as `declare -p` prints it.
pub fn double(text: &str) -> String {
    if text.chars().any(|c| c.is_control()) {
        return dollar(text);
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// Behind backslashes, as `printf %q` prints it.
pub fn backslashed(text: &str) -> String {
    if text.is_empty() {
        return "''".to_owned();
    }
    if text.chars().any(|c| c.is_control()) {
        return dollar(text);
    }
    let mut out = String::new();
    for (at, c) in text.chars().enumerate() {
        let special = matches!(
            c,
            ' ' | '!'
                | '"'
                | '#'
                | '$'
                | '&'
                | '\''
                | '('
                | ')'
                | '*'
                | ','
                | ';'
                | '<'
                | '>'
                | '?'
                | '['
                | '\\'
                | ']'
                | '^'
                | '`'
                | '{'
                | '|'
                | '}'
        ) || (c == '~' && at == 0);
        if special && (c != '#' || at == 0) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
