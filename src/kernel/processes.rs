//! Calls on processes: making them, waiting for them, becoming another program, signals.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::exec::{Found, Lookup};
use super::executor::{Image, LoadError};
use super::fds::{Descriptor, Fds};
use super::open_file::{Object, flags};
use super::process::{About, Pid};
use super::signal::{Action, Disposition, Signal, SignalSet};
use super::table::{Standing, WaitFor, Waited};
use super::task::Task;
use super::tty::Tty;
use super::users::Users;
use crate::vfs::{Errno, Follow, Place, Result, Scope};

/// The longest arguments and environment together, in bytes (Linux has a quarter of the stack, 2 MiB by default).
const ARGUMENTS_MAX: usize = 2 << 20;

/// What a child does before its program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileAction {
    /// Closes a descriptor; that it is not open is no error.
    Close(u32),
    /// Makes a copy of `from`, kept on exec.
    Dup {
        /// The open descriptor.
        from: u32,
        /// The number that becomes its copy.
        to: u32,
    },
    /// Opens a file under a number of one's choice.
    Open {
        /// The number.
        fd: u32,
        /// The file.
        path: Vec<u8>,
        /// Bits of [`flags`].
        status: u32,
        /// The mode of a new file.
        mode: u16,
    },
    /// Changes the working directory.
    ChangeDirectory(Vec<u8>),
    /// The same, to an open directory.
    EnterDirectory(u32),
    /// Closes all from a number on.
    CloseFrom(u32),
    /// Makes the child's group that of the foreground.
    Foreground(u32),
}

/// posix_spawn(3).
#[derive(Clone, Debug, Default)]
pub struct Spawn {
    /// The program.
    pub path: Vec<u8>,
    /// Where a name without a slash is looked for.
    pub search: Option<Vec<u8>>,
    /// The arguments, the program's name first.
    pub args: Vec<Vec<u8>>,
    /// The environment.
    pub env: Vec<Vec<u8>>,
    /// What is done first, in order.
    pub actions: Vec<FileAction>,
    /// The process group to join, 0 for one of its own.
    pub group: Option<Pid>,
    /// Whether it begins a session.
    pub session: bool,
    /// The mask, where not the caller's.
    pub mask: Option<SignalSet>,
    /// Signals whose disposition becomes the default.
    pub defaults: SignalSet,
    /// The file mode creation mask, where not the caller's.
    pub umask: Option<u16>,
}

impl Task {
    /// Starts a child. All that can fail fails here.
    pub fn spawn(&mut self, spawn: Spawn) -> Result<Pid> {
        check_size(&spawn.args, &spawn.env)?;
        let Prepared { fds, cwd, foreground, found, image } = self.prepare(&spawn)?;
        let mut inherited = self.process.inherited();
        inherited.blocked = spawn.mask.map_or(inherited.blocked, SignalSet::blockable);
        for signal in spawn.defaults.iter() {
            inherited.actions[usize::from(signal.0) - 1] = Action::default();
        }
        let args = Arc::new(arguments(&found, spawn.args));
        let env = Arc::new(spawn.env);
        let about = About { args: args.clone(), env: env.clone(), executable: found.path, users: self.users.clone() };
        let standing = Standing { group: spawn.group, session: spawn.session };
        let process = self.kernel.add(self.process.pid, standing, about, inherited)?;
        let pid = process.pid;
        if let Some(tty) = foreground {
            tty.set_foreground(self.kernel.ids(pid)?.group);
        }
        let task = Task {
            kernel: self.kernel.clone(),
            process,
            fds,
            namespace: self.namespace.clone(),
            cwd,
            umask: spawn.umask.map_or(self.umask, |mask| mask & 0o777),
            users: self.users.clone(),
            args,
            env,
            file_size: self.file_size,
            restore_mask: None,
            fails_when_interrupted: false,
            why: None,
        };
        self.kernel.note_exec(pid);
        self.kernel.start(task, image).inspect_err(|_| self.kernel.remove(pid))?;
        Ok(pid)
    }

