//! Bytes as text. The shell works on `String`s; a byte that is not part of valid UTF-8 becomes one character of a private range, and the same byte again
//! when it leaves the shell. So scripts, file names and data in any encoding pass through unchanged.

use std::borrow::Cow;

/// The character that stands for the byte 0x80; those for the others follow.
const FIRST: u32 = 0x10_FF80;

/// The text for these bytes. Characters of the private range itself are taken apart too, so that the way back is exact.
pub fn from_bytes(bytes: &[u8]) -> String {
    if !bytes.contains(&0xF4)
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        return text.to_owned();
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c as u32 >= FIRST {
                c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| push_byte(&mut text, byte));
            } else {
                text.push(c);
            }
        }
        chunk.invalid().iter().for_each(|&byte| push_byte(&mut text, byte));
    }
    text
}

/// Appends one byte of any value.
pub fn push_byte(text: &mut String, byte: u8) {
    if byte < 0x80 {
        text.push(char::from(byte));
    } else {
        text.push(char::from_u32(FIRST + u32::from(byte - 0x80)).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
}

/// The bytes this text stands for.
pub fn to_bytes(text: &str) -> Cow<'_, [u8]> {
    if !text.as_bytes().contains(&0xF4) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match (c as u32).checked_sub(FIRST) {
            Some(offset) => bytes.push(0x80 + offset as u8),
            None => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(bytes)
}

/// Valid UTF-8 that arrived byte by byte as private characters, put together again.
pub fn normalized(text: String) -> String {
    if text.as_bytes().contains(&0xF4) { from_bytes(&to_bytes(&text)) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_come_back_as_they_were() {
        for bytes in [
            &b"plain"[..],
            "h\u{e9}llo \u{1f600}".as_bytes(),
            b"\xff\xfe a \xc3",
            "\u{10FF80}\u{10FFFF}".as_bytes(),
            b"\xf4\x8f",
            b"",
        ] {
            assert_eq!(to_bytes(&from_bytes(bytes)).as_ref(), bytes);
        }
        assert_eq!(from_bytes(b"a\xffb").chars().count(), 3);
    }
}
