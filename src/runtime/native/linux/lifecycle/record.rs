//! What is remembered of a container between two commands: `ROOT/ID/state.json`.
//!
//! ```text
//! ROOT/                 0700
//!   ~filters/           compiled filters of system calls; no id begins with `~`
//!   ID/                 0700; locked (flock(2)) by who creates, starts, changes or deletes the container
//!     state.json        this record; the container exists once it is there
//!     cgroup            the path of its cgroup; for a scope its name and the bus of a user's systemd on further lines; written before they are made
//!     start.sock        the socket on which the process waits for its start; gone once it was started
//! ```
//!
//! Where a container is in its life is not in the record: it is seen from its process, the socket and the freezer.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::oci::runtime::{Hook, NamespaceKind, Personality, Process, Seccomp, State, Status};
use crate::runtime::Error;
use crate::runtime::native::CgroupRecord;
use crate::runtime::native::lifecycle::{ContainerState, failed};
use crate::runtime::native::system::cgroup::{self, Cgroup};

/// The version of the record.
const VERSION: u32 = 1;

/// The record.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    version: u32,
    pub(super) id: String,
    pub(super) oci_version: String,
    /// The container's process.
    pub(super) pid: u32,
    /// When it started, in clock ticks after the boot.
    pub(super) start: u64,
    pub(super) bundle: PathBuf,
    pub(super) rootfs: PathBuf,
    /// Seconds and nanoseconds since 1970.
    pub(super) created: (i64, u32),
    /// The user who created it.
    pub(super) owner: u32,
    pub(super) annotations: BTreeMap<String, String>,
    cgroup: Option<CgroupRecord>,
    /// Whether its processes end with the first.
    pub(super) own_pids: bool,
    pub(super) poststart: Vec<Hook>,
    pub(super) poststop: Vec<Hook>,
    /// What the steps to its start are called where they fail.
    pub(super) words: Vec<String>,
    /// [`More`], read only where a process is started.
    more: Box<RawValue>,
}

/// What further processes need to know.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct More {
    pub(super) process: Process,
    pub(super) seccomp: Option<Seccomp>,
    #[serde(default)]
    pub(super) personality: Option<Personality>,
    /// Whether the process is a wasm module's: its root is the host's.
    #[serde(default)]
    pub(super) is_module: bool,
    /// Whether it keeps the session keyring of who made it.
    #[serde(default)]
    pub(super) no_new_keyring: bool,
}

/// The facts of a new record that are not in its bundle.
pub(super) struct Facts {
    pub(super) pid: u32,
    pub(super) start: u64,
    pub(super) created: (i64, u32),
    pub(super) owner: u32,
    pub(super) cgroup: Option<CgroupRecord>,
    pub(super) words: Vec<String>,
    pub(super) no_new_keyring: bool,
}

impl Record {
    /// The record of a container that was just created of `bundle`.
    pub(super) fn new(id: &str, bundle: &crate::runtime::native::NativeBundle, facts: Facts) -> Result<Record, Error> {
        let spec = &bundle.spec;
        let linux = spec.linux.clone().unwrap_or_default();
        let more = More {
            process: spec.process.clone().unwrap_or_default(),
            seccomp: linux.seccomp,
            personality: linux.personality,
            is_module: bundle.module.is_some(),
            no_new_keyring: facts.no_new_keyring,
        };
        let hooks = spec.hooks.clone().unwrap_or_default();
        let own_pids = linux.namespaces.iter().any(|one| one.kind == NamespaceKind::Pid && one.path.is_empty());
        Ok(Record {
            version: VERSION,
            id: id.to_owned(),
            oci_version: spec.oci_version.clone(),
            pid: facts.pid,
            start: facts.start,
            bundle: bundle.folder.clone(),
            rootfs: super::config::rootfs(spec, &bundle.folder),
            created: facts.created,
            owner: facts.owner,
            annotations: spec.annotations.clone(),
            cgroup: facts.cgroup,
            own_pids,
            poststart: hooks.poststart,
            poststop: hooks.poststop,
            words: facts.words,
            more: serde_json::value::to_raw_value(&more).map_err(|error| failed(format!("state.json: {error}")))?,
        })
    }

    /// The record of these bytes.
    pub(super) fn parse(bytes: &[u8]) -> Result<Record, Error> {
        let record: Record =
            serde_json::from_slice(bytes).map_err(|error| failed(format!("state.json is damaged: {error}")))?;
        match record.version {
            VERSION => Ok(record),
            version => Err(failed(format!("state.json has version {version}, and this program knows {VERSION}"))),
        }
    }

