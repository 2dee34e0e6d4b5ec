//! `cowbox runtime delete`: removes all that is left of a container.

use super::{Container, Outcome};
use crate::runtime::native::Lifecycle;

/// Remove all that is left of a container
#[derive(clap::Args)]
pub(super) struct Args {
    /// Kill the container if it runs, and do not mind if there is none
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    container: Container,
}

impl Args {
    pub(super) fn run(self, lifecycle: &Lifecycle) -> Outcome {
        lifecycle.delete(&self.container.id()?, self.force)?;
        Ok(0)
    }
}
