//! What a container's record becomes for the native runtime: an OCI spec as Docker makes it.

use std::fs;
use std::path::Path;

use super::Engine;
use super::error::{About, Error, Result};
use super::native_files::ETC_FILES;
use super::resources::{cgroups_path, resources};
use super::run::RunStdio;
use super::user;
use crate::oci::runtime::{
    Capabilities, Linux, LinuxDevice, Mount, Namespace, NamespaceKind, Process, Rlimit, Root, Spec, User,
};
use crate::runtime::Running;
use crate::runtime::native::{CapSet, NativeBundle, NativeRoot, SeccompChoice, enter};
use crate::store::{ContainerRecord, IsolationRecord, MountSource, NativeFolders, Status};
use crate::vfs;

/// Docker's masked paths.
const MASKED: &[&str] = &[
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// Docker's read-only paths.
const READ_ONLY: &[&str] = &["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The size of `/dev/shm` where none is asked for.
const SHM_SIZE: u64 = 64 << 20;

/// What one more process of a container runs, and how.
#[derive(Clone, Debug, Default)]
pub struct ExecOptions {
    /// The command line.
    pub args: Vec<String>,
    /// Variables, as `KEY=VALUE`.
    pub env: Vec<String>,
    /// The working directory; the container's where none is given.
    pub working_dir: Option<String>,
    /// Who runs it; the container's user where none is given.
    pub user: Option<String>,
    /// Whether it has a terminal.
    pub tty: bool,
    /// Whether it has all capabilities.
    pub privileged: bool,
}

impl Engine {
    /// The bundle of a native container. Its folders are made where they are missing.
    pub(super) fn native_bundle(&self, record: &ContainerRecord) -> Result<NativeBundle> {
        let folders = self.native_folders(record)?;
        let namespace = vfs::Namespace::new(self.native_overlay(record)?.root());
        let spec = self.native_spec(record, &namespace, &folders)?;
        Ok(NativeBundle {
            spec,
            folder: folders.etc.clone(),
            root: NativeRoot::Overlay(self.overlay_root(record, &folders)?),
            seccomp: seccomp(&record.isolation)?,
            filter_cache: None,
            init: record.isolation.init,
            module: None,
        })
    }

    fn native_spec(
        &self,
        record: &ContainerRecord,
        namespace: &vfs::Namespace,
        folders: &NativeFolders,
    ) -> Result<Spec> {
        let isolation = &record.isolation;
        let own = |kind| Namespace { kind, path: String::new() };
        let mut namespaces =
            [NamespaceKind::Mount, NamespaceKind::Pid, NamespaceKind::Uts, NamespaceKind::Ipc, NamespaceKind::Cgroup]
                .map(own)
                .to_vec();
        if !isolation.host_network {
            namespaces.push(own(NamespaceKind::Network));
        }
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let (masked, read_only) = if isolation.privileged { (&[][..], &[][..]) } else { (MASKED, READ_ONLY) };
        Ok(Spec {
            oci_version: "1.2.0".into(),
            process: Some(self.native_process(record, namespace)?),
            root: Some(Root { path: String::new(), readonly: record.read_only }),
            hostname: record.hostname.clone(),
            mounts: self.native_mounts(record, namespace, folders)?,
            linux: Some(Linux {
                namespaces,
                sysctl: sysctls(isolation),
                cgroups_path: cgroups_path(record),
                resources: resources(record)?,
                masked_paths: words(masked),
                readonly_paths: words(read_only),
                devices: if isolation.privileged { host_devices()? } else { Vec::new() },
                ..Linux::default()
            }),
            ..Spec::default()
        })
    }

    fn native_process(&self, record: &ContainerRecord, namespace: &vfs::Namespace) -> Result<Process> {
        let isolation = &record.isolation;
        let user = user::resolve(namespace, &record.user)?;
        let mut groups = user.groups.clone();
        for group in &isolation.group_add {
            groups.push(user::group(namespace, group)?);
        }
        groups.insert(0, user.gid);
        groups.dedup();
        let mut env = record.env.clone();
        if !env.iter().any(|line| line.starts_with("HOME=")) {
            env.push(format!("HOME={}", user::home(namespace, &user)));
        }
        let allowed = match isolation.privileged {
            true => CapSet::all_known(),
            false => CapSet::docker_default().with(&isolation.cap_add, &isolation.cap_drop).map_err(Error::invalid)?,
        };
        Ok(Process {
            terminal: record.tty,
            user: User { uid: user.uid, gid: user.gid, umask: None, additional_gids: groups },
            args: record.args.clone(),
            env,
            cwd: record.working_dir.clone(),
            capabilities: Some(capabilities(allowed, user.uid)),
            rlimits: rlimits(record),
            no_new_privileges: isolation.no_new_privileges,
            oom_score_adj: isolation.oom_score_adj,
            ..Process::default()
        })
    }

    fn native_mounts(
        &self,
        record: &ContainerRecord,
        namespace: &vfs::Namespace,
        folders: &NativeFolders,
    ) -> Result<Vec<Mount>> {
        let isolation = &record.isolation;
        let shm = format!("size={}", isolation.shm_size.unwrap_or(SHM_SIZE));
        let sys = if isolation.privileged { "rw" } else { "ro" };
        let mut mounts = vec![
            mount("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
            mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount(
                "/dev/pts",
                "devpts",
                "devpts",
                &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
            ),
            mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", sys]),
            mount("/sys/fs/cgroup", "cgroup", "cgroup", &["nosuid", "noexec", "nodev", sys]),
            mount("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
            mount("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777", &shm]),
        ];
        write_etc(record, &folders.etc)?;
        for name in ETC_FILES {
            let source = folders.etc.join(name);
            mounts.push(mount(&format!("/etc/{name}"), "bind", &text(&source)?, &["rbind", "rprivate"]));
        }
        for asked in &record.mounts {
            let access = if asked.read_only { "ro" } else { "rw" };
            mounts.push(match &asked.source {
                MountSource::Bind { path } => {
                    mount(&asked.target, "bind", &text(path)?, &["rbind", "rprivate", access])
                }
                MountSource::Volume { name, no_copy, .. } => {
                    let target = vfs::GuestPath::new(&asked.target)?;
                    let directory = self.native_volume(name, (!no_copy).then_some(namespace), &target)?;
                    mount(&asked.target, "bind", &text(&directory)?, &["rbind", "rprivate", access])
                }
                MountSource::Tmpfs { size, mode } => {
                    let mut options = vec!["nosuid".to_owned(), "nodev".into(), "noexec".into()];
                    options.extend(size.map(|size| format!("size={size}")));
                    options.push(format!("mode={:o}", mode.unwrap_or(0o1777)));
                    let options = options.iter().map(String::as_str).collect::<Vec<_>>();
                    mount(&asked.target, "tmpfs", "tmpfs", &options)
                }
            });
        }
        Ok(mounts)
    }

    /// Runs one more process in a native container that runs.
    pub fn exec(&self, key: &str, options: &ExecOptions, stdio: RunStdio) -> Result<Box<dyn Running>> {
        let container = self.container(key)?;
        let record = &container.record;
        if record.runtime != "native" {
            return Err(Error::invalid(format!(
                "container {key} is one of WASI programs: no other process can enter it"
            ))
            .hint("run the program as another container with the same volumes"));
        }
        if container.state.status != Status::Running {
            return Err(Error::conflict(format!("container {key} is not running")));
        }
        if container.state.paused {
            return Err(Error::conflict(format!("container {key} is paused"))
                .hint(format!("let it go on first: `cowbox unpause {key}`")));
        }
        let init = self.first_process(&container)?;
        let namespace = self.running_namespace(init)?;
        let mut env = record.env.clone();
        env.extend(options.env.iter().cloned());
        let like = ContainerRecord {
            user: options.user.clone().unwrap_or_else(|| record.user.clone()),
            working_dir: options.working_dir.clone().unwrap_or_else(|| record.working_dir.clone()),
            args: options.args.clone(),
            tty: options.tty,
            env,
            isolation: IsolationRecord {
                privileged: record.isolation.privileged || options.privileged,
                oom_score_adj: None,
                ..record.isolation.clone()
            },
            ..record.clone()
        };
        let process = self.native_process(&like, &namespace)?;
        if let Some(before_start) = stdio.before_start {
            before_start().about(|| "the terminal".to_owned())?;
        }
        let terminal = options.tty.then_some(stdio.terminal);
        let cgroup = self.cgroup(&record.id)?;
        Ok(enter(init, &process, &seccomp(&like.isolation)?, stdio.stdio, terminal, cgroup.as_ref())?)
    }
}

fn mount(destination: &str, kind: &str, source: &str, options: &[&str]) -> Mount {
    Mount {
        destination: destination.into(),
        kind: kind.into(),
        source: source.into(),
        options: options.iter().map(|option| (*option).to_owned()).collect(),
        ..Mount::default()
    }
}

fn text(path: &Path) -> Result<String> {
    let text = path.to_str().ok_or_else(|| Error::invalid(format!("{}: not UTF-8", path.display())))?;
    Ok(text.to_owned())
}

fn seccomp(isolation: &IsolationRecord) -> Result<SeccompChoice> {
    Ok(match isolation.seccomp.as_deref() {
        _ if isolation.privileged => SeccompChoice::Unconfined,
        None => SeccompChoice::Default,
        Some("unconfined") => SeccompChoice::Unconfined,
        Some(profile) => SeccompChoice::Profile(Box::new(
            serde_json::from_str(profile).map_err(|error| Error::invalid(format!("the seccomp profile: {error}")))?,
        )),
    })
}

fn rlimits(record: &ContainerRecord) -> Vec<Rlimit> {
    let open_files = record.limits.open_files.map(|limit| ("nofile".to_owned(), limit.into(), limit.into()));
    let limit = |(name, soft, hard): (String, u64, u64)| Rlimit {
        kind: format!("RLIMIT_{}", name.to_ascii_uppercase()),
        soft,
        hard,
    };
    open_files.into_iter().chain(record.isolation.ulimits.iter().cloned()).map(limit).collect()
}

/// Root has what is allowed; others can gain it by programs alone.
fn capabilities(allowed: CapSet, uid: u32) -> Capabilities {
    let names = allowed.names().collect::<Vec<_>>();
    let held = if uid == 0 { names.clone() } else { Vec::new() };
    Capabilities {
        bounding: names,
        effective: held.clone(),
        permitted: held,
        inheritable: Vec::new(),
        ambient: Vec::new(),
    }
}

/// Docker's parameters of a network of its own, and those that were asked for.
fn sysctls(isolation: &IsolationRecord) -> std::collections::BTreeMap<String, String> {
    let own = [("net.ipv4.ip_unprivileged_port_start", "0"), ("net.ipv4.ping_group_range", "0 2147483647")];
    let own = own.iter().filter(|_| !isolation.host_network).map(|(key, value)| (key.to_string(), value.to_string()));
    own.chain(isolation.sysctls.iter().cloned()).collect()
}

/// The host's own devices, for privileged containers.
fn host_devices() -> Result<Vec<LinuxDevice>> {
    let devices = crate::sys::device::devices("/dev".as_ref()).about(|| "list /dev".to_owned())?;
    Ok(devices
        .into_iter()
        .map(|device| LinuxDevice {
            kind: if device.is_block { "b" } else { "c" }.into(),
            path: device.path,
            major: device.major.into(),
            minor: device.minor.into(),
            file_mode: Some(device.mode),
            uid: Some(device.uid),
            gid: Some(device.gid),
        })
        .collect())
}

fn write_etc(record: &ContainerRecord, folder: &Path) -> Result<()> {
    let resolv = fs::read("/etc/resolv.conf").unwrap_or_default();
    let hosts = match record.isolation.host_network {
        true => fs::read("/etc/hosts").unwrap_or_default(),
        false => vfs::etc_hosts(&record.hostname, None, &[]),
    };
    let files =
        [("resolv.conf", resolv), ("hosts", hosts), ("hostname", format!("{}\n", record.hostname).into_bytes())];
    for (name, content) in files {
        let path = folder.join(name);
        fs::write(&path, content).about(|| format!("write {}", path.display()))?;
    }
    Ok(())
}
