//! Everything that is tested from outside, in one binary.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_macros)]

/// What runs the built program on its own images.
#[cfg(all(feature = "cli", feature = "wasm", feature = "base"))]
mod command {
    mod containers;
    mod faults;
    mod files;
    mod images;
    mod limits;
    #[cfg(all(feature = "native", target_os = "linux"))]
    mod native;
    #[cfg(all(feature = "native", target_os = "linux"))]
    mod native_files;
    mod shell;
    mod store;
    mod support;
    #[cfg(unix)]
    mod terminals;
}
#[cfg(feature = "wasm")]
mod wasi_testsuite;
