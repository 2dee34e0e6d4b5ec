//! `cowbox runtime create`: a container of a bundle, up to the start of its program.

use super::{Failure, Making, Outcome};
use crate::runtime::native::Lifecycle;

/// Create a container
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    making: Making,
}

impl Args {
    pub(super) fn run(self, lifecycle: &Lifecycle) -> Outcome {
        self.create(lifecycle).map_err(|failure| failure.within("runc create failed"))
    }

    fn create(self, lifecycle: &Lifecycle) -> Outcome {
        let id = self.making.id()?;
        let bundle = self.making.bundle.clone();
        lifecycle.create(&id, &bundle, &self.making.options()).map_err(Failure::from)?;
        Ok(0)
    }
}
