//! Folders that native containers leave for those to come.
//!
//! To make and to remove directories is most of what a short-lived container does to a disk. What one has left that wrote no files and
//! no log is therefore put aside as it is, emptied by a later one while its process is made, and used by one after that.

use std::fs;
use std::io;
use std::path::Path;

use super::Store;
use super::containers::ContainerId;
use super::error::{Context, Result};
use super::layout::Layout;
use crate::sys::durable;

/// How many emptied folders are kept.
const KEPT: usize = 4;
/// How many folders are emptied at a time.
const AT_ONCE: usize = 8;
/// How long a lock file, to which containers that are removed as they end add a line, may become.
const LOCK_SIZE: u64 = 64 * 1024;

impl Store {
    /// Makes a container's folder of one that was left: an empty one but for a `work` folder, which is empty, too. False where
    /// there is none.
    pub(super) fn take_spare(&self, folder: &Path) -> bool {
        (0..KEPT).any(|number| fs::rename(self.layout.spares().join(number.to_string()), folder).is_ok())
    }

    /// Removes the folder of a container that is gone, or leaves it as a spare. False where it is still there, because the container
    /// never was about to start.
    pub(super) fn leave_spare(&self, id: &ContainerId) -> io::Result<bool> {
        let folder = self.container_folder(id);
        if !folder.join("work").exists() {
            return Ok(false);
        }
        // What it wrote or said is gone when it is.
        let is_small = !self.log_path(id).exists()
            && fs::metadata(folder.join("lock")).is_ok_and(|lock| lock.len() < LOCK_SIZE)
            && holds_only(&self.native_changes(id), &[])?
            && holds_only(&folder.join("work/work"), &["incompat"])?;
        // Whoever renames it has it: nobody else removes anything in it from here on.
        let place = match is_small {
            true => self.spare_of(id.as_str())?,
            false => self.layout.tmp().join(id.as_str()),
        };
        match fs::rename(&folder, &place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            claimed => claimed?,
        }
        if !is_small {
            fs::remove_dir_all(&place)?;
        }
        Ok(true)
    }

    /// The folders that are put aside.
    pub fn spares(&self) -> Spares {
        Spares { layout: self.layout.clone() }
    }

    fn spare_of(&self, name: &str) -> io::Result<std::path::PathBuf> {
        let spares = self.layout.spares();
        if !spares.exists() {
            durable::create_private_directory(&spares)?;
        }
        Ok(spares.join(name))
    }
}

/// The folders that containers have left.
pub struct Spares {
    layout: Layout,
}

impl Spares {
    /// Empties those that have something in them. To be called while there is nothing else to do.
    pub fn empty(&self) -> Result<()> {
        let spares = self.layout.spares();
        let Ok(entries) = fs::read_dir(&spares) else { return Ok(()) };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        for name in names.filter(|name| ContainerId::parse(name).is_some()).take(AT_ONCE) {
            self.empty_spare(&name).context("empty", &spares.join(&name))?;
        }
        Ok(())
    }

    fn empty_spare(&self, name: &str) -> io::Result<()> {
        let spares = self.layout.spares();
        let own = self.layout.tmp().join(name);
        if fs::rename(spares.join(name), &own).is_err() {
            // Another process empties it.
            return Ok(());
        }
        let work = own.join("work");
        for entry in fs::read_dir(&own)?.chain(fs::read_dir(&work)?) {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true if entry.path() == work => {}
                true => fs::remove_dir_all(entry.path())?,
                false => fs::remove_file(entry.path())?,
            }
        }
        // Who has the name already has something in it, and keeps it.
        match (0..KEPT).any(|number| fs::rename(&own, spares.join(number.to_string())).is_ok()) {
            true => Ok(()),
            false => fs::remove_dir_all(&own),
        }
    }
}

/// Whether there is nothing else in a directory, or no directory. Overlayfs leaves marks in its own, and files that were being copied
/// when a container was killed.
fn holds_only(folder: &Path, names: &[&str]) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        entries => {
            Ok(entries?.all(|entry| entry.is_ok_and(|entry| names.iter().any(|name| entry.file_name() == *name))))
        }
    }
}
