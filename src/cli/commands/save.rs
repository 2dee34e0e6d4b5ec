//! `cowbox save`: images as an archive.

use std::path::PathBuf;

use super::export::with_output;
use crate::cli::context::{Context, Outcome};

/// Save one or more images to a tar archive
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Write to a file, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The images
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        with_output(context, self.output.as_deref(), |out| Ok(context.engine()?.save(&self.images, out)?))
    }
}
