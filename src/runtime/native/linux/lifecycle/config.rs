//! The bundle that a container is made of: its `config.json`, read and checked before anything is made.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::oci::runtime::{Linux, Namespace, NamespaceKind, Process, Spec};
use crate::oci::{MAX_DOCUMENT, Raw};
use crate::runtime::Error;
use crate::runtime::native::lifecycle::failed;
use crate::runtime::native::system::id_maps;
use crate::runtime::native::system::lifecycle::words::plain;
use crate::runtime::native::{CapSet, ModuleRunner, NativeBundle, NativeRoot, SeccompChoice};

/// Sysctls below `kernel.` that belong to an IPC namespace; all below `fs.mqueue.` do.
const OF_IPC: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

/// Reads the bundle in `folder`. What is odd and no error is told to `warn`.
pub(super) fn load(folder: &Path, runner: Option<&ModuleRunner>, warn: &dyn Fn(&str)) -> Result<NativeBundle, Error> {
    let folder = absolute_bundle(folder)?;
    let mut spec = read(&folder)?;
    check(&mut spec, warn)?;
    spec.linux.as_mut().map_or(Ok(()), join_users)?;
    let root = rootfs(&spec, &folder);
    let metadata = std::fs::metadata(&root)
        .map_err(|error| failed(format!("invalid rootfs: stat {}: {}", root.display(), plain(&error))))?;
    if !metadata.is_dir() {
        return Err(failed(format!("invalid rootfs: {} is no directory", root.display())));
    }
    for mount in &mut spec.mounts {
        // As runc has it, where a destination is written as the host sees it.
        if let Ok(rest) = Path::new(&mount.destination).strip_prefix(&root) {
            mount.destination = format!("/{}", rest.display());
        }
    }
    let module = super::module::prepare(&mut spec, &root, runner)?;
    let profile = spec.linux.as_ref().and_then(|linux| linux.seccomp.clone());
    let seccomp = profile.map_or(SeccompChoice::Unconfined, |profile| SeccompChoice::Profile(Box::new(profile)));
    Ok(NativeBundle {
        spec,
        folder,
        made: None,
        device_files: Vec::new(),
        root: NativeRoot::Directory,
        seccomp,
        filter_cache: None,
        init: false,
        joined: Vec::new(),
        module,
        network: None,
    })
}

/// The directory that becomes the root.
pub(super) fn rootfs(spec: &Spec, folder: &Path) -> PathBuf {
    folder.join(spec.root.as_ref().map_or("", |root| &root.path))
}

/// The folder in which a bundle's relative paths begin: `bundle` as an absolute path without symbolic links.
fn absolute_bundle(bundle: &Path) -> Result<PathBuf, Error> {
    bundle.canonicalize().map_err(|error| failed(format!("chdir {}: {}", bundle.display(), plain(&error))))
}

fn read(folder: &Path) -> Result<Spec, Error> {
    let file = File::open(folder.join("config.json")).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => failed("JSON specification file config.json not found"),
        _ => failed(format!("open {}: {}", folder.join("config.json").display(), plain(&error))),
    })?;
    let mut bytes = Vec::new();
    file.take(MAX_DOCUMENT as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failed(format!("read {}: {}", folder.join("config.json").display(), plain(&error))))?;
    let document = Raw::<Spec>::parse(bytes, MAX_DOCUMENT).map_err(|error| failed(error.to_string()))?;
    Ok(document.view)
}

/// Refuses what cannot become a container, and makes relative destinations of mounts absolute.
fn check(spec: &mut Spec, warn: &dyn Fn(&str)) -> Result<(), Error> {
    let process = spec.process.as_mut().ok_or_else(|| failed("process property must not be empty"))?;
    check_process(process)?;
    keep_possible_capabilities(process, warn);
    match &spec.root {
        None => return Err(failed("root must be specified")),
        Some(root) if root.path.is_empty() => return Err(failed("root.path must not be empty")),
        Some(_) => {}
    }
    let linux = spec.linux.clone().unwrap_or_default();
    let namespaces = check_namespaces(&linux)?;
    for (name, value) in [("hostname", &spec.hostname), ("domainname", &spec.domainname)] {
        if !value.is_empty() && !namespaces.contains(&NamespaceKind::Uts) {
            return Err(failed(format!("unable to set {name} without a private UTS namespace")));
        }
    }
    if !linux.time_offsets.is_empty() && !namespaces.contains(&NamespaceKind::Time) {
        return Err(failed("time namespace offsets specified, but time namespace isn't enabled in the config"));
    }
    if linux.intel_rdt.is_some() {
        return Err(failed("intelRdt is not supported: remove linux.intelRdt from config.json"));
    }
    for name in linux.sysctl.keys() {
        check_sysctl(name, &namespaces)?;
    }
    for mount in &mut spec.mounts {
        if mount.destination.is_empty() {
            return Err(failed("a mount has no destination"));
        }
        if !mount.destination.starts_with('/') {
            warn(&format!("mount destination {:?} is not absolute: \"/\" is put before it", mount.destination));
            mount.destination.insert(0, '/');
        }
    }
    Ok(())
}

