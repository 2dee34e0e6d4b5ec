//! `cowbox pause` and `cowbox unpause`: stop the processes of containers for a while.

use crate::cli::context::{Context, Outcome};

/// Pause all processes within one or more containers
#[derive(clap::Args)]
pub(in crate::cli) struct Pause {
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

/// Unpause all processes within one or more containers
#[derive(clap::Args)]
pub(in crate::cli) struct Unpause {
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Pause {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let engine = context.engine()?;
        context.for_each(&self.containers, |key| {
            engine.pause(key)?;
            context.print_line(key)
        })
    }
}

impl Unpause {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let engine = context.engine()?;
        context.for_each(&self.containers, |key| {
            engine.unpause(key)?;
            context.print_line(key)
        })
    }
}
