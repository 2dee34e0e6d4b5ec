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
use super::labels;
use super::mounts::Node;
use super::plan::{self, refuse, text};
use crate::oci::runtime::{IdMapping, Linux, LinuxDevice};
use crate::runtime::native::{HOST_ROOT, Lower, MadeFiles, OverlayRoot};
use crate::runtime::{Error, Result};
use crate::sys::linux::detached;
use crate::sys::linux::flags::mount_attr;
use crate::sys::linux::process::is_in_user_namespace;
use crate::sys::linux::script::{MountAttributes, Script, Step};
use crate::sys::raw_files::{RawFile, RawKind};

const WHAT_IT_TAKES: &str = "user namespaces need mounts with mapped owners: Linux 5.19 or later, and a store on a file system \
                             that has them, such as ext4, xfs or btrfs";

/// Mounts without a place, until the process has attached them.
pub(super) struct MappedRoot {
    pub(super) root: OwnedFd,
    /// Files in memory, by the paths that the spec has for them.
    pub(super) files: Vec<(PathBuf, OwnedFd)>,
    /// Devices that are no container's usual ones, by their paths in it.
    pub(super) devices: Vec<(String, OwnedFd)>,
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
        let nodes = linux.devices.iter().map(Node::of).collect::<Result<Vec<_>>>()?;
        let make = || {
            let files = made.map_or(Ok(Vec::new()), |made| make_files(made, linux))?;
            let devices = make_devices(&nodes, linux, &overlay.stage)?;
            detached::attach(&lower, &overlay.stage)?;
            let lower = File::open(&overlay.stage)?.into();
            if let Some((mount, path)) = &below {
                detached::attach(mount, path)?;
            }
            detached::attach(&changes, folder)?;
            Ok(MappedRoot {
                root: files::mount(&detached::path(&lower), overlay, &linux.mount_label, false)?,
                files,
                devices,
            })
        };
        detached::apart(make).map_err(|error| {
            let refused = refuse(format!("mount the root: {error}"));
            // What overlayfs says of layers with mapped owners where it takes none.
            if error.kind() == io::ErrorKind::InvalidInput { refused.hint(WHAT_IT_TAKES) } else { refused }
        })
    }

    /// The root covers the host's, where it can be attached whoever the process is.
    pub(super) fn push(&self, script: &mut Script) -> Result<()> {
        script.push(Step::Attach { mount: self.root.as_raw_fd(), target: text("/")? }, "attach the root");
        script.push(Step::OpenRoot(text(&detached::path(&self.root))?), "open the root");
        Ok(())
    }
}

fn not_mapped(what: &Path, error: &io::Error) -> Error {
    refuse(format!("show {} with the owners of the container's users: {error}", what.display())).hint(WHAT_IT_TAKES)
}

/// An id of the container as the host has it; root's where the container has no such id.
fn outside(map: &[IdMapping], id: u32) -> u32 {
    let of = |id: u32| {
        map.iter().find_map(|range| {
            id.checked_sub(range.container_id).filter(|off| *off < range.size).map(|off| range.host_id + off)
        })
    };
    of(id).or_else(|| of(0)).unwrap_or(0)
}

/// Files of the container's root in a file system in memory, each as a mount of its own.
fn make_files(made: &MadeFiles, linux: &Linux) -> io::Result<Vec<(PathBuf, OwnedFd)>> {
    let size = plan::memory_for(made).to_string();
    attach_memory(&made.place, &size, &made.label, mount_attr::NOSUID | mount_attr::NODEV | mount_attr::NOEXEC)?;
    let make = |(name, content): &(&'static str, Vec<u8>)| {
        let path = made.place.join(name);
        fs::write(&path, content)?;
        fs::set_permissions(&path, Permissions::from_mode(0o644))?;
        chown(&path, Some(outside(&linux.uid_mappings, 0)), Some(outside(&linux.gid_mappings, 0)))?;
        let mount = detached::copy(&path, false)?;
        Ok((path, mount))
    };
    made.files.iter().map(make).collect()
}

/// Device files, which the container's root could not make, each as a mount of its own.
fn make_devices(nodes: &[Node], linux: &Linux, place: &Path) -> io::Result<Vec<(String, OwnedFd)>> {
    if nodes.is_empty() {
        return Ok(Vec::new());
    }
    attach_memory(place, "64k", &linux.mount_label, mount_attr::NOSUID | mount_attr::NOEXEC)?;
    let directory = RawFile::at(place)?;
    let make = |(number, (node, device)): (usize, (&Node, &LinuxDevice))| {
        let name = number.to_string();
        let file = directory.make(name.as_bytes(), RawKind::Node(node.mode, node.numbers), node.mode)?;
        let (uid, gid) = node.owner;
        file.set_owner(Some(outside(&linux.uid_mappings, uid)), Some(outside(&linux.gid_mappings, gid)))?;
        file.set_mode(node.mode)?;
        Ok((device.path.clone(), detached::copy(&place.join(name), false)?))
    };
    nodes.iter().zip(&linux.devices).enumerate().map(make).collect()
}

/// A file system in memory, at a place of this thread's own tree of mounts.
fn attach_memory(place: &Path, size: &str, label: &str, set: u64) -> io::Result<()> {
    let mut options = vec![("mode", Some(Path::new("755"))), ("size", Some(Path::new(size)))];
    options.extend(labels::option(label));
    let memory = detached::mount("tmpfs", &options, false)?;
    detached::set_attributes(&memory, &MountAttributes { set, ..MountAttributes::default() })?;
    detached::attach(&memory, place)
}
