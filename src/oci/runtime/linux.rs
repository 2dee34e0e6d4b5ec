//! What only Linux has: runtime-spec config-linux.md.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::oci::json::{is_default, nullable};

/// Namespaces, cgroups, devices and security of a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Linux {
    /// The namespaces that are new, or joined by path; the runtime's own are kept otherwise.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub namespaces: Vec<Namespace>,
    /// Users of the container's user namespace.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub uid_mappings: Vec<IdMapping>,
    /// Groups of the container's user namespace.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub gid_mappings: Vec<IdMapping>,
    /// Offsets of clocks (`monotonic`, `boottime`) in a new time namespace.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub time_offsets: BTreeMap<String, TimeOffset>,
    /// Devices beside the default ones.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub devices: Vec<LinuxDevice>,
    /// Where the container stands in the tree of cgroups; with systemd `SLICE:PREFIX:NAME`.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub cgroups_path: String,
    /// Limits of its cgroup.
    #[serde(skip_serializing_if = "is_default")]
    pub resources: Option<Resources>,
    /// How mounts of the root spread: `shared`, `slave`, `private`, `unbindable`.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub rootfs_propagation: String,
    /// The filter of system calls.
    #[serde(skip_serializing_if = "is_default")]
    pub seccomp: Option<Seccomp>,
    /// Kernel parameters, such as `net.core.somaxconn`.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub sysctl: BTreeMap<String, String>,
    /// Paths that show nothing.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub masked_paths: Vec<String>,
    /// Paths that cannot be written to.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub readonly_paths: Vec<String>,
    /// The SELinux label of mounts.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub mount_label: String,
    /// personality(2).
    #[serde(skip_serializing_if = "is_default")]
    pub personality: Option<Personality>,
    /// Intel RDT; refused where it is asked for.
    #[serde(skip_serializing_if = "is_default")]
    pub intel_rdt: Option<serde_json::Value>,
}

/// One namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    /// Which.
    #[serde(rename = "type")]
    pub kind: NamespaceKind,
    /// One that is there, to be joined; a new one where none is given.
    #[serde(default, skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub path: String,
}

/// The kinds of namespaces: namespaces(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NamespaceKind {
    /// Process ids.
    Pid,
    /// Network.
    Network,
    /// Mounts.
    Mount,
    /// System V IPC and POSIX message queues.
    Ipc,
    /// Host and domain name.
    Uts,
    /// Users and groups.
    User,
    /// The root of the tree of cgroups.
    Cgroup,
    /// Clocks.
    Time,
}

/// A range of ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IdMapping {
    /// The first id inside.
    #[serde(rename = "containerID")]
    pub container_id: u32,
    /// The first id outside.
    #[serde(rename = "hostID")]
    pub host_id: u32,
    /// How many.
    pub size: u32,
}

/// The offset of a clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TimeOffset {
    /// Seconds.
    pub secs: i64,
    /// Nanoseconds, below a second.
    pub nanosecs: u32,
}

/// A device file to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LinuxDevice {
    /// `c`, `b`, `u` or `p`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where, in the container.
    pub path: String,
    /// The major number; -1 for a fifo.
    #[serde(skip_serializing_if = "is_default")]
    pub major: i64,
    /// The minor number.
    #[serde(skip_serializing_if = "is_default")]
    pub minor: i64,
    /// The permission bits.
    #[serde(skip_serializing_if = "is_default")]
    pub file_mode: Option<u32>,
    /// The owner.
    #[serde(skip_serializing_if = "is_default")]
    pub uid: Option<u32>,
    /// The owning group.
    #[serde(skip_serializing_if = "is_default")]
    pub gid: Option<u32>,
}

/// Limits of a cgroup: config-linux.md "Control groups".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Resources {
    /// Which devices may be used, the last rule that fits first.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub devices: Vec<DeviceRule>,
    /// Memory.
    #[serde(skip_serializing_if = "is_default")]
    pub memory: Option<Memory>,
    /// CPU time.
    #[serde(skip_serializing_if = "is_default")]
    pub cpu: Option<Cpu>,
    /// Processes.
    #[serde(skip_serializing_if = "is_default")]
    pub pids: Option<Pids>,
    /// Block I/O.
    #[serde(skip_serializing_if = "is_default", rename = "blockIO")]
    pub block_io: Option<BlockIo>,
    /// Huge pages.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub hugepage_limits: Vec<HugepageLimit>,
    /// Network.
    #[serde(skip_serializing_if = "is_default")]
    pub network: Option<Network>,
    /// RDMA, by device.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub rdma: BTreeMap<String, RdmaLimit>,
    /// Files of cgroup v2 with what is written to them.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub unified: BTreeMap<String, String>,
}

