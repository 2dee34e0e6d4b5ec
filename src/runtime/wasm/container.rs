//! A container of WASI programs: a kernel of its own, and the executor that runs its processes' code.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::Shared;
use super::guest::{self, CpuLimit};
use super::limits::MemoryLimit;
use super::modules::Program;
use super::ticker::Ticking;
use crate::kernel::{
    Cause, Console, End, Executor, Found, INIT, Image, Init, Kernel, LoadError, Outcome, Prepared, Process, Quota,
    Signal, Task, Timer, Users, WindowSize,
};
use crate::runtime::{
    Bundle, Container, Error, ErrorKind, ExitReason, ExitStatus, Limits, Result, Running, TerminalSize, Workload,
};
use crate::vfs::{Errno, Processes};

/// A container that has not started.
pub(super) struct WasmContainer {
    kernel: Arc<Kernel>,
    executor: Arc<WasmExecutor>,
    init: Prepared,
    limits: Limits,
}

/// A container that was started.
struct WasmRunning {
    kernel: Arc<Kernel>,
    /// What connects its terminal with the outside.
    console: Option<Console>,
}

/// Runs the programs of one container.
struct WasmExecutor {
    shared: Arc<Shared>,
    limits: Arc<ContainerLimits>,
    /// What ends with the container: its time limit, and the ticks that its CPU limit needs.
    kept: Mutex<(Option<Timer>, Option<Ticking>)>,
}

/// What the processes of a container share.
pub(super) struct ContainerLimits {
    pub(super) memory: MemoryLimit,
    pub(super) cpu: CpuLimit,
}

impl WasmContainer {
    /// Finds and loads the program of `bundle`, and opens what it finds open.
    pub(super) fn create(shared: Arc<Shared>, bundle: Bundle) -> Result<WasmContainer> {
        let Bundle { name, workload, limits, stdio, terminal } = bundle;
        let Workload::Guest { process, rootfs } = workload else {
            return Err(Error::new(
                ErrorKind::NotExecutable,
                format!("{name}: it is not a container of WASI programs"),
            ));
        };
        let executor = Arc::new(WasmExecutor {
            limits: Arc::new(ContainerLimits {
                memory: MemoryLimit::new(limits.memory),
                cpu: CpuLimit::new(limits.cpu_time, limits.cpus),
            }),
            kept: Mutex::default(),
            shared,
        });
        let quota = Quota { processes: limits.processes, open_files: limits.open_files, output: limits.output };
        let kernel = Kernel::new(executor.clone(), rootfs.namespace, executor.shared.timers.clone(), quota);
        let processes: Arc<dyn Processes> = kernel.clone();
        rootfs.processes.set(Arc::downgrade(&processes));
        let users = Users::new(process.user.uid, process.user.gid, process.user.groups);
        let terminal = terminal.map(window);
        let init = Init { args: process.args, env: process.env, cwd: process.cwd, users, stdio, terminal };
        let init = kernel.prepare_init(init).map_err(error)?;
        Ok(WasmContainer { kernel, executor, init, limits })
    }
}

/// What keeps the first program from running, with Docker's exit codes in mind.
fn error(error: LoadError) -> Error {
    let kind = match error.errno {
        Errno::NoEnt | Errno::NotDir => ErrorKind::NotFound,
        Errno::Canceled => ErrorKind::Runtime,
        _ => ErrorKind::NotExecutable,
    };
    Error { kind, message: error.message, hint: error.hint }
}

impl Container for WasmContainer {
    fn start(self: Box<Self>) -> Result<Box<dyn Running>> {
        let WasmContainer { kernel, executor, init, limits } = *self;
        let shared = &executor.shared;
        let ticking = executor.limits.cpu.is_limited().then(|| shared.ticker.tick()).transpose().map_err(no_thread)?;
        let over = limits.wall_time.and_then(|limit| Some((Instant::now().checked_add(limit)?, limit)));
        let timer = match over {
            Some((at, limit)) => {
                let kernel = Arc::downgrade(&kernel);
                let end = End { cause: Cause::TimedOut, message: Some(format!("time limit of {limit:?} reached")) };
                let call = move || {
                    if let Some(kernel) = kernel.upgrade() {
                        kernel.end(end);
                    }
                };
                Some(shared.timers.at(at, call).map_err(no_thread)?)
            }
            None => None,
        };
        *executor.kept.lock().unwrap_or_else(PoisonError::into_inner) = (timer, ticking);
        let console = kernel.start_init(init).map_err(|errno| no_thread(errno.into()))?;
        Ok(Box::new(WasmRunning { kernel, console }))
    }
}

fn no_thread(error: io::Error) -> Error {
    Error::new(ErrorKind::Runtime, format!("start of a thread: {error}"))
}

impl Running for WasmRunning {
    fn wait(&self) -> ExitStatus {
        let end = self.kernel.wait_for_end();
        if let Some(console) = &self.console {
            console.finish();
        }
        status(end)
    }

    fn try_wait(&self) -> Option<ExitStatus> {
        let end = self.kernel.try_wait()?;
        self.console.as_ref().is_none_or(Console::has_finished).then(|| status(end))
    }

    fn resize(&self, size: TerminalSize) {
        if let Some(console) = &self.console {
            console.resize(window(size));
        }
    }

    fn kill(&self, signal: Signal) -> Result<()> {
        if signal.0 == 0 {
            return Ok(());
        }
        if Signal::new(signal.0.into()).is_none() {
            return Err(Error::new(ErrorKind::Runtime, format!("there is no signal {}", signal.0)));
        }
        // That it has ended already is as good.
        let _ = self.kernel.kill(None, INIT, Some(signal));
        // And what it has left to be shown is not waited for any more.
        if let Some(console) = self.console.as_ref().filter(|_| self.kernel.try_wait().is_some()) {
            console.cut();
        }
        Ok(())
    }
}

fn window(size: TerminalSize) -> WindowSize {
    WindowSize { rows: size.rows, columns: size.columns, ..WindowSize::default() }
}

fn status(end: End) -> ExitStatus {
    let reason = match end.cause {
        Cause::Exited(_) => ExitReason::Exited,
        Cause::Signaled(signal) => ExitReason::Signaled(signal),
        Cause::Trapped | Cause::Failed => ExitReason::Trapped,
        Cause::OutOfMemory => ExitReason::OutOfMemory,
        Cause::TimedOut => ExitReason::TimedOut,
    };
    ExitStatus { code: end.code(), reason, message: end.message }
}

impl Executor for WasmExecutor {
    fn load(&self, found: &Found) -> std::result::Result<Box<dyn Image>, LoadError> {
        let program = self.shared.modules.load(found)?;
        Ok(Box::new(WasmImage { shared: self.shared.clone(), limits: self.limits.clone(), program }))
    }

    fn run(&self, job: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        self.shared.threads.run(job)
    }

    fn nudge(&self, process: &Arc<Process>) {
        self.shared.ticker.nudge(process);
    }
}

/// A module that is ready to run.
struct WasmImage {
    shared: Arc<Shared>,
    limits: Arc<ContainerLimits>,
    program: Arc<Program>,
}

impl Image for WasmImage {
    fn run(self: Box<Self>, task: Task) -> Outcome {
        guest::run(&self.shared.engine, &self.program, self.limits, task)
    }
}
