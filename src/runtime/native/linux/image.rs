//! Images mounted by the kernel: one EROFS file system for all containers of an image, so that they share its page cache.
//!
//! The mount has no place in any directory: it lives while some process has it open, and is gone with the last one, whatever
//! ended it. The file [`ImageFiles::shared`] says where it can be taken over from: `PID START-TIME DESCRIPTOR DEVICE`, with spaces
//! to a fixed length.
//!
//! Kernels before 6.12 mount no files, but loop devices of them. Before 6.15 overlayfs takes no mount without a place: each
//! container then has a mount of its own, which it attaches in its own tree of mounts. Those of one loop device are one file
//! system all the same.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::OnceLock;

use crate::oci::runtime::Process;
use crate::runtime::native::ImageFiles;
use crate::runtime::{Error, ErrorKind, Result};
use crate::sys::linux::loop_device::{self, LoopDevice};
use crate::sys::linux::{detached, flags, process, read_ahead};
use crate::sys::positional;

/// Four numbers of up to 20 digits, and what is between them.
const LINE_LEN: usize = 83;

/// An image that is mounted while this lives.
#[derive(Debug)]
pub(super) struct MountedImage {
    mount: OwnedFd,
    needs_place: bool,
}

impl MountedImage {
    /// Takes the mount over from a process that has it, or makes it.
    pub(super) fn open(files: &ImageFiles) -> Result<MountedImage> {
        let shared = taken_over(&files.shared);
        if let Some(mount) = shared.as_ref().and_then(|mount| mount.try_clone().ok())
            && detached::can_be_layer(&mount)
        {
            return Ok(MountedImage { mount, needs_place: false });
        }
        let again = shared.as_ref().and_then(|mount| mount_again(mount).ok());
        let mount = again.map_or_else(|| mount(files), Ok).map_err(|error| {
            Error::new(ErrorKind::Runtime, format!("mount the image {}: {error}", files.tree.display())).hint(
                "it takes root, EROFS, and Linux 6.12 or later, or 5.16 with loop devices: `cowbox info` tells the kernel",
            )
        })?;
        Ok(MountedImage::of(mount, files))
    }

    fn of(mount: OwnedFd, files: &ImageFiles) -> MountedImage {
        // A file that cannot be written costs the sharing alone.
        let _ = tell(&files.shared, &mount);
        MountedImage { needs_place: !detached::can_be_layer(&mount), mount }
    }

    /// A path of its root, for this process and its children until they run another program.
    pub(super) fn path(&self) -> String {
        detached::path(&self.mount)
    }

    /// Whether overlayfs takes it at a place in the tree of mounts alone. It is this container's own then.
    pub(super) fn needs_place(&self) -> bool {
        self.needs_place
    }

    /// A mount of it that is the caller's own, to be changed.
    pub(super) fn copy(&self) -> io::Result<OwnedFd> {
        if self.needs_place { self.mount.try_clone() } else { detached::copy(Path::new(&self.path()), false) }
    }

    /// Reads the program of a process that will run soon, where it is one of the image's.
    pub(super) fn read_ahead(&self, process: &Process) {
        let candidates = super::process::candidates(process).unwrap_or_default();
        read_ahead::program(&self.mount, candidates.iter().map(String::as_str));
    }

    /// The mount.
    pub(super) fn descriptor(&self) -> &OwnedFd {
        &self.mount
    }
}

/// Whether images can be mounted: by root of the host alone, and with EROFS.
pub fn can_mount_images() -> bool {
    static HAS_SYSTEM: OnceLock<bool> = OnceLock::new();
    !process::is_in_user_namespace() && *HAS_SYSTEM.get_or_init(|| detached::has_file_system("erofs"))
}

impl AsRawFd for MountedImage {
    fn as_raw_fd(&self) -> RawFd {
        self.mount.as_raw_fd()
    }
}

fn mount(files: &ImageFiles) -> io::Result<OwnedFd> {
    match erofs(&files.tree, files.packs.iter().map(|pack| pack.as_path())) {
        Err(error) if error.raw_os_error() == Some(flags::ENOTBLK) => mount_devices(files),
        mounted => mounted,
    }
}

/// The image by loop devices, which end with its last mount.
fn mount_devices(files: &ImageFiles) -> io::Result<OwnedFd> {
    let tree = LoopDevice::of(&files.tree)?;
    let packs = files.packs.iter().map(|pack| LoopDevice::of(pack)).collect::<io::Result<Vec<_>>>()?;
    erofs(tree.path(), packs.iter().map(LoopDevice::path))
}

/// Another mount of the file system of one that another container has; for file systems on loop devices.
fn mount_again(mount: &OwnedFd) -> io::Result<OwnedFd> {
    let (device, _) = detached::identity(mount)?;
    let device = loop_device::path_of(device).ok_or(io::ErrorKind::NotFound)?;
    // The kernel knows the file system by the device of its tree, and asks for no others.
    erofs(&device, std::iter::empty())
}

