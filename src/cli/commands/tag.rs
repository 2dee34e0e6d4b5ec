//! `cowbox tag`: one more name for an image.

use crate::cli::context::{Context, Outcome};

/// Give an image another name
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The image
    source: String,
    /// The new name
    target: String,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        context.engine()?.tag(&self.source, &self.target)?;
        Ok(0)
    }
}
