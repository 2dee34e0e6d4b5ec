//! The namespaces of a container: those made with it, and those of others that it joins.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;

use super::plan::refuse;
use crate::oci::runtime::{Linux, Namespace, NamespaceKind};
use crate::runtime::Result;
use crate::sys::linux::ahead::NetworkAhead;
use crate::sys::linux::clone::{Before, Spawn};
use crate::sys::linux::flags;
use crate::sys::linux::process;
use crate::sys::linux::script::{Script, Step};
use crate::sys::linux::users;

/// What a spec says of namespaces, with those that are joined open.
pub(super) struct Namespaces {
    /// `CLONE_NEW*` of those that are made with the process.
    new: u64,
    /// Whether it has users of its own.
    has_users: bool,
    /// Whether its IPC is made when it has its ids: message queues belong to who makes them.
    has_late_ipc: bool,
    /// They are those of this namespace, which is joined.
    users: Option<OwnedFd>,
    /// Its cgroups are its own: from when it is in its cgroup.
    has_cgroups: bool,
    /// Those that are joined, but for the one of processes.
    joined: Vec<(OwnedFd, NamespaceKind, String)>,
    /// The one of the network, which is being made.
    network: Option<NetworkAhead>,
    /// The one of processes that is joined.
    processes: Option<OwnedFd>,
    /// Lines for `/proc/PID/timens_offsets`.
    clocks: Option<String>,
}

/// Begins to make the network of a container with these namespaces, beside all that comes before its first process: it takes the
/// kernel long. None where it has no network of its own, or one of other users than this process's.
pub fn begin_network(namespaces: &[Namespace]) -> Option<NetworkAhead> {
    let has_network = |own: &Namespace| own.kind == NamespaceKind::Network && own.path.is_empty();
    let has_users = namespaces.iter().any(|namespace| namespace.kind == NamespaceKind::User);
    (namespaces.iter().any(has_network) && !has_users).then(NetworkAhead::begin)?.ok()
}

impl Namespaces {
    /// Opens what is joined, and refuses what cannot be had. `ahead` is what was [begun](begin_network).
    pub(super) fn open(linux: &Linux, ahead: Option<NetworkAhead>) -> Result<Namespaces> {
        let mut namespaces = Namespaces {
            new: 0,
            has_users: false,
            has_late_ipc: false,
            users: None,
            has_cgroups: false,
            joined: Vec::new(),
            network: ahead,
            processes: None,
            clocks: clocks(linux),
        };
        for namespace in &linux.namespaces {
            match (namespace.kind, namespace.path.as_str()) {
                (NamespaceKind::Cgroup, "") => namespaces.has_cgroups = true,
                (NamespaceKind::Time, "") => {
                    namespaces.clocks.get_or_insert_default();
                }
                (NamespaceKind::Network, "") if namespaces.network.is_some() => {}
                (kind, "") => {
                    namespaces.has_users |= kind == NamespaceKind::User;
                    namespaces.new |= flag(kind);
                }
                (kind, path) => {
                    let file = File::open(path).map_err(|error| {
                        refuse(format!("open the {kind:?} namespace {path}: {error}").to_lowercase())
                    })?;
                    match kind {
                        NamespaceKind::Pid => namespaces.processes = Some(file.into()),
                        NamespaceKind::User => {
                            namespaces.has_users = true;
                            namespaces.users = Some(file.into());
                        }
                        _ => namespaces.joined.push((file.into(), kind, path.to_owned())),
                    }
                }
            }
        }
        let ipc = flag(NamespaceKind::Ipc);
        namespaces.has_late_ipc = namespaces.has_users && namespaces.new & ipc != 0;
        if namespaces.has_late_ipc {
            namespaces.new &= !ipc;
        }
        Ok(namespaces)
    }

    /// Whether the process has a tree of mounts of its own, to do with as it likes.
    pub(super) fn has_mounts(&self) -> bool {
        self.new & flag(NamespaceKind::Mount) != 0
    }

    /// Whether the process has users of its own.
    pub(super) fn has_users(&self) -> bool {
        self.has_users
    }

    /// Whether its users are another's, who has mapped them.
    pub(super) fn joins_users(&self) -> bool {
        self.users.is_some()
    }

