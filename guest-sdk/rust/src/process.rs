//! `std::process` with the same names: a program that is to run in cowbox changes its `use`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

pub use std::process::{ExitCode, abort, exit};

use crate::pipe::{Descriptor, PipeReader, PipeWriter};
use crate::sys::{
    self, AT_FDCWD, Action, Errno, Fd, OpenFlags, Pid, PollEvents, PollFd, SigSet, Spawn, Status, WaitOptions,
};

/// This process's number.
pub fn id() -> u32 {
    sys::getpid().cast_unsigned()
}

/// Where a stream of a child comes from or goes to.
#[derive(Debug)]
pub struct Stdio(Stream);

#[derive(Debug)]
enum Stream {
    Inherit,
    Null,
    Pipe,
    Descriptor(Descriptor),
}

impl Stdio {
    /// The caller's.
    pub fn inherit() -> Stdio {
        Stdio(Stream::Inherit)
    }

    /// `/dev/null`.
    pub fn null() -> Stdio {
        Stdio(Stream::Null)
    }

    /// A new pipe, whose other end is in the [`Child`].
    pub fn piped() -> Stdio {
        Stdio(Stream::Pipe)
    }

    /// This descriptor, which is taken over.
    pub fn from_raw(fd: Fd) -> Stdio {
        Stdio(Stream::Descriptor(Descriptor::from_raw(fd)))
    }
}

macro_rules! into_stdio {
    ($($kind:ty)*) => {
        $(impl From<$kind> for Stdio {
            fn from(stream: $kind) -> Stdio {
                Stdio::from_raw(std::os::fd::IntoRawFd::into_raw_fd(stream))
            }
        })*
    };
}

into_stdio! { std::fs::File std::os::fd::OwnedFd PipeReader PipeWriter ChildStdin ChildStdout ChildStderr }

/// A program to be started, and what is different from this one.
#[derive(Debug)]
pub struct Command {
    program: OsString,
    arg0: Option<OsString>,
    args: Vec<OsString>,
    env_clear: bool,
    env: BTreeMap<OsString, Option<OsString>>,
    directory: Option<PathBuf>,
    stdin: Option<Stdio>,
    stdout: Option<Stdio>,
    stderr: Option<Stdio>,
    group: Option<Pid>,
    session: bool,
    uid: Option<u32>,
    gid: Option<u32>,
    umask: Option<u32>,
    mask: Option<SigSet>,
    defaults: SigSet,
    keep: Vec<(Fd, Fd)>,
}

impl Command {
    /// The program of this name: a path, or a name that is looked up in `PATH`.
    pub fn new(program: impl AsRef<OsStr>) -> Command {
        Command {
            program: program.as_ref().to_owned(),
            arg0: None,
            args: Vec::new(),
            env_clear: false,
            env: BTreeMap::new(),
            directory: None,
            stdin: None,
            stdout: None,
            stderr: None,
            group: None,
            session: false,
            uid: None,
            gid: None,
            umask: None,
            mask: None,
            defaults: SigSet::EMPTY,
            keep: Vec::new(),
        }
    }

