//! Other processes, on Unix.

use std::io;

use rustix::process::{Pid, Signal, kill_process};

/// The user and group whose files this process makes.
pub fn owner() -> (u32, u32) {
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}

/// Sends the signal of this number.
pub fn signal(pid: u32, number: u8) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    let signal = Signal::from_named_raw(number.into()).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(kill_process(pid, signal)?)
}
