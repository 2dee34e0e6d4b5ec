//! The cgroups of a container: what holds its processes together and limits what they use.
//!
//! A system has cgroup v2 (one hierarchy), v1 (several, each with its controllers) or both beside each other. Each limit goes to
//! the hierarchy that has its controller, whichever version that is; a limit that no hierarchy can keep is an error.

mod check;
mod control;
mod devices;
mod further;
mod hierarchy;
mod limits;
mod outside;
mod owner;
mod stats;
mod systemd;
#[cfg(test)]
mod tests;
mod tree;
mod v1;
mod v2;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use crate::oci::runtime::Resources;
use crate::runtime::native::{CgroupRecord, V1Cgroup};
use crate::sys::linux::cgroup as system;
use hierarchy::{Hierarchies, Hierarchy};
use tree::MakeError;

pub(super) use check::{check, has_v1};
pub use outside::{clean_up, clean_up_at, is_paused, limitable, pausable, pause, unpause, update};
pub(super) use owner::owner_of;
pub(super) use systemd::{Manager, PREFIX as SYSTEMD_PROPERTY, Scope};

/// Where hierarchies are mounted.
const MOUNTED: &str = "/sys/fs/cgroup";
/// The folder of cgroups that nobody chose a place for: it goes with its last one.
const FOLDER: &str = "cowbox";

/// What a cgroup is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct CgroupRequest<'a> {
    /// `linux.cgroupsPath` of the spec: from the root of the hierarchies if it begins with `/`, else from where we are.
    pub(super) path: &'a str,
    /// The limits.
    pub(super) resources: Option<&'a Resources>,
    /// In which hierarchies it is made beside those that limits ask for.
    pub(super) reach: Reach,
    /// The scope that systemd makes, with cgroups in all hierarchies. `path` is not looked at then.
    pub(super) scope: Option<&'a Scope>,
    /// The user of the host that the one of v2 is given to.
    pub(super) owner: Option<u32>,
}

/// In which hierarchies a container has cgroups for which no limit asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// In that of v2 where it is all there is and may be written to, else in none.
    Needed,
    /// Wherever they may be made.
    Allowed,
    /// In all: one that may not be made is an error.
    All,
}

impl Reach {
    /// Whether hierarchies are tried for which no limit asks.
    fn is_wide(self) -> bool {
        self != Reach::Needed
    }
}

/// A scope that systemd may have made for a container whose creation was broken off.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotedScope {
    pub(super) unit: String,
    /// The address of the bus on which a user's systemd was asked for it.
    pub(super) bus: Option<String>,
}

/// Where the files of one controller are.
enum Place<'a> {
    V1(&'a Path),
    V2(&'a Path),
}

impl<'a> Place<'a> {
    fn path(&self) -> &'a Path {
        let (Place::V1(path) | Place::V2(path)) = self;
        path
    }
}

/// The cgroups of one container.
#[derive(Debug)]
pub(super) struct Cgroup {
    record: CgroupRecord,
    /// The one of v2.
    directory: Option<OwnedFd>,
    /// Whether rules of devices are programs in it, or else lines of v1.
    has_device_programs: bool,
    /// What systemd makes once there is a process for it. Until then nothing of `record` is there.
    unmade: Option<Scope>,
    /// The user of the host that the one of v2 is given to.
    owner: Option<u32>,
    /// Whether it was named for one process, which is in no other one then.
    is_named: bool,
    /// Whether only systemd can move processes of ours into it.
    is_far: bool,
}

impl Cgroup {
    /// Makes the cgroups that `request` needs and writes all limits to them but those of [`Cgroup::limit_devices`]. None where
    /// nothing asks for one: with v1 neither a limit nor a wide reach; with v2 alone there is one unless it may not be made.
    pub(super) fn create(request: &CgroupRequest<'_>) -> Result<Option<Cgroup>, String> {
        // What cannot be kept is told before anything is made.
        let needed = limits::needed(request.resources)?;
        if let Some(scope) = request.scope {
            return Cgroup::of_scope(scope, &needed).map(|cgroup| Some(Cgroup { owner: request.owner, ..cgroup }));
        }
        let is_asked = !needed.is_empty() || request.reach.is_wide();
        if !is_asked && (request.path.is_empty() || !system::is_unified(Path::new(MOUNTED))) {
            return Ok(None);
        }
        let found = Hierarchies::read()?;
        let wanted = Wanted { needed: &needed, reach: request.reach, owner: request.owner };
        Cgroup::make(&found, &wanted, request.resources, |hierarchy| directory_of(hierarchy, request.path))
    }

