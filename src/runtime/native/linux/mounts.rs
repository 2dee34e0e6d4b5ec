//! The mounts and devices of a spec, as steps.

use std::path::Path;

use super::options::Options;
use super::plan::{refuse, target, text};
use crate::oci::runtime::{LinuxDevice, Mount, Spec};
use crate::runtime::Result;
use crate::sys::linux::flags;
use crate::sys::linux::script::{Make, MountAttributes, Script, Step};

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

pub(super) fn push_mounts(script: &mut Script, spec: &Spec, folder: &Path) -> Result<()> {
    for mount in &spec.mounts {
        let at = |message: String| refuse(format!("mount {}: {message}", mount.destination));
        let options = Options::parse(&mount.options).map_err(at)?;
        if options.copy_up || options.id_map.is_some() || !mount.uid_mappings.is_empty() {
            return Err(at("tmpcopyup and mapped ids are not known here; leave the option away".into()));
        }
        match mount.kind.as_str() {
            "bind" => push_bind(script, mount, &options, folder)?,
            _ if options.bind => push_bind(script, mount, &options, folder)?,
            "cgroup" | "cgroup2" => push_cgroup(script, mount, &options)?,
            _ => push_new(script, mount, &options)?,
        }
        if options.propagation != 0 {
            let attributes = MountAttributes {
                propagation: options.propagation & !flags::MS_REC,
                recursive: options.propagation & flags::MS_REC != 0,
                ..MountAttributes::default()
            };
            let step = Step::SetMount { target: target(&mount.destination, Make::Nothing)?, attributes };
            script.push(step, format!("set the propagation of {}", mount.destination));
        }
    }
    Ok(())
}

fn push_new(script: &mut Script, mount: &Mount, options: &Options) -> Result<()> {
    let kind = if mount.kind.is_empty() { "none" } else { &mount.kind };
    let source = if mount.source.is_empty() { kind } else { &mount.source };
    let data = (!options.data.is_empty()).then(|| text(&options.data.join(","))).transpose()?;
    let step = Step::MountAt {
        source: Some(text(source)?),
        target: target(&mount.destination, Make::Directory)?,
        kind: text(kind)?,
        flags: options.flags,
        data,
    };
    script.push(step, format!("mount {kind} on {}", mount.destination));
    Ok(())
}

fn push_bind(script: &mut Script, mount: &Mount, options: &Options, folder: &Path) -> Result<()> {
    let path = folder.join(&mount.source);
    let meta = std::fs::metadata(&path)
        .map_err(|error| refuse(format!("mount {}: bind source {}: {error}", mount.destination, path.display())))?;
    let make = if meta.is_dir() { Make::Directory } else { Make::File };
    let source = path.to_str().ok_or_else(|| refuse(format!("{}: not UTF-8", path.display())))?;
    let step = Step::Bind {
        source: text(source)?,
        target: target(&mount.destination, make)?,
        recursive: options.recursive,
        attributes: options.attributes(),
    };
    script.push(step, format!("mount {source} on {}", mount.destination));
    let attributes = options.attributes_below();
    if !attributes.is_empty() {
        let step = Step::SetMount { target: target(&mount.destination, Make::Nothing)?, attributes };
        script.push(step, format!("set attributes of {} and below", mount.destination));
    }
    Ok(())
}

/// The tree of cgroups, as the container's cgroup namespace shows it: one file system with v2, one a controller with v1.
fn push_cgroup(script: &mut Script, mount: &Mount, options: &Options) -> Result<()> {
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let hierarchies = hierarchies(&table);
    let read_only = options.flags & flags::MS_RDONLY != 0;
    if let [(name, kind, _)] = &hierarchies[..]
        && kind == "cgroup2"
        && name.is_empty()
    {
        let unified = Mount { kind: "cgroup2".into(), source: "cgroup".into(), ..mount.clone() };
        return push_new(script, &unified, options);
    }
    let base = mount.destination.trim_end_matches('/');
    let tmpfs = Step::MountAt {
        source: Some(text("tmpfs")?),
        target: target(base, Make::Directory)?,
        kind: text("tmpfs")?,
        flags: options.flags & !flags::MS_RDONLY,
        data: Some(text("mode=755")?),
    };
    script.push(tmpfs, format!("mount tmpfs on {base}"));
    for (name, kind, data) in &hierarchies {
        let step = Step::MountAt {
            source: Some(text("cgroup")?),
            target: target(&format!("{base}/{name}"), Make::Directory)?,
            kind: text(kind)?,
            flags: options.flags,
            data: if data.is_empty() { None } else { Some(text(data)?) },
        };
        script.push(step, format!("mount {kind} on {base}/{name}"));
    }
    if read_only {
        let attributes = MountAttributes { set: flags::mount_attr::RDONLY, ..MountAttributes::default() };
        let step = Step::SetMount { target: target(base, Make::Nothing)?, attributes };
        script.push(step, format!("make {base} read-only"));
    }
    Ok(())
}

