//! Native containers for every user: this process becomes root of a user namespace first, and all else is as for root.
//!
//! The processes of a user that work on one store are in one namespace, so that they can signal, enter and remove what belongs to
//! the others. It lives while one of them does. The file `users` in the store names them, as lines `PID START-TIME`.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::id_maps::{namespace_of, ranges};
use super::plan::refuse;
use crate::oci::runtime::{IdMapping, Linux, NamespaceKind, Process};
use crate::runtime::{Error, Result};
use crate::sys::linux::{flags, process, users};
use crate::vfs::OwnerMap;

/// The file of living processes.
const FILE: &str = "users";
/// How often, and how long after the last time, it is looked whether other threads have ended.
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(1);
/// How many ranges a map has at most: user_namespaces(7).
const RANGES_MAX: usize = 340;

/// Which ids there are.
const RANGES: &str =
    "the container has only ids that the system has set aside for you: ranges in /etc/subuid and /etc/subgid";

/// Ranges of ids: first inside, first outside, how many.
type Ranges = Vec<(u32, u32, u32)>;

/// What keeps users from having namespaces, and what to do about it.
pub(super) struct Obstacle {
    pub(super) what: String,
    pub(super) fix: String,
}

/// Makes this process root of the user namespace that the user's processes share; `folder` is where they hear of each other.
/// Nothing happens where it is root already, but that others hear of it if it was born in that namespace. It must be called before
/// there is a second thread.
pub fn become_root(folder: &Path) -> Result<()> {
    if users::effective_ids().0 == 0 {
        return if process::is_in_user_namespace() { be_heard_of(folder) } else { Ok(()) };
    }
    match threads() {
        Ok(1) => {}
        Ok(count) => {
            return Err(refuse(format!(
                "a process with {count} threads cannot become root of a user namespace, which native containers need"
            ))
            .hint("a program that embeds cowbox calls Engine::become_root before it makes threads"));
        }
        Err(error) => return Err(refuse(format!("count the threads of this process: {error}"))),
    }
    let mut members = Members::open(folder)?;
    let joined = members.living.iter().any(|(pid, start)| join(*pid, *start));
    if !joined {
        members.living.clear();
        let namespace = make().map_err(explain)?;
        users::enter(namespace.as_fd()).map_err(explain)?;
    }
    members.add_self()
}

/// Lists this process, whose parent was root of the namespace already, beside those that are in the same one.
fn be_heard_of(folder: &Path) -> Result<()> {
    static IS_DONE: AtomicBool = AtomicBool::new(false);
    if IS_DONE.swap(true, Ordering::Relaxed) || !folder.join(FILE).exists() {
        return Ok(());
    }
    let mut members = Members::open(folder)?;
    let own = std::process::id();
    let namespace = process::namespace(own, "user").ok();
    let is_theirs = |(pid, _): &(u32, u64)| process::namespace(*pid, "user").ok() == namespace;
    let is_listed = members.living.iter().any(|(pid, _)| *pid == own);
    match !is_listed && namespace.is_some() && members.living.iter().any(is_theirs) {
        true => members.add_self(),
        false => Ok(()),
    }
}

/// The processes that are in the namespace, by the locked file that names them.
struct Members {
    path: PathBuf,
    file: File,
    living: Vec<(u32, u64)>,
}

impl Members {
    fn open(folder: &Path) -> Result<Members> {
        let path = folder.join(FILE);
        let failed = |error: io::Error| refuse(format!("{}: {error}", path.display()));
        let mut file =
            File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        file.lock().map_err(failed)?;
        let mut text = String::new();
        // Whatever it holds: what is no line of ours is passed over.
        let _ = file.read_to_string(&mut text);
        let living = text.lines().filter_map(parse).filter(|(pid, start)| lives(*pid, *start)).collect();
        Ok(Members { path, file, living })
    }

    fn add_self(&mut self) -> Result<()> {
        let failed = |error: io::Error| refuse(format!("{}: {error}", self.path.display()));
        let pid = std::process::id();
        self.living.push((pid, process::start_time(pid).map_err(failed)?));
        let lines: String = self.living.iter().map(|(pid, start)| format!("{pid} {start}\n")).collect();
        let file = &mut self.file;
        file.rewind().and_then(|()| file.set_len(0)).and_then(|()| file.write_all(lines.as_bytes())).map_err(failed)
    }
}

