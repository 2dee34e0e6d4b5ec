//! Starting processes: the container's own, which waits, and further ones.

use std::io::{self, IsTerminal};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::SystemTime;

use super::folder::Folder;
use super::listener::hand_over;
use super::proxy;
use super::record::{Facts, Record, status};
use super::streams::{
    check_descriptors, check_terminal, hand_out, has_terminal, own_streams, pass_sockets, window_size,
};
use super::words::{in_runcs_words, plain};
use crate::oci::runtime::{State, Status};
use crate::runtime::Error;
use crate::runtime::native::lifecycle::{Afterwards, ExecProcess, ExecRequest, Id, Lifecycle, StartOptions, failed};
use crate::runtime::native::system::cgroup::{Begun, Cgroup, Manager, Reach, Scope};
use crate::runtime::native::system::enter;
use crate::runtime::native::system::explain::explain;
use crate::runtime::native::system::hooks;
use crate::runtime::native::system::launch::{self, LaunchOptions, Launched, StateOf};
use crate::runtime::native::system::process::keeps_groups;
use crate::runtime::native::system::rootless;
use crate::runtime::native::{NativeBundle, SeccompChoice, begin_network};
use crate::sys;
use crate::sys::linux::channel::{Channel, Event};
use crate::sys::linux::process::{self, Child, OtherProcess, WaitStatus};
use crate::sys::signals::Caught;

/// SIGKILL.
pub(super) const KILL: i32 = 9;

impl Lifecycle {
    /// Creates a container of the bundle in the folder `bundle`: everything but the start of its program.
    pub fn create(&self, id: &Id, bundle: &Path, options: &StartOptions) -> Result<(), Error> {
        let bundle = super::config::load(bundle, self.module_runner.as_ref(), &self.warn)?;
        check_terminal(has_terminal(&bundle), true, options)?;
        self.prepare(id, bundle, options).map(drop)
    }

    /// Creates a container and starts its program. The code that its process ended with, where that is waited for.
    pub fn run(&self, id: &Id, bundle: &Path, options: &StartOptions, afterwards: Afterwards) -> Result<i32, Error> {
        let bundle = super::config::load(bundle, self.module_runner.as_ref(), &self.warn)?;
        let detach = afterwards == Afterwards::Detach;
        check_terminal(has_terminal(&bundle), detach, options)?;
        let launched = self.prepare(id, bundle, options)?;
        let started = self.start(id).and_then(|()| if detach { Ok(0) } else { attend(launched) });
        if started.is_err() || afterwards == Afterwards::Delete {
            let deleted = self.delete(id, true);
            // Why it did not start says more than that what is left could not be removed.
            return started.and_then(|code| deleted.map(|()| code));
        }
        started
    }

    /// Starts the program of a container that was created.
    pub fn start(&self, id: &Id) -> Result<(), Error> {
        let folder = Folder::open(&self.root, id)?;
        let _lock = folder.lock()?;
        let record = folder.existing()?;
        match self.status(&folder, &record)? {
            Status::Created => {}
            Status::Stopped => return Err(failed("cannot start a container that has stopped")),
            Status::Running => return Err(failed("cannot start an already running container")),
            other => return Err(failed(format!("cannot start a container in the {} state", other.as_str()))),
        }
        let channel = Channel::of_connection(folder.connect()?);
        self.debug.tell(|| format!("start container {}: let process {} go on", id.as_str(), record.pid));
        let word = state_document(&record.state(Status::Created));
        channel.go_on(&word).map_err(|error| failed(format!("start the process that waits: {}", plain(&error))))?;
        loop {
            match channel
                .next()
                .map_err(|error| failed(format!("hear of the process that starts: {}", plain(&error))))?
            {
                Event::Closed => break,
                Event::Failed(failure) => {
                    let words = record.words.get(failure.step as usize).map_or("start a process", String::as_str);
                    let process = record.more()?.process;
                    return Err(in_runcs_words(explain(words, &failure, &process), &process));
                }
                Event::Reached(_) | Event::Master(_) | Event::Listener(_) | Event::Ready => {}
            }
        }
        self.debug.tell(|| format!("init: process {} has closed the pipe: its program runs", record.pid));
        folder.note_start()?;
        let state = state_document(&record.state(Status::Running));
        hooks::must_run("poststart", &record.poststart, &state).inspect_err(|_| {
            // The hook's failure is what there is to tell.
            let _ = self.process_of(&record).map(|process| process.map(|process| process.signal(KILL)));
        })
    }

