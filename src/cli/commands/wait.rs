//! `cowbox wait`: until containers have ended.

use crate::cli::context::{Context, Outcome};

/// Block until one or more containers stop, then print their exit codes
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let engine = context.engine()?;
        context.for_each(&self.containers, |key| {
            let code = engine.wait(key)?;
            context.print_line(&code.to_string())
        })
    }
}
