//! The files of native containers: what they changed of their image, and what they see while they run and while they do not.

use super::Engine;
use super::error::{About, Result};
use super::native_etc::etc_files;
use super::{relabel, volumes};
use crate::archive::ApplyOptions;
use crate::runtime::InitProcess;
use crate::runtime::native::{ImageFiles, Lower, OverlayRoot, caller, can_mount_images, running_root, stopped_root};
use crate::store::{self, ContainerRecord, MountRecord, MountSource, NativeFolders, NativeImage};
use crate::vfs::{
    Attr, Change, ChangeKind, Errno, FileKind, GuestPath, InodeRef, KernelOptions, Namespace, Overlay, kernel_dir,
    memfile,
};

/// Where every container has something mounted. Whose owners stand on disk as other ids has what is missing made in its upper.
const MOUNT_POINTS: [&str; 6] = ["/etc/resolv.conf", "/etc/hostname", "/etc/hosts", "/dev", "/proc", "/sys"];

impl Engine {
    /// The image of a native container.
    pub(super) fn native_image(&self, record: &ContainerRecord) -> Result<NativeImage> {
        let image = self.store.image(&record.manifest)?;
        Ok(self.store.native_image(&image.config.view.rootfs.diff_ids)?)
    }

    /// How the kernel makes the root of a native container, over the files of its image.
    pub(super) fn overlay_root(
        &self,
        record: &ContainerRecord,
        folders: &NativeFolders,
        files: store::ImageFiles,
    ) -> Result<OverlayRoot> {
        let lower = match can_mount_images() {
            true => Lower::Image(ImageFiles { tree: files.tree, packs: files.packs, shared: files.shared }),
            false => {
                let image = self.store.image(&record.manifest)?;
                let owners = self.owners(record);
                let (uid, gid) = caller();
                let variant = if owners.is_some() { format!("-{uid}.{gid}") } else { String::new() };
                Lower::Directory(self.store.checkout(&image.config.view.rootfs.diff_ids, owners, &variant)?)
            }
        };
        Ok(OverlayRoot {
            lower,
            // What it holds is root's of the host.
            below: self.owners(record).is_none().then(|| self.store.mount_points()).transpose()?,
            volatile: record.auto_remove,
            upper: folders.upper.clone(),
            work: folders.work.clone(),
            stage: folders.stage.clone(),
        })
    }

    /// What a native container changed over its image, to be read.
    pub(super) fn native_overlay(&self, record: &ContainerRecord) -> Result<Overlay> {
        let tree = self.tree_of(record)?;
        let folders = self.store.native_folders(&record.id, &tree, self.owners(record))?;
        self.overlay(record, &folders, tree)
    }

    /// What a native container changed over the tree of its image, to be read.
    pub(super) fn overlay(&self, record: &ContainerRecord, folders: &NativeFolders, tree: InodeRef) -> Result<Overlay> {
        let upper = kernel_dir(&folders.upper, &self.kernel_options(record, true))
            .about(|| format!("open {}", folders.upper.display()))?;
        Ok(Overlay::new(upper, tree)?)
    }

    /// What a native container changed, without what was made for mounts that every container has: Docker too has these in
    /// a layer of their own.
    pub(super) fn native_changes(&self, record: &ContainerRecord) -> Result<Vec<Change>> {
        let changes = self.native_overlay(record)?.changes()?;
        without_mount_points(changes, &Namespace::new(self.tree_of(record)?))
    }

    /// What the processes of a container see, through its first one.
    pub(super) fn running_namespace(&self, record: &ContainerRecord, init: InitProcess) -> Result<Namespace> {
        let options = KernelOptions { read_only: false, owners: self.owners_seen(record) };
        Ok(Namespace::new(running_root(init, &options)?))
    }

    /// What the processes of a container that does not run would see. Nothing is mounted that lives in memory alone.
    pub(super) fn stopped_namespace(&self, record: &ContainerRecord) -> Result<Namespace> {
        let image = self.native_image(record)?;
        let folders = self.store.native_folders(&record.id, &image.tree, self.owners(record))?;
        let root = self.overlay_root(record, &folders, image.files)?;
        let mut namespace = Namespace::new(stopped_root(&root, record.read_only, &self.kernel_options(record, false))?);
        // Those of who joins another's network are there while that one runs.
        let own = if record.isolation.sharing.network.container().is_some() { Vec::new() } else { etc_files(record) };
        for (name, content) in own {
            namespace.mount_hidden(&GuestPath::new(format!("/etc/{name}"))?, memfile(&content)?)?;
        }
        for mount in &record.mounts {
            self.mount_native(record, &mut namespace, mount).about(|| format!("mount {}", mount.target))?;
        }
        Ok(namespace)
    }

