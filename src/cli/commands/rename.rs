//! `cowbox rename`: another name for a container.

use crate::cli::context::{Context, Outcome};

/// Rename a container
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The container
    container: String,
    /// Its new name
    #[arg(value_name = "NEW_NAME")]
    name: String,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        context.engine()?.rename(&self.container, &self.name)?;
        Ok(0)
    }
}
