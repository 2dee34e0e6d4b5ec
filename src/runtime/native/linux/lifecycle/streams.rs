//! What a client hands to processes and is handed of them: streams, terminals, descriptors, numbers.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use super::folder::write_whole;
use super::words::plain;
use crate::oci::runtime::Process;
use crate::runtime::native::NativeBundle;
use crate::runtime::native::lifecycle::{StartOptions, failed};
use crate::runtime::native::system::launch::Launched;
use crate::runtime::{Error, TerminalSize};
use crate::sys;
use crate::sys::linux::socket;

/// The name that goes with the master of a terminal to a console socket.
const MASTER_NAME: &str = "/dev/ptmx";

/// The name that goes with a process to a socket.
const PIDFD_NAME: &str = "pidfd";

/// Gives the master of the terminal and the number of the process to who wants them.
pub(super) fn hand_out(launched: &mut Launched, options: &StartOptions) -> Result<(), Error> {
    if let Some(path) = &options.console_socket
        && let Some(master) = launched.master.take()
    {
        socket::send_descriptor(path, master.as_fd(), MASTER_NAME)
            .map_err(|error| failed(format!("send the terminal to {}: {}", path.display(), plain(&error))))?;
    }
    if let Some(path) = &options.pidfd_socket {
        socket::send_descriptor(path, launched.process.pidfd().as_fd(), PIDFD_NAME)
            .map_err(|error| failed(format!("send the process to {}: {}", path.display(), plain(&error))))?;
    }
    if let Some(path) = &options.pid_file {
        write_whole(path, launched.process.pid().to_string().as_bytes(), 0o666)
            .map_err(|error| failed(format!("write {}: {}", path.display(), plain(&error))))?;
    }
    Ok(())
}

pub(super) fn has_terminal(bundle: &NativeBundle) -> bool {
    bundle.spec.process.as_ref().is_some_and(|process| process.terminal)
}

/// Somebody must take the master of a terminal, and nobody can take one that is not there.
pub(super) fn check_terminal(terminal: bool, detach: bool, options: &StartOptions) -> Result<(), Error> {
    match (terminal, detach, options.console_socket.is_some()) {
        (true, true, false) => Err(failed("cannot allocate tty if runc will detach without setting console socket")),
        (false, _, true) | (_, false, true) => {
            Err(failed("cannot use console socket if runc will not detach or allocate tty"))
        }
        _ => Ok(()),
    }
}

/// The descriptors that the process is to keep are there.
pub(super) fn check_descriptors(options: &StartOptions) -> Result<(), Error> {
    let count = options.preserve_fds + options.listen_fds;
    let missing = (3..3 + count).find(|fd| std::fs::symlink_metadata(format!("/proc/self/fd/{fd}")).is_err());
    missing
        .map_or(Ok(()), |fd| Err(failed(format!("please check that preserved-fd {} (of {count}) is present", fd - 3))))
}

/// Tells a process of the sockets that it was handed: sd_listen_fds(3).
pub(super) fn pass_sockets(process: &mut Process, options: &StartOptions) {
    if options.listen_fds > 0 {
        process.env.extend([format!("LISTEN_FDS={}", options.listen_fds), "LISTEN_PID=1".into()]);
    }
}

/// The size of the window here, where a terminal is to be shown in it.
pub(super) fn window_size(options: &StartOptions) -> Option<TerminalSize> {
    options.console_socket.is_none().then(sys::terminal::size).flatten()
}

pub(super) fn own_streams() -> io::Result<[OwnedFd; 3]> {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let copy = |fd: std::os::fd::BorrowedFd<'_>| fd.try_clone_to_owned();
    Ok([copy(stdin.as_fd())?, copy(stdout.as_fd())?, copy(stderr.as_fd())?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_needs_who_takes_it() {
        let with =
            |socket: bool| StartOptions { console_socket: socket.then(|| "/s".into()), ..StartOptions::default() };
        for (terminal, detach, socket) in
            [(true, true, true), (true, false, false), (false, true, false), (false, false, false)]
        {
            check_terminal(terminal, detach, &with(socket)).unwrap();
        }
        for (terminal, detach, socket) in
            [(true, true, false), (false, true, true), (false, false, true), (true, false, true)]
        {
            check_terminal(terminal, detach, &with(socket)).unwrap_err();
        }
    }

    #[test]
    fn sockets_that_were_handed_over_are_told() {
        let mut process = Process::default();
        pass_sockets(&mut process, &StartOptions::default());
        assert!(process.env.is_empty());
        pass_sockets(&mut process, &StartOptions { listen_fds: 2, ..StartOptions::default() });
        assert_eq!(process.env, ["LISTEN_FDS=2", "LISTEN_PID=1"]);
    }

    #[test]
    fn descriptors_that_are_not_there_cannot_be_kept() {
        let error = check_descriptors(&StartOptions { preserve_fds: 100_000, ..StartOptions::default() }).unwrap_err();
        assert!(error.message.starts_with("please check that preserved-fd "), "{}", error.message);
    }
}
