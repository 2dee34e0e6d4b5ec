//! The process of a container: runtime-spec config.md "Process".

use serde::{Deserialize, Serialize};

use crate::oci::json::{is_default, nullable};

/// A process to run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Process {
    /// Whether it has a terminal of its own.
    #[serde(skip_serializing_if = "is_default")]
    pub terminal: bool,
    /// The size of the terminal's window.
    #[serde(skip_serializing_if = "is_default")]
    pub console_size: Option<ConsoleSize>,
    /// Who runs it.
    pub user: User,
    /// The command line; the first is looked up in the `PATH` of `env` unless it is a path.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub args: Vec<String>,
    /// The environment, as `KEY=VALUE`.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub env: Vec<String>,
    /// The working directory, absolute.
    pub cwd: String,
    /// Its capabilities; all sets are empty where there is none.
    #[serde(skip_serializing_if = "is_default")]
    pub capabilities: Option<Capabilities>,
    /// Limits of its resources: setrlimit(2).
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub rlimits: Vec<Rlimit>,
    /// Whether it and what it executes can gain no privileges.
    #[serde(skip_serializing_if = "is_default")]
    pub no_new_privileges: bool,
    /// The AppArmor profile.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub apparmor_profile: String,
    /// The SELinux label.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub selinux_label: String,
    /// How soon it is chosen when memory is out: -1000 to 1000.
    #[serde(skip_serializing_if = "is_default")]
    pub oom_score_adj: Option<i32>,
    /// sched_setattr(2).
    #[serde(skip_serializing_if = "is_default")]
    pub scheduler: Option<Scheduler>,
    /// ioprio_set(2).
    #[serde(skip_serializing_if = "is_default", rename = "ioPriority")]
    pub io_priority: Option<IoPriority>,
}

/// The size of a terminal's window, in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsoleSize {
    /// Lines.
    pub height: u16,
    /// Characters in a line.
    pub width: u16,
}

/// The owner of a process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct User {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The mask of new files' modes.
    #[serde(skip_serializing_if = "is_default")]
    pub umask: Option<u32>,
    /// Further groups.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub additional_gids: Vec<u32>,
}

/// Names of capabilities (`CAP_CHOWN`), by set: capabilities(7).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// The most that can ever be gained.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub bounding: Vec<String>,
    /// Those in force.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub effective: Vec<String>,
    /// Those that programs may inherit.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub inheritable: Vec<String>,
    /// Those that may come into force.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub permitted: Vec<String>,
    /// Those that stay across execve(2) of programs without any.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub ambient: Vec<String>,
}

/// One resource limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rlimit {
    /// Such as `RLIMIT_NOFILE`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The ceiling; `u64::MAX` is none.
    pub hard: u64,
    /// The limit in force.
    pub soft: u64,
}

/// The scheduler of a process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scheduler {
    /// Such as `SCHED_OTHER`.
    pub policy: String,
    /// -20 to 19.
    #[serde(skip_serializing_if = "is_default")]
    pub nice: i32,
    /// 1 to 99, of `SCHED_FIFO` and `SCHED_RR`.
    #[serde(skip_serializing_if = "is_default")]
    pub priority: i32,
    /// Such as `SCHED_FLAG_RESET_ON_FORK`.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub flags: Vec<String>,
    /// Nanoseconds, of `SCHED_DEADLINE`.
    #[serde(skip_serializing_if = "is_default")]
    pub runtime: u64,
    /// Nanoseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub deadline: u64,
    /// Nanoseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub period: u64,
}

/// The I/O priority of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IoPriority {
    /// `IOPRIO_CLASS_RT`, `IOPRIO_CLASS_BE` or `IOPRIO_CLASS_IDLE`.
    pub class: String,
    /// 0 to 7.
    pub priority: u32,
}