/// A rule of which devices may be used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceRule {
    /// Whether they may.
    pub allow: bool,
    /// `a`, `c` or `b`; all where none is given.
    #[serde(rename = "type", skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub kind: String,
    /// The major number; all where none is given.
    #[serde(skip_serializing_if = "is_default")]
    pub major: Option<i64>,
    /// The minor number; all where none is given.
    #[serde(skip_serializing_if = "is_default")]
    pub minor: Option<i64>,
    /// Of `r`, `w` and `m`.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub access: String,
}

/// Limits of memory in bytes; -1 is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Memory {
    /// Memory.
    #[serde(skip_serializing_if = "is_default")]
    pub limit: Option<i64>,
    /// What is kept when the host has little.
    #[serde(skip_serializing_if = "is_default")]
    pub reservation: Option<i64>,
    /// Memory and swap together.
    #[serde(skip_serializing_if = "is_default")]
    pub swap: Option<i64>,
    /// Memory of the kernel.
    #[serde(skip_serializing_if = "is_default")]
    pub kernel: Option<i64>,
    /// Memory of TCP buffers.
    #[serde(skip_serializing_if = "is_default", rename = "kernelTCP")]
    pub kernel_tcp: Option<i64>,
    /// How readily it is swapped out, 0 to 100.
    #[serde(skip_serializing_if = "is_default")]
    pub swappiness: Option<u64>,
    /// Whether processes wait rather than end when memory is out.
    #[serde(skip_serializing_if = "is_default", rename = "disableOOMKiller")]
    pub disable_oom_killer: Option<bool>,
    /// Whether cgroups below count.
    #[serde(skip_serializing_if = "is_default")]
    pub use_hierarchy: Option<bool>,
    /// Whether a limit below what is used is refused.
    #[serde(skip_serializing_if = "is_default")]
    pub check_before_update: Option<bool>,
}

/// Limits of CPU time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Cpu {
    /// The weight among others: 1024 is the usual one.
    #[serde(skip_serializing_if = "is_default")]
    pub shares: Option<u64>,
    /// Microseconds of CPU time in each period; -1 is no limit.
    #[serde(skip_serializing_if = "is_default")]
    pub quota: Option<i64>,
    /// Microseconds that can be saved up.
    #[serde(skip_serializing_if = "is_default")]
    pub burst: Option<u64>,
    /// Microseconds of a period.
    #[serde(skip_serializing_if = "is_default")]
    pub period: Option<u64>,
    /// Microseconds of realtime scheduling in each period.
    #[serde(skip_serializing_if = "is_default")]
    pub realtime_runtime: Option<i64>,
    /// Microseconds of a realtime period.
    #[serde(skip_serializing_if = "is_default")]
    pub realtime_period: Option<u64>,
    /// The CPUs, such as `0-3,7`.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub cpus: String,
    /// The memory nodes.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub mems: String,
    /// 1 for idle scheduling.
    #[serde(skip_serializing_if = "is_default")]
    pub idle: Option<i64>,
}

/// The limit of processes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pids {
    /// How many; 0 and less is no limit.
    pub limit: i64,
}

/// Limits of block I/O.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BlockIo {
    /// The weight among others, 10 to 1000.
    #[serde(skip_serializing_if = "is_default")]
    pub weight: Option<u16>,
    /// The weight against cgroups below.
    #[serde(skip_serializing_if = "is_default")]
    pub leaf_weight: Option<u16>,
    /// Weights by device.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub weight_device: Vec<WeightDevice>,
    /// Bytes read a second.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub throttle_read_bps_device: Vec<ThrottleDevice>,
    /// Bytes written a second.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub throttle_write_bps_device: Vec<ThrottleDevice>,
    /// Reads a second.
    #[serde(skip_serializing_if = "is_default", rename = "throttleReadIOPSDevice", deserialize_with = "nullable")]
    pub throttle_read_iops_device: Vec<ThrottleDevice>,
    /// Writes a second.
    #[serde(skip_serializing_if = "is_default", rename = "throttleWriteIOPSDevice", deserialize_with = "nullable")]
    pub throttle_write_iops_device: Vec<ThrottleDevice>,
}

/// The weight of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WeightDevice {
    /// The major number.
    pub major: i64,
    /// The minor number.
    pub minor: i64,
    /// 10 to 1000.
    #[serde(skip_serializing_if = "is_default")]
    pub weight: Option<u16>,
    /// Against cgroups below.
    #[serde(skip_serializing_if = "is_default")]
    pub leaf_weight: Option<u16>,
}

