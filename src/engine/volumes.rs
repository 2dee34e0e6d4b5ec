//! Volumes: the verbs, and how a container mounts one.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, Weak};

use super::Engine;
use super::error::{About, Error, Result};
use super::names::is_valid_name;
use super::relabel;
use crate::archive;
use crate::oci::hex;
use crate::store::{ContainerRecord, MountSource, Status, Volume};
use crate::sys::random;
use crate::sys::raw_files::Owners;
use crate::vfs::{
    FileKind, GuestPath, InodeRef, KernelOptions, MemFsOptions, Namespace, SetAttr, Upper, UpperOptions, kernel_dir,
    memfs,
};

/// Volumes that are mounted in this process: containers of one process share them.
fn mounted() -> &'static Mutex<HashMap<PathBuf, Weak<Upper>>> {
    static MOUNTED: OnceLock<Mutex<HashMap<PathBuf, Weak<Upper>>>> = OnceLock::new();
    MOUNTED.get_or_init(Mutex::default)
}

impl Engine {
    /// Makes a volume; one of this name that exists stays as it is. Without a name it gets a random one.
    pub fn create_volume(&self, name: Option<&str>, labels: BTreeMap<String, String>) -> Result<Volume> {
        let name = match name {
            Some(name) if is_valid_name(name) => name.to_owned(),
            Some(name) => {
                return Err(Error::invalid(format!("{name:?} includes invalid characters for a local volume name"))
                    .hint("only letters, digits, _, . and - are allowed"));
            }
            None => {
                let mut bytes = [0; 32];
                random::fill(&mut bytes)?;
                hex(&bytes)
            }
        };
        let volume = Volume { created: jiff::Timestamp::now().to_string(), labels, anonymous: false, name };
        self.store.add_volume(&volume)?;
        Ok(self.store.volume(&volume.name)?)
    }

    /// The volume of this name.
    pub fn volume(&self, name: &str) -> Result<Volume> {
        Ok(self.store.volume(name)?)
    }

    /// All volumes, by name.
    pub fn volumes(&self) -> Result<Vec<Volume>> {
        Ok(self.store.volumes()?)
    }

    /// Removes a volume that no container uses.
    pub fn remove_volume(&self, name: &str) -> Result<()> {
        Ok(self.store_as_root()?.remove_volume(name)?)
    }

    /// The files of a volume. An empty one first gets what `fill_from` has at the place where it is mounted. A read-only mount
    /// shows the files as they are now; changes by others show at the next start.
    pub(super) fn open_volume(
        &self,
        name: &str,
        read_only: bool,
        fill_from: Option<&Namespace>,
        target: &GuestPath,
    ) -> Result<Arc<Upper>> {
        let folder = self.store.volume_data(name);
        let mut mounted = mounted().lock().expect("no panic while it is held");
        if let Some(upper) = mounted.get(&folder).and_then(Weak::upgrade).filter(|_| !read_only) {
            return Ok(upper);
        }
        let open = |read_only| self.open_volume_alone(name, read_only);
        let mut upper = open(read_only)?;
        if let Some(namespace) = fill_from
            && is_empty(&upper.root())?
        {
            if read_only {
                upper = open(false)?;
            }
            copy_up(namespace, target, &upper.root(), &archive::ApplyOptions::default())
                .about(|| format!("copy the image's files into volume {name}"))?;
            upper.flush()?;
        }
        if !read_only {
            mounted.insert(folder, Arc::downgrade(&upper));
        }
        Ok(upper)
    }

    fn open_volume_alone(&self, name: &str, read_only: bool) -> Result<Arc<Upper>> {
        let below = memfs(&MemFsOptions { mode: 0o755, ..MemFsOptions::default() });
        let options = UpperOptions { read_only, ..UpperOptions::default() };
        let upper = Upper::open(&self.store.volume_data(name), below, &options);
        Ok(Arc::new(upper.about(|| format!("volume {name}"))?))
    }

    /// The directory with the files of a volume, from now on: for native containers, and for WASI ones that mount it after them.
    pub(super) fn volume_directory(&self, name: &str) -> Result<PathBuf> {
        if let Some(directory) = self.store.native_volume(name) {
            return Ok(directory);
        }
        let _lease = self.store.lease()?;
        let _lock = self.store.lock_native_volume(name)?;
        if let Some(directory) = self.store.native_volume(name) {
            return Ok(directory);
        }
        let upper = match self.store.has_upper(name)? {
            true => {
                self.check_unused(name)?;
                Some(self.open_volume_alone(name, false)?)
            }
            false => None,
        };
        let staged = self.store.begin_native_volume(name)?;
        if let Some(upper) = &upper {
            let root = kernel_dir(&staged, &KernelOptions::default()).about(|| staged.display().to_string())?;
            let options = archive::ApplyOptions { or_root: true, ..archive::ApplyOptions::default() };
            copy_up(&Namespace::new(upper.root()), &GuestPath::root(), &root, &options)
                .about(|| format!("keep the files of volume {name} in a directory"))?;
        }
        relabel::label_volume(&staged)?;
        Ok(self.store.finish_native_volume(name, &staged)?)
    }

    /// What a WASI container sees of a volume must not change its form.
    fn check_unused(&self, name: &str) -> Result<()> {
        for id in self.store.volume_users(name)? {
            let user = self.container(&id)?;
            if user.record.runtime != "native" && user.state.status == Status::Running {
                return Err(Error::conflict(format!(
                    "volume {name} is in use by container {}, which runs a WASI program",
                    user.name
                ))
                .hint("stop that one first: native containers and WASI ones can use a volume together once a native one has mounted it"));
            }
        }
        Ok(())
    }

    /// Removes the volumes that were made for this container.
    pub(super) fn remove_anonymous_volumes(&self, record: &ContainerRecord) {
        for mount in &record.mounts {
            if let MountSource::Volume { name, anonymous: true, .. } = &mount.source {
                // One that another container has taken over by name stays.
                let _ = self.store.remove_volume(name);
            }
        }
    }
}

/// Whether a directory has no entry.
pub(super) fn is_empty(dir: &InodeRef) -> Result<bool> {
    let mut is_empty = true;
    dir.read_dir(0, &mut |_| {
        is_empty = false;
        ControlFlow::Break(())
    })?;
    Ok(is_empty)
}

/// Copies what the image has at `target`, attributes of the directory included.
pub(super) fn copy_up(
    namespace: &Namespace,
    target: &GuestPath,
    volume: &InodeRef,
    options: &archive::ApplyOptions,
) -> Result<()> {
    let Ok(source) = namespace.find(target.as_bytes()) else { return Ok(()) };
    if source.kind() != FileKind::Directory {
        return Ok(());
    }
    archive::copy_children(&source, volume, options)?;
    let attr = source.attr()?;
    let (uid, gid) = match options.or_root {
        true => Owners::here().or_root(attr.uid, attr.gid),
        false => (attr.uid, attr.gid),
    };
    let root = SetAttr { mode: Some(attr.mode), uid: Some(uid), gid: Some(gid), ..SetAttr::default() };
    volume.set_attr(&root)?;
    Ok(())
}
