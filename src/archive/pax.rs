//! PAX extended headers: records `LENGTH KEY=VALUE\n` that replace fields of the header behind them (POSIX pax "pax
//! Extended Header").

use super::error::{Error, Result};
use crate::vfs::Timespec;

/// What the records before an entry say of it.
#[derive(Default)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<i64>,
    pub(super) gid: Option<i64>,
    pub(super) mtime: Option<Timespec>,
    pub(super) major: Option<u64>,
    pub(super) minor: Option<u64>,
    /// In the order of the archive.
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) sparse: Sparse,
}

/// GNU's records of sparse files (GNU tar manual "PAX Format, Versions 0.0 and 0.1", "... Version 1.0").
#[derive(Default)]
pub(super) struct Sparse {
    pub(super) major: Option<u64>,
    pub(super) minor: Option<u64>,
    pub(super) name: Option<Vec<u8>>,
    /// The size with the holes.
    pub(super) size: Option<u64>,
    /// Offsets and lengths by turns, of the versions 0.0 and 0.1.
    pub(super) map: Option<Vec<u64>>,
}

const XATTR: &[u8] = b"SCHILY.xattr.";
const LIBARCHIVE_XATTR: &[u8] = b"LIBARCHIVE.xattr.";

/// Reads the records of one extended header. `name` is the header's own, for errors.
pub(super) fn parse(mut data: &[u8], name: &[u8]) -> Result<Records> {
    let bad = |what: &str| Error::entry(name, format!("extended header: {what}"));
    let mut records = Records::default();
    let mut encoded = Vec::new();
    while !data.is_empty() {
        let (key, value, rest) = split(data).ok_or_else(|| bad("malformed record"))?;
        data = rest;
        let bad_value = || bad(&format!("bad value of {}", String::from_utf8_lossy(&key[..key.len().min(60)])));
        // An empty value takes back what an earlier record said: the header's own field counts.
        let number = || match value {
            b"" => Ok(None),
            value => decimal(value).map(Some).ok_or_else(bad_value),
        };
        let text = || match value {
            b"" => Ok(None),
            value if value.contains(&0) => Err(bad_value()),
            value => Ok(Some(value.to_vec())),
        };
        let id = || match value {
            b"" => Ok(None),
            value => decimal(value).and_then(|id| i64::try_from(id).ok()).map(Some).ok_or_else(bad_value),
        };
        match key {
            b"path" => records.path = text()?,
            b"linkpath" => records.link = text()?,
            b"size" => records.size = number()?,
            b"uid" => records.uid = id()?,
            b"gid" => records.gid = id()?,
            b"mtime" if value.is_empty() => records.mtime = None,
            b"mtime" => records.mtime = Some(time(value).ok_or_else(bad_value)?),
            b"SCHILY.devmajor" => records.major = number()?,
            b"SCHILY.devminor" => records.minor = number()?,
            b"GNU.sparse.major" => records.sparse.major = number()?,
            b"GNU.sparse.minor" => records.sparse.minor = number()?,
            b"GNU.sparse.name" => records.sparse.name = text()?,
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => records.sparse.size = number()?,
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                let map = records.sparse.map.get_or_insert_default();
                if map.len() % 2 != usize::from(key == b"GNU.sparse.numbytes") {
                    return Err(bad("malformed sparse map"));
                }
                map.push(decimal(value).ok_or_else(bad_value)?);
            }
            b"GNU.sparse.map" => {
                let numbers = value.split(|&byte| byte == b',').map(decimal);
                let none = value.is_empty();
                records.sparse.map =
                    if none { Some(Vec::new()) } else { Some(numbers.collect::<Option<_>>().ok_or_else(bad_value)?) };
            }
            key if key.starts_with(XATTR) => records.xattrs.push((key[XATTR.len()..].to_vec(), value.to_vec())),
            key if key.starts_with(LIBARCHIVE_XATTR) => {
                let name = percent_decoded(&key[LIBARCHIVE_XATTR.len()..]);
                encoded.push((name, base64_decoded(value).ok_or_else(bad_value)?));
            }
            _ => {}
        }
    }
    // bsdtar writes each attribute in both ways; the raw one is exact.
    for (name, value) in encoded {
        if !records.xattrs.iter().any(|(known, _)| *known == name) {
            records.xattrs.push((name, value));
        }
    }
    if records.sparse.map.as_ref().is_some_and(|map| map.len() % 2 != 0) {
        return Err(bad("malformed sparse map"));
    }
    Ok(records)
}

/// Appends a record to the data of an extended header.
pub(super) fn append(data: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    // The length counts its own digits.
    let rest = key.len() + value.len() + 3;
    let mut length = rest;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    data.extend_from_slice(format!("{length} ").as_bytes());
    for part in [key, b"=", value, b"\n"] {
        data.extend_from_slice(part);
    }
}

