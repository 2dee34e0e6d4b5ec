//! Other processes, on Unix.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};

use super::signals::{KILL_REQUEST, host_number};

/// The user and group whose files this process makes.
pub fn owner() -> (u32, u32) {
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}

/// Sends the signal of this number, which is Linux's. [`NotFound`](io::ErrorKind::NotFound) where there is no such process.
pub fn signal(pid: u32, number: u8) -> io::Result<()> {
    send(pid, host_number(number))
}

/// Asks a process of ours, which runs a container, to kill it and to tidy up. It may be stopped: then it goes on for that.
pub fn ask_to_kill(pid: u32) -> io::Result<()> {
    send(pid, Some(KILL_REQUEST))?;
    go_on(pid)
}

/// Has a process go on that may be stopped.
pub fn go_on(pid: u32) -> io::Result<()> {
    send(pid, Some(libc::SIGCONT))
}

fn send(pid: u32, number: Option<libc::c_int>) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    let unknown = || io::Error::new(io::ErrorKind::Unsupported, "no signal of this system stands for it");
    let signal = number.and_then(Signal::from_named_raw).ok_or_else(unknown)?;
    kill_process(pid, signal).map_err(|error| match error {
        rustix::io::Errno::SRCH => io::ErrorKind::NotFound.into(),
        error => error.into(),
    })
}

/// Starts a process that lives on without this one: in a session of its own, in the root directory, with none of our
/// descriptors but its standard streams.
#[allow(unsafe_code)]
pub fn spawn_detached(command: &mut Command) -> io::Result<Child> {
    keep_descriptors()?;
    let new_session = || rustix::process::setsid().map(|_| ()).map_err(io::Error::from);
    // SAFETY: setsid(2) is async-signal-safe, and the closure neither allocates nor takes locks.
    unsafe { command.pre_exec(new_session) };
    command.current_dir("/").spawn()
}

/// Standard output as it was given to this process, which has none from now on.
pub fn take_stdout() -> io::Result<File> {
    let given = io::stdout().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdout(File::options().write(true).open("/dev/null")?)?;
    Ok(given.into())
}

/// What this process inherited beside the standard streams goes no further.
#[allow(unsafe_code)]
fn keep_descriptors() -> io::Result<()> {
    let entries = std::fs::read_dir("/dev/fd")?;
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<libc::c_int>().ok());
    for number in numbers.collect::<Vec<_>>().into_iter().filter(|number| *number > 2) {
        // SAFETY: fcntl(2) with this command sets a flag; a descriptor that is not open any more is refused.
        unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    use super::*;

    #[test]
    fn a_detached_process_leads_a_session_of_its_own_in_the_root_directory() {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "pwd; read line"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = spawn_detached(&mut command).unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "/\n");
        let pid = Pid::from_child(&child);
        assert_eq!(rustix::process::getsid(Some(pid)).unwrap(), pid);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(signal(child.id(), 15).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
