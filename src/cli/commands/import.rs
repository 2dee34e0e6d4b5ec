//! `cowbox import`: an image of a file tree.

use std::io;

use crate::cli::context::{Context, Outcome};
use crate::engine::{Change, ImportOptions, ImportSource};

const EXAMPLES: &str = r#"Examples:
  cowbox import ./tool tool:1 --change 'ENTRYPOINT ["/bin/tool.wasm"]'
  cowbox export box | cowbox import - flat:1 --change 'ENV PATH=/bin'"#;

/// Make an image of a folder or tar archive
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Apply a Dockerfile instruction to the image
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,
    /// Set the message of the image's history
    #[arg(short, long, default_value = "")]
    message: String,
    /// Set the platform of the image
    #[arg(long, default_value = "wasi/wasm")]
    platform: String,
    /// A folder, a tar archive, or - for a tar archive on standard input
    source: String,
    /// The name of the image
    #[arg(value_name = "REPOSITORY[:TAG]")]
    name: Option<String>,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let changes = self.change.iter().map(|text| text.parse::<Change>()).collect::<Result<_, _>>()?;
        let platform = Some(self.platform.parse()?);
        let source = match self.source.as_str() {
            "-" => ImportSource::Stream(Box::new(io::stdin())),
            path => ImportSource::Path(path.into()),
        };
        let options = ImportOptions { name: self.name, changes, message: self.message, platform };
        let image = context.engine()?.import(source, &options)?;
        context.print_line(&image.id.to_string())?;
        Ok(0)
    }
}
