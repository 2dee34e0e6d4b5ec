//! What a spec asks for, as the script of the container's first process.

use std::ffi::CString;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use super::image::MountedImage;
use super::mounts;
use super::seccomp::Filter;
use crate::oci::runtime::{NamespaceKind, Process, Spec};
use crate::runtime::native::{CapSet, NativeRoot, OverlayRoot};
use crate::runtime::{Error, ErrorKind, Result};
use crate::sys::linux::flags;
use crate::sys::linux::script::{Make, Program, Script, Step, Target, c_string};

/// The `Sync` at which a process waits for its ids and cgroups.
pub(super) const PREPARED: u32 = 0;

/// How the first process differs from what its spec says.
pub(super) struct Surroundings<'a> {
    pub(super) image: Option<&'a MountedImage>,
    pub(super) streams: &'a [OwnedFd; 3],
    pub(super) window: Option<crate::sys::terminal::Size>,
    pub(super) filter: Option<Filter>,
    pub(super) init: bool,
    pub(super) die_with_parent: bool,
}

pub(super) fn refuse(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Runtime, message)
}

pub(super) fn text(text: &str) -> Result<CString> {
    c_string(text).map_err(|error| refuse(format!("{text:?}: {error}")))
}

/// The flag of clone(2) of a namespace.
pub(super) fn namespace_flag(kind: NamespaceKind) -> u64 {
    let flag = match kind {
        NamespaceKind::Pid => flags::CLONE_NEWPID,
        NamespaceKind::Network => flags::CLONE_NEWNET,
        NamespaceKind::Mount => flags::CLONE_NEWNS,
        NamespaceKind::Ipc => flags::CLONE_NEWIPC,
        NamespaceKind::Uts => flags::CLONE_NEWUTS,
        NamespaceKind::User => flags::CLONE_NEWUSER,
        NamespaceKind::Cgroup => flags::CLONE_NEWCGROUP,
        NamespaceKind::Time => flags::CLONE_NEWTIME,
    };
    flag as u64
}

/// The script of a container's first process.
pub(super) fn plan(spec: &Spec, folder: &Path, root: &NativeRoot, with: Surroundings<'_>) -> Result<Script> {
    let process = spec.process.as_ref().ok_or_else(|| refuse("the spec has no process"))?;
    let linux = spec.linux.clone().unwrap_or_default();
    let is_new = |kind| linux.namespaces.iter().any(|namespace| namespace.kind == kind && namespace.path.is_empty());
    let mut script = Script::default();
    if with.die_with_parent {
        script.push(Step::DieWithParent, "tie the container to this process");
    }
    script.push(Step::Sync(PREPARED), "wait for the parent");
    if is_new(NamespaceKind::User) {
        script.push(Step::BecomeRoot, "become root of the user namespace");
    }
    if is_new(NamespaceKind::Network) {
        script.push(Step::LoopbackUp, "bring the loopback interface up");
    }
    if !spec.hostname.is_empty() {
        script.push(Step::HostName(text(&spec.hostname)?), format!("set the host name {}", spec.hostname));
    }
    if !spec.domainname.is_empty() {
        script.push(Step::DomainName(text(&spec.domainname)?), format!("set the domain name {}", spec.domainname));
    }
    for (name, value) in &linux.sysctl {
        let path = sysctl_path(name)?;
        script
            .push(Step::Write { path: text(&path)?, text: value.clone().into_bytes() }, format!("set {name}={value}"));
    }
    if let Some(score) = process.oom_score_adj {
        let step = Step::Write { path: text("/proc/self/oom_score_adj")?, text: score.to_string().into_bytes() };
        script.push(step, format!("set the OOM score adjustment {score}"));
    }
    let slave = Step::Mount {
        source: None,
        target: text("/")?,
        kind: None,
        flags: flags::MS_SLAVE | flags::MS_REC,
        data: None,
    };
    script.push(slave, "keep mounts from the host");
    push_root(&mut script, spec, folder, root, with.image)?;
    mounts::push_mounts(&mut script, spec, folder)?;
    mounts::push_devices(&mut script, spec)?;
    push_directory(&mut script, &process.cwd)?;
    if process.terminal {
        let size = with.window.unwrap_or(crate::sys::terminal::Size { rows: 0, columns: 0 });
        let step = Step::Terminal { rows: size.rows, columns: size.columns, owner: process.user.uid, console: true };
        script.push(step, "open a terminal");
    } else {
        script.push(Step::NewSession, "make a session");
        script.push(Step::Streams(with.streams.each_ref().map(OwnedFd::as_raw_fd)), "pass the standard streams");
    }
    for path in &linux.masked_paths {
        script.push(Step::Mask(target(path, Make::Skip)?), format!("mask {path}"));
    }
    for path in &linux.readonly_paths {
        script.push(Step::ReadOnly(target(path, Make::Skip)?), format!("make {path} read-only"));
    }
    let read_only = spec.root.as_ref().is_some_and(|root| root.readonly);
    let propagation = match linux.rootfs_propagation.as_str() {
        "" => 0,
        word => super::options::propagation(word).map_err(refuse)?,
    };
    script.push(Step::PivotRoot { read_only, propagation }, "enter the root");
    push_process(&mut script, process, with.filter, with.init)?;
    Ok(script)
}

