//! `cowbox commit`: an image of what a container changed.

use crate::cli::context::{Context, Outcome};
use crate::engine::{Change, CommitOptions};

const EXAMPLES: &str = r#"Examples:
  cowbox commit job notes:1
  cowbox commit -m "new default" --change 'CMD ["cat", "/etc/motd"]' job notes:2"#;

/// Create a new image from a container's changes
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Author (such as "Ada <ada@example.org>")
    #[arg(short, long, default_value = "")]
    author: String,
    /// Commit message
    #[arg(short, long, default_value = "")]
    message: String,
    /// Apply a Dockerfile instruction to the image
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,
    /// The container
    container: String,
    /// The name of the new image
    #[arg(value_name = "REPOSITORY[:TAG]")]
    name: Option<String>,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let changes = self.change.iter().map(|text| text.parse::<Change>()).collect::<Result<_, _>>()?;
        let options = CommitOptions { name: self.name, author: self.author, message: self.message, changes };
        let image = context.engine()?.commit(&self.container, &options)?;
        context.print_line(&image.id.to_string())?;
        Ok(0)
    }
}
