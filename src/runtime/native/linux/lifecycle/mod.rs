//! The life of containers as the OCI runtime specification has it: created, started, signalled, deleted.

mod config;
mod ending;
mod folder;
mod module;
mod proxy;
mod record;
mod starting;
mod watching;
mod words;