/// A kernel parameter's file. `.` and `/` both separate, as sysctl(8) has it.
fn sysctl_path(name: &str) -> Result<String> {
    let path = name.replace('.', "/");
    let is_own =
        ["net/", "fs/mqueue/", "kernel/msg", "kernel/sem", "kernel/shm"].iter().any(|own| path.starts_with(own));
    if !is_own || path.split('/').any(|part| part.is_empty() || part == "..") {
        return Err(refuse(format!("sysctl {name:?} is not one of a namespace: it would change the host")));
    }
    Ok(format!("/proc/sys/{path}"))
}

fn push_root(
    script: &mut Script,
    spec: &Spec,
    folder: &Path,
    root: &NativeRoot,
    image: Option<&MountedImage>,
) -> Result<()> {
    match root {
        NativeRoot::Directory => {
            let asked = spec.root.as_ref().map(|root| folder.join(&root.path)).unwrap_or_default();
            let path = std::fs::canonicalize(&asked)
                .map_err(|error| refuse(format!("root path {}: {error}", asked.display())))?;
            let path = path.to_str().ok_or_else(|| refuse("the root's path is not UTF-8"))?;
            let step = Step::Mount {
                source: Some(text(path)?),
                target: text(path)?,
                kind: None,
                flags: 4096 | flags::MS_REC,
                data: None,
            };
            script.push(step, format!("mount the root {path}"));
            script.push(Step::OpenRoot(text(path)?), format!("open the root {path}"));
        }
        NativeRoot::Overlay(overlay) => {
            let stage = overlay.stage.to_string_lossy().into_owned();
            let data = text(&overlay_options(overlay, image)?)?;
            let kind = Some(text("overlay")?);
            let step = Step::Mount { source: kind.clone(), target: text(&stage)?, kind, flags: 0, data: Some(data) };
            script.push(step, format!("mount the copy-on-write layer on {stage}"));
            script.push(Step::OpenRoot(text(&stage)?), format!("open {stage}"));
        }
    }
    Ok(())
}

/// Options of overlayfs: overlayfs.rst. Nothing that would make an upper depend on more than itself is on.
pub(super) const OVERLAY_OPTIONS: &[(&str, &str)] =
    &[("index", "off"), ("metacopy", "off"), ("redirect_dir", "off"), ("xino", "off")];

fn overlay_options(overlay: &OverlayRoot, image: Option<&MountedImage>) -> Result<String> {
    use crate::runtime::native::Lower;
    let lower = match (&overlay.lower, image) {
        (Lower::Directory(path), _) => escape(path)?,
        (Lower::Image(_), Some(image)) => image.path(),
        (Lower::Image(files), None) => return Err(refuse(format!("{} is not mounted", files.tree.display()))),
    };
    let mut options =
        format!("lowerdir={lower},upperdir={},workdir={}", escape(&overlay.upper)?, escape(&overlay.work)?);
    for (key, value) in OVERLAY_OPTIONS {
        options.push_str(&format!(",{key}={value}"));
    }
    if overlay.volatile {
        options.push_str(",volatile");
    }
    if crate::sys::linux::process::is_in_user_namespace() {
        options.push_str(",userxattr");
    }
    Ok(options)
}

