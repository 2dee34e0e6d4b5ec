//! What a native container is made of, on all systems.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::system::NetworkAhead;
use crate::oci::runtime::{Process, Seccomp, Spec};
use crate::runtime::InitProcess;

/// All that the kernel is asked to make one native container of.
#[derive(Debug)]
pub struct NativeBundle {
    /// Namespaces, mounts, the process, limits. Its `linux.seccomp` is not looked at: `seccomp` is.
    pub spec: Spec,
    /// The folder that relative paths of `spec` begin at.
    pub folder: PathBuf,
    /// How its root is made.
    pub root: NativeRoot,
    /// The filter of its system calls.
    pub seccomp: SeccompChoice,
    /// Where compiled filters are kept; compiled anew each time where there is no such folder.
    pub filter_cache: Option<PathBuf>,
    /// What is made for it in memory.
    pub made: Option<MadeFiles>,
    /// The host's device files, by the paths of devices in the container that differ: where no device can be made these are bound.
    pub device_files: Vec<(String, String)>,
    /// Whether a small init of ours is its first process, which reaps and hands signals on.
    pub init: bool,
    /// The processes whose namespaces the spec names: they must still run when these are open.
    pub joined: Vec<InitProcess>,
    /// How its program is run where that is a wasm module.
    pub module: Option<ModuleRunner>,
    /// Its network, where it was [begun](super::begin_network) before the rest of this was known.
    pub network: Option<NetworkAhead>,
}

/// A wasm module is run by this program itself, which then begins in the container's root as its working directory, with the
/// host's tree around it: the root is no root of a process, as nothing in it could run there.
///
/// These are the arguments that make it do so, without its name. `--cwd=PATH`, `--user=UID:GID`, a `--group=GID` for each further
/// group, `--` and the guest's arguments follow. Of the environment, each variable has [`ModuleRunner::PREFIX`] before its name:
/// none must mean anything to the host's linker or to this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleRunner(pub Vec<String>);

impl ModuleRunner {
    /// What a variable of the guest begins with on its way through the host's environment.
    pub const PREFIX: &str = "guest:";
}

/// How the root of a native container is made.
#[derive(Clone, Debug)]
pub enum NativeRoot {
    /// It is the directory that the spec names.
    Directory,
    /// It is a copy-on-write layer over an image.
    Overlay(OverlayRoot),
}

/// What stands on disk for root of the host in a mount that shows the owners of a container's own users: an id that nobody has. The
/// kernel makes no file there for who has no id on disk, and root of the host makes some, as overlayfs and from outside.
pub const HOST_ROOT: u32 = u32::MAX - 1;

/// A root that overlayfs makes. Where the spec maps users and root of the host makes the container, all of its files are shown
/// with the owners of these users: on disk they have the ids that the container sees.
#[derive(Clone, Debug)]
pub struct OverlayRoot {
    /// The image.
    pub lower: Lower,
    /// What is below the image: what it has not is seen there.
    pub below: Option<PathBuf>,
    /// What the container changed: overlayfs's upper directory.
    pub upper: PathBuf,
    /// Overlayfs's work directory, beside `upper`.
    pub work: PathBuf,
    /// An empty directory on which it is mounted, in the container's own mount namespace.
    pub stage: PathBuf,
    /// Whether nothing of it needs to outlive a crash of the host.
    pub volatile: bool,
}

/// Files that are made in memory for a container. Mounts of its spec bind them from where they are.
#[derive(Clone, Debug)]
pub struct MadeFiles {
    /// An empty directory, in which they are in the container's own mount namespace alone.
    pub place: PathBuf,
    /// Their names and contents.
    pub files: Vec<(&'static str, Vec<u8>)>,
    /// Their label of SELinux; empty for what is usual. Containers that join the network may use them, too.
    pub label: String,
}

/// The files of an image, as the kernel can mount them.
#[derive(Clone, Debug)]
pub enum Lower {
    /// Its tree, which the kernel mounts as EROFS.
    Image(ImageFiles),
    /// Real directories and files.
    Directory(PathBuf),
}

/// The files of the store that an image is mounted of.
#[derive(Clone, Debug)]
pub struct ImageFiles {
    /// The merged tree: EROFS metadata.
    pub tree: PathBuf,
    /// The packs with its contents, in the order of the tree's device table.
    pub packs: Vec<PathBuf>,
    /// A file that tells containers of one image of each other's mount, so that they share it.
    pub shared: PathBuf,
}

/// Which filter of system calls a container has.
#[derive(Clone, Debug, PartialEq)]
pub enum SeccompChoice {
    /// None.
    Unconfined,
    /// Docker's default profile, for the capabilities of the process.
    Default,
    /// One of its own.
    Profile(Box<Seccomp>),
}

/// Where the cgroups of a container are: what others find them by, also after the end of whoever made them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CgroupRecord {
    /// Those of v1.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub v1: Vec<V1Cgroup>,
    /// The directory of the one of v2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unified: Option<PathBuf>,
    /// The unit of systemd that they belong to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The address of the bus on which a user's systemd is asked for that unit; the system's needs none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bus: Option<String>,
}

/// A cgroup in one hierarchy of v1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct V1Cgroup {
    /// The controllers of the hierarchy.
    pub controllers: Vec<String>,
    /// The directory.
    pub path: PathBuf,
}

/// A process of a native container, as the host sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostProcess {
    /// Its number.
    pub pid: u32,
    /// The number of the process that made it.
    pub parent: u32,
    /// The user that runs it.
    pub uid: u32,
    /// Its terminal, such as `pts/0`, by the number that it has in the container.
    pub terminal: Option<String>,
    /// The CPU time that it has used.
    pub cpu_time: Duration,
    /// When it started, in seconds since 1970.
    pub started: i64,
    /// Its command line.
    pub command: String,
}

/// What a process that enters a container ends with, at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndsWith {
    /// The process that made it.
    Caller,
    /// The container.
    Container,
}

/// One more process of a container that runs.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The container, by the name that its [`Bundle`](crate::runtime::Bundle) had.
    pub container: &'a str,
    /// What it runs, and whether it has a terminal.
    pub process: &'a Process,
    /// The filter of its system calls.
    pub seccomp: &'a SeccompChoice,
    /// The container's cgroup.
    pub cgroup: Option<&'a CgroupRecord>,
    /// How long it may live.
    pub ends_with: EndsWith,
}
