//! What a container sees: its copy-on-write layer over the image, with everything mounted on it.

use std::sync::Arc;
use std::time::Instant;

use super::Engine;
use super::error::{About, Error, Result};
use crate::runtime::Rootfs;
use crate::store::{ContainerRecord, MountRecord, MountSource};
use crate::vfs::{
    Errno, FileKind, GuestPath, HostOptions, InodeRef, MemFsOptions, Namespace, NewInode, NewKind, ProcInfo,
    ProcessSource, Upper, UpperOptions, devfs, etc_hostname, etc_hosts, etc_resolv_conf, host, kernel_dir, memfile,
    memfs, procfs,
};

/// The size of a tmpfs that names none: half of the memory is Linux's choice, this is ours.
const TMPFS_SIZE: u64 = 1 << 30;
/// The size of `/dev/shm`, Docker's.
const SHM_SIZE: u64 = 64 << 20;
/// The memory that `/proc/meminfo` tells of where the container has no limit: the host's is not the guest's business.
const MEMORY: u64 = 4 << 30;
/// The kernel that `/proc` tells of.
const RELEASE: &str = "6.12.0-cowbox";

pub(super) fn upper_options(record: &ContainerRecord) -> UpperOptions {
    UpperOptions { limit_bytes: record.limits.disk.unwrap_or(u64::MAX), read_only: record.read_only }
}

impl Engine {
    /// The merged tree of a container's image.
    pub(super) fn tree_of(&self, record: &ContainerRecord) -> Result<InodeRef> {
        let image = self.store.image(&record.manifest)?;
        Ok(self.store.tree(&image.config.view.rootfs.diff_ids)?)
    }

    /// The copy-on-write layer of a container, over its image. Who opens it holds the container's lock.
    pub(super) fn open_upper(&self, record: &ContainerRecord) -> Result<Arc<Upper>> {
        let tree = self.tree_of(record)?;
        let folder = self.store.upper_folder(&record.id);
        let upper = Upper::open(&folder, tree, &upper_options(record));
        Ok(Arc::new(upper.about(|| format!("container {}", record.id.short()))?))
    }

    /// The namespace of a container, and the volumes in it: they can be written to for as long as they are kept.
    pub(super) fn rootfs(&self, record: &ContainerRecord, upper: &Arc<Upper>) -> Result<(Rootfs, Vec<Arc<Upper>>)> {
        let mut namespace = Namespace::new(upper.root());
        let processes: Arc<ProcessSource> = Arc::default();
        let shm = MemFsOptions { limit_bytes: SHM_SIZE, mode: 0o1777, ..MemFsOptions::default() };
        let system = [
            ("/dev", devfs(memfs(&shm), processes.clone())),
            ("/proc", procfs(proc_info(record), processes.clone())),
            ("/etc/hostname", memfile(&etc_hostname(&record.hostname))?),
            ("/etc/hosts", memfile(&etc_hosts(&record.hostname, None, &[]))?),
            ("/etc/resolv.conf", memfile(&etc_resolv_conf(&[], &[], &[]))?),
        ];
        for (path, inode) in system {
            let path = GuestPath::new(path).expect("it is a path");
            namespace.mount_hidden(&path, inode).about(|| format!("mount {path}"))?;
        }
        let mut volumes = Vec::new();
        for mount in &record.mounts {
            let volume = self.mount(record, &mut namespace, mount).about(|| format!("mount {}", mount.target))?;
            volumes.extend(volume);
        }
        make_working_dir(&namespace, &record.working_dir)
            .about(|| format!("working directory {}", record.working_dir))?;
        Ok((Rootfs { namespace: Arc::new(namespace), processes }, volumes))
    }

    fn mount(
        &self,
        record: &ContainerRecord,
        namespace: &mut Namespace,
        mount: &MountRecord,
    ) -> Result<Option<Arc<Upper>>> {
        let target = GuestPath::new(&mount.target)?;
        let mut volume = None;
        let root = match &mount.source {
            MountSource::Bind { path } => {
                let options = HostOptions { read_only: mount.read_only };
                host(path, &options).about(|| path.display().to_string())?
            }
            MountSource::Volume { name, no_copy, .. } => {
                let fill_from = (!no_copy).then_some(&*namespace);
                if self.store.native_volume(name).is_some() {
                    let directory = self.native_volume(record, name, fill_from, &target)?;
                    let options = self.kernel_options(record, mount.read_only);
                    kernel_dir(&directory, &options).about(|| format!("volume {name}"))?
                } else {
                    let upper = self.open_volume(name, mount.read_only, fill_from, &target)?;
                    volume.insert(upper).root()
                }
            }
            MountSource::Tmpfs { size, mode, .. } => memfs(&MemFsOptions {
                limit_bytes: size.unwrap_or(TMPFS_SIZE),
                mode: mode.unwrap_or(0o1777),
                ..MemFsOptions::default()
            }),
        };
        match namespace.mount(&target, root.clone()) {
            // A mount point cannot be made in a root that is read-only.
            Err(Errno::RoFs) => namespace.mount_hidden(&target, root)?,
            result => result?,
        }
        Ok(volume)
    }
}

/// The working directory, made with its parents where it is missing, as Docker does.
fn make_working_dir(namespace: &Namespace, path: &str) -> Result<()> {
    let path = GuestPath::new(path)?;
    match namespace.find(path.as_bytes()) {
        Ok(inode) if inode.kind() == FileKind::Directory => return Ok(()),
        Ok(_) => return Err(Error::invalid("not a directory")),
        Err(_) => {}
    }
    let mut made = GuestPath::root();
    for name in path.names() {
        let parent = namespace.find(made.as_bytes())?;
        made.push(name)?;
        if namespace.find(made.as_bytes()).is_err() {
            parent.create(name, &NewInode::new(NewKind::Directory, 0o755))?;
        }
    }
    Ok(())
}

/// What `/proc/mounts` tells.
fn mounts(record: &ContainerRecord) -> Vec<(String, String, String, String)> {
    let options = |read_only| if read_only { "ro,relatime" } else { "rw,relatime" }.to_owned();
    let line = |device: &str, path: &str, kind: &str, read_only| {
        (device.to_owned(), path.to_owned(), kind.to_owned(), options(read_only))
    };
    let own = [
        line("overlay", "/", "overlay", record.read_only),
        line("proc", "/proc", "proc", false),
        line("tmpfs", "/dev", "tmpfs", false),
        line("shm", "/dev/shm", "tmpfs", false),
    ];
    let asked = record.mounts.iter().map(|mount| match &mount.source {
        MountSource::Bind { .. } => line("bind", &mount.target, "bind", mount.read_only),
        MountSource::Volume { name, .. } => line(name, &mount.target, "overlay", mount.read_only),
        MountSource::Tmpfs { .. } => line("tmpfs", &mount.target, "tmpfs", mount.read_only),
    });
    own.into_iter().chain(asked).collect()
}

fn proc_info(record: &ContainerRecord) -> ProcInfo {
    let memory = record.limits.memory.unwrap_or(MEMORY);
    ProcInfo {
        hostname: record.hostname.clone(),
        release: RELEASE.into(),
        processors: record.limits.cpus.map_or(1, |cpus| cpus.ceil().max(1.0) as usize),
        memory_total: memory,
        memory_free: memory,
        mounts: mounts(record),
        started: Instant::now(),
    }
}
