//! The end of containers that another process runs: signals, `stop`, and the waiting that `kill` and `rm -f` do.

use std::io;
use std::time::{Duration, Instant};

use super::error::{About, Error, Result};
use super::{Container, Engine, parse_signal};
use crate::runtime::{InitProcess, Signal, native};
use crate::store::{ContainerId, ContainerRecord, Status};
use crate::sys::process;

/// How long a container may take to end after its stop signal.
const GRACE: Duration = Duration::from_secs(10);
/// How long the process that runs a container may take to tidy up, once the container was killed.
const TIDYING: Duration = Duration::from_secs(10);
/// The time between two looks at a container that somebody else has locked and that does not run: it is on its way in or out.
const LOOK: Duration = Duration::from_millis(20);

/// How a container is stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StopOptions {
    /// The signal; the container's own stop signal where none is given.
    pub signal: Option<Signal>,
    /// Seconds until it is killed, -1 for never; the container's own time where none is given.
    pub timeout: Option<i64>,
}

impl Engine {
    /// Asks a container to end, kills it if it does not, and waits until all of it is written down. One that does not run
    /// stays as it is.
    pub fn stop(&self, key: &str, options: &StopOptions) -> Result<()> {
        let container = self.container(key)?;
        let (record, id) = (&container.record, &container.record.id);
        if container.state.status != Status::Running {
            return Ok(());
        }
        self.become_root_for(record)?;
        let signal = options.signal.unwrap_or_else(|| stop_signal(record));
        if signal != Signal::KILL {
            self.send(&container, signal)?;
            let time = match options.timeout.or(record.stop_timeout).map(u64::try_from) {
                // A negative time never ends.
                Some(Err(_)) => None,
                Some(Ok(seconds)) => Some(Duration::from_secs(seconds)),
                None => Some(GRACE),
            };
            self.store.wait_container(id, time)?;
        }
        self.kill_to_end(id)
    }

    /// Sends a signal to the first process of a native container, or to the process that runs a container of WASI programs,
    /// which hands it on. One that has ended meanwhile needs none.
    pub(super) fn send(&self, container: &Container, signal: Signal) -> Result<()> {
        if let Some(init) = init(container) {
            native::signal(init, signal)?;
            // One that is paused goes on, to take it.
            return if container.state.paused { self.unpause_stored(container) } else { Ok(()) };
        }
        let pid = other_process(container)?;
        match process::signal(pid, signal.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            sent => sent.about(|| format!("signal process {pid}, which runs container {}", container.name)),
        }
    }

    /// Kills a container if somebody runs it, and waits until all of it is written down.
    pub(super) fn kill_to_end(&self, id: &ContainerId) -> Result<()> {
        let deadline = Instant::now() + TIDYING;
        let mut killed = None;
        loop {
            // One whose record is gone is on its way out.
            let stored = self.store.container(id).ok().map(|container| self.with_pause(container));
            let running = stored.filter(|container| container.state.status == Status::Running);
            if let Some(container) = running
                && killed != Some(container.state.pid)
            {
                self.ask_to_kill(&container)?;
                killed = Some(container.state.pid);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if self.store.wait_container(id, Some(if killed.is_some() { left } else { left.min(LOOK) }))? {
                return self.settle(id);
            }
            if Instant::now() < deadline {
                continue;
            }
            let in_use = || Error::conflict(format!("container {} is in use by another process", id.short()));
            // It may end of itself at this very moment.
            let _ = process::signal(killed.ok_or_else(in_use)?, Signal::KILL.0);
            self.store.wait_container(id, None)?;
        }
    }

    /// Kills a container, and has the process that runs it tidy up.
    fn ask_to_kill(&self, container: &Container) -> Result<()> {
        let pid = other_process(container)?;
        let asked = match init(container) {
            Some(init) => {
                native::signal(init, Signal::KILL)?;
                if container.state.paused {
                    self.unpause_stored(container)?;
                }
                process::go_on(pid)
            }
            None => process::ask_to_kill(pid),
        };
        match asked {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            asked => asked.about(|| format!("kill process {pid}, which runs container {}", container.name)),
        }
    }

    /// Writes down what the process that ran a container could not, because it was killed itself.
    pub(super) fn settle(&self, id: &ContainerId) -> Result<()> {
        let is_unsettled =
            |container: &Container| container.state.status == Status::Exited && container.state.finished.is_empty();
        let Some(mut container) = self.store.container(id).ok().filter(is_unsettled) else { return Ok(()) };
        let Some(lock) = self.store.lock_container(id)? else { return Ok(()) };
        // Nobody runs it while the lock is ours: that it runs was written by the process that was killed.
        let is_same = |now: &Container| now.state.status == Status::Running && now.state.pid == container.state.pid;
        if !self.store.container(id).is_ok_and(|now| is_same(&now)) {
            return Ok(());
        }
        self.become_root_for(&container.record)?;
        self.remove_cgroup(&container.record)?;
        if container.record.auto_remove {
            drop(lock);
            return self.remove_stored(&container.record);
        }
        container.state.finished = jiff::Timestamp::now().to_string();
        Ok(self.store.set_container_state(id, &container.state)?)
    }
}

/// The signal that asks this container to end.
fn stop_signal(record: &ContainerRecord) -> Signal {
    record.stop_signal.as_deref().and_then(parse_signal).unwrap_or(Signal::TERM)
}

/// The first process of a native container.
pub(super) fn init(container: &Container) -> Option<InitProcess> {
    container.state.init.map(|init| InitProcess { pid: init.pid, start_time: init.start_time })
}

/// The process that runs the container, if it is not this one.
fn other_process(container: &Container) -> Result<u32> {
    if container.state.pid == std::process::id() {
        return Err(Error::conflict(format!("container {} runs in this process", container.name))
            .hint("signal it through `RunningContainer::process`"));
    }
    Ok(container.state.pid)
}
