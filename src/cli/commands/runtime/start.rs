//! `cowbox runtime start`: the program of a container that was created.

use super::{Container, Outcome};
use crate::runtime::native::Lifecycle;

/// Start the program of a created container
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    container: Container,
}

impl Args {
    pub(super) fn run(self, lifecycle: &Lifecycle) -> Outcome {
        lifecycle.start(&self.container.id()?)?;
        Ok(0)
    }
}
