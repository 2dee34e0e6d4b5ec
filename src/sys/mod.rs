//! The operating system: all `unsafe` code and everything that differs between systems.
//!
//! What differs is a pair of twin files with the same functions, chosen on their `mod` lines here.

pub mod clock;
pub mod cpu;
pub mod device;
pub mod durable;
pub mod host;
#[cfg(target_os = "linux")]
pub mod linux;
pub mod mapping;
#[cfg(test)]
pub(crate) mod mount;
pub mod mountinfo;
pub mod random;
pub mod raw_files;
pub mod stdio;
pub mod terminal;

#[cfg_attr(unix, path = "directory_unix.rs")]
#[cfg_attr(windows, path = "directory_windows.rs")]
mod directory;

#[cfg_attr(unix, path = "disk_unix.rs")]
#[cfg_attr(windows, path = "disk_windows.rs")]
pub mod disk;

#[cfg_attr(unix, path = "cpu_unix.rs")]
#[cfg_attr(windows, path = "cpu_windows.rs")]
mod cpu_system;

#[cfg_attr(unix, path = "process_unix.rs")]
#[cfg_attr(windows, path = "process_windows.rs")]
pub mod process;

#[cfg_attr(unix, path = "signals_unix.rs")]
#[cfg_attr(windows, path = "signals_windows.rs")]
pub mod signals;

#[cfg_attr(unix, path = "stdio_unix.rs")]
#[cfg_attr(windows, path = "stdio_windows.rs")]
mod stdio_system;

#[cfg_attr(unix, path = "terminal_unix.rs")]
#[cfg_attr(windows, path = "terminal_windows.rs")]
mod terminal_system;

#[cfg_attr(unix, path = "positional_unix.rs")]
#[cfg_attr(windows, path = "positional_windows.rs")]
pub mod positional;

#[cfg_attr(unix, path = "host_unix.rs")]
#[cfg_attr(windows, path = "host_windows.rs")]
mod host_system;

#[cfg_attr(all(target_os = "linux", target_env = "gnu"), path = "heap_gnu.rs")]
#[cfg_attr(not(all(target_os = "linux", target_env = "gnu")), path = "heap_other.rs")]
pub mod heap;

#[cfg_attr(target_os = "linux", path = "local_socket_linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "local_socket_other.rs")]
pub mod local_socket;

#[cfg_attr(target_os = "linux", path = "clock_linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "clock_other.rs")]
mod clock_system;

#[cfg(test)]
#[cfg_attr(target_os = "linux", path = "private_mount_linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "private_mount_other.rs")]
pub(crate) mod private_mount;

#[cfg(test)]
#[cfg_attr(target_os = "linux", path = "host_pty_linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "host_pty_other.rs")]
pub(crate) mod host_pty;
