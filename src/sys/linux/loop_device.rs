//! Files as block devices, for kernels that mount file systems of nothing else: loop(4).

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open};

/// How often another device is asked for when somebody else took the one that was free.
const TRIES: usize = 100;

/// A file as a block device that can only be read. It is one as long as this value, a file system or anybody else has it open.
#[derive(Debug)]
pub struct LoopDevice {
    path: PathBuf,
    _device: OwnedFd,
}

/// `struct loop_info64` of `linux/loop.h`.
#[repr(C)]
struct LoopInfo {
    /// Device, inode, the backing device, offset, size.
    numbers: [u64; 5],
    number: u32,
    encryption: [u32; 2],
    flags: u32,
    names: [[u8; 64]; 2],
    key: [u8; 32],
    init: [u64; 2],
}

/// `struct loop_config`.
#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    info: LoopInfo,
    reserved: [u64; 8],
}

const LOOP_CTL_GET_FREE: u32 = 0x4C82;
const LOOP_CONFIGURE: u32 = 0x4C0A;
const LO_FLAGS_READ_ONLY: u32 = 1;
/// The device lets go of the file when nobody has it open any more.
const LO_FLAGS_AUTOCLEAR: u32 = 4;

impl LoopDevice {
    /// Makes a device of a file.
    pub fn of(file: &Path) -> io::Result<LoopDevice> {
        let named = |path: &Path| {
            let path = path.display().to_string();
            move |error: io::Error| io::Error::new(error.kind(), format!("{path}: {error}"))
        };
        let file = File::open(file).map_err(named(file))?;
        let control = Path::new("/dev/loop-control");
        let open = |path: &Path, flags| open(path, flags | OFlags::CLOEXEC, Mode::empty()).map_err(io::Error::from);
        let control_fd = open(control, OFlags::RDWR).map_err(named(control))?;
        for _ in 0..TRIES {
            let number = free(&control_fd).map_err(named(control))?;
            let path = PathBuf::from(format!("/dev/loop{number}"));
            let device = open(&path, OFlags::RDONLY).map_err(named(&path))?;
            match configure(&device, &file) {
                // Somebody else took it meanwhile.
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) => continue,
                done => done.map_err(named(&path))?,
            }
            return Ok(LoopDevice { path, _device: device });
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "/dev/loop-control: others take every free device"))
    }

    /// The device file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The device file of a loop device, by its number as fstat(2) has it; none where it is no loop device.
pub fn path_of(device: u64) -> Option<PathBuf> {
    let numbers = format!("{}:{}", libc::major(device), libc::minor(device));
    let link = std::fs::read_link(Path::new("/sys/dev/block").join(numbers)).ok()?;
    let name = link.file_name()?.to_str()?;
    name.starts_with("loop").then(|| Path::new("/dev").join(name))
}

/// The number of a device that was free just now.
#[allow(unsafe_code)]
fn free(control: &OwnedFd) -> io::Result<i32> {
    // SAFETY: this request takes no argument, and the descriptor is open.
    let number = unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE as _) };
    if number < 0 { Err(io::Error::last_os_error()) } else { Ok(number) }
}

#[allow(unsafe_code)]
fn configure(device: &OwnedFd, file: &File) -> io::Result<()> {
    let config = LoopConfig {
        fd: file.as_raw_fd() as u32,
        block_size: 512,
        info: LoopInfo {
            numbers: [0; 5],
            number: 0,
            encryption: [0; 2],
            flags: LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR,
            names: [[0; 64]; 2],
            key: [0; 32],
            init: [0; 2],
        },
        reserved: [0; 8],
    };
    // SAFETY: the structure is the one that this request reads, and both descriptors are open.
    let done = unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE as _, &raw const config) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn structures_are_as_long_as_the_kernels() {
        assert_eq!((size_of::<LoopInfo>(), size_of::<LoopConfig>()), (232, 304));
    }

    #[test]
    #[allow(clippy::disallowed_macros)]
    fn a_file_is_a_device_until_nobody_has_it_open() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, [7; 1024]).unwrap();
        let device = match LoopDevice::of(&file) {
            Ok(device) => device,
            Err(error) => return println!("skipped: no loop devices here: {error}"),
        };
        let number = std::fs::metadata(device.path()).unwrap().rdev();
        assert_eq!(path_of(number).as_deref(), Some(device.path()));
        assert_eq!(std::fs::read(device.path()).unwrap(), [7; 1024]);
        assert_eq!(path_of(std::fs::metadata("/dev/null").unwrap().rdev()), None);
        let missing = LoopDevice::of(&folder.path().join("none")).unwrap_err();
        assert!(missing.to_string().contains("/none: "), "{missing}");
    }
}
