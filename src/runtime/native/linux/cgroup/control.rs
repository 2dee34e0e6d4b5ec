//! What is done to the processes of a container as a whole: pausing, counting, ending, and removing its cgroups.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::hierarchy::{read_file, write, write_file};
use super::{Cgroup, FOLDER, MOUNTED, Place, limits, systemd, tree, v1_place};
use crate::runtime::native::CgroupRecord;
use crate::sys::linux::cgroup as system;

/// How long processes may take to be frozen, or to end.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(1);

impl Cgroup {
    /// Stops all processes until [`Cgroup::thaw`].
    pub fn freeze(&self) -> Result<(), String> {
        match self.freezer()? {
            Place::V1(dir) => freeze_v1(dir),
            Place::V2(dir) => {
                write_file(&dir.join("cgroup.freeze"), "1")?;
                wait_frozen(dir)
            }
        }
        .inspect_err(|_| {
            // Half of the processes stopped is worse than none.
            let _ = self.thaw();
        })
    }

    /// Lets processes go on. Cgroups that are gone have none.
    pub fn thaw(&self) -> Result<(), String> {
        let (dir, thawed) = match self.freezer()? {
            Place::V1(dir) => (dir, write_file(&dir.join("freezer.state"), "THAWED")),
            Place::V2(dir) => (dir, write_file(&dir.join("cgroup.freeze"), "0")),
        };
        thawed.or_else(|error| if dir.exists() { Err(error) } else { Ok(()) })
    }

    /// Whether [`Cgroup::freeze`] can be had without a further cgroup.
    pub(super) fn has_freezer(&self) -> bool {
        self.freezer().is_ok()
    }

    /// The cgroup of v1 that freezes, if it is one of v1 that does.
    pub(super) fn v1_freezer(&self) -> Option<&Path> {
        v1_place(&self.record, "freezer")
    }

    fn freezer(&self) -> Result<Place<'_>, String> {
        freezer_of(&self.record).ok_or_else(|| limits::missing("freezer", Path::new(MOUNTED)))
    }

    /// All processes, in order.
    pub fn processes(&self) -> Vec<u32> {
        let pids: BTreeSet<u32> = self.directories().flat_map(tree::pids).collect();
        pids.into_iter().collect()
    }

    /// Ends all processes, frozen or not, and waits until they have ended.
    pub fn kill(&self) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let pids = self.processes();
            if pids.is_empty() {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(format!("{} processes did not end: {pids:?}", pids.len()));
            }
            self.kill_once(&pids)?;
            thread::sleep(PAUSE);
        }
    }

    fn kill_once(&self, pids: &[u32]) -> Result<(), String> {
        let kill_file = self.record.unified.as_ref().map(|dir| dir.join("cgroup.kill"));
        if kill_file.is_some_and(|file| write(&file, "1").is_ok()) && self.record.v1.is_empty() {
            return Ok(());
        }
        // What is frozen cannot fork away from the signals; it gets them once it is thawed. Without a freezer the next round
        // finds what did.
        let has_freezer = self.freezer().is_ok();
        if has_freezer {
            // What could not be frozen is still sent its signal.
            let _ = self.freeze();
        }
        let end = |pid: &u32| system::kill(*pid).map_err(|error| format!("cannot end process {pid}: {error}"));
        let result = pids.iter().try_for_each(end);
        if has_freezer {
            self.thaw()?;
        }
        result
    }

    /// How many processes were ended because memory was out.
    pub fn oom_kills(&self) -> u64 {
        let (file, field) = match self.find("memory") {
            Some(Place::V1(dir)) => (dir.join("memory.oom_control"), "oom_kill"),
            Some(Place::V2(dir)) => (dir.join("memory.events"), "oom_kill"),
            None => return 0,
        };
        read_file(&file).ok().and_then(|text| field_of(&text, field)).unwrap_or(0)
    }

    /// Removes the cgroups, and those that were made in them. Those that are gone are no error.
    pub fn remove(&self) -> Result<(), String> {
        if self.unmade.is_some() {
            return Ok(());
        }
        let mut result = match &self.record.scope {
            // Without its cgroups the scope has gone by itself.
            Some(unit) if self.directories().any(Path::exists) => systemd::stop(self.record.bus.as_deref(), unit),
            _ => Ok(()),
        };
        for dir in self.directories() {
            result = result.and(tree::remove(dir));
            remove_folder_of(dir);
        }
        result
    }

    /// Removes those of the cgroups that nothing is in; whether all are gone then.
    pub fn remove_empty(&self) -> bool {
        let is_plain = self.unmade.is_none() && self.record.scope.is_none();
        is_plain
            && self.directories().all(|dir| {
                let is_gone = tree::remove_one(dir).is_ok();
                remove_folder_of(dir);
                is_gone
            })
    }
}

/// Removes the folder of cgroups that nobody chose a place for, with its last one.
fn remove_folder_of(dir: &Path) {
    if let Some(parent) = dir.parent().filter(|parent| parent.ends_with(FOLDER)) {
        // Others are in it, unless this was the last.
        let _ = std::fs::remove_dir(parent);
    }
}

/// Where a container is frozen: a cgroup of v1 with the controller freezer, or any of v2.
fn freezer_of(record: &CgroupRecord) -> Option<Place<'_>> {
    let of_v1 = v1_place(record, "freezer").map(Place::V1);
    of_v1.or(record.unified.as_deref().map(Place::V2))
}

/// Whether the processes are stopped. A cgroup that is gone, or that cannot be frozen, has none that are.
pub(super) fn is_frozen(record: &CgroupRecord) -> bool {
    match freezer_of(record) {
        Some(Place::V1(dir)) => read_file(&dir.join("freezer.state")).is_ok_and(|state| state != "THAWED"),
        Some(Place::V2(dir)) => read_file(&dir.join("cgroup.freeze")).is_ok_and(|state| state == "1"),
        None => false,
    }
}

fn freeze_v1(dir: &Path) -> Result<(), String> {
    let file = dir.join("freezer.state");
    let until = Instant::now() + PATIENCE;
    let mut count = 0u32;
    loop {
        write_file(&file, "FROZEN")?;
        if read_file(&file)? == "FROZEN" {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(format!(
                "the processes of {} could not be frozen: one does not leave the kernel",
                dir.display()
            ));
        }
        count += 1;
        // A process that begins to wait for one that is frozen is let go on for a moment.
        if count.is_multiple_of(50) {
            write_file(&file, "THAWED")?;
        }
        thread::sleep(PAUSE);
    }
}

fn wait_frozen(dir: &Path) -> Result<(), String> {
    let path = dir.join("cgroup.events");
    let file = File::open(&path).map_err(|error| format!("cannot open {}: {error}", path.display()))?;
    let until = Instant::now() + PATIENCE;
    loop {
        let text = read_again(&file, &path)?;
        if field_of(&text, "frozen") == Some(1) {
            return Ok(());
        }
        let left = until.saturating_duration_since(Instant::now());
        let is_changed = !left.is_zero() && system::wait_changed(&file, left).map_err(|error| error.to_string())?;
        if !is_changed {
            return Err(format!(
                "the processes of {} could not be frozen: one does not leave the kernel",
                dir.display()
            ));
        }
    }
}

/// Reads a small file from its beginning through an open one, which is what tells the kernel that its state is known.
fn read_again(file: &File, path: &Path) -> Result<String, String> {
    let mut bytes = [0; 4096];
    let read = crate::sys::positional::read_at(file, &mut bytes, 0);
    let length = read.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes[..length]).into_owned())
}

/// The number beside `name` in lines of names and numbers.
pub(super) fn field_of(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}
