//! `Fds`: the descriptors of a process.

use std::sync::Arc;

use super::open_file::OpenFile;
use crate::vfs::{Errno, Result};

/// A number for an open file, and what belongs to the number alone.
#[derive(Clone)]
pub struct Descriptor {
    /// What is open.
    pub file: Arc<OpenFile>,
    /// Whether it is closed on exec.
    pub cloexec: bool,
    /// What its holder has not given up to do with it, in the bits of its runtime; all of them to begin with.
    pub rights: u64,
    /// The same for what is opened through it.
    pub inheriting: u64,
    /// The name under which a runtime tells its guest of an open directory.
    pub preopened: Option<&'static str>,
}

impl Descriptor {
    /// A descriptor that is kept on exec.
    pub fn new(file: Arc<OpenFile>) -> Descriptor {
        Descriptor { file, cloexec: false, rights: u64::MAX, inheriting: u64::MAX, preopened: None }
    }

    /// The same, closed on exec if `cloexec`.
    pub fn closed_on_exec(file: Arc<OpenFile>, cloexec: bool) -> Descriptor {
        Descriptor { cloexec, ..Descriptor::new(file) }
    }
}

/// The table of descriptors: the lowest free number is given first.
#[derive(Clone, Default)]
pub struct Fds {
    slots: Vec<Option<Descriptor>>,
    /// No slot below is free.
    lowest: usize,
    limit: u32,
}

impl Fds {
    /// An empty table that holds at most `limit`.
    pub fn new(limit: u32) -> Fds {
        Fds { slots: Vec::new(), lowest: 0, limit }
    }

    /// How many there may be.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// Sets how many there may be. What is open beyond stays open.
    pub fn set_limit(&mut self, limit: u32) {
        self.limit = limit;
    }

    /// The descriptor `fd`.
    pub fn descriptor(&self, fd: u32) -> Result<&Descriptor> {
        self.slots.get(fd as usize).and_then(Option::as_ref).ok_or(Errno::BadF)
    }

    /// The descriptor `fd`, to be changed.
    pub fn descriptor_mut(&mut self, fd: u32) -> Result<&mut Descriptor> {
        self.slots.get_mut(fd as usize).and_then(Option::as_mut).ok_or(Errno::BadF)
    }

    /// The open file `fd`.
    pub fn file(&self, fd: u32) -> Result<&Arc<OpenFile>> {
        self.descriptor(fd).map(|descriptor| &descriptor.file)
    }

    /// Whether another descriptor can be opened; [`Errno::MFile`] where not.
    pub fn check_room(&self) -> Result<()> {
        if (self.lowest as u64) < u64::from(self.limit) { Ok(()) } else { Err(Errno::MFile) }
    }

    /// Opens `descriptor` under the lowest free number.
    pub fn insert(&mut self, descriptor: Descriptor) -> Result<u32> {
        self.insert_from(0, descriptor)
    }

    /// Opens `descriptor` under the lowest free number that is not below `least`.
    pub fn insert_from(&mut self, least: u32, descriptor: Descriptor) -> Result<u32> {
        let from = self.lowest.max(least as usize);
        let behind = self.slots.get(from..).and_then(|slots| slots.iter().position(Option::is_none));
        let fd = behind.map_or(self.slots.len().max(from), |ahead| from + ahead);
        if fd as u64 >= u64::from(self.limit) {
            return Err(Errno::MFile);
        }
        self.put(fd, descriptor);
        Ok(fd as u32)
    }

    /// Opens `descriptor` as `fd`, and returns what was open there. [`Errno::BadF`] for a number beyond the limit.
    pub fn replace(&mut self, fd: u32, descriptor: Descriptor) -> Result<Option<Descriptor>> {
        if fd >= self.limit {
            return Err(Errno::BadF);
        }
        Ok(self.put(fd as usize, descriptor))
    }

    fn put(&mut self, fd: usize, descriptor: Descriptor) -> Option<Descriptor> {
        if fd >= self.slots.len() {
            self.slots.resize_with(fd + 1, || None);
        }
        let before = self.slots[fd].replace(descriptor);
        if fd == self.lowest {
            let free = self.slots[fd..].iter().position(Option::is_none);
            self.lowest = free.map_or(self.slots.len(), |ahead| fd + ahead);
        }
        before
    }

    /// Closes `fd`.
    pub fn remove(&mut self, fd: u32) -> Result<Descriptor> {
        let removed = self.slots.get_mut(fd as usize).and_then(Option::take).ok_or(Errno::BadF)?;
        self.lowest = self.lowest.min(fd as usize);
        Ok(removed)
    }

    /// Closes all from `least` on.
    pub fn remove_from(&mut self, least: u32) {
        self.slots.truncate(least as usize);
        self.lowest = self.lowest.min(self.slots.len());
    }

    /// Closes what is closed on exec.
    pub fn close_on_exec(&mut self) {
        for (fd, slot) in self.slots.iter_mut().enumerate() {
            if slot.as_ref().is_some_and(|descriptor| descriptor.cloexec) {
                *slot = None;
                self.lowest = self.lowest.min(fd);
            }
        }
    }

    /// Gives the descriptor `from` the number of the open descriptor `to`, which is closed.
    pub fn renumber(&mut self, from: u32, to: u32) -> Result<()> {
        self.descriptor(from)?;
        self.descriptor(to)?;
        if from != to {
            let moved = self.remove(from)?;
            self.slots[to as usize] = Some(moved);
        }
        Ok(())
    }

    /// All open numbers.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        self.slots.iter().enumerate().filter(|(_, slot)| slot.is_some()).map(|(fd, _)| fd as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::open_file::Object;
    use crate::vfs::{MemFsOptions, memfs};

    fn descriptor() -> Descriptor {
        Descriptor::new(Arc::new(OpenFile::new(Object::File(memfs(&MemFsOptions::default())), 0)))
    }

    #[test]
    fn the_lowest_free_number_is_given_first() {
        let mut fds = Fds::new(8);
        for expected in 0..4 {
            assert_eq!(fds.insert(descriptor()), Ok(expected));
        }
        fds.remove(1).unwrap();
        assert_eq!((fds.insert_from(2, descriptor()), fds.insert(descriptor())), (Ok(4), Ok(1)));
        assert!(fds.replace(7, descriptor()).unwrap().is_none());
        assert!(fds.replace(8, descriptor()).is_err());
        assert_eq!((fds.insert(descriptor()), fds.insert(descriptor())), (Ok(5), Ok(6)));
        assert_eq!(fds.insert(descriptor()), Err(Errno::MFile));
        fds.remove_from(3);
        assert_eq!((fds.insert(descriptor()), fds.numbers().count()), (Ok(3), 4));
    }

    #[test]
    fn descriptors_closed_on_exec_leave_their_numbers_free() {
        let mut fds = Fds::new(8);
        fds.insert(descriptor()).unwrap();
        fds.insert(Descriptor { cloexec: true, ..descriptor() }).unwrap();
        fds.insert(descriptor()).unwrap();
        fds.close_on_exec();
        assert_eq!(fds.numbers().collect::<Vec<_>>(), [0, 2]);
        assert_eq!(fds.insert(descriptor()), Ok(1));
    }
}
