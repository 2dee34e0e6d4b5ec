//! Processes, pipes, signals, terminals, modes and owners for programs that run as WASI guests in cowbox, and on the host they are tested on.
//!
//! Linking this crate into a program for `wasm32-wasip1` also changes what std does there: `std::fs` and `std::env` see the kernel's working directory,
//! modes and owners, and files opened by std are closed on exec. A program that uses nothing else of it says `use cowbox_guest as _;`.
//!
//! | in place of | |
//! | --- | --- |
//! | `std::process` | [`process`] |
//! | `std::os::unix::fs`, `std::fs::set_permissions` | [`fs`], and [`os`] for the traits |
//! | `std::io::pipe` | [`pipe`] |
//! | `signal_hook`, `nix::sys::signal` | [`signal`] |
//! | `termios`, `crossterm`'s raw mode | [`term`] |
//! | `nix`, `rustix`, `libc` | [`sys`] |
//!
//! There is no `fork`: a copy of a running module cannot be made.

#[cfg(not(any(unix, target_os = "wasi")))]
compile_error!("cowbox-guest is for wasm32-wasip1, and for the Unix systems its programs are tested on");

pub mod fs;
pub mod os;
pub mod pipe;
pub mod process;
pub mod signal;
pub mod sys;
pub mod term;
pub mod users;
