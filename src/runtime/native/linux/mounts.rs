//! The mounts and devices of a spec, as steps.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use super::binds::{Binds, From};
use super::cgroup_mounts::{Shown, push_cgroup};
use super::id_maps;
use super::labels;
use super::options::Options;
use super::plan::{refuse, target, text};
use crate::oci::runtime::{Linux, LinuxDevice, Mount, Spec};
use crate::runtime::Result;
use crate::sys::linux::flags;
use crate::sys::linux::mount_table;
use crate::sys::linux::script::{BindSource, Make, MountAttributes, Script, Step};
use crate::sys::linux::users;
use crate::sys::mountinfo;

/// The devices that every container has: runtime-spec config-linux.md "Default Devices".
const DEVICES: &[(&str, u32, u32)] =
    &[("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

/// Links in `/dev`.
const LINKS: &[(&str, &str)] = &[
    ("dev/fd", "/proc/self/fd"),
    ("dev/stdin", "/proc/self/fd/0"),
    ("dev/stdout", "/proc/self/fd/1"),
    ("dev/stderr", "/proc/self/fd/2"),
    ("dev/ptmx", "pts/ptmx"),
];

/// The mounts of a spec.
pub(super) fn push_mounts(
    script: &mut Script,
    spec: &Spec,
    linux: &Linux,
    from: &From<'_>,
    cgroups: &Shown<'_>,
) -> Result<Binds> {
    let mut binds = Binds::default();
    for (index, mount) in spec.mounts.iter().enumerate() {
        let at = |message: String| refuse(format!("mount {}: {message}", mount.destination));
        let mut options = Options::parse(&mount.options).map_err(at)?;
        let is_bind = mount.kind == "bind" || options.bind;
        let is_mapped = options.id_map.is_some() || !mount.uid_mappings.is_empty() || !mount.gid_mappings.is_empty();
        if is_mapped && !is_bind {
            return Err(at("only bind mounts can have mapped ids".into()));
        }
        if !is_bind && !options.data.iter().any(|word| word.starts_with("context=")) {
            options.data.extend(labels::of_mount(&linux.mount_label, &mount.kind));
        }
        match mount.kind.as_str() {
            _ if is_bind => {
                let map = is_mapped.then(|| id_maps::open(mount, linux)).transpose()?;
                binds.push(script, mount, &options, from, map)?;
            }
            "cgroup" | "cgroup2" => {
                push_cgroup(script, linux, mount, &options, cgroups, &spec.mounts[..index])?;
            }
            "devpts" => push_new(script, mount, &without_foreign_group(options.clone(), linux))?,
            _ if is_dev(mount) => {
                // Its files are made in it first.
                let flags = options.flags & !flags::MS_RDONLY;
                push_new(script, mount, &Options { flags, ..options.clone() })?;
            }
            _ => push_new(script, mount, &options)?,
        }
        labels::push_queues(script, linux, mount)?;
        if options.propagation != 0 && !is_bind {
            let step =
                Step::SetMount { target: target(&mount.destination, Make::Nothing)?, attributes: options.spread() };
            script.push(step, format!("set the propagation of {}", mount.destination));
        }
    }
    Ok(binds)
}

fn is_dev(mount: &Mount) -> bool {
    mount.destination.trim_end_matches('/') == "/dev"
}

/// Makes a `/dev` read-only that is to be, now that all is made in it.
pub(super) fn push_read_only_dev(script: &mut Script, spec: &Spec) -> Result<()> {
    for mount in spec.mounts.iter().filter(|mount| is_dev(mount) && mount.kind != "bind") {
        let options = Options::parse(&mount.options).map_err(refuse)?;
        if options.flags & flags::MS_RDONLY != 0 && !options.bind {
            push_read_only(script, &mount.destination)?;
        }
    }
    Ok(())
}

/// The options of a devpts without the group of its terminals, where the container has no such group.
fn without_foreign_group(mut options: Options, linux: &Linux) -> Options {
    let own = match linux.gid_mappings.is_empty() {
        true => users::own_map("gid_map"),
        false => id_maps::ranges(&linux.gid_mappings),
    };
    let is_own = |gid: u32| own.iter().any(|(first, _, count)| gid.checked_sub(*first).is_some_and(|off| off < *count));
    options.data.retain(|word| word.strip_prefix("gid=").is_none_or(|gid| gid.parse().is_ok_and(is_own)));
    options
}

pub(super) fn push_new(script: &mut Script, mount: &Mount, options: &Options) -> Result<()> {
    let kind = if mount.kind.is_empty() { "none" } else { &mount.kind };
    let source = if mount.source.is_empty() { kind } else { &mount.source };
    let data = (!options.data.is_empty()).then(|| text(&options.data.join(","))).transpose()?;
    // What is copied into it is written before it is read-only.
    let keep_mode = kind == "tmpfs" && !options.data.iter().any(|word| word.starts_with("mode="));
    let late = if options.copy_up || keep_mode { options.flags & flags::MS_RDONLY } else { 0 };
    // What is hidden in these by its path must not be elsewhere than others look for it.
    let target = match kind {
        "proc" | "sysfs" => target(mount.destination.trim_end_matches('/'), Make::PlainDirectory)?,
        _ => target(&mount.destination, Make::Directory)?,
    };
    let step = Step::MountAt {
        source: Some(text(source)?),
        target,
        kind: text(kind)?,
        flags: options.flags & !late,
        data,
        copy_up: options.copy_up,
        keep_mode,
    };
    script.push(step, format!("mount {kind} on {}", mount.destination));
    if late != 0 {
        push_read_only(script, &mount.destination)?;
    }
    Ok(())
}

pub(super) fn push_read_only(script: &mut Script, destination: &str) -> Result<()> {
    let attributes = MountAttributes { set: flags::mount_attr::RDONLY, ..MountAttributes::default() };
    let step = Step::SetMount { target: target(destination, Make::Nothing)?, attributes };
    script.push(step, format!("make {destination} read-only"));
    Ok(())
}

/// The mount of the host that a path without symbolic links lies on.
pub(super) fn mount_point_of(path: &str) -> Result<String> {
    let table = mount_table::read().map_err(|error| refuse(format!("read the table of mounts: {error}")))?;
    Ok(longest_above(&table, path))
}

fn longest_above(mountinfo: &str, path: &str) -> String {
    let points = mountinfo::mounts(mountinfo).map(|mount| mount.point.into_owned());
    let is_above = |point: &String| Path::new(path).starts_with(point);
    points.filter(is_above).max_by_key(String::len).unwrap_or_else(|| "/".into())
}

/// Takes the host's `/proc` and `/sys` out of the container's tree, for a root that lies over the host's: as long as they are
/// whole in it, a user namespace within the container may mount them once more.
pub(super) fn push_no_kernel(script: &mut Script, root: &str) -> Result<()> {
    let table = mount_table::read().map_err(|error| refuse(format!("read the table of mounts: {error}")))?;
    for point in of_kernel(&table, root) {
        script.push(Step::Unmount(text(&point)?), format!("unmount {point} of the host"));
    }
    Ok(())
}

/// Where the host's proc and sysfs are mounted outside the root, what lies on others first.
fn of_kernel(mountinfo: &str, root: &str) -> Vec<String> {
    let is_such = |mount: &mountinfo::Mount<'_>| {
        matches!(mount.kind, "proc" | "sysfs") && !Path::new(&*mount.point).starts_with(root)
    };
    mountinfo::mounts(mountinfo).rev().filter(is_such).map(|mount| mount.point.into_owned()).collect()
}

/// The devices of a spec. By their paths, `made` are those that are there already, as mounts, and `files` the host's own that have
/// other paths there.
pub(super) fn push_devices(
    script: &mut Script,
    spec: &Spec,
    made: &[(String, OwnedFd)],
    files: &[(String, String)],
) -> Result<()> {
    let is_host_dev = |mount: &Mount| is_dev(mount) && mount.kind == "bind";
    if spec.mounts.iter().any(is_host_dev) {
        return Ok(());
    }
    let asked = spec.linux.as_ref().map(|linux| linux.devices.as_slice()).unwrap_or_default();
    let binds = crate::sys::linux::process::is_in_user_namespace()
        || spec.linux.as_ref().is_some_and(|linux| !linux.uid_mappings.is_empty());
    for (name, major, minor) in DEVICES {
        let path = format!("/dev/{name}");
        if asked.iter().all(|device| device.path != path) {
            let node = Node { mode: flags::S_IFCHR | 0o666, numbers: (*major, *minor), owner: (0, 0) };
            let source = binds.then(|| text(&path).map(BindSource::Path)).transpose()?;
            push_device(script, &path, &node, source)?;
        }
    }
    for device in asked {
        let made = made.iter().find(|(path, _)| *path == device.path);
        let source = match made {
            Some((_, mount)) => Some(BindSource::Detached(mount.as_raw_fd())),
            None => {
                let file = files.iter().find(|(path, _)| *path == device.path).map_or(&device.path, |(_, file)| file);
                binds.then(|| text(file).map(BindSource::Path)).transpose()?
            }
        };
        push_device(script, &device.path, &Node::of(device)?, source)?;
    }
    for (path, link) in LINKS {
        script.push(Step::MakeLink { target: text(path)?, link: text(link)? }, format!("link /{path}"));
    }
    Ok(())
}

/// A device file.
pub(super) struct Node {
    /// Its kind and who may use it.
    pub(super) mode: u32,
    /// Major and minor.
    pub(super) numbers: (u32, u32),
    /// User and group, as the container has them.
    pub(super) owner: (u32, u32),
}

impl Node {
    /// What a spec says of it.
    pub(super) fn of(device: &LinuxDevice) -> Result<Node> {
        let kind = device_kind(device)?;
        let number = |number: i64| {
            let is_fifo = kind == flags::S_IFIFO;
            let invalid = |_| refuse(format!("device {}: {number} is no number of a device", device.path));
            if is_fifo { Ok(0) } else { u32::try_from(number).map_err(invalid) }
        };
        Ok(Node {
            mode: kind | device.file_mode.unwrap_or(0o666) & 0o7777,
            numbers: (number(device.major)?, number(device.minor)?),
            owner: (device.uid.unwrap_or(0), device.gid.unwrap_or(0)),
        })
    }
}

fn device_kind(device: &LinuxDevice) -> Result<u32> {
    match device.kind.as_str() {
        "c" | "u" => Ok(flags::S_IFCHR),
        "b" => Ok(flags::S_IFBLK),
        "p" => Ok(flags::S_IFIFO),
        other => Err(refuse(format!("device {}: {other:?} is none of c, b, u, p", device.path))),
    }
}

/// A device file, or what is shown where none can be made: the host's own, or one that the host's root has made.
fn push_device(script: &mut Script, path: &str, node: &Node, shown: Option<BindSource>) -> Result<()> {
    let relative = path.trim_start_matches('/');
    if relative.is_empty() || !path.starts_with('/') {
        return Err(refuse(format!("device path {path:?} is not absolute")));
    }
    let Node { mode, numbers: (major, minor), owner } = *node;
    let step = match shown {
        Some(source) => Step::Bind {
            source,
            target: target(path, Make::File)?,
            recursive: false,
            attributes: MountAttributes::default(),
            spread: MountAttributes::default(),
        },
        None => Step::MakeNode { target: text(relative)?, mode, device: flags::device_number(major, minor), owner },
    };
    script.push(step, format!("make the device {path}"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_outside_a_root_are_found_wherever_they_are() {
        let table = "24 1 0:22 / / rw - ext4 a rw\n25 24 0:23 / /proc rw - proc p rw\n26 24 0:24 / /sys rw - sysfs s rw\n\
            27 25 0:25 / /proc/fs rw - proc q rw\n28 24 0:26 / /c/proc rw - proc r rw\n";
        assert_eq!(of_kernel(table, "/c"), ["/proc/fs", "/sys", "/proc"]);
    }

    #[test]
    fn a_path_lies_on_the_deepest_mount_above_it() {
        let table = "24 1 0:22 / / rw - ext4 a rw\n25 24 0:23 / /mnt rw - ext4 b rw\n26 24 0:24 / /mnt/a\\040b rw - ext4 c rw\n";
        assert_eq!(longest_above(table, "/mnt/a b/root"), "/mnt/a b");
        assert_eq!(longest_above(table, "/mntx/root"), "/");
    }
}
