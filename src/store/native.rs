//! What native containers have in the store: real directories for their changes, images as the kernel mounts them, volumes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Store;
use super::containers::ContainerId;
use super::error::{Context, Error, Result};
use super::layers::tree_name;
use super::lock::{self, Lock};
use crate::erofs;
use crate::oci::DiffId;
use crate::vfs::{InodeRef, KernelOptions, SetAttr, kernel_dir};

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
    /// Whether the network is the host's.
    pub host_network: bool,
    /// Whether an init of ours is the first process.
    pub init: bool,
    /// Further groups, by name or number.
    pub group_add: Vec<String>,
    /// How soon it is chosen when memory is out.
    pub oom_score_adj: Option<i32>,
}

/// The folders of one native container.
#[derive(Clone, Debug)]
pub struct NativeFolders {
    /// What it changed: overlayfs's upper directory.
    pub upper: PathBuf,
    /// Overlayfs's own.
    pub work: PathBuf,
    /// Where the root is mounted, in the container's mount namespace.
    pub stage: PathBuf,
    /// Files of `/etc` that are made for it.
    pub etc: PathBuf,
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

impl Store {
    /// The folders of a native container, made where they are missing. A new upper directory has the attributes of the image's
    /// root, as the kernel shows them at the container's.
    pub fn native_folders(&self, id: &ContainerId, image_root: &InodeRef) -> Result<NativeFolders> {
        let base = self.layout.containers().join(id.as_str()).join("native");
        let folders = NativeFolders {
            upper: base.join("upper"),
            work: base.join("work"),
            stage: base.join("stage"),
            etc: base.join("etc"),
        };
        for folder in [&folders.work, &folders.stage, &folders.etc] {
            fs::create_dir_all(folder).context("create", folder)?;
        }
        if !folders.upper.exists() {
            let new = base.join("upper.new");
            fs::create_dir_all(&new).context("create", &new)?;
            set_attributes(&new, image_root).context("set the attributes of", &new)?;
            fs::rename(&new, &folders.upper).context("create", &folders.upper)?;
        }
        Ok(folders)
    }

    /// The files of the image of these layers. The tree is made where it is missing.
    pub fn image_files(&self, layers: &[DiffId]) -> Result<ImageFiles> {
        self.merge(layers)?;
        let name = tree_name(layers);
        let tree = self.layout.trees().join(&name);
        let image = erofs::Image::open(&tree)
            .map_err(|source| Error::Erofs { what: format!("tree {name}"), source: Box::new(source) })?;
        let packs = image.devices().iter().map(|id| self.layout.packs().join(id.to_string())).collect();
        Ok(ImageFiles { tree, packs, shared: self.layout.mounts().join(name) })
    }

    /// The directory of a volume's files for native containers, made where it is missing. [`Error::Conflict`] for a volume
    /// that WASI containers have written to: theirs are kept in another form.
    pub fn volume_directory(&self, name: &str) -> Result<PathBuf> {
        let data = self.volume_data(name);
        if fs::read_dir(&data).context("list", &data)?.flatten().any(|entry| entry.file_name() != "lock") {
            return Err(Error::Conflict(format!(
                "volume {name} holds the files of WASI containers: native containers need a volume of their own"
            )));
        }
        let files = data.with_file_name("files");
        match fs::create_dir(&files) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error).context("create", &files),
            _ => Ok(files),
        }
    }

    /// Held by whoever gives a volume its first files for native containers; others wait.
    pub fn lock_volume_directory(&self, name: &str) -> Result<Lock> {
        lock::exclusive(&self.volume_data(name).with_file_name("files.lock"))
    }

    /// Whether the volume holds files of native containers.
    pub fn is_native_volume(&self, name: &str) -> bool {
        self.volume_data(name).with_file_name("files").exists()
    }
}

/// Gives a directory the attributes of another.
fn set_attributes(folder: &Path, like: &InodeRef) -> io::Result<()> {
    let (dir, attr) = (kernel_dir(folder, &KernelOptions::default())?, like.attr()?);
    for name in like.list_xattrs()? {
        dir.set_xattr(&name, &like.xattr(&name)?)?;
    }
    dir.set_attr(&SetAttr {
        mode: Some(attr.mode),
        uid: Some(attr.uid),
        gid: Some(attr.gid),
        atime: Some(attr.atime),
        mtime: Some(attr.mtime),
    })?;
    Ok(())
}
