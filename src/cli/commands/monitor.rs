//! `cowbox monitor`: the process that stays with one container in the background, and how it is started.
//!
//! There is no daemon: whoever starts a container in the background starts this program again, with this hidden verb. It
//! tells on standard output, as one line of JSON, whether the container runs now ([`Report`]). Then it waits for the end.
//! Where somebody is attached from the start, whose end is standard input, it first tells that all is ready, and waits for them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{ChildStdout, Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::cli::context::{Context, Failure, Outcome};
use crate::cli::signals::{self, Foreground};
use crate::engine::{BeforeStart, Engine, HandedEnd, RunStdio, RunningContainer};
use crate::runtime::TerminalSize;
use crate::store::ContainerId;
use crate::sys::process;

/// Run a container in the background
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Standard input is the end of who is attached from the start
    #[arg(long)]
    attended: bool,
    /// The container
    #[arg(value_name = "CONTAINER")]
    id: String,
}

/// How far it is.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Report {
    Ready,
    Running,
    Failed { code: i32, message: String, hint: Option<String> },
}

impl Report {
    fn into_result(self) -> Result<(), Failure> {
        match self {
            Report::Ready | Report::Running => Ok(()),
            Report::Failed { code, message, hint } => Err(Failure { message, hint, code }),
        }
    }
}

impl From<&Failure> for Report {
    fn from(failure: &Failure) -> Report {
        Report::Failed { code: failure.code, message: failure.message.clone(), hint: failure.hint.clone() }
    }
}

/// Runs a container in a process of its own, and returns when it runs. A failure is that of the foreground.
pub(super) fn detach(context: &Context, id: &ContainerId) -> Result<(), Failure> {
    Monitor::begin(context, id, None)?.reports()
}

/// The process that runs a container, as the one who started it sees it.
pub(super) struct Monitor {
    id: ContainerId,
    stdout: BufReader<ChildStdout>,
}

impl Monitor {
    /// Has all made ready to start a container, for somebody who is attached by the other end of `end`.
    pub(super) fn attended(context: &Context, id: &ContainerId, end: Stdio) -> Result<Monitor, Failure> {
        let mut monitor = Monitor::begin(context, id, Some(end))?;
        monitor.reports()?;
        Ok(monitor)
    }

    fn begin(context: &Context, id: &ContainerId, end: Option<Stdio>) -> Result<Monitor, Failure> {
        let failed = |error| begin_failed(id, &error);
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.arg("--root").arg(std::path::absolute(context.root()?).map_err(failed)?).args(["monitor", id.as_str()]);
        if end.is_some() {
            command.arg("--attended");
        }
        command.stdin(end.unwrap_or_else(Stdio::null)).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = process::spawn_detached(&mut command).map_err(failed)?;
        let stdout = child.stdout.take().ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        Ok(Monitor { id: id.clone(), stdout: BufReader::new(stdout) })
    }

    /// Waits until it tells that it has come further: that the container runs, in the end.
    pub(super) fn reports(&mut self) -> Result<(), Failure> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).map_err(|error| begin_failed(&self.id, &error))?;
        match serde_json::from_str::<Report>(&line) {
            Ok(report) => report.into_result(),
            Err(_) => Err(begin_failed(&self.id, &io::Error::other("it ended without saying why"))),
        }
    }
}

fn begin_failed(id: &ContainerId, error: &io::Error) -> Failure {
    Failure { code: 125, ..Failure::new(format!("start of a process that runs container {}: {error}", id.short())) }
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        // From here on nothing of this process is the caller's.
        let mut caller = process::take_stdout()?;
        let started = context.engine().and_then(|engine| self.start(engine, caller.try_clone()?));
        tell(&mut caller, &started.as_ref().map_or_else(Report::from, |_| Report::Running))?;
        drop(caller);
        // How it ended is written down in the container's state, and nobody is there to be told.
        Ok(started?.wait()?.code)
    }

    fn start<'e>(&self, engine: &'e Engine, mut caller: File) -> Result<RunningContainer<'e>, Failure> {
        let attached = self.attended.then(HandedEnd::take).transpose()?;
        let record = engine.container(&self.id)?.record;
        let terminal = attached.as_ref().map_or(Ok(TerminalSize::default()), HandedEnd::size)?;
        let process = Foreground::default();
        let (follows, awaited) = (process.clone(), attached.clone());
        let before_start = move || {
            signals::forward_all(follows);
            if let Some(awaited) = awaited {
                tell(&mut caller, &Report::Ready)?;
                awaited.size()?;
            }
            Ok(())
        };
        let before_start = Some(Box::new(before_start) as BeforeStart);
        let stdio = RunStdio { attached, terminal, before_start, ..RunStdio::background() };
        let running = engine.start(&record.id, stdio).map_err(Failure::of_run)?;
        // There was none before.
        let _ = process.set(running.process());
        Ok(running)
    }
}

fn tell(caller: &mut File, report: &Report) -> io::Result<()> {
    let line = serde_json::to_string(report).map_err(io::Error::from)?;
    // Whoever asked may have gone: a container that runs goes on all the same.
    let _ = writeln!(caller, "{line}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_arrives_as_it_was() {
        let failure = Failure { message: "no\nsuch \"program\"".into(), hint: Some("look".into()), code: 127 };
        let line = serde_json::to_string(&Report::from(&failure)).unwrap();
        assert_eq!(line.lines().count(), 1);
        let arrived = serde_json::from_str::<Report>(&line).unwrap().into_result().unwrap_err();
        assert_eq!((arrived.message, arrived.hint, arrived.code), (failure.message, failure.hint, failure.code));
        assert_eq!(serde_json::to_string(&Report::Running).unwrap(), "\"running\"");
    }
}
