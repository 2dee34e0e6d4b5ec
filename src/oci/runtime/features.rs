//! What a runtime tells of itself: runtime-spec features.md and features-linux.md. What is absent is unknown, not unsupported.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::oci::json::is_default;

/// libseccomp's names of architectures that profiles may list: config-linux.md "Seccomp".
#[rustfmt::skip]
pub const SECCOMP_ARCHITECTURES: [&str; 23] = [
    "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K", "SCMP_ARCH_MIPS",
    "SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32",
    "SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64", "SCMP_ARCH_PPC", "SCMP_ARCH_PPC64", "SCMP_ARCH_PPC64LE",
    "SCMP_ARCH_RISCV64", "SCMP_ARCH_S390", "SCMP_ARCH_S390X", "SCMP_ARCH_SH", "SCMP_ARCH_SHEB", "SCMP_ARCH_X32",
    "SCMP_ARCH_X86", "SCMP_ARCH_X86_64",
];

/// Flags of seccomp(2) that profiles may set; runc knows the last one, too.
pub const SECCOMP_FLAGS: [&str; 4] = [
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
    "SECCOMP_FILTER_FLAG_TSYNC",
];

/// What a runtime understands, whether or not the host has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Features {
    /// The lowest version of the specification that is understood.
    pub oci_version_min: String,
    /// The highest.
    pub oci_version_max: String,
    /// The names of hooks.
    #[serde(skip_serializing_if = "is_default")]
    pub hooks: Option<Vec<String>>,
    /// Options of mounts, without those that file systems have.
    #[serde(skip_serializing_if = "is_default")]
    pub mount_options: Option<Vec<String>>,
    /// What only Linux has.
    #[serde(skip_serializing_if = "is_default")]
    pub linux: Option<LinuxFeatures>,
    /// Free texts.
    #[serde(skip_serializing_if = "is_default")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Annotations of a configuration that change what the runtime does; one that ends in `.` is a prefix.
    #[serde(skip_serializing_if = "is_default")]
    pub potentially_unsafe_config_annotations: Option<Vec<String>>,
}

/// What a runtime understands of Linux.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LinuxFeatures {
    /// The kinds of namespaces.
    #[serde(skip_serializing_if = "is_default")]
    pub namespaces: Option<Vec<String>>,
    /// The names of capabilities.
    #[serde(skip_serializing_if = "is_default")]
    pub capabilities: Option<Vec<String>>,
    /// Cgroups.
    #[serde(skip_serializing_if = "is_default")]
    pub cgroup: Option<CgroupFeatures>,
    /// Filters of system calls.
    #[serde(skip_serializing_if = "is_default")]
    pub seccomp: Option<SeccompFeatures>,
    /// AppArmor.
    #[serde(skip_serializing_if = "is_default")]
    pub apparmor: Option<Enabled>,
    /// SELinux.
    #[serde(skip_serializing_if = "is_default")]
    pub selinux: Option<Enabled>,
    /// Intel RDT.
    #[serde(skip_serializing_if = "is_default")]
    pub intel_rdt: Option<Enabled>,
    /// What mounts can have beyond mount(2).
    #[serde(skip_serializing_if = "is_default")]
    pub mount_extensions: Option<MountExtensions>,
    /// Moving network devices of the host into the container.
    #[serde(skip_serializing_if = "is_default")]
    pub net_devices: Option<Enabled>,
}

/// Which cgroups a runtime can make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CgroupFeatures {
    /// Those of version 1.
    #[serde(skip_serializing_if = "is_default")]
    pub v1: Option<bool>,
    /// Those of version 2.
    #[serde(skip_serializing_if = "is_default")]
    pub v2: Option<bool>,
    /// Through the system's systemd.
    #[serde(skip_serializing_if = "is_default")]
    pub systemd: Option<bool>,
    /// Through the user's systemd.
    #[serde(skip_serializing_if = "is_default")]
    pub systemd_user: Option<bool>,
    /// With limits of RDMA.
    #[serde(skip_serializing_if = "is_default")]
    pub rdma: Option<bool>,
}

/// What profiles of system calls can have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SeccompFeatures {
    /// Whether there are filters at all.
    #[serde(skip_serializing_if = "is_default")]
    pub enabled: Option<bool>,
    /// Actions.
    #[serde(skip_serializing_if = "is_default")]
    pub actions: Option<Vec<String>>,
    /// Comparisons of arguments.
    #[serde(skip_serializing_if = "is_default")]
    pub operators: Option<Vec<String>>,
    /// Architectures.
    #[serde(skip_serializing_if = "is_default")]
    pub archs: Option<Vec<String>>,
    /// Flags that are understood.
    #[serde(skip_serializing_if = "is_default")]
    pub known_flags: Option<Vec<String>>,
    /// Those of them that the kernel has, too.
    #[serde(skip_serializing_if = "is_default")]
    pub supported_flags: Option<Vec<String>>,
}

