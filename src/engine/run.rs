//! Running containers: `start`, `wait`, and sandboxes that leave nothing behind.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use super::attach::{HandedEnd, Hub};
use super::cgroups::{cgroup_of, to_value};
use super::create::CreateOptions;
use super::error::{About, Error, Result};
use super::logs::{Log, LogTee};
use super::rootfs;
use super::{Engine, user};
use crate::runtime::native;
use crate::runtime::{
    self, Bundle, ExitReason, ExitStatus, InitProcess, Limits, Output, Process, Rootfs, Running, Stdio, TerminalSize,
    Workload,
};
use crate::store::{ContainerId, ContainerRecord, ContainerState, InitRecord, LimitsRecord, Lock, Status};
use crate::sys::stdio;
use crate::vfs::{GuestPath, InodeRef, Upper};

/// The standard streams of a run, and whether they are logged.
pub struct RunStdio {
    /// The streams.
    pub stdio: Stdio,
    /// Whether output is also kept for `logs`.
    pub log: bool,
    /// Whether the streams are instead those of whoever [attaches](Engine::attach), with the log: the container runs in the
    /// background.
    pub attachable: bool,
    /// Who is attached from the start, where it is attachable.
    pub attached: Option<HandedEnd>,
    /// The window of the terminal, for a container that was created with one.
    pub terminal: TerminalSize,
    /// What is done when all is ready and the process is about to start, such as making the terminal raw.
    pub before_start: Option<BeforeStart>,
}

/// See [`RunStdio::before_start`].
pub type BeforeStart = Box<dyn FnOnce() -> io::Result<()> + Send>;

impl RunStdio {
    /// These streams, not logged, and a terminal of 80 columns and 24 lines where there is one.
    pub fn new(stdio: Stdio) -> RunStdio {
        RunStdio {
            stdio,
            log: false,
            attachable: false,
            attached: None,
            terminal: TerminalSize::default(),
            before_start: None,
        }
    }

    /// The streams of this process, not logged.
    pub fn inherit() -> RunStdio {
        RunStdio::new(Stdio::inherit())
    }

    /// Streams for a container in the background: output goes into the log and to whoever attaches, from where input comes.
    pub fn background() -> RunStdio {
        RunStdio { attachable: true, ..RunStdio::new(Stdio::null()) }
    }
}

/// A container that runs. Dropping it leaves the process alone: [`wait`](RunningContainer::wait) ends the bookkeeping.
pub struct RunningContainer<'e> {
    engine: &'e Engine,
    record: ContainerRecord,
    state: ContainerState,
    running: Arc<dyn Running>,
    files: Files,
    hub: Option<Hub>,
    lock: Lock,
}

/// The file systems of a container that can be written to: none of a native one, whose files the host's kernel keeps.
#[derive(Default)]
struct Files {
    upper: Option<Arc<Upper>>,
    volumes: Vec<Arc<Upper>>,
}

impl Files {
    fn flush(&self) -> Result<()> {
        for upper in self.volumes.iter().chain(&self.upper) {
            upper.flush()?;
        }
        Ok(())
    }
}

impl RunningContainer<'_> {
    /// The process, to signal it from another thread.
    pub fn process(&self) -> Arc<dyn Running> {
        self.running.clone()
    }

    /// Waits for the end of the process, writes down how it ended, and removes the container if it was created so.
    pub fn wait(mut self) -> Result<ExitStatus> {
        let status = self.running.wait();
        let hub = self.hub.take();
        if let Some(hub) = &hub {
            hub.close();
        }
        let finished = self.finish(status);
        if let Some(hub) = hub {
            match &finished {
                Ok(status) => hub.end(status.code, status.message.as_deref()),
                Err(error) => hub.end(error.exit_code(), Some(&error.message)),
            }
        }
        finished
    }

    fn finish(self, status: ExitStatus) -> Result<ExitStatus> {
        let state = ContainerState {
            status: Status::Exited,
            finished: jiff::Timestamp::now().to_string(),
            exit_code: status.code,
            oom_killed: status.reason == ExitReason::OutOfMemory,
            error: status.message.clone().unwrap_or_default(),
            ..self.state
        };
        drop(self.running);
        // Where it was paused it has other cgroups than it began with. What cannot be read leaves them to be found by their names.
        let written = self.engine.store.written_state(&self.record.id).unwrap_or_default();
        let removed = cgroup_of(&self.record.id, &written)
            .and_then(|cgroup| cgroup.map_or(Ok(()), |cgroup| Ok(native::clean_up(&cgroup)?)));
        if self.record.auto_remove {
            match self.files.upper.map(Arc::try_unwrap) {
                Some(Ok(upper)) => upper.discard(),
                shared => drop(shared),
            }
            drop(self.files.volumes);
            // Whoever waits for the lock finds nothing any more, and is told the exit code all the same.
            let left = self.lock.leave(self.record.id.as_str(), status.code);
            let gone = self.engine.remove_stored(&self.record);
            drop(self.lock);
            removed?;
            // On some systems a folder stays while a file in it is open.
            gone.or_else(|_| self.engine.remove_stored(&self.record))?;
            left?;
            return Ok(status);
        }
        let flushed = self.files.flush();
        let cgroup = written.cgroup.filter(|_| removed.is_err());
        self.engine.store.set_container_state(&self.record.id, &ContainerState { cgroup, ..state })?;
        drop((self.files, self.lock));
        removed?;
        flushed.about(|| format!("save the files of container {}", self.record.id.short()))?;
        Ok(status)
    }
}

