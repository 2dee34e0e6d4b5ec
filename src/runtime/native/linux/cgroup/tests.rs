//! Cgroups made by the kernel, with sleeping processes in them.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::hierarchy::{Hierarchies, Hierarchy};
use super::*;
use crate::oci::runtime::{Cpu, DeviceRule, Memory, Pids};
use crate::sys::linux::cgroup_device;

/// A process that sleeps, ended when the test is over.
struct Sleeper(Child);

impl Sleeper {
    fn start() -> Sleeper {
        let mut command = Command::new("sleep");
        Sleeper(command.arg("1000").stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Removes cgroups even if the test fails.
struct Removed<'a>(&'a Cgroup);

impl Drop for Removed<'_> {
    fn drop(&mut self) {
        let _ = self.0.kill_all();
        let _ = self.0.remove();
    }
}

/// Whether cgroups of v1 can be made here; tells why not.
fn can_make(controllers: &[&str]) -> Option<Hierarchies> {
    let found = Hierarchies::read().unwrap();
    if system::effective_user() != 0 {
        skip("not root");
        return None;
    }
    for name in controllers {
        match found.v1_of(name) {
            Some(hierarchy) if system::is_writable(&hierarchy.point) => {}
            _ => {
                skip(&format!("the v1 controller {name} is not mounted here, or not writable"));
                return None;
            }
        }
    }
    Some(found)
}

#[allow(clippy::disallowed_macros)]
fn skip(why: &str) {
    println!("skipped: {why}");
}

/// An id that no other test has.
fn id(name: &str) -> String {
    format!("test-{name}-{}", std::process::id())
}

fn request<'a>(id: &'a str, resources: Option<&'a Resources>) -> CgroupRequest<'a> {
    CgroupRequest { path: "", id, resources, systemd: false, always: false, rootless: false }
}

fn text(path: &Path, name: &str) -> String {
    fs::read_to_string(path.join(name)).unwrap().trim().to_owned()
}

fn resources() -> Resources {
    Resources {
        memory: Some(Memory { limit: Some(64 << 20), ..Memory::default() }),
        cpu: Some(Cpu { shares: Some(512), quota: Some(50_000), period: Some(100_000), ..Cpu::default() }),
        pids: Some(Pids { limit: 10 }),
        ..Resources::default()
    }
}

fn path_in<'a>(cgroup: &'a Cgroup, controller: &str) -> &'a Path {
    match cgroup.find(controller).unwrap() {
        Place::V1(path) | Place::V2(path) => path,
    }
}

#[test]
fn limits_are_written_and_hold_a_process() {
    if can_make(&["memory", "cpu", "pids"]).is_none() {
        return;
    }
    let (id, resources) = (id("limits"), resources());
    let mut cgroup = Cgroup::create(&request(&id, Some(&resources))).unwrap().unwrap();
    let sleeper = Sleeper::start();
    let added = cgroup.add(sleeper.pid());
    let cgroup = &cgroup;
    let removed = Removed(cgroup);
    added.unwrap();

    assert_eq!(cgroup.record.v1.len(), 3, "only what the limits need: {:?}", cgroup.record);
    assert_eq!(text(path_in(cgroup, "memory"), "memory.limit_in_bytes"), (64 << 20).to_string());
    assert_eq!(text(path_in(cgroup, "cpu"), "cpu.shares"), "512");
    assert_eq!(text(path_in(cgroup, "cpu"), "cpu.cfs_quota_us"), "50000");
    assert_eq!(text(path_in(cgroup, "pids"), "pids.max"), "10");
    assert_eq!(cgroup.pids(), [sleeper.pid()]);
    assert_eq!(cgroup.oom_count(), 0);
    let stats = cgroup.stats();
    assert_eq!((stats.pids.current, stats.pids.limit, stats.memory.usage.limit), (1, 10, 64 << 20));

    let change = Resources {
        memory: Some(Memory { limit: Some(32 << 20), swap: Some(48 << 20), ..Memory::default() }),
        pids: Some(Pids { limit: -1 }),
        ..Resources::default()
    };
    cgroup.update(&change).unwrap();
    assert_eq!(text(path_in(cgroup, "memory"), "memory.memsw.limit_in_bytes"), (48 << 20).to_string());
    assert_eq!(text(path_in(cgroup, "pids"), "pids.max"), "max");
    let raise = Resources {
        memory: Some(Memory { limit: Some(128 << 20), swap: Some(256 << 20), ..Memory::default() }),
        ..Resources::default()
    };
    cgroup.update(&raise).unwrap();
    assert_eq!(text(path_in(cgroup, "memory"), "memory.limit_in_bytes"), (128 << 20).to_string());

    let again = Cgroup::create(&request(&id, Some(&resources))).unwrap_err();
    assert!(again.contains("holds 1 processes already"), "{again}");

    let places: Vec<PathBuf> = cgroup.record.directories().map(Path::to_path_buf).collect();
    cgroup.kill_all().unwrap();
    assert_eq!(cgroup.pids(), [] as [u32; 0]);
    cgroup.remove().unwrap();
    cgroup.remove().unwrap();
    drop(removed);
    assert!(places.iter().all(|place| !place.exists()), "{places:?}");
}