/// Whether a runtime has something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Enabled {
    /// Whether it does.
    #[serde(skip_serializing_if = "is_default")]
    pub enabled: Option<bool>,
}

/// What mounts can have beyond mount(2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MountExtensions {
    /// Mapped owners.
    #[serde(skip_serializing_if = "is_default")]
    pub idmap: Option<Enabled>,
}

impl Features {
    /// What this crate's documents of the specification have a place for, with what the runtime adds: its options of mounts,
    /// its names of capabilities, its cgroups. Intel RDT and network devices are not supported; what else is not said is for
    /// the caller to set.
    pub fn new(mount_options: Vec<String>, capabilities: Vec<String>, cgroup: CgroupFeatures) -> Features {
        let hooks = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];
        let namespaces = ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"];
        Features {
            oci_version_min: "1.0.0".into(),
            oci_version_max: "1.2.0".into(),
            hooks: owned(&hooks),
            mount_options: Some(mount_options),
            linux: Some(LinuxFeatures {
                namespaces: owned(&namespaces),
                capabilities: Some(capabilities),
                cgroup: Some(cgroup),
                seccomp: Some(SeccompFeatures::new()),
                intel_rdt: Some(Enabled { enabled: Some(false) }),
                net_devices: Some(Enabled { enabled: Some(false) }),
                ..LinuxFeatures::default()
            }),
            ..Features::default()
        }
    }
}

impl SeccompFeatures {
    /// All that [`Seccomp`](super::Seccomp) can have.
    fn new() -> SeccompFeatures {
        let actions = [
            "SCMP_ACT_ALLOW",
            "SCMP_ACT_ERRNO",
            "SCMP_ACT_KILL",
            "SCMP_ACT_KILL_PROCESS",
            "SCMP_ACT_KILL_THREAD",
            "SCMP_ACT_LOG",
            "SCMP_ACT_NOTIFY",
            "SCMP_ACT_TRACE",
            "SCMP_ACT_TRAP",
        ];
        let operators = [
            "SCMP_CMP_EQ",
            "SCMP_CMP_GE",
            "SCMP_CMP_GT",
            "SCMP_CMP_LE",
            "SCMP_CMP_LT",
            "SCMP_CMP_MASKED_EQ",
            "SCMP_CMP_NE",
        ];
        SeccompFeatures {
            enabled: Some(true),
            actions: owned(&actions),
            operators: owned(&operators),
            archs: owned(&SECCOMP_ARCHITECTURES),
            known_flags: owned(&SECCOMP_FLAGS),
            supported_flags: None,
        }
    }
}

fn owned(words: &[&str]) -> Option<Vec<String>> {
    Some(words.iter().map(|word| (*word).into()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::runtime::{Hooks, NamespaceKind, SeccompAction, SeccompOperator};

    fn features() -> Features {
        let cgroup = CgroupFeatures { v1: Some(true), v2: Some(true), rdma: Some(false), ..CgroupFeatures::default() };
        Features::new(vec!["ro".into()], vec!["CAP_CHOWN".into()], cgroup)
    }

    #[test]
    fn what_is_not_known_is_absent_and_what_is_not_supported_is_false() {
        let json = serde_json::to_value(features()).unwrap();
        assert_eq!(json["linux"]["cgroup"], serde_json::json!({"v1": true, "v2": true, "rdma": false}));
        assert_eq!(json["linux"]["intelRdt"], serde_json::json!({"enabled": false}));
        assert_eq!(json["linux"].get("selinux"), None);
        assert_eq!(json["mountOptions"], serde_json::json!(["ro"]));
        assert_eq!(serde_json::from_value::<Features>(json).unwrap(), features());
    }

    #[test]
    fn each_word_is_one_that_a_configuration_can_have() {
        let linux = features().linux.unwrap();
        let seccomp = linux.seccomp.unwrap();
        for word in linux.namespaces.unwrap() {
            serde_json::from_value::<NamespaceKind>(word.into()).unwrap();
        }
        for word in seccomp.actions.unwrap() {
            serde_json::from_value::<SeccompAction>(word.into()).unwrap();
        }
        for word in seccomp.operators.unwrap() {
            serde_json::from_value::<SeccompOperator>(word.into()).unwrap();
        }
        for word in features().hooks.unwrap() {
            let hooks = serde_json::json!({word: [{"path": "/bin/true"}]});
            assert_ne!(serde_json::from_value::<Hooks>(hooks).unwrap(), Hooks::default());
        }
    }
}