/// A rate for a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ThrottleDevice {
    /// The major number.
    pub major: i64,
    /// The minor number.
    pub minor: i64,
    /// Bytes or operations a second.
    pub rate: u64,
}

/// The limit of a size of huge pages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HugepageLimit {
    /// Such as `2MB`.
    pub page_size: String,
    /// Bytes.
    pub limit: u64,
}

/// The mark and priorities of packets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Network {
    /// The class id.
    #[serde(rename = "classID", skip_serializing_if = "is_default")]
    pub class_id: Option<u32>,
    /// Priorities by interface.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub priorities: Vec<InterfacePriority>,
}

/// The priority of packets of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InterfacePriority {
    /// The interface.
    pub name: String,
    /// The priority.
    pub priority: u32,
}

/// Limits of an RDMA device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RdmaLimit {
    /// Handles.
    #[serde(skip_serializing_if = "is_default")]
    pub hca_handles: Option<u32>,
    /// Objects.
    #[serde(skip_serializing_if = "is_default")]
    pub hca_objects: Option<u32>,
}

/// The execution domain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Personality {
    /// `LINUX` or `LINUX32`.
    pub domain: String,
    /// None are defined.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub flags: Vec<String>,
}

/// A filter of system calls: config-linux.md "Seccomp".
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Seccomp {
    /// What happens to calls that no rule is for.
    pub default_action: SeccompAction,
    /// The error of [`SeccompAction::Errno`]; `EPERM` where none is given.
    #[serde(skip_serializing_if = "is_default")]
    pub default_errno_ret: Option<u32>,
    /// Architectures beside the host's own.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub architectures: Vec<Arch>,
    /// Such as `SECCOMP_FILTER_FLAG_LOG`.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub flags: Vec<String>,
    /// The socket that gets the descriptor of [`SeccompAction::Notify`].
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub listener_path: String,
    /// A text that is sent with it.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub listener_metadata: String,
    /// The rules.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub syscalls: Vec<SeccompSyscall>,
}

/// What happens to a system call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SeccompAction {
    /// The thread ends.
    #[serde(rename = "SCMP_ACT_KILL", alias = "SCMP_ACT_KILL_THREAD")]
    KillThread,
    /// The process ends.
    #[serde(rename = "SCMP_ACT_KILL_PROCESS")]
    KillProcess,
    /// SIGSYS.
    #[serde(rename = "SCMP_ACT_TRAP")]
    Trap,
    /// It fails.
    #[default]
    #[serde(rename = "SCMP_ACT_ERRNO")]
    Errno,
    /// A tracer decides.
    #[serde(rename = "SCMP_ACT_TRACE")]
    Trace,
    /// It is made.
    #[serde(rename = "SCMP_ACT_ALLOW")]
    Allow,
    /// It is made and logged.
    #[serde(rename = "SCMP_ACT_LOG")]
    Log,
    /// Who listens decides.
    #[serde(rename = "SCMP_ACT_NOTIFY")]
    Notify,
}

/// An architecture by libseccomp's name, such as `SCMP_ARCH_X86_64`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Arch(pub String);

/// One rule: these calls, if all of `args` hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SeccompSyscall {
    /// The calls.
    #[serde(deserialize_with = "nullable")]
    pub names: Vec<String>,
    /// What happens.
    pub action: SeccompAction,
    /// The error, or the message to the tracer.
    #[serde(skip_serializing_if = "is_default")]
    pub errno_ret: Option<u32>,
    /// Conditions.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub args: Vec<SeccompArg>,
}

/// A condition on one argument.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SeccompArg {
    /// Which, 0 to 5.
    pub index: u32,
    /// What it is compared with; of [`SeccompOperator::MaskedEqual`] the mask.
    pub value: u64,
    /// Of [`SeccompOperator::MaskedEqual`] what it is compared with.
    #[serde(skip_serializing_if = "is_default")]
    pub value_two: u64,
    /// How.
    pub op: SeccompOperator,
}

/// How an argument is compared, unsigned, 64 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SeccompOperator {
    /// `!=`
    #[serde(rename = "SCMP_CMP_NE")]
    NotEqual,
    /// `<`
    #[serde(rename = "SCMP_CMP_LT")]
    Less,
    /// `<=`
    #[serde(rename = "SCMP_CMP_LE")]
    LessOrEqual,
    /// `==`
    #[default]
    #[serde(rename = "SCMP_CMP_EQ")]
    Equal,
    /// `>=`
    #[serde(rename = "SCMP_CMP_GE")]
    GreaterOrEqual,
    /// `>`
    #[serde(rename = "SCMP_CMP_GT")]
    Greater,
    /// `(argument & value) == value_two`
    #[serde(rename = "SCMP_CMP_MASKED_EQ")]
    MaskedEqual,
}
