//! Everything that is tested from outside, in one binary.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_macros)]

/// What runs the built program on its own images.
#[cfg(feature = "cli")]
#[cfg_attr(not(all(feature = "wasm", feature = "base")), allow(dead_code))]
mod command {
    #[cfg(all(feature = "wasm", feature = "base"))]
    mod containers;
    #[cfg(unix)]
    mod detached;
    #[cfg(all(feature = "wasm", feature = "base"))]
    mod faults;
    #[cfg(all(feature = "wasm", feature = "base"))]
    mod files;
    #[cfg(all(feature = "wasm", feature = "base"))]
    mod images;
    #[cfg(all(feature = "wasm", feature = "base"))]
    mod limits;
    #[cfg(all(feature = "native", target_os = "linux"))]
    mod native;
    #[cfg(all(feature = "wasm", feature = "base"))]
    mod shell;
    #[cfg(all(feature = "wasm", feature = "base"))]
    mod store;
    mod support;
    #[cfg(all(feature = "wasm", feature = "base", unix))]
    mod terminals;
}
#[cfg(feature = "wasm")]
mod wasi_testsuite;