    fn new(found: &Hierarchies, record: CgroupRecord) -> Cgroup {
        let has_device_programs = found.has_device_programs;
        Cgroup {
            record,
            directory: None,
            has_device_programs,
            unmade: None,
            owner: None,
            is_named: false,
            is_far: false,
        }
    }

    /// Makes cgroups at the paths that `directory` tells for each hierarchy, and writes limits.
    fn make(
        found: &Hierarchies,
        wanted: &Wanted<'_>,
        resources: Option<&Resources>,
        directory: impl Fn(&Hierarchy) -> Result<PathBuf, String>,
    ) -> Result<Option<Cgroup>, String> {
        let mut cgroup = Cgroup { owner: wanted.owner, ..Cgroup::new(found, CgroupRecord::default()) };
        let result = cgroup.make_all(found, wanted, directory).and_then(|()| match resources {
            Some(resources) => cgroup.write_amounts(resources),
            None => Ok(()),
        });
        let result = result.and_then(|()| cgroup.hand_over());
        if let Err(error) = result {
            // The first error is the one to tell.
            let _ = cgroup.remove();
            return Err(error);
        }
        let is_made = cgroup.directories().next().is_some();
        Ok(is_made.then_some(cgroup))
    }

    fn make_all(
        &mut self,
        found: &Hierarchies,
        wanted: &Wanted<'_>,
        directory: impl Fn(&Hierarchy) -> Result<PathBuf, String>,
    ) -> Result<(), String> {
        // A program of v2 keeps rules of devices on all systems that have v2: a process is born there, which costs far less than
        // to be moved into a cgroup of v1.
        let is_of_v1 = |name: &&str| {
            let prefers_v2 = *name == "devices" && found.has_device_programs;
            !prefers_v2 && found.v1_of(limits::v1_name(name)).is_some()
        };
        let (of_v1, of_v2): (Vec<&str>, Vec<&str>) = wanted.needed.iter().map(String::as_str).partition(is_of_v1);
        if let (Some(name), None) = (of_v2.first(), &found.unified) {
            return Err(limits::missing(name, Path::new(MOUNTED)));
        }
        for hierarchy in &found.v1 {
            let needed: Vec<&str> = of_v1.iter().copied().filter(|name| hierarchy.has(limits::v1_name(name))).collect();
            if needed.is_empty() && !wanted.reach.is_wide() {
                continue;
            }
            match self.make_v1(hierarchy, directory(hierarchy)?) {
                Err(error) if error.is_not_writable && needed.is_empty() && wanted.reach != Reach::All => {}
                made => made.map_err(|error| not_delegated(error, &needed))?,
            }
        }
        let Some(unified) = &found.unified else { return Ok(()) };
        if of_v2.is_empty() && !wanted.reach.is_wide() && !found.is_v2_only() {
            return Ok(());
        }
        let path = directory(unified)?;
        match tree::make_v2(unified, &path, &of_v2, wanted.reach.is_wide()) {
            Err(error) if error.is_not_writable && of_v2.is_empty() && wanted.reach != Reach::All => Ok(()),
            Err(error) => Err(not_delegated(error, &of_v2)),
            Ok(()) => {
                self.directory = Some(open_directory(&path)?);
                self.record.unified = Some(path);
                Ok(())
            }
        }
    }

    fn make_v1(&mut self, hierarchy: &Hierarchy, path: PathBuf) -> Result<(), MakeError> {
        tree::make_v1(hierarchy, &path)?;
        self.record.v1.push(V1Cgroup { controllers: hierarchy.controllers.clone(), path });
        Ok(())
    }