/// Refuses a process that cannot be started.
pub(super) fn check_process(process: &Process) -> Result<(), Error> {
    let why = match process {
        _ if process.cwd.is_empty() => "Cwd property must not be empty",
        _ if !process.cwd.starts_with('/') => "Cwd must be an absolute path",
        _ if process.args.is_empty() => "args must not be empty",
        _ if process.args[0].is_empty() => "args[0] must not be empty",
        // To the kernel that number means "as it was".
        _ if process.user.uid == u32::MAX || process.user.gid == u32::MAX => "4294967295 is no id of a user or group",
        _ => return Ok(()),
    };
    Err(failed(why))
}

/// Leaves out what cannot be given, which config.md "capabilities" has as a warning: what this program does not know, and what the
/// kernel has only beside another set.
pub(super) fn keep_possible_capabilities(process: &mut Process, warn: &dyn Fn(&str)) {
    let Some(sets) = &mut process.capabilities else { return };
    let mut unknown = BTreeSet::new();
    for set in [&mut sets.bounding, &mut sets.effective, &mut sets.inheritable, &mut sets.permitted, &mut sets.ambient]
    {
        set.retain(|name| {
            let is_known = CapSet::from_names(&[name.as_str()]).is_ok();
            if !is_known {
                unknown.insert(name.clone());
            }
            is_known
        });
    }
    if !unknown.is_empty() {
        let names: Vec<String> = unknown.into_iter().collect();
        warn(&format!("ignoring unknown or unavailable capabilities: [{}]", names.join(" ")));
    }
    // capabilities(7): capset(2) and PR_CAP_AMBIENT_RAISE refuse the rest.
    let within = |set: &mut Vec<String>, name: &str, others: &[&Vec<String>]| {
        let mut beyond = set.clone();
        set.retain(|name| others.iter().all(|other| other.contains(name)));
        beyond.retain(|name| !set.contains(name));
        if !beyond.is_empty() {
            warn(&format!("ignoring {name} capabilities that the other sets rule out: [{}]", beyond.join(" ")));
        }
    };
    within(&mut sets.effective, "effective", &[&sets.permitted]);
    within(&mut sets.inheritable, "inheritable", &[&sets.bounding]);
    within(&mut sets.ambient, "ambient", &[&sets.permitted, &sets.inheritable]);
}

fn check_namespaces(linux: &Linux) -> Result<BTreeSet<NamespaceKind>, Error> {
    let mut kinds = BTreeSet::new();
    for namespace in &linux.namespaces {
        if !kinds.insert(namespace.kind) {
            return Err(failed(format!("malformed spec file: duplicated ns {:?}", namespace.kind).to_lowercase()));
        }
        if !namespace.path.is_empty() && !namespace.path.starts_with('/') {
            return Err(failed(format!("namespace path {:?} must be absolute", namespace.path)));
        }
    }
    let has_mappings = !linux.uid_mappings.is_empty() || !linux.gid_mappings.is_empty();
    let user = linux.namespaces.iter().find(|namespace| namespace.kind == NamespaceKind::User);
    match user {
        None if has_mappings => {
            Err(failed("user namespace mappings specified, but user namespace isn't enabled in the config"))
        }
        Some(user) if user.path.is_empty() && (linux.uid_mappings.is_empty() || linux.gid_mappings.is_empty()) => {
            Err(failed("a new user namespace needs linux.uidMappings and linux.gidMappings"))
        }
        _ => Ok(kinds),
    }
}

