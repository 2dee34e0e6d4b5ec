//! `cowbox runtime run`: creates a container of a bundle and starts its program.

use super::{Making, Outcome};
use crate::runtime::native::{Afterwards, Lifecycle};

/// Create and start a container
#[derive(clap::Args)]
pub(super) struct Args {
    /// Do not wait for the process
    #[arg(short, long)]
    detach: bool,
    /// Keep what is left of the container
    #[arg(long)]
    keep: bool,
    /// Accepted: nothing is adopted in any case
    #[arg(long)]
    no_subreaper: bool,
    #[command(flatten)]
    making: Making,
}

impl Args {
    pub(super) fn run(self, lifecycle: &Lifecycle) -> Outcome {
        self.start(lifecycle).map_err(|failure| failure.within("runc run failed"))
    }

    fn start(self, lifecycle: &Lifecycle) -> Outcome {
        let afterwards = match (self.detach, self.keep) {
            (true, _) => Afterwards::Detach,
            (false, true) => Afterwards::Keep,
            (false, false) => Afterwards::Delete,
        };
        let id = self.making.id()?;
        let bundle = self.making.bundle.clone();
        Ok(lifecycle.run(&id, &bundle, &self.making.options(), afterwards)?)
    }
}