    /// The directory of v2, for `CLONE_INTO_CGROUP`; none where there is none.
    pub(super) fn clone_fd(&self) -> Option<BorrowedFd<'_>> {
        self.directory.as_ref().filter(|_| !self.is_far).map(AsFd::as_fd)
    }

    /// Whether a process has to be moved into one, also if it was cloned into [`Cgroup::clone_fd`].
    pub(super) fn is_to_add(&self) -> bool {
        self.unmade.is_some() || self.is_far || !self.record.v1.is_empty()
    }

    /// The cgroups of a scope that is not made yet. They must be nobody else's.
    fn of_scope(scope: &Scope, needed: &[String]) -> Result<Cgroup, String> {
        let found = Hierarchies::read()?;
        scope.check(&found, needed)?;
        let place = |hierarchy: &Hierarchy| {
            let path = hierarchy::below(&hierarchy.point, scope.path())?;
            tree::refuse_used(&path).map_err(|error| error.message).map(|()| path)
        };
        let mut record = CgroupRecord::default();
        for hierarchy in &found.v1 {
            record.v1.push(V1Cgroup { controllers: hierarchy.controllers.clone(), path: place(hierarchy)? });
        }
        record.unified = found.unified.as_ref().map(place).transpose()?;
        Ok(Cgroup { unmade: Some(scope.clone()), ..Cgroup::new(&found, record) })
    }

    /// Limits which devices may be used. It is the limit that takes longest, and that a process which is not the container's yet does
    /// not need.
    pub(super) fn limit_devices(&self, resources: Option<&Resources>) -> Result<(), String> {
        match resources.filter(|_| self.unmade.is_none()) {
            Some(resources) => self.write_devices(resources),
            None => Ok(()),
        }
    }

    /// Puts the container's first process into those cgroups that it was not cloned into. A scope of systemd is made now, and
    /// gets its limits.
    pub(super) fn add_first(&mut self, pid: u32, resources: Option<&Resources>) -> Result<(), String> {
        let Some(scope) = self.unmade.take() else { return self.add(pid) };
        // Until systemd has made it, nothing there is ours to remove.
        let record = std::mem::take(&mut self.record);
        let none = Resources::default();
        let resources = resources.unwrap_or(&none);
        let is_in = || directories(&record).any(|dir| tree::holds(dir, pid));
        scope.start(pid, resources, self.of_scope_at(&record), is_in)?;
        let bus = scope.bus().map(str::to_owned);
        self.record = CgroupRecord { scope: Some(scope.unit().to_owned()), bus, ..record };
        let needed = limits::needed(Some(resources))?;
        let needed: Vec<&str> = needed.iter().map(String::as_str).collect();
        tree::complete(&Hierarchies::read()?, &self.record, &needed).map_err(|error| error.message)?;
        directories(&self.record).try_for_each(|dir| tree::add(dir, pid))?;
        self.directory = self.record.unified.as_deref().map(open_directory).transpose()?;
        self.write_limits(resources)?;
        self.hand_over()
    }

    /// Moves a process that was cloned into [`Cgroup::clone_fd`] into the others, too.
    pub(super) fn add(&self, pid: u32) -> Result<(), String> {
        if self.is_far {
            systemd::attach(&self.record, pid)?;
        }
        self.record.v1.iter().try_for_each(|place| tree::add(&place.path, pid))
    }

    /// What another process opens these cgroups by.
    pub(super) fn to_record(&self) -> CgroupRecord {
        self.record.clone()
    }

    /// The cgroups of a record. Those that are gone are found to be so when they are used.
    pub(super) fn from_record(record: &CgroupRecord) -> Result<Cgroup, String> {
        let found = Hierarchies::read()?;
        let points: Vec<&Path> =
            found.v1.iter().chain(&found.unified).map(|hierarchy| hierarchy.point.as_path()).collect();
        for path in directories(record) {
            let is_plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
            let is_below = points.iter().any(|point| path.starts_with(point) && path != *point);
            if !is_plain || !is_below {
                return Err(format!("{} is no cgroup of a container", path.display()));
            }
        }
        record.scope.as_deref().map_or(Ok(()), systemd::check_unit)?;
        // One that is gone has no directory to clone into.
        let directory = record.unified.as_deref().and_then(|path| system::open_directory(path).ok());
        let is_far = is_far(&found, record);
        Ok(Cgroup { directory, is_far, ..Cgroup::new(&found, record.clone()) })
    }

    /// The cgroups that are there at the path of a spec, or of this scope; none where there are none.
    pub(super) fn at(path: &str, scope: Option<NotedScope>) -> Result<Option<Cgroup>, String> {
        let found = Hierarchies::read()?;
        let mut record = CgroupRecord::default();
        for hierarchy in &found.v1 {
            let path = directory_of(hierarchy, path)?;
            if path.is_dir() {
                record.v1.push(V1Cgroup { controllers: hierarchy.controllers.clone(), path });
            }
        }
        if let Some(hierarchy) = &found.unified {
            record.unified = Some(directory_of(hierarchy, path)?).filter(|path| path.is_dir());
        }
        if record == CgroupRecord::default() {
            return Ok(None);
        }
        if let Some(NotedScope { unit, bus }) = scope {
            record = CgroupRecord { scope: Some(unit), bus, ..record };
        }
        Cgroup::from_record(&record).map(Some)
    }

    /// Changes limits.
    pub(super) fn update(&self, resources: &Resources) -> Result<(), String> {
        let needed = limits::needed(Some(resources))?;
        if self.record.scope.is_some() {
            // Before systemd has them, too.
            self.check_kept(&needed)?;
            systemd::update(self.of_scope_at(&self.record), resources)?;
        }
        self.write_limits(resources)
    }

    /// What systemd has to know of the cgroups of a scope.
    fn of_scope_at<'a>(&self, record: &'a CgroupRecord) -> systemd::Cgroups<'a> {
        let has_programs = self.has_device_programs && record.unified.is_some();
        systemd::Cgroups { record, has_device_lines: !has_programs && v1_place(record, "devices").is_some() }
    }

    fn directories(&self) -> impl Iterator<Item = &Path> {
        directories(&self.record)
    }

    /// Where the files of `controller` are, by its name in v1 or v2; none where this container has none.
    fn find(&self, controller: &str) -> Option<Place<'_>> {
        if let Some(place) = v1_place(&self.record, limits::v1_name(controller)) {
            return Some(Place::V1(place));
        }
        let unified = self.record.unified.as_deref()?;
        let is_there = hierarchy::read_words(&unified.join("cgroup.controllers")).iter().any(|name| name == controller);
        is_there.then_some(Place::V2(unified))
    }
}

