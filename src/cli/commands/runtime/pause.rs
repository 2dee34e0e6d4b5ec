//! `cowbox runtime pause`: freezes a container.

use super::{Container, Outcome};
use crate::runtime::native::Lifecycle;

/// Freeze the processes of a container
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    container: Container,
}

impl Args {
    pub(super) fn run(self, lifecycle: &Lifecycle) -> Outcome {
        lifecycle.pause(&self.container.id()?)?;
        Ok(0)
    }
}
