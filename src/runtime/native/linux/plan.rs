//! What a spec asks for, as the script of the container's first process.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::Path;

use super::binds::{self, Binds};
use super::cgroup_mounts::Shown;
use super::image::MountedImage;
use super::labels;
use super::mapped::MappedRoot;
use super::module;
use super::mounts;
use super::namespaces::Namespaces;
use super::process::{Kept, enter_directory, program, push_keyring, push_process};
use super::root;
use super::rootless::is_rootless;
use super::seccomp::Filter;
use crate::oci::runtime::{Hook, Linux, NamespaceKind, Personality, Process, Spec};
use crate::runtime::native::{CgroupRecord, MadeFiles, ModuleRunner, NativeRoot};
use crate::runtime::{Error, ErrorKind, Result};
use crate::sys::linux::flags;
use crate::sys::linux::script::{Make, Program, Script, Step, Target, c_string};

/// The `Sync` at which a process waits for its ids and cgroups.
pub(super) const PREPARED: u32 = 0;
/// The `Sync` at which its mounts are made, and its root is not entered yet.
pub(super) const MOUNTED: u32 = 1;

/// How the first process differs from what its spec says.
pub(super) struct Surroundings<'a> {
    pub(super) namespaces: &'a Namespaces,
    pub(super) cgroup: Option<&'a CgroupRecord>,
    /// Whether it is moved there once it has begun.
    pub(super) is_to_add: bool,
    pub(super) image: Option<&'a MountedImage>,
    /// The root, where it is mounted already.
    pub(super) mapped: Option<&'a MappedRoot>,
    pub(super) made: Option<&'a MadeFiles>,
    pub(super) device_files: &'a [(String, String)],
    pub(super) streams: &'a [OwnedFd; 3],
    pub(super) window: Option<crate::sys::terminal::Size>,
    pub(super) plain_lines: bool,
    pub(super) filter: Option<Filter>,
    pub(super) init: bool,
    pub(super) die_with_parent: bool,
    pub(super) keyring: Option<&'a str>,
    /// Whether the root is entered by pivot_root(2).
    pub(super) pivot: bool,
    pub(super) kept: Kept,
    /// Whether it waits, before its program, for the word that all is written down and limited.
    pub(super) is_let_on: bool,
    /// The socket that it waits at for its start.
    pub(super) start: Option<RawFd>,
    /// How its program is run if that is a wasm module.
    pub(super) module: Option<&'a ModuleRunner>,
}

impl Surroundings<'_> {
    /// The step that waits for the start, if it waits. `file` stays open.
    pub(super) fn wait_for_start(&self, file: Option<RawFd>) -> Option<Step> {
        self.start.map(|socket| Step::WaitForStart { socket, first: 3 + self.kept.descriptors, file })
    }

    /// Whether somebody outside decides on calls. They get the listener before the start, as with other runtimes, so that the
    /// process waits for its start with its filter. Any other is loaded as late as possible, to see no calls but the program's.
    pub(super) fn has_listener(&self) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.listener.is_some())
    }
}

pub(super) fn refuse(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Runtime, message)
}

pub(super) fn text(text: &str) -> Result<CString> {
    c_string(text).map_err(|error| refuse(format!("{text:?}: {error}")))
}

/// A script, with what belongs to it.
pub(super) struct Plan {
    pub(super) script: Script,
    /// Its bind mounts; what they keep is open until the process is there.
    pub(super) binds: Binds,
}