#[test]
fn a_cgroup_that_is_always_made_can_be_paused_by_whoever_has_its_record() {
    if can_make(&["freezer", "memory", "cpuset"]).is_none() {
        return;
    }
    let id = id("always");
    let mut cgroup = Cgroup::create(&CgroupRequest { always: true, ..request(&id, None) }).unwrap().unwrap();
    let sleeper = Sleeper::start();
    let added = cgroup.join(sleeper.pid());
    let cgroup = &cgroup;
    let removed = Removed(cgroup);
    added.unwrap();

    let record = serde_json::to_string(&cgroup.to_record()).unwrap();
    let other = Cgroup::from_record(&serde_json::from_str(&record).unwrap()).unwrap();
    assert_eq!(other.record, cgroup.record);
    assert!(!other.is_frozen());
    other.freeze().unwrap();
    assert!(cgroup.is_frozen());
    assert_eq!(other.pids(), [sleeper.pid()]);
    other.thaw().unwrap();
    assert!(!cgroup.is_frozen());
    other.freeze().unwrap();

    // A cgroup that the container made for itself goes with the container's.
    fs::create_dir(path_in(cgroup, "memory").join("inner")).unwrap();
    let places: Vec<PathBuf> = cgroup.record.directories().map(Path::to_path_buf).collect();
    other.kill_all().unwrap();
    other.remove().unwrap();
    drop(removed);
    assert!(places.iter().all(|place| !place.exists()), "{places:?}");
    assert!(places.len() > 3, "{places:?}");
}

#[test]
fn the_end_of_a_cgroup_wakes_who_waits_for_memory_to_be_out() {
    if can_make(&["memory"]).is_none() {
        return;
    }
    let (id, resources) = (id("oom"), resources());
    let cgroup = Cgroup::create(&request(&id, Some(&resources))).unwrap().unwrap();
    let watch = cgroup.watch_oom().unwrap().unwrap();
    assert!(!watch.wait(Some(std::time::Duration::ZERO)).unwrap());
    cgroup.remove().unwrap();
    assert!(watch.wait(Some(std::time::Duration::from_secs(60))).unwrap());
}

#[test]
fn without_limits_there_is_no_cgroup_on_v1() {
    let Some(found) = can_make(&["memory"]) else { return };
    if found.is_v2_only() {
        return skip("cgroup v2 alone");
    }
    let empty = Resources::default();
    assert!(Cgroup::create(&request("none", None)).unwrap().is_none());
    assert!(Cgroup::create(&request("none", Some(&empty))).unwrap().is_none());
}

#[test]
fn a_limit_that_fails_leaves_no_cgroup_behind() {
    let Some(found) = can_make(&["memory", "cpu"]) else { return };
    let id = id("fails");
    let mut resources = resources();
    resources.cpu = Some(Cpu { quota: Some(1), ..Cpu::default() });
    assert!(Cgroup::create(&request(&id, Some(&resources))).is_err());
    assert!(!found.v1_of("memory").unwrap().point.join(FOLDER).join(&id).exists());
}

#[test]
fn rules_of_devices_are_written_to_v1() {
    if can_make(&["devices"]).is_none() {
        return;
    }
    let id = id("devices");
    let deny = DeviceRule { access: "rwm".to_owned(), ..DeviceRule::default() };
    let resources = Resources { devices: vec![deny], ..Resources::default() };
    let cgroup = Cgroup::create(&request(&id, Some(&resources))).unwrap().unwrap();
    let removed = Removed(&cgroup);
    let list = text(path_in(&cgroup, "devices"), "devices.list");
    assert!(list.contains("c 1:3 rwm") && list.contains("c 136:* rwm") && !list.contains("a *:*"), "{list}");
    drop(removed);
}

