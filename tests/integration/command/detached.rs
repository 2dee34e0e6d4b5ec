//! Containers in the background: each has a process of ours that stays with it, and no terminal.

#[cfg(all(feature = "wasm", feature = "base"))]
mod guests;
#[cfg(all(feature = "native", target_os = "linux"))]
mod programs;

use std::ops::Deref;
use std::process::Stdio;

use super::support::{Cowbox, wait_for_output};

/// A store whose containers end with the test.
struct Background(Cowbox);

impl Background {
    fn state(&self, name: &str) -> String {
        self.run(["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name]).ok()
    }

    /// Waits until this is in the container's log.
    fn logs(&self, name: &str, text: &str) {
        let mut child = self.command(["logs", "-f", name]).stdout(Stdio::piped()).spawn().unwrap();
        wait_for_output(&mut child, text);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

impl Deref for Background {
    type Target = Cowbox;

    fn deref(&self) -> &Cowbox {
        &self.0
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        for id in self.run(["ps", "-aq"]).out.split_whitespace() {
            self.run(["rm", "-f", id]);
        }
    }
}
