//! `cowbox monitor`: the process that stays with one container in the background, or with one more process in it that has a
//! terminal, and how it is started.
//!
//! There is no daemon: whoever starts a container in the background starts this program again, with this hidden verb. It
//! tells on standard output, as one line of JSON, whether the container runs now ([`Report`]). Then it waits for the end.
//! Where somebody is attached from the start, whose end is standard input, it first tells that all is ready, and waits for them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde::{Deserialize, Serialize};

use super::exec::exec_failure;
use crate::cli::context::{Context, Failure, Outcome};
use crate::cli::signals::{self, Foreground};
use crate::engine::{Attachment, BeforeStart, Engine, ExecOptions, HandedEnd, RunStdio, RunningContainer, RunningExec};
use crate::runtime::Signal;
use crate::store::ContainerId;
use crate::sys::{process, terminal};

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

/// The process that runs a container, or one more process in it, as the one who started it sees it.
pub(super) struct Monitor {
    id: ContainerId,
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Monitor {
    /// Has all made ready to start a container, or one more process in it, for who is attached from the start: that is told by
    /// [`Monitor::reports`]. None where the system cannot attach.
    pub(super) fn attended(
        context: &Context,
        id: &ContainerId,
        exec: Option<&ExecOptions>,
    ) -> Result<Option<(Monitor, Attachment)>, Failure> {
        let ends = Attachment::before_start().map_err(|error| begin_failed(id, &error))?;
        let Some((attached, end)) = ends else { return Ok(None) };
        let monitor = Monitor::begin(context, id, Some(end))?;
        // Not before: the monitor does it for itself, so that others find it. And not later, when there are threads. What goes wrong
        // does so in the monitor, too, which reports it.
        let engine = context.engine()?;
        let _ = engine.container(id.as_str()).and_then(|container| engine.become_root_for(&container.record));
        // Where nobody takes it, the report that is missing says so.
        let _ = exec.map_or(Ok(()), |options| attached.ask(options));
        tell_size(&attached);
        Ok(Some((monitor, attached)))
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
        Ok(Monitor { id: id.clone(), child, stdout: BufReader::new(stdout) })
    }

    /// Waits until it tells that it has come further: that all is ready for who is attached, and that it runs.
    pub(super) fn reports(&mut self) -> Result<(), Failure> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).map_err(|error| begin_failed(&self.id, &error))?;
        match serde_json::from_str::<Report>(&line) {
            Ok(report) => report.into_result(),
            Err(_) => Err(begin_failed(&self.id, &io::Error::other("it ended without saying why"))),
        }
    }

    /// Now that all is ready here, too, what was made ready starts.
    pub(super) fn go_on(&mut self, attached: &Attachment) -> Result<(), Failure> {
        tell_size(attached);
        self.reports()
    }

    /// Sends signals to what runs there.
    pub(super) fn signals(&self) -> impl Fn(Signal) + Clone + Send + 'static {
        let pid = self.child.id();
        move |signal| {
            // One that has ended needs no signal.
            let _ = match signal {
                Signal::KILL => process::ask_to_kill(pid),
                signal => process::signal(pid, signal.0),
            };
        }
    }
}

fn begin_failed(id: &ContainerId, error: &io::Error) -> Failure {
    Failure { code: 125, ..Failure::new(format!("start of a process that runs container {}: {error}", id.short())) }
}

fn tell_size(attached: &Attachment) {
    // Where nobody takes it, the report that is missing says so.
    let _ = attached.resize(terminal::size().unwrap_or_default());
}

/// What runs in the monitor.
enum Started<'e> {
    Container(RunningContainer<'e>),
    Exec(RunningExec),
}

impl Started<'_> {
    fn wait(self) -> Outcome {
        match self {
            Started::Container(running) => Ok(running.wait()?.code),
            Started::Exec(running) => Ok(running.wait().code),
        }
    }
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        // From here on nothing of this process is the caller's.
        let mut caller = process::take_stdout()?;
        let started = context.engine().and_then(|engine| self.start(engine, caller.try_clone()?));
        tell(&mut caller, &started.as_ref().map_or_else(Report::from, |_| Report::Running))?;
        drop(caller);
        // How it ended is written down in the container's state, and who is attached is told.
        started?.wait()
    }

    fn start<'e>(&self, engine: &'e Engine, mut caller: File) -> Result<Started<'e>, Failure> {
        let attached = self.attended.then(HandedEnd::take).transpose()?;
        let heard = attached.as_ref().map(HandedEnd::hear).transpose()?;
        let (terminal, exec) = heard.unwrap_or_default();
        let process = Foreground::default();
        let (follows, awaited) = (process.clone(), attached.clone());
        let before_start = move || {
            signals::forward_all(follows);
            if let Some(awaited) = awaited {
                tell(&mut caller, &Report::Ready)?;
                awaited.hear()?;
            }
            Ok(())
        };
        let before_start = Some(Box::new(before_start) as BeforeStart);
        let stdio = RunStdio { attached, terminal, before_start, ..RunStdio::background() };
        let (started, running) = match exec {
            Some(options) => {
                let exec = engine.exec_attachable(&self.id, &options, stdio).map_err(exec_failure)?;
                let running = exec.process();
                (Started::Exec(exec), running)
            }
            None => {
                let id = engine.container(&self.id)?.record.id;
                let container = engine.start(&id, stdio).map_err(Failure::of_run)?;
                let running = container.process();
                (Started::Container(container), running)
            }
        };
        // There was none before.
        let _ = process.set(running);
        Ok(started)
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