/// Gives a container whose user namespace is another's the ids of that one. They may be given, too, if they are the same.
fn join_users(linux: &mut Linux) -> Result<(), Error> {
    let is_joined = |one: &Namespace| one.kind == NamespaceKind::User && !one.path.is_empty();
    let Some(at) = linux.namespaces.iter().position(is_joined) else { return Ok(()) };
    let path = linux.namespaces[at].path.clone();
    let failed_at = |why: &str| failed(format!("the user namespace {path}: {why}"));
    let maps = id_maps::of_namespace(&path).map_err(|error| failed_at(&plain(&error)))?;
    let given = [&mut linux.uid_mappings, &mut linux.gid_mappings];
    let is_given = given.iter().any(|map| !map.is_empty());
    let Some(maps) = maps else {
        // It is the host's: nothing is to be joined.
        linux.namespaces.remove(at);
        return if is_given { Err(failed_at("it is the host's, and has no mappings")) } else { Ok(()) };
    };
    for (given, mut map) in given.into_iter().zip(maps) {
        if map.is_empty() {
            return Err(failed_at("it has no ids yet: write its uid_map and gid_map first"));
        }
        map.sort_by_key(|range| range.container_id);
        given.sort_by_key(|range| range.container_id);
        if is_given && *given != map {
            return Err(failed_at("linux.uidMappings and linux.gidMappings are others than its own: leave them away"));
        }
        *given = map;
    }
    Ok(())
}

