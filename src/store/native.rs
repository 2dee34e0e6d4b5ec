//! What native containers have in the store: real directories for their changes, images as the kernel mounts them, volumes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Store;
use super::containers::ContainerId;
use super::error::{Context, Error, Result};
use super::id_ranges::IdRange;
use super::labels::LabelsRecord;
use super::layers::tree_name;
use super::layout::escape;
use super::lock::{self, Lock};
use super::sharing::{DeviceRecord, ResolverRecord, SecurityRecord, SharingRecord};
use crate::archive;
use crate::oci::DiffId;
use crate::sys::durable;
use crate::sys::raw_files::{Owners, sync_all};
use crate::vfs::{InodeRef, KernelOptions, Name, NewInode, NewKind, OwnerMap, SetAttr, kernel_dir};

/// Files that are made for each container and mounted below `/etc`.
pub const ETC_FILES: [&str; 3] = ["resolv.conf", "hostname", "hosts"];

/// How a native container is kept apart from the host, where it differs from what is usual.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IsolationRecord {
    /// All capabilities, no filter, nothing masked, the host's devices.
    pub privileged: bool,
    /// Capabilities beside the usual ones.
    pub cap_add: Vec<String>,
    /// Usual capabilities that are taken away.
    pub cap_drop: Vec<String>,
    /// Whether programs can gain no privileges.
    pub no_new_privileges: bool,
    /// The filter of system calls: none for the default, `unconfined`, or a profile's JSON.
    pub seccomp: Option<String>,
    /// Kernel parameters.
    pub sysctls: Vec<(String, String)>,
    /// Limits of each process: name (`nofile`), soft, hard.
    pub ulimits: Vec<(String, u64, u64)>,
    /// The size of `/dev/shm` in bytes.
    pub shm_size: Option<u64>,
    /// Whose its namespaces are.
    pub sharing: SharingRecord,
    /// Devices of the host that it has.
    pub devices: Vec<DeviceRecord>,
    /// Further rules of which devices may be used, in the form of cgroup v1: `c 10:* rwm`.
    pub device_rules: Vec<String>,
    /// Further security options.
    pub security: SecurityRecord,
    /// How it finds hosts.
    pub resolver: ResolverRecord,
    /// The domain name.
    pub domainname: String,
    /// Whether an init of ours is the first process.
    pub init: bool,
    /// Further groups, by name or number.
    pub group_add: Vec<String>,
    /// How soon it is chosen when memory is out.
    pub oom_score_adj: Option<i32>,
    /// Whose ids it has: none or `host` for those of whoever runs it as root, `keep-id` for the same user inside as outside,
    /// `auto` for some that nothing else of the host has.
    pub userns: Option<String>,
    /// Those that nothing else has.
    pub ids: Option<IdRange>,
    /// Its labels of SELinux.
    pub labels: LabelsRecord,
}

/// What a native container may use, beside its [`LimitsRecord`](super::LimitsRecord). Zero or nothing is no limit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourcesRecord {
    /// Bytes of memory that it keeps when the host has little.
    pub memory_reservation: u64,
    /// Bytes of memory and swap together; -1 is no limit.
    pub memory_swap: i64,
    /// How readily memory is swapped out, 0 to 100.
    pub memory_swappiness: Option<u8>,
    /// Whether processes wait rather than end when memory is out.
    pub oom_kill_disable: bool,
    /// The weight of CPU time among others.
    pub cpu_shares: u64,
    /// Microseconds of a period of CPU time.
    pub cpu_period: u64,
    /// Microseconds of CPU time in each period.
    pub cpu_quota: i64,
    /// The CPUs, such as `0-3,7`.
    pub cpuset_cpus: String,
    /// The memory nodes.
    pub cpuset_mems: String,
    /// The weight of block I/O among others.
    pub blkio_weight: u16,
    /// Its weight of the I/O of single devices.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blkio_weight_device: Vec<WeightRecord>,
    /// Bytes read a second.
    pub device_read_bps: Vec<RateRecord>,
    /// Bytes written a second.
    pub device_write_bps: Vec<RateRecord>,
    /// Reads a second.
    pub device_read_iops: Vec<RateRecord>,
    /// Writes a second.
    pub device_write_iops: Vec<RateRecord>,
    /// The cgroup that the container's lies in; empty for ours.
    pub cgroup_parent: String,
}

/// The weight of a container's I/O of one block device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightRecord {
    /// Its file.
    pub device: PathBuf,
    /// Between 10 and 1000.
    pub weight: u16,
}

/// A limit of one block device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateRecord {
    /// Its file.
    pub device: PathBuf,
    /// How much in each second.
    pub rate: u64,
}

