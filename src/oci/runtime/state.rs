//! What a runtime tells of a container: runtime-spec runtime.md "State".

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::oci::json::{is_default, nullable};

/// The state of a container, as `state` prints it and hooks get it on their standard input.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct State {
    /// The version of the specification that this document follows.
    pub oci_version: String,
    /// The container's id.
    pub id: String,
    /// Where it is in its life.
    pub status: Status,
    /// Its process, as who reads this sees it; 0 where it has none.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub pid: i32,
    /// The absolute path of its bundle.
    pub bundle: String,
    /// The annotations of its configuration.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub annotations: BTreeMap<String, String>,
}

/// Where a container is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is being made.
    #[default]
    Creating,
    /// It is there, and its program was not started.
    Created,
    /// Its program runs.
    Running,
    /// Its process has exited.
    Stopped,
    /// Its processes are frozen: runc's addition to the specification's four.
    Paused,
}

impl Status {
    /// The word of the document.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Creating => "creating",
            Status::Created => "created",
            Status::Running => "running",
            Status::Stopped => "stopped",
            Status::Paused => "paused",
        }
    }
}

/// What the listener of a seccomp filter gets, beside the descriptors: config-linux.md "The Container Process State".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerProcessState {
    /// The version of the specification that this document follows.
    pub oci_version: String,
    /// The names of the descriptors, in their order; that of the filter is [`SECCOMP_FD`].
    #[serde(deserialize_with = "nullable")]
    pub fds: Vec<String>,
    /// The process under the filter, as the runtime sees it.
    pub pid: i32,
    /// The profile's `listenerMetadata`.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "nullable")]
    pub metadata: String,
    /// The container's state.
    pub state: State,
}

/// The name of the descriptor that a seccomp filter's listener gets.
pub const SECCOMP_FD: &str = "seccompFd";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_written_as_the_specification_shows_it() {
        let state = State {
            oci_version: "1.2.0".into(),
            id: "oci-container1".into(),
            status: Status::Running,
            pid: 4422,
            bundle: "/containers/redis".into(),
            annotations: [("myKey".to_owned(), "myValue".to_owned())].into(),
        };
        let text = r#"{"ociVersion":"1.2.0","id":"oci-container1","status":"running","pid":4422,"bundle":"/containers/redis","annotations":{"myKey":"myValue"}}"#;
        assert_eq!(serde_json::to_string(&state).unwrap(), text);
        assert_eq!(serde_json::from_str::<State>(text).unwrap(), state);
    }

    #[test]
    fn a_stopped_container_has_no_process() {
        let state = State { id: "a".into(), status: Status::Stopped, bundle: "/b".into(), ..State::default() };
        let text = r#"{"ociVersion":"","id":"a","status":"stopped","bundle":"/b"}"#;
        assert_eq!(serde_json::to_string(&state).unwrap(), text);
    }

    #[test]
    fn the_words_of_statuses_are_those_of_the_document() {
        for status in [Status::Creating, Status::Created, Status::Running, Status::Stopped, Status::Paused] {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }
}
