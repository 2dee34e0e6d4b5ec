//! Guests written as text, run on files in memory.

mod calls;
mod compiled;
mod ends;
mod files;
mod processes;
mod programs;
mod stress;
mod terminals;

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};

use super::{Wasm, WasmOptions};
use crate::runtime::{
    Bundle, ExitStatus, Input, Limits, Output, Process, Result, Rootfs, Running, Runtime, Stdio, Workload,
};
use crate::vfs::{Follow, GuestPath, InodeRef, MemFsOptions, Namespace, NewInode, NewKind, Scope, memfs};

/// All imports under their own names, a memory of one page, and `$expect`, which ends the guest with the number of what
/// was not as expected.
const PRELUDE: &str = include_str!("preview1.wat");

/// One runtime for all tests: modules are compiled on two cores at most.
fn wasm() -> &'static Wasm {
    static WASM: OnceLock<Wasm> = OnceLock::new();
    WASM.get_or_init(|| Wasm::new(WasmOptions::default()).unwrap())
}

/// A container that is about to run a guest.
struct World {
    root: InodeRef,
    process: Process,
    limits: Limits,
    stdin: Input,
}

/// What a guest left.
#[derive(Debug)]
struct Ended {
    status: ExitStatus,
    stdout: String,
}

/// A writer that keeps what is written, and how many calls it took.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<(Vec<u8>, usize)>>);

impl Write for Sink {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        let mut state = self.0.lock().unwrap();
        state.0.extend_from_slice(buf);
        state.1 += 1;
        Ok(buf.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Sink {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().0.clone()).unwrap()
    }
}

impl World {
    /// A world whose program `/main` is the prelude and this.
    fn new(body: &str) -> World {
        World::with_module(&wat::parse_str(format!("(module {PRELUDE} {body})")).unwrap())
    }

    fn with_module(module: &[u8]) -> World {
        let world = World {
            root: memfs(&MemFsOptions::default()),
            process: Process { args: vec!["/main".to_owned()], ..Process::default() },
            limits: Limits::default(),
            stdin: Input::Null,
        };
        world.file("main", module);
        world
    }

    /// Makes a file of the root directory.
    fn file(&self, name: &str, content: &[u8]) -> InodeRef {
        let namespace = Namespace::new(self.root.clone());
        let path = GuestPath::new(name).unwrap();
        let walked = namespace.walk(namespace.root(), path.as_bytes(), Follow::No, Scope::Namespace).unwrap();
        let file = walked.dir().create(walked.name().unwrap(), &NewInode::new(NewKind::Regular, 0o755)).unwrap();
        assert_eq!(file.write_at(content, 0), Ok(content.len()));
        file
    }

    fn bundle(self, stdout: Output, stderr: Output) -> Bundle {
        Bundle {
            terminal: None,
            name: "test".to_owned(),
            workload: Workload::Guest {
                process: self.process,
                rootfs: Rootfs { namespace: Arc::new(Namespace::new(self.root)), processes: Arc::default() },
            },
            limits: self.limits,
            stdio: Stdio { stdin: self.stdin, stdout, stderr },
        }
    }

    fn start_with(self, stdout: Output) -> Box<dyn Running> {
        wasm().create(self.bundle(stdout, Output::Null)).unwrap().start().unwrap()
    }

    fn run(self) -> Ended {
        self.run_in(wasm()).unwrap()
    }

    /// The exit code alone.
    fn code(self) -> i32 {
        self.run().status.code
    }

    fn run_in(self, wasm: &Wasm) -> Result<Ended> {
        let stdout = Sink::default();
        let bundle = self.bundle(Output::Writer(Box::new(stdout.clone())), Output::Null);
        let status = wasm.create(bundle)?.start()?.wait();
        Ok(Ended { status, stdout: stdout.text() })
    }
}