/// The text of a time, as short as it is exact.
pub(super) fn time_text(time: Timespec) -> String {
    let (negative, sec, nsec) = match (time.sec < 0, time.nsec) {
        (true, nsec) if nsec > 0 => (true, (time.sec + 1).unsigned_abs(), 1_000_000_000 - nsec),
        (negative, nsec) => (negative, time.sec.unsigned_abs(), nsec),
    };
    let text = format!("{}{sec}.{nsec:09}", if negative { "-" } else { "" });
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The first record's key and value, and what follows it.
fn split(data: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = data.iter().take(20).position(|&byte| byte == b' ')?;
    let length = usize::try_from(decimal(&data[..space])?).ok()?;
    if length > data.len() || length < space + 2 || data[length - 1] != b'\n' {
        return None;
    }
    let record = &data[space + 1..length - 1];
    let equals = record.iter().position(|&byte| byte == b'=')?;
    if equals == 0 {
        return None;
    }
    Some((&record[..equals], &record[equals + 1..], &data[length..]))
}

/// A decimal number without sign.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Seconds with a fraction, such as `1700000000.123456789` or `-1.5`; digits beyond nanoseconds are cut.
fn time(text: &[u8]) -> Option<Timespec> {
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = match text.iter().position(|&byte| byte == b'.') {
        Some(point) => (&text[..point], &text[point + 1..]),
        None => (text, &b""[..]),
    };
    let sec = i64::try_from(decimal(whole)?).ok()?;
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let nsec = (0..9).fold(0, |nsec, place| nsec * 10 + u32::from(fraction.get(place).map_or(0, |digit| digit - b'0')));
    Some(match (negative, nsec) {
        (false, nsec) => Timespec { sec, nsec },
        (true, 0) => Timespec { sec: -sec, nsec: 0 },
        (true, nsec) => Timespec { sec: -sec - 1, nsec: 1_000_000_000 - nsec },
    })
}

/// `%41` becomes `A`; what is no escape stays.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        match (first, tail) {
            (b'%', [high, low, after @ ..]) if digit(high).is_some() && digit(low).is_some() => {
                let value = digit(high).unwrap_or(0) * 16 + digit(low).unwrap_or(0);
                decoded.push(value as u8);
                rest = after;
            }
            _ => {
                decoded.push(*first);
                rest = tail;
            }
        }
    }
    decoded
}

/// RFC 4648 base64, padded or not.
fn base64_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let (mut decoded, mut bits, mut count) = (Vec::with_capacity(text.len() / 4 * 3), 0u32, 0);
    for byte in text.iter().take_while(|&&byte| byte != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push((bits >> count) as u8);
        }
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_hold_any_bytes() {
        let mut header = Vec::new();
        append(&mut header, b"SCHILY.xattr.user.a", b"x\n=\0y\n");
        append(&mut header, b"path", b"a=");
        let records = parse(&header, b"x").unwrap_or_default();
        assert_eq!(records.xattrs, [(b"user.a".to_vec(), b"x\n=\0y\n".to_vec())]);
        assert_eq!(records.path.as_deref(), Some(&b"a="[..]));
    }

    #[test]
    fn malformed_records_are_refused() {
        for bad in [
            &b"10 path=ab"[..],
            b"9 path=ab\n",
            b"99 path=ab\n",
            b"0 path=ab\n",
            b"-1 path=a\n",
            b"5 a=",
            b"6 ab=\0",
            b"5 =a\n",
            b"path=a\n",
            b"11 path=a\0\n",
            b"11 size=-1\n\n",
            b"10 uid=1x\n",
            b"26 GNU.sparse.numbytes=1\n",
            b"24 GNU.sparse.map=1,2,3\n",
            b"24 GNU.sparse.offset=1\n",
            b"18446744073709551616 a=b\n",
        ] {
            assert!(parse(bad, b"x").is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn an_empty_value_takes_an_earlier_one_back() {
        let mut header = Vec::new();
        for (key, value) in [("path", "a"), ("path", ""), ("size", "5")] {
            append(&mut header, key.as_bytes(), value.as_bytes());
        }
        let records = parse(&header, b"x").unwrap_or_default();
        assert_eq!((records.path, records.size), (None, Some(5)));
    }

    #[test]
    fn times_are_exact_to_the_nanosecond() {
        let table = [
            ("1", Some((1, 0))),
            ("1.5", Some((1, 500_000_000))),
            ("1.0000000019", Some((1, 1))),
            ("-1", Some((-1, 0))),
            ("-1.25", Some((-2, 750_000_000))),
            ("-0.000000001", Some((-1, 999_999_999))),
            ("", None),
            (".5", None),
            ("1.x", None),
            ("--1", None),
            ("99999999999999999999", None),
        ];
        for (text, expected) in table {
            assert_eq!(time(text.as_bytes()).map(|time| (time.sec, time.nsec)), expected, "{text}");
        }
    }

    #[test]
    fn times_are_read_as_they_are_written() {
        for (sec, nsec) in [(0, 0), (10, 0), (1, 500_000_000), (-1, 0), (-2, 750_000_000), (-1, 999_999_999)] {
            let time = Timespec { sec, nsec };
            assert_eq!(super::time(time_text(time).as_bytes()), Some(time), "{}", time_text(time));
        }
    }

    #[test]
    fn a_record_s_length_counts_its_own_digits() {
        for length in (0..120).chain(980..1010) {
            let mut header = Vec::new();
            append(&mut header, b"path", &vec![b'x'; length]);
            assert_eq!(split(&header).map(|(_, value, rest)| (value.len(), rest.len())), Some((length, 0)));
        }
    }

    #[test]
    fn libarchive_attributes_are_decoded_and_yield_to_raw_ones() {
        let mut header = Vec::new();
        for (key, value) in
            [("LIBARCHIVE.xattr.user.%61b", "AAEC"), ("LIBARCHIVE.xattr.user.c", "eHl6"), ("SCHILY.xattr.user.c", "1")]
        {
            append(&mut header, key.as_bytes(), value.as_bytes());
        }
        let records = parse(&header, b"x").unwrap_or_default();
        let expected = [(b"user.c".to_vec(), b"1".to_vec()), (b"user.ab".to_vec(), vec![0, 1, 2])];
        assert_eq!(records.xattrs, expected);
    }
}
