//! `cowbox completion`: scripts for shells.

use clap_complete::Shell;

use crate::cli::context::{Context, Outcome};

/// Print a completion script for a shell
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut crate::cli::definition(), "cowbox", &mut script);
        context.print(&String::from_utf8_lossy(&script))?;
        Ok(0)
    }
}
