//! The lines that were typed before, kept in a file.

use cowbox_guest::sys::{self, OpenFlags};

use crate::shell::Shell;
use crate::text;

/// How many lines are kept where HISTSIZE says nothing.
const MOST: usize = 1000;

impl Shell {
    fn history_file(&mut self) -> Option<Vec<u8>> {
        let path = match self.get("HISTFILE") {
            Some(path) => path.to_string(),
            None => format!("{}/.sh_history", self.get("HOME").filter(|home| !home.is_empty())?),
        };
        (!path.is_empty()).then(|| text::to_bytes(&path).into_owned())
    }

    fn history_size(&mut self) -> usize {
        self.get("HISTSIZE").and_then(|size| size.parse().ok()).unwrap_or(MOST)
    }

    pub fn load_history(&mut self) {
        let Some(path) = self.history_file() else { return };
        let Ok(fd) = sys::open(&path, OpenFlags::RDONLY | OpenFlags::CLOEXEC, 0) else { return };
        let content = sys::read_to_end(fd).unwrap_or_default();
        let _ = sys::close(fd);
        let most = self.history_size();
        let lines: Vec<String> = text::from_bytes(&content).lines().map(str::to_owned).collect();
        let skipped = lines.len().saturating_sub(most);
        self.history = lines[skipped..].to_vec();
        if skipped > most {
            // It has grown to twice what is wanted.
            let kept: String = self.history.iter().map(|line| format!("{line}\n")).collect();
            if let Ok(fd) = sys::open(&path, OpenFlags::WRONLY | OpenFlags::TRUNC | OpenFlags::CLOEXEC, 0) {
                let _ = sys::write_all(fd, &text::to_bytes(&kept));
                let _ = sys::close(fd);
            }
        }
    }

    /// Adds a line, also to the file, so that nothing is lost however the shell ends.
    pub fn remember(&mut self, line: &str) {
        if line.trim().is_empty() || line.starts_with(' ') || self.history.last().is_some_and(|last| last == line) {
            return;
        }
        self.history.push(line.to_owned());
        let most = self.history_size();
        if self.history.len() > most {
            self.history.remove(0);
        }
        let Some(path) = self.history_file() else { return };
        let flags = OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::APPEND | OpenFlags::CLOEXEC;
        if let Ok(fd) = sys::open(&path, flags, 0o600) {
            let _ = sys::write_all(fd, &text::to_bytes(&format!("{line}\n")));
            let _ = sys::close(fd);
        }
    }
}
