//! Digests: the names of content, and readers and writers that compute or check them.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256, Sha512};

/// A digest by one of the registered algorithms (image-spec descriptor.md "Digests").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Digest {
    /// SHA-256.
    Sha256([u8; 32]),
    /// SHA-512.
    Sha512([u8; 64]),
}

/// A text that is no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no digest (expected `sha256:` and 64 lower-case hex digits)")]
pub struct InvalidDigest(pub String);

impl Digest {
    /// The SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest::Sha256(Sha256::digest(bytes).into())
    }

    /// `sha256` or `sha512`.
    pub fn algorithm(&self) -> &'static str {
        match self {
            Digest::Sha256(_) => "sha256",
            Digest::Sha512(_) => "sha512",
        }
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Digest::Sha256(bytes) => bytes,
            Digest::Sha512(bytes) => bytes,
        }
    }

    /// The lower-case hex digits: the name of a blob's file.
    pub fn hex(&self) -> String {
        hex(self.as_bytes())
    }

    /// The first 12 hex digits, as people see them.
    pub fn short(&self) -> String {
        hex(&self.as_bytes()[..6])
    }
}

/// Lower-case hex digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)].into());
        text.push(DIGITS[usize::from(byte & 15)].into());
    }
    text
}

/// The bytes that exactly `N` pairs of lower-case hex digits stand for.
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let text = text.as_bytes();
    if text.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Digest, InvalidDigest> {
        let parsed = match text.split_once(':') {
            Some(("sha256", digits)) => from_hex(digits).map(Digest::Sha256),
            Some(("sha512", digits)) => from_hex(digits).map(Digest::Sha512),
            _ => None,
        };
        parsed.ok_or_else(|| InvalidDigest(text.chars().take(200).collect()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm(), self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Computes a SHA-256 piece by piece.
#[derive(Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Of nothing yet.
    pub fn new() -> Hasher {
        Hasher::default()
    }

    /// Takes in `bytes`.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all that was taken in.
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }

    /// As [`finish`](Hasher::finish), as a digest.
    pub fn digest(self) -> Digest {
        Digest::Sha256(self.finish())
    }
}

/// Passes writes on and computes their digest and length.
pub struct HashWriter<W> {
    inner: W,
    hasher: Hasher,
    written: u64,
}

impl<W: Write> HashWriter<W> {
    /// A writer in front of `inner`.
    pub fn new(inner: W) -> HashWriter<W> {
        HashWriter { inner, hasher: Hasher::new(), written: 0 }
    }

    /// The writer behind this one, the digest and the number of bytes.
    pub fn finish(self) -> (W, Digest, u64) {
        (self.inner, self.hasher.digest(), self.written)
    }

    /// As [`finish`](HashWriter::finish), with the bare SHA-256.
    pub fn finish_sha256(self) -> (W, [u8; 32], u64) {
        (self.inner, self.hasher.finish(), self.written)
    }
}

impl<W: Write> Write for HashWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

enum AnyHasher {
    Sha256(Sha256),
    Sha512(Box<Sha512>),
}

/// Reads content of a promised digest and size, and fails at its end where it keeps neither promise. It never reads past
/// the promised size, except for one byte that shows whether there is more.
pub struct VerifyReader<R> {
    inner: R,
    hasher: AnyHasher,
    expected: Digest,
    left: u64,
    checked: bool,
}

impl<R: Read> VerifyReader<R> {
    /// Reads `inner`, which promises `size` bytes with the digest `expected`.
    pub fn new(inner: R, expected: Digest, size: u64) -> VerifyReader<R> {
        let hasher = match expected {
            Digest::Sha256(_) => AnyHasher::Sha256(Sha256::new()),
            Digest::Sha512(_) => AnyHasher::Sha512(Box::new(Sha512::new())),
        };
        VerifyReader { inner, hasher, expected, left: size, checked: false }
    }

    fn check(&mut self) -> io::Result<()> {
        if self.checked {
            return Ok(());
        }
        let mut more = [0];
        if self.inner.read(&mut more)? != 0 {
            return Err(damaged(format!("{} is longer than promised", self.expected)));
        }
        let found = match &mut self.hasher {
            AnyHasher::Sha256(hasher) => Digest::Sha256(hasher.finalize_reset().into()),
            AnyHasher::Sha512(hasher) => Digest::Sha512(hasher.finalize_reset().into()),
        };
        if found != self.expected {
            return Err(damaged(format!("digest differs (expected {}, found {found})", self.expected)));
        }
        self.checked = true;
        Ok(())
    }
}

impl<R: Read> Read for VerifyReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            self.check()?;
            return Ok(0);
        }
        let wanted = buf.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let count = self.inner.read(&mut buf[..wanted])?;
        if count == 0 {
            return Err(damaged(format!("{} is {} bytes shorter than promised", self.expected, self.left)));
        }
        match &mut self.hasher {
            AnyHasher::Sha256(hasher) => hasher.update(&buf[..count]),
            AnyHasher::Sha512(hasher) => hasher.update(&buf[..count]),
        }
        self.left -= count as u64;
        Ok(count)
    }
}

fn damaged(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_as_it_is_written() {
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), text);
        assert_eq!(text.parse(), Ok(Digest::of(b"abc")));
        for bad in ["", "sha256:", "sha256:BA", "md5:00", &text[..70], &text.to_uppercase()] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_verified_stream_ends_well_only_if_it_keeps_its_promise() {
        let read = |bytes: &[u8], digest, size| {
            let mut all = Vec::new();
            VerifyReader::new(bytes, digest, size).read_to_end(&mut all).map_err(|error| error.to_string())
        };
        assert_eq!(read(b"abc", Digest::of(b"abc"), 3), Ok(3));
        assert!(read(b"abd", Digest::of(b"abc"), 3).unwrap_err().contains("digest differs"));
        assert!(read(b"abcd", Digest::of(b"abc"), 3).unwrap_err().contains("longer"));
        assert!(read(b"ab", Digest::of(b"abc"), 3).unwrap_err().contains("1 bytes shorter"));
    }
}
