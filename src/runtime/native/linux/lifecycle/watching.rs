//! Looking at containers, and changing those that run.

use super::folder::Folder;
use super::record::Record;
use crate::oci::runtime::{CgroupFeatures, Enabled, Features, MountExtensions, Resources, Status};
use crate::runtime::native::CapSet;
use crate::runtime::native::lifecycle::{ContainerState, Id, Lifecycle, failed};
use crate::runtime::native::system::cgroup::{Cgroup, SYSTEMD_PROPERTY};
use crate::runtime::native::system::lifecycle::words::plain;
use crate::runtime::native::system::process::KEEP_GROUPS;
use crate::runtime::native::system::processes::processes;
use crate::runtime::{Error, InitProcess};
use crate::sys::linux::process;

impl Lifecycle {
    /// What there is to tell of a container.
    pub fn state(&self, id: &Id) -> Result<ContainerState, Error> {
        let folder = Folder::open(&self.root, id)?;
        let record = folder.existing()?;
        Ok(record.told(self.status(&folder, &record)?))
    }

    /// What there is to tell of all containers, by id. One that cannot be read is told to `warn` and left out.
    pub fn list(&self) -> Result<Vec<ContainerState>, Error> {
        let entries = match std::fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(format!("open {}: {}", self.root.display(), plain(&error)))),
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut ids: Vec<Id> = names.filter_map(|name| Id::parse(&name).ok()).collect();
        ids.sort();
        let tell = |id: &Id| {
            let folder = Folder::open(&self.root, id)?;
            let Some(record) = folder.record()? else { return Ok(None) };
            Ok(Some(record.told(self.status(&folder, &record)?)))
        };
        let mut told = Vec::new();
        for id in ids {
            match tell(&id) {
                Ok(state) => told.extend(state),
                Err(Error { message, .. }) => (self.warn)(&format!("load container {}: {message}", id.as_str())),
            }
        }
        Ok(told)
    }

    /// The processes of a container: those of its cgroup, or without one those of its PID namespace.
    pub fn processes(&self, id: &Id) -> Result<Vec<u32>, Error> {
        let record = Folder::open(&self.root, id)?.existing()?;
        if let Some(cgroup) = record.cgroup()? {
            return Ok(cgroup.processes());
        }
        let Some(first) = self.process_of(&record)? else { return Ok(Vec::new()) };
        if !process::is_first(record.pid).unwrap_or(false) {
            return Ok(vec![first.pid()]);
        }
        let init = InitProcess { pid: record.pid, start_time: record.start };
        Ok(processes(init, None)?.into_iter().map(|process| process.pid).collect())
    }

    /// Freezes the processes of a container.
    pub fn pause(&self, id: &Id) -> Result<(), Error> {
        self.change(id, |status, record| match status {
            Status::Running | Status::Created => cgroup_of(record)?.freeze().map_err(failed),
            _ => Err(failed("container not running")),
        })
    }

    /// Lets the processes of a paused container run.
    pub fn resume(&self, id: &Id) -> Result<(), Error> {
        self.change(id, |status, record| match status {
            Status::Paused => cgroup_of(record)?.thaw().map_err(failed),
            _ => Err(failed("container not paused")),
        })
    }

    /// Changes limits of a container; those that are not named stay.
    pub fn update(&self, id: &Id, resources: &Resources) -> Result<(), Error> {
        self.change(id, |status, record| match status {
            Status::Stopped => Err(failed("container not running")),
            _ => cgroup_of(record)?.update(resources).map_err(failed),
        })
    }

    /// What a container uses, as runc's `events` has it under `data`.
    pub fn stats(&self, id: &Id) -> Result<serde_json::Value, Error> {
        let folder = Folder::open(&self.root, id)?;
        let record = folder.existing()?;
        match self.status(&folder, &record)? {
            Status::Stopped => Err(failed(format!("container with id {} is not running", id.as_str()))),
            _ => serde_json::to_value(cgroup_of(&record)?.stats()).map_err(|error| failed(error.to_string())),
        }
    }

    /// How many processes of a container were ended because its memory was out; also of one that has stopped.
    pub fn oom_kills(&self, id: &Id) -> Result<u64, Error> {
        let record = Folder::open(&self.root, id)?.existing()?;
        Ok(cgroup_of(&record)?.oom_kills())
    }

    /// What this runtime understands.
    pub fn features() -> Result<Features, Error> {
        let options = MOUNT_OPTIONS.map(str::to_owned).to_vec();
        let capabilities = CapSet::all_known().names().collect();
        let cgroup = CgroupFeatures {
            v1: Some(true),
            v2: Some(true),
            systemd: Some(true),
            systemd_user: Some(true),
            rdma: Some(false),
        };
        let mut features = Features::new(options, capabilities, cgroup);
        let annotations = super::module::ANNOTATIONS.into_iter().chain([SYSTEMD_PROPERTY, KEEP_GROUPS]);
        features.potentially_unsafe_config_annotations = Some(annotations.map(str::to_owned).collect());
        if let Some(linux) = &mut features.linux {
            linux.apparmor = Some(Enabled { enabled: Some(true) });
            linux.selinux = Some(Enabled { enabled: Some(true) });
            linux.mount_extensions = Some(MountExtensions { idmap: Some(Enabled { enabled: Some(true) }) });
        }
        Ok(features)
    }

    /// Changes a container that nobody else changes meanwhile.
    fn change(&self, id: &Id, change: impl FnOnce(Status, &Record) -> Result<(), Error>) -> Result<(), Error> {
        let folder = Folder::open(&self.root, id)?;
        let _lock = folder.lock()?;
        let record = folder.existing()?;
        change(self.status(&folder, &record)?, &record)
    }
}

