//! `config.json`: runtime-spec config.md. Members that are not known are kept out; those that are missing have their defaults.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::linux::{IdMapping, Linux};
use super::process::Process;
use crate::oci::json::{is_default, nullable};
use crate::oci::raw::{Document, DocumentError};

/// The configuration of a container: runtime-spec config.md.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    /// The version of the specification, such as `1.2.0`.
    pub oci_version: String,
    /// The program to run; without one the container can be created and not started.
    #[serde(skip_serializing_if = "is_default")]
    pub process: Option<Process>,
    /// The root file system.
    #[serde(skip_serializing_if = "is_default")]
    pub root: Option<Root>,
    /// The host name of its UTS namespace.
    #[serde(skip_serializing_if = "is_default")]
    pub hostname: String,
    /// The domain name of its UTS namespace.
    #[serde(skip_serializing_if = "is_default")]
    pub domainname: String,
    /// What is mounted below the root, in this order.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub mounts: Vec<Mount>,
    /// Programs that are run at points of the container's life.
    #[serde(skip_serializing_if = "is_default")]
    pub hooks: Option<Hooks>,
    /// Free texts.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub annotations: BTreeMap<String, String>,
    /// All that only Linux has.
    #[serde(skip_serializing_if = "is_default")]
    pub linux: Option<Linux>,
}

/// The root file system: config.md "Root".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Root {
    /// A directory of the host, absolute or from the bundle.
    pub path: String,
    /// Whether it is read-only.
    #[serde(skip_serializing_if = "is_default")]
    pub readonly: bool,
}

/// One mount: config.md "Mounts".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Mount {
    /// Where, in the container.
    pub destination: String,
    /// The type of file system, or `bind`.
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub kind: String,
    /// What: a device name, or a path of the host, absolute or from the bundle.
    #[serde(skip_serializing_if = "is_default")]
    pub source: String,
    /// Options as of mount(8).
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub options: Vec<String>,
    /// Owners as they are shown.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub uid_mappings: Vec<IdMapping>,
    /// Groups as they are shown.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub gid_mappings: Vec<IdMapping>,
}

/// Hooks by the point they run at: config.md "POSIX-platform Hooks".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Hooks {
    /// As `create_runtime`, the older name; run first.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub prestart: Vec<Hook>,
    /// In the runtime's namespaces, when the container's are made and before its root is.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub create_runtime: Vec<Hook>,
    /// In the container's namespaces, before its root is entered.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub create_container: Vec<Hook>,
    /// In the container, before its program.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub start_container: Vec<Hook>,
    /// In the runtime's namespaces, when the program was started.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub poststart: Vec<Hook>,
    /// In the runtime's namespaces, when the container was deleted.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub poststop: Vec<Hook>,
}

/// One hook.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hook {
    /// The program, absolute.
    pub path: String,
    /// Its arguments, its name first.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub args: Vec<String>,
    /// Its whole environment.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub env: Vec<String>,
    /// Seconds until it is ended.
    #[serde(skip_serializing_if = "is_default")]
    pub timeout: Option<i64>,
}

impl Document for Spec {
    const KIND: &'static str = "config.json";

    fn check(&self) -> Result<(), DocumentError> {
        let field = |field: &str, why: String| Err(DocumentError::Field { kind: Self::KIND, field: field.into(), why });
        let version = self.oci_version.split(['.', '-', '+']).take(3).map(str::parse::<u32>).collect::<Vec<_>>();
        match version[..] {
            [Ok(1), Ok(_), Ok(_)] => Ok(()),
            _ => field("ociVersion", format!("{:?} is no version 1.x.y of the specification", self.oci_version)),
        }
    }
}