/// The folders of one native container.
#[derive(Clone, Debug)]
pub struct NativeFolders {
    /// What it changed: overlayfs's upper directory.
    pub upper: PathBuf,
    /// Overlayfs's own.
    pub work: PathBuf,
    /// Where the root is mounted, in the container's mount namespace: an empty directory, the same for all containers.
    pub stage: PathBuf,
}

/// The files that make an image for the kernel.
#[derive(Clone, Debug)]
pub struct ImageFiles {
    /// The merged tree.
    pub tree: PathBuf,
    /// The packs, in the order the tree refers to them.
    pub packs: Vec<PathBuf>,
    /// Where containers tell each other of the mount.
    pub shared: PathBuf,
}

/// An image that a native container runs.
pub struct NativeImage {
    /// The root of its merged tree, to be read.
    pub tree: InodeRef,
    /// What the kernel mounts.
    pub files: ImageFiles,
}

impl Store {
    /// The folders of a native container, made where they are missing. A new upper directory has the attributes of the image's
    /// root, as the kernel shows them at the container's.
    pub fn native_folders(
        &self,
        id: &ContainerId,
        image_root: &InodeRef,
        owners: Option<Arc<OwnerMap>>,
    ) -> Result<NativeFolders> {
        let base = self.container_folder(id);
        let folders =
            NativeFolders { upper: self.native_changes(id), work: base.join("work"), stage: self.layout.stage() };
        for folder in [&folders.work, &folders.stage] {
            make_directory(folder).context("create", folder)?;
        }
        if !folders.upper.exists() {
            let new = base.join("diff.new");
            make_directory(&new).context("create", &new)?;
            set_attributes(&new, image_root, owners).context("set the attributes of", &new)?;
            fs::rename(&new, &folders.upper).context("create", &folders.upper)?;
        }
        Ok(folders)
    }

    /// Whether a native container was ever about to start.
    pub fn has_native_folders(&self, id: &ContainerId) -> bool {
        self.native_changes(id).exists()
    }

    /// What a native container changed.
    pub(super) fn native_changes(&self, id: &ContainerId) -> PathBuf {
        self.container_folder(id).join("diff")
    }

    /// The image of these layers, for the kernel and for us. The tree is made where it is missing.
    pub fn native_image(&self, layers: &[DiffId]) -> Result<NativeImage> {
        let (tree, packs) = self.open_tree(layers)?;
        let name = tree_name(layers);
        let files = ImageFiles {
            tree: self.layout.trees().join(&name),
            packs: packs.iter().map(|id| self.layout.packs().join(id.to_string())).collect(),
            shared: self.layout.mounts().join(name),
        };
        Ok(NativeImage { tree, files })
    }

    /// The directory with the image of these layers as real files, for a kernel that cannot mount it. It is made where it is
    /// missing: what belongs to ids that this process does not have is root's, and devices that it cannot make are left out.
    /// There is one for each way in which `owners` stand on disk: `variant` tells them apart.
    pub fn checkout(&self, layers: &[DiffId], owners: Option<Arc<OwnerMap>>, variant: &str) -> Result<PathBuf> {
        let name = format!("{}{variant}", tree_name(layers));
        let path = self.layout.checkouts().join(&name);
        if path.exists() {
            return Ok(path);
        }
        let _lease = self.lease()?;
        let staged = self.layout.tmp().join(format!("checkout-{name}"));
        let _lock = lock::exclusive(&self.layout.tmp().join(format!("checkout-{name}.lock")))?;
        if path.exists() {
            return Ok(path);
        }
        if staged.exists() {
            // Whoever began it was killed.
            fs::remove_dir_all(&staged).context("remove", &staged)?;
        }
        durable::create_private_directory(&self.layout.checkouts()).context("create", &self.layout.checkouts())?;
        fs::create_dir(&staged).context("create", &staged)?;
        let tree = self.tree(layers)?;
        let options = KernelOptions { owners: owners.clone(), ..KernelOptions::default() };
        let root = kernel_dir(&staged, &options).context("open", &staged)?;
        archive::check_out(&tree, &root)
            .map_err(|source| Error::Unpack { what: format!("image {name}"), source: Box::new(source) })?;
        set_attributes(&staged, &tree, owners).context("set the attributes of", &staged)?;
        // It has its name when all of it is on disk.
        sync_all(&staged).context("sync", &staged)?;
        fs::rename(&staged, &path).context("rename", &staged)?;
        Ok(path)
    }