fn cgroup_of(record: &Record) -> Result<Cgroup, Error> {
    record.cgroup()?.ok_or_else(|| failed(format!("container {} has no cgroup", record.id)))
}

/// Options of mounts that are the runtime's, and no file system's.
#[rustfmt::skip]
const MOUNT_OPTIONS: [&str; 56] = [
    "async", "atime", "bind", "defaults", "dev", "diratime", "dirsync", "exec", "iversion", "lazytime", "loud", "mand",
    "noatime", "nodev", "nodiratime", "noexec", "noiversion", "nolazytime", "nomand", "norelatime", "nostrictatime",
    "nosuid", "nosymfollow", "private", "ratime", "rbind", "rdev", "rdiratime", "relatime", "remount", "rexec",
    "rnoatime", "rnodev", "rnodiratime", "rnoexec", "rnorelatime", "rnostrictatime", "rnosuid", "rnosymfollow", "ro",
    "rprivate", "rrelatime", "rro", "rrw", "rshared", "rslave", "rstrictatime", "rsuid", "rsymfollow", "runbindable",
    "rw", "shared", "slave", "strictatime", "suid", "symfollow",
];

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;
    use crate::runtime::native::Debug;
    use std::process::{Command, Stdio};
    use std::sync::{Arc, Mutex};

    fn lifecycle(root: &std::path::Path) -> (Lifecycle, Arc<Mutex<Vec<String>>>) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let to = told.clone();
        let warn = Box::new(move |line: &str| to.lock().unwrap().push(line.to_owned()));
        let root = root.join("containers");
        let debug = Debug::default();
        (Lifecycle { root, systemd_cgroup: false, user_bus: None, module_runner: None, warn, debug }, told)
    }

    fn id(text: &str) -> Id {
        Id::parse(text).unwrap()
    }

    #[test]
    fn a_container_lives_as_long_as_its_process() {
        let folder = tempfile::tempdir().unwrap();
        let (lifecycle, _) = lifecycle(folder.path());
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let start = process::start_of(child.id()).unwrap().unwrap();
        let container = Folder::create(&lifecycle.root, &id("c")).unwrap();
        container.write(&record("c", child.id(), start)).unwrap();
        let status = || lifecycle.state(&id("c")).unwrap().state.status;
        let listener = container.listen().unwrap();
        assert_eq!(status(), Status::Created);
        drop(listener);
        container.note_start().unwrap();
        assert_eq!(status(), Status::Running);
        assert_eq!(lifecycle.processes(&id("c")).unwrap(), [child.id()]);
        assert_eq!(lifecycle.start(&id("c")).unwrap_err().message, "cannot start an already running container");
        assert_eq!(lifecycle.resume(&id("c")).unwrap_err().message, "container not paused");
        let error = lifecycle.delete(&id("c"), false).unwrap_err();
        assert_eq!(error.message, "cannot delete container c that is not stopped: running");
        let error = lifecycle.kill(&id("c"), 99, false).unwrap_err();
        assert_eq!(error.message, "unable to signal init: invalid argument");
        lifecycle.kill(&id("c"), 9, false).unwrap();
        child.wait().unwrap();
        assert_eq!(status(), Status::Stopped);
        assert!(lifecycle.processes(&id("c")).unwrap().is_empty());
        assert_eq!(lifecycle.kill(&id("c"), 9, false).unwrap_err().message, "container not running");
        assert_eq!(lifecycle.pause(&id("c")).unwrap_err().message, "container not running");
        assert_eq!(lifecycle.start(&id("c")).unwrap_err().message, "cannot start a container that has stopped");
        assert_eq!(lifecycle.stats(&id("c")).unwrap_err().message, "container with id c is not running");
        lifecycle.delete(&id("c"), false).unwrap();
        assert_eq!(lifecycle.delete(&id("c"), false).unwrap_err().message, "container does not exist");
        lifecycle.delete(&id("c"), true).unwrap();
    }

    #[test]
    fn force_ends_a_container_that_runs() {
        let folder = tempfile::tempdir().unwrap();
        let (lifecycle, _) = lifecycle(folder.path());
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let start = process::start_of(child.id()).unwrap().unwrap();
        let container = Folder::create(&lifecycle.root, &id("c")).unwrap();
        container.write(&record("c", child.id(), start)).unwrap();
        lifecycle.delete(&id("c"), true).unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&child.wait().unwrap()), Some(9));
        assert!(lifecycle.list().unwrap().is_empty());
    }

    #[test]
    fn a_list_has_what_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let (lifecycle, told) = lifecycle(folder.path());
        assert!(lifecycle.list().unwrap().is_empty());
        for name in ["b", "a", "creating", "damaged"] {
            Folder::create(&lifecycle.root, &id(name)).unwrap();
        }
        for name in ["a", "b"] {
            Folder::open(&lifecycle.root, &id(name)).unwrap().write(&record(name, 1, 0)).unwrap();
        }
        std::fs::write(lifecycle.root.join("damaged/state.json"), "{").unwrap();
        std::fs::create_dir(lifecycle.root.join("~filters")).unwrap();
        let names: Vec<String> = lifecycle.list().unwrap().into_iter().map(|one| one.state.id).collect();
        assert_eq!(names, ["a", "b"]);
        let told = told.lock().unwrap();
        assert!(told.len() == 1 && told[0].starts_with("load container damaged: state.json is damaged"), "{told:?}");
    }

    #[test]
    fn a_creation_that_was_broken_off_leaves_nothing_that_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (lifecycle, _) = lifecycle(folder.path());
        let container = Folder::create(&lifecycle.root, &id("c")).unwrap();
        assert_eq!(lifecycle.state(&id("c")).unwrap_err().message, "container does not exist");
        let lock = container.lock().unwrap();
        let error = lifecycle.delete(&id("c"), false).unwrap_err();
        assert_eq!(error.message, "cannot delete container c that is not stopped: creating");
        drop(lock);
        assert_eq!(lifecycle.delete(&id("c"), false).unwrap_err().message, "container does not exist");
        Folder::create(&lifecycle.root, &id("c")).unwrap();
    }

    #[test]
    fn options_are_in_order_and_once_each() {
        assert!(MOUNT_OPTIONS.is_sorted_by(|one, next| one < next));
    }
}
