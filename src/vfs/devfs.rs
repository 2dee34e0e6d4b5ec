//! `/dev`: the devices that programs expect everywhere.

use std::sync::Arc;

use super::devpts::devpts;
use super::fixed::{DeviceKind, Fixed};
use super::inode::InodeRef;
use super::procfs::ProcessSource;

/// A directory for `/dev`: `null`, `zero`, `full`, `random`, `urandom`, `tty`, `console` and `ptmx` (which
/// a kernel opens by their numbers), `pts` with the pseudo-terminals, the links
/// `fd`, `stdin`, `stdout` and `stderr` into `/proc/self/fd`, and `shm` with `shm` as its content.
pub fn devfs(shm: InodeRef, processes: Arc<ProcessSource>) -> InodeRef {
    let fixed = Fixed::new();
    fixed.directory(vec![
        ("console", fixed.device(DeviceKind::NoTerminal, 5, 1)),
        ("fd", fixed.symlink("/proc/self/fd")),
        ("full", fixed.device(DeviceKind::Full, 1, 7)),
        ("null", fixed.device(DeviceKind::Null, 1, 3)),
        ("ptmx", fixed.device(DeviceKind::NoTerminal, 5, 2)),
        ("pts", devpts(processes)),
        ("random", fixed.device(DeviceKind::Random, 1, 8)),
        ("shm", shm),
        ("stderr", fixed.symlink("/proc/self/fd/2")),
        ("stdin", fixed.symlink("/proc/self/fd/0")),
        ("stdout", fixed.symlink("/proc/self/fd/1")),
        ("tty", fixed.device(DeviceKind::NoTerminal, 5, 0)),
        ("urandom", fixed.device(DeviceKind::Random, 1, 9)),
        ("zero", fixed.device(DeviceKind::Zero, 1, 5)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::contract::{file, list, name};
    use crate::vfs::{Device, Errno, FileKind, MemFsOptions, memfs};

    #[test]
    fn devices_do_what_their_names_say() {
        let dev = devfs(memfs(&MemFsOptions::default()), Arc::default());
        let device = |text: &str| dev.lookup(name(text)).unwrap();
        let mut buf = [7; 64];
        assert_eq!((device("null").read_at(&mut buf, 0), device("null").write_at(b"abc", 9)), (Ok(0), Ok(3)));
        assert_eq!((device("zero").read_at(&mut buf, 0), buf), (Ok(64), [0; 64]));
        assert_eq!(device("full").write_at(b"abc", 0), Err(Errno::NoSpc));
        assert_eq!(device("urandom").read_at(&mut buf, 0), Ok(64));
        assert_ne!(buf, [0; 64]);
        assert_eq!(device("tty").read_at(&mut buf, 0), Err(Errno::Nxio));
        let attr = device("null").attr().unwrap();
        assert_eq!((attr.kind, attr.mode, attr.rdev), (FileKind::CharDevice, 0o666, Device { major: 1, minor: 3 }));
        assert_eq!(device("stdout").read_link().unwrap(), b"/proc/self/fd/1");
        assert_eq!((device("null").set_len(0), device("null").append(b"x")), (Ok(()), Ok((1, 0))));
    }

    #[test]
    fn shared_memory_can_be_written_and_the_rest_not() {
        let dev = devfs(memfs(&MemFsOptions::default()), Arc::default());
        file(&dev.lookup(name("shm")).unwrap(), "segment").write_at(b"x", 0).unwrap();
        assert_eq!(dev.unlink(name("null")), Err(Errno::RoFs));
        assert_eq!(list(&dev).len(), 14);
    }
}
