//! Everything that is tested from outside, in one binary.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_macros)]

/// What runs the built program on its own images.
#[cfg(feature = "cli")]
mod command {
    #[cfg(all(feature = "native", target_os = "linux"))]
    mod cgroups;
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
    #[cfg(all(feature = "native", target_os = "linux"))]
    mod isolation;
    #[cfg(all(feature = "native", target_os = "linux"))]
    mod killed;
    #[cfg(all(feature = "wasm", feature = "base"))]
    mod limits;
    #[cfg(all(feature = "native", target_os = "linux"))]
    mod native;
    #[cfg(all(feature = "native", target_os = "linux"))]
    mod native_files;
    #[cfg(all(feature = "native", target_os = "linux"))]
    mod rootless;
    #[cfg(all(feature = "native", target_os = "linux"))]
    mod runtime;
    #[cfg(all(feature = "native", target_os = "linux"))]
    mod runtime_binds;
    #[cfg(all(feature = "native", target_os = "linux"))]
    mod runtime_cgroups;
    #[cfg(all(feature = "native", target_os = "linux"))]
    mod runtime_programs;
    #[cfg(all(feature = "native", target_os = "linux"))]
    mod runtime_rootless;
    #[cfg(all(feature = "native", feature = "wasm", target_os = "linux"))]
    mod runtime_wasm;
    #[cfg(all(feature = "wasm", feature = "base"))]
    mod shell;
    #[cfg(all(feature = "wasm", feature = "base"))]
    mod store;
    #[cfg_attr(not(all(feature = "wasm", feature = "base")), allow(dead_code, reason = "most tests run WASI programs"))]
    mod support;
    #[cfg(all(unix, feature = "wasm", feature = "base"))]
    mod terminals;
    #[cfg(all(feature = "native", target_os = "linux"))]
    mod userns;
    #[cfg(all(feature = "native", feature = "wasm", feature = "base", target_os = "linux"))]
    mod volumes;
}
#[cfg(feature = "wasm")]
mod wasi_testsuite;
