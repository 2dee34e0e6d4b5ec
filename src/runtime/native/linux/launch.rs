//! Makes a container's first process, and sees it through to its program.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use super::cgroup::{Begun, Cgroup, CgroupRequest};
use super::image::MountedImage;
use super::plan::{self, PREPARED, Surroundings, namespace_flag, refuse};
use super::seccomp;
use crate::oci::runtime::{NamespaceKind, Process, Spec};
use crate::runtime::native::{CapSet, Lower, NativeBundle, NativeRoot, SeccompChoice};
use crate::runtime::{Error, ErrorKind, Result, TerminalSize};
use crate::sys::linux::channel::{Channel, Event, Failure};
use crate::sys::linux::clone::{self, Spawn};
use crate::sys::linux::flags;
use crate::sys::linux::process::{self, Child};
use crate::sys::linux::script::{Script, Step};

/// What a process is started with, beside its bundle.
pub(super) struct LaunchOptions {
    /// Descriptors 0, 1 and 2 of a process without a terminal.
    pub(super) streams: [OwnedFd; 3],
    /// The window of a process with a terminal.
    pub(super) window: Option<TerminalSize>,
    /// Whether it ends when the calling thread does.
    pub(super) die_with_parent: bool,
}

/// A process whose program runs.
pub(super) struct Launched {
    pub(super) process: Child,
    /// The master of its terminal.
    pub(super) master: Option<OwnedFd>,
    /// Kept while the process runs, so that others find it.
    pub(super) image: Option<MountedImage>,
    /// Its cgroup. Who ends the container's bookkeeping removes it.
    pub(super) cgroup: Option<Cgroup>,
}

/// Makes the cgroup of a container, which is then [`launch`]ed in it.
pub(super) fn cgroup(bundle: &NativeBundle) -> Result<Begun> {
    let Some(linux) = &bundle.spec.linux else { return Ok(Begun(None)) };
    let request = CgroupRequest { path: &linux.cgroups_path, resources: linux.resources.as_ref(), always: false };
    Ok(Begun(Cgroup::create(&request).map_err(refuse)?))
}