/// Refuses kernel parameters that no namespace of the container has: they would be the host's.
fn check_sysctl(name: &str, namespaces: &BTreeSet<NamespaceKind>) -> Result<(), Error> {
    // Both `net.ipv4.ip_forward` and `net/ipv4/ip_forward` name one.
    let dotted = match name.find(['.', '/']) {
        Some(at) if name[at..].starts_with('/') => name
            .chars()
            .map(|letter| {
                if letter == '/' {
                    '.'
                } else if letter == '.' {
                    '/'
                } else {
                    letter
                }
            })
            .collect(),
        _ => name.to_owned(),
    };
    let needed = match dotted.as_str() {
        name if OF_IPC.contains(&name) || name.starts_with("fs.mqueue.") => NamespaceKind::Ipc,
        name if name.starts_with("net.") => NamespaceKind::Network,
        "kernel.domainname" | "kernel.hostname" => NamespaceKind::Uts,
        name if name.starts_with("user.") => NamespaceKind::User,
        _ => return Err(failed(format!("sysctl {name:?} is not in a separate kernel namespace"))),
    };
    match namespaces.contains(&needed) {
        true => Ok(()),
        false => {
            Err(failed(format!("sysctl {name:?} is not allowed in the hosts {needed:?} namespace").to_lowercase()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn whole() -> Value {
        json!({
            "ociVersion": "1.0.2-dev",
            "process": {"user": {"uid": 0, "gid": 0}, "args": ["sh"], "cwd": "/"},
            "root": {"path": "rootfs"},
            "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}]},
        })
    }

    /// What becomes of the whole configuration with `value` at `pointer`, where null removes.
    fn load_with(pointer: &str, value: Value) -> Result<NativeBundle, String> {
        let mut config = whole();
        let (folder, name) = pointer.rsplit_once('/').unwrap();
        let members = config.pointer_mut(folder).unwrap().as_object_mut().unwrap();
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.into(), value)),
        }
        load_text(&config.to_string())
    }

    fn load_text(text: &str) -> Result<NativeBundle, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("rootfs")).unwrap();
        std::fs::write(folder.path().join("config.json"), text).unwrap();
        let path = folder.path().canonicalize().unwrap();
        load(folder.path(), None, &|_| {}).map_err(|error| error.message.replace(path.to_str().unwrap(), "BUNDLE"))
    }

    #[test]
    fn a_bundle_is_its_configuration_and_its_folder() {
        let bundle = load_with("/hostname", Value::Null).unwrap();
        assert_eq!(bundle.seccomp, SeccompChoice::Unconfined);
        assert_eq!(bundle.spec.process.unwrap().args, ["sh"]);
        let bundle = load_with("/linux/seccomp", json!({"defaultAction": "SCMP_ACT_ALLOW"})).unwrap();
        assert!(matches!(bundle.seccomp, SeccompChoice::Profile(_)));
    }

    #[test]
    fn what_cannot_become_a_container_is_refused() {
        let table = [
            ("/process", Value::Null, "process property must not be empty"),
            ("/process/cwd", Value::Null, "Cwd property must not be empty"),
            ("/process/cwd", json!("a"), "Cwd must be an absolute path"),
            ("/process/args", Value::Null, "args must not be empty"),
            ("/process/user", json!({"uid": u32::MAX, "gid": 0}), "4294967295 is no id of a user or group"),
            ("/root", Value::Null, "root must be specified"),
            ("/root/path", json!("none"), "invalid rootfs: stat BUNDLE/none: no such file or directory"),
            ("/root/path", json!("config.json"), "invalid rootfs: BUNDLE/config.json is no directory"),
            ("/ociVersion", json!("2.0"), "config.json: ociVersion: \"2.0\" is no version 1.x.y of the specification"),
            ("/hostname", json!("h"), "unable to set hostname without a private UTS namespace"),
            ("/mounts", json!([{}]), "a mount has no destination"),
            ("/linux/namespaces", json!([{"type": "pid"}, {"type": "pid"}]), "malformed spec file: duplicated ns pid"),
            ("/linux/namespaces", json!([{"type": "pid", "path": "x"}]), "namespace path \"x\" must be absolute"),
            (
                "/linux/uidMappings",
                json!([{"size": 1}]),
                "user namespace mappings specified, but user namespace isn't enabled in the config",
            ),
            (
                "/linux/namespaces",
                json!([{"type": "mount"}, {"type": "user"}]),
                "a new user namespace needs linux.uidMappings and linux.gidMappings",
            ),
            (
                "/linux/timeOffsets",
                json!({"boottime": {"secs": 1}}),
                "time namespace offsets specified, but time namespace isn't enabled in the config",
            ),
            ("/linux/intelRdt", json!({}), "intelRdt is not supported: remove linux.intelRdt from config.json"),
            (
                "/linux/sysctl",
                json!({"net.ipv4.ip_forward": "1"}),
                "sysctl \"net.ipv4.ip_forward\" is not allowed in the hosts network namespace",
            ),
            (
                "/linux/sysctl",
                json!({"kernel/core_pattern": "x"}),
                "sysctl \"kernel/core_pattern\" is not in a separate kernel namespace",
            ),
        ];
        for (pointer, value, expected) in table {
            assert_eq!(load_with(pointer, value.clone()).unwrap_err(), expected, "{pointer} {value}");
        }
        let unknown = load_with("/linux/namespaces", json!([{"type": "cheese"}])).unwrap_err();
        assert!(unknown.starts_with("config.json: unknown variant `cheese`"), "{unknown}");
        assert!(load_text("x").unwrap_err().starts_with("config.json: expected value"));
        assert_eq!(
            load_text(&" ".repeat(MAX_DOCUMENT + 9)).unwrap_err(),
            "config.json: 4194305 bytes are more than 4194304"
        );
    }

    #[test]
    fn a_folder_without_a_configuration_is_no_bundle() {
        let folder = tempfile::tempdir().unwrap();
        let error = load(folder.path(), None, &|_| {}).unwrap_err();
        assert_eq!(error.message, "JSON specification file config.json not found");
        let error = load(&folder.path().join("none"), None, &|_| {}).unwrap_err();
        assert_eq!(error.message, format!("chdir {}/none: no such file or directory", folder.path().display()));
    }

    #[test]
    fn a_relative_destination_begins_at_the_root() {
        let told = std::cell::Cell::new(0);
        let mut config: Spec = serde_json::from_value(whole()).unwrap();
        config.mounts = serde_json::from_value(json!([{"destination": "a/b"}, {"destination": "/c"}])).unwrap();
        check(&mut config, &|_| told.set(told.get() + 1)).unwrap();
        assert_eq!((config.mounts[0].destination.as_str(), config.mounts[1].destination.as_str()), ("/a/b", "/c"));
        assert_eq!(told.get(), 1);
    }

    #[test]
    fn kernel_parameters_of_a_namespace_of_the_container_may_be_set() {
        let all = [NamespaceKind::Ipc, NamespaceKind::Network, NamespaceKind::Uts].into();
        for name in ["kernel.shmmax", "fs.mqueue.msg_max", "net.core.somaxconn", "net/ipv4/conf/eth0.7/rp_filter"] {
            check_sysctl(name, &all).unwrap();
        }
        for name in ["kernel.shm", "vm.swappiness", "", "net", "fs.mqueue"] {
            check_sysctl(name, &all).unwrap_err();
        }
    }
}
