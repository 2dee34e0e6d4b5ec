//! `doctor`: whether this system has what containers need, and what to do where it has not.

use std::path::Path;

use super::{Engine, EngineOptions, apparmor, selinux};
use crate::runtime::{Check, native};
use crate::sys::{disk, mapping, terminal};

/// Free bytes below which a warning is due.
const ROOM_MIN: u64 = 1 << 30;

/// Looks at everything that containers with a store in `root` need. Where native containers need it, this process becomes root of
/// the user's namespace.
pub fn doctor(root: &Path) -> Vec<Check> {
    let mut checks = vec![store(root), room(root), executable_memory(), terminal()];
    checks.extend(native::checks(root));
    checks.extend(apparmor::doctor());
    checks.extend(selinux::doctor());
    checks
}

fn store(root: &Path) -> Check {
    let name = "store";
    let written = Engine::open(EngineOptions::new(root)).and_then(|engine| Ok(engine.store.temporary_file()?));
    match written {
        Ok(_) => Check::ok(name, root.display().to_string()),
        Err(error) => {
            let fix = error.hint.unwrap_or_else(|| "name a folder of yours with --root or COWBOX_HOME".into());
            Check::fail(name, error.message, fix)
        }
    }
}

fn room(root: &Path) -> Check {
    let name = "disk space";
    let there = root.ancestors().find(|path| path.exists()).unwrap_or(root);
    match disk::room(there) {
        Err(error) => Check::warn(name, format!("{}: {error}", there.display()), "see that the disk is there"),
        Ok((total, free)) => {
            let found = format!("{} MiB free of {} MiB", free >> 20, total >> 20);
            match free {
                0 => Check::fail(name, found, "make room, or `cowbox system prune`"),
                free if free < ROOM_MIN => Check::warn(name, found, "make room, or `cowbox system prune`"),
                _ => Check::ok(name, found),
            }
        }
    }
}

fn executable_memory() -> Check {
    let name = "executable memory";
    match mapping::executable() {
        Ok(()) => Check::ok(name, "compiled WASI programs can run"),
        Err(error) => Check::warn(
            name,
            format!("it cannot be mapped: {error}"),
            "WASI programs need it: lift SELinux' execmem, PaX MPROTECT or systemd's MemoryDenyWriteExecute",
        ),
    }
}

fn terminal() -> Check {
    let name = "terminal";
    match terminal::size() {
        Some(size) => Check::ok(name, format!("{} x {}", size.columns, size.rows)),
        None => Check::ok(name, "none here: `-it` needs one"),
    }
}