/// Whether this process is in a user namespace that does not have all ids.
pub fn is_in_user_namespace() -> bool {
    process::is_in_user_namespace()
}

/// Whether this process lacks rights that root of the host has: it is somebody else, or root of a user namespace.
pub(super) fn is_rootless() -> bool {
    users::effective_ids().0 != 0 || process::is_in_user_namespace()
}

/// Refuses a container that who is not root of this namespace cannot have, and a process of ids that are not in the container.
pub(super) fn check(linux: &Linux, process: Option<&Process>) -> Result<()> {
    let has_users = linux.namespaces.iter().any(|namespace| namespace.kind == NamespaceKind::User);
    if users::effective_ids().0 != 0 && !has_users {
        let refused = refuse("rootless container requires user namespaces");
        return Err(refused.hint("`cowbox runtime spec --rootless` writes one"));
    }
    let Some(user) = process.map(|process| &process.user) else { return Ok(()) };
    let is_mapped = |maps: &[IdMapping], file, id: u32| {
        let map = if maps.is_empty() { users::own_map(file) } else { ranges(maps) };
        map.iter().any(|(first, _, count)| id.checked_sub(*first).is_some_and(|off| off < *count))
    };
    match is_mapped(&linux.uid_mappings, "uid_map", user.uid) && is_mapped(&linux.gid_mappings, "gid_map", user.gid) {
        true => Ok(()),
        false => {
            Err(refuse(format!("become user {}:{}: they are not mapped in the user namespace", user.uid, user.gid))
                .hint(RANGES))
        }
    }
}

/// Whether a process can be in further groups.
pub fn may_set_groups() -> bool {
    users::may_set_groups()
}

/// The user and the group of whoever runs this process, also where it is root of their namespace.
pub fn caller() -> (u32, u32) {
    let (uid, gid) = users::effective_ids();
    if !process::is_in_user_namespace() {
        return (uid, gid);
    }
    let outside = |file, id: u32| {
        let map = users::own_map(file);
        let found = map.iter().find(|(inside, _, count)| id.checked_sub(*inside).is_some_and(|off| off < *count));
        found.map_or(id, |(inside, outside, _)| outside + (id - inside))
    };
    (outside("uid_map", uid), outside("gid_map", gid))
}

/// The ids of a container in which the caller is who they are outside: first in it, first in this namespace, how many. Where there
/// is one id alone, the caller's is all there is.
pub fn kept_ids() -> OwnerMap {
    let (uid, gid) = caller();
    let of = |file, own| kept(own, users::own_map(file).iter().map(|(.., count)| *count).sum());
    OwnerMap { users: of("uid_map", uid), groups: of("gid_map", gid) }
}

fn kept(own: u32, count: u32) -> Ranges {
    let below = own.min(count.saturating_sub(1));
    let above = count.saturating_sub(own.saturating_add(1));
    let all = [(0, 1, below), (own, 0, 1), (own.saturating_add(1), own.saturating_add(1), above)];
    all.into_iter().filter(|(.., count)| *count > 0).collect()
}

/// The users and groups that the system has set aside, as `(first, how many)`: in /etc/subuid and in /etc/subgid, for the first of these
/// users that has any there.
pub fn ids_set_aside(owners: &[&str]) -> [Vec<(u32, u32)>; 2] {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    ["/etc/subuid", "/etc/subgid"].map(|path| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let of = |owner: &&str| sub_ids(&text, Some(owner), user_id(&passwd, owner));
        owners.iter().map(of).find(|ranges| !ranges.is_empty()).unwrap_or_default()
    })
}

/// The last group of a range that begins with root's, as `net.ipv4.ping_group_range` takes it: the kernel compares those outside.
pub fn last_group() -> u32 {
    let map = users::own_map("gid_map");
    let first = map.iter().find(|(inside, ..)| *inside == 0).map_or(0, |(_, outside, _)| *outside);
    let behind = map.iter().filter(|(_, outside, _)| *outside >= first);
    let last = behind.map(|(inside, _, count)| inside.saturating_add(count.saturating_sub(1))).max().unwrap_or(0);
    last.min(i32::MAX as u32)
}