/// The script of a container's first process.
pub(super) fn plan(spec: &Spec, folder: &Path, root: &NativeRoot, with: Surroundings<'_>) -> Result<Plan> {
    let process = spec.process.as_ref().ok_or_else(|| refuse("the spec has no process"))?;
    let none = Linux::default();
    let linux = spec.linux.as_ref().unwrap_or(&none);
    labels::check(process, linux)?;
    let mut script = Script::default();
    if with.die_with_parent {
        script.push(Step::DieWithParent, "tie the container to this process");
    }
    if !linux.uid_mappings.is_empty() || with.is_to_add {
        script.push(Step::Sync(PREPARED), "wait for the parent");
    }
    // Where there is no root, the caller stays who they are.
    let has_root = linux.uid_mappings.is_empty() || linux.uid_mappings.iter().any(|map| map.container_id == 0);
    if with.namespaces.has_users() && has_root {
        script.push(Step::BecomeRoot { keeps_groups: with.kept.groups }, "become root of the user namespace");
    }
    with.namespaces.push(&mut script);
    push_host(&mut script, spec, linux, with.namespaces)?;
    let has_mounts = with.namespaces.has_mounts();
    let mut binds = match has_mounts {
        true => push_mount_tree(&mut script, spec, linux, folder, root, &with)?,
        false => {
            if process.terminal {
                // Nothing is mounted in the root: the terminal is the host's.
                script.push(Step::OpenRoot(text("/")?), "open the host's root");
                script.push(terminal(process, with.window, false, with.plain_lines), "open a terminal");
            }
            root::push_foreign_root(&mut script, spec, folder, root)?;
            Binds::default()
        }
    };
    push_directory(&mut script, &process.cwd)?;
    push_hooks_of_mounts(&mut script, spec)?;
    if process.terminal && has_mounts {
        script.push(terminal(process, with.window, true, with.plain_lines), "open a terminal");
    } else if !process.terminal {
        script.push(Step::NewSession, "make a session");
        script.push(Step::Streams(with.streams.each_ref().map(OwnedFd::as_raw_fd)), "pass the standard streams");
    }
    // Not before the hooks: what they run would have the labels, too.
    labels::push(&mut script, process)?;
    if let Some(container) = with.keyring {
        labels::push_key(&mut script, process)?;
        push_keyring(&mut script, container)?;
    }
    if has_mounts {
        push_hidden(&mut script, linux)?;
        mounts::push_read_only_dev(&mut script, spec)?;
    }
    if with.is_let_on {
        script.push(Step::Hear, "wait for the parent");
    }
    if let Some(runner) = with.module {
        if has_mounts && spec.root.as_ref().is_some_and(|root| root.readonly) {
            mounts::push_read_only(&mut script, "/")?;
        }
        binds.kept.push(module::push(&mut script, process, runner, with)?);
        return Ok(Plan { script, binds });
    }
    match has_mounts {
        true => {
            if !with.pivot {
                mounts::push_no_kernel(&mut script, &root::place(spec, folder, root)?)?;
            }
            root::push_entrance(&mut script, spec, linux, with.pivot)?;
        }
        false => script.push(Step::ChangeRoot, "enter the root"),
    }
    let hooks = spec.hooks.as_ref().map(|hooks| hooks.start_container.as_slice()).unwrap_or_default();
    let mut last = Script::default();
    match with.wait_for_start(None) {
        Some(wait) if with.has_listener() => last.push(wait, "wait for the start"),
        Some(wait) => {
            // A program by a relative path begins there.
            script.push(enter_directory(process, false)?, "");
            script.push(Step::FindProgram, "exec");
            script.push(wait, "wait for the start");
        }
        None => {}
    }
    // With the filter and the rights of the program, as with other runtimes.
    push_hooks(&mut last, "startContainer", hooks, Some(&process.env))?;
    if with.init {
        last.push(Step::Init, "start an init");
    }
    let run = Step::Execute(program(process)?);
    push_process(&mut script, process, with.filter, with.kept, last, run)?;
    Ok(Plan { script, binds })
}

/// What is hidden in the root.
fn push_hidden(script: &mut Script, linux: &Linux) -> Result<()> {
    let mut masked = BTreeSet::new();
    for path in linux.masked_paths.iter().filter(|path| masked.insert(*path)) {
        let options = labels::with_label(&linux.mount_label, "tmpfs", "size=0k,nr_inodes=1")?;
        script.push(Step::Mask { target: target(path, Make::Skip)?, options }, format!("mask {path}"));
    }
    for path in &linux.readonly_paths {
        script.push(Step::ReadOnly(target(path, Make::Skip)?), format!("make {path} read-only"));
    }
    Ok(())
}

/// A terminal with the window of whoever looks at it, or else the size that is asked for.
pub(super) fn terminal(
    process: &Process,
    window: Option<crate::sys::terminal::Size>,
    console: bool,
    plain: bool,
) -> Step {
    let asked = process.console_size.map(|size| (size.height, size.width));
    let (rows, columns) = window.map(|size| (size.rows, size.columns)).or(asked).unwrap_or((0, 0));
    Step::Terminal { rows, columns, owner: process.user.uid, console, plain }
}

