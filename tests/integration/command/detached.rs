//! Containers in the background: each has a process of ours that stays with it, and no terminal.

#[cfg(all(feature = "native", target_os = "linux"))]
mod attached;
#[cfg(all(feature = "native", target_os = "linux"))]
mod foreground;
#[cfg(all(feature = "wasm", feature = "base"))]
mod guests;
#[cfg(all(feature = "native", target_os = "linux"))]
mod programs;

use std::ops::Deref;

use super::support::Cowbox;

/// A store whose containers end with the test.
struct Background(Cowbox);

impl Background {
    fn state(&self, name: &str) -> String {
        self.run(["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name]).ok()
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