    /// Runs one more process in a container. The code that it ended with, unless it is not waited for.
    pub fn exec(&self, id: &Id, request: ExecRequest) -> Result<i32, Error> {
        let folder = Folder::open(&self.root, id)?;
        let record = folder.existing()?;
        match self.status(&folder, &record)? {
            Status::Stopped => return Err(failed("cannot exec in a stopped container")),
            Status::Paused if !request.ignore_paused => {
                return Err(failed("cannot exec in a paused container (use --ignore-paused to override)"));
            }
            _ => {}
        }
        let more = record.more()?;
        if more.is_module {
            return Err(failed("exec is not possible in the container of a wasm module: it has no other programs"));
        }
        let (profile, label) = (more.process.apparmor_profile.clone(), more.process.selinux_label.clone());
        let mut process = match request.process {
            ExecProcess::Whole(process) => *process,
            ExecProcess::Changed(changes) => changes.applied_to(more.process),
        };
        // Who says nothing of labels means those of the container.
        if process.apparmor_profile.is_empty() {
            process.apparmor_profile = profile;
        }
        if process.selinux_label.is_empty() {
            process.selinux_label = label;
        }
        super::config::check_process(&process)?;
        super::config::keep_possible_capabilities(&mut process, &self.warn);
        check_terminal(process.terminal, request.detach, &request.options)?;
        pass_sockets(&mut process, &request.options);
        let first = self.process_of(&record)?.ok_or_else(|| failed("cannot exec in a stopped container"))?;
        let cgroup = match request.cgroups.as_slice() {
            [] => record.cgroup()?,
            below => {
                let own = record.cgroup()?.ok_or_else(|| failed(format!("container {} has no cgroup", record.id)))?;
                Some(own.below(below).map_err(failed)?)
            }
        };
        let listener = more.seccomp.clone().map(|profile| hand_over(profile, record.state(Status::Running)));
        let seccomp =
            more.seccomp.map_or(SeccompChoice::Unconfined, |profile| SeccompChoice::Profile(Box::new(profile)));
        let options = LaunchOptions {
            personality: more.personality,
            keeps_groups: keeps_groups(&record.annotations),
            listener,
            keyring: (!more.no_new_keyring).then(|| id.as_str().to_owned()),
            ..self.options(&request.options, None, Box::new(|_, _| Vec::new()))?
        };
        self.debug.tell(|| format!("exec in container {}: enter process {}", id.as_str(), first.pid()));
        let launched = enter::enter(first.pid(), &process, &seccomp, cgroup.as_ref(), options);
        let mut launched = launched.map_err(|error| in_runcs_words(error, &process))?;
        if let Err(error) = hand_out(&mut launched, &request.options) {
            end(&launched.process);
            return Err(error);
        }
        if request.detach { Ok(0) } else { attend(launched) }
    }

    /// Makes the container of a bundle, up to the process that waits for its start.
    fn prepare(&self, id: &Id, mut bundle: NativeBundle, options: &StartOptions) -> Result<Launched, Error> {
        check_descriptors(options)?;
        if let Some(process) = &mut bundle.spec.process {
            pass_sockets(process, options);
        }
        let linux = bundle.spec.linux.get_or_insert_default();
        rootless::check(linux, bundle.spec.process.as_ref())?;
        let scope = match self.systemd_cgroup {
            true => {
                let manager = Manager::find(self.user_bus.as_deref()).map_err(failed)?;
                let annotations = &bundle.spec.annotations;
                Some(Scope::new(manager, &linux.cgroups_path, id.as_str(), annotations).map_err(failed)?)
            }
            false => None,
        };
        let folder = Folder::create(&self.root, id)?;
        let made = self.prepare_in(&folder, id, bundle, scope.as_ref(), options);
        if made.is_err() {
            // Why nothing was made says more than that an empty folder is left.
            let _ = folder.remove();
        }
        made
    }

