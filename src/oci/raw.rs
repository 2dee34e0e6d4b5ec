//! Documents as bytes and as what they say: the bytes carry the digest.

use std::io::Read;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::MediaType;
use super::descriptor::Descriptor;
use super::digest::{Digest, VerifyReader};

/// The largest document that is read: 4 MiB, what registries take (distribution-spec "Pushing Manifests").
pub const MAX_DOCUMENT: usize = 4 << 20;

/// The values a document may hold: few kilobytes of `[[[],[]…` must not become gigabytes of tree.
const MAX_VALUES: usize = 1 << 18;

/// What a document must be, beyond its JSON.
pub trait Document: DeserializeOwned + Serialize {
    /// What it is called in errors.
    const KIND: &'static str;

    /// Checks what types cannot.
    fn check(&self) -> Result<(), DocumentError>;
}

/// A document that was refused.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// More bytes than are read.
    #[error("{kind}: {size} bytes are more than {limit}")]
    TooLarge {
        /// What the document is.
        kind: &'static str,
        /// Its size.
        size: usize,
        /// What is read.
        limit: usize,
    },
    /// More values than are read.
    #[error("{kind}: more than {MAX_VALUES} values")]
    TooManyValues {
        /// What the document is.
        kind: &'static str,
    },
    /// Bytes that are not the promised ones.
    #[error("{kind}: {why}")]
    Digest {
        /// What the document is.
        kind: &'static str,
        /// How they differ.
        why: String,
    },
    /// No JSON, or not of the document's form.
    #[error("{kind}: {source}{place}")]
    Json {
        /// What the document is.
        kind: &'static str,
        /// The text before the fault.
        place: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A value that a field must not have.
    #[error("{kind}: {field}: {why}")]
    Field {
        /// What the document is.
        kind: &'static str,
        /// The field.
        field: String,
        /// What is wrong with it.
        why: String,
    },
}

/// A document: its bytes, their digest, and what they say. Fields we do not know live on in the bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Raw<T> {
    bytes: Vec<u8>,
    digest: Digest,
    /// What the bytes say.
    pub view: T,
}

impl<T: Document> Raw<T> {
    /// Reads a document of at most `limit` bytes, named by its SHA-256.
    pub fn parse(bytes: impl Into<Vec<u8>>, limit: usize) -> Result<Raw<T>, DocumentError> {
        let bytes = bytes.into();
        let view = read(&bytes, limit)?;
        Ok(Raw { digest: Digest::of(&bytes), bytes, view })
    }

    /// Reads a document of at most [`MAX_DOCUMENT`] bytes whose digest must be `expected`.
    pub fn parse_verified(bytes: impl Into<Vec<u8>>, expected: Digest) -> Result<Raw<T>, DocumentError> {
        let bytes = bytes.into();
        if bytes.len() > MAX_DOCUMENT {
            return Err(DocumentError::TooLarge { kind: T::KIND, size: bytes.len(), limit: MAX_DOCUMENT });
        }
        let mut reader = VerifyReader::new(bytes.as_slice(), expected, bytes.len() as u64);
        std::io::copy(&mut reader.by_ref(), &mut std::io::sink())
            .map_err(|error| DocumentError::Digest { kind: T::KIND, why: error.to_string() })?;
        let view = read(&bytes, MAX_DOCUMENT)?;
        Ok(Raw { bytes, digest: expected, view })
    }

    /// Writes a document of ours.
    pub fn from_value(view: T) -> Result<Raw<T>, DocumentError> {
        view.check()?;
        let bytes = serde_json::to_vec(&view).map_err(|source| DocumentError::Json {
            kind: T::KIND,
            place: String::new(),
            source,
        })?;
        Ok(Raw { digest: Digest::of(&bytes), bytes, view })
    }

    /// The exact bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The exact bytes, without the view.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The digest of the bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Names the document as a `media_type`.
    pub fn descriptor(&self, media_type: MediaType) -> Descriptor {
        Descriptor::new(media_type, self.digest, self.bytes.len() as u64)
    }
}

