//! Waiting for what comes of a terminal whose master this process has.

use std::io;
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, poll};

/// Waits until there is something to read of `master`, its end included, or `process` has ended; whether it is the first.
pub fn wait_for_output(master: &OwnedFd, process: &OwnedFd) -> io::Result<bool> {
    loop {
        let mut fds = [PollFd::new(master, PollFlags::IN), PollFd::new(process, PollFlags::IN)];
        match poll(&mut fds, None) {
            Ok(_) => return Ok(!fds[0].revents().is_empty()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn output_comes_before_the_end_of_who_wrote_it() {
        let (reader, mut writer) = io::pipe().unwrap();
        let reader = OwnedFd::from(reader);
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let process = crate::sys::linux::process::open_pidfd(child.id()).unwrap();
        io::Write::write_all(&mut writer, b"x").unwrap();
        assert!(wait_for_output(&reader, &process).unwrap());
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(wait_for_output(&reader, &process).unwrap(), "it was not read");
        let mut reader = io::PipeReader::from(reader);
        io::Read::read_exact(&mut reader, &mut [0]).unwrap();
        assert!(!wait_for_output(&OwnedFd::from(reader), &process).unwrap());
    }
}