    fn prepare_in(
        &self,
        folder: &Folder,
        id: &Id,
        mut bundle: NativeBundle,
        scope: Option<&Scope>,
        options: &StartOptions,
    ) -> Result<Launched, Error> {
        let _lock = folder.lock()?;
        self.debug.tell(|| format!("create container {} of the bundle {}", id.as_str(), bundle.folder.display()));
        if bundle.seccomp != SeccompChoice::Unconfined {
            let cache = self.root.join("~filters");
            bundle.filter_cache = sys::durable::create_private_directory(&cache).is_ok().then_some(cache);
        }
        let mut state = State {
            oci_version: bundle.spec.oci_version.clone(),
            id: id.as_str().to_owned(),
            bundle: bundle.folder.to_string_lossy().into_owned(),
            annotations: bundle.spec.annotations.clone(),
            ..State::default()
        };
        let template = state.clone();
        let document = move |status, pid: u32| {
            state_document(&State { status, pid: i32::try_from(pid).unwrap_or_default(), ..template.clone() })
        };
        let listener = folder.listen()?;
        bundle.network = bundle.spec.linux.as_ref().and_then(|linux| begin_network(&linux.namespaces));
        let cgroup = begin_cgroup(folder, id, &mut bundle, scope)?;
        self.tell_cgroup(&cgroup, scope);
        let profile = bundle.spec.linux.as_ref().and_then(|linux| linux.seccomp.clone());
        let creating = State { status: Status::Creating, ..state.clone() };
        let options_of_it = LaunchOptions {
            listener: profile.map(|profile| hand_over(profile, creating)),
            keyring: (!options.no_new_keyring).then(|| id.as_str().to_owned()),
            ..self.options(options, Some(listener), Box::new(document))?
        };
        let launched = launch::launch(&mut bundle, cgroup, options_of_it).map_err(|error| {
            let process = bundle.spec.process.clone().unwrap_or_default();
            in_runcs_words(error, &process)
        });
        let created = launched.and_then(|mut launched| {
            hand_out_created(folder, id, &bundle, &mut launched, options).inspect_err(|_| {
                end(&launched.process);
                if let Some(cgroup) = &launched.cgroup {
                    super::ending::clear(cgroup, &self.warn);
                }
            })?;
            Ok(launched)
        });
        if created.is_err() {
            // They undo what hooks before them have done.
            state.status = Status::Stopped;
            let hooks = bundle.spec.hooks.unwrap_or_default();
            hooks::run("poststop", &hooks.poststop, &state_document(&state), &self.warn);
        }
        created
    }

    /// Tells where the cgroups of a container are.
    fn tell_cgroup(&self, begun: &Begun, scope: Option<&Scope>) {
        if let Some(scope) = scope {
            let whose =
                scope.bus().map_or("the system's systemd".to_owned(), |bus| format!("the user's systemd at {bus}"));
            self.debug.tell(|| format!("cgroup: {} is to be made by {whose}", scope.unit()));
        }
        let Some(record) = begun.0.as_ref().map(Cgroup::to_record) else {
            return self.debug.tell(|| "cgroup: none".to_owned());
        };
        for path in record.v1.iter().map(|place| &place.path).chain(&record.unified) {
            self.debug.tell(|| format!("cgroup: {}", path.display()));
        }
    }

    /// What all processes are started with.
    fn options(
        &self,
        options: &StartOptions,
        wait_for_start: Option<OwnedFd>,
        state: StateOf,
    ) -> Result<LaunchOptions, Error> {
        let streams = own_streams().map_err(|error| failed(format!("copy the standard streams: {}", plain(&error))))?;
        Ok(LaunchOptions {
            preserve_fds: options.preserve_fds + options.listen_fds,
            window: window_size(options),
            plain_lines: options.console_socket.is_none() && !io::stdout().is_terminal(),
            debug: self.debug.clone(),
            pivot: !options.no_pivot,
            wait_for_start,
            state,
            ..LaunchOptions::new(streams)
        })
    }

