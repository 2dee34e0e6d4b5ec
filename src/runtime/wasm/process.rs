//! A guest as a [`Container`] and as a [`Running`] process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::Shared;
use super::control::{Control, Stop};
use super::fds::{Descriptor, Directory, Fds, Object};
use super::guest::{self, CpuLimit, Guest};
use super::limits::MemoryLimit;
use super::modules::Program;
use super::program;
use super::streams::{InputStream, OutputStream, Stream};
use crate::runtime::{
    Bundle, Container, Error, ErrorKind, ExitReason, ExitStatus, Process, Result, Running, Signal, Stdio,
};
use crate::vfs::{Follow, Namespace, Place, Scope};

/// Signals whose default action is to do nothing: SIGCHLD, SIGURG, SIGWINCH.
const IGNORED: [u8; 3] = [17, 23, 28];
const SIGCONT: u8 = 18;
/// SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU.
const STOPPING: std::ops::RangeInclusive<u8> = 19..=22;
const SIGNAL_MAX: u8 = 64;

/// A guest that has not started.
pub(super) struct WasmContainer {
    shared: Arc<Shared>,
    program: Arc<Program>,
    guest: Guest,
    wall_time: Option<std::time::Duration>,
}

/// A guest that was started.
struct WasmProcess {
    shared: Arc<Shared>,
    control: Arc<Control>,
}

impl WasmContainer {
    /// Finds and loads the program of `bundle`, and opens what it finds open.
    pub(super) fn create(shared: Arc<Shared>, bundle: Bundle) -> Result<WasmContainer> {
        let Bundle { name: _, process, rootfs, limits, stdio, terminal: _ } = bundle;
        let namespace = rootfs.namespace;
        let found = program::find(&namespace, &process)?;
        let program = shared.modules.load(&found)?;
        let cwd = working_directory(&namespace, &process)?;
        let Process { mut args, mut env, cwd: path, user } = process;
        if let Some(head) = found.interpreter {
            args.splice(..1, head);
        }
        // Go starts in `PWD`.
        if let (Some(path), Some(_)) = (path, &cwd)
            && !env.iter().any(|pair| pair.starts_with("PWD="))
        {
            env.push(format!("PWD={path}"));
        }
        let guest = Guest {
            fds: open_at_start(&namespace, cwd, stdio, limits.open_files),
            namespace,
            args,
            env,
            user,
            control: Arc::default(),
            memory: None,
            scratch: Vec::new(),
            cpu: CpuLimit::new(limits.cpu_time, limits.cpus),
            limits: MemoryLimit::new(limits.memory),
        };
        Ok(WasmContainer { shared, program, guest, wall_time: limits.wall_time })
    }
}

/// The working directory, if it is another than `/`.
fn working_directory(namespace: &Namespace, process: &Process) -> Result<Option<Arc<Place>>> {
    let Some(path) = process.cwd.as_ref().filter(|path| !path.is_root()) else { return Ok(None) };
    let place = namespace
        .walk(namespace.root(), path.as_bytes(), Follow::Yes, Scope::Namespace)
        .and_then(|walked| walked.place())
        .map_err(|errno| {
            Error::new(ErrorKind::NotExecutable, format!("working directory \"{path}\": {errno}"))
                .hint("make it in the image, or name another with --workdir")
        })?;
    Ok(Some(place))
}

/// The standard streams, `/` as descriptor 3, and the working directory behind it (`preview1::start` says why).
fn open_at_start(namespace: &Namespace, cwd: Option<Arc<Place>>, stdio: Stdio, limit: u32) -> Fds {
    let directory = |place, name| Object::Directory(Directory { place, preopened: Some(name) });
    let mut objects = vec![
        Object::Stream(Stream::Input(InputStream::new(stdio.stdin))),
        Object::Stream(Stream::Output(OutputStream::new(stdio.stdout))),
        Object::Stream(Stream::Output(OutputStream::new(stdio.stderr))),
        directory(namespace.root().clone(), "/"),
    ];
    objects.extend(cwd.map(|place| directory(place, ".")));
    Fds::new(objects.into_iter().map(Descriptor::new).collect(), limit)
}

impl Container for WasmContainer {
    fn start(self: Box<Self>) -> Result<Box<dyn Running>> {
        let WasmContainer { shared, program, guest, wall_time } = *self;
        let control = guest.control.clone();
        let timer = shared.timers.start(&control, wall_time, guest.cpu.is_limited()).map_err(no_thread)?;
        let (running, ending) = (shared.clone(), control.clone());
        let job = move || {
            let run = catch_unwind(AssertUnwindSafe(|| guest::run(&running.engine, &program, guest)));
            let status = run.unwrap_or_else(|_| ExitStatus {
                code: 125,
                reason: ExitReason::Trapped,
                message: Some("internal error of the wasm runtime".to_owned()),
            });
            drop(timer);
            ending.finish(status);
        };
        shared.threads.run(Box::new(job)).map_err(no_thread)?;
        Ok(Box::new(WasmProcess { shared, control }))
    }
}

fn no_thread(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Runtime, format!("start of a thread: {error}"))
}

impl Running for WasmProcess {
    fn wait(&self) -> ExitStatus {
        self.control.wait()
    }

    fn try_wait(&self) -> Option<ExitStatus> {
        self.control.try_wait()
    }

    fn kill(&self, signal: Signal) -> Result<()> {
        let order = |order: &dyn Fn(&Control)| self.shared.timers.order(&self.control, order).map_err(no_thread);
        match signal.0 {
            0 => Ok(()),
            SIGCONT => order(&|control| control.pause(false)),
            number if IGNORED.contains(&number) => Ok(()),
            number if STOPPING.contains(&number) => order(&|control| control.pause(true)),
            1..=SIGNAL_MAX => order(&|control| control.stop(Stop::Signal(signal))),
            number => Err(Error::new(ErrorKind::Runtime, format!("there is no signal {number}"))),
        }
    }
}
