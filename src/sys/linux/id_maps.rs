//! Gives a new user namespace its ids: user_namespaces(7), newuidmap(1).

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

/// Gives the new user namespace of a process its ids: ranges of (first inside, first outside, how many). What may not be
/// written directly is written by `newuidmap` and `newgidmap`.
pub fn write(pid: u32, uid: &[(u32, u32, u32)], gid: &[(u32, u32, u32)]) -> io::Result<()> {
    let directory = format!("/proc/{pid}");
    write_map(&format!("{directory}/uid_map"), uid, || run_helper("newuidmap", pid, uid))?;
    write_map(&format!("{directory}/gid_map"), gid, || match gid {
        // One's own group needs no helper, only that no group is ever left.
        [(_, outside, 1)] if *outside == rustix::process::getegid().as_raw() => {
            write_whole(&format!("{directory}/setgroups"), "deny")?;
            write_whole(&format!("{directory}/gid_map"), &text_of(gid))
        }
        _ => run_helper("newgidmap", pid, gid),
    })
}

fn write_map(path: &str, ranges: &[(u32, u32, u32)], else_by: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    match write_whole(path, &text_of(ranges)) {
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => else_by(),
        Err(error) => Err(io::Error::new(error.kind(), format!("write {path}: {error}"))),
        Ok(()) => Ok(()),
    }
}

fn text_of(ranges: &[(u32, u32, u32)]) -> String {
    ranges.iter().map(|(inside, outside, count)| format!("{inside} {outside} {count}\n")).collect()
}

/// One write, as files of `/proc` want it.
fn write_whole(path: &str, text: &str) -> io::Result<()> {
    let file: OwnedFd = fs::OpenOptions::new().write(true).open(path)?.into();
    let written = rustix::io::write(&file, text.as_bytes())?;
    if written == text.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

fn run_helper(program: &str, pid: u32, ranges: &[(u32, u32, u32)]) -> io::Result<()> {
    let numbers = ranges.iter().flat_map(|(inside, outside, count)| [inside, outside, count].map(u32::to_string));
    let output = Command::new(program).arg(pid.to_string()).args(numbers).stdin(Stdio::null()).output();
    let output = output.map_err(|error| {
        let hint =
            "install it (package uidmap or shadow-utils) and give the user ranges in /etc/subuid and /etc/subgid";
        io::Error::new(error.kind(), format!("run {program}: {error}; {hint}"))
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{program}: {}", said.trim())))
}
