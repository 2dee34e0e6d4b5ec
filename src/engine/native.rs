//! What a container's record becomes for the native runtime: an OCI spec as Docker makes it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::cgroups::cgroup_of;
use super::error::{About, Error, Result};
use super::native_etc::etc_files;
use super::native_sharing::Sharing;
use super::resources::{cgroups_path, resources};
use super::rootless::keeps_ids;
use super::run::RunStdio;
use super::{Engine, apparmor, id_ranges, native_binds, native_devices, relabel, selinux, user};
use crate::oci::runtime::{Capabilities, IdMapping, Linux, Mount, Process, Rlimit, Root, Spec, User};
use crate::runtime::Running;
use crate::runtime::native::{
    CapSet, EndsWith, Entry, MadeFiles, NativeBundle, NativeRoot, SeccompChoice, begin_network, caller, enter,
    is_in_user_namespace, last_group, may_set_groups,
};
use crate::store::{ContainerRecord, IsolationRecord, LabelsRecord, MountSource, Status};
use crate::vfs;

/// Docker's masked paths.
pub(super) const MASKED: &[&str] = &[
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
pub(super) const READ_ONLY: &[&str] = &["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The size of `/dev/shm` where none is asked for.
pub(super) const SHM_SIZE: u64 = 64 << 20;

/// What one more process of a container runs, and how.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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
    /// Whether it goes on when this process ends, until the container does.
    pub detach: bool,
}

impl Engine {
    /// The bundle of a native container. Its folders are made where they are missing.
    pub(super) fn native_bundle(&self, record: &ContainerRecord) -> Result<NativeBundle> {
        let sharing = self.sharing(record)?;
        let isolation = &record.isolation;
        let network = begin_network(&sharing.namespaces);
        let image = self.native_image(record)?;
        let folders = self.store.native_folders(&record.id, &image.tree, self.owners(record))?;
        let namespace = vfs::Namespace::new(self.overlay(record, &folders, image.tree)?.root());
        let joined = sharing.joined.clone();
        let files = etc_files(sharing.owner.as_ref().unwrap_or(record));
        let labels = selinux::labels(isolation);
        let label = selinux::shared(&labels.mount);
        let made = MadeFiles { place: self.store.mount_points()?.join("dev"), files, label };
        let spec = self.native_spec(record, &namespace, &made, sharing, labels)?;
        Ok(NativeBundle {
            spec,
            joined,
            folder: folders.upper.clone(),
            made: Some(made),
            device_files: native_devices::files(isolation)?,
            root: NativeRoot::Overlay(self.overlay_root(record, &folders, image.files)?),
            seccomp: seccomp(isolation)?,
            filter_cache: None,
            // A namespace that is shared has a first process already.
            init: isolation.init && isolation.sharing.pid.is_own(),
            module: None,
            network,
        })
    }

    fn native_spec(
        &self,
        record: &ContainerRecord,
        namespace: &vfs::Namespace,
        made: &MadeFiles,
        sharing: Sharing,
        labels: LabelsRecord,
    ) -> Result<Spec> {
        let isolation = &record.isolation;
        // Names go with the network.
        let hostname = sharing.network.as_ref().map_or(&record.hostname, |other| &other.hostname);
        let has_names = isolation.sharing.uts.is_own();
        let mut process = self.native_process(record, namespace)?;
        process.apparmor_profile = apparmor::profile(isolation)?;
        process.selinux_label = labels.process;
        for line in process.env.iter_mut().filter(|line| **line == format!("HOSTNAME={}", record.hostname)) {
            *line = format!("HOSTNAME={hostname}");
        }
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let is_open = isolation.privileged || isolation.security.unconfined_paths;
        let (masked, read_only) = if is_open { (&[][..], &[][..]) } else { (MASKED, READ_ONLY) };
        Ok(Spec {
            oci_version: "1.2.0".into(),
            process: Some(process),
            root: Some(Root { path: String::new(), readonly: record.read_only }),
            hostname: if has_names { hostname.clone() } else { String::new() },
            domainname: isolation.domainname.clone(),
            mounts: self.native_mounts(record, namespace, made, &sharing, &labels.mount)?,
            linux: Some(Linux {
                namespaces: sharing.namespaces,
                uid_mappings: mappings(&sharing.users.users),
                gid_mappings: mappings(&sharing.users.groups),
                rootfs_propagation: native_binds::root_propagation(&record.mounts),
                sysctl: sysctls(isolation),
                cgroups_path: cgroups_path(record),
                resources: resources(record)?,
                masked_paths: words(masked),
                readonly_paths: words(read_only),
                devices: native_devices::nodes(isolation)?,
                mount_label: labels.mount,
                ..Linux::default()
            }),
            ..Spec::default()
        })
    }

    fn native_process(&self, record: &ContainerRecord, namespace: &vfs::Namespace) -> Result<Process> {
        let isolation = &record.isolation;
        let user = user::resolve(namespace, &record.user)?;
        let mut groups = if may_set_groups() { user.groups.clone() } else { Vec::new() };
        for group in &isolation.group_add {
            groups.push(user::group(namespace, group)?);
        }
        groups.insert(0, user.gid);
        groups.dedup();
        id_ranges::check_user(isolation, user.uid, &groups)?;
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
        made: &MadeFiles,
        sharing: &Sharing,
        label: &str,
    ) -> Result<Vec<Mount>> {
        let isolation = &record.isolation;
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
            match is_in_user_namespace() && !isolation.sharing.network.is_own() {
                // Only who owns the network may mount it.
                true => mount(
                    "/sys",
                    "bind",
                    "/sys",
                    &["rbind", "rslave", "nosuid", "noexec", "nodev", if isolation.privileged { "rw" } else { "rro" }],
                ),
                false => mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", sys]),
            },
            mount("/sys/fs/cgroup", "cgroup", "cgroup", &["nosuid", "noexec", "nodev", sys]),
        ];
        mounts.extend(sharing.ipc_mounts(isolation));
        for (name, _) in &made.files {
            let source = sharing.etc_file(name).unwrap_or_else(|| made.place.join(name));
            mounts.push(mount(&format!("/etc/{name}"), "bind", &text(&source)?, &["rbind", "rprivate"]));
        }
        for asked in &record.mounts {
            let access = if asked.read_only { "ro" } else { "rw" };
            let relabel = |path: &Path| asked.relabel.map_or(Ok(()), |how| relabel::relabel(path, how, label));
            mounts.push(match &asked.source {
                MountSource::Bind { path } => {
                    relabel(path)?;
                    native_binds::bind(asked, &text(path)?)?
                }
                MountSource::Volume { name, no_copy, .. } => {
                    let target = vfs::GuestPath::new(&asked.target)?;
                    let directory = self.native_volume(record, name, (!no_copy).then_some(namespace), &target)?;
                    relabel(&directory)?;
                    native_binds::volume(&asked.target, &text(&directory)?, access, isolation.ids)
                }
                MountSource::Tmpfs { size, mode, options } => native_binds::tmpfs(&asked.target, *size, *mode, options),
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
        self.become_root()?;
        let namespace = self.running_namespace(record, init)?;
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
        let mut process = self.native_process(&like, &namespace)?;
        // The container's, also of a process that is privileged.
        process.apparmor_profile = apparmor::profile(&record.isolation)?;
        process.selinux_label = selinux::labels(&record.isolation).process;
        if let Some(before_start) = stdio.before_start {
            before_start().about(|| "the terminal".to_owned())?;
        }
        let terminal = options.tty.then_some(stdio.terminal);
        let cgroup = cgroup_of(&record.id, &container.state)?;
        let entry = Entry {
            container: record.id.short(),
            process: &process,
            seccomp: &seccomp(&like.isolation)?,
            cgroup: cgroup.as_ref(),
            ends_with: if options.detach { EndsWith::Container } else { EndsWith::Caller },
        };
        Ok(enter(init, entry, stdio.stdio, terminal)?)
    }
}

fn mappings(ranges: &[(u32, u32, u32)]) -> Vec<IdMapping> {
    let mapping = |(container_id, host_id, size): &(u32, u32, u32)| IdMapping {
        container_id: *container_id,
        host_id: *host_id,
        size: *size,
    };
    ranges.iter().map(mapping).collect()
}

pub(super) fn mount(destination: &str, kind: &str, source: &str, options: &[&str]) -> Mount {
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
    // The kernel compares groups as the host knows them: the caller's is no part of a range that begins with root's.
    let groups = match isolation.ids {
        Some(ids) => format!("0 {}", (ids.size - 1).min(i32::MAX as u32)),
        None if keeps_ids(isolation) => format!("{0} {0}", caller().1),
        None => format!("0 {}", last_group()),
    };
    let own = [("net.ipv4.ip_unprivileged_port_start", "0".to_owned()), ("net.ipv4.ping_group_range", groups)];
    let own =
        own.into_iter().filter(|_| isolation.sharing.network.is_own()).map(|(key, value)| (key.to_owned(), value));
    own.chain(isolation.sysctls.iter().cloned()).collect()
}
