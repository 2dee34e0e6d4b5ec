//! Cgroups made by the kernel, with sleeping processes in them.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::hierarchy::{Hierarchies, Hierarchy};
use super::*;
use crate::oci::runtime::{Cpu, DeviceRule, HugepageLimit, Memory, Pids};
use crate::runtime::InitProcess;
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
        let _ = self.0.kill();
        let _ = self.0.remove();
    }
}

/// Whether cgroups of v1 can be made here; tells why not.
fn can_make(controllers: &[&str]) -> Option<Hierarchies> {
    let found = Hierarchies::read().unwrap();
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

/// A path that no other test has.
fn path(name: &str) -> String {
    format!("/{FOLDER}/test-{name}-{}", std::process::id())
}

fn request<'a>(path: &'a str, resources: Option<&'a Resources>) -> CgroupRequest<'a> {
    CgroupRequest { path, resources, reach: Reach::Needed, scope: None, owner: None }
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
    let (id, resources) = (path("limits"), resources());
    let cgroup = Cgroup::create(&request(&id, Some(&resources))).unwrap().unwrap();
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
    assert_eq!(cgroup.processes(), [sleeper.pid()]);
    assert_eq!(cgroup.oom_kills(), 0);

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
    assert!(again.contains("is not empty: 1 process(es) found"), "{again}");

    let places: Vec<PathBuf> = cgroup.directories().map(Path::to_path_buf).collect();
    cgroup.kill().unwrap();
    assert_eq!(cgroup.processes(), [] as [u32; 0]);
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
    let id = path("always");
    let cgroup = Cgroup::create(&CgroupRequest { reach: Reach::All, ..request(&id, None) }).unwrap().unwrap();
    let sleeper = Sleeper::start();
    let added = cgroup.add(sleeper.pid());
    let cgroup = &cgroup;
    let removed = Removed(cgroup);
    added.unwrap();

    let record = serde_json::to_string(&cgroup.to_record()).unwrap();
    let record: CgroupRecord = serde_json::from_str(&record).unwrap();
    let other = Cgroup::from_record(&record).unwrap();
    assert_eq!(other.record, cgroup.record);
    assert!(!is_paused(&record));
    other.freeze().unwrap();
    assert!(is_paused(&record));
    assert_eq!(other.processes(), [sleeper.pid()]);
    other.thaw().unwrap();
    assert!(!is_paused(&record));
    other.freeze().unwrap();

    // A cgroup that the container made for itself goes with the container's.
    fs::create_dir(path_in(cgroup, "memory").join("inner")).unwrap();
    let places: Vec<PathBuf> = cgroup.directories().map(Path::to_path_buf).collect();
    other.kill().unwrap();
    other.remove().unwrap();
    drop(removed);
    assert!(places.iter().all(|place| !place.exists()), "{places:?}");
    assert!(places.len() > 3, "{places:?}");
}

#[test]
fn what_a_client_made_before_gets_cpus_and_is_refused_while_it_is_frozen() {
    let Some(found) = can_make(&["freezer", "cpuset"]) else { return };
    let id = path("before");
    let at = |name: &str| found.v1_of(name).unwrap().point.join(id.trim_start_matches('/'));
    let always = CgroupRequest { reach: Reach::All, ..request(&id, None) };
    fs::create_dir_all(at("freezer")).unwrap();
    fs::write(at("freezer").join("freezer.state"), "FROZEN").unwrap();
    let refused = Cgroup::create(&always).map(drop);
    fs::write(at("freezer").join("freezer.state"), "THAWED").unwrap();
    fs::create_dir_all(at("cpuset")).unwrap();
    let cgroup = Cgroup::create(&always).unwrap().unwrap();
    let _removed = Removed(&cgroup);
    cgroup.add(Sleeper::start().pid()).unwrap();
    assert_ne!(text(path_in(&cgroup, "cpuset"), "cpuset.cpus"), "");
    assert!(refused.unwrap_err().contains("unexpectedly frozen"));
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
    let id = path("fails");
    let mut resources = resources();
    resources.cpu = Some(Cpu { quota: Some(1), ..Cpu::default() });
    assert!(Cgroup::create(&request(&id, Some(&resources))).is_err());
    assert!(!found.v1_of("memory").unwrap().point.join(&id[1..]).exists());
}

#[test]
fn rules_of_devices_are_written_to_v1() {
    let Some(found) = can_make(&["devices"]) else { return };
    let path = path("devices");
    let deny = DeviceRule { access: "rwm".to_owned(), ..DeviceRule::default() };
    let resources = Resources { devices: vec![deny], ..Resources::default() };
    let needed = limits::needed(Some(&resources)).unwrap();
    let wanted = Wanted { needed: &needed, reach: Reach::Needed, owner: None };
    // Without v2, and with a v2 of a kernel that has no programs of devices; also where all hierarchies are asked for.
    let without = Hierarchies { unified: None, has_device_programs: false, ..found.clone() };
    let lacking = Hierarchies { has_device_programs: false, ..found };
    for (found, reach) in [(&without, Reach::Needed), (&lacking, Reach::Needed), (&lacking, Reach::All)] {
        let wanted = Wanted { reach, ..wanted };
        let made = Cgroup::make(found, &wanted, Some(&resources), |hierarchy| directory_of(hierarchy, &path));
        let cgroup = made.unwrap().unwrap();
        let removed = Removed(&cgroup);
        cgroup.limit_devices(Some(&resources)).unwrap();
        let list = text(path_in(&cgroup, "devices"), "devices.list");
        assert!(list.contains("c 1:3 rwm") && list.contains("c 136:* rwm") && !list.contains("a *:*"), "{list}");
        if let Some(directory) = cgroup.clone_fd() {
            assert_eq!(cgroup_device::attached(directory).unwrap_or_default(), [] as [u32; 0]);
        }
        drop(removed);
    }
}

#[test]
fn a_program_of_devices_is_replaced_by_the_next() {
    let Some(found) = can_make(&[]) else { return };
    let Some(unified) = found.unified.filter(|unified| system::is_writable(&unified.point)) else {
        return skip("cgroup v2 is not mounted here, or not writable");
    };
    let path = unified.point.join(path("program").trim_start_matches("/cowbox/"));
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
fn a_cgroup_of_v2_limits_stops_and_ends_its_processes() {
    let found = Hierarchies::read().unwrap();
    let Some(unified) = found.unified.as_ref().filter(|unified| system::is_writable(&unified.point)) else {
        return skip("cgroup v2 is not mounted here, or not writable");
    };
    let controllers = hierarchy::read_words(&unified.point.join("cgroup.controllers"));
    let has = |name: &str| controllers.iter().any(|controller| controller == name);
    if !has("hugetlb") || !Path::new("/sys/kernel/mm/hugepages/hugepages-2048kB").exists() {
        return skip("the v2 controller hugetlb is not to be had here");
    }
    let path = path("unified");
    let pages = HugepageLimit { page_size: "2MB".to_owned(), limit: 4 << 20 };
    let deny = DeviceRule { access: "rwm".to_owned(), ..DeviceRule::default() };
    let usual = resources();
    let resources = Resources {
        hugepage_limits: vec![pages],
        memory: usual.memory.filter(|_| has("memory")),
        cpu: usual.cpu.filter(|_| has("cpu")),
        pids: usual.pids.filter(|_| has("pids")),
        devices: vec![deny],
        ..Resources::default()
    };
    let cgroup = Cgroup::create(&request(&path, Some(&resources))).unwrap().unwrap();
    let removed = Removed(&cgroup);
    let record = cgroup.to_record();
    let directory = record.unified.clone().unwrap();
    assert!(cgroup.clone_fd().is_some() && !cgroup.is_to_add() && record.v1.is_empty(), "{record:?}");
    cgroup.limit_devices(Some(&resources)).unwrap();
    assert_eq!(cgroup_device::attached(cgroup.clone_fd().unwrap()).unwrap().len(), 1, "rules of devices");
    assert_eq!(text(&directory, "hugetlb.2MB.max"), (4 << 20).to_string());
    for (controller, file, value) in
        [("memory", "memory.max", "67108864"), ("cpu", "cpu.max", "50000 100000"), ("pids", "pids.max", "10")]
    {
        assert!(!has(controller) || text(&directory, file) == value, "{file}: {}", text(&directory, file));
    }
    let sleeper = Sleeper::start();
    tree::add(&directory, sleeper.pid()).unwrap();
    assert_eq!(pausable(Some(record.clone()), "/nowhere").unwrap(), record, "any cgroup of v2 can be frozen");
    cgroup.freeze().unwrap();
    assert!(is_paused(&record));
    cgroup.thaw().unwrap();
    assert!(!is_paused(&record));
    cgroup.freeze().unwrap();
    clean_up(&record).unwrap();
    drop(removed);
    assert!(!directory.exists());
}

#[test]
fn a_limit_without_its_controller_names_both() {
    let found = Hierarchies::default();
    let resources = resources();
    let needed = limits::needed(Some(&resources)).unwrap();
    let wanted = Wanted { needed: &needed, reach: Reach::Needed, owner: None };
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
    let path = root.path().join("c1");
    tree::make_v2(&unified, &path, &["cpu"], false).unwrap();
    assert!(text(root.path(), "cgroup.subtree_control").starts_with("+cpu"));
    let error = tree::make_v2(&unified, &root.path().join("c2"), &["hugetlb"], false).unwrap_err();
    assert!(error.message.contains("the controller hugetlb is not available"), "{}", error.message);
    assert!(!root.path().join("c2").exists());
}

#[test]
fn systemd_is_told_no_limit_whose_controller_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("cgroup.controllers"), "memory pids\n").unwrap();
    let record = CgroupRecord {
        unified: Some(dir.path().to_owned()),
        scope: Some("cowbox-no-such.scope".to_owned()),
        // Nobody listens there.
        bus: Some("unix:path=/none".to_owned()),
        ..CgroupRecord::default()
    };
    let cgroup = Cgroup::new(&Hierarchies::default(), record);
    let places = Cpu { cpus: "0".to_owned(), ..Cpu::default() };
    let both = Resources { cpu: Some(places), pids: Some(Pids { limit: 7 }), ..Resources::default() };
    let error = cgroup.update(&both).unwrap_err();
    assert!(error.starts_with("the controller cpuset is not available"), "{error}");
    // What the cgroup has is systemd's to hear of first.
    let error = cgroup.update(&Resources { pids: both.pids, ..Resources::default() }).unwrap_err();
    assert!(error.starts_with("give new limits to the scope cowbox-no-such.scope"), "{error}");
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
    let needed = |resources: &Resources| limits::needed(Some(resources)).unwrap();
    assert_eq!(needed(&resources()), ["memory", "cpu", "pids"]);
    let devices = Resources { devices: vec![DeviceRule::default()], ..Resources::default() };
    assert_eq!(needed(&devices), ["devices"]);
    let unified =
        BTreeMap::from([("memory.high".to_owned(), "1".to_owned()), ("memory.max".to_owned(), "2".to_owned())]);
    let unified = Resources { unified, ..Resources::default() };
    assert_eq!(needed(&unified), ["unified", "unified:memory"]);
    let none = Resources {
        memory: Some(Memory { limit: Some(-1), ..Memory::default() }),
        pids: Some(Pids { limit: 0 }),
        cpu: Some(Cpu { quota: Some(-1), ..Cpu::default() }),
        ..Resources::default()
    };
    assert_eq!(needed(&none), [] as [&str; 0]);
}

