//! The directories of cgroups: making and removing them, and moving processes into them.

use std::io;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::hierarchy::{Hierarchies, Hierarchy, read_file, read_words, write};
use super::limits::{self, missing};
use super::v1;
use crate::runtime::native::CgroupRecord;
use crate::sys::linux::cgroup as system;

/// Where our own processes are moved when the cgroup that they are in is to have cgroups with limits below it.
const OWN: &str = "cowbox-self";
/// How deep cgroups are looked at below one of ours.
const DEPTH: usize = 64;
/// How often, and how long after the last time, a cgroup is tried to be removed.
const REMOVALS: usize = 1000;
const REMOVAL_PAUSE: Duration = Duration::from_millis(1);

/// Why a cgroup could not be made.
#[derive(Debug)]
pub(super) struct MakeError {
    pub(super) message: String,
    /// Whether that is because it may not be written here.
    pub(super) is_not_writable: bool,
}

impl From<String> for MakeError {
    fn from(message: String) -> MakeError {
        MakeError { message, is_not_writable: false }
    }
}

/// The cgroup below which relative paths begin: on v1 our own. On v2, where a cgroup has either processes or cgroups with limits,
/// the one that holds ours if it is ours to write to.
pub(super) fn own_base(hierarchy: &Hierarchy) -> PathBuf {
    let own = without_self(&hierarchy.own);
    if !hierarchy.controllers.is_empty() || own == hierarchy.point || own != hierarchy.own {
        return own.to_path_buf();
    }
    let is_ours = |path: &Path| {
        ["cgroup.procs", "cgroup.subtree_control"].iter().all(|name| system::is_writable(&path.join(name)))
    };
    own.parent().filter(|parent| is_ours(parent)).unwrap_or(own).to_path_buf()
}

fn without_self(own: &Path) -> &Path {
    if own.ends_with(OWN) { own.parent().unwrap_or(own) } else { own }
}

/// Makes `path`, and what is between it and the root of `hierarchy`.
pub(super) fn make_v1(hierarchy: &Hierarchy, path: &Path) -> Result<(), MakeError> {
    let is_new = complete_v1(hierarchy, path)?;
    if is_new { Ok(()) } else { refuse_used(path) }
}

/// Whether it was not there.
fn complete_v1(hierarchy: &Hierarchy, path: &Path) -> Result<bool, MakeError> {
    make(hierarchy, path, |dir| if hierarchy.has("cpuset") { v1::inherit_cpuset(dir) } else { Ok(()) }, |_| Ok(()))
}

/// Makes those of the cgroups in `record` that are not there yet, with the controllers `needed`; others made the rest.
pub(super) fn complete(found: &Hierarchies, record: &CgroupRecord, needed: &[&str]) -> Result<(), MakeError> {
    for (hierarchy, place) in found.v1.iter().zip(&record.v1) {
        complete_v1(hierarchy, &place.path)?;
    }
    let of_v2: Vec<&str> = needed.iter().copied().filter(|name| found.v1_of(limits::v1_name(name)).is_none()).collect();
    match (&found.unified, &record.unified) {
        (Some(hierarchy), Some(path)) => complete_v2(hierarchy, path, &of_v2, true).map(drop),
        _ => Ok(()),
    }
}

/// Makes `path`, and what is between it and the root of v2, with the controllers `needed`, and with others where that is possible:
/// all with `always`, else those that statistics come from.
pub(super) fn make_v2(hierarchy: &Hierarchy, path: &Path, needed: &[&str], always: bool) -> Result<(), MakeError> {
    let is_new = complete_v2(hierarchy, path, needed, always)?;
    if is_new { Ok(()) } else { refuse_used(path) }
}

/// Whether it was not there.
fn complete_v2(hierarchy: &Hierarchy, path: &Path, needed: &[&str], always: bool) -> Result<bool, MakeError> {
    let needed: Vec<&str> = needed
        .iter()
        .map(|name| name.strip_prefix("unified:").unwrap_or(name))
        .filter(|name| !matches!(*name, "devices" | "unified"))
        .collect();
    let is_new = make(hierarchy, path, |_| Ok(()), |dir| enable(dir, &needed, always, &hierarchy.own))?;
    if let Ok(kind) = read_file(&path.join("cgroup.type"))
        && kind != "domain"
    {
        // It is ours and empty; what it is says more than whether it could be removed.
        let _ = std::fs::remove_dir(path);
        return Err(format!(
            "the cgroup {} is {kind:?}, below a threaded one, and can hold no container; choose another cgroupsPath",
            path.display()
        )
        .into());
    }
    Ok(is_new)
}

