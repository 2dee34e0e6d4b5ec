//! `cowbox attach`: the streams of a container that runs in the background.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::monitor::Monitor;
use crate::cli::context::{Context, Failure, Outcome, note};
use crate::cli::detach_keys::{DetachKeys, Watch};
use crate::cli::signals::catch_for;
use crate::engine::{Attachment, Engine, EngineOptions, Shown};
use crate::runtime::{Signal, TerminalSize};
use crate::store::ContainerId;
use crate::sys::terminal::{self, RawMode};
use crate::sys::{signals, stdio};

/// Attach standard input, output and error to a running container
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The keys that detach from a container with a terminal
    #[arg(long, value_name = "KEYS", default_value = "ctrl-p,ctrl-q")]
    detach_keys: DetachKeys,
    /// Do not attach standard input
    #[arg(long)]
    no_stdin: bool,
    #[command(flatten)]
    sig_proxy: SigProxy,
    /// The container
    container: String,
}

/// Whose the signals to this process are.
#[derive(clap::Args)]
pub(super) struct SigProxy {
    /// Pass signals on to a container without a terminal; where not, what ends this command leaves it running
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    sig_proxy: bool,
}

impl SigProxy {
    pub(super) fn is_on(&self) -> bool {
        self.sig_proxy
    }
}

impl Args {
    /// Attaches to a container that is found to run already.
    pub(super) fn of_running(container: String, keys: Option<DetachKeys>, no_stdin: bool, sig_proxy: SigProxy) -> Args {
        Args { detach_keys: keys.unwrap_or_default(), no_stdin, sig_proxy, container }
    }

    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let engine = context.engine()?;
        let record = engine.container(&self.container)?.record;
        let takes_input = record.open_stdin && !self.no_stdin;
        let types_keys = takes_input && record.tty;
        if types_keys && !io::stdin().is_terminal() {
            return Err(Failure::new("the input device is not a TTY"));
        }
        let attached = Arc::new(engine.attach(&record.id)?);
        // Left before anything is printed, whatever happens.
        let raw = types_keys.then(RawMode::prepare).transpose()?;
        if let Some(raw) = &raw {
            raw.enter()?;
        }
        if record.tty {
            show_anew(&attached);
            follow_size(&attached);
        } else if self.sig_proxy.is_on() {
            forward_signals(context, record.id.clone())?;
        }
        let keys = types_keys.then(|| Watch::new(self.detach_keys));
        let has_left = if takes_input { pass_input(&attached, keys)? } else { Arc::default() };
        // Where nothing tells the end, who ran it was killed, and the container with it.
        stay(&attached, raw, &has_left, || Ok(engine.wait(record.id.as_str())?))
    }
}

/// Has `monitor` start something with a terminal, to which we are attached from the start, and stays there. Until it is about to
/// start, an interrupt ends this process, and keys are edited and shown as they were before. `lost` is the exit code where the
/// monitor is killed.
pub(super) fn start(
    (mut monitor, attached): (Monitor, Attachment),
    keys: Option<DetachKeys>,
    lost: impl FnOnce() -> Outcome,
) -> Outcome {
    let raw = RawMode::prepare()?;
    monitor.reports()?;
    let caught = catch_for(true, monitor.signals());
    raw.enter()?;
    monitor.go_on(&attached)?;
    if let Some(caught) = caught {
        caught.detach();
    }
    let attached = Arc::new(attached);
    follow_size(&attached);
    let has_left = pass_input(&attached, Some(Watch::new(keys.unwrap_or_default())))?;
    stay(&attached, Some(raw), &has_left, lost)
}

/// Has `monitor` start something without a terminal, and shows what it prints, of its standard output and its standard error what
/// `shown` says, until it ends. It goes on when this process does not.
pub(super) fn watch(
    (mut monitor, attached): (Monitor, Attachment),
    (stdout, stderr): (bool, bool),
    lost: impl FnOnce() -> Outcome,
) -> Outcome {
    monitor.reports()?;
    monitor.go_on(&attached)?;
    ended(show(&attached, stdout, stderr)?, lost)
}

/// Shows what comes until the end, or until we leave: the exit code.
fn stay(attached: &Attachment, raw: Option<RawMode>, has_left: &AtomicBool, lost: impl FnOnce() -> Outcome) -> Outcome {
    let end = show(attached, true, true);
    drop(raw);
    if has_left.load(Ordering::SeqCst) {
        note("read escape sequence");
        return Ok(0);
    }
    ended(end?, lost)
}

/// The exit code, and why it is that one where that is told.
fn ended(end: Option<(i32, Option<String>)>, lost: impl FnOnce() -> Outcome) -> Outcome {
    let Some((code, message)) = end else { return lost() };
    if let Some(message) = message {
        note(&format!("cowbox: {message}"));
    }
    Ok(code)
}

/// Shows what comes of the container until it ends: its exit code, and why, if that is told.
fn show(attached: &Attachment, stdout: bool, stderr: bool) -> io::Result<Option<(i32, Option<String>)>> {
    loop {
        match attached.next()? {
            // An output that is gone is no reason to leave the container.
            Some(Shown::Output(bytes)) if stdout => drop(stdio::Stdout.write_all(&bytes)),
            Some(Shown::Error(bytes)) if stderr => drop(stdio::Stderr.write_all(&bytes)),
            Some(Shown::Output(_) | Shown::Error(_)) => {}
            Some(Shown::End { code, message }) => return Ok(Some((code, message))),
            None => return Ok(None),
        }
    }
}

/// Passes standard input on until it ends, and whether it was left then. That it has ended the container does not learn: others
/// may attach.
fn pass_input(attached: &Arc<Attachment>, mut keys: Option<Watch>) -> io::Result<Arc<AtomicBool>> {
    let has_left = Arc::new(AtomicBool::new(false));
    let (attached, leaving) = (attached.clone(), has_left.clone());
    let pass = move || {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(len @ 1..) = stdio::read_stdin(&mut buffer) {
            let (bytes, leaves) = match &mut keys {
                Some(watch) => watch.pass(&buffer[..len]),
                None => (buffer[..len].to_vec(), false),
            };
            if attached.send(&bytes).is_err() {
                return;
            }
            if leaves {
                leaving.store(true, Ordering::SeqCst);
                return attached.leave();
            }
        }
    };
    // It ends with this process: nothing breaks a read of standard input off.
    std::thread::Builder::new().spawn(pass)?;
    Ok(has_left)
}

/// Every signal that can be caught is the container's.
fn forward_signals(context: &Context, id: ContainerId) -> Result<(), Failure> {
    let engine = Engine::open(EngineOptions::new(context.root()?))?;
    signals::on_any(move |number| {
        // A container that has ended needs no signal.
        let _ = engine.kill(id.as_str(), Signal(number));
    });
    Ok(())
}

/// A program shows itself anew when the size changes: to who comes back, too.
fn show_anew(attached: &Attachment) {
    if let Some(size) = terminal::size() {
        let _ = attached.resize(TerminalSize { rows: size.rows.saturating_add(1), ..size });
    }
}

/// The container's terminal has the size of ours, now and later. What is sent from here on finds it so.
fn follow_size(attached: &Arc<Attachment>) {
    tell_size(attached);
    let attached = attached.clone();
    terminal::on_resize(move || tell_size(&attached));
}

fn tell_size(attached: &Attachment) {
    if let Some(size) = terminal::size() {
        // One that has ended needs no size.
        let _ = attached.resize(size);
    }
}
