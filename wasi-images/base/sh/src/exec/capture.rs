//! The output of a command substitution. What builtins write stays in memory; once anything else may write, it goes to a memory file that is descriptor 1.

use cowbox_guest::sys::{self, Fd, OpenFlags};

use crate::shell::Shell;

/// Descriptors that the shell keeps for itself lie above those that scripts use.
pub const LEAST: Fd = 60;

#[derive(Default)]
pub struct Capture {
    buffer: Vec<u8>,
    file: Option<File>,
}

struct File {
    fd: Fd,
    /// What descriptor 1 was; nothing where it was closed.
    before: Option<Fd>,
}

impl Capture {
    /// Takes output, unless it has to go to descriptor 1.
    pub fn take(&mut self, output: &[u8]) -> bool {
        if self.file.is_none() {
            self.buffer.extend_from_slice(output);
        }
        self.file.is_none()
    }
}

/// A memory file out of the way of scripts, with this in it, to be read from its start.
pub fn memory_file(content: &[u8]) -> sys::Result<Fd> {
    let low = sys::memory_file(OpenFlags::CLOEXEC)?;
    let fd = above(low)?;
    sys::write_all(fd, content)?;
    sys::seek(fd, std::io::SeekFrom::Start(0))?;
    Ok(fd)
}

/// Moves a descriptor of the shell's own out of the way of scripts.
pub fn above(fd: Fd) -> sys::Result<Fd> {
    if fd >= LEAST {
        return Ok(fd);
    }
    let high = sys::dup(fd, LEAST, true);
    // Only the copy is needed.
    let _ = sys::close(fd);
    high
}

impl Shell {
    /// Makes descriptor 1 what captures output, because somebody else is about to use it.
    pub fn realize_output(&mut self) {
        self.flush();
        let Some(capture) = &mut self.capture else { return };
        if capture.file.is_some() {
            return;
        }
        let Ok(fd) = memory_file(&capture.buffer) else { return };
        // Written on from the end.
        let _ = sys::seek(fd, std::io::SeekFrom::End(0));
        let before = sys::dup(1, LEAST, true).ok();
        if sys::dup2(fd, 1, false).is_err() {
            let _ = sys::close(fd);
            return;
        }
        capture.buffer.clear();
        capture.file = Some(File { fd, before });
    }

    /// Ends a capture: what was written.
    pub fn captured(&mut self, outer: Option<Capture>) -> Vec<u8> {
        self.flush();
        let Some(capture) = std::mem::replace(&mut self.capture, outer) else { return Vec::new() };
        let Some(file) = capture.file else { return capture.buffer };
        put_back(1, file.before);
        let content = match sys::seek(file.fd, std::io::SeekFrom::Start(0)) {
            Ok(_) => sys::read_to_end(file.fd).unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        let _ = sys::close(file.fd);
        content
    }
}

/// Makes `fd` again what it was, by the copy that was kept.
pub fn put_back(fd: Fd, before: Option<Fd>) {
    // There is nothing left to try where this fails.
    let _ = match before {
        Some(before) => {
            let done = sys::dup2(before, fd, false);
            let _ = sys::close(before);
            done
        }
        None => sys::close(fd),
    };
}
