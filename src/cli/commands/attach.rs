//! `cowbox attach`: the streams of a container that runs in the background.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cli::context::{Context, Failure, Outcome, note};
use crate::cli::detach_keys::{DetachKeys, Watch};
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
    /// Pass signals on to a container without a terminal
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    sig_proxy: bool,
    /// The container
    container: String,
}

impl Args {
    /// Attaches to a container that is found to run already.
    pub(super) fn of_running(container: String, keys: Option<DetachKeys>, no_stdin: bool) -> Args {
        Args { detach_keys: keys.unwrap_or_default(), no_stdin, sig_proxy: true, container }
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
        let has_left = Arc::new(AtomicBool::new(false));
        if let Some(raw) = &raw {
            raw.enter()?;
        }
        if record.tty {
            follow_size(&attached);
        } else if self.sig_proxy {
            forward_signals(context, record.id.clone())?;
        }
        if takes_input {
            let keys = types_keys.then(|| Watch::new(self.detach_keys));
            let (attached, has_left) = (attached.clone(), has_left.clone());
            // It ends with this process: nothing breaks a read of standard input off.
            std::thread::Builder::new().spawn(move || pass_input(&attached, keys, &has_left))?;
        }
        let ended = show(&attached);
        drop(raw);
        if has_left.load(Ordering::SeqCst) {
            note("read escape sequence");
            return Ok(0);
        }
        match ended? {
            Some(code) => Ok(code),
            // Who ran it was killed, and the container with it.
            None => Ok(engine.wait(record.id.as_str())?),
        }
    }
}

/// Shows what comes of the container until it ends: its exit code, if that is told.
fn show(attached: &Attachment) -> io::Result<Option<i32>> {
    loop {
        match attached.next()? {
            // An output that is gone is no reason to leave the container.
            Some(Shown::Output(bytes)) => drop(stdio::Stdout.write_all(&bytes)),
            Some(Shown::Error(bytes)) => drop(stdio::Stderr.write_all(&bytes)),
            Some(Shown::End(code)) => return Ok(Some(code)),
            None => return Ok(None),
        }
    }
}

/// Passes standard input on until it ends. That it has ended the container does not learn: others may attach.
fn pass_input(attached: &Attachment, mut keys: Option<Watch>, has_left: &AtomicBool) {
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
            has_left.store(true, Ordering::SeqCst);
            return attached.leave();
        }
    }
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

/// The container's terminal has the size of ours, now and later.
fn follow_size(attached: &Arc<Attachment>) {
    if let Some(size) = terminal::size() {
        // A program shows itself anew when the size changes: to who comes back, too.
        let _ = attached.resize(TerminalSize { rows: size.rows.saturating_add(1), ..size });
    }
    let attached = attached.clone();
    terminal::on_resize(move || {
        if let Some(size) = terminal::size() {
            // One that has ended needs no size.
            let _ = attached.resize(size);
        }
    });
}