fn erofs<'a>(tree: &'a Path, packs: impl Iterator<Item = &'a Path>) -> io::Result<OwnedFd> {
    // A device that can only be read is opened by a file system alone that can only be read.
    let mut options = vec![("source", Some(tree)), ("ro", None)];
    options.extend(packs.map(|pack| ("device", Some(pack))));
    detached::mount("erofs", &options, true)
}

fn tell(shared: &Path, mount: &OwnedFd) -> io::Result<()> {
    let pid = std::process::id();
    let (device, _) = detached::identity(mount)?;
    let line = format!("{pid} {} {} {device}", process::start_time(pid)?, mount.as_raw_fd());
    // One write over what is there: file systems make sure that a file that was cut off gets its new content, which takes time.
    let open = || fs::OpenOptions::new().write(true).create(true).truncate(false).open(shared);
    let file = open().or_else(|_| {
        shared.parent().map_or(Ok(()), fs::create_dir_all)?;
        open()
    });
    positional::write_at(&file?, format!("{line:<LINE_LEN$}").as_bytes(), 0).map(drop)
}

/// The mount of the process that the file names, if that process is still the one it was and has it.
fn taken_over(shared: &Path) -> Option<OwnedFd> {
    let line = fs::read_to_string(shared).ok()?;
    let numbers = line.split_whitespace().map(str::parse::<u64>).collect::<std::result::Result<Vec<_>, _>>().ok()?;
    let [pid, start, fd, device] = numbers[..] else { return None };
    let pid = u32::try_from(pid).ok()?;
    if process::start_time(pid).ok()? != start {
        return None;
    }
    let mount = detached::take_over(pid, i32::try_from(fd).ok()?).ok()?;
    (detached::identity(&mount).ok()? == (device, true)).then_some(mount)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_macros)]

    use std::ffi::CString;
    use std::fs::File;
    use std::os::unix::fs::{MetadataExt, chown};

    use super::*;
    use crate::erofs::{Image, LayerBuilder, Node, NodeKind, PackId, PackWriter, merge};
    use crate::oci::runtime::{IdMapping, Linux};
    use crate::runtime::native::HOST_ROOT;
    use crate::runtime::native::system::mapped::MappedRoot;
    use crate::runtime::native::system::{files, root};
    use crate::runtime::native::{Lower, NativeRoot, OverlayRoot};
    use crate::sys::linux::channel::Event;
    use crate::sys::linux::clone::{self, Spawn};
    use crate::sys::linux::script::{BindSource, Make, MountAttributes, Script, Step, Target};
    use crate::vfs::{ContentId, GuestPath};

    /// An image with one file, `f`, in `folder`.
    fn image(folder: &Path) -> ImageFiles {
        let files =
            ImageFiles { tree: folder.join("tree"), packs: vec![folder.join("pack")], shared: folder.join("shared") };
        let mut pack = PackWriter::new(File::create(&files.packs[0]).unwrap(), PackId([1; 32]));
        let content = pack.put(ContentId([1; 32]), &b"hello"[..]).unwrap();
        pack.finish().unwrap();
        let mut layer = LayerBuilder::new();
        let node = Node::new(NodeKind::Regular(Some(content)), 0o644);
        layer.insert(&GuestPath::new("f").unwrap(), node).unwrap();
        let mut bytes = Vec::new();
        layer.write(&mut bytes).unwrap();
        let layer = Image::from_bytes(bytes, Path::new("layer")).unwrap();
        merge(&[&layer], &mut File::create(&files.tree).unwrap()).unwrap();
        files
    }

    /// The image as a kernel before 6.12 mounts it; none, with a message, where it cannot be mounted.
    fn old_mount(files: &ImageFiles) -> Option<MountedImage> {
        match mount_devices(files) {
            Ok(mount) => Some(MountedImage { needs_place: true, ..MountedImage::of(mount, files) }),
            Err(error) => {
                println!("skipped: {error}");
                None
            }
        }
    }

    fn overlay(folder: &Path, files: &ImageFiles) -> OverlayRoot {
        let made = |name: &str| {
            let path = folder.join(name);
            fs::create_dir(&path).unwrap();
            path
        };
        let lower = Lower::Image(files.clone());
        OverlayRoot {
            lower,
            below: None,
            upper: made("upper"),
            work: made("work"),
            stage: made("stage"),
            volatile: false,
        }
    }

    #[test]
    fn images_on_one_loop_device_are_one_file_system() {
        let folder = tempfile::tempdir().unwrap();
        let files = image(folder.path());
        let Some(image) = old_mount(&files) else { return };
        assert_eq!(fs::read(Path::new(&image.path()).join("f")).unwrap(), b"hello");
        let again = mount_again(&taken_over(&files.shared).unwrap()).unwrap();
        assert_eq!(detached::identity(&again).unwrap(), detached::identity(&image.mount).unwrap());
        drop(image);
        assert_eq!(fs::read(Path::new(&detached::path(&again)).join("f")).unwrap(), b"hello");
    }

    #[test]
    fn a_container_attaches_an_image_that_needs_a_place() {
        let folder = tempfile::tempdir().unwrap();
        let files = image(folder.path());
        let Some(image) = old_mount(&files) else { return };
        let overlay = overlay(folder.path(), &files);
        let place = overlay.stage.to_str().unwrap().to_owned();
        let upper = overlay.upper.clone();
        let mut script = Script::default();
        let flags = flags::MS_REC | flags::MS_PRIVATE;
        let private = Step::Mount { source: None, target: c"/".to_owned(), kind: None, flags, data: None };
        script.push(private, "keep mounts from the host");
        root::push_root(&mut script, &Linux::default(), &place, &NativeRoot::Overlay(overlay), Some(&image)).unwrap();
        // The file of the image is there to be shown elsewhere.
        let bind = Step::Bind {
            source: BindSource::Path(CString::new(format!("{place}/f")).unwrap()),
            target: Target { path: c"new".to_owned(), make: Make::File },
            recursive: false,
            attributes: MountAttributes::default(),
            spread: MountAttributes::default(),
        };
        script.push(bind, "show the file");
        script.push(Step::PivotRoot { read_only: false, propagation: 0 }, "enter the root");
        script.push(Step::MakeDirectory { target: c"made".to_owned(), mode: 0o755 }, "make a directory");
        let namespaces = flags::CLONE_NEWNS as u64;
        let spawn =
            Spawn { script: &script, namespaces, cgroup: None, pid_namespace: None, users: None, before: Vec::new() };
        let (child, channel) = clone::spawn(&spawn).unwrap();
        match channel.next().unwrap() {
            Event::Closed => {}
            Event::Failed(failure) => panic!("{}: {}", script.words(failure.step), failure.errno),
            event => panic!("{event:?}"),
        }
        child.wait().unwrap();
        assert!(upper.join("made").is_dir() && upper.join("new").is_file() && !upper.join("f").exists());
        assert_eq!(fs::read_dir(place).unwrap().count(), 0, "nothing is mounted in the host's tree");
    }

    #[test]
    fn the_files_of_a_container_lie_over_an_image_that_needs_a_place() {
        let folder = tempfile::tempdir().unwrap();
        let files = image(folder.path());
        let Some(image) = old_mount(&files) else { return };
        let overlay = overlay(folder.path(), &files);
        fs::write(overlay.upper.join("own"), "own").unwrap();
        let mount = files::overlay_of(&image, &overlay, false).unwrap();
        drop(image);
        let root = detached::path(&mount);
        let root = Path::new(&root);
        assert_eq!(fs::read(root.join("f")).unwrap(), b"hello");
        assert_eq!(fs::read(root.join("own")).unwrap(), b"own");
        fs::write(root.join("new"), "new").unwrap();
        assert_eq!(fs::read(overlay.upper.join("new")).unwrap(), b"new");
        assert_eq!(fs::read_dir(&overlay.stage).unwrap().count(), 0, "nothing is mounted in the host's tree");
    }

    #[test]
    fn a_root_of_other_users_has_their_owners_and_leaves_others_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let files = image(folder.path());
        let Some(image) = old_mount(&files) else { return };
        let range = vec![IdMapping { container_id: 0, host_id: 100_000, size: 1000 }];
        let linux = Linux { uid_mappings: range.clone(), gid_mappings: range, ..Linux::default() };
        let directory = folder.path().join("directory");
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("f"), "hello").unwrap();
        for (name, lower) in [("a", Lower::Image(files.clone())), ("b", Lower::Directory(directory))] {
            let base = folder.path().join(name);
            fs::create_dir(&base).unwrap();
            let overlay = OverlayRoot { lower, ..overlay(&base, &files) };
            fs::write(overlay.upper.join("own"), "own").unwrap();
            let root = match MappedRoot::make(&overlay, Some(&image), None, &linux) {
                Ok(root) => root.root,
                Err(error) => return println!("skipped: {error:?}"),
            };
            let root = detached::path(&root);
            let root = Path::new(&root);
            for file in ["f", "own"] {
                assert_eq!(fs::metadata(root.join(file)).unwrap().uid(), 100_000, "{name} {file}");
            }
            chown(root.join("f"), Some(100_007), Some(100_008)).unwrap();
            let stored = fs::metadata(overlay.upper.join("f")).unwrap();
            assert_eq!((stored.uid(), stored.gid()), (7, 8));
            // Of the host's root, who makes it.
            fs::write(root.join("new"), "new").unwrap();
            assert_eq!(fs::metadata(overlay.upper.join("new")).unwrap().uid(), HOST_ROOT);
        }
    }
}
