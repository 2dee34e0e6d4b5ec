//! Makes a container's first process, and sees it through to its program.

use std::os::fd::{AsRawFd, OwnedFd};

use super::cgroup::{Begun, Cgroup, CgroupRequest, Reach, Scope, owner_of};
use super::container::is_alive;
use super::explain::explain;
use super::hooks;
use super::id_maps::ranges;
use super::image::MountedImage;
use super::mapped::{self, MappedRoot};
use super::namespaces::Namespaces;
use super::plan::{self, MOUNTED, PREPARED, Plan, Surroundings, refuse};
use super::process::{Kept, keeps_groups};
use super::rootless;
use super::seccomp;
use crate::oci::runtime::{Hooks, Linux, Namespace, NamespaceKind, Personality, Process, Status};
use crate::runtime::native::lifecycle::Debug;
use crate::runtime::native::{CapSet, Lower, NativeBundle, NativeRoot, SeccompChoice};
use crate::runtime::{InitProcess, NoteInit, Result, SpareWork, TerminalSize};
use crate::sys::linux::channel::{Channel, Event};
use crate::sys::linux::clone::{self, Spawn};
use crate::sys::linux::id_maps;
use crate::sys::linux::process::{self, Child};
use crate::sys::linux::script::{Script, Step};

/// Makes the state document that hooks read, for a status and the number of the process.
pub(super) type StateOf = Box<dyn Fn(Status, u32) -> Vec<u8> + Send>;

/// Hands the listener of a filter to who decides on calls, for the process of this number.
pub(super) type HandOver = Box<dyn Fn(OwnedFd, u32) -> Result<()> + Send>;

/// What a process is started with, beside its bundle.
pub(super) struct LaunchOptions {
    /// Descriptors 0, 1 and 2 of a process without a terminal.
    pub(super) streams: [OwnedFd; 3],
    /// The window of a process with a terminal.
    pub(super) window: Option<TerminalSize>,
    /// Whether its terminal puts no carriage return before a line feed, as who reads a pipe wants it.
    pub(super) plain_lines: bool,
    /// Whether it ends when the calling thread does.
    pub(super) die_with_parent: bool,
    /// How many descriptors from 3 on it keeps.
    pub(super) preserve_fds: u32,
    /// Whether a process that enters keeps the groups of who calls, as the first one of its container.
    pub(super) keeps_groups: bool,
    /// The container by whose name its session keyring is found; without it the process keeps that of who calls.
    pub(super) keyring: Option<String>,
    /// Whether its root is entered by pivot_root(2), which a root on the host's first file system cannot be.
    pub(super) pivot: bool,
    /// What kind of system a process that enters is shown, as the first one of its container.
    pub(super) personality: Option<Personality>,
    /// A listening socket: the process is prepared, and waits for a connection before its program runs.
    pub(super) wait_for_start: Option<OwnedFd>,
    /// Writes down that it runs, before its program does.
    pub(super) note: Option<NoteInit>,
    /// Is done while the process needs nothing more of this one.
    pub(super) meanwhile: Option<SpareWork>,
    /// The state for hooks; empty where there are none.
    pub(super) state: StateOf,
    /// Hears of what is done.
    pub(super) debug: Debug,
    /// Takes the listener of its filter; without it there can be none.
    pub(super) listener: Option<HandOver>,
}

impl LaunchOptions {
    /// A process that runs at once, without anything special.
    pub(super) fn new(streams: [OwnedFd; 3]) -> LaunchOptions {
        LaunchOptions {
            streams,
            window: None,
            plain_lines: false,
            die_with_parent: false,
            preserve_fds: 0,
            keeps_groups: false,
            keyring: None,
            pivot: true,
            personality: None,
            wait_for_start: None,
            note: None,
            meanwhile: None,
            state: Box::new(|_, _| Vec::new()),
            debug: Debug::default(),
            listener: None,
        }
    }
}

/// A process whose program runs, or that waits for its start.
pub(super) struct Launched {
    pub(super) process: Child,
    /// When it started, in ticks since boot.
    pub(super) start_time: u64,
    /// The master of its terminal.
    pub(super) master: Option<OwnedFd>,
    /// Its cgroup. Who ends the container's bookkeeping removes it.
    pub(super) cgroup: Option<Cgroup>,
    /// Whether its first process takes all others along when it ends.
    pub(super) is_first: bool,
    /// Kept while the process runs, so that others find it.
    pub(super) image: Option<MountedImage>,
    /// What its steps are called, for failures after it has waited.
    pub(super) words: Vec<String>,
    /// The way to a process that is to wait for its start: it ends with this, unless it is [`left`](Launched::leave) alone.
    pub(super) channel: Channel,
}

impl Launched {
    /// Leaves a process that waits for its start to itself: it does not end with this one any more.
    pub(super) fn leave(&self) -> Result<()> {
        self.channel.go_on(b"").map_err(|error| refuse(format!("leave the container's process alone: {error}")))
    }
}

