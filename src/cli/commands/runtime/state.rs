//! `cowbox runtime state`: what there is to tell of a container, and how it is told.

use serde::Serialize;

use super::{Container, Failure, Outcome, print};
use crate::runtime::native::{ContainerState, Lifecycle};

/// Print the state of a container
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    container: Container,
}

impl Args {
    pub(super) fn run(self, lifecycle: &Lifecycle) -> Outcome {
        let told = Told::of(&lifecycle.state(&self.container.id()?)?, String::new());
        let text = serde_json::to_string_pretty(&told).map_err(|error| Failure::new(error.to_string()))?;
        print(&text)?;
        Ok(0)
    }
}

/// A container as runc tells of it: the members of the specification and its own.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Told {
    oci_version: String,
    pub(super) id: String,
    /// 0 of a container that has stopped.
    pub(super) pid: i32,
    pub(super) status: &'static str,
    pub(super) bundle: String,
    rootfs: String,
    pub(super) created: String,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    annotations: std::collections::BTreeMap<String, String>,
    pub(super) owner: String,
}

impl Told {
    /// What `container` is told as, with the name of its owner.
    pub(super) fn of(container: &ContainerState, owner: String) -> Told {
        let (seconds, nanoseconds) = container.created;
        let created = jiff::Timestamp::new(seconds, i32::try_from(nanoseconds).unwrap_or_default());
        Told {
            oci_version: container.state.oci_version.clone(),
            id: container.state.id.clone(),
            pid: container.state.pid,
            status: container.state.status.as_str(),
            bundle: container.state.bundle.clone(),
            rootfs: container.rootfs.to_string_lossy().into_owned(),
            created: created.map(|created| created.to_string()).unwrap_or_default(),
            annotations: container.state.annotations.clone(),
            owner,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::oci::runtime::{State, Status};

    pub(in super::super) fn stopped() -> ContainerState {
        let state = State {
            oci_version: "1.0.2-dev".into(),
            id: "x".into(),
            status: Status::Stopped,
            bundle: "/b".into(),
            ..State::default()
        };
        ContainerState { state, rootfs: "/b/rootfs".into(), created: (1_796_019_879, 141_752_046), owner: 0 }
    }

    #[test]
    fn a_state_is_told_as_runc_tells_it() {
        let text = serde_json::to_string(&Told::of(&stopped(), String::new())).unwrap();
        let expected = r#"{"ociVersion":"1.0.2-dev","id":"x","pid":0,"status":"stopped","bundle":"/b","rootfs":"/b/rootfs","created":"2026-11-30T06:24:39.141752046Z","owner":""}"#;
        assert_eq!(text, expected);
    }
}