    /// Does what a child does before its program runs, on copies, and makes the program ready.
    fn prepare(&mut self, spawn: &Spawn) -> Result<Prepared> {
        let (mut fds, mut cwd, mut foreground) = (self.fds.clone(), self.cwd.clone(), None);
        for action in &spawn.actions {
            match action {
                FileAction::Close(fd) => drop(fds.remove(*fd)),
                FileAction::Dup { from, to } => {
                    let copy = Descriptor { cloexec: false, preopened: None, ..fds.descriptor(*from)?.clone() };
                    fds.replace(*to, copy)?;
                }
                FileAction::Open { fd, path, status, mode } => {
                    let walked = self.walk(&cwd, path, flags::follow(*status), Scope::Namespace)?;
                    let file = self.open(&walked, *status, *mode)?;
                    fds.replace(*fd, Descriptor::closed_on_exec(file, status & flags::CLOEXEC != 0))?;
                }
                FileAction::ChangeDirectory(path) => {
                    let place = self.walk(&cwd, path, Follow::Yes, Scope::Namespace)?.place()?;
                    self.users.check_search(place.inode())?;
                    cwd = place;
                }
                FileAction::EnterDirectory(fd) => cwd = fds.file(*fd)?.directory()?.clone(),
                FileAction::CloseFrom(fd) => fds.remove_from(*fd),
                FileAction::Foreground(fd) => foreground = Some(self.own_terminal(fds.file(*fd)?)?),
            }
        }
        fds.close_on_exec();
        let (found, image) = self.find_and_load(&spawn.path, spawn.search.as_deref(), &cwd)?;
        Ok(Prepared { fds, cwd, foreground, found, image })
    }

    fn find_and_load(
        &mut self,
        path: &[u8],
        search: Option<&[u8]>,
        cwd: &Arc<Place>,
    ) -> Result<(Found, Box<dyn Image>)> {
        let lookup = Lookup { namespace: &self.namespace, cwd, users: &self.users, search, is_init: false };
        let executor = &self.kernel.executor;
        // Compiling a large program takes its time, and nothing breaks it off.
        let load = |found: Found| self.process.out_of_reach(|| executor.load(&found).map(|image| (found, image)));
        let loaded = match lookup.find(path) {
            Ok(found) => load(found)?,
            Err(error) => Err(error),
        };
        loaded.map_err(|error| {
            let errno = error.errno;
            self.why = Some(error);
            errno
        })
    }

    /// Why the last program could not be started, in words: what is wrong with it, and what to do about it.
    pub fn explanation(&self) -> Option<String> {
        let LoadError { message, hint, .. } = self.why.as_ref()?;
        let what = message.split_once("\": ").map_or(&message[..], |(_, what)| what);
        Some(match hint {
            Some(hint) => format!("{what}; {hint}"),
            None => what.to_owned(),
        })
    }

    /// Finds another program for this process and makes it ready. [`Task::replaced`] is what is done once it takes over.
    pub fn prepare_exec(
        &mut self,
        path: &[u8],
        search: Option<&[u8]>,
        args: Vec<Vec<u8>>,
        env: Vec<Vec<u8>>,
    ) -> Result<Exec> {
        check_size(&args, &env)?;
        let cwd = self.cwd.clone();
        let (found, image) = self.find_and_load(path, search, &cwd)?;
        Ok(Exec { image, args: arguments(&found, args), env, executable: found.path })
    }

    /// Becomes the program that was made ready: execve(2).
    pub fn replaced(&mut self, exec: Exec) -> Box<dyn Image> {
        let Exec { image, args, env, executable } = exec;
        self.fds.close_on_exec();
        self.process.reset_handlers();
        (self.args, self.env) = (Arc::new(args), Arc::new(env));
        self.publish(Some(executable));
        self.kernel.note_exec(self.process.pid);
        self.restore_mask = None;
        image
    }

