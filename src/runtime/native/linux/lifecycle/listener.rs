//! Hands the listeners of seccomp filters to who decides on the calls.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use super::words::plain;
use crate::oci::runtime::{ContainerProcessState, SECCOMP_FD, Seccomp, State, Status};
use crate::runtime::Error;
use crate::runtime::native::lifecycle::failed;
use crate::runtime::native::system::launch::HandOver;
use crate::sys::linux::socket;

/// Hands the listeners of processes to who decides: config-linux.md "Seccomp" `listenerPath`. The first process of a container
/// is the one of its state.
pub(super) fn hand_over(profile: Seccomp, state: State) -> HandOver {
    Box::new(move |listener, pid| {
        let mut state = state.clone();
        if state.status == Status::Creating {
            state.pid = i32::try_from(pid).unwrap_or_default();
        }
        send_listener(&profile, listener, pid, state)
    })
}

fn send_listener(profile: &Seccomp, listener: OwnedFd, pid: u32, state: State) -> Result<(), Error> {
    let told = ContainerProcessState {
        oci_version: state.oci_version.clone(),
        fds: vec![SECCOMP_FD.into()],
        pid: i32::try_from(pid).unwrap_or_default(),
        metadata: profile.listener_metadata.clone(),
        state,
    };
    let text = serde_json::to_string(&told).map_err(|error| failed(format!("the state for a listener: {error}")))?;
    socket::send_descriptor(Path::new(&profile.listener_path), listener.as_fd(), &text).map_err(|error| {
        failed(format!("failed to connect with seccomp agent {}: {}", profile.listener_path, plain(&error)))
    })
}
