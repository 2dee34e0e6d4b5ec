//! Records of containers: what was asked for, how it goes, and the locks that tell whether they run.
//!
//! A container runs exactly while somebody holds the lock in its folder; a state that says otherwise is out of date.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Store;
use super::error::{Context, Error, Result};
use super::labels::Relabel;
use super::layout::{escape, unescape};
use super::lock::{self, Lock, Watched};
use super::native::{IsolationRecord, ResourcesRecord};
use super::sharing::BindRecord;
use crate::oci::{Digest, hex};
use crate::sys::random;

/// The id of a container: 64 lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContainerId(String);

impl ContainerId {
    /// A new id.
    pub fn random() -> io::Result<ContainerId> {
        let mut bytes = [0; 32];
        random::fill(&mut bytes)?;
        Ok(ContainerId(hex(&bytes)))
    }

    /// All 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits, as people see them.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }

    pub(super) fn parse(text: &str) -> Option<ContainerId> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 64 && text.bytes().all(digit)).then(|| ContainerId(text.to_owned()))
    }
}

impl std::fmt::Display for ContainerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a container was created with. It never changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ContainerRecord {
    /// The id.
    pub id: ContainerId,
    /// When it was created, RFC 3339.
    pub created: String,
    /// The image, as it was asked for.
    pub image: String,
    /// The digest of the image's config.
    pub image_id: Digest,
    /// The digest of the image's manifest.
    pub manifest: Digest,
    /// The runtime, such as `wasm`.
    pub runtime: String,
    /// The platform of the image, such as `wasi/wasm`.
    pub platform: String,
    /// The command line.
    pub args: Vec<String>,
    /// How many of `args` come from the entry point.
    pub entrypoint_len: usize,
    /// The environment, as `KEY=VALUE`.
    pub env: Vec<String>,
    /// The working directory.
    pub working_dir: String,
    /// The user as it was asked for; empty for root.
    #[serde(default)]
    pub user: String,
    /// The host name.
    pub hostname: String,
    /// Labels of the image and of the container.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// What is noted of it, by name; unlike labels, never part of an image.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The ports that its program is said to listen at, such as `80/tcp`: of the image and of the container.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub exposed_ports: BTreeSet<String>,
    /// Everything mounted besides the root.
    #[serde(default)]
    pub mounts: Vec<MountRecord>,
    /// Whether the root file system cannot be written to.
    #[serde(default)]
    pub read_only: bool,
    /// Whether the container goes when it ends.
    #[serde(default)]
    pub auto_remove: bool,
    /// It was to run in the background from the first, and nobody's streams are its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub detached: bool,
    /// Whether its standard input is kept open.
    #[serde(default)]
    pub open_stdin: bool,
    /// Whether it has a terminal.
    #[serde(default)]
    pub tty: bool,
    /// The signal that asks it to end, by name or number; SIGTERM where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// Seconds that it has to end after that signal, -1 for as long as it takes; 10 where none are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<i64>,
    /// What it may use.
    #[serde(default)]
    pub limits: LimitsRecord,
    /// What only the cgroup of a native container limits.
    #[serde(default)]
    pub resources: ResourcesRecord,
    /// How a native container is kept apart from the host.
    #[serde(default)]
    pub isolation: IsolationRecord,
}

/// One mount of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountRecord {
    /// What is mounted.
    #[serde(flatten)]
    pub source: MountSource,
    /// Where, in the container.
    pub target: String,
    /// Whether it cannot be written to.
    #[serde(default)]
    pub read_only: bool,
    /// How it is bound, where it is a directory or file of the host.
    #[serde(default)]
    pub bind: BindRecord,
    /// Which label of SELinux its files get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relabel: Option<Relabel>,
}

impl MountRecord {
    /// A mount that can be written to, without anything special.
    pub fn new(source: MountSource, target: impl Into<String>) -> MountRecord {
        MountRecord { source, target: target.into(), read_only: false, bind: BindRecord::default(), relabel: None }
    }
}

/// What a mount shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum MountSource {
    /// A directory or file of the host.
    Bind {
        /// Its path on the host.
        path: PathBuf,
    },
    /// A volume.
    Volume {
        /// Its name.
        name: String,
        /// Whether it was made for this container and goes with it.
        #[serde(default)]
        anonymous: bool,
        /// Whether it stays empty at first, rather than getting what the image has in its place.
        #[serde(default)]
        no_copy: bool,
    },
    /// A file system in memory.
    Tmpfs {
        /// The most it may hold, in bytes.
        #[serde(default)]
        size: Option<u64>,
        /// The mode of its root.
        #[serde(default)]
        mode: Option<u16>,
        /// Further options of mount(8), such as `exec` and `uid=7`: native containers alone have them.
        #[serde(default)]
        options: Vec<String>,
    },
}

