//! The life of containers as the OCI runtime specification has it: created, started, signalled, deleted.

mod config;
mod ending;
mod folder;
mod listener;
mod module;
mod proxy;
mod record;
mod starting;
mod streams;
mod watching;
mod words;