    /// Its bytes.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self).map_err(|error| failed(format!("state.json: {error}")))
    }

    /// What further processes need to know.
    pub(super) fn more(&self) -> Result<More, Error> {
        serde_json::from_str(self.more.get()).map_err(|error| failed(format!("state.json is damaged: {error}")))
    }

    /// The container's cgroup, opened.
    pub(super) fn cgroup(&self) -> Result<Option<Cgroup>, Error> {
        self.cgroup.as_ref().map(Cgroup::from_record).transpose().map_err(failed)
    }

    /// Whether its processes are stopped.
    pub(super) fn is_frozen(&self) -> bool {
        self.cgroup.as_ref().is_some_and(cgroup::is_paused)
    }

    /// What hooks read, and the specification has: a process that has ended has no number.
    pub(super) fn state(&self, status: Status) -> State {
        State {
            oci_version: self.oci_version.clone(),
            id: self.id.clone(),
            status,
            pid: if status == Status::Stopped { 0 } else { i32::try_from(self.pid).unwrap_or_default() },
            bundle: self.bundle.to_string_lossy().into_owned(),
            annotations: self.annotations.clone(),
        }
    }

    /// What is told of the container.
    pub(super) fn told(&self, status: Status) -> ContainerState {
        ContainerState {
            state: self.state(status),
            rootfs: self.rootfs.clone(),
            created: self.created,
            owner: self.owner,
        }
    }
}

/// Where a container is in its life, by what is seen of it.
pub(super) fn status(is_alive: bool, waits_for_start: bool, is_frozen: impl FnOnce() -> bool) -> Status {
    match (is_alive, waits_for_start) {
        (false, _) => Status::Stopped,
        (true, _) if is_frozen() => Status::Paused,
        (true, true) => Status::Created,
        (true, false) => Status::Running,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::runtime::native::{NativeBundle, NativeRoot, SeccompChoice};

    pub(in super::super) fn record(id: &str, pid: u32, start: u64) -> Record {
        let text = r#"{"ociVersion":"1.0.2","process":{"args":["sh"],"cwd":"/"},"root":{"path":"rootfs"},
            "annotations":{"a":"b"},"hooks":{"poststop":[{"path":"/bin/true"}]},
            "linux":{"namespaces":[{"type":"pid"},{"type":"mount"}],"seccomp":{"defaultAction":"SCMP_ACT_ALLOW"}}}"#;
        let bundle = NativeBundle {
            spec: serde_json::from_str(text).unwrap(),
            folder: "/bundle".into(),
            made: None,
            device_files: Vec::new(),
            root: NativeRoot::Directory,
            seccomp: SeccompChoice::Unconfined,
            filter_cache: None,
            init: false,
            joined: Vec::new(),
            module: None,
            network: None,
        };
        let words = vec!["mount /proc".to_owned()];
        let facts = Facts { pid, start, created: (7, 9), owner: 0, cgroup: None, words, no_new_keyring: true };
        Record::new(id, &bundle, facts).unwrap()
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let written = record("a", 12, 34);
        let read = Record::parse(&written.to_bytes().unwrap()).unwrap();
        assert_eq!((read.id.as_str(), read.pid, read.start, read.created, read.own_pids), ("a", 12, 34, (7, 9), true));
        assert_eq!((read.rootfs.to_str(), &read.annotations), (Some("/bundle/rootfs"), &written.annotations));
        assert_eq!((&read.poststop, &read.words), (&written.poststop, &written.words));
        assert_eq!(read.more().unwrap(), written.more().unwrap());
    }

    #[test]
    fn damaged_and_newer_records_are_refused() {
        let bytes = record("a", 1, 2).to_bytes().unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap().replace("\"version\":1", "\"version\":2");
        let error = Record::parse(text.as_bytes()).unwrap_err();
        assert_eq!(error.message, "state.json has version 2, and this program knows 1");
        for end in 0..bytes.len() {
            assert!(Record::parse(&bytes[..end]).unwrap_err().message.starts_with("state.json is damaged"));
        }
    }

    #[test]
    fn a_status_is_what_is_seen() {
        let table = [
            (false, false, false, Status::Stopped),
            (false, true, true, Status::Stopped),
            (true, true, false, Status::Created),
            (true, false, false, Status::Running),
            (true, false, true, Status::Paused),
            (true, true, true, Status::Paused),
        ];
        for (is_alive, waits, is_frozen, expected) in table {
            assert_eq!(status(is_alive, waits, || is_frozen), expected, "{is_alive} {waits} {is_frozen}");
        }
        status(false, false, || unreachable!("nobody looks at the freezer of what has ended"));
    }

    #[test]
    fn what_has_ended_has_no_process() {
        assert_eq!(record("a", 12, 34).state(Status::Running).pid, 12);
        assert_eq!(record("a", 12, 34).state(Status::Stopped).pid, 0);
    }
}
