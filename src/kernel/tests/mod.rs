//! The kernel with programs that are functions of this process: what it does for every executor.

mod descriptors;
mod files;
mod processes;
mod signals;
mod stress;

use std::collections::HashMap;
use std::io::{self, Cursor, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::*;
use crate::vfs::{
    Errno, Follow, GuestPath, InodeRef, MemFsOptions, Namespace, NewInode, NewKind, Processes, Result, Scope, memfs,
};

type Body = Arc<dyn Fn(&mut Program) -> i32 + Send + Sync>;

/// Runs functions as programs: the file says nothing but that it is one, its name says which.
#[derive(Default)]
struct Functions {
    bodies: Mutex<HashMap<String, Body>>,
    threads: Arc<AtomicUsize>,
    /// What functions have panicked with: their assertions.
    failures: Arc<Mutex<Vec<String>>>,
}

struct Function {
    body: Body,
    failures: Arc<Mutex<Vec<String>>>,
}

impl Executor for Functions {
    fn load(&self, found: &Found) -> std::result::Result<Box<dyn Image>, LoadError> {
        let mut head = [0; 8];
        let len = found.file.read_at(&mut head, 0).map_err(|errno| LoadError::new(errno, "unreadable"))?;
        if &head[..len] != b"function" {
            return Err(LoadError::new(Errno::NoExec, "no function"));
        }
        let path = String::from_utf8_lossy(&found.path).into_owned();
        let name = path.rsplit('/').next().unwrap_or_default();
        let body = self.bodies.lock().unwrap().get(name).cloned();
        let body = body.ok_or_else(|| LoadError::new(Errno::NoExec, "unknown function"))?;
        Ok(Box::new(Function { body, failures: self.failures.clone() }))
    }

    fn run(&self, job: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        let threads = self.threads.clone();
        threads.fetch_add(1, Ordering::SeqCst);
        std::thread::Builder::new().stack_size(256 << 10).spawn(move || {
            job();
            threads.fetch_sub(1, Ordering::SeqCst);
        })?;
        Ok(())
    }

    fn nudge(&self, _: &Arc<Process>) {}
}

/// How a function leaves without returning.
enum Leaving {
    Ended(End),
    Replaced(Exec),
}

impl Image for Function {
    fn run(self: Box<Self>, task: Task) -> Outcome {
        let mut program = Program { task, handled: Vec::new() };
        match catch_unwind(AssertUnwindSafe(|| (self.body)(&mut program))) {
            Ok(code) => Outcome::Ended(End::new(Cause::Exited(code as u8))),
            Err(payload) => match payload.downcast::<Leaving>().map(|leaving| *leaving) {
                Ok(Leaving::Ended(end)) => Outcome::Ended(end),
                Ok(Leaving::Replaced(exec)) => {
                    let mut task = program.task;
                    let image = task.replaced(exec);
                    Outcome::Replaced(task, image)
                }
                Err(payload) => {
                    let text = payload.downcast_ref::<String>().cloned();
                    let text = text.or_else(|| payload.downcast_ref::<&str>().map(|&text| text.to_owned()));
                    self.failures.lock().unwrap_or_else(PoisonError::into_inner).push(text.unwrap_or_default());
                    Outcome::Ended(End::new(Cause::Failed))
                }
            },
        }
    }
}

/// What a function sees: calls that attend to signals on the way back, as those of every executor do.
struct Program {
    task: Task,
    /// The signals whose handlers were called.
    handled: Vec<Signal>,
}

impl Program {
    fn call<T>(&mut self, mut call: impl FnMut(&mut Task) -> Result<T>) -> Result<T> {
        loop {
            let result = call(&mut self.task);
            if !matches!(result, Err(Errno::Intr)) && !self.task.process.has_attention() {
                return result;
            }
            let fails = self.attend();
            if fails || !matches!(result, Err(Errno::Intr)) {
                return result;
            }
        }
    }

    fn attend(&mut self) -> bool {
        let mut fails = false;
        loop {
            match self.task.process.next_order() {
                Some(Order::End(end)) => resume_unwind(Box::new(Leaving::Ended(end))),
                Some(Order::Handle { signal, flags, restore }) => {
                    fails |= flags & Action::RESTART == 0 || self.task.fails_when_interrupted;
                    self.handled.push(signal);
                    self.task.set_mask(restore);
                }
                None => match self.task.restore_mask.take() {
                    Some(mask) => self.task.set_mask(mask),
                    None => {
                        self.task.fails_when_interrupted = false;
                        return fails;
                    }
                },
            }
        }
    }

    fn spawn(&mut self, spawn: Spawn) -> Result<Pid> {
        self.call(|task| task.spawn(spawn.clone()))
    }

    /// Starts the program `name` with these actions.
    fn start(&mut self, name: &str, actions: &[FileAction]) -> Pid {
        self.spawn(Spawn { actions: actions.to_vec(), ..program(name) }).unwrap()
    }

    fn wait_for(&mut self, pid: Pid) -> Result<Waited> {
        let what = WaitFor { pid, no_hang: false, stopped: false, continued: false };
        self.call(|task| task.wait(what)).map(|waited| waited.expect("it was waited for"))
    }

    /// The status of a child, once it has ended.
    fn status(&mut self, pid: Pid) -> i32 {
        self.wait_for(pid).unwrap().status
    }

    fn kill(&mut self, pid: Pid, signal: Signal) {
        self.call(|task| task.kill(pid, Some(signal))).unwrap();
    }

    fn pipe(&mut self) -> (u32, u32) {
        self.call(|task| task.pipe(0)).unwrap()
    }

    fn read(&mut self, fd: u32) -> Result<Vec<u8>> {
        self.read_at_most(fd, 1 << 16)
    }

    fn read_at_most(&mut self, fd: u32, most: usize) -> Result<Vec<u8>> {
        let file = self.task.fds.file(fd)?.clone();
        self.call(|task| {
            let mut buf = vec![0; most];
            let len = match &file.object {
                Object::Stream(stream) => stream.read(&task.process, &mut buf, file.is_nonblocking())?,
                _ => {
                    let mut offset = file.offset();
                    let len = file.file()?.read_at(&mut buf, *offset)?;
                    *offset += len as u64;
                    len
                }
            };
            buf.truncate(len);
            Ok(buf)
        })
    }

    fn write(&mut self, fd: u32, bytes: &[u8]) -> Result<usize> {
        let file = self.task.fds.file(fd)?.clone();
        self.call(|task| match &file.object {
            Object::Stream(stream) => match stream.write(&task.process, bytes, file.is_nonblocking()) {
                Err(Errno::Pipe) => Err(task.broken_pipe()),
                written => written,
            },
            _ => file.write_text(&task.process, bytes),
        })
    }

    fn close(&mut self, fd: u32) {
        self.call(|task| task.close(fd)).unwrap();
    }

    fn open(&mut self, path: &str, status: u32) -> Result<u32> {
        self.call(|task| task.open_path(None, path.as_bytes(), status, 0o666))
    }

    /// Waits for a byte: the other side is where it has to be.
    fn meet(&mut self, fd: u32) {
        assert_eq!(self.read_at_most(fd, 1), Ok(vec![b'.']));
    }

    fn handle(&mut self, signal: Signal, flags: u32) {
        let action = Action { disposition: Disposition::Handler, flags, mask: SignalSet::default() };
        self.task.set_action(signal, action).unwrap();
    }

    /// The numbers of all open descriptors.
    fn open_fds(&self) -> Vec<u32> {
        (0..self.task.fds.limit()).filter(|fd| self.task.fds.file(*fd).is_ok()).collect()
    }

    fn pid(&self) -> Pid {
        self.task.process.pid
    }
}

/// A child with its name as its only argument.
fn program(name: &str) -> Spawn {
    Spawn { path: format!("/bin/{name}").into_bytes(), args: vec![name.into()], ..Spawn::default() }
}

/// The status of waitpid(2) for an exit.
const fn exited(code: i32) -> i32 {
    code << 8
}

/// A container that is about to start.
struct World {
    root: InodeRef,
    functions: Arc<Functions>,
    quota: Quota,
    users: Users,
    stdin: &'static [u8],
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl World {
    fn new() -> World {
        let world = World {
            root: memfs(&MemFsOptions::default()),
            functions: Arc::default(),
            quota: Quota { processes: 64, open_files: 64, output: None },
            users: Users::default(),
            stdin: b"",
        };
        for folder in ["bin", "tmp"] {
            let name = crate::vfs::Name::new(folder.as_bytes()).unwrap();
            world.root.create(name, &NewInode::new(NewKind::Directory, 0o777)).unwrap();
        }
        world
    }

    fn file(&self, path: &str, content: &[u8], mode: u16) -> InodeRef {
        let namespace = Namespace::new(self.root.clone());
        let path = GuestPath::new(path).unwrap();
        let walked = namespace.walk(namespace.root(), path.as_bytes(), Follow::No, Scope::Namespace).unwrap();
        let file = walked.dir().create(walked.name().unwrap(), &NewInode::new(NewKind::Regular, mode)).unwrap();
        file.write_at(content, 0).unwrap();
        file
    }

    /// Has a program `/bin/NAME`.
    fn program(self, name: &str, body: impl Fn(&mut Program) -> i32 + Send + Sync + 'static) -> World {
        self.file(&format!("/bin/{name}"), b"function", 0o755);
        self.functions.bodies.lock().unwrap().insert(name.to_owned(), Arc::new(body));
        self
    }

    /// Runs `init` as the first process until nothing is left of the container. What the functions assert has to hold.
    fn run(self, init: impl Fn(&mut Program) -> i32 + Send + Sync + 'static) -> (End, String) {
        let world = self.program("init", init);
        let (kernel, stdout) = world.start();
        let end = kernel.wait_for_end();
        world.check_empty(&kernel);
        let failures = world.functions.failures.lock().unwrap().clone();
        assert!(failures.is_empty(), "{failures:?}");
        let text = String::from_utf8(stdout.0.lock().unwrap().clone()).unwrap();
        (end, text)
    }

    /// Runs `init`, which returns 0.
    fn passes(self, init: impl Fn(&mut Program) -> i32 + Send + Sync + 'static) {
        assert_eq!(self.run(init).0, End::new(Cause::Exited(0)));
    }

    fn start(&self) -> (Arc<Kernel>, Sink) {
        let stdout = Sink::default();
        let namespace = Arc::new(Namespace::new(self.root.clone()));
        let kernel = Kernel::new(self.functions.clone(), namespace, Arc::default(), self.quota.clone());
        let init = Init {
            args: vec!["init".to_owned()],
            env: Vec::new(),
            cwd: None,
            users: self.users.clone(),
            stdio: Stdio {
                stdin: Input::Reader(Box::new(Cursor::new(self.stdin))),
                stdout: Output::Writer(Box::new(stdout.clone())),
                stderr: Output::Null,
            },
            terminal: None,
        };
        let prepared = kernel.prepare_init(init).unwrap_or_else(|error| panic!("{}", error.message));
        kernel.start_init(prepared).unwrap();
        (kernel, stdout)
    }

    /// No process but the first, which nobody waits for, and no thread.
    fn check_empty(&self, kernel: &Kernel) {
        while self.functions.threads.load(Ordering::SeqCst) > 0 {
            std::thread::yield_now();
        }
        assert_eq!(kernel.numbers(), [1]);
    }
}
