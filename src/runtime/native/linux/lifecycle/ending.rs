//! Signals for containers, and their end.

use std::time::Duration;

use super::folder::{Folder, NO_CONTAINER};
use super::record::Record;
use super::starting::{KILL, state_document};
use crate::oci::runtime::Status;
use crate::runtime::Error;
use crate::runtime::native::lifecycle::{Id, Lifecycle, failed};
use crate::runtime::native::system::cgroup::{Cgroup, NotedScope};
use crate::runtime::native::system::hooks;
use crate::runtime::native::system::lifecycle::words::plain;
use crate::sys::linux::process::{self, OtherProcess};

/// How long a killed process may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

impl Lifecycle {
    /// Sends a signal to a container's process, or to `all` of its processes. Without a pid namespace of the container's own
    /// nobody ends the others with the first: SIGKILL is for all of them.
    pub fn kill(&self, id: &Id, signal: i32, all: bool) -> Result<(), Error> {
        let folder = Folder::open(&self.root, id)?;
        let record = folder.existing()?;
        let first = self.process_of(&record)?;
        if all || (signal == KILL && !record.own_pids) {
            self.debug.tell(|| format!("send signal {signal} to all processes of container {}", id.as_str()));
            return signal_all(&record, first.as_ref(), signal);
        }
        let first = first.ok_or_else(|| failed("container not running"))?;
        self.debug.tell(|| format!("send signal {signal} to process {}", record.pid));
        let sent = first.signal(signal).map_err(|error| failed(format!("unable to signal init: {}", plain(&error))))?;
        if !sent {
            return Err(failed("container not running"));
        }
        thaw_to_end(&record, signal)
    }

    /// Removes a container and all that is left of it. One that runs only by `force`, which does not mind either where there
    /// is no such container.
    pub fn delete(&self, id: &Id, force: bool) -> Result<(), Error> {
        let folder = match Folder::open(&self.root, id) {
            Err(error) if force && error.message == NO_CONTAINER => return Ok(()),
            folder => folder?,
        };
        let Some(record) = folder.record()? else { return delete_unfinished(&folder, id, force, &self.warn) };
        let status = self.status(&folder, &record)?;
        if !force && !matches!(status, Status::Stopped | Status::Created) {
            let id = id.as_str();
            return Err(failed(format!("cannot delete container {id} that is not stopped: {}", status.as_str())));
        }
        // Before the lock, which who starts it may hold as long as a hook runs.
        if let Some(process) = self.process_of(&record)? {
            self.debug.tell(|| format!("send signal {KILL} to process {}", record.pid));
            process.signal(KILL).map_err(|error| failed(format!("unable to signal init: {}", plain(&error))))?;
            thaw_to_end(&record, KILL)?;
            let ended = process.wait(PATIENCE);
            if !ended.map_err(|error| failed(format!("wait for the process: {}", plain(&error))))? {
                return Err(failed("container init still running"));
            }
        }
        let _lock = match folder.lock() {
            Err(error) if force && error.message == NO_CONTAINER => return Ok(()),
            lock => lock?,
        };
        if let Some(cgroup) = record.cgroup()? {
            self.debug.tell(|| format!("remove the cgroups of container {}", id.as_str()));
            clear(&cgroup, &self.warn);
        }
        folder.remove()?;
        self.debug.tell(|| format!("the state of container {} is removed", id.as_str()));
        hooks::run("poststop", &record.poststop, &state_document(&record.state(Status::Stopped)), &self.warn);
        Ok(())
    }

    /// The container's process, if it has not ended.
    pub(super) fn process_of(&self, record: &Record) -> Result<Option<OtherProcess>, Error> {
        OtherProcess::open(record.pid, record.start)
            .map_err(|error| failed(format!("open process {}: {}", record.pid, plain(&error))))
    }
}

/// Removes what is left of a container whose creation was broken off.
fn delete_unfinished(folder: &Folder, id: &Id, force: bool, warn: &dyn Fn(&str)) -> Result<(), Error> {
    let lock = folder.try_lock()?;
    if lock.is_none() && !force {
        return Err(failed(format!("cannot delete container {} that is not stopped: creating", id.as_str())));
    }
    // Who creates it, if it still does, does not find its folder any more, and undoes what it has made. If it was killed, its
    // process may hold the lock for another moment.
    let at = |(path, scope): (String, Option<NotedScope>)| Cgroup::at(&path, scope);
    if let Some(cgroup) = folder.noted_cgroup().map(at).transpose().map_err(failed)?.flatten() {
        clear(&cgroup, warn);
    }
    folder.remove()?;
    if force { Ok(()) } else { Err(failed(NO_CONTAINER)) }
}

/// Sends a signal to all processes of a container, and to those it left behind.
fn signal_all(record: &Record, first: Option<&OtherProcess>, signal: i32) -> Result<(), Error> {
    let Some(cgroup) = record.cgroup()? else {
        return match first {
            Some(first) => {
                let sent = first.signal(signal);
                sent.map(drop).map_err(|error| failed(format!("unable to signal init: {}", plain(&error))))
            }
            None => Err(failed("container not running")),
        };
    };
    if signal == KILL {
        return cgroup.kill().map_err(failed);
    }
    for pid in cgroup.processes() {
        // One that has ended since needs no signal; the number may be another's only once it was waited for, in which case
        // it is not in the list any more.
        let Ok(Some(start)) = process::start_of(pid) else { continue };
        let other = OtherProcess::open(pid, start);
        let sent = other.and_then(|other| other.map_or(Ok(false), |other| other.signal(signal)));
        sent.map_err(|error| failed(format!("unable to signal process {pid}: {}", plain(&error))))?;
    }
    Ok(())
}

/// Lets frozen processes run, so that they end: in cgroup v1 a signal does not reach them.
fn thaw_to_end(record: &Record, signal: i32) -> Result<(), Error> {
    match record.cgroup()? {
        Some(cgroup) if signal == KILL && record.is_frozen() => cgroup.thaw().map_err(failed),
        _ => Ok(()),
    }
}

/// Ends all processes of a cgroup and removes it. What stays of it is told: the container goes all the same.
pub(super) fn clear(cgroup: &Cgroup, warn: &dyn Fn(&str)) {
    let cleared: Result<(), String> = cgroup.kill().and_then(|()| cgroup.remove());
    if let Err(why) = cleared {
        warn(&why);
    }
}
