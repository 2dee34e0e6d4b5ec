//! Everything that is tested from outside, in one binary.
#![allow(clippy::unwrap_used, clippy::panic)]

#[cfg(feature = "wasm")]
mod wasi_testsuite;
