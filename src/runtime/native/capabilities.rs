//! Capabilities of processes by name, and which of them a container has: capabilities(7).

/// The names without `CAP_`; a capability's number is its place.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// A set of capabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CapSet(u64);

impl CapSet {
    /// No capability.
    pub const EMPTY: CapSet = CapSet(0);

    /// The capabilities with these bits, as capset(2) and `/proc/PID/status` have them.
    pub const fn from_bits(bits: u64) -> CapSet {
        CapSet(bits)
    }

    /// The bit of capability N is `1 << N`.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// All that have a name here, whether or not the kernel has them.
    pub const fn all_known() -> CapSet {
        CapSet((1 << NAMES.len()) - 1)
    }

    /// The 14 that Docker gives a container.
    pub const fn docker_default() -> CapSet {
        // CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD AUDIT_WRITE SETFCAP
        CapSet(0xa804_25fb)
    }

    /// The set of these names: with or without `CAP_`, in any case; `ALL` is all of them.
    pub fn from_names<S: AsRef<str>>(names: &[S]) -> Result<CapSet, String> {
        names.iter().try_fold(CapSet::EMPTY, |set, name| Ok(set.union(parse(name.as_ref())?)))
    }

    /// What Docker makes of this set by `--cap-add` and `--cap-drop`.
    ///
    /// What is added stays, even where it is dropped, too; but of an added `ALL` the dropped ones go, and a dropped `ALL`
    /// leaves the added ones.
    pub fn with<S: AsRef<str>>(self, add: &[S], drop: &[S]) -> Result<CapSet, String> {
        let named = |list: &[S]| list.iter().any(|name| bare(name.as_ref()).eq_ignore_ascii_case("ALL"));
        let (added, dropped) = (CapSet::from_names(add)?, CapSet::from_names(drop)?);
        Ok(match (named(add), named(drop)) {
            (true, true) => CapSet::all_known(),
            (true, false) => CapSet::all_known().without(dropped),
            (false, true) => added,
            (false, false) => self.without(dropped).union(added),
        })
    }

    /// Those in either.
    pub const fn union(self, other: CapSet) -> CapSet {
        CapSet(self.0 | other.0)
    }

    /// Those in both.
    pub const fn intersection(self, other: CapSet) -> CapSet {
        CapSet(self.0 & other.0)
    }

    /// Those of this set that `other` has not.
    pub const fn without(self, other: CapSet) -> CapSet {
        CapSet(self.0 & !other.0)
    }

    /// Whether all of `other` are in this set.
    pub const fn contains(self, other: CapSet) -> bool {
        self.0 & other.0 == other.0
    }

    /// Their names, as `CAP_CHOWN`, by number; one that has no name here is left out.
    pub fn names(self) -> impl Iterator<Item = String> {
        let set = self.0;
        NAMES
            .iter()
            .enumerate()
            .filter(move |(number, _)| set >> number & 1 == 1)
            .map(|(_, name)| format!("CAP_{name}"))
    }
}

fn parse(name: &str) -> Result<CapSet, String> {
    let bare = bare(name);
    if bare.eq_ignore_ascii_case("ALL") {
        return Ok(CapSet::all_known());
    }
    let number = NAMES.iter().position(|known| known.eq_ignore_ascii_case(bare));
    number.map(|number| CapSet(1 << number)).ok_or_else(|| {
        format!("capability {name:?} is not known; capabilities(7) has the names, such as CAP_NET_ADMIN or NET_ADMIN")
    })
}

fn bare(name: &str) -> &str {
    match name.get(..4) {
        Some(prefix) if prefix.eq_ignore_ascii_case("CAP_") => &name[4..],
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> CapSet {
        CapSet::from_names(names).unwrap()
    }

    #[test]
    fn a_name_may_have_its_prefix_and_any_case() {
        for name in ["CAP_SYS_ADMIN", "SYS_ADMIN", "sys_admin", "Cap_sys_Admin"] {
            assert_eq!(set(&[name]).bits(), 1 << 21, "{name}");
        }
        assert_eq!(set(&["CHECKPOINT_RESTORE"]).bits(), 1 << 40);
        assert_eq!(set(&["all"]), CapSet::all_known());
        assert_eq!(set(&["CAP_BPF", "chown"]).names().collect::<Vec<_>>(), ["CAP_CHOWN", "CAP_BPF"]);
    }

    #[test]
    fn a_name_that_is_not_known_is_named() {
        for name in ["CAP_", "", "SYS_ADMINS", "CAP_CAP_CHOWN", "žCHOWN"] {
            let error = CapSet::from_names(&["CHOWN", name]).unwrap_err();
            assert!(error.starts_with(&format!("capability {name:?} is not known")), "{error}");
        }
    }

    #[test]
    fn the_default_is_dockers() {
        let names = [
            "CHOWN",
            "DAC_OVERRIDE",
            "FSETID",
            "FOWNER",
            "MKNOD",
            "NET_RAW",
            "SETGID",
            "SETUID",
            "SETFCAP",
            "SETPCAP",
            "NET_BIND_SERVICE",
            "SYS_CHROOT",
            "KILL",
            "AUDIT_WRITE",
        ];
        assert_eq!(CapSet::docker_default(), set(&names));
        assert_eq!(CapSet::docker_default().names().count(), 14);
    }

    #[test]
    fn adding_and_dropping_are_dockers() {
        let basics = set(&["CHOWN", "KILL", "MKNOD"]);
        let table: [(&[&str], &[&str], CapSet); 8] = [
            (&[], &[], basics),
            (&["BPF"], &[], set(&["CHOWN", "KILL", "MKNOD", "BPF"])),
            (&[], &["KILL"], set(&["CHOWN", "MKNOD"])),
            (&["KILL"], &["CAP_KILL"], basics),
            (&["ALL"], &["KILL", "CHOWN"], CapSet::all_known().without(set(&["KILL", "CHOWN"]))),
            (&["CAP_BPF"], &["all"], set(&["BPF"])),
            (&[], &["ALL"], CapSet::EMPTY),
            (&["ALL"], &["ALL"], CapSet::all_known()),
        ];
        for (add, drop, expected) in table {
            assert_eq!(basics.with(add, drop), Ok(expected), "+{add:?} -{drop:?}");
        }
        assert!(basics.with(&["NONE"], &[]).is_err());
    }
}
