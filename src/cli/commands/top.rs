//! `cowbox top`: the processes of a container.

use crate::cli::context::{Context, Failure, Outcome};
use crate::cli::output::table;

/// Display the running processes of a container
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The container
    container: String,
    /// Options of ps; `-ef` and `aux` are taken, and show the columns of `ps -ef`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "PS OPTIONS")]
    options: Vec<String>,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        if let Some(option) = self.options.iter().find(|option| !matches!(option.as_str(), "-ef" | "aux")) {
            return Err(Failure::new(format!("unknown option of ps: {option} (the columns are those of `ps -ef`)")));
        }
        let processes = context.engine()?.top(&self.container)?;
        let lines = std::iter::once(&processes.titles).chain(&processes.rows);
        context.print(&table::rows(lines.map(|line| line.iter().map(String::as_str))))?;
        Ok(0)
    }
}
