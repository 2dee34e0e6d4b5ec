//! The documents of the OCI specifications as plain types: no files, no network.

mod digest;

pub use digest::{Digest, HashWriter, Hasher, InvalidDigest, VerifyReader, from_hex, hex};