    /// Lets others see who the process is now.
    fn publish(&self, executable: Option<Vec<u8>>) {
        let mut about = self.process.about.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        about.users = self.users.clone();
        if let Some(executable) = executable {
            (about.args, about.env, about.executable) = (self.args.clone(), self.env.clone(), executable);
        }
    }

    /// waitpid(2).
    pub fn wait(&self, what: WaitFor) -> Result<Option<Waited>> {
        self.kernel.wait(&self.process, what)
    }

    /// kill(2).
    pub fn kill(&self, pid: Pid, signal: Option<Signal>) -> Result<()> {
        self.kernel.kill(Some(&self.process), pid, signal)
    }

    /// setpgid(2).
    pub fn set_group(&self, pid: Pid, group: Pid) -> Result<()> {
        self.kernel.set_group(self.process.pid, pid, group)
    }

    /// setsid(2).
    pub fn set_session(&self) -> Result<Pid> {
        self.kernel.set_session(self.process.pid)
    }

    /// setresuid(2), setresgid(2).
    pub fn set_users(&mut self, users: Users) {
        self.users = users;
        self.publish(None);
    }

    /// Blocks exactly `mask`. What becomes due by it is sent at once.
    pub fn set_mask(&self, mask: SignalSet) {
        for signal in self.process.set_blocked(mask).iter() {
            self.kernel.post(&self.process, signal);
        }
    }

    /// sigsuspend(2): waits under another mask for a signal that ends the process or has a handler.
    pub fn suspend(&mut self, mask: SignalSet) -> Errno {
        self.restore_mask = Some(self.process.blocked());
        self.set_mask(mask);
        self.fails_when_interrupted = true;
        match self.process.wait(&[], None, || None::<()>) {
            Err(errno) => errno,
            Ok(_) => Errno::Intr,
        }
    }

    /// sigtimedwait(2). `Ok(None)` when the deadline is over.
    pub fn take_signal(&mut self, set: SignalSet, deadline: Option<Instant>) -> Result<Option<Signal>> {
        self.fails_when_interrupted = true;
        self.process.wait(&[], deadline, || self.process.take_pending(set))
    }

    /// sigaction(2) without a change of the handler's function, which the program keeps.
    pub fn set_action(&self, signal: Signal, action: Action) -> Result<()> {
        if action.disposition != Disposition::Default && matches!(signal, Signal::KILL | Signal::STOP) {
            return Err(Errno::Inval);
        }
        self.process.set_action(signal, action);
        Ok(())
    }

    /// setitimer(2) of real time: SIGALRM after `value` (zero: never), then every `interval`. Returns what was left.
    pub fn set_alarm(&self, value: Duration, interval: Duration) -> Result<(Duration, Duration)> {
        self.kernel.set_alarm(&self.process, value, interval)
    }

    /// Whether `fd` is a terminal, of whichever kind.
    pub fn is_terminal(&self, fd: u32) -> Result<bool> {
        Ok(match &self.fds.file(fd)?.object {
            Object::Stream(stream) => stream.terminal().is_some() || stream.is_host_terminal(),
            _ => false,
        })
    }
}

/// A child that is about to be.
struct Prepared {
    fds: Fds,
    cwd: Arc<Place>,
    /// The terminal whose foreground group it becomes.
    foreground: Option<Arc<Tty>>,
    found: Found,
    image: Box<dyn Image>,
}

/// A program that a process is about to become.
pub struct Exec {
    image: Box<dyn Image>,
    args: Vec<Vec<u8>>,
    env: Vec<Vec<u8>>,
    executable: Vec<u8>,
}

/// The arguments of a program, behind those of its interpreter.
pub(super) fn arguments(found: &Found, mut args: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    if let Some(head) = &found.interpreter {
        let first = usize::from(!args.is_empty());
        args.splice(..first, head.iter().cloned());
    }
    args
}

fn check_size(args: &[Vec<u8>], env: &[Vec<u8>]) -> Result<()> {
    let size: usize = args.iter().chain(env).map(|text| text.len() + 9).sum();
    if size > ARGUMENTS_MAX { Err(Errno::TooBig) } else { Ok(()) }
}