/// The limits of a container. `None` is no limit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LimitsRecord {
    /// Memory in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// CPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<f64>,
    /// Seconds from start to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<f64>,
    /// Seconds of CPU time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_time: Option<f64>,
    /// Open files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u32>,
    /// Processes at one time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<u32>,
    /// Bytes written to the standard streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<u64>,
    /// Bytes written to the container's file system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<u64>,
}

/// What became of a container so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Never started.
    #[default]
    Created,
    /// Its process runs.
    Running,
    /// Its process has ended.
    Exited,
}

/// How a container goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerState {
    /// What became of it.
    pub status: Status,
    /// Whether its processes are stopped meanwhile. The kernel knows that: it is never stored.
    #[serde(skip)]
    pub paused: bool,
    /// The host's process that runs it.
    #[serde(default)]
    pub pid: u32,
    /// The first process of a native container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<InitRecord>,
    /// What finds the cgroups of a native container again, until they are removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<serde_json::Value>,
    /// When it was started last, RFC 3339; empty before.
    #[serde(default)]
    pub started: String,
    /// When it ended last, RFC 3339; empty before.
    #[serde(default)]
    pub finished: String,
    /// The exit code.
    #[serde(default)]
    pub exit_code: i32,
    /// Whether its memory limit ended it.
    #[serde(default)]
    pub oom_killed: bool,
    /// Why it could not start, or was ended.
    #[serde(default)]
    pub error: String,
}

/// A process of the host, told from others that had its number by when it started (ticks since boot).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitRecord {
    /// Its number.
    pub pid: u32,
    /// When it started.
    pub start_time: u64,
}

/// A container as the store knows it.
#[derive(Clone, Debug)]
pub struct StoredContainer {
    /// What it was created with.
    pub record: ContainerRecord,
    /// Its name.
    pub name: String,
    /// How it goes.
    pub state: ContainerState,
}

/// The exit code of a container whose process was ended together with the process that ran it.
const KILLED: i32 = 137;

/// Where it is written down how a container goes.
#[derive(Debug)]
pub struct StateFile {
    folder: PathBuf,
}

impl StateFile {
    /// Writes it down.
    pub fn write(&self, state: &ContainerState) -> Result<()> {
        write_json(&self.folder, "state.json", state)
    }
}

/// Writes a file of a container's folder; readers see the old content or the new.
pub(super) fn write_json(folder: &Path, file: &str, value: &impl Serialize) -> Result<()> {
    let path = folder.join(file);
    let bytes = serde_json::to_vec(value).expect("records serialise");
    let temporary = folder.join(format!("{file}.new"));
    fs::write(&temporary, bytes).context("write", &temporary)?;
    fs::rename(&temporary, &path).context("write", &path)
}

impl Store {
    pub(super) fn container_folder(&self, id: &ContainerId) -> PathBuf {
        self.layout.containers().join(id.as_str())
    }

    /// The folder of a container's copy-on-write layer.
    pub fn upper_folder(&self, id: &ContainerId) -> PathBuf {
        self.container_folder(id).join("upper")
    }

    /// The file of a container's log.
    pub fn log_path(&self, id: &ContainerId) -> PathBuf {
        self.container_folder(id).join("log")
    }

    /// The folder in which the process that runs a container in the background offers its streams.
    pub fn streams_folder(&self, id: &ContainerId) -> PathBuf {
        self.container_folder(id)
    }

    fn has_record(&self, id: &ContainerId) -> bool {
        self.container_folder(id).join("config.json").exists()
    }

    /// Whether a container has this name, or a record of which that cannot be read.
    fn has_name(&self, id: &ContainerId, name: &str) -> bool {
        self.has_record(id) && self.name_of(id).is_none_or(|own| own == name)
    }

    fn name_path(&self, name: &str) -> PathBuf {
        self.layout.names().join(escape(name))
    }

    /// Writes down a new container. [`Error::Conflict`] where the name is taken.
    pub fn add_container(&self, record: &ContainerRecord, name: &str) -> Result<()> {
        let _lease = self.lease()?;
        let folder = self.container_folder(&record.id);
        if record.runtime != "native" || !self.take_spare(&folder) {
            fs::create_dir(&folder).context("create", &folder)?;
        }
        let config = StoredConfig { name: name.to_owned(), record: record.clone() };
        // The record comes first: a name whose holder has none is free.
        let added = write_json(&folder, "config.json", &config).and_then(|()| self.reserve_name(name, &record.id));
        added.inspect_err(|_| {
            // That it cannot be removed is no second error: it is a container without a name of its own.
            let _ = fs::remove_dir_all(&folder);
        })
    }

