//! Runs one more process in a container that is there.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use super::cgroup::Cgroup;
use super::labels;
use super::launch::{Answer, LaunchOptions, Launched, bounding, follow, tell_steps};
use super::namespaces;
use super::plan::{self, PREPARED, refuse};
use super::process::{Kept, push_keyring, push_process};
use super::seccomp;
use crate::oci::runtime::{Linux, NamespaceKind, Process};
use crate::runtime::Result;
use crate::runtime::native::SeccompChoice;
use crate::sys::linux::channel::Channel;
use crate::sys::linux::clone::{self, Spawn};
use crate::sys::linux::flags;
use crate::sys::linux::process::{self, Child};
use crate::sys::linux::script::{Script, Step};
use crate::sys::linux::users;

/// Runs one more process in the container of process `pid`, and in its cgroup.
pub(super) fn enter(
    pid: u32,
    process: &Process,
    filter: &SeccompChoice,
    cgroup: Option<&Cgroup>,
    options: LaunchOptions,
) -> Result<Launched> {
    let filter = match filter {
        SeccompChoice::Unconfined => None,
        SeccompChoice::Default => Some(seccomp::default_filter(bounding(process)?).map_err(refuse)?),
        SeccompChoice::Profile(profile) => Some(seccomp::compile(profile).map_err(refuse)?),
    };
    let gone = |error: io::Error| refuse(format!("process {pid} of the container: {error}"));
    let pidfd = process::open_pidfd(pid).map_err(gone)?;
    let join = differing_namespaces(pid).map_err(gone)?;
    let pid_namespace = match join & flags::CLONE_NEWPID as u64 {
        0 => None,
        _ => Some(process::open_namespace(pid, "pid").map_err(gone)?),
    };
    labels::check(process, &Linux::default())?;
    let mut script = Script::default();
    if options.die_with_parent {
        script.push(Step::DieWithParent, "tie the process to this one");
    }
    if cgroup.is_some_and(Cgroup::is_to_add) {
        script.push(Step::Sync(PREPARED), "wait for the parent");
    }
    labels::push(&mut script, process)?;
    if options.keyring.is_some() {
        labels::push_key(&mut script, process)?;
    }
    // Who is not root here has to be in the user namespace before they may go into the others.
    let has_users = join & flags::CLONE_NEWUSER as u64 != 0;
    let is_first = has_users && users::effective_ids().0 != 0;
    let users_of_it = is_first.then(|| process::open_namespace(pid, "user")).transpose().map_err(gone)?;
    let joined_before = flags::CLONE_NEWPID as u64 | if is_first { flags::CLONE_NEWUSER as u64 } else { 0 };
    let step = Step::Join { namespace: pidfd.as_raw_fd(), kind: join & !joined_before };
    script.push(step, format!("join the namespaces of process {pid}"));
    let has_root = users::map_of(&pid.to_string(), "uid_map").iter().any(|(first, ..)| *first == 0);
    if has_users && has_root {
        script.push(Step::BecomeRoot { keeps_groups: options.keeps_groups }, "become root of the user namespace");
    }
    if let Some(container) = &options.keyring {
        push_keyring(&mut script, container)?;
    }
    script.push(Step::OpenRoot(plan::text("/")?), "open the container's root");
    if process.terminal {
        script.push(plan::terminal(process, options.window, false, options.plain_lines), "open a terminal");
    } else {
        script.push(Step::NewSession, "make a session");
        script.push(Step::Streams(options.streams.each_ref().map(OwnedFd::as_raw_fd)), "pass the standard streams");
    }
    if let Some(personality) = &options.personality {
        plan::push_personality(&mut script, personality)?;
    }
    let kept = Kept { descriptors: options.preserve_fds, groups: options.keeps_groups };
    let run = Step::Execute(super::process::program(process)?);
    push_process(&mut script, process, filter, kept, Script::default(), run)?;
    let spawn = Spawn {
        script: &script,
        namespaces: 0,
        cgroup: cgroup.and_then(Cgroup::clone_fd),
        pid_namespace: pid_namespace.as_ref().map(AsFd::as_fd),
        users: users_of_it.as_ref().map(AsFd::as_fd),
        before: Vec::new(),
    };
    let spawned = match clone::spawn(&spawn) {
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => spawn_beside(pid, cgroup, spawn),
        spawned => spawned,
    };
    let (child, channel) = spawned.map_err(|error| refuse(format!("make a process in the container: {error}")))?;
    tell_steps(&options.debug, &script, &child);
    let start_time = process::start_time(child.pid()).unwrap_or(0);
    let join = |_| {
        let added = cgroup.map_or(Ok(()), |cgroup| cgroup.add_further(child.pid(), pid));
        added.map(|()| Answer::Word(Vec::new())).map_err(refuse)
    };
    let master = follow(&script, (&child, &channel), process, &options, join, || {})?;
    Ok(Launched {
        process: child,
        start_time,
        master,
        cgroup: None,
        is_first: false,
        image: None,
        words: script.into_words(),
        channel,
    })
}

/// Makes a process of a container whose cgroup holds none any more: in the one that process `pid` is in.
fn spawn_beside(pid: u32, cgroup: Option<&Cgroup>, spawn: Spawn<'_>) -> io::Result<(Child, Channel)> {
    let found = cgroup.map_or(Ok(None), |cgroup| cgroup.directory_of_first(pid)).map_err(io::Error::other)?;
    let busy = || {
        let file = cgroup.and_then(|cgroup| cgroup.to_record().unified).unwrap_or_default().join("cgroup.procs");
        let why = "device or resource busy: cgroups below have controllers";
        io::Error::new(
            io::ErrorKind::ResourceBusy,
            format!("error adding pid of a process to cgroups: {}: {why}", file.display()),
        )
    };
    let directory = found.ok_or_else(busy)?;
    clone::spawn(&Spawn { cgroup: Some(directory.as_fd()), ..spawn })
}

/// `CLONE_NEW*` of the namespaces in which a process is, and this one is not.
fn differing_namespaces(pid: u32) -> io::Result<u64> {
    let own = std::process::id();
    let kinds = [
        NamespaceKind::User,
        NamespaceKind::Mount,
        NamespaceKind::Pid,
        NamespaceKind::Uts,
        NamespaceKind::Ipc,
        NamespaceKind::Network,
        NamespaceKind::Cgroup,
        NamespaceKind::Time,
    ];
    let mut differing = 0;
    for kind in kinds {
        let file = namespaces::file(kind);
        if process::namespace(pid, file)? != process::namespace(own, file)? {
            differing |= namespaces::flag(kind);
        }
    }
    Ok(differing)
}
