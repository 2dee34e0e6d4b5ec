//! `cowbox start`: run again what was created before.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use crate::cli::context::{Context, Failure, Outcome, note};
use crate::cli::signals;
use crate::engine::{Engine, RunStdio};
use crate::runtime::{Input, Running, Stdio};
use crate::store::ContainerId;
use crate::sys::terminal::{self, RawMode};

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
            let record = &container.record;
            let attached = Attached { stdin: self.interactive, tty: record.tty, log: !record.auto_remove };
            return attached.run(engine, &record.id);
        }
        Err(Failure::new("a container runs in the foreground: start it with -a"))
    }
}

/// How a container runs in the foreground.
pub(super) struct Attached {
    /// Its standard input is ours.
    pub(super) stdin: bool,
    /// It has a terminal.
    pub(super) tty: bool,
    /// Its output is logged.
    pub(super) log: bool,
}

impl Attached {
    /// Keys can only be taken from a terminal.
    pub(super) fn check_input(&self) -> Result<(), Failure> {
        match self.tty && self.stdin && !io::stdin().is_terminal() {
            true => Err(Failure::new("the input device is not a TTY")),
            false => Ok(()),
        }
    }

    /// Runs the container to its end; the exit code is its own.
    pub(super) fn run(&self, engine: &Engine, id: &ContainerId) -> Outcome {
        let stdin = if self.stdin { Input::Host } else { Input::Null };
        let mut stdio = RunStdio { log: self.log, ..RunStdio::new(Stdio { stdin, ..Stdio::inherit() }) };
        let types_keys = self.tty && self.stdin && io::stdin().is_terminal();
        // Left before anything is printed, whatever happens.
        let raw = types_keys.then(RawMode::prepare).transpose()?.map(Arc::new);
        if let Some(raw) = raw.clone() {
            stdio.before_start = Some(Box::new(move || raw.enter()));
        }
        if self.tty {
            stdio.terminal = terminal::size().unwrap_or_default();
        }
        let running = engine.start(id, stdio).map_err(Failure::of_run)?;
        if self.tty {
            follow_size(running.process());
        }
        signals::forward(running.process(), self.tty);
        let status = running.wait().map_err(Failure::of_run)?;
        drop(raw);
        if let Some(message) = status.message {
            note(&format!("cowbox: {message}"));
        }
        Ok(status.code)
    }
}

/// The container's terminal has the size of ours, now and later.
fn follow_size(process: Arc<dyn Running>) {
    let tell = move || {
        if let Some(size) = terminal::size() {
            process.resize(size);
        }
    };
    terminal::on_resize(tell.clone());
    // It may have changed since it was asked for.
    tell();
}