    /// Adds an argument.
    pub fn arg(&mut self, argument: impl AsRef<OsStr>) -> &mut Command {
        self.args.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&mut self, arguments: I) -> &mut Command {
        self.args.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Calls it by another name.
    pub fn arg0(&mut self, name: impl AsRef<OsStr>) -> &mut Command {
        self.arg0 = Some(name.as_ref().to_owned());
        self
    }

    /// Sets a variable of the environment.
    pub fn env(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Command {
        self.env.insert(name.as_ref().to_owned(), Some(value.as_ref().to_owned()));
        self
    }

    /// Sets variables of the environment.
    pub fn envs<I, K, V>(&mut self, variables: I) -> &mut Command
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        for (name, value) in variables {
            self.env(name, value);
        }
        self
    }

    /// Removes a variable of the environment.
    pub fn env_remove(&mut self, name: impl AsRef<OsStr>) -> &mut Command {
        self.env.insert(name.as_ref().to_owned(), None);
        self
    }

    /// Removes all of the environment, but for what is set afterwards.
    pub fn env_clear(&mut self) -> &mut Command {
        self.env_clear = true;
        self.env.clear();
        self
    }

    /// Starts it in this directory.
    pub fn current_dir(&mut self, directory: impl AsRef<Path>) -> &mut Command {
        self.directory = Some(directory.as_ref().to_owned());
        self
    }

    /// Its standard input.
    pub fn stdin(&mut self, stream: impl Into<Stdio>) -> &mut Command {
        self.stdin = Some(stream.into());
        self
    }

    /// Its standard output.
    pub fn stdout(&mut self, stream: impl Into<Stdio>) -> &mut Command {
        self.stdout = Some(stream.into());
        self
    }

    /// Its standard error.
    pub fn stderr(&mut self, stream: impl Into<Stdio>) -> &mut Command {
        self.stderr = Some(stream.into());
        self
    }

    /// Puts it into this process group; 0 is one of its own.
    pub fn process_group(&mut self, group: Pid) -> &mut Command {
        self.group = Some(group);
        self
    }

    /// Makes it the leader of a new session.
    pub fn setsid(&mut self, on: bool) -> &mut Command {
        self.session = on;
        self
    }

    /// Has it run as this user. Needs the right to; see [`Command::exec`] for when the change is made.
    pub fn uid(&mut self, user: u32) -> &mut Command {
        self.uid = Some(user);
        self
    }

    /// Has it run as this group.
    pub fn gid(&mut self, group: u32) -> &mut Command {
        self.gid = Some(group);
        self
    }

    /// Its umask.
    pub fn umask(&mut self, mask: u32) -> &mut Command {
        self.umask = Some(mask);
        self
    }

    /// The signals it starts with blocked.
    pub fn signal_mask(&mut self, mask: SigSet) -> &mut Command {
        self.mask = Some(mask);
        self
    }

    /// Has these signals do what is their default, also where this process ignores them.
    pub fn default_signals(&mut self, signals: SigSet) -> &mut Command {
        self.defaults = SigSet(self.defaults.0 | signals.0);
        self
    }

    /// Gives it the descriptor `from` as `to`, beside its three streams.
    pub fn descriptor(&mut self, from: Fd, to: Fd) -> &mut Command {
        self.keep.push((from, to));
        self
    }

    /// The program.
    pub fn get_program(&self) -> &OsStr {
        &self.program
    }

    /// The arguments.
    pub fn get_args(&self) -> impl Iterator<Item = &OsStr> {
        self.args.iter().map(OsString::as_os_str)
    }

    /// Starts it. Streams not set are the caller's.
    pub fn spawn(&mut self) -> io::Result<Child> {
        self.started(&Stream::Inherit, &Stream::Inherit)
    }

    /// Starts it, and waits for its end. Streams not set are the caller's.
    pub fn status(&mut self) -> io::Result<ExitStatus> {
        self.spawn()?.wait()
    }

    /// Starts it, reads all it writes, and waits for its end. Streams not set are pipes, and nothing to read.
    pub fn output(&mut self) -> io::Result<Output> {
        self.started(&Stream::Null, &Stream::Pipe)?.wait_with_output()
    }

    /// Replaces this program. Returns on failure alone, when some of the changes asked for may have been made.
    pub fn exec(&mut self) -> io::Error {
        match self.replaced() {
            Ok(never) => match never {},
            Err(errno) => errno.into(),
        }
    }

    fn replaced(&mut self) -> sys::Result<std::convert::Infallible> {
        let streams = [self.stdin.as_ref(), self.stdout.as_ref(), self.stderr.as_ref()];
        for (target, stream) in (0..).zip(streams) {
            match stream.map(|stream| &stream.0) {
                None | Some(Stream::Inherit | Stream::Pipe) => {}
                Some(Stream::Descriptor(source)) => sys::dup2(source.raw(), target, false)?,
                Some(Stream::Null) => {
                    let null = sys::open("/dev/null", OpenFlags::RDWR | OpenFlags::CLOEXEC, 0)?;
                    sys::dup2(null, target, false)?;
                    sys::close(null)?;
                }
            }
        }
        for (from, to) in &self.keep {
            if from == to {
                sys::set_cloexec(*to, false)?;
            } else {
                sys::dup2(*from, *to, false)?;
            }
        }
        if self.session {
            sys::setsid()?;
        }
        if let Some(group) = self.group {
            sys::setpgid(0, group)?;
        }
        self.become_user()?;
        if let Some(mask) = self.umask {
            sys::umask(Some(mask));
        }
        for signal in self.defaults.iter() {
            sys::sigaction(signal, sys::Disposition::Default)?;
        }
        if let Some(mask) = self.mask {
            sys::sigmask(Some((sys::MaskHow::Set, mask)))?;
        }
        if let Some(directory) = &self.directory {
            sys::chdir(directory)?;
        }
        sys::exec(&self.program, &self.argv(), self.environment().as_deref(), Some(&self.search()))
    }

    fn become_user(&self) -> sys::Result<()> {
        if let Some(group) = self.gid {
            if sys::geteuid() == 0 {
                sys::setgroups(&[group])?;
            }
            sys::setgid(group)?;
        }
        self.uid.map_or(Ok(()), sys::setuid)
    }

    fn argv(&self) -> Vec<Vec<u8>> {
        let name = self.arg0.as_ref().unwrap_or(&self.program);
        std::iter::once(name).chain(&self.args).map(|argument| argument.as_encoded_bytes().to_vec()).collect()
    }

    /// `None` is the caller's as it is.
    fn environment(&self) -> Option<Vec<Vec<u8>>> {
        if !self.env_clear && self.env.is_empty() {
            return None;
        }
        let mut all: BTreeMap<OsString, OsString> =
            if self.env_clear { BTreeMap::new() } else { std::env::vars_os().collect() };
        for (name, value) in &self.env {
            match value {
                Some(value) => all.insert(name.clone(), value.clone()),
                None => all.remove(name),
            };
        }
        let variable =
            |(name, value): (&OsString, &OsString)| [name.as_encoded_bytes(), b"=", value.as_encoded_bytes()].concat();
        Some(all.iter().map(variable).collect())
    }

    /// Where the program is looked up: in the child's `PATH`, as std does it.
    fn search(&self) -> Vec<u8> {
        let path = match self.env.get(OsStr::new("PATH")) {
            Some(path) => path.clone(),
            None if self.env_clear => None,
            None => std::env::var_os("PATH"),
        };
        path.map_or_else(|| b"/usr/local/bin:/usr/bin:/bin".to_vec(), OsString::into_encoded_bytes)
    }

    fn started(&self, input: &Stream, others: &Stream) -> io::Result<Child> {
        let mut streams = Streams::default();
        let stdin = streams.add(0, self.stdin.as_ref().map_or(input, |stream| &stream.0))?;
        let stdout = streams.add(1, self.stdout.as_ref().map_or(others, |stream| &stream.0))?;
        let stderr = streams.add(2, self.stderr.as_ref().map_or(others, |stream| &stream.0))?;
        let mut actions = streams.actions(&self.keep)?;
        if let Some(directory) = &self.directory {
            actions.push(Action::Chdir(directory.as_os_str().as_encoded_bytes().to_vec()));
        }
        let spawn = Spawn {
            path: self.program.as_encoded_bytes().to_vec(),
            argv: self.argv(),
            env: self.environment(),
            actions,
            pgroup: self.group,
            setsid: self.session,
            sigmask: self.mask,
            sigdefault: (self.defaults != SigSet::EMPTY).then_some(self.defaults),
            search: Some(self.search()),
            umask: self.umask,
        };
        let pid = self.as_user(|| sys::spawn(&spawn))?;
        Ok(Child {
            pid,
            status: None,
            stdin: stdin.map(|end| ChildStdin(PipeWriter::from_raw(end.into_raw()))),
            stdout: stdout.map(|end| ChildStdout(PipeReader::from_raw(end.into_raw()))),
            stderr: stderr.map(|end| ChildStderr(PipeReader::from_raw(end.into_raw()))),
        })
    }

    /// Does something as the user of the child, which takes the users over from its parent, and comes back.
    fn as_user<T>(&self, work: impl FnOnce() -> sys::Result<T>) -> sys::Result<T> {
        if self.uid.is_none() && self.gid.is_none() {
            return work();
        }
        let (before, groups) = (sys::credentials(), sys::getgroups()?);
        // The saved user stays, and with it the right to come back.
        if let Some(group) = self.gid {
            if before.euid == 0 {
                sys::setgroups(&[group])?;
            }
            sys::setresgid(Some(group), Some(group), None)?;
        }
        if let Some(user) = self.uid {
            sys::setresuid(Some(user), Some(user), None)?;
        }
        let result = work();
        sys::setresuid(Some(before.uid), Some(before.euid), None)?;
        sys::setresgid(Some(before.gid), Some(before.egid), None)?;
        if before.euid == 0 {
            sys::setgroups(&groups)?;
        }
        result
    }
}

/// What the streams of a child become: sources by number, those of them that live only until it is started, and where `/dev/null` goes.
#[derive(Default)]
struct Streams {
    sources: Vec<(Fd, Fd)>,
    temporary: Vec<Descriptor>,
    nulls: Vec<Fd>,
}

impl Streams {
    /// Notes a stream; returns our end of it where it is a pipe.
    fn add(&mut self, target: Fd, stream: &Stream) -> io::Result<Option<Descriptor>> {
        match stream {
            Stream::Inherit => {}
            Stream::Null => self.nulls.push(target),
            Stream::Descriptor(source) => self.sources.push((source.raw(), target)),
            Stream::Pipe => {
                let (reader, writer) = sys::pipe(OpenFlags::CLOEXEC)?;
                let (reader, writer) = (Descriptor::from_raw(reader), Descriptor::from_raw(writer));
                let (ours, theirs) = if target == 0 { (writer, reader) } else { (reader, writer) };
                self.sources.push((theirs.raw(), target));
                self.temporary.push(theirs);
                return Ok(Some(ours));
            }
        }
        Ok(None)
    }

