//! Owners that stand on disk as other ids than guests see.

/// Which owner of a guest stands on disk as which: ranges of first seen, first stored, how many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnerMap {
    /// Users.
    pub users: Vec<(u32, u32, u32)>,
    /// Groups.
    pub groups: Vec<(u32, u32, u32)>,
}

/// What is seen of an id that has no place in the map: `nobody`.
const NOBODY: u32 = 65534;

impl OwnerMap {
    /// What stands on disk for an owner and a group that are seen; for those that are not in the map, what stands for root.
    pub(super) fn stored(&self, uid: u32, gid: u32) -> (u32, u32) {
        let of = |map: &[(u32, u32, u32)], id| {
            let stored = |id| map.iter().find_map(|(seen, stored, count)| moved(id, *seen, *stored, *count));
            stored(id).or_else(|| stored(0)).unwrap_or(0)
        };
        (of(&self.users, uid), of(&self.groups, gid))
    }

    /// The other way.
    pub(super) fn seen(&self, uid: u32, gid: u32) -> (u32, u32) {
        let of = |map: &[(u32, u32, u32)], id| {
            let seen = map.iter().find_map(|(seen, stored, count)| moved(id, *stored, *seen, *count));
            seen.unwrap_or(NOBODY)
        };
        (of(&self.users, uid), of(&self.groups, gid))
    }
}

/// An id of the range from `first` on, in the one from `to` on.
fn moved(id: u32, first: u32, to: u32, count: u32) -> Option<u32> {
    id.checked_sub(first).filter(|off| *off < count).and_then(|off| to.checked_add(off))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_go_to_disk_and_come_back() {
        let map = vec![(0, 1, 1000), (1000, 0, 1), (1001, 1001, 9)];
        let map = OwnerMap { users: map.clone(), groups: map };
        for (seen, stored) in [(0, 1), (999, 1000), (1000, 0), (1001, 1001), (1009, 1009)] {
            assert_eq!(map.stored(seen, 0), (stored, 1));
            assert_eq!(map.seen(0, stored), (1000, seen));
        }
        assert_eq!((map.stored(5000, 5000), map.seen(5000, 5000)), ((1, 1), (NOBODY, NOBODY)));
    }
}
