//! `cowbox stop`: ask containers to end, then make them.

use crate::cli::context::{Context, Failure, Outcome};
use crate::engine::{StopOptions, parse_signal};

/// How containers are stopped.
#[derive(clap::Args)]
pub(in crate::cli) struct Options {
    /// Signal to send to the container, by name or number
    #[arg(short, long)]
    signal: Option<String>,
    /// Seconds to wait before killing the container (-1 for without end) [default: the container's, or 10]
    #[arg(short, long, alias = "time", value_name = "SECONDS", allow_negative_numbers = true)]
    timeout: Option<i64>,
}

impl Options {
    pub(super) fn resolve(&self) -> Result<StopOptions, Failure> {
        let parse = |text: &String| parse_signal(text).ok_or_else(|| Failure::new(format!("invalid signal: {text}")));
        Ok(StopOptions { signal: self.signal.as_ref().map(parse).transpose()?, timeout: self.timeout })
    }
}

/// Stop one or more running containers
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    options: Options,
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let options = self.options.resolve()?;
        let engine = context.engine()?;
        context.for_each(&self.containers, |key| {
            engine.stop(key, &options)?;
            context.print_line(key)
        })
    }
}
