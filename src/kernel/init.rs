//! The first process of a container.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::exec::{Lookup, PATH};
use super::executor::{Image, LoadError};
use super::fds::{Descriptor, Fds};
use super::open_file::{Object, OpenFile, flags};
use super::process::{About, Inherited};
use super::processes::arguments;
use super::stdio::Stdio;
use super::streams;
use super::table::{INIT, Kernel, Standing};
use super::task::Task;
use super::tty::{Console, Terminal, Tty, WindowSize};
use super::users::Users;
use crate::vfs::{Errno, Follow, GuestPath, Place, Result, Scope};

/// What a container begins with.
pub struct Init {
    /// The command line. The first is the program: a path, or a name that is looked up in `PATH`.
    pub args: Vec<String>,
    /// The environment.
    pub env: Vec<String>,
    /// The working directory.
    pub cwd: Option<GuestPath>,
    /// Who runs it.
    pub users: Users,
    /// The standard streams.
    pub stdio: Stdio,
    /// The window of the terminal, if the streams are one: standard input is then typed there, and standard output gets what
    /// it shows.
    pub terminal: Option<WindowSize>,
}

/// The first process, ready to run.
pub struct Prepared {
    task: Task,
    image: Box<dyn Image>,
    console: Option<(Arc<Tty>, Stdio)>,
}

impl Kernel {
    /// Makes the first process ready.
    pub fn prepare_init(self: &Arc<Self>, init: Init) -> std::result::Result<Prepared, LoadError> {
        let Init { args, env, cwd, users, stdio, terminal } = init;
        let cwd = self.working_directory(cwd)?;
        let name = args.first().cloned().unwrap_or_default();
        let search = env.iter().rev().find_map(|pair| pair.strip_prefix("PATH=")).unwrap_or(PATH);
        let lookup = Lookup {
            namespace: &self.namespace,
            cwd: &cwd,
            users: &users,
            search: Some(search.as_bytes()),
            is_init: true,
        };
        let found = lookup.find(name.as_bytes())?;
        let image = self.executor.load(&found)?;
        let (streams, console) = match terminal {
            Some(size) => {
                let (tty, streams) = self.terminal(size);
                (streams, Some((tty, stdio)))
            }
            None => (self.streams(stdio), None),
        };
        let bytes = |texts: Vec<String>| texts.into_iter().map(String::into_bytes).collect::<Vec<_>>();
        let (args, env) = (Arc::new(arguments(&found, bytes(args))), Arc::new(bytes(env)));
        let about = About { args, env, executable: found.path, users };
        let task = self.first_task(about, cwd, streams);
        let task = task.map_err(|errno| LoadError::new(errno, format!("exec: \"{name}\": {errno}")))?;
        Ok(Prepared { task, image, console })
    }

    fn working_directory(&self, path: Option<GuestPath>) -> std::result::Result<Arc<Place>, LoadError> {
        let root = self.namespace.root();
        let Some(path) = path.filter(|path| !path.is_root()) else { return Ok(root.clone()) };
        let walked = self.namespace.walk(root, path.as_bytes(), Follow::Yes, Scope::Namespace);
        walked.and_then(|walked| walked.place()).map_err(|errno| {
            LoadError::new(Errno::Inval, format!("working directory \"{path}\": {errno}"))
                .hint("make it in the image, or name another with --workdir")
        })
    }

    /// The streams of the host.
    fn streams(&self, stdio: Stdio) -> [Arc<OpenFile>; 3] {
        let left = self.quota.output.map(|bytes| Arc::new(AtomicU64::new(bytes)));
        let stdin = OpenFile::new(Object::Stream(streams::input(stdio.stdin)), flags::READ_WRITE);
        let output = |output| OpenFile::new(Object::Stream(streams::output(output, left.clone())), flags::READ_WRITE);
        [stdin, output(stdio.stdout), output(stdio.stderr)].map(Arc::new)
    }

    /// A terminal of the first process's session, open as all three streams.
    fn terminal(self: &Arc<Self>, size: WindowSize) -> (Arc<Tty>, [Arc<OpenFile>; 3]) {
        let kernel = Arc::downgrade(self);
        let tty = self.terminals.add_console(kernel, size, self.quota.output);
        tty.give_to(INIT, INIT);
        let file = Arc::new(OpenFile::stream(Terminal::open(&tty), flags::READ_WRITE));
        (tty, [file.clone(), file.clone(), file])
    }

    fn first_task(self: &Arc<Self>, about: About, cwd: Arc<Place>, streams: [Arc<OpenFile>; 3]) -> Result<Task> {
        let About { args, env, users, .. } = about.clone();
        let process = self.add(0, Standing::default(), about, Inherited::default())?;
        let mut fds = Fds::new(self.quota.open_files);
        for file in streams {
            fds.insert(Descriptor::new(file))?;
        }
        Ok(Task {
            kernel: self.clone(),
            process,
            fds,
            namespace: self.namespace.clone(),
            cwd,
            umask: 0o022,
            users,
            args,
            env,
            file_size: None,
            restore_mask: None,
            fails_when_interrupted: false,
            why: None,
        })
    }

    /// Starts the first process, and connects its terminal if it has one.
    pub fn start_init(self: &Arc<Self>, prepared: Prepared) -> Result<Option<Console>> {
        let Prepared { task, image, console } = prepared;
        let pid = task.process.pid;
        let start = || {
            let console = console.map(|(tty, stdio)| Console::start(&tty, stdio.stdin, stdio.stdout)).transpose();
            let console = console.map_err(|error| Errno::from(&error))?;
            self.start(task, image)?;
            Ok(console)
        };
        start().inspect_err(|_| self.remove(pid))
    }
}
