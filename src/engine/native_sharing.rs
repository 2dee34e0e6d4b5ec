//! Whose the namespaces of a native container are: its own, the host's, or those of other containers that run.

use std::fs;
use std::path::PathBuf;

use super::error::{Error, Result};
use super::native::{SHM_SIZE, mount};
use super::rootless::keeps_ids;
use super::{Engine, id_ranges};
use crate::oci::runtime::{Mount, Namespace, NamespaceKind};
use crate::runtime::InitProcess;
use crate::runtime::native::kept_ids;
use crate::store::{ContainerRecord, IsolationRecord, NamespaceMode, Status};
use crate::vfs::OwnerMap;

/// The namespaces of a container that is about to start.
pub(super) struct Sharing {
    /// As the specification has them.
    pub(super) namespaces: Vec<Namespace>,
    /// Who its users are among those of this process, where it has some of its own.
    pub(super) users: OwnerMap,
    /// First processes of the containers that are joined.
    pub(super) joined: Vec<InitProcess>,
    /// The container whose network is joined.
    pub(super) network: Option<ContainerRecord>,
    /// Its `/etc`.
    etc: Option<PathBuf>,
    /// The container that the files there were made for.
    pub(super) owner: Option<ContainerRecord>,
    /// The first process of the container whose IPC is joined.
    ipc: Option<InitProcess>,
}

impl Engine {
    /// Looks up whose namespaces a container joins: the other containers have to run.
    pub(super) fn sharing(&self, record: &ContainerRecord) -> Result<Sharing> {
        let shared = &record.isolation.sharing;
        let mut sharing = Sharing {
            namespaces: vec![own(NamespaceKind::Mount)],
            users: OwnerMap::default(),
            joined: Vec::new(),
            network: None,
            etc: None,
            owner: None,
            ipc: None,
        };
        for (kind, file, flag, mode) in [
            (NamespaceKind::Pid, "pid", "--pid", &shared.pid),
            (NamespaceKind::Uts, "uts", "--uts", &shared.uts),
            (NamespaceKind::Ipc, "ipc", "--ipc", &shared.ipc),
            (NamespaceKind::Cgroup, "cgroup", "--cgroupns", &shared.cgroup),
            (NamespaceKind::Network, "net", "--network", &shared.network),
        ] {
            let NamespaceMode::Container(name) = mode else {
                if mode.is_own() {
                    sharing.namespaces.push(own(kind));
                }
                continue;
            };
            let (other, init) =
                self.joinable(record, name).map_err(|error| error.about(format!("{flag} container:{name}")))?;
            match kind {
                NamespaceKind::Network => {
                    sharing.etc = Some(format!("/proc/{}/root/etc", init.pid).into());
                    sharing.owner = Some(self.owner_of_network(&other)?);
                    sharing.network = Some(other);
                }
                NamespaceKind::Ipc if other.isolation.sharing.ipc.is_joinable() => sharing.ipc = Some(init),
                NamespaceKind::Ipc => {
                    return Err(Error::invalid(format!(
                        "cannot join the IPC of container {name}: it is not shareable"
                    ))
                    .hint("create that container with --ipc shareable"));
                }
                _ => {}
            }
            sharing.namespaces.push(Namespace { kind, path: format!("/proc/{}/ns/{file}", init.pid) });
            sharing.joined.push(init);
        }
        let isolation = &record.isolation;
        if let Some(users) = isolation.ids.map(id_ranges::map_of).or_else(|| keeps_ids(isolation).then(kept_ids)) {
            sharing.namespaces.push(own(NamespaceKind::User));
            sharing.users = users;
        }
        Ok(sharing)
    }

    fn joinable(&self, record: &ContainerRecord, name: &str) -> Result<(ContainerRecord, InitProcess)> {
        let other = self.container(name)?;
        if other.record.id == record.id {
            return Err(Error::invalid("a container cannot join itself"));
        }
        if other.record.runtime != "native" {
            return Err(Error::invalid("it is a container of WASI programs, which has no namespaces"));
        }
        if other.state.status != Status::Running {
            return Err(Error::conflict("it is not running").hint(format!("start it first: `cowbox start {name}`")));
        }
        let init = self.first_process(&other)?;
        Ok((other.record, init))
    }

    /// The container whose files of `/etc` all have that share its network.
    fn owner_of_network(&self, record: &ContainerRecord) -> Result<ContainerRecord> {
        let mut record = record.clone();
        // Each joined one that ran before it; none joins itself.
        while let Some(name) = record.isolation.sharing.network.container() {
            record = self.container(name)?.record;
        }
        Ok(record)
    }
}

impl Sharing {
    /// The file of `/etc` of the container whose network is shared. None by a symbolic link, which that one may have made: it leads
    /// elsewhere from here.
    pub(super) fn etc_file(&self, name: &str) -> Option<PathBuf> {
        let etc = self.etc.as_ref()?;
        let is_plain = fs::symlink_metadata(etc).is_ok_and(|meta| meta.is_dir());
        let file = etc.join(name);
        (is_plain && fs::symlink_metadata(&file).is_ok_and(|meta| meta.is_file())).then_some(file)
    }

    /// `/dev/mqueue` and `/dev/shm`, which go with the IPC namespace.
    pub(super) fn ipc_mounts(&self, isolation: &IsolationRecord) -> Vec<Mount> {
        let safe = ["nosuid", "noexec", "nodev"];
        let bind = |source: &str, target: &str| mount(target, "bind", source, &["rbind", "rprivate"]);
        // A new mount shows the queues of the namespace that it is made in.
        let mut mounts = vec![mount("/dev/mqueue", "mqueue", "mqueue", &safe)];
        let size = format!("size={}", isolation.shm_size.unwrap_or(SHM_SIZE));
        match (&isolation.sharing.ipc, self.ipc) {
            (NamespaceMode::None, _) => {}
            (NamespaceMode::Host, _) => mounts.push(bind("/dev/shm", "/dev/shm")),
            (_, Some(init)) => mounts.push(bind(&format!("/proc/{}/root/dev/shm", init.pid), "/dev/shm")),
            _ => mounts.push(mount("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777", &size])),
        }
        mounts
    }
}

fn own(kind: NamespaceKind) -> Namespace {
    Namespace { kind, path: String::new() }
}
