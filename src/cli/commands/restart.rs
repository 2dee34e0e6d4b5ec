//! `cowbox restart`: stop, then start in the background.

use super::{monitor, stop};
use crate::cli::context::{Context, Failure, Outcome};

/// Restart one or more containers
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    stop: stop::Options,
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let options = self.stop.resolve()?;
        let engine = context.engine()?;
        context.for_each(&self.containers, |key| {
            let record = engine.container(key)?.record;
            if record.auto_remove {
                return Err(Failure::new(format!("container {key} is removed when it ends, and cannot be restarted")));
            }
            engine.stop(key, &options)?;
            monitor::detach(context, &record.id)?;
            context.print_line(key)
        })
    }
}