/// What the namespaces have of the host's: names, parameters of the kernel, and how the process stands there.
fn push_host(script: &mut Script, spec: &Spec, linux: &Linux, namespaces: &Namespaces) -> Result<()> {
    if namespaces.has_network_down() {
        script.push(Step::LoopbackUp, "bring the loopback interface up");
    }
    if !spec.hostname.is_empty() {
        script.push(Step::HostName(text(&spec.hostname)?), format!("set the host name {}", spec.hostname));
    }
    if !spec.domainname.is_empty() {
        script.push(Step::DomainName(text(&spec.domainname)?), format!("set the domain name {}", spec.domainname));
    }
    for (name, value) in &linux.sysctl {
        let (path, kind) = sysctl_path(name)?;
        if !namespaces.is_apart(kind) {
            let kind = format!("{kind:?}").to_lowercase();
            return Err(refuse(format!("sysctl {name} is not allowed in the host's {kind} namespace")));
        }
        let step = Step::Write { path: text(&path)?, text: value.clone().into_bytes() };
        script.push(step, format!("set {name}={value}"));
    }
    if let Some(score) = spec.process.as_ref().and_then(|process| process.oom_score_adj) {
        let score = if is_rootless() { score.max(own_oom_score()) } else { score };
        let step = Step::Write { path: text("/proc/self/oom_score_adj")?, text: score.to_string().into_bytes() };
        script.push(step, format!("set the OOM score adjustment {score}"));
    }
    if let Some(personality) = &linux.personality {
        push_personality(script, personality)?;
    }
    Ok(())
}

/// What kind of system a process is shown: personality(2).
pub(super) fn push_personality(script: &mut Script, personality: &Personality) -> Result<()> {
    let domain = match personality.domain.as_str() {
        "LINUX" => 0,
        "LINUX32" => 8,
        other => return Err(refuse(format!("personality {other:?} is none of LINUX, LINUX32"))),
    };
    script.push(Step::Personality(domain), "set the personality");
    Ok(())
}

