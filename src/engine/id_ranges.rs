//! `--userns auto`: a container of root with users of its own, whose root is an id of the host that nothing else has.

use std::sync::Arc;

use super::Engine;
use super::error::{Error, Result};
use crate::runtime::native;
use crate::store::{ContainerRecord, IdRange, IsolationRecord, Lock, NamespaceMode};
use crate::vfs::OwnerMap;

/// How many ids a container has where no number is asked for.
const SIZE: u32 = 65536;

/// Whose ranges containers have: those of the first who has any.
const OWNERS: [&str; 2] = ["containers", "root"];

/// Whether a container is to have a range of its own.
pub(super) fn is_auto(isolation: &IsolationRecord) -> bool {
    isolation.userns.as_deref().is_some_and(|word| word == "auto" || word.starts_with("auto:"))
}

/// Refuses what the container cannot have, in Docker's words where it has any.
pub(super) fn check(isolation: &IsolationRecord) -> Result<()> {
    if !is_auto(isolation) {
        return Ok(());
    }
    if native::caller().0 != 0 || native::is_in_user_namespace() {
        return Err(Error::invalid("--userns auto: it is for root of the host")
            .hint("containers of other users have a user namespace anyway; keep-id is theirs"));
    }
    asked_size(isolation)?;
    let sharing = &isolation.sharing;
    let others = [
        ("--pid", &sharing.pid),
        ("--ipc", &sharing.ipc),
        ("--uts", &sharing.uts),
        ("--cgroupns", &sharing.cgroup),
        ("--network", &sharing.network),
    ];
    let is_others = |mode: &NamespaceMode| *mode == NamespaceMode::Host || mode.container().is_some();
    if let Some((flag, mode)) = others.iter().find(|(_, mode)| is_others(mode)) {
        let whose = if **mode == NamespaceMode::Host { "the host's" } else { "another container's" };
        return Err(Error::invalid(format!(
            "--userns auto: cannot share {whose} namespace ({flag} {mode}) when user namespaces are enabled"
        )));
    }
    if isolation.privileged {
        return Err(Error::invalid("--userns auto: privileged mode is incompatible with user namespaces")
            .hint("a container with --privileged has the ids of the host"));
    }
    match isolation.oom_score_adj {
        Some(score) if score < 0 => Err(Error::invalid(format!(
            "--userns auto: only root of the host may set --oom-score-adj {score}, below 0"
        ))),
        _ => Ok(()),
    }
}

/// `auto`, or `auto:size=N`.
fn asked_size(isolation: &IsolationRecord) -> Result<u32> {
    let word = isolation.userns.as_deref().unwrap_or_default();
    match word.strip_prefix("auto:") {
        None => Ok(SIZE),
        Some(option) => match option.strip_prefix("size=").and_then(|size| size.parse().ok()) {
            Some(size) if size > 0 => Ok(size),
            _ => Err(Error::invalid(format!("--userns {word}: of the options of auto, size=NUMBER is known"))),
        },
    }
}

/// Refuses a user whom the container does not have.
pub(super) fn check_user(isolation: &IsolationRecord, uid: u32, groups: &[u32]) -> Result<()> {
    let Some(ids) = isolation.ids else { return Ok(()) };
    let outside = |id: &u32| *id >= ids.size;
    let found = [("user", Some(uid).filter(outside)), ("group", groups.iter().copied().find(outside))];
    match found.into_iter().find_map(|(kind, id)| Some((kind, id?))) {
        None => Ok(()),
        Some((kind, id)) => {
            Err(Error::invalid(format!("{kind} {id}: the container has the ids from 0 to {}", ids.size - 1))
                .hint(format!("create it with more of them: --userns auto:size={}", u64::from(id) + 1)))
        }
    }
}

/// The users and groups of a container, as the host has them.
pub(super) fn map_of(ids: IdRange) -> OwnerMap {
    OwnerMap { users: vec![(0, ids.uid, ids.size)], groups: vec![(0, ids.gid, ids.size)] }
}

impl Engine {
    /// Gives a new container its range, if it is to have one. The lock is to be held until it is stored.
    pub(super) fn choose_ids(&self, record: &mut ContainerRecord) -> Result<Option<Lock>> {
        if !is_auto(&record.isolation) {
            return Ok(None);
        }
        let size = asked_size(&record.isolation)?;
        let [users, groups] = native::ids_set_aside(&OWNERS);
        for (file, ranges) in [("/etc/subuid", &users), ("/etc/subgid", &groups)] {
            if ranges.is_empty() {
                return Err(Error::invalid(format!("--userns auto: no ids are set aside for containers in {file}"))
                    .hint("add the line `containers:2147483647:2147483648` to /etc/subuid and to /etc/subgid"));
            }
        }
        let lock = self.store.lock_ids()?;
        let found = self.store.free_ids(&users, &groups, size)?;
        record.isolation.ids = Some(found.ok_or_else(|| {
            Error::conflict(format!(
                "--userns auto: no {size} ids one after another are free in /etc/subuid and /etc/subgid"
            ))
            .hint("remove containers, ask for fewer ids (auto:size=NUMBER), or set more aside there")
        })?);
        Ok(Some(lock))
    }

    /// How owners of what a container sees stand for the host while it runs, and in its binds.
    pub(super) fn owners_seen(&self, record: &ContainerRecord) -> Option<Arc<OwnerMap>> {
        record.isolation.ids.map(|ids| Arc::new(map_of(ids))).or_else(|| self.owners(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_ids_may_be_asked_for() {
        let of = |word: &str| asked_size(&IsolationRecord { userns: Some(word.into()), ..IsolationRecord::default() });
        assert_eq!(of("auto").unwrap(), 65536);
        assert_eq!(of("auto:size=1024").unwrap(), 1024);
        for word in ["auto:", "auto:size=0", "auto:size=x", "auto:uidmapping=0:1:2"] {
            assert!(of(word).unwrap_err().message.contains(word), "{word}");
        }
    }

    #[test]
    fn users_beyond_the_range_are_refused_with_the_number_that_would_do() {
        let ids = Some(IdRange { uid: 100_000, gid: 200_000, size: 1000 });
        let isolation = IsolationRecord { ids, ..IsolationRecord::default() };
        assert!(check_user(&isolation, 999, &[0, 999]).is_ok());
        assert!(check_user(&IsolationRecord::default(), 70_000, &[70_000]).is_ok());
        let error = check_user(&isolation, 5, &[5, 1000]).unwrap_err();
        assert_eq!(error.message, "group 1000: the container has the ids from 0 to 999");
        assert!(error.hint.unwrap().ends_with("auto:size=1001"));
    }
}