    /// Where a container is in its life.
    pub(super) fn status(&self, folder: &Folder, record: &Record) -> Result<Status, Error> {
        let is_alive = process::start_of(record.pid)
            .map_err(|error| failed(format!("look at process {}: {}", record.pid, plain(&error))))?
            == Some(record.start);
        Ok(status(is_alive, folder.waits_for_start(), || record.is_frozen()))
    }
}

/// Makes the cgroup of a container, noted before it is there. Others than root of the host have one as far as they may, unless
/// they ask for limits or name a place; rules of devices are not theirs to make.
fn begin_cgroup(folder: &Folder, id: &Id, bundle: &mut NativeBundle, scope: Option<&Scope>) -> Result<Begun, Error> {
    let is_rootless = rootless::is_rootless();
    let linux = bundle.spec.linux.get_or_insert_default();
    if let Some(resources) = linux.resources.as_mut().filter(|_| is_rootless) {
        resources.devices.clear();
    }
    if let Some(scope) = scope {
        // Nothing is made so far, and it is known that nobody else has one there.
        let begun = launch::cgroup(bundle, Reach::All, Some(scope))?;
        folder.note_cgroup(scope.path(), Some((scope.unit(), scope.bus())))?;
        return Ok(begun);
    }
    let reach = if is_rootless && linux.cgroups_path.is_empty() { Reach::Allowed } else { Reach::All };
    if linux.cgroups_path.is_empty() {
        linux.cgroups_path = format!("cowbox/{}-{}", id.as_str(), std::process::id());
    }
    folder.note_cgroup(&linux.cgroups_path, None)?;
    launch::cgroup(bundle, reach, None)
}

/// Writes the record of a container that was launched, and gives others what they asked for.
fn hand_out_created(
    folder: &Folder,
    id: &Id,
    bundle: &NativeBundle,
    launched: &mut Launched,
    options: &StartOptions,
) -> Result<(), Error> {
    let pid = launched.process.pid();
    let start = process::start_of(pid)
        .map_err(|error| failed(format!("look at process {pid}: {}", plain(&error))))?
        .ok_or_else(|| failed("the process of the container ended before its start"))?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let facts = Facts {
        pid,
        start,
        created: (i64::try_from(now.as_secs()).unwrap_or_default(), now.subsec_nanos()),
        owner: sys::process::owner().0,
        cgroup: launched.cgroup.as_ref().map(Cgroup::to_record),
        words: launched.words.clone(),
        no_new_keyring: options.no_new_keyring,
    };
    folder.write(&Record::new(id.as_str(), bundle, facts)?)?;
    launched.leave()?;
    hand_out(launched, options)
}

/// Attends a process to its end, and tells its code: 128 and the signal where one ended it.
fn attend(mut launched: Launched) -> Result<i32, Error> {
    let process = launched
        .process
        .pidfd()
        .try_clone()
        .map_err(|error| failed(format!("copy the descriptor of a process: {}", plain(&error))))?;
    match (catch_signals(&launched.process), launched.master.take()) {
        (caught, Some(master)) => {
            if let Some(caught) = caught {
                caught.detach();
            }
            proxy::attend(master, &process)?;
        }
        (Some(caught), None) => caught.attend_until(&process),
        (None, None) => {}
    }
    let ended = launched.process.wait().map_err(|error| failed(format!("wait for the process: {}", plain(&error))))?;
    Ok(match ended {
        WaitStatus::Exited(code) => code,
        WaitStatus::Signaled(signal) => 128 + signal,
    })
}

/// Catches the signals that ask this process to end, for `process`.
fn catch_signals(process: &Child) -> Option<Caught> {
    let pid = process.pid();
    let other = OtherProcess::open(pid, process::start_of(pid).ok()??).ok()??;
    sys::signals::catch_termination(move |number| {
        // A process that has ended needs no signal.
        let _ = other.signal(number.into());
    })
}

/// Ends a process of which nothing was told to anybody.
fn end(process: &Child) {
    // It may have ended itself.
    let _ = process.signal(KILL);
    let _ = process.wait();
}

/// The specification's state for hooks.
pub(super) fn state_document(state: &State) -> Vec<u8> {
    // A state is texts and a number, of which JSON can be made.
    serde_json::to_vec(state).unwrap_or_default()
}