#[test]
fn a_program_of_devices_is_replaced_by_the_next() {
    let Some(found) = can_make(&[]) else { return };
    let Some(unified) = found.unified.filter(|unified| system::is_writable(&unified.point)) else {
        return skip("cgroup v2 is not mounted here, or not writable");
    };
    let path = unified.point.join(id("program"));
    fs::create_dir(&path).unwrap();
    let directory = system::open_directory(&path).unwrap();
    let rule = |allow| DeviceRule { allow, access: "rwm".to_owned(), ..DeviceRule::default() };
    let first = devices::set_v2(directory.as_fd(), &[rule(false)]);
    let ids = cgroup_device::attached(directory.as_fd());
    let second = devices::set_v2(directory.as_fd(), &[rule(true)]);
    let later = cgroup_device::attached(directory.as_fd());
    fs::remove_dir(&path).unwrap();
    first.unwrap();
    second.unwrap();
    let (ids, later) = (ids.unwrap(), later.unwrap());
    assert_eq!((ids.len(), later.len()), (1, 1));
    assert_ne!(ids, later);
}

#[test]
fn a_limit_without_its_controller_names_both() {
    let found = Hierarchies::default();
    let resources = resources();
    let needed = limits::needed(Some(&resources), false).unwrap();
    let wanted = Wanted { needed: &needed, always: false, rootless: false, holds: None };
    let error = Cgroup::make(&found, &wanted, Some(&resources), |_| Ok(PathBuf::new())).unwrap_err();
    assert!(error.contains("the controller memory is not available") && error.contains("--memory"), "{error}");
}

#[test]
fn controllers_of_v2_are_enabled_on_the_way_down() {
    // The kernel is played by files: it would make them itself in each new cgroup.
    let root = tempfile::tempdir().unwrap();
    for (name, text) in [("cgroup.controllers", "cpu memory pids"), ("cgroup.subtree_control", "memory pids")] {
        fs::write(root.path().join(name), text).unwrap();
    }
    let point = root.path().to_path_buf();
    let unified = Hierarchy { controllers: Vec::new(), own: point.join("own"), point };
    let wanted = |needed| Wanted { needed, always: false, rootless: true, holds: None };
    let path = root.path().join("c1");
    tree::make_v2(&unified, &path, &["cpu"], &wanted(&[])).unwrap();
    assert!(text(root.path(), "cgroup.subtree_control").starts_with("+cpu"));
    let error = tree::make_v2(&unified, &root.path().join("c2"), &["hugetlb"], &wanted(&[])).unwrap_err();
    assert!(error.message.contains("the controller hugetlb is not available"), "{}", error.message);
    assert!(!root.path().join("c2").exists());
}

#[test]
fn a_record_cannot_name_other_directories() {
    for path in ["/etc", "/sys/fs/cgroup", "/sys/fs/cgroup/memory/../../../../etc", "x"] {
        let record = CgroupRecord { unified: Some(PathBuf::from(path)), ..CgroupRecord::default() };
        assert!(Cgroup::from_record(&record).is_err(), "{path}");
    }
}

#[test]
fn limits_need_their_controllers_and_nothing_else() {
    let needed = |resources: &Resources, rootless| limits::needed(Some(resources), rootless).unwrap();
    assert_eq!(needed(&resources(), false), ["memory", "cpu", "pids"]);
    let devices = Resources { devices: vec![DeviceRule::default()], ..Resources::default() };
    assert_eq!(needed(&devices, false), ["devices"]);
    assert_eq!(needed(&devices, true), [] as [&str; 0]);
    let unified =
        BTreeMap::from([("memory.high".to_owned(), "1".to_owned()), ("memory.max".to_owned(), "2".to_owned())]);
    let unified = Resources { unified, ..Resources::default() };
    assert_eq!(needed(&unified, false), ["unified", "unified:memory"]);
    let none = Resources {
        memory: Some(Memory { limit: Some(-1), ..Memory::default() }),
        pids: Some(Pids { limit: 0 }),
        cpu: Some(Cpu { quota: Some(-1), ..Cpu::default() }),
        ..Resources::default()
    };
    assert_eq!(needed(&none, false), [] as [&str; 0]);
}
