//! `cowbox exec`: one more process in a native container that runs.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;

use super::attach;
use super::create::environment;
use super::monitor::Monitor;
use crate::cli::context::{Context, Failure, Outcome};
use crate::cli::detach_keys::DetachKeys;
use crate::cli::signals::Forwarding;
use crate::engine::{Error, ErrorKind, ExecOptions, RunStdio};
use crate::runtime::{Input, Running, Stdio};
use crate::sys::terminal::{self, RawMode};

/// The exit code of what SIGKILL has ended.
const KILLED: i32 = 137;

/// Run a command in a running container
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Run the command in the background, until it or the container ends
    #[arg(short, long)]
    detach: bool,
    /// The keys that leave a command with a terminal (-it) running in the container
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<DetachKeys>,
    /// Keep standard input open
    #[arg(short, long)]
    interactive: bool,
    /// Allocate a terminal
    #[arg(short, long)]
    tty: bool,
    /// Set environment variables (KEY=VALUE, or KEY to take this shell's value)
    #[arg(short, long, value_name = "KEY[=VALUE]")]
    env: Vec<String>,
    /// Read in a file of environment variables
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// User name or id (format: <name|uid>[:<group|gid>])
    #[arg(short, long)]
    user: Option<String>,
    /// Working directory inside the container
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// Give all capabilities to the command
    #[arg(long)]
    privileged: bool,
    /// The container
    container: String,
    /// The command, with its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let types_keys = self.tty && self.interactive && io::stdin().is_terminal();
        if self.tty && self.interactive && !types_keys {
            return Err(Failure::new("the input device is not a TTY"));
        }
        let mut env = environment(&self.env_file, &self.env)?;
        // A name that has no value here is none there either.
        env.retain(|line| line.contains('='));
        let engine = context.engine()?;
        let options = ExecOptions {
            args: self.command,
            env,
            working_dir: self.workdir,
            user: self.user,
            tty: self.tty,
            privileged: self.privileged,
            detach: self.detach && !self.tty,
        };
        if types_keys || (self.tty && self.detach) {
            let id = engine.container(&self.container)?.record.id;
            if let Some((mut monitor, attached)) = Monitor::attended(context, &id, Some(&options))? {
                if !self.detach {
                    // Where the process that holds the terminal is killed, what runs there is, too.
                    return attach::start((monitor, attached), self.detach_keys, || Ok(KILLED));
                }
                monitor.reports()?;
                monitor.go_on(&attached)?;
                return Ok(0);
            }
        }
        let raw = types_keys.then(RawMode::prepare).transpose()?.map(Arc::new);
        let signals = Forwarding::default();
        let (tty, entered, forwarding) = (self.tty, raw.clone(), signals.clone());
        let before_start = move || {
            forwarding.catch(tty);
            if tty {
                super::start::follow_size(forwarding.process());
            }
            entered.map_or(Ok(()), |raw| raw.enter())
        };
        let stdio = RunStdio {
            terminal: terminal::size().unwrap_or_default(),
            before_start: Some(Box::new(before_start)),
            ..RunStdio::new(Stdio {
                stdin: if self.interactive { Input::Host } else { Input::Null },
                ..Stdio::inherit()
            })
        };
        if self.detach {
            engine.exec(&self.container, &options, RunStdio::new(Stdio::null())).map_err(exec_failure)?;
            return Ok(0);
        }
        let running: Arc<dyn Running> = engine.exec(&self.container, &options, stdio).map_err(exec_failure)?.into();
        signals.follow(running.clone());
        let status = running.wait();
        drop(raw);
        Ok(status.code)
    }
}

/// Docker's exit codes: 127 where there is no such program, 126 where it cannot run as it was asked for, 1 where there is no
/// container that it could run in.
pub(super) fn exec_failure(error: Error) -> Failure {
    match error.kind {
        ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::BrokenPipe => Failure::from(error),
        ErrorKind::ProgramNotFound => Failure::of_run(error),
        _ => Failure { code: 126, ..Failure::from(error) },
    }
}
