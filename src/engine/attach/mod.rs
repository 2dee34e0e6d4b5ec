//! The streams of a container that runs in the background, for processes that come and go: `attach`.
//!
//! The process that runs the container listens at `attach.sock` in the container's folder ([`Hub`]), others connect to it
//! ([`Attachment`]). What goes over a connection are messages: `docs/formats.md` "attach.sock".

mod client;
mod exec;
mod handed;
mod hub;
mod message;

pub use client::{Attachment, Shown};
pub use exec::RunningExec;
pub use handed::HandedEnd;
pub(super) use hub::Hub;

/// The name of the socket in the container's folder.
const SOCKET: &str = "attach.sock";
