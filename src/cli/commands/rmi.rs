//! `cowbox rmi`: remove images.

use crate::cli::context::{Context, Outcome};
use crate::engine::Removed;

/// Remove one or more images
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Remove an image with several names, or untag one that stopped containers use
    #[arg(short, long)]
    force: bool,
    /// The images
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let engine = context.engine()?;
        context.for_each(&self.images, |key| {
            for removed in engine.remove_image(key, self.force)? {
                match removed {
                    Removed::Untagged(name) => context.print_line(&format!("Untagged: {}", name.familiar()))?,
                    Removed::Deleted(id) => context.print_line(&format!("Deleted: {id}"))?,
                }
            }
            Ok(())
        })
    }
}
