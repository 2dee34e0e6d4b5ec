//! The 512-byte header of a tar entry, read: fields, numbers, checksum (POSIX pax "ustar Interchange Format", GNU tar
//! manual "Basic Tar Format").
//!
//! The `tar` crate's reader is not used: it takes PAX records apart at newlines, which cuts attribute values in two, reads
//! no negative times, and copies contents once more than our pipeline does.

use crate::vfs::{Device, Timespec};

/// The size of a header and the unit of everything in an archive.
pub(super) const BLOCK: usize = 512;

/// A header's bytes.
pub(super) struct Header(pub(super) [u8; BLOCK]);

/// Which dialect a header is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Seventh edition: no magic.
    V7,
    /// POSIX 1988 and its extension by PAX records.
    Ustar,
    /// Schily's tar: ustar with a shorter prefix.
    Star,
    /// GNU, old and new.
    Gnu,
}

impl Header {
    /// Whether all bytes are zero: half of an archive's end.
    pub(super) fn is_zero(&self) -> bool {
        self.0.iter().all(|&byte| byte == 0)
    }

    /// Whether the checksum is right. Old tars summed signed bytes: both sums are taken.
    pub(super) fn is_intact(&self) -> bool {
        let Some(expected) = octal(&self.0[148..156]) else { return false };
        let (mut unsigned, mut signed) = (8 * u64::from(b' '), 8 * i64::from(b' '));
        for &byte in self.0[..148].iter().chain(&self.0[156..]) {
            unsigned += u64::from(byte);
            signed += i64::from(byte as i8);
        }
        expected == unsigned || i64::try_from(expected) == Ok(signed)
    }

    pub(super) fn dialect(&self) -> Dialect {
        match &self.0[257..265] {
            b"ustar  \0" => Dialect::Gnu,
            [b'u', b's', b't', b'a', b'r', 0, ..] if &self.0[508..] == b"tar\0" => Dialect::Star,
            [b'u', b's', b't', b'a', b'r', 0, ..] => Dialect::Ustar,
            _ => Dialect::V7,
        }
    }

    /// The type flag.
    pub(super) fn flag(&self) -> u8 {
        self.0[156]
    }

    /// The name with the prefix before it.
    pub(super) fn name(&self) -> Vec<u8> {
        let name = text(&self.0[..100]);
        let prefix = match self.dialect() {
            Dialect::V7 => b"",
            Dialect::Ustar => text(&self.0[345..500]),
            Dialect::Star => text(&self.0[345..476]),
            // Go before 1.8 wrote long names into a prefix that GNU headers do not have; its images are still about. Where
            // the place does not hold GNU's two times, it is such a prefix (Go `archive/tar` `readHeader`).
            Dialect::Gnu
                if self.0[345] != 0 && (octal(&self.0[345..357]).is_none() || octal(&self.0[357..369]).is_none()) =>
            {
                Some(text(&self.0[345..500])).filter(|prefix| self.0[345] < 0x80 && prefix.is_ascii()).unwrap_or(b"")
            }
            Dialect::Gnu => b"",
        };
        match prefix {
            b"" => name.to_vec(),
            prefix => [prefix, b"/", name].concat(),
        }
    }

    pub(super) fn link_name(&self) -> Vec<u8> {
        text(&self.0[157..257]).to_vec()
    }

    pub(super) fn mode(&self) -> Option<i64> {
        number(&self.0[100..108])
    }

    pub(super) fn uid(&self) -> Option<i64> {
        number(&self.0[108..116])
    }

    pub(super) fn gid(&self) -> Option<i64> {
        number(&self.0[116..124])
    }

    /// The bytes that follow the header.
    pub(super) fn size(&self) -> Option<u64> {
        u64::try_from(number(&self.0[124..136])?).ok()
    }

    pub(super) fn mtime(&self) -> Option<Timespec> {
        Some(Timespec { sec: number(&self.0[136..148])?, nsec: 0 })
    }

    pub(super) fn device(&self) -> Option<Device> {
        if self.dialect() == Dialect::V7 {
            return Some(Device::default());
        }
        let part = |field| u32::try_from(number(field)?).ok();
        Some(Device { major: part(&self.0[329..337])?, minor: part(&self.0[337..345])? })
    }
}

/// A field's text, up to its first NUL.
pub(super) fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
    &field[..end]
}

/// A numeric field: octal digits, or a big-endian two's complement number marked by the highest bit of its first byte
/// (GNU's and star's "base-256"). None for anything else and for what does not fit.
pub(super) fn number(field: &[u8]) -> Option<i64> {
    match field.first() {
        Some(first) if first & 0x80 != 0 => {
            let negative = first & 0x40 != 0;
            let mut value: i64 = if negative { -1 } else { 0 };
            for (index, &byte) in field.iter().enumerate() {
                // The mark is no part of the number: positive numbers clear it, negative ones have it set anyway.
                let byte = if index == 0 && !negative { byte & 0x7f } else { byte };
                value = value.checked_mul(256)?.checked_add(i64::from(byte))?;
                if index == 0 && negative {
                    value = i64::from(byte as i8);
                }
            }
            Some(value)
        }
        _ => i64::try_from(octal(field)?).ok(),
    }
}

/// Octal digits with spaces and NULs around them; 0 where there are no digits.
pub(super) fn octal(field: &[u8]) -> Option<u64> {
    let is_filler = |byte: &u8| matches!(byte, b' ' | 0);
    let begin = field.iter().position(|byte| !is_filler(byte)).unwrap_or(field.len());
    let digits = &field[begin..];
    let end = digits.iter().position(is_filler).unwrap_or(digits.len());
    let mut value: u64 = 0;
    for digit in &digits[..end] {
        if !matches!(digit, b'0'..=b'7') {
            return None;
        }
        value = value.checked_mul(8)?.checked_add(u64::from(digit - b'0'))?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        let table: [(&[u8], Option<i64>); 14] = [
            (b"0000644\0", Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"00000000", Some(0)),
            (b"\0\0\0\0\0\0\0\0", Some(0)),
            (b"77777777777\0", Some(0o77777777777)),
            (b"0000648\0", None),
            (b"-1\0", None),
            (b"\x80\0\0\0\0\0\x01\x02", Some(258)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", Some(-1)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff", Some(-257)),
            (b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", Some(i64::MAX)),
            (b"\x80\0\0\0\x80\0\0\0\0\0\0\0", None),
            (b"\xff\xff\xff\xff\x80\0\0\0\0\0\0\0", Some(i64::MIN)),
            (b"\xbf\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
        ];
        for (field, value) in table {
            assert_eq!(number(field), value, "{field:?}");
        }
    }

    #[test]
    fn both_ways_to_sum_a_header_are_taken() {
        let mut header = Header([0; BLOCK]);
        header.0[0] = 0xe9;
        let unsigned = 8 * 32 + 0xe9;
        for (sum, intact) in [(unsigned, true), (unsigned - 256, true), (unsigned - 1, false)] {
            header.0[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            assert_eq!(header.is_intact(), intact, "{sum}");
        }
    }
}
