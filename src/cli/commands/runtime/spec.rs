//! `cowbox runtime spec`: a config.json to begin with; runc's, but for the name of the host.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::features::indented;
use super::{Failure, Outcome};
use crate::sys;

/// The version of the specification that is followed.
pub(super) const VERSION: &str = "1.2.0";

/// A file that is there where cgroups are those of v2 alone.
const OF_V2: &str = "/sys/fs/cgroup/cgroup.controllers";

/// What root begins with.
const DEFAULT: &str = include_str!("spec.json");

/// Write a config.json to begin with
#[derive(clap::Args)]
pub(super) struct Args {
    /// The folder of the bundle
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
    /// One for a user who is not root
    #[arg(long)]
    rootless: bool,
}

impl Args {
    pub(super) fn run(self) -> Outcome {
        let path = self.bundle.join("config.json");
        let owner = self.rootless.then(sys::process::owner);
        let text = indented(&config(owner, Path::new(OF_V2).exists())?, b"\t")?;
        let mut file = std::fs::File::create_new(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Failure::new("File config.json exists. Remove it first"),
            _ => Failure::new(format!("{}: {error}", path.display())),
        })?;
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        Ok(0)
    }
}

/// The configuration; with the user and group of somebody who is not root, such as they can run. On v2 with a cgroup namespace.
fn config(owner: Option<(u32, u32)>, is_v2: bool) -> Result<Value, Failure> {
    let mut config: Value = serde_json::from_str(DEFAULT).map_err(|error| Failure::new(error.to_string()))?;
    if is_v2 && let Some(namespaces) = config["linux"]["namespaces"].as_array_mut() {
        namespaces.push(json!({"type": "cgroup"}));
    }
    if let Some((uid, gid)) = owner {
        make_rootless(&mut config, uid, gid);
    }
    Ok(config)
}

fn make_rootless(config: &mut Value, uid: u32, gid: u32) {
    let mounts = config["mounts"].as_array_mut().into_iter().flatten();
    for mount in mounts {
        if mount["destination"] == "/dev/pts" {
            // The group of terminals is not one of theirs.
            mount["options"] = json!(["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]);
        }
        if mount["destination"] == "/sys" {
            // Of the host's network namespace no sysfs can be mounted anew.
            let options = ["rbind", "nosuid", "noexec", "nodev", "ro"];
            *mount = json!({"destination": "/sys", "type": "none", "source": "/sys", "options": options});
        }
    }
    let of = |id: u32| json!([{"containerID": 0, "hostID": id, "size": 1}]);
    let linux = &mut config["linux"];
    if let Some(members) = linux.as_object_mut() {
        members.shift_remove("resources");
        members.insert("uidMappings".into(), of(uid));
        members.insert("gidMappings".into(), of(gid));
    }
    if let Some(namespaces) = linux["namespaces"].as_array_mut() {
        namespaces.retain(|namespace| namespace["type"] != "network");
        namespaces.push(json!({"type": "user"}));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::runtime::{NamespaceKind, Spec};

    #[test]
    fn what_is_written_is_a_configuration() {
        let on = |owner, is_v2| serde_json::from_value::<Spec>(config(owner, is_v2).ok().unwrap()).unwrap();
        let of = |owner| on(owner, false);
        let root = of(None);
        let kinds = |spec: Spec| spec.linux.unwrap().namespaces.iter().map(|one| one.kind).collect::<Vec<_>>();
        let with_cgroups = [kinds(root.clone()), vec![NamespaceKind::Cgroup]].concat();
        assert_eq!(kinds(on(None, true)), with_cgroups);
        assert_eq!((root.oci_version.as_str(), root.mounts.len()), (VERSION, 7));
        assert!(root.process.unwrap().terminal);
        let rootless = of(Some((1000, 100)));
        let linux = rootless.linux.unwrap();
        assert_eq!((linux.uid_mappings[0].host_id, linux.gid_mappings[0].host_id), (1000, 100));
        assert_eq!((linux.resources, linux.namespaces.last().unwrap().kind), (None, NamespaceKind::User));
        assert_eq!(rootless.mounts[5].source, "/sys");
    }
}
