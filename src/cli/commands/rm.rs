//! `cowbox rm`: remove containers.

use crate::cli::context::{Context, Failure, Outcome};
use crate::engine::ErrorKind;

/// Remove one or more containers
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Kill a running container first; one that is not there is no failure
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
            match engine.remove(key, self.force, self.volumes) {
                // It was to be gone; that nothing has this name is worth a word all the same.
                Err(error) if self.force && error.kind == ErrorKind::NotFound => {
                    context.note(&Failure::from(error).line());
                    Ok(())
                }
                removed => {
                    removed?;
                    context.print_line(key)
                }
            }
        })
    }
}
