//! Native containers as the engine sees them: prepared, running, ended, with their streams.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use super::cgroup::{Begun, Cgroup, Reach};
use super::image::MountedImage;
use super::launch::{self, LaunchOptions, Launched};
use super::plan::refuse;
use crate::runtime::native::{CgroupRecord, EndsWith, Entry, NativeBundle};
use crate::runtime::{
    Bundle, Container, Error, ErrorKind, ExitReason, ExitStatus, InitProcess, Input, Limits, NoteInit, Output, Result,
    Running, Runtime, Signal, SpareWork, Stdio, TerminalSize, Workload,
};
use crate::sys::linux::process::{self, Child, OtherProcess, WaitStatus};
use crate::sys::signals::Caught;

/// The runtime for programs of the host's own kernel.
pub struct Native;

/// A container that has not started.
struct NativeContainer {
    name: String,
    bundle: Box<NativeBundle>,
    cgroup: Begun,
    limits: Limits,
    stdio: Stdio,
    terminal: Option<TerminalSize>,
    note: Option<NoteInit>,
    meanwhile: Option<SpareWork>,
}

/// A process that was started, a container's first or one that entered it.
struct NativeRunning {
    process: Arc<Child>,
    start_time: u64,
    /// The master of its terminal.
    master: Option<OwnedFd>,
    timed_out: Arc<AtomicBool>,
    end: Mutex<End>,
    cgroup: Option<Cgroup>,
    /// Whether all its processes end with it.
    is_first: bool,
    _image: Option<MountedImage>,
}

/// How it ended, and what has to be done before that is told.
#[derive(Default)]
struct End {
    status: Option<ExitStatus>,
    /// Those who pass its output on.
    copiers: Vec<JoinHandle<()>>,
}

impl Runtime for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn create(&self, bundle: Bundle) -> Result<Box<dyn Container>> {
        let Bundle { name, workload, limits, stdio, terminal } = bundle;
        let Workload::Native(bundle) = workload else {
            return Err(Error::new(ErrorKind::NotExecutable, format!("{name}: it is not a native container")));
        };
        let cgroup = launch::cgroup(&bundle, Reach::Needed, None)?;
        Ok(Box::new(NativeContainer { name, bundle, cgroup, limits, stdio, terminal, note: None, meanwhile: None }))
    }
}

impl Container for NativeContainer {
    fn before_first_instruction(&mut self, note: NoteInit) -> Result<()> {
        self.note = Some(note);
        Ok(())
    }

    fn meanwhile(&mut self, work: SpareWork) {
        self.meanwhile = Some(work);
    }

    fn start(self: Box<Self>) -> Result<Box<dyn Running>> {
        let NativeContainer { name, mut bundle, cgroup, limits, stdio, terminal, note, meanwhile } = *self;
        let launch = move |options| launch::launch(&mut bundle, cgroup, LaunchOptions { note, meanwhile, ..options });
        let running = run(name, stdio, terminal, EndsWith::Caller, false, launch)?;
        if let Some(limit) = limits.wall_time {
            running.end_after(limit)?;
        }
        Ok(Box::new(running))
    }

    fn cgroup(&self) -> Option<CgroupRecord> {
        self.cgroup.0.as_ref().map(Cgroup::to_record)
    }
}

/// Runs one more process in the container whose first process is `init`, and in its cgroup.
pub fn enter(
    init: InitProcess,
    entry: Entry<'_>,
    stdio: Stdio,
    terminal: Option<TerminalSize>,
) -> Result<Box<dyn Running>> {
    if !is_alive(init) {
        return Err(refuse("the container is not running"));
    }
    let (process, seccomp) = (entry.process.clone(), entry.seccomp.clone());
    let cgroup = entry.cgroup.map(Cgroup::from_record).transpose().map_err(refuse)?;
    let launch =
        move |options: LaunchOptions| super::enter::enter(init.pid, &process, &seccomp, cgroup.as_ref(), options);
    // In a user namespace a thread whose children are in another process namespace cannot have them here again.
    let apart = process::is_in_user_namespace();
    let running = run(entry.container.to_owned(), stdio, terminal, entry.ends_with, apart, launch)?;
    Ok(Box::new(running))
}

/// Whether the process still runs.
pub fn is_alive(init: InitProcess) -> bool {
    process::start_time(init.pid).is_ok_and(|start_time| start_time == init.start_time)
}

