//! `cowbox load`: images from an archive.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use crate::cli::context::{Context, Failure, Outcome};
use crate::engine::LoadSource;

const EXAMPLES: &str = r#"Examples:
  cowbox load -i image.tar
  skopeo copy docker-archive:image.tar oci:layout:tool && cowbox load -i layout
  ssh build cowbox save tool | cowbox load"#;

/// Load images from an archive or standard input
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Read from a tar archive or a folder, instead of standard input
    #[arg(short, long, value_name = "PATH")]
    input: Option<PathBuf>,
    /// Print the names only
    #[arg(short, long)]
    quiet: bool,
    /// Load the image for this platform
    #[arg(long)]
    platform: Option<String>,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let source = match self.input {
            Some(path) => LoadSource::Path(path),
            None if io::stdin().is_terminal() => {
                return Err(Failure::new(
                    "requested load from standard input, but it is a terminal: name a file with -i",
                ));
            }
            None => LoadSource::Stream(Box::new(io::stdin())),
        };
        let platform = self.platform.as_deref().map(str::parse).transpose()?;
        for image in context.engine()?.load(source, platform.as_ref())? {
            if image.names.is_empty() {
                context.print_line(&format!("Loaded image ID: {}", image.id))?;
            }
            for name in &image.names {
                context.print_line(&format!("Loaded image: {}", name.familiar()))?;
            }
        }
        Ok(0)
    }
}
