//! `Fds`: the descriptors of a process.

use std::collections::BTreeMap;
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

/// Numbers below are places in a vector. Those above are kept one by one, so that a high number costs no room for those
/// below it: every child gets a copy.
const DENSE: usize = 256;

/// The table of descriptors: the lowest free number is given first.
#[derive(Clone, Default)]
pub struct Fds {
    slots: Vec<Option<Descriptor>>,
    high: BTreeMap<u32, Descriptor>,
    /// No slot below is free; never above [`DENSE`].
    lowest: usize,
    limit: u32,
}

impl Fds {
    /// An empty table that holds at most `limit`.
    pub fn new(limit: u32) -> Fds {
        Fds { slots: Vec::new(), high: BTreeMap::new(), lowest: 0, limit }
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
        match self.slots.get(fd as usize) {
            Some(slot) => slot.as_ref(),
            None => self.high.get(&fd),
        }
        .ok_or(Errno::BadF)
    }

    /// The descriptor `fd`, to be changed.
    pub fn descriptor_mut(&mut self, fd: u32) -> Result<&mut Descriptor> {
        match self.slots.get_mut(fd as usize) {
            Some(slot) => slot.as_mut(),
            None => self.high.get_mut(&fd),
        }
        .ok_or(Errno::BadF)
    }

    /// The open file `fd`.
    pub fn file(&self, fd: u32) -> Result<&Arc<OpenFile>> {
        self.descriptor(fd).map(|descriptor| &descriptor.file)
    }

    /// Whether another descriptor can be opened; [`Errno::MFile`] where not.
    pub fn check_room(&self) -> Result<()> {
        self.free(0).map(drop)
    }

    /// The lowest free number that is not below `least`.
    fn free(&self, least: u32) -> Result<u32> {
        let from = self.lowest.max(least as usize);
        let low = match self.slots.get(from..) {
            Some(slots) => from + slots.iter().position(Option::is_none).unwrap_or(slots.len()),
            None => from,
        };
        let mut fd = low as u32;
        if low >= DENSE {
            for (taken, _) in self.high.range(fd..) {
                if *taken != fd {
                    break;
                }
                fd += 1;
            }
        }
        if fd < self.limit { Ok(fd) } else { Err(Errno::MFile) }
    }

    /// Opens `descriptor` under the lowest free number.
    pub fn insert(&mut self, descriptor: Descriptor) -> Result<u32> {
        self.insert_from(0, descriptor)
    }

    /// Opens `descriptor` under the lowest free number that is not below `least`.
    pub fn insert_from(&mut self, least: u32, descriptor: Descriptor) -> Result<u32> {
        let fd = self.free(least)?;
        self.put(fd, descriptor);
        Ok(fd)
    }

    /// Opens `descriptor` as `fd`, and returns what was open there. [`Errno::BadF`] for a number beyond the limit.
    pub fn replace(&mut self, fd: u32, descriptor: Descriptor) -> Result<Option<Descriptor>> {
        if fd >= self.limit {
            return Err(Errno::BadF);
        }
        Ok(self.put(fd, descriptor))
    }

    fn put(&mut self, fd: u32, descriptor: Descriptor) -> Option<Descriptor> {
        let at = fd as usize;
        if at >= DENSE {
            return self.high.insert(fd, descriptor);
        }
        if at >= self.slots.len() {
            self.slots.resize_with(at + 1, || None);
        }
        let before = self.slots[at].replace(descriptor);
        if at == self.lowest {
            let free = self.slots[at..].iter().position(Option::is_none);
            self.lowest = free.map_or(self.slots.len(), |ahead| at + ahead);
        }
        before
    }

    /// Closes `fd`.
    pub fn remove(&mut self, fd: u32) -> Result<Descriptor> {
        if fd as usize >= DENSE {
            return self.high.remove(&fd).ok_or(Errno::BadF);
        }
        let removed = self.slots.get_mut(fd as usize).and_then(Option::take).ok_or(Errno::BadF)?;
        self.lowest = self.lowest.min(fd as usize);
        Ok(removed)
    }

    /// Closes all from `least` on.
    pub fn remove_from(&mut self, least: u32) {
        self.slots.truncate(least as usize);
        self.lowest = self.lowest.min(self.slots.len());
        self.high.split_off(&least);
    }

    /// Closes what is closed on exec.
    pub fn close_on_exec(&mut self) {
        for (fd, slot) in self.slots.iter_mut().enumerate() {
            if slot.as_ref().is_some_and(|descriptor| descriptor.cloexec) {
                *slot = None;
                self.lowest = self.lowest.min(fd);
            }
        }
        self.high.retain(|_, descriptor| !descriptor.cloexec);
    }

    /// Gives the descriptor `from` the number of the open descriptor `to`, which is closed.
    pub fn renumber(&mut self, from: u32, to: u32) -> Result<()> {
        self.descriptor(from)?;
        self.descriptor(to)?;
        if from != to {
            let moved = self.remove(from)?;
            self.put(to, moved);
        }
        Ok(())
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
        assert_eq!((fds.insert(descriptor()), fds.insert(descriptor())), (Ok(3), Ok(4)));
    }

    #[test]
    fn high_numbers_take_no_room_for_those_below() {
        let mut fds = Fds::new(1 << 16);
        assert!(fds.replace(65_535, descriptor()).unwrap().is_none());
        assert!(fds.slots.is_empty() && fds.descriptor(65_535).is_ok() && fds.descriptor(300).is_err());
        assert_eq!((fds.insert_from(300, descriptor()), fds.insert_from(300, descriptor())), (Ok(300), Ok(301)));
        fds.remove(300).unwrap();
        assert_eq!((fds.insert_from(299, descriptor()), fds.insert_from(299, descriptor())), (Ok(299), Ok(300)));
        for expected in 0..256 {
            assert_eq!(fds.insert(descriptor()), Ok(expected));
        }
        assert_eq!((fds.insert(descriptor()), fds.renumber(256, 301)), (Ok(256), Ok(())));
        fds.remove_from(300);
        assert!(fds.descriptor(300).is_err() && fds.descriptor(299).is_ok());
    }

    #[test]
    fn descriptors_closed_on_exec_leave_their_numbers_free() {
        let mut fds = Fds::new(8);
        fds.insert(descriptor()).unwrap();
        fds.insert(Descriptor { cloexec: true, ..descriptor() }).unwrap();
        fds.insert(descriptor()).unwrap();
        fds.close_on_exec();
        assert!(fds.descriptor(1).is_err() && fds.descriptor(2).is_ok());
        assert_eq!(fds.insert(descriptor()), Ok(1));
    }
}