/// What this process has: others than root of the host may not go below.
fn own_oom_score() -> i32 {
    let text = std::fs::read_to_string("/proc/self/oom_score_adj").unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

/// The root with all that is mounted in it, in the container's own tree of mounts.
fn push_mount_tree(
    script: &mut Script,
    spec: &Spec,
    linux: &Linux,
    folder: &Path,
    root: &NativeRoot,
    with: &Surroundings<'_>,
) -> Result<Binds> {
    // Unless mounts of the container are to be seen by the host: those of the host always spread to the container.
    let is_shared = root::propagation(linux)? & flags::MS_SHARED != 0;
    let spread = if is_shared { flags::MS_SHARED } else { flags::MS_SLAVE };
    let mount = |target: &str, flags| {
        Ok::<_, Error>(Step::Mount { source: None, target: text(target)?, kind: None, flags, data: None })
    };
    script.push(mount("/", spread | flags::MS_REC)?, "keep mounts from the host");
    let place = if with.mapped.is_some() { "/".to_owned() } else { root::place(spec, folder, root)? };
    if is_shared {
        // The kernel enters no root whose surroundings are shared.
        let point = mounts::mount_point_of(&place)?;
        script.push(mount(&point, flags::MS_PRIVATE)?, format!("keep the mounts of {point} from the host"));
    }
    match (with.mapped, with.made) {
        (Some(mapped), _) => mapped.push(script)?,
        (None, made) => {
            made.map_or(Ok(()), |made| push_made_files(script, made))?;
            root::push_root(script, linux, &place, root, with.image)?;
        }
    }
    let cgroups = match with.namespaces.has_cgroups() {
        true => Shown::Namespace(with.cgroup),
        false => Shown::Own(with.cgroup),
    };
    let root = folder.join(spec.root.as_ref().map_or("", |root| &root.path));
    let made = with.made.map(|made| made.place.as_path());
    let files = with.mapped.map_or(&[][..], |mapped| &mapped.files);
    let from = binds::From { folder, root: &root, made, files, is_foreign: with.namespaces.has_users() };
    let binds = mounts::push_mounts(script, spec, linux, &from, &cgroups)?;
    mounts::push_devices(script, spec, with.mapped.map_or(&[], |mapped| &mapped.devices), with.device_files)?;
    Ok(binds)
}

/// Files of the container in a file system in memory, which goes with what is bound of it. Who writes to them may use some more.
fn push_made_files(script: &mut Script, made: &MadeFiles) -> Result<()> {
    let path = |name: &str| made.place.join(name).to_str().map_or_else(|| Err(not_utf8(&made.place)), text);
    script.push(
        Step::Mount {
            source: Some(text("files")?),
            target: path("")?,
            kind: Some(text("tmpfs")?),
            flags: flags::MS_NOSUID | flags::MS_NODEV | flags::MS_NOEXEC,
            data: Some(labels::with_label(
                &made.label,
                "tmpfs",
                &format!("mode=755,nr_inodes=16,size={}", memory_for(made)),
            )?),
        },
        "mount the files that are made for the container",
    );
    for (name, content) in &made.files {
        let step = Step::MakeFile { path: path(name)?, text: content.clone(), mode: 0o644 };
        script.push(step, format!("make the container's {name}"));
    }
    Ok(())
}

/// How many bytes the file system of such files has.
pub(super) fn memory_for(made: &MadeFiles) -> usize {
    const MORE_BYTES: usize = 1 << 20;
    2 * made.files.iter().map(|(_, content)| content.len()).sum::<usize>() + MORE_BYTES
}

pub(super) fn not_utf8(path: &Path) -> Error {
    refuse(format!("{}: not UTF-8", path.display()))
}

/// Hooks before the root is entered: config.md "Prestart", "CreateRuntime Hooks", "CreateContainer Hooks".
fn push_hooks_of_mounts(script: &mut Script, spec: &Spec) -> Result<()> {
    let Some(hooks) = &spec.hooks else { return Ok(()) };
    if !hooks.prestart.is_empty() || !hooks.create_runtime.is_empty() || !hooks.create_container.is_empty() {
        script.push(Step::Sync(MOUNTED), "wait for the hooks of the runtime");
    }
    if !hooks.create_container.is_empty() {
        // Where they begin is nowhere specified; with runc and crun it is the root.
        script.push(Step::WorkInRoot, "enter the root");
    }
    push_hooks(script, "createContainer", &hooks.create_container, None)
}

/// Hooks that run in the container's namespaces; those without an environment have that of the container's process, where it is
/// given: it is for programs of the container alone, as one of the host would load what the container says.
fn push_hooks(script: &mut Script, name: &str, hooks: &[Hook], process: Option<&[String]>) -> Result<()> {
    for (number, hook) in hooks.iter().enumerate() {
        if !hook.path.starts_with('/') {
            return Err(refuse(format!("{name} hook #{number}: the path {:?} is not absolute", hook.path)));
        }
        let all = |texts: &[String]| texts.iter().map(|line| text(line)).collect::<Result<Vec<_>>>();
        let arguments = if hook.args.is_empty() { vec![text(&hook.path)?] } else { all(&hook.args)? };
        let inherited = process.filter(|_| hook.env.is_empty());
        let environment = inherited.unwrap_or(&hook.env);
        let program = Program::new(vec![text(&hook.path)?], arguments, all(environment)?);
        let timeout = hook.timeout.map(|seconds| u32::try_from(seconds).unwrap_or(0));
        script.push(
            Step::Hook { program, timeout, has_home: inherited.is_some() },
            format!("error running {name} hook #{number}: {}", hook.path),
        );
    }
    Ok(())
}

/// A kernel parameter's file, and whose namespace has it. `.` and `/` both separate, as sysctl(8) has it.
fn sysctl_path(name: &str) -> Result<(String, NamespaceKind)> {
    let path = name.replace('.', "/");
    let kind = match path.as_str() {
        path if path.starts_with("net/") => Some(NamespaceKind::Network),
        path => ["fs/mqueue/", "kernel/msg", "kernel/sem", "kernel/shm"]
            .iter()
            .any(|own| path.starts_with(own))
            .then_some(NamespaceKind::Ipc),
    };
    match kind.filter(|_| path.split('/').all(|part| !part.is_empty() && part != "..")) {
        Some(kind) => Ok((format!("/proc/sys/{path}"), kind)),
        None => Err(refuse(format!("sysctl {name:?} is not one of a namespace: it would change the host"))),
    }
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

/// A target in the root, by an absolute path.
pub(super) fn target(path: &str, make: Make) -> Result<Target> {
    let relative = path.trim_matches('/');
    Ok(Target { path: text(if relative.is_empty() { "." } else { relative })?, make })
}