fn read<T: Document>(bytes: &[u8], limit: usize) -> Result<T, DocumentError> {
    if bytes.len() > limit {
        return Err(DocumentError::TooLarge { kind: T::KIND, size: bytes.len(), limit });
    }
    if count_values(bytes) > MAX_VALUES {
        return Err(DocumentError::TooManyValues { kind: T::KIND });
    }
    let view: T = serde_json::from_slice(bytes).map_err(|source| DocumentError::Json {
        kind: T::KIND,
        place: place_of(bytes, &source),
        source,
    })?;
    view.check()?;
    Ok(view)
}

/// No fewer than the values of a JSON text: one for each comma and opening bracket outside strings.
fn count_values(bytes: &[u8]) -> usize {
    let mut count = 0;
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b',' | b'[' | b'{' => count += 1,
            b'"' => loop {
                match rest.next() {
                    Some(b'\\') => drop(rest.next()),
                    Some(b'"') | None => break,
                    Some(_) => {}
                }
            },
            _ => {}
        }
    }
    count
}

/// The text that stands before a fault: line and column alone say little on the one line that documents are.
fn place_of(bytes: &[u8], error: &serde_json::Error) -> String {
    let Some(before) = error.line().checked_sub(1) else { return String::new() };
    let Some(line) = bytes.split(|byte| *byte == b'\n').nth(before) else { return String::new() };
    let end = error.column().min(line.len());
    let text = String::from_utf8_lossy(&line[end.saturating_sub(60)..end]);
    if text.is_empty() { String::new() } else { format!(" (after {text:?})") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{ImageConfig, Index, Manifest};

    #[test]
    fn bytes_that_differ_from_the_promised_digest_are_refused() {
        let bytes = br#"{"schemaVersion":2,"manifests":[]}"#;
        assert!(Raw::<Index>::parse_verified(bytes.as_slice(), Digest::of(bytes)).is_ok());
        let error = Raw::<Index>::parse_verified(bytes.as_slice(), Digest::of(b"x")).unwrap_err();
        assert!(error.to_string().starts_with("index: digest differs (expected sha256:"), "{error}");
    }

    #[test]
    fn large_deep_and_crowded_documents_are_refused() {
        let error = |text: String| Raw::<ImageConfig>::parse(text, MAX_DOCUMENT).unwrap_err().to_string();
        assert_eq!(error(" ".repeat(MAX_DOCUMENT + 1)), "image config: 4194305 bytes are more than 4194304");
        assert_eq!(error(format!("[{}0]", "0,".repeat(MAX_VALUES))), "image config: more than 262144 values");
        let deep = format!("{{\"x\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
        assert!(error(deep).contains("recursion limit"));
    }

    #[test]
    fn no_change_of_bytes_makes_a_reader_panic() {
        let text = br#"{"schemaVersion":2,"config":{"mediaType":"a","digest":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","size":1},"layers":null,"manifests":[],"rootfs":{"type":"layers","diff_ids":[]},"history":[{"empty_layer":true}]}"#;
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..20_000 {
            let mut bytes = text.to_vec();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..bytes.len());
                match random.u8(..3) {
                    0 => bytes[at] = random.u8(..),
                    1 => bytes.truncate(at.max(1)),
                    _ => bytes.insert(at, *random.choice(b"{}[]\",:0-e").unwrap_or(&b' ')),
                }
            }
            let _ = Raw::<Manifest>::parse(bytes.clone(), MAX_DOCUMENT);
            let _ = Raw::<Index>::parse(bytes.clone(), MAX_DOCUMENT);
            let _ = Raw::<ImageConfig>::parse(bytes, MAX_DOCUMENT);
        }
    }

    #[test]
    fn commas_in_strings_are_no_values() {
        assert_eq!(count_values(br#"{"a":"[,{\",","b":[1,2]}"#), 4);
        assert_eq!(count_values(br#""never closed \"#), 0);
    }
}
