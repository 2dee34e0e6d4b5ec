//! `cowbox run`: create, start, wait.

use super::create::Options;
use super::monitor;
use super::start::Attached;
use crate::cli::context::{Context, Failure, Outcome};
use crate::cli::detach_keys::DetachKeys;

const EXAMPLES: &str = r#"Examples:
  cowbox run --rm base ls -l /
  cowbox run --rm -i base sort < names.txt
  cowbox run --rm -it base
  cowbox run -d --name server tool serve
  cowbox run --name job -v ./src:/work -w /work tool input.txt
  cowbox run --rm -m 256m --timeout 10s --read-only --tmpfs /tmp tool"#;

/// Create and run a new container from an image
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    options: Options,
    /// Run the container in the background and print its id
    #[arg(short, long)]
    detach: bool,
    /// The keys that leave a container with a terminal (-it) running in the background
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<DetachKeys>,
    /// Write the container's id to this file
    #[arg(long, value_name = "FILE")]
    cidfile: Option<std::path::PathBuf>,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let of_run = |failure: Failure| Failure { code: 125, ..failure };
        let attached = Attached {
            stdin: self.options.is_interactive(),
            tty: self.options.has_terminal(),
            may_be_left: self.options.is_interactive(),
            detach_keys: self.detach_keys,
            // A container that is gone when it ends needs no log.
            log: !self.options.is_removed(),
        };
        if !self.detach {
            attached.check_input()?;
        }
        let options = self.options.resolve().map_err(of_run)?;
        let engine = context.engine().map_err(of_run)?;
        let id = engine.create(&options).map_err(Failure::of_run)?;
        if let Some(path) = &self.cidfile {
            std::fs::write(path, id.as_str())
                .map_err(|error| of_run(Failure::new(format!("{}: {error}", path.display()))))?;
        }
        if self.detach {
            monitor::detach(context, &id)?;
            context.print_line(id.as_str())?;
            return Ok(0);
        }
        attached.run(context, &id)
    }
}
