//! `cowbox runtime resume`: lets a paused container run.

use super::{Container, Outcome};
use crate::runtime::native::Lifecycle;

/// Let the processes of a paused container run
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    container: Container,
}

impl Args {
    pub(super) fn run(self, lifecycle: &Lifecycle) -> Outcome {
        lifecycle.resume(&self.container.id()?)?;
        Ok(0)
    }
}
