//! The tree of cgroups in a container: one file system with v2, one a hierarchy with v1.

use std::path::Path;

use super::cgroup;
use super::labels;
use super::mounts::{push_new, push_read_only};
use super::options::Options;
use super::plan::{refuse, target, text};
use crate::oci::runtime::{Linux, Mount};
use crate::runtime::Result;
use crate::runtime::native::CgroupRecord;
use crate::sys::linux::flags;
use crate::sys::linux::mount_table;
use crate::sys::linux::process::is_in_user_namespace;
use crate::sys::linux::script::{BindSource, Make, MountAttributes, Script, Step};
use crate::sys::mountinfo;

/// What a container sees of the host's cgroups.
pub(super) enum Shown<'a> {
    /// What its cgroup namespace shows; where that cannot be mounted, as below.
    Namespace(Option<&'a CgroupRecord>),
    /// Its own cgroups, where it has some, else those of this process.
    Own(Option<&'a CgroupRecord>),
}

/// Shows cgroups. `before` are the mounts that come before this one.
pub(super) fn push_cgroup(
    script: &mut Script,
    linux: &Linux,
    mount: &Mount,
    options: &Options,
    shown: &Shown<'_>,
    before: &[Mount],
) -> Result<()> {
    let table = mount_table::read().map_err(|error| refuse(format!("read the table of mounts: {error}")))?;
    let hierarchies = hierarchies(&table);
    if let [(name, kind, _)] = &hierarchies[..]
        && kind == "cgroup2"
        && name.is_empty()
    {
        let unified = Mount { kind: "cgroup2".into(), source: "cgroup".into(), ..mount.clone() };
        return match shown {
            // The kernel mounts no file system over itself.
            Shown::Namespace(record) if is_brought(&table, before, &mount.destination) => {
                push_own(script, *record, name, &mount.destination, options)
            }
            Shown::Namespace(_) if is_in_user_namespace() => {
                push_if_possible(script, &unified.destination, kind, options, None)
            }
            Shown::Namespace(_) => push_new(script, &unified, options),
            Shown::Own(record) => push_own(script, *record, name, &mount.destination, options),
        };
    }
    let base = mount.destination.trim_end_matches('/');
    let tmpfs = Step::MountAt {
        source: Some(text("tmpfs")?),
        target: target(base, Make::Directory)?,
        kind: text("tmpfs")?,
        flags: options.flags & !flags::MS_RDONLY,
        data: Some(labels::with_label(&linux.mount_label, "tmpfs", "mode=755")?),
        copy_up: false,
        keep_mode: false,
    };
    script.push(tmpfs, format!("mount tmpfs on {base}"));
    for (name, kind, data) in &hierarchies {
        let place = format!("{base}/{name}");
        match shown {
            Shown::Own(record) => push_own(script, *record, name, &place, options)?,
            Shown::Namespace(_) if is_in_user_namespace() => {
                push_if_possible(script, &place, kind, options, Some(data))?
            }
            Shown::Namespace(_) => {
                let step = Step::MountAt {
                    source: Some(text("cgroup")?),
                    target: target(&place, Make::Directory)?,
                    kind: text(kind)?,
                    flags: options.flags,
                    data: if data.is_empty() { None } else { Some(text(data)?) },
                    copy_up: false,
                    keep_mode: false,
                };
                script.push(step, format!("mount {kind} on {place}"));
            }
        }
        push_links(script, base, name)?;
    }
    if options.flags & flags::MS_RDONLY != 0 {
        push_read_only(script, base)?;
    }
    Ok(())
}

/// Whether a bind that was asked for before, such as one of `/sys`, brings the host's cgroups to this place.
fn is_brought(table: &str, before: &[Mount], place: &str) -> bool {
    let source = |mount: &Mount| {
        let is_recursive = Options::parse(&mount.options).is_ok_and(|options| options.recursive);
        let below = Path::new(place).strip_prefix(&mount.destination).ok()?;
        is_recursive.then(|| Path::new(&mount.source).join(below))
    };
    let shows_cgroups =
        |path: &Path| mountinfo::mounts(table).any(|mount| mount.kind == "cgroup2" && Path::new(&*mount.point) == path);
    before.iter().filter_map(source).any(|path| shows_cgroups(&path))
}

/// A hierarchy that others than root of the host may not be given: it is left out then.
fn push_if_possible(
    script: &mut Script,
    place: &str,
    kind: &str,
    options: &Options,
    data: Option<&String>,
) -> Result<()> {
    script.push_optional(Step::MountAt {
        source: Some(text("cgroup")?),
        target: target(place, Make::Directory)?,
        kind: text(kind)?,
        flags: options.flags,
        data: data.filter(|data| !data.is_empty()).map(|data| text(data)).transpose()?,
        copy_up: false,
        keep_mode: false,
    });
    Ok(())
}

/// Controllers that share a hierarchy are found by their own names, too.
fn push_links(script: &mut Script, base: &str, name: &str) -> Result<()> {
    for controller in name.split(',').filter(|controller| *controller != name) {
        let path = format!("{}/{controller}", base.trim_start_matches('/'));
        script.push(Step::MakeLink { target: text(&path)?, link: text(name)? }, format!("link /{path}"));
    }
    Ok(())
}

fn push_own(
    script: &mut Script,
    record: Option<&CgroupRecord>,
    name: &str,
    place: &str,
    options: &Options,
) -> Result<()> {
    let point = Path::new("/sys/fs/cgroup").join(name);
    let own = cgroup::own_directory(record, &point).map_err(refuse)?;
    let source = own.to_str().ok_or_else(|| refuse(format!("{}: not UTF-8", own.display())))?;
    let step = Step::Bind {
        source: BindSource::Path(text(source)?),
        target: target(place, Make::Directory)?,
        recursive: false,
        attributes: options.attributes(),
        spread: MountAttributes::default(),
    };
    script.push(step, format!("mount {source} on {place}"));
    Ok(())
}

/// Mounted hierarchies: name below `/sys/fs/cgroup`, type, controllers.
fn hierarchies(mountinfo: &str) -> Vec<(String, String, String)> {
    let of_cgroups = |mount: mountinfo::Mount<'_>| {
        let name = mount.point.strip_prefix("/sys/fs/cgroup")?.trim_matches('/').to_owned();
        let plain = |option: &&str| !matches!(*option, "rw" | "ro" | "xattr" | "clone_children");
        let controllers = match mount.kind {
            "cgroup" => mount.options.split(',').filter(plain).collect::<Vec<_>>().join(","),
            "cgroup2" => String::new(),
            _ => return None,
        };
        Some((name, mount.kind.to_owned(), controllers))
    };
    mountinfo::mounts(mountinfo).filter_map(of_cgroups).collect()
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

    #[test]
    fn a_bind_of_the_hosts_sys_brings_its_cgroups() {
        let table = "24 1 0:22 / /sys rw - sysfs sysfs rw\n25 24 0:23 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let bind = |source: &str, destination: &str, option: &str| Mount {
            source: source.into(),
            destination: destination.into(),
            options: vec![option.into()],
            ..Mount::default()
        };
        let brings = |mount: Mount| is_brought(table, &[mount], "/sys/fs/cgroup");
        assert!(brings(bind("/sys", "/sys", "rbind")) && brings(bind("/sys/fs/cgroup", "/sys/fs/cgroup/", "rbind")));
        assert!(!brings(bind("/sys", "/sys", "bind")) && !brings(bind("/sys", "/other", "rbind")));
        assert!(!brings(bind("/tmp", "/sys", "rbind")) && !is_brought(table, &[], "/sys/fs/cgroup"));
    }
}
