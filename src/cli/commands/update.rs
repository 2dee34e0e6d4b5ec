//! `cowbox update`: other limits for containers.

use super::resources::Resources;
use crate::cli::context::{Context, Outcome};

/// Change limits of one or more containers, at once and for later starts
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    resources: Resources,
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let (limits, resources) = (self.resources.limits()?, self.resources.resolve()?);
        let engine = context.engine()?;
        context.for_each(&self.containers, |key| {
            engine.update(key, &limits, &resources)?;
            context.print_line(key)
        })
    }
}