    /// Gives a container another name. [`Error::Conflict`] where that is taken.
    pub fn rename_container(&self, id: &ContainerId, name: &str) -> Result<()> {
        let _lease = self.lease()?;
        let _lock = self.lock_records()?;
        let folder = self.container_folder(id);
        let StoredContainer { record, name: old, .. } = self.container(id)?;
        let mut config = StoredConfig { name: name.to_owned(), record };
        self.check_free(name)?;
        // As where it is created: what its record says comes first, and a name whose holder has another is free.
        write_json(&folder, "config.json", &config)?;
        self.reserve_name(name, id).inspect_err(|_| {
            config.name.clone_from(&old);
            // Why it cannot have the name is the error to tell.
            let _ = write_json(&folder, "config.json", &config);
        })?;
        if old == name {
            return Ok(());
        }
        let path = self.name_path(&old);
        ignore_missing(fs::remove_file(&path)).context("remove", &path)
    }

    /// Changes what is written down of a container.
    pub fn change_container(&self, id: &ContainerId, change: impl FnOnce(&mut ContainerRecord)) -> Result<()> {
        let _lease = self.lease()?;
        let _lock = self.lock_records()?;
        let StoredContainer { mut record, name, .. } = self.container(id)?;
        change(&mut record);
        write_json(&self.container_folder(id), "config.json", &StoredConfig { name, record })
    }

    /// Whoever has it is the only one to change records that are there.
    fn lock_records(&self) -> Result<Lock> {
        lock::exclusive(&self.layout.tmp().join("records.lock"))
    }

    fn reserve_name(&self, name: &str, id: &ContainerId) -> Result<()> {
        let path = self.name_path(name);
        for _ in 0..2 {
            match fs::File::create_new(&path) {
                Ok(mut file) => return file.write_all(id.as_str().as_bytes()).context("write", &path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).context("create", &path),
            }
            self.check_free(name)?;
            fs::remove_file(&path).context("remove", &path)?;
        }
        Err(Error::Conflict(format!("the container name {name:?} is being taken by another process")))
    }

    /// [`Error::Conflict`] where a container has the name.
    fn check_free(&self, name: &str) -> Result<()> {
        let holder = fs::read_to_string(self.name_path(name)).unwrap_or_default();
        match ContainerId::parse(&holder).filter(|holder| self.has_name(holder, name)) {
            Some(holder) => Err(Error::Conflict(format!(
                "the container name {name:?} is already in use by container {}: remove or rename that container \
                 to be able to reuse that name",
                holder.short()
            ))),
            None => Ok(()),
        }
    }

    /// Writes down how a container goes.
    pub fn set_container_state(&self, id: &ContainerId, state: &ContainerState) -> Result<()> {
        self.state_file(id).write(state)
    }

    /// Where it is written down how a container goes.
    pub fn state_file(&self, id: &ContainerId) -> StateFile {
        StateFile { folder: self.container_folder(id) }
    }

    /// All containers, in no order. Those whose records cannot be read are left out: `fsck` names them.
    pub fn containers(&self) -> Result<Vec<StoredContainer>> {
        Ok(self.all_containers()?.into_iter().filter_map(Result::ok).collect())
    }

    /// All containers, those whose records are damaged too. Folders without a record are none.
    pub(super) fn all_containers(&self) -> Result<Vec<Result<StoredContainer>>> {
        let folder = self.layout.containers();
        let mut containers = Vec::new();
        for entry in fs::read_dir(&folder).context("list", &folder)? {
            let entry = entry.context("list", &folder)?;
            let Some(id) = entry.file_name().to_str().and_then(ContainerId::parse) else { continue };
            match self.container(&id) {
                // It was removed meanwhile, or never made.
                Err(Error::NotFound(_)) => {}
                container => containers.push(container),
            }
        }
        Ok(containers)
    }

