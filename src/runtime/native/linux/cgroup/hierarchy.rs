//! Which hierarchies of cgroups are mounted, and where in each of them this process is.

use std::io;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use crate::sys::linux::mount_table;
use crate::sys::linux::{cgroup as system, cgroup_device};
use crate::sys::mountinfo::{self, Mount};

/// What is read of a file of /proc at most.
pub(super) const PROC_BYTES: u64 = 4 << 20;
/// What is read of a file of a cgroup at most.
const FILE_BYTES: u64 = 1 << 20;

/// All mounted hierarchies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hierarchies {
    /// Those of cgroup v1.
    pub(super) v1: Vec<Hierarchy>,
    /// The one of cgroup v2.
    pub(super) unified: Option<Hierarchy>,
    /// Whether programs of the kernel decide in it which devices may be used: not without CONFIG_CGROUP_BPF.
    pub(super) has_device_programs: bool,
}

/// One hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hierarchy {
    /// Its controllers by name, with `name=systemd` for a named one; of v2 empty, because `cgroup.controllers` has them.
    pub(super) controllers: Vec<String>,
    /// Where it is mounted.
    pub(super) point: PathBuf,
    /// The cgroup of this process, as a directory; `point` where it is outside of what is mounted.
    pub(super) own: PathBuf,
}

impl Hierarchies {
    /// Those that this process sees.
    pub(super) fn read() -> Result<Hierarchies, String> {
        let mounts = mount_table::read().map_err(|error| format!("cannot read the table of mounts: {error}"))?;
        let own = read_bounded(Path::new("/proc/self/cgroup"), PROC_BYTES)?;
        let mut found = Hierarchies::parse(&mounts, &own);
        found.has_device_programs = found.unified.as_ref().is_some_and(|unified| {
            // A kernel without them knows no such question; who may not ask it is another matter.
            let asked = system::open_directory(&unified.point).and_then(|dir| cgroup_device::attached(dir.as_fd()));
            asked.map_or_else(|error| error.kind() == io::ErrorKind::PermissionDenied, |_| true)
        });
        Ok(found)
    }

    /// Those of a text of /proc/PID/mountinfo and one of /proc/PID/cgroup: proc_pid_mountinfo(5), cgroups(7). Lines that are
    /// not understood are passed over.
    pub(super) fn parse(mounts: &str, own: &str) -> Hierarchies {
        let mounts: Vec<CgroupMount> = mountinfo::mounts(mounts).filter_map(CgroupMount::of).collect();
        let mut found = Hierarchies::default();
        for line in own.lines() {
            let mut fields = line.splitn(3, ':');
            let (Some(id), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
                continue;
            };
            if id == "0" && controllers.is_empty() {
                found.unified = best(&mounts, |mount| mount.is_v2).map(|mount| mount.hierarchy(Vec::new(), path));
            } else {
                let names: Vec<String> = controllers.split(',').map(str::to_owned).collect();
                let holds = |mount: &CgroupMount| !mount.is_v2 && names.iter().all(|name| mount.options.contains(name));
                let hierarchy = best(&mounts, holds).map(|mount| mount.hierarchy(names.clone(), path));
                found.v1.extend(hierarchy);
            }
        }
        found
    }

    /// The hierarchy of v1 that has `controller`.
    pub(super) fn v1_of(&self, controller: &str) -> Option<&Hierarchy> {
        self.v1.iter().find(|hierarchy| hierarchy.has(controller))
    }

    /// Whether v2 is all there is.
    pub(super) fn is_v2_only(&self) -> bool {
        self.unified.is_some()
            && self.v1.iter().all(|hierarchy| hierarchy.controllers.iter().all(|name| name.contains('=')))
    }
}

impl Hierarchy {
    /// Whether `controller` is one of its.
    pub(super) fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|name| name == controller)
    }
}

/// One mount of cgroups.
struct CgroupMount {
    root: String,
    point: PathBuf,
    is_v2: bool,
    options: Vec<String>,
}

impl CgroupMount {
    fn of(mount: Mount<'_>) -> Option<CgroupMount> {
        let is_v2 = match mount.kind {
            "cgroup" => false,
            "cgroup2" => true,
            _ => return None,
        };
        Some(CgroupMount {
            root: mount.root.into_owned(),
            point: PathBuf::from(&*mount.point),
            is_v2,
            options: mount.options.split(',').map(str::to_owned).collect(),
        })
    }

    fn hierarchy(&self, controllers: Vec<String>, path: &str) -> Hierarchy {
        let below = Path::new(path).strip_prefix(&self.root).unwrap_or(Path::new(""));
        // A process outside of its cgroup namespace has a path such as `/../x`: there is no directory for it.
        let is_inside = !below.components().any(|part| part == std::path::Component::ParentDir);
        let own = if is_inside && below != Path::new("") { self.point.join(below) } else { self.point.clone() };
        Hierarchy { controllers, point: self.point.clone(), own }
    }
}

