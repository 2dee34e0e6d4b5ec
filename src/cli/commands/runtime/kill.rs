//! `cowbox runtime kill`: a signal for a container.

use super::{Container, Failure, Outcome, signals};
use crate::runtime::native::Lifecycle;

/// Send a signal to a container's process
#[derive(clap::Args)]
pub(super) struct Args {
    /// Send it to all processes of the container
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    container: Container,
    /// The signal, by name or number
    #[arg(default_value = "SIGTERM")]
    signal: String,
}

impl Args {
    pub(super) fn run(self, lifecycle: &Lifecycle) -> Outcome {
        let signal =
            signals::parse(&self.signal).ok_or_else(|| Failure::new(format!("unknown signal {:?}", self.signal)))?;
        lifecycle.kill(&self.container.id()?, signal, self.all)?;
        Ok(0)
    }
}