    /// A directory with what every native container has something mounted on, and nothing else. As overlayfs's lowest layer it
    /// spares containers to make these in their own. It is made where it is missing.
    pub fn mount_points(&self) -> Result<PathBuf> {
        let path = self.layout.mount_points();
        if path.exists() {
            return Ok(path);
        }
        let staged = self.layout.tmp().join("mount-points");
        let _lock = lock::exclusive(&self.layout.tmp().join("mount-points.lock"))?;
        if path.exists() {
            return Ok(path);
        }
        if staged.exists() {
            // Whoever began it was killed.
            fs::remove_dir_all(&staged).context("remove", &staged)?;
        }
        fs::create_dir(&staged).context("create", &staged)?;
        fill_mount_points(&staged).context("make the mount points in", &staged)?;
        fs::rename(&staged, &path).context("rename", &staged)?;
        Ok(path)
    }

    /// Whether there are or were images as real files, and so perhaps files of other ids than the user's.
    pub fn has_checkouts(&self) -> bool {
        self.layout.checkouts().exists()
    }

    /// The directory of a volume that has its files there: one that a native container has mounted.
    pub fn native_volume(&self, name: &str) -> Option<PathBuf> {
        Some(self.volume_data(name).with_file_name("files")).filter(|files| files.exists())
    }

    /// Whether WASI containers have mounted a volume that is no native one, and so may have files there, in another form.
    pub fn has_upper(&self, name: &str) -> Result<bool> {
        Ok(!self.parts_of_upper(name)?.is_empty())
    }

    fn parts_of_upper(&self, name: &str) -> Result<Vec<PathBuf>> {
        let data = self.volume_data(name);
        let parts = fs::read_dir(&data).context("list", &data)?.flatten();
        Ok(parts.filter(|entry| entry.file_name() != "lock").map(|entry| entry.path()).collect())
    }

    /// A new directory for what will be the files of a native volume. The volume's directory is locked.
    pub fn begin_native_volume(&self, name: &str) -> Result<PathBuf> {
        let staged = self.layout.tmp().join(format!("volume-{}", escape(name)));
        if staged.exists() {
            // Whoever began it was killed.
            fs::remove_dir_all(&staged).context("remove", &staged)?;
        }
        fs::create_dir(&staged).context("create", &staged)?;
        Ok(staged)
    }

    /// Makes the volume one whose files are those in the directory, which holds all that WASI containers have left in it.
    pub fn finish_native_volume(&self, name: &str, staged: &Path) -> Result<PathBuf> {
        let files = self.volume_data(name).with_file_name("files");
        let parts = self.parts_of_upper(name)?;
        if !parts.is_empty() {
            sync_all(staged).context("sync", staged)?;
        }
        fs::rename(staged, &files).context("rename", staged)?;
        for part in parts {
            let removed = if part.is_dir() { fs::remove_dir_all(&part) } else { fs::remove_file(&part) };
            removed.context("remove", &part)?;
        }
        Ok(files)
    }

    /// Held by whoever makes a native volume, or gives it its first files; others wait.
    pub fn lock_native_volume(&self, name: &str) -> Result<Lock> {
        lock::exclusive(&self.volume_data(name).with_file_name("files.lock"))
    }
}

/// Makes a directory where there is none.
fn make_directory(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

fn fill_mount_points(folder: &Path) -> io::Result<()> {
    let root = kernel_dir(folder, &KernelOptions::default())?;
    let make = |dir: &InodeRef, name: &str, kind, mode| {
        let name = Name::new(name.as_bytes())?;
        let made = dir.create(name, &NewInode::new(kind, mode))?;
        // Whatever the mask of new files' modes is.
        made.set_attr(&SetAttr { mode: Some(mode), ..SetAttr::default() })?;
        Ok::<_, io::Error>(made)
    };
    for name in ["dev", "proc", "sys"] {
        make(&root, name, NewKind::Directory, 0o755)?;
    }
    let etc = make(&root, "etc", NewKind::Directory, 0o755)?;
    for name in ETC_FILES {
        make(&etc, name, NewKind::Regular, 0o644)?;
    }
    Ok(())
}

/// Gives a directory the attributes of another.
fn set_attributes(folder: &Path, like: &InodeRef, owners: Option<Arc<OwnerMap>>) -> io::Result<()> {
    let options = KernelOptions { owners, ..KernelOptions::default() };
    let (dir, attr) = (kernel_dir(folder, &options)?, like.attr()?);
    let (uid, gid) = Owners::here().or_root(attr.uid, attr.gid);
    for name in like.list_xattrs()? {
        dir.set_xattr(&name, &like.xattr(&name)?)?;
    }
    dir.set_attr(&SetAttr {
        mode: Some(attr.mode),
        uid: Some(uid),
        gid: Some(gid),
        atime: Some(attr.atime),
        mtime: Some(attr.mtime),
    })?;
    Ok(())
}
