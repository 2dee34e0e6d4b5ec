//! `cowbox run`: create, start, wait.

use super::attach::SigProxy;
use super::create::Options;
use super::monitor;
use super::rare::Rare;
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
#[command(after_help = EXAMPLES, disable_help_flag = true)]
pub(in crate::cli) struct Args<R: clap::Args = Rare> {
    #[command(flatten)]
    options: Options<R>,
    /// Run the container in the background and print its id
    #[arg(short, long)]
    detach: bool,
    /// The keys that leave a container with a terminal (-it) running in the background
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<DetachKeys>,
    #[command(flatten)]
    sig_proxy: SigProxy,
    /// Attach only these streams (stdin, stdout, stderr)
    #[arg(short, long, value_name = "STREAM")]
    attach: Vec<Stream>,
}

/// A standard stream of a container.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Stream {
    #[value(alias = "STDIN")]
    Stdin,
    #[value(alias = "STDOUT")]
    Stdout,
    #[value(alias = "STDERR")]
    Stderr,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        if self.detach && !self.attach.is_empty() {
            return Err(Failure::new("conflicting options: cannot specify both --attach and --detach").before_run());
        }
        let is_attached = |stream| self.attach.is_empty() || self.attach.contains(&stream);
        let attached = Attached {
            stdin: self.options.is_interactive() && is_attached(Stream::Stdin),
            stdout: is_attached(Stream::Stdout),
            stderr: is_attached(Stream::Stderr),
            tty: self.options.has_terminal(),
            may_be_left: self.options.is_interactive() && self.attach.is_empty(),
            detach_keys: self.detach_keys,
            sig_proxy: self.sig_proxy.is_on(),
            // A container that is gone when it ends needs no log.
            log: !self.options.is_removed(),
        };
        if !self.detach {
            attached.check_input()?;
            attached.check_proxy().map_err(Failure::before_run)?;
        }
        let id = self.options.create(context, self.detach)?;
        if self.detach {
            monitor::detach(context, &id)?;
            context.print_line(id.as_str())?;
            return Ok(0);
        }
        attached.run(context, &id)
    }
}