/// A path in overlayfs's options, where `,` `:` and `\` mean something.
fn escape(path: &Path) -> Result<String> {
    let path = path.to_str().ok_or_else(|| refuse(format!("{}: not UTF-8", path.display())))?;
    Ok(path.replace('\\', "\\\\").replace(':', "\\:").replace(',', "\\,"))
}

fn push_directory(script: &mut Script, cwd: &str) -> Result<()> {
    if !cwd.starts_with('/') {
        return Err(refuse(format!("the working directory {cwd:?} is not absolute")));
    }
    let relative = cwd.trim_matches('/');
    if !relative.is_empty() {
        let step = Step::MakeDirectory { target: text(relative)?, mode: 0o755 };
        script.push(step, format!("make the working directory {cwd}"));
    }
    Ok(())
}

/// Limits, rights and the program: what a container's first process and those that enter it share.
pub(super) fn push_process(script: &mut Script, process: &Process, filter: Option<Filter>, init: bool) -> Result<()> {
    for limit in &process.rlimits {
        let resource =
            flags::resource(&limit.kind).ok_or_else(|| refuse(format!("unknown resource limit {:?}", limit.kind)))?;
        if limit.soft > limit.hard {
            return Err(refuse(format!("{}: the soft limit is above the hard one", limit.kind)));
        }
        script.push(Step::Limit { resource, soft: limit.soft, hard: limit.hard }, format!("set {}", limit.kind));
    }
    if let Some(umask) = process.user.umask {
        script.push(Step::Umask(umask & 0o777), "set the mask of modes");
    }
    let sets = process.capabilities.clone().unwrap_or_default();
    let set = |names: &[String]| CapSet::from_names(names).map(CapSet::bits).map_err(refuse);
    let (bounding, effective) = (set(&sets.bounding)?, set(&sets.effective)?);
    script.push(Step::Bounding(bounding), "drop capabilities");
    let (early, late) = if process.no_new_privileges { (None, filter) } else { (filter, None) };
    push_filter(script, early);
    let cwd = text(&process.cwd)?;
    let enter = |must| Step::WorkingDirectory { path: cwd.clone(), must };
    script.push(enter(false), "");
    let user = &process.user;
    let identity = Step::Identity { uid: user.uid, gid: user.gid, groups: Some(user.additional_gids.clone()) };
    script.push(identity, format!("become user {}:{}", user.uid, user.gid));
    let step = Step::Capabilities {
        effective,
        permitted: set(&sets.permitted)?,
        inheritable: set(&sets.inheritable)?,
        ambient: set(&sets.ambient)?,
    };
    script.push(step, "set capabilities");
    script.push(enter(true), format!("enter the working directory {}", process.cwd));
    if process.no_new_privileges {
        script.push(Step::NoNewPrivileges, "give up gaining privileges");
    }
    push_filter(script, late);
    script.push(Step::CloseFrom(3), "close descriptors");
    if init {
        script.push(Step::Init, "start an init");
    }
    script.push(Step::Execute(program(process)?), "exec");
    Ok(())
}

fn push_filter(script: &mut Script, filter: Option<Filter>) {
    if let Some(filter) = filter {
        let step = Step::Filter { program: filter.program, flags: filter.flags, notify: filter.listener.is_some() };
        script.push(step, "load the seccomp filter");
    }
}

/// The program with all places where it may be: execvp(3).
pub(super) fn program(process: &Process) -> Result<Program> {
    let name = process.args.first().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| refuse("the process has no arguments"))?;
    let candidates = match name.contains('/') {
        true => vec![text(name)?],
        false => {
            let path = process.env.iter().rev().find_map(|line| line.strip_prefix("PATH="));
            let path = path.unwrap_or("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
            path.split(':')
                .map(|folder| text(&format!("{}/{name}", if folder.is_empty() { "." } else { folder })))
                .collect::<Result<_>>()?
        }
    };
    let all = |texts: &[String]| texts.iter().map(|line| text(line)).collect::<Result<Vec<_>>>();
    Ok(Program::new(candidates, all(&process.args)?, all(&process.env)?))
}

/// A target in the root, by an absolute path.
pub(super) fn target(path: &str, make: Make) -> Result<Target> {
    let relative = path.trim_matches('/');
    Ok(Target { path: text(if relative.is_empty() { "." } else { relative })?, make })
}