/// What may keep a step of a container's first process from working here, and what to do about it.
pub(super) fn hint(words: &str, errno: i32) -> Option<String> {
    if !is_rootless() {
        return None;
    }
    let is_refused = matches!(errno, flags::EPERM | flags::EACCES);
    if words.starts_with("become user") && is_refused {
        return Some("a container whose ids are mapped without newgidmap can have no further groups".into());
    }
    if words.starts_with("become user") {
        return Some(RANGES.into());
    }
    if words == "mount proc on /proc" && is_refused && process::is_in_user_namespace() {
        return Some("the host's /proc is covered in parts: in a container of Docker or Podman, start that with `--security-opt systempaths=unconfined`".into());
    }
    if let Some(obstacle) = obstacles().into_iter().next().filter(|_| is_refused) {
        return Some(format!("{}; {}", obstacle.what, obstacle.fix));
    }
    words.starts_with("mount the root").then(|| {
        "the store must lie on a file system with user attributes, such as ext4, xfs or btrfs; `cowbox doctor` tells".into()
    })
}

/// The error of a container whose first process cannot be made.
pub(super) fn refuse_process(error: &io::Error) -> Error {
    let refused = refuse(format!("make the container's process: {error}"));
    match error.raw_os_error().and_then(|errno| hint("make the container's process", errno)) {
        Some(hint) => refused.hint(hint),
        None => refused,
    }
}

/// How many threads there are, once those that are ending have gone: who was joined may be there for a moment.
fn threads() -> io::Result<usize> {
    let mut count = users::thread_count()?;
    for _ in 0..LOOKS {
        if count == 1 {
            break;
        }
        std::thread::sleep(PAUSE);
        count = users::thread_count()?;
    }
    Ok(count)
}

fn parse(line: &str) -> Option<(u32, u64)> {
    let (pid, start) = line.split_once(' ')?;
    Some((pid.parse().ok()?, start.parse().ok()?))
}

fn lives(pid: u32, start: u64) -> bool {
    process::start_of(pid).is_ok_and(|found| found == Some(start))
}

/// Enters the namespace of a process; whether that worked. One of another user's would not let us in.
fn join(pid: u32, start: u64) -> bool {
    let Ok(namespace) = process::open_namespace(pid, "user") else { return false };
    lives(pid, start) && users::enter(namespace.as_fd()).is_ok()
}

/// A new namespace: root is the user, all other ids are those that the system has set aside for the user.
fn make() -> io::Result<OwnedFd> {
    let (uid, gid) = users::effective_ids();
    let (own_users, own_groups) = (vec![(0, uid, 1)], vec![(0, gid, 1)]);
    let name = user_name(&fs::read_to_string("/etc/passwd").unwrap_or_default(), uid);
    let of = |path: &str, own: &Ranges| {
        let text = fs::read_to_string(path).unwrap_or_default();
        [own.clone(), behind_root(&sub_ids(&text, name.as_deref(), Some(uid)))].concat()
    };
    let (all_users, all_groups) = (of("/etc/subuid", &own_users), of("/etc/subgid", &own_groups));
    if all_users.len() > 1 && all_groups.len() > 1 {
        match namespace_of(&all_users, &all_groups) {
            // The helpers are not there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            made => return made,
        }
    }
    namespace_of(&own_users, &own_groups)
}

/// The name of a user: passwd(5).
pub(super) fn user_name(passwd: &str, uid: u32) -> Option<String> {
    let of_line = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    };
    passwd.lines().find_map(of_line)
}

/// The number of a user: passwd(5).
fn user_id(passwd: &str, name: &str) -> Option<u32> {
    let of_line = |line: &str| {
        let mut fields = line.split(':');
        (fields.next()? == name).then(|| fields.nth(1)?.parse().ok()).flatten()
    };
    passwd.lines().find_map(of_line)
}

/// The ranges of a user as `(first, how many)`: subuid(5), whose lines are for a name or a number.
pub(super) fn sub_ids(text: &str, name: Option<&str>, uid: Option<u32>) -> Vec<(u32, u32)> {
    let of_line = |line: &str| {
        let mut fields = line.trim().split(':');
        let owner = fields.next()?;
        let is_own = name == Some(owner) || uid.is_some_and(|uid| owner.parse() == Ok(uid));
        let range = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        (is_own && range.1 > 0).then_some(range)
    };
    text.lines().filter_map(of_line).take(RANGES_MAX - 1).collect()
}

