//! The terminal of a container's process in the foreground: what is typed here goes there, and what is written there comes here.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use crate::runtime::Error;
use crate::runtime::native::lifecycle::failed;
use crate::runtime::native::system::lifecycle::words::plain;
use crate::sys;
use crate::sys::linux::{process, window};
use crate::sys::terminal::RawMode;

/// Copies both ways until `process` has ended and all that was written has come.
///
/// The thread that reads what is typed waits for ever, and ends with this process.
pub(super) fn attend(master: OwnedFd, process: &OwnedFd) -> Result<(), Error> {
    let master = Arc::new(master);
    // Without a terminal at standard input there is nothing to make raw.
    let raw = RawMode::prepare().ok();
    if let Some(raw) = &raw {
        raw.enter().map_err(|error| failed(format!("make the terminal raw: {}", plain(&error))))?;
    }
    // Who types finds it as large as what they see.
    resize(&master);
    let resized = master.clone();
    sys::terminal::on_resize(move || resize(&resized));
    let typed = copy_of(&master)?;
    std::thread::spawn(move || copy_input(typed));
    copy_output(&master, process).map_err(|error| failed(format!("copy what is written: {}", plain(&error))))
}

fn resize(master: &OwnedFd) {
    if let Some(size) = sys::terminal::size() {
        process::set_window(master, size.rows, size.columns);
    }
}

fn copy_input(mut typed: File) {
    let mut bytes = [0; 4096];
    while let Ok(len @ 1..) = sys::stdio::read_stdin(&mut bytes) {
        if typed.write_all(&bytes[..len]).is_err() {
            return;
        }
    }
}

fn copy_output(master: &OwnedFd, process: &OwnedFd) -> std::io::Result<()> {
    let mut written = File::from(master.try_clone()?);
    let mut bytes = vec![0; 64 << 10];
    while window::wait_for_output(master, process)? {
        // Once nobody has the terminal open, reading its master is an error.
        let Ok(len @ 1..) = written.read(&mut bytes) else { break };
        sys::stdio::Stdout.write_all(&bytes[..len])?;
    }
    Ok(())
}

fn copy_of(master: &OwnedFd) -> Result<File, Error> {
    let copy = master.try_clone();
    copy.map(File::from).map_err(|error| failed(format!("copy the descriptor of a terminal: {}", plain(&error))))
}
