//! What native containers need of a Linux system.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Command, Stdio};

use super::cgroup;
use super::image;
use super::root;
use super::rootless;
use crate::runtime::{Check, Health};
use crate::sys::linux::{cgroup_device, detached, process, users};

/// The oldest kernel that a container can be made on: clone3(2) into a cgroup, mount_setattr(2).
const OLDEST: (u32, u32) = (5, 12);

/// Looks at all of it. This process is root afterwards, of the host or of a user namespace, if that is allowed.
pub fn checks(root: &Path) -> Vec<Check> {
    let is_root = users::effective_ids().0 == 0 && !process::is_in_user_namespace();
    let namespaces = user_namespaces(root, is_root);
    let can_mount = namespaces.status != Health::Fail;
    let mut checks = vec![kernel(), namespaces];
    if !is_root {
        checks.extend(can_mount.then(ranges));
        checks.push(helpers());
    }
    if can_mount {
        checks.extend([overlay(root), images()]);
    }
    checks.extend([cgroup::check(), seccomp()]);
    checks.extend(is_root.then(device_rules));
    checks
}

fn kernel() -> Check {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    match process::is_kernel_at_least(OLDEST.0, OLDEST.1) {
        true => Check::ok("kernel", format!("Linux {}", release.trim())),
        false => Check::fail(
            "kernel",
            format!("Linux {}", release.trim()),
            "native containers need Linux 5.12 or later; images of WASI programs run on any",
        ),
    }
}

fn user_namespaces(root: &Path, is_root: bool) -> Check {
    let name = "user namespaces";
    if is_root {
        return match rootless::obstacles().into_iter().next() {
            None => Check::ok(name, "other users than root can have them"),
            Some(obstacle) => Check::warn(name, format!("for other users than root, {}", obstacle.what), obstacle.fix),
        };
    }
    match rootless::become_root(root) {
        Ok(()) => Check::ok(name, "this user has one"),
        Err(error) => Check::fail(name, error.message, error.hint.unwrap_or_default()),
    }
}

fn ranges() -> Check {
    let name = "subordinate ids";
    let count = |file| users::own_map(file).iter().map(|(.., count)| u64::from(*count)).sum::<u64>();
    let (uids, gids) = (count("uid_map"), count("gid_map"));
    let found = format!("{uids} users and {gids} groups in containers");
    match uids > 1 && gids > 1 {
        true => Check::ok(name, found),
        false => Check::warn(
            name,
            format!("{found}: all files are root's, and `--user` knows root alone"),
            "as root: `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER`; then end what runs of the user's containers",
        ),
    }
}

fn helpers() -> Check {
    let name = "newuidmap, newgidmap";
    let is_there = |program: &str| {
        Command::new(program).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    };
    match ["newuidmap", "newgidmap"].into_iter().find(|program| !is_there(program)) {
        None => Check::ok(name, "installed"),
        Some(program) => {
            Check::warn(name, format!("{program} is not there"), "install the package uidmap or shadow-utils")
        }
    }
}

/// Mounts an overlay over folders of the store, in no place.
fn overlay(root: &Path) -> Check {
    let name = "overlayfs";
    let attempt = || -> std::io::Result<()> {
        let folder = tempfile::tempdir_in(root.join("tmp"))?;
        let mut open = Vec::new();
        for part in ["lower", "upper", "work"] {
            fs::create_dir(folder.path().join(part))?;
            open.push(File::open(folder.path().join(part))?);
        }
        let paths: Vec<_> = open.iter().map(|file| format!("/proc/self/fd/{}", file.as_raw_fd())).collect();
        let mut options: Vec<_> = ["lowerdir", "upperdir", "workdir"]
            .into_iter()
            .zip(paths.iter().map(|path| Some(Path::new(path))))
            .collect();
        options.extend(root::overlay_flags().iter().map(|(key, value)| (*key, value.map(Path::new))));
        detached::mount("overlay", &options, false).map(drop)
    };
    match attempt() {
        Ok(()) => Check::ok(name, "works in the store's file system"),
        Err(error) => Check::fail(
            name,
            format!("an overlay over folders of the store cannot be mounted: {error}"),
            "lay the store on ext4, xfs or btrfs (--root), `modprobe overlay`, and see that user namespaces may mount",
        ),
    }
}

fn images() -> Check {
    let name = "images";
    let erofs = detached::has_file_system("erofs");
    match (image::can_mount_images(), process::is_in_user_namespace()) {
        (true, _) => Check::ok(name, "mounted by the kernel: EROFS from files, overlayfs over mounts without a place"),
        (_, true) => Check::ok(name, "written out as files once each: only the host's root may mount EROFS"),
        _ if !erofs => Check::warn(
            name,
            "the kernel has no EROFS: each image is written out as files once",
            "`modprobe erofs`, or a kernel with CONFIG_EROFS_FS",
        ),
        _ => Check::warn(
            name,
            "overlayfs takes no mount without a place: each image is written out as files once",
            "Linux 6.15 or later",
        ),
    }
}

fn seccomp() -> Check {
    match fs::exists("/proc/sys/kernel/seccomp/actions_avail") {
        Ok(true) => Check::ok("seccomp", "filters of system calls"),
        _ => Check::fail(
            "seccomp",
            "the kernel has no filters of system calls",
            "a kernel with CONFIG_SECCOMP_FILTER, or `--security-opt seccomp=unconfined`",
        ),
    }
}

fn device_rules() -> Check {
    let name = "device rules";
    match (cgroup_device::can_load(), cgroup::has_v1("devices")) {
        (Ok(()), _) => Check::ok(name, "by programs of eBPF"),
        (_, true) => Check::ok(name, "by the controller devices of cgroup v1"),
        (Err(error), false) => Check::fail(
            name,
            format!("no program of eBPF can be loaded: {error}"),
            "a kernel with CONFIG_CGROUP_BPF, and root's rights",
        ),
    }
}
