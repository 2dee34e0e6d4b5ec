//! Ranges of the host's ids that containers have for users of their own, none for two of them.

use serde::{Deserialize, Serialize};

use super::Store;
use super::error::Result;
use super::lock::{self, Lock};

/// The ids of the host that a container's own ones, from 0 on, are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdRange {
    /// The first user.
    pub uid: u32,
    /// The first group.
    pub gid: u32,
    /// How many there are of each.
    pub size: u32,
}

impl Store {
    /// Held by whoever looks for free ids, until a container's record has them.
    pub fn lock_ids(&self) -> Result<Lock> {
        lock::exclusive(&self.layout.tmp().join("ids.lock"))
    }

    /// The lowest ids, of these `(first, how many)`, that no container has.
    pub fn free_ids(&self, users: &[(u32, u32)], groups: &[(u32, u32)], size: u32) -> Result<Option<IdRange>> {
        let containers = self.containers()?;
        let taken = containers.iter().filter_map(|container| container.record.isolation.ids);
        let taken_groups = taken.clone().map(|ids| (ids.gid, ids.size));
        let uid = lowest(users, taken.map(|ids| (ids.uid, ids.size)), size);
        let gid = lowest(groups, taken_groups, size);
        Ok(uid.zip(gid).map(|(uid, gid)| IdRange { uid, gid, size }))
    }
}

/// The lowest first of `size` ids in one of the ranges, beside those that are taken.
fn lowest(ranges: &[(u32, u32)], taken: impl Iterator<Item = (u32, u32)>, size: u32) -> Option<u32> {
    let taken = taken.map(|(first, count)| (u64::from(first), u64::from(first) + u64::from(count)));
    let mut taken = taken.collect::<Vec<_>>();
    taken.sort_unstable();
    let in_range = |(first, count): &(u32, u32)| {
        // Root of the host is no container's.
        let (mut at, end) = (u64::from(*first).max(1), u64::from(*first) + u64::from(*count));
        for (start, after) in &taken {
            if at + u64::from(size) > *start {
                at = at.max(*after);
            }
        }
        (at + u64::from(size) <= end).then_some(at)
    };
    ranges.iter().filter_map(in_range).min().and_then(|at| u32::try_from(at).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_gap_is_taken() {
        let of = |ranges: &[(u32, u32)], taken: &[(u32, u32)]| lowest(ranges, taken.iter().copied(), 10);
        assert_eq!(of(&[(100, 30)], &[]), Some(100));
        assert_eq!(of(&[(100, 30)], &[(110, 10), (100, 10)]), Some(120));
        assert_eq!(of(&[(100, 30)], &[(110, 10)]), Some(100));
        assert_eq!(of(&[(100, 30)], &[(105, 10)]), Some(115));
        assert_eq!(of(&[(100, 30)], &[(105, 16)]), None);
        assert_eq!(of(&[(100, 30)], &[(0, 200)]), None);
        assert_eq!(of(&[(500, 10), (100, 9), (200, 10)], &[]), Some(200));
        assert_eq!(of(&[(u32::MAX - 10, 10)], &[]), Some(u32::MAX - 10));
        assert_eq!(of(&[(0, 10)], &[]), None);
        assert_eq!(of(&[(0, 11)], &[]), Some(1));
        assert_eq!(of(&[], &[]), None);
    }
}