/// Makes directories down to `path`, and tells whether that one is new; `made` is called for each, `parent` for each before one is
/// made in it.
fn make(
    hierarchy: &Hierarchy,
    path: &Path,
    made: impl Fn(&Path) -> Result<(), String>,
    parent: impl Fn(&Path) -> Result<(), String>,
) -> Result<bool, MakeError> {
    let below = path.strip_prefix(&hierarchy.point).map_err(|error| error.to_string())?;
    let mut tries = 0;
    'again: loop {
        tries += 1;
        let mut dir = hierarchy.point.clone();
        let mut is_last_new = false;
        for part in below {
            // Another container may have been the last in a folder, and have just removed it.
            let is_again = |dir: &Path| tries < 10 && !dir.exists();
            match parent(&dir) {
                Err(_) if is_again(&dir) => continue 'again,
                result => result?,
            }
            dir.push(part);
            let is_new = match std::fs::create_dir(&dir) {
                Ok(()) => true,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
                Err(error) if error.kind() == ErrorKind::NotFound && tries < 10 => continue 'again,
                Err(error) => return Err(not_made(&dir, error)),
            };
            // Whoever made one that was there may have left to us what no process can be in it without.
            match made(&dir) {
                Err(_) if is_again(&dir) => continue 'again,
                Err(error) => {
                    if is_new {
                        // Nothing is in it; what could not be set is the error to tell.
                        let _ = std::fs::remove_dir(&dir);
                    }
                    return Err(error.into());
                }
                Ok(()) => is_last_new = is_new,
            }
        }
        return Ok(is_last_new);
    }
}

fn not_made(dir: &Path, error: io::Error) -> MakeError {
    let is_not_writable = matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem);
    let fix = if is_not_writable {
        "; limits need a cgroup that is delegated to you: run as root, or under `systemd-run --user --scope -p Delegate=yes`"
    } else {
        ""
    };
    MakeError { message: format!("cannot make the cgroup {}: {error}{fix}", dir.display()), is_not_writable }
}

/// Another container's cgroup, or a cgroup of the system, is not taken: what is in it would end with ours. Nor is one that is
/// frozen: a process would stop in it before it is a container.
pub(super) fn refuse_used(path: &Path) -> Result<(), MakeError> {
    if is_frozen(path) {
        return Err(format!("container's cgroup unexpectedly frozen: {}", path.display()).into());
    }
    match pids(path).len() {
        0 => Ok(()),
        count => Err(format!(
            "container's cgroup is not empty: {count} process(es) found in {}; choose another cgroupsPath",
            path.display()
        )
        .into()),
    }
}

/// Whether processes of a cgroup stop: it has a file for that where they can.
fn is_frozen(path: &Path) -> bool {
    let is_v1 = read_file(&path.join("freezer.state")).is_ok_and(|state| state != "THAWED");
    is_v1 || read_file(&path.join("cgroup.freeze")).is_ok_and(|state| state == "1")
}

/// Lets cgroups below `dir` have controllers.
fn enable(dir: &Path, needed: &[&str], always: bool, own: &Path) -> Result<(), String> {
    let available = read_words(&dir.join("cgroup.controllers"));
    let is_wanted = |name: &String| always || matches!(name.as_str(), "cpu" | "io" | "memory" | "pids");
    if needed.is_empty() && !available.iter().any(is_wanted) {
        return Ok(());
    }
    let control = dir.join("cgroup.subtree_control");
    let enabled = read_words(&control);
    for name in needed.iter().filter(|name| !enabled.iter().any(|enabled| enabled == *name)) {
        if !available.iter().any(|available| available == name) {
            return Err(missing(name, dir));
        }
        enable_needed(dir, name, own)?;
    }
    for name in available.iter().filter(|name| is_wanted(name) && !enabled.contains(name)) {
        if needed.contains(&name.as_str()) {
            continue;
        }
        // Nothing asked for it: without it there is less to count.
        let _ = write(&control, &format!("+{name}"));
    }
    Ok(())
}

fn enable_needed(dir: &Path, name: &str, own: &Path) -> Result<(), String> {
    let control = dir.join("cgroup.subtree_control");
    let text = format!("+{name}");
    let mut result = write(&control, &text);
    if result.as_ref().is_err_and(|error| error.kind() == ErrorKind::ResourceBusy) && dir == without_self(own) {
        move_own(dir)?;
        result = write(&control, &text);
    }
    result.map_err(|error| match error.kind() {
        ErrorKind::ResourceBusy => format!(
            "the cgroup {} holds processes, so that cgroups below it can have no {name}; choose another cgroupsPath, or start under `systemd-run --scope -p Delegate=yes`",
            dir.display()
        ),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => missing(name, dir),
        ErrorKind::InvalidInput => format!("the cgroup {} is threaded, and cgroups below it can have no {name}; choose another cgroupsPath", dir.display()),
        _ => format!("cannot enable the controller {name} in {}: {error}", dir.display()),
    })
}

