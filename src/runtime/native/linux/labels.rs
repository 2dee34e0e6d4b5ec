//! What the security modules are told of a container: the AppArmor profile of its processes, the SELinux labels of these and of its
//! mounts.

use std::ffi::CString;
use std::path::Path;

use super::plan::{refuse, target, text};
use crate::oci::runtime::{Linux, Mount, Process};
use crate::runtime::Result;
use crate::sys::linux::script::{Make, Script, Step};

/// What the step is called that sets the AppArmor profile, before its name: runc's words.
pub(super) const APPARMOR: &str = "apparmor failed to apply profile";

/// Where the processes of SELinux hosts see it.
const SELINUX: &str = "/sys/fs/selinux/enforce";

/// Refuses labels that this host knows nothing of.
pub(super) fn check(process: &Process, linux: &Linux) -> Result<()> {
    let (label, mounts) = (&process.selinux_label, &linux.mount_label);
    if (label.is_empty() && mounts.is_empty()) || std::fs::exists(SELINUX).unwrap_or(false) {
        return match mounts.contains('"') {
            true => Err(refuse(format!("the SELinux label of mounts {mounts:?} has a quotation mark in it"))),
            false => Ok(()),
        };
    }
    let name = if label.is_empty() { "mountLabel" } else { "selinuxLabel" };
    Err(refuse("selinux label is specified in config, but selinux is disabled or not supported")
        .hint(format!("leave {name} away, or mount selinuxfs on /sys/fs/selinux where the kernel has SELinux")))
}

/// What holds for the next program that is run, also by a child. It is said by files of `/proc`: the host's, before the root is
/// another.
pub(super) fn push(script: &mut Script, process: &Process) -> Result<()> {
    if !process.apparmor_profile.is_empty() {
        let own = Path::new("/proc/self/attr/apparmor/exec");
        let path = if own.exists() { "/proc/self/attr/apparmor/exec" } else { "/proc/self/attr/exec" };
        let label = format!("exec {}", process.apparmor_profile);
        let step = Step::Write { path: text(path)?, text: label.into_bytes() };
        script.push(step, format!("{APPARMOR} {}", process.apparmor_profile));
    }
    if !process.selinux_label.is_empty() {
        let label = process.selinux_label.clone().into_bytes();
        let step = Step::Write { path: text("/proc/self/attr/exec")?, text: label };
        script.push(step, format!("set the SELinux label {}", process.selinux_label));
    }
    Ok(())
}

/// What keys have that are made until the next program is run.
pub(super) fn push_key(script: &mut Script, process: &Process) -> Result<()> {
    if !process.selinux_label.is_empty() {
        let label = process.selinux_label.clone().into_bytes();
        let step = Step::Write { path: text("/proc/self/attr/keycreate")?, text: label };
        script.push(step, format!("set the SELinux label of keys {}", process.selinux_label));
    }
    Ok(())
}

/// The option by which all files of a new file system of this kind have the label, where it takes one: what is the kernel's own
/// has labels by its policy, and file systems that are there already keep theirs.
pub(super) fn of_mount(label: &str, kind: &str) -> Option<String> {
    let takes = !matches!(kind, "proc" | "sysfs" | "mqueue" | "cgroup" | "cgroup2");
    (takes && !label.is_empty()).then(|| format!("context=\"{label}\""))
}

/// The options of a new file system, with that of its label.
pub(super) fn with_label(label: &str, kind: &str, options: &str) -> Result<CString> {
    text(&of_mount(label, kind).map_or_else(|| options.to_owned(), |label| format!("{options},{label}")))
}

/// The same where options are given one by one.
pub(super) fn option(label: &str) -> Option<(&'static str, Option<&Path>)> {
    (!label.is_empty()).then(|| ("context", Some(Path::new(label))))
}

/// The label of message queues, which no option gives.
pub(super) fn push_queues(script: &mut Script, linux: &Linux, mount: &Mount) -> Result<()> {
    if mount.kind == "mqueue" && !linux.mount_label.is_empty() {
        let step = Step::Label { target: target(&mount.destination, Make::Nothing)?, label: text(&linux.mount_label)? };
        script.push(step, format!("label {} {}", mount.destination, linux.mount_label));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_of_the_container_alone_have_its_label() {
        let label = "u:r:t:s0:c1,c2";
        assert_eq!(of_mount(label, "tmpfs").as_deref(), Some("context=\"u:r:t:s0:c1,c2\""));
        assert_eq!(with_label(label, "tmpfs", "a=b").unwrap().to_str().unwrap(), "a=b,context=\"u:r:t:s0:c1,c2\"");
        for kind in ["proc", "sysfs", "mqueue", "cgroup2"] {
            assert_eq!(of_mount(label, kind), None, "{kind}");
        }
        assert_eq!(with_label("", "tmpfs", "a=b").unwrap().to_str().unwrap(), "a=b");
    }

    #[test]
    fn labels_take_selinux() {
        let labelled = Process { selinux_label: "u:r:t:s0".into(), ..Process::default() };
        let mounts = Linux { mount_label: "u:r:t:s0".into(), ..Linux::default() };
        check(&Process::default(), &Linux::default()).unwrap();
        let is_enabled = std::fs::exists(SELINUX).unwrap();
        for checked in [check(&labelled, &Linux::default()), check(&Process::default(), &mounts)] {
            assert_eq!(checked.is_ok(), is_enabled);
        }
    }
}
