//! `cowbox start`: run again what was created before.

use crate::cli::context::{Context, Failure, Outcome, note};
use crate::cli::signals;
use crate::engine::{Engine, RunStdio};
use crate::runtime::{Input, Output, Stdio};
use crate::store::ContainerId;

/// Start one or more stopped containers
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Attach standard output and error, and wait for the end
    #[arg(short, long)]
    attach: bool,
    /// Attach standard input too
    #[arg(short, long)]
    interactive: bool,
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let engine = context.engine()?;
        if self.attach || self.interactive {
            let [key] = &self.containers[..] else {
                return Err(Failure::new("you cannot start and attach multiple containers at once"));
            };
            let container = engine.container(key)?;
            return attach(engine, &container.record.id, self.interactive, !container.record.auto_remove);
        }
        Err(Failure::new("a container runs in the foreground: start it with -a"))
    }
}

/// Runs a container in the foreground, to its end; the exit code is its own.
pub(super) fn attach(engine: &Engine, id: &ContainerId, interactive: bool, log: bool) -> Outcome {
    let stdin = if interactive { Input::Host } else { Input::Null };
    let stdio = Stdio { stdin, stdout: Output::HostStdout, stderr: Output::HostStderr };
    let running = engine.start(id, RunStdio { stdio, log }).map_err(Failure::of_run)?;
    signals::forward(running.process());
    let status = running.wait().map_err(Failure::of_run)?;
    if let Some(message) = status.message {
        note(&format!("cowbox: {message}"));
    }
    Ok(status.code)
}