/// Mounted hierarchies: name below `/sys/fs/cgroup`, type, controllers.
fn hierarchies(mountinfo: &str) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for line in mountinfo.lines() {
        let Some((front, back)) = line.split_once(" - ") else { continue };
        let Some(point) = front.split(' ').nth(4) else { continue };
        let fields = back.split(' ').collect::<Vec<_>>();
        let [kind @ ("cgroup" | "cgroup2"), _, options] = fields[..] else { continue };
        let Some(name) = point.strip_prefix("/sys/fs/cgroup") else { continue };
        let plain = |option: &&str| !matches!(*option, "rw" | "ro" | "xattr" | "clone_children");
        let data = if kind == "cgroup" { options.split(',').filter(plain).collect::<Vec<_>>() } else { Vec::new() };
        found.push((name.trim_matches('/').to_owned(), kind.to_owned(), data.join(",")));
    }
    found
}

pub(super) fn push_devices(script: &mut Script, spec: &Spec) -> Result<()> {
    let is_host_dev = |mount: &Mount| mount.destination.trim_end_matches('/') == "/dev" && mount.kind == "bind";
    if spec.mounts.iter().any(is_host_dev) {
        return Ok(());
    }
    let asked = spec.linux.as_ref().map(|linux| linux.devices.as_slice()).unwrap_or_default();
    let binds = crate::sys::linux::process::is_in_user_namespace()
        || spec.linux.as_ref().is_some_and(|linux| !linux.uid_mappings.is_empty());
    for (name, major, minor) in DEVICES {
        let path = format!("/dev/{name}");
        if asked.iter().all(|device| device.path != path) {
            push_device(script, &path, flags::S_IFCHR | 0o666, (*major, *minor), (0, 0), binds)?;
        }
    }
    for device in asked {
        let kind = device_kind(device)?;
        let mode = kind | device.file_mode.unwrap_or(0o666) & 0o7777;
        let number = |number: i64| {
            let is_fifo = kind == flags::S_IFIFO;
            let invalid = |_| refuse(format!("device {}: {number} is no number of a device", device.path));
            if is_fifo { Ok(0) } else { u32::try_from(number).map_err(invalid) }
        };
        let numbers = (number(device.major)?, number(device.minor)?);
        let owner = (device.uid.unwrap_or(0), device.gid.unwrap_or(0));
        push_device(script, &device.path, mode, numbers, owner, binds)?;
    }
    for (path, link) in LINKS {
        script.push(Step::MakeLink { target: text(path)?, link: text(link)? }, format!("link /{path}"));
    }
    Ok(())
}

fn device_kind(device: &LinuxDevice) -> Result<u32> {
    match device.kind.as_str() {
        "c" | "u" => Ok(flags::S_IFCHR),
        "b" => Ok(flags::S_IFBLK),
        "p" => Ok(flags::S_IFIFO),
        other => Err(refuse(format!("device {}: {other:?} is none of c, b, u, p", device.path))),
    }
}

/// A device file; where none can be made, the host's own is shown.
fn push_device(
    script: &mut Script,
    path: &str,
    mode: u32,
    (major, minor): (u32, u32),
    owner: (u32, u32),
    binds: bool,
) -> Result<()> {
    let relative = path.trim_start_matches('/');
    if relative.is_empty() || !path.starts_with('/') {
        return Err(refuse(format!("device path {path:?} is not absolute")));
    }
    let step = match binds {
        true => Step::Bind {
            source: text(path)?,
            target: target(path, Make::File)?,
            recursive: false,
            attributes: MountAttributes::default(),
        },
        false => Step::MakeNode { target: text(relative)?, mode, device: flags::device_number(major, minor), owner },
    };
    script.push(step, format!("make the device {path}"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_are_read_off_the_table_of_mounts() {
        let table = "24 1 0:22 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
                     25 24 0:23 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
                     26 24 0:24 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let found = hierarchies(table);
        assert_eq!(found[0], ("cpu,cpuacct".into(), "cgroup".into(), "cpu,cpuacct".into()));
        assert_eq!(found[1], ("unified".into(), "cgroup2".into(), String::new()));
        assert_eq!(found.len(), 2);
    }
}