/// Moves all processes of the cgroup that we are in to one below it.
fn move_own(dir: &Path) -> Result<(), String> {
    let below = dir.join(OWN);
    match std::fs::create_dir(&below) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(format!("cannot make the cgroup {}: {error}", below.display()));
        }
        _ => {}
    }
    // Those that begin meanwhile are found the next time.
    for _ in 0..5 {
        let pids = read_pids(dir);
        if pids.is_empty() {
            break;
        }
        for pid in pids {
            add_if_there(&below, pid)?;
        }
    }
    Ok(())
}

/// Moves a process into a cgroup.
pub(super) fn add(dir: &Path, pid: u32) -> Result<(), String> {
    write(&dir.join("cgroup.procs"), &pid.to_string())
        .map_err(|error| format!("cannot move process {pid} into the cgroup {}: {error}", dir.display()))
}

/// As [`add`]; a process that has ended is no error.
pub(super) fn add_if_there(dir: &Path, pid: u32) -> Result<(), String> {
    match write(&dir.join("cgroup.procs"), &pid.to_string()) {
        Err(error) if system::is_no_process(&error) => Ok(()),
        result => {
            result.map_err(|error| format!("cannot move process {pid} into the cgroup {}: {error}", dir.display()))
        }
    }
}

/// The processes in a cgroup, and in those below it.
pub(super) fn pids(dir: &Path) -> Vec<u32> {
    let mut all = Vec::new();
    for dir in directories(dir) {
        all.extend(read_pids(&dir));
    }
    all
}

/// Whether a process is in a cgroup itself.
pub(super) fn holds(dir: &Path, pid: u32) -> bool {
    read_pids(dir).contains(&pid)
}

/// Processes of other pid namespaces are 0 in such a file.
fn read_pids(dir: &Path) -> Vec<u32> {
    read_words(&dir.join("cgroup.procs")).iter().filter_map(|word| word.parse().ok()).filter(|pid| *pid != 0).collect()
}

/// A cgroup and those below it, each after the one that it is in.
fn directories(dir: &Path) -> Vec<PathBuf> {
    let mut found = vec![dir.to_path_buf()];
    let mut next = 0;
    let depth = dir.components().count();
    while let Some(dir) = found.get(next).cloned() {
        next += 1;
        if dir.components().count() > depth + DEPTH {
            continue;
        }
        let entries = std::fs::read_dir(&dir).into_iter().flatten().flatten();
        found.extend(
            entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()),
        );
    }
    found
}

/// Removes a cgroup and those below it. One that is gone is no error. Waits a little for processes that are ending.
pub(super) fn remove(dir: &Path) -> Result<(), String> {
    let mut error = None;
    for _ in 0..REMOVALS {
        if error.is_some() {
            thread::sleep(REMOVAL_PAUSE);
        }
        error = None;
        for dir in directories(dir).into_iter().rev() {
            if let Err(of_dir) = remove_one(&dir) {
                error = Some((dir, of_dir));
            }
        }
        match &error {
            None => return Ok(()),
            Some((_, error)) if error.kind() == ErrorKind::ResourceBusy => {}
            Some(_) => break,
        }
    }
    let Some((dir, error)) = error else { return Ok(()) };
    Err(format!("cannot remove the cgroup {}: {error}", dir.display()))
}

/// Removes a cgroup that nothing is in. One that is gone is no error.
pub(super) fn remove_one(dir: &Path) -> io::Result<()> {
    match std::fs::remove_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound || system::is_no_device(&error) => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::super::FOLDER;
    use super::*;
    use std::cell::Cell;

    #[test]
    fn folders_that_go_while_a_cgroup_is_made_in_them_are_made_again() {
        let point = tempfile::tempdir().unwrap();
        let point = point.path().to_owned();
        let hierarchy = Hierarchy { controllers: Vec::new(), own: point.clone(), point: point.clone() };
        let (of_made, of_parent) = (Cell::new(3), Cell::new(3));
        // As who ends the last other container in it does.
        let vanishes = |left: &Cell<u32>, dir: &Path| match dir.ends_with(FOLDER) && left.get() > 0 {
            true => {
                left.set(left.get() - 1);
                std::fs::remove_dir(dir).unwrap();
                Err("it is gone".to_owned())
            }
            false => Ok(()),
        };
        let path = point.join(FOLDER).join("id");
        make(&hierarchy, &path, |dir| vanishes(&of_made, dir), |dir| vanishes(&of_parent, dir)).unwrap();
        assert!(path.is_dir());
        let fails = |_: &Path| Err("it stays".to_owned());
        assert_eq!(make(&hierarchy, &path, fails, |_| Ok(())).unwrap_err().message, "it stays");
    }
}