/// A container that lives in memory alone: it is made of an image in microseconds, and leaves nothing behind.
pub struct Sandbox<'e> {
    engine: &'e Engine,
    record: ContainerRecord,
    tree: InodeRef,
}

impl Sandbox<'_> {
    /// Runs the container's process once, on a fresh copy of the image, and waits for its end.
    pub fn run(&self, stdio: Stdio) -> Result<ExitStatus> {
        Ok(self.start(stdio)?.process.wait())
    }

    /// Starts the container's process on a fresh copy of the image.
    pub fn start(&self, stdio: Stdio) -> Result<SandboxRun> {
        let options = rootfs::upper_options(&self.record);
        let upper = Arc::new(Upper::in_memory(self.tree.clone(), &options)?);
        let (rootfs, _) = self.engine.rootfs(&self.record, &upper)?;
        let process = self.engine.start_process(&self.record, rootfs, RunStdio::new(stdio), None)?;
        Ok(SandboxRun { process, upper })
    }
}

/// One run of a [`Sandbox`]. Its files are gone when it is dropped.
pub struct SandboxRun {
    /// The process.
    pub process: Arc<dyn Running>,
    /// Its files: what it sees, and what it changed.
    pub upper: Arc<Upper>,
}

impl Engine {
    /// Starts a container that does not run. What it wrote before is there again.
    pub fn start(&self, id: &ContainerId, stdio: RunStdio) -> Result<RunningContainer<'_>> {
        let record = self.store.container(id)?.record;
        self.become_root_for(&record)?;
        let lock = self
            .store
            .lock_container(id)?
            .ok_or_else(|| Error::conflict(format!("container {} is already running", id.short())))?;
        let (stdio, mut hub) = self.streams(&record, stdio);
        match self.start_locked(&record, stdio) {
            Ok((running, files, state)) => {
                if let Some(hub) = &mut hub {
                    hub.serve(&running);
                }
                Ok(RunningContainer { engine: self, record, state, running, files, hub, lock })
            }
            Err(error) => {
                drop(lock);
                self.note_failed_start(&record, &error);
                Err(error)
            }
        }
    }

    /// The streams as the container has them: with its log, or with whoever attaches.
    fn streams(&self, record: &ContainerRecord, stdio: RunStdio) -> (RunStdio, Option<Hub>) {
        let log = || Log::new(self.store.log_path(&record.id));
        if stdio.attachable {
            let (mut hub, streams) = Hub::new(record.open_stdin, Some(&log()), stdio.attached);
            // One that nobody can attach to runs all the same: not every system lets them.
            let _ = hub.listen(self.store.streams_folder(&record.id));
            return (RunStdio { stdio: streams, attached: None, ..stdio }, Some(hub));
        }
        let stdio = match stdio.log {
            true => RunStdio { stdio: logged(stdio.stdio, &log()), ..stdio },
            false => stdio,
        };
        (stdio, None)
    }

    fn start_locked(
        &self,
        record: &ContainerRecord,
        stdio: RunStdio,
    ) -> Result<(Arc<dyn Running>, Files, ContainerState)> {
        let state = ContainerState {
            status: Status::Running,
            pid: std::process::id(),
            started: jiff::Timestamp::now().to_string(),
            ..ContainerState::default()
        };
        self.remove_cgroup(record)?;
        let (running, files) = if record.runtime == "native" {
            let bundle = self.native_bundle(record)?;
            (self.start_workload(record, Workload::Native(Box::new(bundle)), stdio, Some(&state))?, Files::default())
        } else {
            let upper = self.open_upper(record)?;
            let (rootfs, volumes) = self.rootfs(record, &upper)?;
            (self.start_process(record, rootfs, stdio, Some(&state))?, Files { upper: Some(upper), volumes })
        };
        let state = ContainerState { init: running.init().map(init_record), ..state };
        Ok((running, files, state))
    }

    /// A container that could not start says why in `ps` and `inspect`, or goes if it was created so.
    fn note_failed_start(&self, record: &ContainerRecord, error: &Error) {
        let state =
            ContainerState { exit_code: error.exit_code(), error: error.message.clone(), ..ContainerState::default() };
        // The error that is on its way to the caller matters more than those of cleaning up and writing it down.
        let _ = self.remove_cgroup(record);
        let _ = match record.auto_remove {
            true => self.remove_stored(record),
            false => self.store.set_container_state(&record.id, &state).map_err(Error::from),
        };
    }

    /// A container that lives in memory alone. Neither named volumes nor anonymous ones can be part of it.
    pub fn sandbox(&self, options: &CreateOptions) -> Result<Sandbox<'_>> {
        let record = self.plan(options)?;
        if record.runtime == "native" {
            return Err(Error::invalid(format!(
                "image {} is native: a sandbox in memory runs WASI programs",
                record.image
            )));
        }
        let is_volume = |source: &_| matches!(source, crate::store::MountSource::Volume { .. });
        if let Some(mount) = record.mounts.iter().find(|mount| is_volume(&mount.source)) {
            return Err(Error::invalid(format!("a sandbox cannot have a volume ({})", mount.target)));
        }
        let tree = self.tree_of(&record)?;
        Ok(Sandbox { engine: self, record, tree })
    }

    fn start_process(
        &self,
        record: &ContainerRecord,
        rootfs: Rootfs,
        stdio: RunStdio,
        begun: Option<&ContainerState>,
    ) -> Result<Arc<dyn Running>> {
        let user = user::resolve(&rootfs.namespace, &record.user)?;
        let mut env = record.env.clone();
        if !env.iter().any(|line| line.starts_with("HOME=")) {
            env.push(format!("HOME={}", user::home(&rootfs.namespace, &user)));
        }
        let cwd = GuestPath::new(&record.working_dir).about(|| record.working_dir.clone())?;
        let process = Process { args: record.args.clone(), env, cwd: Some(cwd), user };
        self.start_workload(record, Workload::Guest { process, rootfs }, stdio, begun)
    }

    fn start_workload(
        &self,
        record: &ContainerRecord,
        workload: Workload,
        stdio: RunStdio,
        begun: Option<&ContainerState>,
    ) -> Result<Arc<dyn Running>> {
        let runtime = self.runtime(&record.runtime)?;
        let bundle = Bundle {
            name: record.id.short().to_owned(),
            workload,
            limits: limits(&record.limits),
            terminal: record.tty.then_some(stdio.terminal),
            stdio: stdio.stdio,
        };
        let mut container = runtime.create(bundle)?;
        // Who runs a native container may touch what others of its kind have left. What cannot be cleaned up is tried by the next.
        let spares = self.store.spares();
        container.meanwhile(Box::new(move || drop(spares.empty())));
        if let Some(before_start) = stdio.before_start {
            before_start().about(|| "the terminal".to_owned())?;
        }
        // Who hears of the container by what it says finds that it runs. Until then its cgroups are found by their names.
        if let Some(begun) = begun {
            let begun =
                ContainerState { cgroup: container.cgroup().and_then(|cgroup| to_value(&cgroup)), ..begun.clone() };
            let state_file = self.store.state_file(&record.id);
            container.before_first_instruction(Box::new(move |init| {
                let written = state_file.write(&ContainerState { init: init.map(init_record), ..begun });
                written.map_err(|error| runtime::Error::new(runtime::ErrorKind::Runtime, error.to_string()))
            }))?;
        }
        Ok(Arc::from(container.start()?))
    }
}

