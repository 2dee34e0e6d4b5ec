//! The documents of the OCI runtime specification: what a bundle's `config.json` asks for, and what a runtime tells.

mod features;
mod linux;
mod process;
mod spec;
mod state;

pub use features::{
    CgroupFeatures, Enabled, Features, LinuxFeatures, MountExtensions, SECCOMP_ARCHITECTURES, SECCOMP_FLAGS,
    SeccompFeatures,
};
pub use linux::{
    Arch, BlockIo, Cpu, DeviceRule, HugepageLimit, IdMapping, InterfacePriority, Linux, LinuxDevice, Memory, Namespace,
    NamespaceKind, Network, Personality, Pids, RdmaLimit, Resources, Seccomp, SeccompAction, SeccompArg,
    SeccompOperator, SeccompSyscall, ThrottleDevice, TimeOffset, WeightDevice,
};
pub use process::{Capabilities, ConsoleSize, IoPriority, Process, Rlimit, Scheduler, User};
pub use spec::{Hook, Hooks, Mount, Root, Spec};
pub use state::{ContainerProcessState, SECCOMP_FD, State, Status};