/// Makes the cgroup of a container, which is then [`launch`]ed in it. Where the first process is not that of a new pid namespace,
/// others are found by the cgroup alone. With a `scope` it is systemd's, which makes it when the process is there.
pub(super) fn cgroup(bundle: &NativeBundle, reach: Reach, scope: Option<&Scope>) -> Result<Begun> {
    let Some(linux) = &bundle.spec.linux else { return Ok(Begun(None)) };
    let has_processes = |namespace: &Namespace| namespace.kind == NamespaceKind::Pid && namespace.path.is_empty();
    let is_followed = reach != Reach::Needed || linux.namespaces.iter().any(has_processes);
    let reach = if is_followed { reach } else { Reach::All };
    let (path, resources, owner) = (&linux.cgroups_path, linux.resources.as_ref(), owner_of(&bundle.spec));
    let request = CgroupRequest { path, resources, reach, scope, owner };
    Ok(Begun(Cgroup::create(&request).map_err(refuse)?))
}

/// Makes the container, and starts its program unless it waits.
pub(super) fn launch(bundle: &mut NativeBundle, mut cgroup: Begun, mut options: LaunchOptions) -> Result<Launched> {
    let (network, bundle) = (bundle.network.take(), &*bundle);
    let spec = &bundle.spec;
    let none = Linux::default();
    let linux = spec.linux.as_ref().unwrap_or(&none);
    let image = match &bundle.root {
        NativeRoot::Overlay(overlay) => match &overlay.lower {
            Lower::Image(files) => Some(MountedImage::open(files)?),
            Lower::Directory(_) => None,
        },
        NativeRoot::Directory => None,
    };
    let mapped = match &bundle.root {
        NativeRoot::Overlay(overlay) if mapped::is_mapped(linux) => {
            Some(MappedRoot::make(overlay, image.as_ref(), bundle.made.as_ref(), linux)?)
        }
        _ => None,
    };
    let mut namespaces = Namespaces::open(linux, network)?;
    let process = spec.process.as_ref().ok_or_else(|| refuse("the spec has no process"))?;
    let record = cgroup.0.as_ref().map(Cgroup::to_record);
    let with = Surroundings {
        namespaces: &namespaces,
        cgroup: record.as_ref(),
        is_to_add: cgroup.0.as_ref().is_some_and(Cgroup::is_to_add),
        image: image.as_ref(),
        mapped: mapped.as_ref(),
        made: bundle.made.as_ref(),
        device_files: &bundle.device_files,
        streams: &options.streams,
        window: options.window,
        plain_lines: options.plain_lines,
        filter: filter(bundle, process)?,
        init: bundle.init,
        die_with_parent: options.die_with_parent,
        keyring: options.keyring.as_deref(),
        pivot: options.pivot,
        kept: Kept { descriptors: options.preserve_fds, groups: keeps_groups(&spec.annotations) },
        is_let_on: options.note.is_some() || cgroup.0.is_some(),
        start: options.wait_for_start.as_ref().map(AsRawFd::as_raw_fd),
        module: bundle.module.as_ref(),
    };
    let Plan { script, mut binds } = plan::plan(spec, &bundle.folder, &bundle.root, with)?;
    // Now that all of them is open: nothing can be another's that has their number.
    if !bundle.joined.iter().all(|init| is_alive(*init)) {
        return Err(refuse("a container whose namespaces are joined has ended"));
    }
    let network = namespaces.finish()?;
    let directory = cgroup.0.as_ref().and_then(Cgroup::clone_fd);
    let (child, channel) = clone::spawn(&Spawn { cgroup: directory, ..namespaces.spawn(&script) })
        .map_err(|error| rootless::refuse_process(&error))?;
    drop((network, mapped));
    binds.kept.clear();
    tell_steps(&options.debug, &script, &child);
    // From here on while the process prepares what it needs.
    let start_time = process::start_time(child.pid()).unwrap_or(0);
    if let Some(note) = options.note.take() {
        note(Some(InitProcess { pid: child.pid(), start_time })).inspect_err(|_| end(&child))?;
    }
    if let Some(cgroup) = &cgroup.0 {
        cgroup.limit_devices(linux.resources.as_ref()).map_err(refuse).inspect_err(|_| end(&child))?;
    }
    let hooks = spec.hooks.clone().unwrap_or_default();
    let answer = |point| match point {
        PREPARED => {
            let resources = linux.resources.as_ref();
            cgroup.0.as_mut().map_or(Ok(()), |cgroup| cgroup.add_first(child.pid(), resources)).map_err(refuse)?;
            let mapped = if namespaces.joins_users() { Ok(()) } else { map_ids(linux, child.pid()) };
            mapped.map(|()| Answer::Word(Vec::new()))
        }
        MOUNTED => run_hooks(&hooks, &options.state, child.pid()).map(Answer::Word),
        point => match binds.bring(point, child.pid()) {
            Some(mount) => mount.map(Answer::Mount),
            None => Err(refuse("the container's process waits for nothing that is known")),
        },
    };
    let mut meanwhile = options.meanwhile.take();
    let run_soon = || {
        if let Some(image) = &image {
            image.read_ahead(process);
        }
        if let Some(work) = meanwhile.take() {
            work();
        }
    };
    let master = follow(&script, (&child, &channel), process, &options, answer, run_soon)?;
    Ok(Launched {
        process: child,
        start_time,
        master,
        cgroup: cgroup.keep(),
        is_first: namespaces.has_processes(),
        image,
        words: script.into_words(),
        channel,
    })
}