fn init_record(init: InitProcess) -> InitRecord {
    InitRecord { pid: init.pid, start_time: init.start_time }
}

fn limits(record: &LimitsRecord) -> Limits {
    let default = Limits::default();
    let seconds = |seconds: Option<f64>| seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    Limits {
        memory: record.memory,
        cpus: record.cpus,
        wall_time: seconds(record.timeout),
        cpu_time: seconds(record.cpu_time),
        open_files: record.open_files.unwrap_or(default.open_files),
        processes: record.processes.unwrap_or(default.processes),
        output: record.output,
        disk: record.disk,
    }
}

/// The streams with a log beside them.
fn logged(stdio: Stdio, log: &Arc<Log>) -> Stdio {
    let tee = |output: Output, stream: &'static str| -> Output {
        let out: Box<dyn Write + Send> = match output {
            Output::Null => Box::new(io::sink()),
            Output::HostStdout => Box::new(stdio::Stdout),
            Output::HostStderr => Box::new(stdio::Stderr),
            Output::Writer(writer) => writer,
        };
        Output::Writer(Box::new(LogTee::new(out, log.clone(), stream)))
    };
    Stdio { stdin: stdio.stdin, stdout: tee(stdio.stdout, "stdout"), stderr: tee(stdio.stderr, "stderr") }
}