    /// Whether its cgroups are the root of those that it sees.
    pub(super) fn has_cgroups(&self) -> bool {
        self.has_cgroups || self.joined.iter().any(|(_, kind, _)| *kind == NamespaceKind::Cgroup)
    }

    /// Whether others' namespaces are joined before the process is there: from within its own user namespace it could not join
    /// those of the host's users. Who is not root of the host joins those of a user namespace that they are in.
    fn joins_before(&self) -> bool {
        self.has_users && !(self.joins_users() && users::effective_ids().0 != 0)
    }

    /// Whether the process is made with a network of its own, in which no interface is up.
    pub(super) fn has_network_down(&self) -> bool {
        self.new & flag(NamespaceKind::Network) != 0
    }

    /// Whether its namespace of this kind is another than that of this process: also one that is joined may be the host's.
    pub(super) fn is_apart(&self, kind: NamespaceKind) -> bool {
        let is_other = |(fd, of, _): &(OwnedFd, NamespaceKind, String)| {
            *of == kind && process::is_other_namespace(fd, file(kind)).unwrap_or(false)
        };
        let is_ahead = kind == NamespaceKind::Network && self.network.is_some();
        let is_late = kind == NamespaceKind::Ipc && self.has_late_ipc;
        is_ahead || is_late || self.new & flag(kind) != 0 || self.joined.iter().any(is_other)
    }

    /// Whether its first process is the first of a new namespace, and takes all others along when it ends.
    pub(super) fn has_processes(&self) -> bool {
        self.new & flag(NamespaceKind::Pid) != 0
    }

    /// The steps by which the process joins the rest, when it has its ids and cgroups.
    pub(super) fn push(&self, script: &mut Script) {
        if let Some(network) = &self.network {
            let step = Step::Join { namespace: network.number(), kind: flag(NamespaceKind::Network) };
            script.push(step, "enter the network namespace");
        }
        if !self.joins_before() {
            for (fd, kind, path) in &self.joined {
                let step = Step::Join { namespace: fd.as_raw_fd(), kind: flag(*kind) };
                script.push(step, format!("join the namespace {path}"));
            }
        }
        if self.has_late_ipc {
            script.push(Step::Unshare(flag(NamespaceKind::Ipc)), "make an IPC namespace");
        }
        if self.has_cgroups {
            script.push(Step::Unshare(flag(NamespaceKind::Cgroup)), "make a cgroup namespace");
        }
    }

    /// Waits for what was begun. It has to be kept until the process is there.
    pub(super) fn finish(&mut self) -> Result<Option<Arc<OwnedFd>>> {
        let finished = self.network.take().map(NetworkAhead::finish).transpose();
        finished.map_err(|error| refuse(format!("make a network namespace: {error}")))
    }

    /// The process of `script` in these namespaces.
    pub(super) fn spawn<'a>(&'a self, script: &'a Script) -> Spawn<'a> {
        let mut before = Vec::new();
        if self.joins_before() {
            before.extend(self.joined.iter().map(|(fd, kind, _)| Before::Join(fd.as_fd(), flag(*kind))));
        }
        before.extend(self.clocks.as_deref().map(Before::Clocks));
        Spawn {
            script,
            namespaces: self.new,
            cgroup: None,
            pid_namespace: self.processes.as_ref().map(AsFd::as_fd),
            users: self.users.as_ref().map(AsFd::as_fd),
            before,
        }
    }
}

/// time_namespaces(7): a line for each clock.
fn clocks(linux: &Linux) -> Option<String> {
    let line = |(clock, offset): (&String, &crate::oci::runtime::TimeOffset)| {
        format!("{clock} {} {}\n", offset.secs, offset.nanosecs)
    };
    (!linux.time_offsets.is_empty()).then(|| linux.time_offsets.iter().map(line).collect())
}

/// The flag of clone(2) of a namespace.
pub(super) fn flag(kind: NamespaceKind) -> u64 {
    let flag = match kind {
        NamespaceKind::Pid => flags::CLONE_NEWPID,
        NamespaceKind::Network => flags::CLONE_NEWNET,
        NamespaceKind::Mount => flags::CLONE_NEWNS,
        NamespaceKind::Ipc => flags::CLONE_NEWIPC,
        NamespaceKind::Uts => flags::CLONE_NEWUTS,
        NamespaceKind::User => flags::CLONE_NEWUSER,
        NamespaceKind::Cgroup => flags::CLONE_NEWCGROUP,
        NamespaceKind::Time => flags::CLONE_NEWTIME,
    };
    flag as u64
}