/// Sends a signal to the first process of a container, whoever runs it. One that has ended needs none.
pub fn signal(init: InitProcess, signal: Signal) -> Result<()> {
    let number = i32::from(signal.0);
    let sent = OtherProcess::open(init.pid, init.start_time)
        .and_then(|process| process.map_or(Ok(false), |process| process.signal(number)));
    sent.map(drop).map_err(|error| refuse(format!("send signal {number} to process {}: {error}", init.pid)))
}

/// Runs what `launch` makes of a container, with `apart` on a thread of its own.
fn run(
    container: String,
    stdio: Stdio,
    terminal: Option<TerminalSize>,
    ends_with: EndsWith,
    apart: bool,
    launch: impl FnOnce(LaunchOptions) -> Result<Launched> + Send + 'static,
) -> Result<NativeRunning> {
    let broken = |error: io::Error| refuse(format!("the container's standard streams: {error}"));
    let mut copiers = Vec::new();
    let mut pending = None;
    let streams = match terminal {
        Some(_) => {
            pending = Some(stdio);
            [null().map_err(broken)?, null().map_err(broken)?, null().map_err(broken)?]
        }
        None => [
            input(stdio.stdin).map_err(broken)?,
            output(stdio.stdout, &mut copiers).map_err(broken)?,
            output(stdio.stderr, &mut copiers).map_err(broken)?,
        ],
    };
    let options = LaunchOptions {
        window: terminal,
        die_with_parent: ends_with == EndsWith::Caller,
        keyring: Some(container),
        ..LaunchOptions::new(streams)
    };
    let launched = on_lasting_thread(options, apart, launch)?;
    if let (Some(master), Some(stdio)) = (&launched.master, pending) {
        connect(master, stdio, &mut copiers).map_err(broken)?;
    }
    Ok(NativeRunning {
        process: Arc::new(launched.process),
        start_time: launched.start_time,
        master: launched.master,
        timed_out: Arc::default(),
        end: Mutex::new(End { status: None, copiers }),
        cgroup: launched.cgroup,
        is_first: launched.is_first,
        _image: launched.image,
    })
}

/// A process that ends with its parent ends with the thread that made it: a thread that lasts makes it. The main thread does.
fn on_lasting_thread(
    options: LaunchOptions,
    apart: bool,
    launch: impl FnOnce(LaunchOptions) -> Result<Launched> + Send + 'static,
) -> Result<Launched> {
    if process::is_main_thread() && !apart {
        return launch(options);
    }
    let (tell, told) = mpsc::channel();
    let last = move || {
        let launched = launch(options);
        let pidfd = launched.as_ref().ok().and_then(|launched| launched.process.pidfd().try_clone().ok());
        if tell.send(launched).is_ok()
            && let Some(pidfd) = pidfd
        {
            // It cannot fail but by a descriptor of another kind.
            let _ = process::wait_for_end(&pidfd, None);
        }
    };
    std::thread::Builder::new().spawn(last).map_err(|error| refuse(format!("start a thread: {error}")))?;
    told.recv().map_err(|_| refuse("the thread that makes the container has ended"))?
}

fn null() -> io::Result<OwnedFd> {
    Ok(File::options().read(true).write(true).open("/dev/null")?.into())
}

fn input(input: Input) -> io::Result<OwnedFd> {
    match input {
        Input::Null => null(),
        Input::Host => io::stdin().as_fd().try_clone_to_owned(),
        Input::Reader(mut reader) => {
            let (read, mut write) = io::pipe()?;
            // It ends with the reader, or when nobody reads any more.
            std::thread::Builder::new().spawn(move || drop(io::copy(&mut reader, &mut write)))?;
            Ok(read.into())
        }
    }
}

fn output(output: Output, copiers: &mut Vec<JoinHandle<()>>) -> io::Result<OwnedFd> {
    match output {
        Output::Null => null(),
        Output::HostStdout => io::stdout().as_fd().try_clone_to_owned(),
        Output::HostStderr => io::stderr().as_fd().try_clone_to_owned(),
        Output::Writer(writer) => {
            let (read, write) = io::pipe()?;
            copiers.push(std::thread::Builder::new().spawn(move || pass_on(read, writer))?);
            Ok(write.into())
        }
    }
}

/// Passes on what is read until the end; who writes must never wait for an output that is gone.
fn pass_on(mut from: impl Read, mut to: Box<dyn Write + Send>) {
    let mut buffer = vec![0; 64 << 10];
    let mut is_open = true;
    loop {
        match from.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // A terminal whose last process has gone fails rather than ends.
            Ok(0) | Err(_) => return,
            Ok(len) => is_open = is_open && to.write_all(&buffer[..len]).and_then(|()| to.flush()).is_ok(),
        }
    }
}