    fn mount_native(&self, record: &ContainerRecord, namespace: &mut Namespace, mount: &MountRecord) -> Result<()> {
        let target = GuestPath::new(&mount.target)?;
        let path = match &mount.source {
            MountSource::Bind { path } => path.clone(),
            MountSource::Volume { name, no_copy, .. } => {
                self.native_volume(record, name, (!no_copy).then_some(&*namespace), &target)?
            }
            MountSource::Tmpfs { .. } => return Ok(()),
        };
        let is_plain = matches!(mount.source, MountSource::Bind { .. }) && mount.bind.id_map.is_none();
        let owners = if is_plain { self.owners_seen(record) } else { self.owners(record) };
        let options = KernelOptions { read_only: mount.read_only, owners };
        let root = kernel_dir(&path, &options).about(|| path.display().to_string())?;
        match namespace.mount(&target, root.clone()) {
            // A mount point cannot be made in a root that is read-only.
            Err(Errno::RoFs) => namespace.mount_hidden(&target, root)?,
            result => result?,
        }
        Ok(())
    }

    /// The directory of a volume. An empty one first gets what `fill_from` has at the place where it is mounted.
    pub(super) fn native_volume(
        &self,
        record: &ContainerRecord,
        name: &str,
        fill_from: Option<&Namespace>,
        target: &GuestPath,
    ) -> Result<std::path::PathBuf> {
        let directory = self.volume_directory(name)?;
        let Some(namespace) = fill_from else { return Ok(directory) };
        let _lock = self.store.lock_native_volume(name)?;
        let files =
            kernel_dir(&directory, &self.kernel_options(record, false)).about(|| directory.display().to_string())?;
        if volumes::is_empty(&files)? {
            let options = ApplyOptions { or_root: true, ..ApplyOptions::default() };
            volumes::copy_up(namespace, target, &files, &options)
                .about(|| format!("copy the image's files into volume {name}"))?;
            relabel::label_volume(&directory)?;
        }
        Ok(directory)
    }
}

/// The changes without mount points that nothing but a mount has used, and without directories that changed for them alone.
fn without_mount_points(mut changes: Vec<Change>, image: &Namespace) -> Result<Vec<Change>> {
    let mut above = vec![GuestPath::root()];
    let mut has_made = false;
    for point in MOUNT_POINTS {
        let point = GuestPath::new(point)?;
        if remove(&mut changes, &point, |change, attr| change.kind == ChangeKind::Added && is_bare(attr)) {
            has_made = true;
            let parent = point.parent();
            if !above.contains(&parent) {
                above.insert(0, parent);
            }
        }
    }
    for dir in above.iter().filter(|_| has_made) {
        let was = image.find(dir.as_bytes()).and_then(|inode| inode.attr());
        remove(&mut changes, dir, |change, attr| match change.kind {
            ChangeKind::Added => is_bare(attr),
            _ => was
                .is_ok_and(|was| (was.kind, was.mode, was.uid, was.gid) == (attr.kind, attr.mode, attr.uid, attr.gid)),
        });
    }
    Ok(changes)
}

/// Removes the change of a path, if none lies below it and it is one that may go.
fn remove(changes: &mut Vec<Change>, path: &GuestPath, may_go: impl FnOnce(&Change, &Attr) -> bool) -> bool {
    let Ok(at) = changes.binary_search_by(|change| change.path.cmp(path)) else { return false };
    let attr = changes[at].inode.as_ref().and_then(|inode: &InodeRef| inode.attr().ok());
    let is_alone = !changes.iter().any(|change| change.path != *path && change.path.starts_with(path));
    let goes = is_alone && attr.is_some_and(|attr| may_go(&changes[at], &attr));
    if goes {
        changes.remove(at);
    }
    goes
}

/// Whether a file is as mount points are made: empty, and root's.
fn is_bare(attr: &Attr) -> bool {
    let is_as_made = match attr.kind {
        FileKind::Directory => attr.mode == 0o755,
        FileKind::Regular => attr.size == 0,
        _ => false,
    };
    is_as_made && (attr.uid, attr.gid) == (0, 0)
}