    /// The actions for them. A source that is also a target is copied out of the way first, for the actions are done one after another.
    fn actions(&mut self, others: &[(Fd, Fd)]) -> io::Result<Vec<Action>> {
        self.sources.extend_from_slice(others);
        let targets: Vec<Fd> = self.sources.iter().map(|(_, to)| *to).chain(self.nulls.iter().copied()).collect();
        let above = targets.iter().max().copied().unwrap_or(2).max(2) + 1;
        let mut actions = Vec::new();
        for fd in &self.nulls {
            actions.push(Action::Open { fd: *fd, path: b"/dev/null".to_vec(), flags: OpenFlags::RDWR, mode: 0 });
        }
        let mut copies = Vec::new();
        for (from, to) in &self.sources {
            let from = if from != to && targets.contains(from) {
                let copy = Descriptor::from_raw(sys::dup(*from, above, true)?);
                let number = copy.raw();
                copies.push(copy);
                number
            } else {
                *from
            };
            actions.push(Action::Dup2 { from, to: *to });
        }
        self.temporary.append(&mut copies);
        Ok(actions)
    }
}

macro_rules! child_streams {
    ($($(#[$doc:meta])* $kind:ident($inner:ident))*) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub struct $kind($inner);

            impl std::os::fd::AsRawFd for $kind {
                fn as_raw_fd(&self) -> Fd {
                    self.0.raw()
                }
            }

            impl std::os::fd::IntoRawFd for $kind {
                fn into_raw_fd(self) -> Fd {
                    self.0.into_raw()
                }
            }
        )*
    };
}

child_streams! {
    /// Our end of a child's standard input.
    ChildStdin(PipeWriter)
    /// Our end of a child's standard output.
    ChildStdout(PipeReader)
    /// Our end of a child's standard error.
    ChildStderr(PipeReader)
}

impl Write for ChildStdin {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for ChildStdout {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Read for ChildStderr {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

/// A running child. It goes on where this is dropped.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    status: Option<ExitStatus>,
    /// Its standard input, where it is a pipe.
    pub stdin: Option<ChildStdin>,
    /// Its standard output, where it is a pipe.
    pub stdout: Option<ChildStdout>,
    /// Its standard error, where it is a pipe.
    pub stderr: Option<ChildStderr>,
}

impl Child {
    /// Its number.
    pub fn id(&self) -> u32 {
        self.pid.cast_unsigned()
    }

    /// Ends it with SIGKILL.
    pub fn kill(&mut self) -> io::Result<()> {
        self.send_signal(crate::signal::SIGKILL)
    }

    /// Sends it a signal.
    pub fn send_signal(&mut self, signal: i32) -> io::Result<()> {
        if self.status.is_some() { Ok(()) } else { Ok(sys::kill(self.pid, signal)?) }
    }

    /// Closes its standard input and waits for its end.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        if let Some(status) = self.status {
            return Ok(status);
        }
        let waited = sys::retry(|| sys::wait(self.pid, WaitOptions::empty()))?.ok_or(Errno::ECHILD)?;
        self.status = Some(ExitStatus(waited.status));
        Ok(ExitStatus(waited.status))
    }

    /// How it ended, where it has.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.status.is_none() {
            let waited = sys::retry(|| sys::wait(self.pid, WaitOptions::NOHANG))?;
            self.status = waited.map(|waited| ExitStatus(waited.status));
        }
        Ok(self.status)
    }