/// The users and groups of a new user namespace.
fn map_ids(linux: &Linux, pid: u32) -> Result<()> {
    if linux.uid_mappings.is_empty() {
        return Ok(());
    }
    id_maps::write(pid, &ranges(&linux.uid_mappings), &ranges(&linux.gid_mappings))
        .map_err(|error| refuse(format!("map the users of the container: {error}")))
}

/// Hooks of the runtime before the root is entered; the state that those of the container read.
fn run_hooks(hooks: &Hooks, state: &StateOf, pid: u32) -> Result<Vec<u8>> {
    let told = state(Status::Creating, pid);
    hooks::must_run("prestart", &hooks.prestart, &told)?;
    hooks::must_run("createRuntime", &hooks.create_runtime, &told)?;
    Ok(told)
}

pub(super) fn bounding(process: &Process) -> Result<CapSet> {
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

/// What a process that waits is told.
pub(super) enum Answer {
    /// It goes on, with what its hooks read.
    Word(Vec<u8>),
    /// It gets the mount that it waits for.
    Mount(OwnedFd),
}

/// Answers the process until its program runs or it waits for its start, and returns the master of its terminal. `answer` is
/// asked at each point at which the process waits; once it waits for nothing more, there is time for `meanwhile`.
pub(super) fn follow(
    script: &Script,
    (child, channel): (&Child, &Channel),
    process: &Process,
    options: &LaunchOptions,
    mut answer: impl FnMut(u32) -> Result<Answer>,
    mut meanwhile: impl FnMut(),
) -> Result<Option<OwnedFd>> {
    let mut master = None;
    let has = |is_such: fn(&Step) -> bool| script.steps().iter().filter(|step| is_such(step)).count();
    let (mut syncs, hears) = (has(|step| matches!(step, Step::Sync(_))), has(|step| matches!(step, Step::Hear)) > 0);
    let mut let_run = |syncs| {
        if syncs > 0 {
            return;
        }
        if hears {
            // The word is there before the process listens. One that has ended meanwhile says why.
            let _ = channel.go_on(b"");
        }
        meanwhile();
    };
    let_run(syncs);
    let tell = |what: &str| options.debug.tell(|| format!("init: process {} {what}", child.pid()));
    let result = loop {
        match channel.next() {
            Ok(Event::Reached(point)) => {
                tell(&format!("waits for the runtime at point {point}"));
                let gone = |error| refuse(format!("let the container's process go on: {error}"));
                let answered = answer(point).and_then(|answer| match answer {
                    Answer::Word(word) => channel.go_on(&word).map_err(gone),
                    Answer::Mount(mount) => channel.hand(&mount).map_err(gone),
                });
                if let Err(error) = answered {
                    break Err(error);
                }
                syncs -= 1;
                let_run(syncs);
            }
            Ok(Event::Master(fd)) => {
                tell("has sent the master of its terminal");
                master = Some(fd);
            }
            Ok(Event::Closed) => {
                tell("has closed the pipe: its program runs");
                break Ok(());
            }
            Ok(Event::Ready) => {
                tell("is prepared and waits for its start");
                break Ok(());
            }
            Ok(Event::Failed(failure)) => break Err(explain(script.words(failure.step), &failure, process)),
            Ok(Event::Listener(listener)) => {
                let none = "a seccomp profile with a listener needs a runtime that hands it on: cowbox runtime";
                tell("has sent the listener of its filter");
                let handed =
                    options.listener.as_ref().map_or_else(|| Err(refuse(none)), |hand| hand(listener, child.pid()));
                if handed.is_err() {
                    break handed;
                }
            }
            Err(error) => break Err(refuse(format!("hear of the container's process: {error}"))),
        }
    };
    if let Err(error) = result {
        end(child);
        return Err(error);
    }
    Ok(master)
}

/// Tells what a process that was just made is to do.
pub(super) fn tell_steps(debug: &Debug, script: &Script, child: &Child) {
    debug.tell(|| format!("child process in init(): process {} has {} steps", child.pid(), script.steps().len()));
    for step in 0..script.steps().len() as u32 {
        let words = script.words(step);
        if !words.is_empty() {
            debug.tell(|| format!("init: step {step}: {words}"));
        }
    }
}

/// Sees to it that nothing stays of a container that could not start: it is ending, or has to.
fn end(child: &Child) {
    let _ = child.signal(9);
    let _ = child.wait();
}
