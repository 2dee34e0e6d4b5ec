//! `cowbox start`: run again what was created before.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use super::attach::SigProxy;
use super::monitor::Monitor;
use super::{attach, monitor};
use crate::cli::context::{Context, Failure, Outcome, note};
use crate::cli::detach_keys::DetachKeys;
use crate::cli::signals::{Foreground, Forwarding};
use crate::engine::RunStdio;
use crate::runtime::{Input, Output, Stdio};
use crate::store::{ContainerId, Status};
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
    /// The keys that leave a container with a terminal running in the background
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<DetachKeys>,
    #[command(flatten)]
    sig_proxy: SigProxy,
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
            if container.state.status == Status::Running {
                return attach::Args::of_running(key.clone(), self.detach_keys, !self.interactive, self.sig_proxy)
                    .run(context);
            }
            let record = &container.record;
            let attached = Attached {
                stdin: self.interactive,
                stdout: true,
                stderr: true,
                tty: record.tty,
                may_be_left: record.open_stdin,
                detach_keys: self.detach_keys,
                sig_proxy: self.sig_proxy.is_on(),
                log: !record.auto_remove,
            };
            attached.check_proxy()?;
            return attached.run(context, &record.id);
        }
        context.for_each(&self.containers, |key| {
            let container = engine.container(key)?;
            // One that runs already is as good.
            if container.state.status != Status::Running {
                monitor::detach(context, &container.record.id)?;
            }
            context.print_line(key)
        })
    }
}

/// How a container runs in the foreground.
pub(super) struct Attached {
    /// Its standard input is ours.
    pub(super) stdin: bool,
    /// Its standard output is ours; else it is only logged.
    pub(super) stdout: bool,
    /// The same of its standard error.
    pub(super) stderr: bool,
    /// It has a terminal.
    pub(super) tty: bool,
    /// It takes input from who comes later.
    pub(super) may_be_left: bool,
    /// The keys that leave it, if not the usual ones.
    pub(super) detach_keys: Option<DetachKeys>,
    /// Signals are the container's, if it has no terminal; else they are this process's alone.
    pub(super) sig_proxy: bool,
    /// Its output is logged.
    pub(super) log: bool,
}

impl Attached {
    /// A container that outlives this process does not learn that its standard input ends.
    pub(super) fn check_proxy(&self) -> Result<(), Failure> {
        match self.goes_on() && self.stdin {
            true => Err(Failure::new("conflicting options: --interactive without --tty, and --sig-proxy=false")),
            false => Ok(()),
        }
    }

    /// Keys can only be taken from a terminal.
    pub(super) fn check_input(&self) -> Result<(), Failure> {
        match self.tty && self.stdin && !io::stdin().is_terminal() {
            true => Err(Failure::new("the input device is not a TTY")),
            false => Ok(()),
        }
    }

    /// It outlives this process.
    fn goes_on(&self) -> bool {
        !self.sig_proxy && !self.tty
    }

    /// Runs the container to its end; the exit code is its own.
    pub(super) fn run(self, context: &Context, id: &ContainerId) -> Outcome {
        let engine = context.engine()?;
        if self.goes_on() {
            let Some(attended) = Monitor::attended(context, id, None)? else {
                return Err(Failure::new(
                    "--sig-proxy=false: on this system a container ends with the command that runs it",
                ));
            };
            let shown = (self.stdout, self.stderr);
            return attach::watch(attended, shown, || engine.wait(id.as_str()).map_err(Failure::of_run));
        }
        let stdin = if self.stdin { Input::Host } else { Input::Null };
        let stdout = if self.stdout { Output::HostStdout } else { Output::Null };
        let stderr = if self.stderr { Output::HostStderr } else { Output::Null };
        let types_keys = self.tty && self.stdin && io::stdin().is_terminal();
        if types_keys
            && self.may_be_left
            && let Some(attended) = Monitor::attended(context, id, None)?
        {
            return attach::start(attended, self.detach_keys, || engine.wait(id.as_str()).map_err(Failure::of_run));
        }
        // Left before anything is printed, whatever happens.
        let raw = types_keys.then(RawMode::prepare).transpose()?.map(Arc::new);
        let signals = Forwarding::default();
        let (tty, terminal, forwarding) = (self.tty, raw.clone(), signals.clone());
        // Until then an interrupt ends this process, and keys are edited and shown as they were before.
        let before_start = move || {
            forwarding.catch(tty);
            if tty {
                follow_size(forwarding.process());
            }
            terminal.map_or(Ok(()), |raw| raw.enter())
        };
        let stdio = RunStdio {
            log: self.log,
            terminal: terminal::size().unwrap_or_default(),
            before_start: Some(Box::new(before_start)),
            ..RunStdio::new(Stdio { stdin, stdout, stderr })
        };
        let running = engine.start(id, stdio).map_err(Failure::of_run)?;
        signals.follow(running.process());
        let status = running.wait().map_err(Failure::of_run)?;
        drop(raw);
        if let Some(message) = status.message {
            note(&format!("cowbox: {message}"));
        }
        Ok(status.code)
    }
}

/// The container's terminal has the size of ours, now and later.
pub(super) fn follow_size(process: Foreground) {
    terminal::on_resize(move || {
        if let Some(size) = terminal::size() {
            process.wait().resize(size);
        }
    });
}