/// Makes the container and starts its program.
pub(super) fn launch(bundle: &NativeBundle, cgroup: Begun, options: LaunchOptions) -> Result<Launched> {
    let spec = &bundle.spec;
    check(spec)?;
    let image = match &bundle.root {
        NativeRoot::Overlay(overlay) => match &overlay.lower {
            Lower::Image(files) => Some(MountedImage::open(files)?),
            Lower::Directory(_) => None,
        },
        NativeRoot::Directory => None,
    };
    let process = spec.process.as_ref().ok_or_else(|| refuse("the spec has no process"))?;
    let linux = spec.linux.clone().unwrap_or_default();
    let mut namespaces =
        linux.namespaces.iter().map(|namespace| namespace_flag(namespace.kind)).fold(0, |all, flag| all | flag);
    // A cgroup namespace begins where its first process is: not before that is where it belongs.
    let is_added = cgroup.0.as_ref().is_some_and(Cgroup::is_to_add);
    let late = if is_added { namespaces & namespace_flag(NamespaceKind::Cgroup) } else { 0 };
    namespaces &= !late;
    let with = Surroundings {
        image: image.as_ref(),
        streams: &options.streams,
        window: options.window,
        filter: filter(bundle, process)?,
        init: bundle.init,
        die_with_parent: options.die_with_parent,
        late_namespaces: late,
    };
    let script = plan::plan(spec, &bundle.folder, &bundle.root, with)?;
    let directory = cgroup.0.as_ref().and_then(Cgroup::clone_fd);
    let spawn = Spawn { script: &script, namespaces, cgroup: directory, pid_namespace: None };
    let (child, channel) =
        clone::spawn(&spawn).map_err(|error| refuse(format!("make the container's process: {error}")))?;
    let maps = |maps: &[crate::oci::runtime::IdMapping]| {
        maps.iter().map(|map| (map.container_id, map.host_id, map.size)).collect::<Vec<_>>()
    };
    let prepare = |pid| {
        cgroup.0.as_ref().map_or(Ok(()), |cgroup| cgroup.add(pid)).map_err(refuse)?;
        match linux.uid_mappings.is_empty() {
            true => Ok(()),
            false => clone::write_id_maps(pid, &maps(&linux.uid_mappings), &maps(&linux.gid_mappings))
                .map_err(|error| refuse(format!("map the users of the container: {error}"))),
        }
    };
    let master = follow(&script, &channel, &child, process, prepare)?;
    Ok(Launched { process: child, master, image, cgroup: cgroup.keep() })
}

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
    let gone = |error: std::io::Error| refuse(format!("process {pid} of the container: {error}"));
    let pidfd = process::open_pidfd(pid).map_err(gone)?;
    let own = std::process::id();
    let kinds = [
        NamespaceKind::User,
        NamespaceKind::Mount,
        NamespaceKind::Uts,
        NamespaceKind::Ipc,
        NamespaceKind::Network,
        NamespaceKind::Cgroup,
        NamespaceKind::Time,
    ];
    let differs = |kind: &str| {
        Ok::<_, Error>(process::namespace(pid, kind).map_err(gone)? != process::namespace(own, kind).map_err(gone)?)
    };
    let mut join = 0;
    for kind in kinds {
        if differs(namespace_file(kind))? {
            join |= namespace_flag(kind);
        }
    }
    let pid_namespace = match differs("pid")? {
        true => Some(process::open_namespace(pid, "pid").map_err(gone)?),
        false => None,
    };
    let mut script = Script::default();
    if options.die_with_parent {
        script.push(Step::DieWithParent, "tie the process to this one");
    }
    if cgroup.is_some_and(Cgroup::is_to_add) {
        script.push(Step::Sync(PREPARED), "wait for the parent");
    }
    script
        .push(Step::Join { namespace: pidfd.as_raw_fd(), kind: join }, format!("join the namespaces of process {pid}"));
    if join & flags::CLONE_NEWUSER as u64 != 0 {
        script.push(Step::BecomeRoot, "become root of the user namespace");
    }
    script.push(Step::OpenRoot(plan::text("/")?), "open the container's root");
    if process.terminal {
        let size = options.window.unwrap_or(TerminalSize { rows: 0, columns: 0 });
        let step = Step::Terminal { rows: size.rows, columns: size.columns, owner: process.user.uid, console: false };
        script.push(step, "open a terminal");
    } else {
        script.push(Step::NewSession, "make a session");
        script.push(Step::Streams(options.streams.each_ref().map(OwnedFd::as_raw_fd)), "pass the standard streams");
    }
    plan::push_process(&mut script, process, filter, false)?;
    let spawn = Spawn {
        script: &script,
        namespaces: 0,
        cgroup: cgroup.and_then(Cgroup::clone_fd),
        pid_namespace: pid_namespace.as_ref().map(AsFd::as_fd),
    };
    let (child, channel) =
        clone::spawn(&spawn).map_err(|error| refuse(format!("make a process in the container: {error}")))?;
    let join = |pid| cgroup.map_or(Ok(()), |cgroup| cgroup.add(pid)).map_err(refuse);
    let master = follow(&script, &channel, &child, process, join)?;
    Ok(Launched { process: child, master, image: None, cgroup: None })
}

fn namespace_file(kind: NamespaceKind) -> &'static str {
    match kind {
        NamespaceKind::Pid => "pid",
        NamespaceKind::Network => "net",
        NamespaceKind::Mount => "mnt",
        NamespaceKind::Ipc => "ipc",
        NamespaceKind::Uts => "uts",
        NamespaceKind::User => "user",
        NamespaceKind::Cgroup => "cgroup",
        NamespaceKind::Time => "time",
    }
}

fn check(spec: &Spec) -> Result<()> {
    let linux = spec.linux.clone().unwrap_or_default();
    let has = |kind| linux.namespaces.iter().any(|namespace| namespace.kind == kind);
    if let Some(joined) = linux.namespaces.iter().find(|namespace| !namespace.path.is_empty()) {
        return Err(refuse(format!("namespace {}: joining one by its path is not known here", joined.path)));
    }
    match has(NamespaceKind::Mount) {
        true => Ok(()),
        false => Err(refuse("a container needs a mount namespace of its own")),
    }
}