/// Its file in `/proc/PID/ns`.
pub(super) fn file(kind: NamespaceKind) -> &'static str {
    match kind {
        NamespaceKind::Pid => "pid",
        NamespaceKind::Network => "net",
        NamespaceKind::Mount => "mnt",
        NamespaceKind::Ipc => "ipc",
        NamespaceKind::Uts => "uts",
        NamespaceKind::User => "user",
        NamespaceKind::Cgroup => "cgroup",
        NamespaceKind::Time => "time",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(json: &str) -> Result<Namespaces> {
        Namespaces::open(&serde_json::from_str(json).unwrap(), None)
    }

    #[test]
    fn a_network_that_was_made_ahead_is_entered_and_not_made_again() {
        let linux = |json: &str| serde_json::from_str::<Linux>(json).unwrap();
        let own = linux(r#"{"namespaces":[{"type":"mount"},{"type":"network"}]}"#);
        let Some(ahead) = begin_network(&own.namespaces).filter(|_| users::effective_ids().0 == 0) else { return };
        let mut namespaces = Namespaces::open(&own, Some(ahead)).unwrap();
        assert_eq!(namespaces.new, flag(NamespaceKind::Mount));
        assert!(!namespaces.has_network_down() && namespaces.is_apart(NamespaceKind::Network));
        let mut script = Script::default();
        namespaces.push(&mut script);
        let network = namespaces.finish().unwrap().unwrap();
        assert!(matches!(script.steps(), [Step::Join { namespace, .. }] if *namespace == network.as_raw_fd()));
        assert!(process::is_other_namespace(&network, "net").unwrap());
        for others in [
            r#"{"namespaces":[{"type":"network"},{"type":"user"}]}"#,
            r#"{"namespaces":[{"type":"network","path":"/proc/self/ns/net"}]}"#,
        ] {
            assert!(begin_network(&linux(others).namespaces).is_none(), "{others}");
        }
    }

    #[test]
    fn what_is_new_is_made_with_the_process_and_the_rest_is_joined() {
        let text = r#"{"namespaces":[{"type":"mount"},{"type":"pid"},{"type":"cgroup"},{"type":"time"},
            {"type":"network","path":"/proc/self/ns/net"}],"timeOffsets":{"boottime":{"secs":7}}}"#;
        let namespaces = open(text).unwrap();
        assert_eq!(namespaces.new, flag(NamespaceKind::Mount) | flag(NamespaceKind::Pid));
        assert!(!namespaces.has_network_down() && !namespaces.has_users());
        assert!(namespaces.is_apart(NamespaceKind::Pid) && !namespaces.is_apart(NamespaceKind::Ipc));
        assert!(!namespaces.is_apart(NamespaceKind::Network), "what is joined is this process's own");
        assert_eq!(namespaces.clocks.as_deref(), Some("boottime 7 0\n"));
        let mut script = Script::default();
        namespaces.push(&mut script);
        assert!(matches!(script.steps(), [Step::Join { .. }, Step::Unshare(_)]));
    }

    #[test]
    fn ipc_belongs_to_the_users_of_the_container() {
        let namespaces = open(r#"{"namespaces":[{"type":"user"},{"type":"ipc"}]}"#).unwrap();
        assert_eq!(namespaces.new, flag(NamespaceKind::User));
        assert!(namespaces.is_apart(NamespaceKind::Ipc));
        let mut script = Script::default();
        namespaces.push(&mut script);
        assert!(matches!(script.steps(), [Step::Unshare(kind)] if *kind == flag(NamespaceKind::Ipc)));
    }

    #[test]
    fn what_cannot_be_had_is_named() {
        let error = open(r#"{"namespaces":[{"type":"mount"},{"type":"ipc","path":"/nowhere"}]}"#).err().unwrap();
        assert!(error.message.contains("/nowhere"), "{}", error.message);
    }
}