/// These ranges, one behind the other from 1 on.
fn behind_root(ranges: &[(u32, u32)]) -> Ranges {
    let mut next = 1_u32;
    let mut mapped = Ranges::new();
    for (first, count) in ranges {
        // The last id means nobody.
        let count = (*count).min(u32::MAX - 1 - next);
        if count > 0 {
            mapped.push((next, *first, count));
            next += count;
        }
    }
    mapped
}

/// What is known to keep users from having namespaces here.
pub(super) fn obstacles() -> Vec<Obstacle> {
    let value = |path: &str| fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<i64>().ok());
    let obstacle = |what: &str, fix: &str| Obstacle { what: what.to_owned(), fix: fix.to_owned() };
    let mut found = Vec::new();
    if value("/proc/sys/user/max_user_namespaces") == Some(0) {
        found.push(obstacle(
            "user.max_user_namespaces is 0",
            "as root: `sysctl -w user.max_user_namespaces=28633`, and the same in /etc/sysctl.d",
        ));
    }
    if value("/proc/sys/kernel/unprivileged_userns_clone") == Some(0) {
        found.push(obstacle(
            "kernel.unprivileged_userns_clone is 0",
            "as root: `sysctl -w kernel.unprivileged_userns_clone=1`, and the same in /etc/sysctl.d",
        ));
    }
    if value("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == Some(1) {
        found.push(obstacle(
            "kernel.apparmor_restrict_unprivileged_userns is 1",
            "as root: give cowbox an AppArmor profile with `userns,`, or \
             `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`",
        ));
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    if status.lines().any(|line| line.split_whitespace().eq(["Seccomp:", "2"])) {
        found.push(obstacle(
            "a seccomp filter is around this process",
            "in a container of Docker or Podman: start that with `--security-opt seccomp=unconfined`",
        ));
    }
    found
}

/// The error of a namespace that could not be had, with what is known to keep it away.
fn explain(error: io::Error) -> Error {
    let message =
        format!("become root of a user namespace, which native containers of other users than root need: {error}");
    match &obstacles()[..] {
        [] => refuse(message).hint("`cowbox doctor` tells what this system allows"),
        [first, ..] => refuse(format!("{message}; {}", first.what)).hint(first.fix.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_users_name_or_number() {
        let text = "root:1:2\nann:100000:65536\n# ann:1:1\n1000:300000:10\nann:x:5\nann:7:0\nannie:5:5\nann:9\n";
        assert_eq!(sub_ids(text, Some("ann"), Some(1000)), [(100_000, 65536), (300_000, 10)]);
        assert_eq!(sub_ids(text, None, Some(1001)), []);
        assert_eq!(user_name("root:x:0:0::/:\nann:x:1000:1000::/home/ann:/bin/sh\n", 1000).as_deref(), Some("ann"));
        assert_eq!(user_name("ann:x\n\nann", 1000), None);
    }

    #[test]
    fn ranges_follow_each_other_behind_root() {
        assert_eq!(behind_root(&[(100_000, 65536), (300_000, 10)]), [(1, 100_000, 65536), (65537, 300_000, 10)]);
        assert_eq!(behind_root(&[(5, u32::MAX), (7, 1)]), [(1, 5, u32::MAX - 2)]);
        assert_eq!(behind_root(&[]), []);
    }

    #[test]
    fn a_caller_stays_who_they_are_and_root_is_the_first_other_id() {
        assert_eq!(kept(1000, 65537), [(0, 1, 1000), (1000, 0, 1), (1001, 1001, 64536)]);
        assert_eq!(kept(70000, 65537), [(0, 1, 65536), (70000, 0, 1)]);
        assert_eq!(kept(65536, 65537), [(0, 1, 65536), (65536, 0, 1)]);
        assert_eq!(kept(1000, 1), [(1000, 0, 1)]);
        assert_eq!(kept(0, 10), [(0, 0, 1), (1, 1, 9)]);
    }

    #[test]
    fn lines_that_are_damaged_name_no_process() {
        assert_eq!(parse("7 8"), Some((7, 8)));
        for line in ["", "7", "x 8", "7 8 9", "-1 2"] {
            assert_eq!(parse(line), None, "{line}");
        }
        let pid = std::process::id();
        assert!(lives(pid, process::start_time(pid).unwrap()) && !lives(pid, 1));
    }
}