fn bounding(process: &Process) -> Result<CapSet> {
    let names = process.capabilities.as_ref().map(|sets| sets.bounding.as_slice()).unwrap_or_default();
    CapSet::from_names(names).map_err(refuse)
}

fn filter(bundle: &NativeBundle, process: &Process) -> Result<Option<seccomp::Filter>> {
    match &bundle.seccomp {
        SeccompChoice::Unconfined => Ok(None),
        SeccompChoice::Default => seccomp::default_filter(bounding(process)?).map(Some).map_err(refuse),
        SeccompChoice::Profile(profile) => {
            seccomp::cached(profile, bundle.filter_cache.as_deref()).map(Some).map_err(refuse)
        }
    }
}

/// Answers the process until its program runs, and returns the master of its terminal.
fn follow(
    script: &Script,
    channel: &Channel,
    child: &Child,
    process: &Process,
    prepare: impl Fn(u32) -> Result<()>,
) -> Result<Option<OwnedFd>> {
    let mut master = None;
    let result = loop {
        match channel.next() {
            Ok(Event::Reached(PREPARED)) => {
                let gone = |error| refuse(format!("let the container's process go on: {error}"));
                if let Err(error) = prepare(child.pid()).and_then(|()| channel.go_on().map_err(gone)) {
                    break Err(error);
                }
            }
            Ok(Event::Master(fd)) => master = Some(fd),
            Ok(Event::Closed) => break Ok(()),
            Ok(Event::Failed(failure)) => break Err(explain(script, &failure, process)),
            Ok(other) => break Err(refuse(format!("the container's process says what nobody asked: {other:?}"))),
            Err(error) => break Err(refuse(format!("hear of the container's process: {error}"))),
        }
    };
    if let Err(error) = result {
        // It is ending, or has to: nothing may stay of a container that could not start.
        let _ = child.signal(9);
        let _ = child.wait();
        return Err(error);
    }
    Ok(master)
}

/// A failure in words: Docker's for programs, with its exit codes.
fn explain(script: &Script, failure: &Failure, process: &Process) -> Error {
    let words = script.words(failure.step);
    let error = std::io::Error::from_raw_os_error(failure.errno);
    if words != "exec" {
        return Error::new(ErrorKind::Runtime, format!("{words}: {error}"));
    }
    let name = process.args.first().map(String::as_str).unwrap_or_default();
    match failure.errno {
        flags::ENOENT | flags::ENOTDIR if !name.contains('/') => {
            Error::new(ErrorKind::NotFound, format!("exec: {name:?}: executable file not found in $PATH"))
        }
        flags::ENOENT | flags::ENOTDIR => {
            Error::new(ErrorKind::NotFound, format!("exec: {name:?}: no such file or directory"))
                .hint("the program, or the interpreter that it names, is not in the image")
        }
        flags::ENOEXEC => {
            let error = Error::new(ErrorKind::NotExecutable, format!("exec: {name:?}: exec format error"));
            match machine(&failure.detail) {
                Some(machine) => error.hint(format!(
                    "it is a program for {machine}; qemu-user-static registered with binfmt_misc would run it"
                )),
                None => error.hint("it is neither a program of this system nor a script with a `#!` line"),
            }
        }
        flags::ELOOP | flags::EPERM => {
            Error::new(ErrorKind::NotExecutable, format!("exec: {name:?}: it leads out of the container"))
                .hint("magic links such as /proc/self/exe are not followed")
        }
        flags::EACCES => Error::new(ErrorKind::NotExecutable, format!("exec: {name:?}: permission denied")),
        _ => Error::new(ErrorKind::NotExecutable, format!("exec: {name:?}: {error}")),
    }
}

/// The machine that an ELF file is for.
fn machine(head: &[u8]) -> Option<&'static str> {
    let number = u16::from_le_bytes(head.get(18..20)?.try_into().ok()?);
    head.starts_with(b"\x7fELF").then_some(match number {
        3 => "i386",
        8 => "MIPS",
        20 | 21 => "PowerPC",
        22 => "S/390",
        40 => "arm",
        62 => "x86-64",
        183 => "aarch64",
        243 => "RISC-V",
        258 => "LoongArch",
        _ => "another machine",
    })
}
