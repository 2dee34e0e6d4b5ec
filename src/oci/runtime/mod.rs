//! The documents of the OCI runtime specification: what a bundle's `config.json` asks for, and what a runtime tells.

mod linux;
mod process;
mod spec;

pub use linux::{
    Arch, BlockIo, Cpu, DeviceRule, HugepageLimit, IdMapping, InterfacePriority, Linux, LinuxDevice, Memory, Namespace,
    NamespaceKind, Network, Personality, Pids, RdmaLimit, Resources, Seccomp, SeccompAction, SeccompArg,
    SeccompOperator, SeccompSyscall, ThrottleDevice, TimeOffset, WeightDevice,
};
pub use process::{Capabilities, ConsoleSize, IoPriority, Process, Rlimit, Scheduler, User};
pub use spec::{Hook, Hooks, Mount, Root, Spec};
