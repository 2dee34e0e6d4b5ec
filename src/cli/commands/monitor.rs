//! `cowbox monitor`: the process that stays with one container in the background, and how it is started.
//!
//! There is no daemon: whoever starts a container in the background starts this program again, with this hidden verb. It
//! tells on standard output, as one line of JSON, whether the container runs now ([`Report`]). Then it waits for the end.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::cli::context::{Context, Failure, Outcome};
use crate::cli::signals::{self, Foreground};
use crate::engine::{Engine, RunStdio, RunningContainer};
use crate::store::ContainerId;
use crate::sys::process;

/// Run a container in the background
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The container
    #[arg(value_name = "CONTAINER")]
    id: String,
}

/// Whether it runs.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Report {
    Running,
    Failed { code: i32, message: String, hint: Option<String> },
}

impl Report {
    fn into_result(self) -> Result<(), Failure> {
        match self {
            Report::Running => Ok(()),
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
    let failed = |error: io::Error| Failure {
        code: 125,
        ..Failure::new(format!("start of a process that runs container {}: {error}", id.short()))
    };
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.arg("--root").arg(std::path::absolute(context.root()?).map_err(failed)?).args(["monitor", id.as_str()]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = process::spawn_detached(&mut command).map_err(failed)?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line).map_err(failed)?;
    }
    match serde_json::from_str::<Report>(&line) {
        Ok(report) => report.into_result(),
        Err(_) => Err(failed(io::Error::other("it ended without saying why"))),
    }
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        // From here on nothing of this process is the caller's.
        let mut caller = process::take_stdout()?;
        let started = context.engine().and_then(|engine| self.start(engine));
        let report = started.as_ref().map_or_else(Report::from, |_| Report::Running);
        let line = serde_json::to_string(&report).map_err(io::Error::from)?;
        // Whoever asked may have gone: the container runs all the same.
        let _ = writeln!(caller, "{line}");
        drop(caller);
        // How it ended is written down in the container's state, and nobody is there to be told.
        Ok(started?.wait()?.code)
    }

    fn start<'e>(&self, engine: &'e Engine) -> Result<RunningContainer<'e>, Failure> {
        let record = engine.container(&self.id)?.record;
        let process = Foreground::default();
        let follows = process.clone();
        let before_start = move || {
            signals::forward_all(follows);
            Ok(())
        };
        let stdio = RunStdio { before_start: Some(Box::new(before_start)), ..RunStdio::background() };
        let running = engine.start(&record.id, stdio).map_err(Failure::of_run)?;
        // There was none before.
        let _ = process.set(running.process());
        Ok(running)
    }
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