/// The mount to use of several of one hierarchy: a whole one before a part of one, the usual place before others.
fn best(mounts: &[CgroupMount], fits: impl Fn(&CgroupMount) -> bool) -> Option<&CgroupMount> {
    mounts
        .iter()
        .filter(|mount| fits(mount))
        .min_by_key(|mount| (mount.root != "/", !mount.point.starts_with("/sys/fs/cgroup")))
}

/// The directory of `path` below `base`, which cannot be left: `..` is refused, and so is the base itself.
pub(super) fn below(base: &Path, path: &str) -> Result<PathBuf, String> {
    let mut directory = base.to_path_buf();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.is_empty() {
        return Err(format!("the cgroup path {path:?} is the root of all cgroups; name one below it"));
    }
    for part in parts {
        if part == ".." || part.contains(['\0', '\n']) {
            return Err(format!(
                "the cgroup path {path:?} is not allowed: it must not hold `..`, a zero or a new line"
            ));
        }
        directory.push(part);
    }
    Ok(directory)
}

/// The text of a file that is not large.
pub(super) fn read_bounded(path: &Path, limit: u64) -> Result<String, String> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(4 << 10);
        std::fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    if bytes.len() as u64 == limit {
        return Err(format!("cannot read {}: it is larger than {limit} bytes", path.display()));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The text of a file of a cgroup, without what is blank at its ends.
pub(super) fn read_file(path: &Path) -> Result<String, String> {
    read_bounded(path, FILE_BYTES).map(|text| text.trim().to_owned())
}

/// The words of a file of a cgroup; none if it cannot be read.
pub(super) fn read_words(path: &Path) -> Vec<String> {
    read_file(path).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// Writes `text` at once to a file that is there.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    std::fs::OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes())
}

/// As [`write`], with an error that names the file and the value.
pub(super) fn write_file(path: &Path, text: &str) -> Result<(), String> {
    write(path, text).map_err(|error| format!("cannot write {text:?} to {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const HYBRID: &str = "\
22 27 0:21 / /proc rw,relatime - proc proc rw
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";
    const HYBRID_OWN: &str = "9:name=systemd:/\n4:memory:/process/a b\n3:cpuset:/\n1:cpu,cpuacct:/\n0::/x\nnonsense\n";

    #[test]
    fn hierarchies_of_both_versions_are_found_beside_each_other() {
        let found = Hierarchies::parse(HYBRID, HYBRID_OWN);
        let names: Vec<String> = found.v1.iter().map(|hierarchy| hierarchy.controllers.join(",")).collect();
        assert_eq!(names, ["name=systemd", "memory", "cpu,cpuacct"], "cpuset is not mounted");
        assert_eq!(found.v1_of("cpuacct").unwrap().point, Path::new("/sys/fs/cgroup/cpu,cpuacct"));
        assert_eq!(found.v1_of("memory").unwrap().own, Path::new("/sys/fs/cgroup/memory/process/a b"));
        assert_eq!(found.unified.as_ref().unwrap().own, Path::new("/sys/fs/cgroup/unified/x"));
        assert!(!found.is_v2_only());
    }

    #[test]
    fn a_system_of_v2_alone_has_one_hierarchy() {
        let mounts = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n";
        let found = Hierarchies::parse(mounts, "0::/user.slice/user-1000.slice/session-2.scope\n");
        assert!(found.is_v2_only());
        assert!(found.v1.is_empty());
        let unified = found.unified.unwrap();
        assert_eq!(unified.own, Path::new("/sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope"));
        assert_eq!(unified.point, Path::new("/sys/fs/cgroup"));
    }

    #[test]
    fn a_part_of_a_hierarchy_is_used_where_nothing_else_is_mounted() {
        let mounts = "30 23 0:26 /docker/abc /my\\040cgroups ro - cgroup cgroup rw,pids\n31 1 0:30 / /bad\\9 rw - cgroup2 none rw\n";
        let found = Hierarchies::parse(mounts, "2:pids:/docker/abc/sub\n0::/../outside\n");
        assert_eq!(found.v1[0].point, Path::new("/my cgroups"));
        assert_eq!(found.v1[0].own, Path::new("/my cgroups/sub"));
        assert_eq!(
            found.unified.as_ref().unwrap().own,
            Path::new("/bad\\9"),
            "outside of the namespace there is nothing"
        );
    }

    #[test]
    fn the_whole_hierarchy_at_its_usual_place_is_preferred() {
        let mounts = "1 1 0:1 /part /sys/fs/cgroup/a rw - cgroup2 c rw\n2 1 0:1 / /elsewhere rw - cgroup2 c rw\n3 1 0:1 / /sys/fs/cgroup rw - cgroup2 c rw\n";
        assert_eq!(Hierarchies::parse(mounts, "0::/\n").unified.unwrap().point, Path::new("/sys/fs/cgroup"));
    }

    #[test]
    fn a_path_does_not_leave_its_base() {
        let base = Path::new("/c");
        assert_eq!(below(base, "/a//./b").unwrap(), Path::new("/c/a/b"));
        for path in ["", "/", "/.", "..", "/a/../b", "/a\0", "a\nb"] {
            assert!(below(base, path).is_err(), "{path:?}");
        }
    }
}