#[test]
fn a_container_without_a_cgroup_is_paused_with_all_that_comes_from_its_first_process() {
    if can_make(&["freezer"]).is_none() {
        return;
    }
    // A pid namespace of its own makes it a container; what it starts is in one below.
    let script = "unshare -pf sleep 1000 & echo up; sleep 1000";
    let started =
        Command::new("unshare").args(["-pf", "sh", "-c", script]).stderr(Stdio::null()).stdout(Stdio::piped()).spawn();
    let Ok(mut outer) = started.map(Sleeper) else { return skip("unshare is not there") };
    let mut up = [0; 3];
    let read = std::io::Read::read_exact(outer.0.stdout.as_mut().unwrap(), &mut up);
    if read.is_err() {
        return skip("namespaces cannot be made here");
    }
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", outer.pid())).unwrap();
    let init = InitProcess { pid: children.trim().parse().unwrap(), start_time: 0 };

    let record = pausable(None, &path("pause")).unwrap();
    assert_eq!(record.v1.len(), 1, "{record:?}");
    assert_eq!(pausable(Some(record.clone()), "/nowhere").unwrap(), record, "once is enough");
    let paused = pause(init, &record);
    let is_stopped = is_paused(&record);
    let held = Cgroup::from_record(&record).unwrap().processes();
    let unpaused = unpause(&record);
    let is_going = !is_paused(&record);
    clean_up(&record).unwrap();
    paused.unwrap();
    unpaused.unwrap();
    assert!(is_stopped && is_going);
    assert!(held.contains(&init.pid) && held.len() >= 3 && !held.contains(&outer.pid()), "{held:?}");
    assert!(!record.v1[0].path.exists());
}
