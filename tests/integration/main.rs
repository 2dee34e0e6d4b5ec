//! Everything that is tested from outside, in one binary.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_macros)]

#[cfg(all(feature = "cli", feature = "wasm", feature = "base"))]
mod containers;
#[cfg(all(feature = "cli", feature = "wasm", feature = "base"))]
mod limits;
#[cfg(all(feature = "cli", feature = "wasm", feature = "base"))]
mod support;
#[cfg(feature = "wasm")]
mod wasi_testsuite;