/// A cgroup whose container has not started: it goes again unless it is kept.
pub(super) struct Begun(pub(super) Option<Cgroup>);

impl Begun {
    /// The cgroup of a container that has started.
    pub(super) fn keep(mut self) -> Option<Cgroup> {
        self.0.take()
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(cgroup) = &self.0 {
            // What went wrong before is the error to tell.
            let _ = cgroup.remove();
        }
    }
}

/// The error with what needed the cgroup, where it may not be made here.
fn not_delegated(error: MakeError, needed: &[&str]) -> String {
    match needed.first().filter(|_| error.is_not_writable) {
        Some(controller) => format!("{}: {}", limits::purpose(controller), error.message),
        None => error.message,
    }
}

/// What the cgroups are made for.
struct Wanted<'a> {
    /// Controllers that limits need.
    needed: &'a [String],
    reach: Reach,
    owner: Option<u32>,
}

fn open_directory(path: &Path) -> Result<OwnedFd, String> {
    system::open_directory(path).map_err(|error| format!("cannot open the cgroup {}: {error}", path.display()))
}

fn directories(record: &CgroupRecord) -> impl Iterator<Item = &Path> {
    record.v1.iter().map(|place| place.path.as_path()).chain(record.unified.as_deref())
}

/// Whether a user's scope is where the user may not move their processes to: what is between it and us is the system's. That is
/// so for who is in a session that the user's systemd did not make.
fn is_far(found: &Hierarchies, record: &CgroupRecord) -> bool {
    let (Some(_), Some(hierarchy), Some(dir)) = (&record.bus, &found.unified, &record.unified) else { return false };
    let both = hierarchy.own.components().zip(dir.components()).take_while(|(own, other)| own == other);
    let common: PathBuf = both.map(|(own, _)| own).collect();
    !system::is_writable(&common.join("cgroup.procs"))
}

fn v1_place<'a>(record: &'a CgroupRecord, controller: &str) -> Option<&'a Path> {
    let has = |place: &&V1Cgroup| place.controllers.iter().any(|name| name == controller);
    record.v1.iter().find(has).map(|place| place.path.as_path())
}

/// The directory of the hierarchy that is mounted at `point` that belongs to a container: its own, or the one of this process.
pub(super) fn own_directory(record: Option<&CgroupRecord>, point: &Path) -> Result<PathBuf, String> {
    let is_in = |path: &&Path| path.strip_prefix(point).is_ok_and(|rest| !rest.as_os_str().is_empty());
    if let Some(path) = record.and_then(|record| directories(record).find(is_in)) {
        return Ok(path.to_owned());
    }
    let found = Hierarchies::read()?;
    let own = found.v1.iter().chain(&found.unified).find(|hierarchy| hierarchy.point == point);
    Ok(own.map_or_else(|| point.to_owned(), |hierarchy| hierarchy.own.clone()))
}

/// The directory in `hierarchy` that a path of a spec means.
fn directory_of(hierarchy: &Hierarchy, path: &str) -> Result<PathBuf, String> {
    let base = if path.starts_with('/') { hierarchy.point.clone() } else { tree::own_base(hierarchy) };
    hierarchy::below(&base, path)
}
