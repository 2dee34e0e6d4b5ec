//! The folder of an upper on the host: its lock, and the data files by number.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::error::{UpperCause, UpperError};
use crate::sys::{durable, positional};

/// How many data files are kept open at once.
const OPEN_MAX: usize = 128;

/// The folder. Nothing of it is made before something has to be written.
///
/// Lock order: a data file's `handle`, then `open`.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    read_only: bool,
    /// The lock file, locked, once the folder is there.
    lock: Mutex<Option<File>>,
    /// Data files with an open handle, in the order they were opened.
    open: Mutex<VecDeque<Weak<DataFile>>>,
    /// Whether the folder `data` has got names since it was last made durable.
    names_changed: AtomicBool,
}

impl Folder {
    /// Takes the lock if the folder is there.
    pub(super) fn open(path: &Path, read_only: bool) -> Result<Folder, UpperError> {
        let folder = Folder {
            path: path.to_owned(),
            read_only,
            lock: Mutex::default(),
            open: Mutex::default(),
            names_changed: AtomicBool::new(false),
        };
        if !read_only && path.is_dir() {
            folder.make()?;
        }
        Ok(folder)
    }

    /// Makes the folder and takes its lock, if that is not done yet.
    pub(super) fn make(&self) -> Result<(), UpperError> {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if lock.is_some() {
            return Ok(());
        }
        let data = self.path.join("data");
        durable::create_private_directory(&data).map_err(|error| UpperError::io(&data, error))?;
        let path = self.path.join("lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|error| UpperError::io(&path, error))?;
        match file.try_lock() {
            Ok(()) => *lock = Some(file),
            Err(fs::TryLockError::WouldBlock) => {
                return Err(UpperError { path: self.path.clone(), cause: UpperCause::Locked });
            }
            Err(fs::TryLockError::Error(error)) => return Err(UpperError::io(&path, error)),
        }
        Ok(())
    }

    /// Lets others have the folder.
    pub(super) fn unlock(&self) {
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    fn data(&self, number: u64) -> PathBuf {
        self.path.join("data").join(format!("{number:x}"))
    }

    /// Removes data files that nothing refers to any more. A file that cannot be removed now is removed at the next
    /// opening.
    pub(super) fn remove(&self, numbers: &[u64]) {
        for &number in numbers {
            // Nothing depends on it: what is left over is found by `remove_others`.
            let _ = fs::remove_file(self.data(number));
        }
    }

    /// Removes every data file that is not `live`.
    pub(super) fn remove_others(&self, live: impl Fn(u64) -> bool) -> io::Result<()> {
        for entry in fs::read_dir(self.path.join("data"))? {
            let entry = entry?;
            let number = entry.file_name().to_str().and_then(|name| u64::from_str_radix(name, 16).ok());
            if !number.is_some_and(&live) {
                // As in `remove`.
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    /// Makes the names of data files durable.
    pub(super) fn sync_names(&self) -> io::Result<()> {
        if self.names_changed.swap(false, Ordering::Relaxed) {
            durable::sync_directory(&self.path.join("data"))?;
        }
        Ok(())
    }
}

/// The data file of one guest file. It comes into being with the first write.
pub(super) struct DataFile {
    folder: Arc<Folder>,
    pub(super) number: u64,
    handle: Mutex<Handle>,
}

struct Handle {
    /// The open file; closed again when too many are open.
    file: Option<Arc<File>>,
    is_made: bool,
    /// The length to cut a file to that an earlier process left, which may have written more than it recorded.
    trim: Option<u64>,
}

impl DataFile {
    /// A file that is not made yet.
    pub(super) fn new(folder: Arc<Folder>, number: u64) -> Arc<DataFile> {
        Arc::new(DataFile { folder, number, handle: Mutex::new(Handle { file: None, is_made: false, trim: None }) })
    }

    /// The file of an earlier process, of which `len` bytes count.
    pub(super) fn existing(folder: Arc<Folder>, number: u64, len: u64) -> Arc<DataFile> {
        let handle = Handle { file: None, is_made: true, trim: Some(len) };
        Arc::new(DataFile { folder, number, handle: Mutex::new(handle) })
    }

    /// Reads as much of `buf` as there is; the rest becomes zeros.
    pub(super) fn read(self: &Arc<Self>, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let mut done = 0;
        if let Some(file) = self.open(false)? {
            while done < buf.len() {
                match positional::read_at(&file, &mut buf[done..], offset + done as u64) {
                    Ok(0) => break,
                    Ok(read) => done += read,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        buf[done..].fill(0);
        Ok(())
    }

    /// Writes all of `buf`.
    pub(super) fn write(self: &Arc<Self>, buf: &[u8], offset: u64) -> io::Result<()> {
        let file = self.open(true)?.ok_or(io::ErrorKind::NotFound)?;
        let mut done = 0;
        while done < buf.len() {
            match positional::write_at(&file, &buf[done..], offset + done as u64) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => done += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Cuts the file where it is longer than `len`.
    pub(super) fn truncate(self: &Arc<Self>, len: u64) -> io::Result<()> {
        match self.open(false)? {
            Some(file) if file.metadata()?.len() > len => file.set_len(len),
            _ => Ok(()),
        }
    }

    /// Makes what was written durable.
    pub(super) fn sync(self: &Arc<Self>) -> io::Result<()> {
        match self.open(false)? {
            Some(file) => file.sync_data(),
            None => Ok(()),
        }
    }

    /// Closes the file; whether it was ever made, and so has to be removed.
    pub(super) fn close(&self) -> bool {
        let mut handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        handle.file = None;
        handle.is_made
    }

    fn open(self: &Arc<Self>, make: bool) -> io::Result<Option<Arc<File>>> {
        let mut handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &handle.file {
            return Ok(Some(file.clone()));
        }
        if !handle.is_made && !make {
            return Ok(None);
        }
        if !handle.is_made {
            self.folder.make().map_err(io::Error::other)?;
            self.folder.names_changed.store(true, Ordering::Relaxed);
        }
        let writable = !self.folder.read_only;
        let path = self.folder.data(self.number);
        let file = match File::options().read(true).write(writable).create(make && writable).open(path) {
            Ok(file) => file,
            // The process that recorded it ended before the data arrived.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !make => return Ok(None),
            Err(error) => return Err(error),
        };
        handle.is_made = true;
        if let Some(len) = handle.trim.take()
            && writable
            && file.metadata()?.len() > len
        {
            file.set_len(len)?;
        }
        let file = Arc::new(file);
        handle.file = Some(file.clone());
        drop(handle);
        self.keep_few_open();
        Ok(Some(file))
    }

    fn keep_few_open(self: &Arc<Self>) {
        let mut open = self.folder.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.push_back(Arc::downgrade(self));
        let oldest = if open.len() > OPEN_MAX { open.pop_front() } else { None };
        drop(open);
        if let Some(oldest) = oldest.and_then(|oldest| oldest.upgrade()) {
            oldest.close();
        }
    }
}