    /// Closes its standard input, reads all it writes, and waits for its end.
    pub fn wait_with_output(mut self) -> io::Result<Output> {
        drop(self.stdin.take());
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        match (self.stdout.take(), self.stderr.take()) {
            (None, None) => {}
            (Some(mut stream), None) => drop(stream.read_to_end(&mut stdout)?),
            (None, Some(mut stream)) => drop(stream.read_to_end(&mut stderr)?),
            (Some(first), Some(second)) => read_both(first.0, &mut stdout, second.0, &mut stderr)?,
        }
        Ok(Output { status: self.wait()?, stdout, stderr })
    }
}

/// Reads two pipes to their ends, whichever has something.
fn read_both(
    first: PipeReader,
    first_bytes: &mut Vec<u8>,
    second: PipeReader,
    second_bytes: &mut Vec<u8>,
) -> io::Result<()> {
    let mut list = [PollFd::new(first.raw(), PollEvents::IN), PollFd::new(second.raw(), PollEvents::IN)];
    let mut piece = vec![0; 32 * 1024];
    while list.iter().any(|entry| entry.fd >= 0) {
        sys::retry(|| sys::poll(&mut list, None))?;
        for (entry, bytes) in list.iter_mut().zip([&mut *first_bytes, &mut *second_bytes]) {
            if entry.fd < 0 || entry.revents == PollEvents::empty() {
                continue;
            }
            match sys::retry(|| sys::read(entry.fd, &mut piece))? {
                0 => entry.fd = -1,
                length => bytes.extend_from_slice(&piece[..length]),
            }
        }
    }
    Ok(())
}