/// Connects a terminal's master with the outside.
fn connect(master: &OwnedFd, stdio: Stdio, copiers: &mut Vec<JoinHandle<()>>) -> io::Result<()> {
    let shown = File::from(master.try_clone()?);
    let to: Box<dyn Write + Send> = match stdio.stdout {
        Output::Null => Box::new(io::sink()),
        Output::HostStdout => Box::new(crate::sys::stdio::Stdout),
        Output::HostStderr => Box::new(crate::sys::stdio::Stderr),
        Output::Writer(writer) => writer,
    };
    copiers.push(std::thread::Builder::new().spawn(move || pass_on(shown, to))?);
    let mut keys: Box<dyn Read + Send> = match stdio.stdin {
        Input::Null => return Ok(()),
        Input::Host => Box::new(File::from(io::stdin().as_fd().try_clone_to_owned()?)),
        Input::Reader(reader) => reader,
    };
    let mut typed = File::from(master.try_clone()?);
    // Nobody waits for it: it ends with the input, or with this process.
    std::thread::Builder::new().spawn(move || drop(io::copy(&mut keys, &mut typed)))?;
    Ok(())
}

impl NativeRunning {
    /// Ends the process when the time is over.
    fn end_after(&self, limit: Duration) -> Result<()> {
        let (process, timed_out) = (self.process.clone(), self.timed_out.clone());
        let watch = move || {
            if !process::wait_for_end(process.pidfd(), Some(limit)).unwrap_or(true) {
                timed_out.store(true, Ordering::SeqCst);
                // One that has ended meanwhile needs no signal.
                let _ = process.signal(i32::from(Signal::KILL.0));
            }
        };
        std::thread::Builder::new().spawn(watch).map_err(|error| refuse(format!("start a thread: {error}")))?;
        Ok(())
    }

    fn status(&self, ended: io::Result<WaitStatus>) -> ExitStatus {
        let plain = |code, reason| ExitStatus { code, reason, message: None };
        let killed = 128 + i32::from(Signal::KILL.0);
        let is_killed = matches!(ended, Ok(WaitStatus::Signaled(9)))
            // A shell or an init passes on how its child ended.
            || matches!(ended, Ok(WaitStatus::Exited(code)) if code == killed);
        let is_out_of_memory = || self.cgroup.as_ref().is_some_and(|cgroup| cgroup.oom_kills() > 0);
        match ended {
            _ if self.timed_out.load(Ordering::SeqCst) => {
                ExitStatus { message: Some("time limit reached".into()), ..plain(killed, ExitReason::TimedOut) }
            }
            _ if is_killed && is_out_of_memory() => {
                ExitStatus { message: Some("memory limit reached".into()), ..plain(killed, ExitReason::OutOfMemory) }
            }
            Ok(WaitStatus::Exited(code)) => plain(code, ExitReason::Exited),
            Ok(WaitStatus::Signaled(number)) => {
                plain(128 + number, ExitReason::Signaled(Signal(u8::try_from(number).unwrap_or(0))))
            }
            Err(error) => ExitStatus {
                message: Some(format!("wait for the container's process: {error}")),
                ..plain(125, ExitReason::Exited)
            },
        }
    }
}

impl Running for NativeRunning {
    fn wait(&self) -> ExitStatus {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(status) = &end.status {
            return status.clone();
        }
        let status = self.status(self.process.wait());
        if let Some(cgroup) = self.cgroup.as_ref().filter(|_| !self.is_first) {
            // What the kernel does for the others of a pid namespace. What stays goes with the cgroup, or says so there.
            let _ = cgroup.kill();
        }
        for copier in end.copiers.drain(..) {
            // One that panicked has nothing more to pass on.
            let _ = copier.join();
        }
        end.status.insert(status).clone()
    }

    fn attend(&self, signals: Caught) {
        signals.attend_until(self.process.pidfd());
    }

    fn try_wait(&self) -> Option<ExitStatus> {
        // Who holds the lock waits: it has not ended.
        let has_ended = process::wait_for_end(self.process.pidfd(), Some(Duration::ZERO)).unwrap_or(false);
        has_ended.then(|| self.wait())
    }

    fn resize(&self, size: TerminalSize) {
        if let Some(master) = &self.master {
            process::set_window(master, size.rows, size.columns);
        }
    }

    fn init(&self) -> Option<InitProcess> {
        Some(InitProcess { pid: self.process.pid(), start_time: self.start_time })
    }

    fn kill(&self, signal: Signal) -> Result<()> {
        self.process
            .signal(i32::from(signal.0))
            .map_err(|error| refuse(format!("send signal {} to the container's process: {error}", signal.0)))
    }
}
