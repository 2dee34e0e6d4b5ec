//! `cowbox diff`: what a container changed of its image.

use crate::cli::context::{Context, Outcome};
use crate::vfs::ChangeKind;

/// Inspect changes to files or directories on a container's file system
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The container
    container: String,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let mut text = String::new();
        for line in context.engine()?.diff(&self.container)? {
            let letter = match line.kind {
                ChangeKind::Added => 'A',
                ChangeKind::Modified => 'C',
                ChangeKind::Deleted => 'D',
            };
            text.push_str(&format!("{letter} {}\n", line.path));
        }
        context.print(&text)?;
        Ok(0)
    }
}
