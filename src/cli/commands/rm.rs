//! `cowbox rm`: remove containers.

use crate::cli::context::{Context, Outcome};

/// Remove one or more containers
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Kill a running container first
    #[arg(short, long)]
    force: bool,
    /// Remove the anonymous volumes of the container too
    #[arg(short, long)]
    volumes: bool,
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let engine = context.engine()?;
        context.for_each(&self.containers, |key| {
            engine.remove(key, self.force, self.volumes)?;
            context.print_line(key)
        })
    }
}
