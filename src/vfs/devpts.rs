//! `/dev/pts`: the pseudo-terminals of a container, by their numbers.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::attr::{Attr, Device, FileKind, Timespec, new_dev};
use super::errno::{Errno, Result};
use super::inode::{Cookie, DirEntry, Inode, InodeRef};
use super::path::Name;
use super::procfs::ProcessSource;

/// The major number of pseudo-terminals.
const MAJOR: u32 = 136;

/// A directory for `/dev/pts`. What is opened there is known to whoever runs the processes.
pub(super) fn devpts(processes: Arc<ProcessSource>) -> InodeRef {
    let fs = Arc::new(PtsFs { dev: new_dev(), made: Timespec::stamp(), processes });
    Arc::new(PtsInode { fs, number: None })
}

struct PtsFs {
    dev: u64,
    made: Timespec,
    processes: Arc<ProcessSource>,
}

impl PtsFs {
    fn numbers(&self) -> Vec<u32> {
        self.processes.get().map(|processes| processes.terminals()).unwrap_or_default()
    }
}

struct PtsInode {
    fs: Arc<PtsFs>,
    /// None is the directory.
    number: Option<u32>,
}

impl PtsInode {
    fn terminal(&self, number: u32) -> InodeRef {
        Arc::new(PtsInode { fs: self.fs.clone(), number: Some(number) })
    }
}

impl Inode for PtsInode {
    fn kind(&self) -> FileKind {
        if self.number.is_some() { FileKind::CharDevice } else { FileKind::Directory }
    }

    fn attr(&self) -> Result<Attr> {
        Ok(Attr {
            dev: self.fs.dev,
            ino: self.number.map_or(1, |number| 3 + u64::from(number)),
            kind: self.kind(),
            mode: if self.number.is_some() { 0o620 } else { 0o755 },
            nlink: if self.number.is_some() { 1 } else { 2 },
            uid: 0,
            gid: 0,
            rdev: self.number.map_or(Device::default(), |minor| Device { major: MAJOR, minor }),
            size: 0,
            atime: self.fs.made,
            mtime: self.fs.made,
            ctime: self.fs.made,
        })
    }

    fn lookup(&self, name: Name<'_>) -> Result<InodeRef> {
        if self.number.is_some() {
            return Err(Errno::NotDir);
        }
        let numbers = self.fs.numbers();
        let found = numbers.into_iter().find(|number| number.to_string().as_bytes() == name.as_bytes());
        found.map(|number| self.terminal(number)).ok_or(Errno::NoEnt)
    }

    fn read_dir(&self, from: Cookie, sink: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>) -> Result<()> {
        if self.number.is_some() {
            return Err(Errno::NotDir);
        }
        for number in self.fs.numbers() {
            let next = Cookie::from(number) + 1;
            if next <= from {
                continue;
            }
            let text = number.to_string();
            let name = Name::new(text.as_bytes())?;
            let entry = DirEntry { name, ino: 3 + u64::from(number), kind: FileKind::CharDevice, next };
            if sink(entry).is_break() {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::contract::{list, name};
    use crate::vfs::{ProcEntry, Processes};

    struct Terminals;

    impl Processes for Terminals {
        fn numbers(&self) -> Vec<u32> {
            Vec::new()
        }

        fn current(&self) -> Option<u32> {
            None
        }

        fn entry(&self, _: u32) -> Option<ProcEntry> {
            None
        }

        fn terminals(&self) -> Vec<u32> {
            vec![0, 7]
        }
    }

    #[test]
    fn there_is_what_is_open() {
        let source: Arc<ProcessSource> = Arc::default();
        let pts = devpts(source.clone());
        assert!(list(&pts).is_empty());
        let terminals: Arc<dyn Processes> = Arc::new(Terminals);
        source.set(Arc::downgrade(&terminals));
        assert_eq!(list(&pts).len(), 2);
        let attr = pts.lookup(name("7")).unwrap().attr().unwrap();
        assert_eq!((attr.kind, attr.rdev), (FileKind::CharDevice, Device { major: 136, minor: 7 }));
        for missing in ["1", "07", "x"] {
            assert_eq!(pts.lookup(name(missing)).err(), Some(Errno::NoEnt));
        }
    }
}
