//! What root of the host mounts for a container of an image that has users of its own, before its process is there.
//!
//! That process can neither reach the store, which is closed to its users, nor map owners of the host's file systems. Image and
//! changes are shown with the owners of its user namespace, so that on disk they are those of any other container.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use super::files;
use super::id_maps;
use super::image::MountedImage;
use super::plan::{self, refuse, text};
use crate::oci::runtime::{IdMapping, Linux};
use crate::runtime::native::{HOST_ROOT, Lower, MadeFiles, OverlayRoot};
use crate::runtime::{Error, Result};
use crate::sys::linux::detached;
use crate::sys::linux::flags::mount_attr;
use crate::sys::linux::process::is_in_user_namespace;
use crate::sys::linux::script::{MountAttributes, Script, Step};

/// Mounts without a place, until the process has attached them.
pub(super) struct MappedRoot {
    root: OwnedFd,
    /// Files in memory, by the paths that the spec has for them.
    pub(super) files: Vec<(PathBuf, OwnedFd)>,
}

/// Whether root of the host makes a container of other users.
pub(super) fn is_mapped(linux: &Linux) -> bool {
    !linux.uid_mappings.is_empty() && !is_in_user_namespace()
}

impl MappedRoot {
    /// Mounts the root, and makes the files.
    pub(super) fn make(
        overlay: &OverlayRoot,
        image: Option<&MountedImage>,
        made: Option<&MadeFiles>,
        linux: &Linux,
    ) -> Result<MappedRoot> {
        let maps = [&linux.uid_mappings, &linux.gid_mappings];
        let [users, groups] = maps.map(|map| [id_maps::ranges(map), vec![(HOST_ROOT, 0, 1)]].concat());
        let users = id_maps::namespace_of(&users, &groups)
            .map_err(|error| refuse(format!("make a user namespace for the root: {error}")))?;
        let mapped = |what: &Path, tree: io::Result<OwnedFd>| {
            let tree = tree.map_err(|error| refuse(format!("copy the mount of {}: {error}", what.display())))?;
            detached::map_owners(&tree, false, &users).map_err(|error| not_mapped(what, &error))?;
            Ok::<_, Error>(tree)
        };
        let lower = match (&overlay.lower, image) {
            (Lower::Directory(path), _) => mapped(path, detached::copy(path, false))?,
            (Lower::Image(files), Some(image)) => mapped(&files.tree, image.copy())?,
            (Lower::Image(files), None) => return Err(refuse(format!("{} is not mounted", files.tree.display()))),
        };
        let below = overlay.below.as_deref().map(|path| Ok((mapped(path, detached::copy(path, false))?, path)));
        let below = below.transpose()?;
        // Upper and work directory have to be of one mount.
        let folder = overlay.upper.parent().unwrap_or(&overlay.upper);
        let changes = mapped(folder, detached::copy(folder, false))?;
        let owner = maps.map(|map| root_of(map));
        let make = || {
            let files = made.map_or(Ok(Vec::new()), |made| make_files(made, owner))?;
            detached::attach(&lower, &overlay.stage)?;
            if let Some((mount, path)) = &below {
                detached::attach(mount, path)?;
            }
            detached::attach(&changes, folder)?;
            let lower = File::open(&overlay.stage)?.into();
            Ok(MappedRoot { root: files::mount(&detached::path(&lower), overlay, false)?, files })
        };
        detached::apart(make).map_err(|error| refuse(format!("mount the root: {error}")))
    }

    /// The root covers the host's, where it can be attached whoever the process is.
    pub(super) fn push(&self, script: &mut Script) -> Result<()> {
        script.push(Step::Attach { mount: self.root.as_raw_fd(), target: text("/")? }, "attach the root");
        script.push(Step::OpenRoot(text(&detached::path(&self.root))?), "open the root");
        Ok(())
    }
}

fn not_mapped(what: &Path, error: &io::Error) -> Error {
    refuse(format!("show {} with the owners of the container's users: {error}", what.display())).hint(
        "user namespaces need mounts with mapped owners: Linux 5.19 or later, and a store on a file system that has them, \
         such as ext4, xfs or btrfs",
    )
}

/// Who is root of the container on the host.
fn root_of(map: &[IdMapping]) -> u32 {
    map.iter().find(|range| range.container_id == 0).map_or(0, |range| range.host_id)
}

/// Files of the container's root in a file system in memory, each as a mount of its own.
fn make_files(made: &MadeFiles, [uid, gid]: [u32; 2]) -> io::Result<Vec<(PathBuf, OwnedFd)>> {
    let size = plan::memory_for(made).to_string();
    let options = [("mode", "755"), ("nr_inodes", "16"), ("size", size.as_str())];
    let memory = detached::mount("tmpfs", &options.map(|(key, value)| (key, Some(Path::new(value)))), false)?;
    let set = mount_attr::NOSUID | mount_attr::NODEV | mount_attr::NOEXEC;
    detached::set_attributes(&memory, &MountAttributes { set, ..MountAttributes::default() })?;
    detached::attach(&memory, &made.place)?;
    let make = |(name, content): &(&'static str, Vec<u8>)| {
        let path = made.place.join(name);
        fs::write(&path, content)?;
        fs::set_permissions(&path, Permissions::from_mode(0o644))?;
        chown(&path, Some(uid), Some(gid))?;
        let mount = detached::copy(&path, false)?;
        Ok((path, mount))
    };
    made.files.iter().map(make).collect()
}