    /// The container of this id.
    pub fn container(&self, id: &ContainerId) -> Result<StoredContainer> {
        let folder = self.container_folder(id);
        let path = folder.join("config.json");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::NotFound(format!("container {}", id.short())));
            }
            Err(error) => return Err(error).context("read", &path),
        };
        let config: StoredConfig = serde_json::from_slice(&bytes)
            .map_err(|error| Error::damaged(format!("the record of container {}", id.short()), error))?;
        let mut state = self.written_state(id)?;
        if state.status == Status::Running && !self.is_container_locked(id) {
            state.status = Status::Exited;
            state.exit_code = KILLED;
            state.error = "its process was killed together with the process that ran it".into();
        }
        Ok(StoredContainer { record: config.record, name: config.name, state })
    }

    /// How a container goes as it is written down: what was killed has not written down that it ended.
    pub fn written_state(&self, id: &ContainerId) -> Result<ContainerState> {
        match fs::read(self.container_folder(id).join("state.json")) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| Error::damaged(format!("the state of container {}", id.short()), error)),
            Err(_) => Ok(ContainerState::default()),
        }
    }

    /// The container of a name, an id, or the beginning of an id.
    pub fn find_container(&self, key: &str) -> Result<StoredContainer> {
        if let Some(id) = ContainerId::parse(key).filter(|id| self.container_folder(id).exists()) {
            return self.container(&id);
        }
        if let Ok(text) = fs::read_to_string(self.name_path(key))
            && let Some(id) = ContainerId::parse(&text)
            && self.has_name(&id, key)
        {
            return self.container(&id);
        }
        let missing = || Error::NotFound(format!("container {key}"));
        // One whose creation was broken off after its record, before its name was taken.
        let unnamed = || self.containers()?.into_iter().find(|container| container.name == key).ok_or_else(missing);
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return unnamed();
        }
        let mut found = None;
        let folder = self.layout.containers();
        for entry in fs::read_dir(&folder).context("list", &folder)? {
            let entry = entry.context("list", &folder)?;
            let Some(id) = entry.file_name().to_str().and_then(ContainerId::parse) else { continue };
            if id.as_str().starts_with(key) && found.replace(id).is_some() {
                return Err(Error::Conflict(format!("multiple containers have an id that starts with {key}")));
            }
        }
        found.map_or_else(unnamed, |id| self.container(&id))
    }

    /// Takes the lock of a container: who holds it runs the container, or changes it while it is stopped. None where
    /// somebody else does.
    pub fn lock_container(&self, id: &ContainerId) -> Result<Option<Lock>> {
        lock::try_exclusive_past_lookers(&self.container_folder(id).join("lock"))
    }

    /// Whether somebody runs the container, starts it, or works on its files.
    pub fn is_container_locked(&self, id: &ContainerId) -> bool {
        lock::is_held(&self.container_folder(id).join("lock"))
    }

    /// What is waited for until nobody runs the container; none where nobody ever did.
    pub fn watch_container(&self, id: &ContainerId) -> Option<Watched> {
        lock::watch(&self.container_folder(id).join("lock"))
    }

    /// Waits until nobody runs the container any more, for this time at most: whether nobody does.
    pub fn wait_container(&self, id: &ContainerId, time: Option<Duration>) -> Result<bool> {
        self.watch_container(id).map_or(Ok(true), |watched| watched.wait(time))
    }

    /// Removes a container with all it wrote. Its volumes stay. That another process removes it too is no error.
    pub fn remove_container(&self, id: &ContainerId) -> Result<()> {
        let name = self.name_of(id);
        let folder = self.container_folder(id);
        // Without its record it is no container any more, whatever becomes of the rest.
        ignore_missing(fs::remove_file(folder.join("config.json"))).context("remove", &folder)?;
        if let Some(name) = name {
            let path = self.name_path(&name);
            if fs::read_to_string(&path).is_ok_and(|holder| holder == id.as_str()) {
                ignore_missing(fs::remove_file(&path)).context("remove", &path)?;
            }
        }
        if self.leave_spare(id).context("remove", &folder)? {
            return Ok(());
        }
        ignore_missing(fs::remove_dir_all(&folder)).context("remove", &folder)
    }

    /// The name of a container, as far as it can be read.
    fn name_of(&self, id: &ContainerId) -> Option<String> {
        #[derive(Deserialize)]
        struct Named {
            name: String,
        }
        let config = fs::read(self.container_folder(id).join("config.json")).ok()?;
        serde_json::from_slice::<Named>(&config).ok().map(|named| named.name)
    }

    /// Names of containers that stand for nothing any more.
    pub(super) fn stale_names(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.layout.names()) else { return Vec::new() };
        let stale = |entry: fs::DirEntry| {
            let name = unescape(entry.file_name().to_str()?)?;
            let holder = fs::read_to_string(entry.path()).ok().and_then(|text| ContainerId::parse(&text));
            (!holder.is_some_and(|holder| self.has_name(&holder, &name))).then(|| entry.path())
        };
        entries.flatten().filter_map(stale).collect()
    }
}

/// What is not there any more need not be removed.
fn ignore_missing(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[derive(Serialize, Deserialize)]
struct StoredConfig {
    name: String,
    #[serde(flatten)]
    record: ContainerRecord,
}
