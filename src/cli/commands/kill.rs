//! `cowbox kill`: a signal for containers.

use crate::cli::context::{Context, Failure, Outcome};
use crate::engine::parse_signal;

/// Send a signal to one or more running containers
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The signal, by name or number
    #[arg(short, long, default_value = "KILL")]
    signal: String,
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let signal =
            parse_signal(&self.signal).ok_or_else(|| Failure::new(format!("invalid signal: {}", self.signal)))?;
        let engine = context.engine()?;
        context.for_each(&self.containers, |key| {
            engine.kill(key, signal)?;
            context.print_line(key)
        })
    }
}