/// What a child wrote, and how it ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error.
    pub stderr: Vec<u8>,
}

/// How a child ended.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ExitStatus(Status);

impl ExitStatus {
    /// Whether it left with 0.
    pub fn success(&self) -> bool {
        self.code() == Some(0)
    }

    /// The code it left with.
    pub fn code(&self) -> Option<i32> {
        self.0.code()
    }

    /// The signal that ended it.
    pub fn signal(&self) -> Option<i32> {
        self.0.signal()
    }

    /// Whether a core dump was made.
    pub fn core_dumped(&self) -> bool {
        self.0.core_dumped()
    }

    /// The signal that stopped it.
    pub fn stopped_signal(&self) -> Option<i32> {
        self.0.stopped()
    }

    /// Whether it goes on after having been stopped.
    pub fn continued(&self) -> bool {
        self.0.continued()
    }

    /// The status of a number as waitpid(2) gives it.
    pub fn from_raw(number: i32) -> ExitStatus {
        ExitStatus(Status(number))
    }

    /// The number as waitpid(2) gives it.
    pub fn into_raw(self) -> i32 {
        self.0.0
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = self.code() {
            write!(f, "exit status: {code}")
        } else if let Some(signal) = self.signal() {
            let core = if self.core_dumped() { " (core dumped)" } else { "" };
            match crate::signal::name(signal) {
                Some(name) => write!(f, "signal: {signal} (SIG{name}){core}"),
                None => write!(f, "signal: {signal}{core}"),
            }
        } else if let Some(signal) = self.stopped_signal() {
            write!(f, "stopped (not terminated) by signal: {signal}")
        } else {
            write!(f, "continued (WIFCONTINUED)")
        }
    }
}

/// Where a program of this name is: itself where it has a `/`, else the first file in `path` that may be executed.
pub fn find_in_path(program: &OsStr, path: &OsStr) -> Option<PathBuf> {
    let executable = |file: &Path| {
        sys::stat(file).is_ok_and(|stat| stat.is_file())
            && sys::faccessat(AT_FDCWD, file, sys::Access::EXECUTE, true).is_ok()
    };
    if program.as_encoded_bytes().contains(&b'/') {
        return Some(PathBuf::from(program)).filter(|file| executable(file));
    }
    // Not by `std::env::split_paths`, which panics on WASI.
    let directories = path.as_encoded_bytes().split(|byte| *byte == b':');
    directories
        .map(|directory| {
            let directory = if directory.is_empty() { b"." } else { directory };
            Path::new(<OsStr as crate::os::OsStrExt>::from_bytes(directory)).join(program)
        })
        .find(|file| executable(file))
}
