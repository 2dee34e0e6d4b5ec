//! What a native container shares with its host or with other containers, and what it has of the host's devices and names.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::labels::LabelPart;

/// Whose a namespace of a container is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NamespaceMode {
    /// Its own.
    #[default]
    Private,
    /// Its own, and other containers may join it: that of IPC alone.
    Shareable,
    /// Its own, without `/dev/shm`: that of IPC alone.
    None,
    /// The host's.
    Host,
    /// That of another container, by its name or id.
    Container(String),
}

impl NamespaceMode {
    /// Whether it is made with the container.
    pub fn is_own(&self) -> bool {
        matches!(self, NamespaceMode::Private | NamespaceMode::Shareable | NamespaceMode::None)
    }

    /// Whether others may join this namespace of IPC, with `/dev/shm`.
    pub fn is_joinable(&self) -> bool {
        matches!(self, NamespaceMode::Shareable | NamespaceMode::Host | NamespaceMode::Container(_))
    }

    /// The container that is joined.
    pub fn container(&self) -> Option<&str> {
        match self {
            NamespaceMode::Container(name) => Some(name),
            _ => None,
        }
    }
}

/// Docker's word, where `private` stands for what is usual.
impl std::fmt::Display for NamespaceMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NamespaceMode::Private => f.write_str("private"),
            NamespaceMode::Shareable => f.write_str("shareable"),
            NamespaceMode::None => f.write_str("none"),
            NamespaceMode::Host => f.write_str("host"),
            NamespaceMode::Container(name) => write!(f, "container:{name}"),
        }
    }
}

/// Whose the namespaces of a container are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SharingRecord {
    /// Processes.
    pub pid: NamespaceMode,
    /// System V IPC, message queues, `/dev/shm`.
    pub ipc: NamespaceMode,
    /// Host and domain name.
    pub uts: NamespaceMode,
    /// Which cgroups are seen.
    pub cgroup: NamespaceMode,
    /// The network.
    pub network: NamespaceMode,
}

/// Devices of the host that a container has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRecord {
    /// Its path on the host: a device, or a folder of devices.
    pub host: PathBuf,
    /// Its path in the container.
    pub container: String,
    /// What may be done with it: letters of `rwm`.
    pub access: String,
}

/// Security options beside capabilities and the filter of system calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecurityRecord {
    /// The AppArmor profile, or `unconfined`.
    pub apparmor: Option<String>,
    /// Whether its processes are to have no label of SELinux.
    pub label_disabled: bool,
    /// Parts of its labels that differ from what is usual.
    pub labels: Vec<(LabelPart, String)>,
    /// Whether nothing of `/proc` and `/sys` is masked or read-only.
    pub unconfined_paths: bool,
}

/// How a container finds hosts by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResolverRecord {
    /// The servers, instead of the host's.
    pub servers: Vec<String>,
    /// The domains that are searched, instead of the host's; `.` is none.
    pub search: Vec<String>,
    /// The options, instead of the host's.
    pub options: Vec<String>,
    /// Further hosts: name, address.
    pub hosts: Vec<(String, String)>,
}

/// How mounts that are made below a bind mount later spread between the host and the container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Propagation {
    /// Not at all, nor for mounts below.
    #[default]
    Rprivate,
    /// Not at all.
    Private,
    /// Both ways, also for mounts below.
    Rshared,
    /// Both ways.
    Shared,
    /// From the host to the container, also for mounts below.
    Rslave,
    /// From the host to the container.
    Slave,
}

impl Propagation {
    const WORDS: [(&'static str, Propagation); 6] = [
        ("rprivate", Propagation::Rprivate),
        ("private", Propagation::Private),
        ("rshared", Propagation::Rshared),
        ("shared", Propagation::Shared),
        ("rslave", Propagation::Rslave),
        ("slave", Propagation::Slave),
    ];

    /// The one that mount(8) has this word for.
    pub fn from_word(word: &str) -> Option<Propagation> {
        Propagation::WORDS.iter().find(|(known, _)| *known == word).map(|(_, propagation)| *propagation)
    }

    /// The word of mount(8).
    pub fn word(self) -> &'static str {
        Propagation::WORDS.iter().find(|(_, known)| *known == self).map_or("", |(word, _)| word)
    }

    /// Whether nothing spreads.
    pub fn is_private(self) -> bool {
        matches!(self, Propagation::Rprivate | Propagation::Private)
    }

    /// Whether it spreads both ways.
    pub fn is_shared(self) -> bool {
        matches!(self, Propagation::Rshared | Propagation::Shared)
    }
}

/// What becomes of the mounts below the source of a bind mount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recursion {
    /// They come along, read-only if it is.
    #[default]
    Enabled,
    /// They stay away.
    Disabled,
    /// They come along, and stay as they are.
    Writable,
}

/// How a bind mount differs from what is usual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BindRecord {
    /// How later mounts spread.
    pub propagation: Propagation,
    /// What becomes of mounts below.
    pub recursion: Recursion,
    /// How its owners are shown in the container; as they are where nothing is said.
    pub id_map: Option<IdMapRecord>,
}

/// Owners as a mount shows them. Without ranges they are those of the container's user namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IdMapRecord {
    /// Users: the first that is shown, the first on the host, how many.
    pub users: Vec<(u32, u32, u32)>,
    /// Groups, likewise.
    pub groups: Vec<(u32, u32, u32)>,
}
