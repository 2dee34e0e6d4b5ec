//! `Modules`: programs ready to be instantiated, kept in memory by digest and on disk as compiled code.
//!
//! Lock order: the table, then nothing; an entry, then the table. An entry is locked while its module is compiled, so that
//! one process compiles a module once.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::{Engine, ExternType, InstancePre, Linker, Module};

use super::compiled::Compiled;
use super::guest::Guest;
use super::program;
use super::{Progress, abi, agentos, preview1};
use crate::kernel::{Found, LoadError};
use crate::runtime::{Error, ErrorKind, Result};
use crate::vfs::Errno;

/// How many modules stay in memory though nobody runs them.
const KEPT: usize = 64;

/// A module whose imports are resolved.
pub(super) struct Program {
    pub(super) pre: InstancePre<Guest>,
    pub(super) interface: Interface,
}

/// What a module expects of the system beside preview 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interface {
    /// Nothing.
    Preview1,
    /// `cowbox_v1`.
    Cowbox,
    /// `host_*`.
    AgentOs,
}

impl Interface {
    fn of(module: &Module) -> Interface {
        let imports = |is_meant: fn(&str) -> bool| module.imports().any(|import| is_meant(import.module()));
        match () {
            () if imports(|name| name == abi::MODULE) => Interface::Cowbox,
            () if imports(agentos::is_module) => Interface::AgentOs,
            () => Interface::Preview1,
        }
    }
}

type Loaded<T> = std::result::Result<T, LoadError>;

type Entry = Arc<Mutex<Option<Arc<Program>>>>;

/// What is called when a module is compiled.
pub(super) type OnProgress = Arc<dyn Fn(Progress<'_>) + Send + Sync>;

/// The programs of one engine.
pub(super) struct Modules {
    linker: Linker<Guest>,
    compiled: Option<Compiled>,
    progress: Option<OnProgress>,
    table: Mutex<HashMap<[u8; 32], Entry>>,
}

impl Modules {
    pub(super) fn new(engine: &Engine, cache: Option<PathBuf>, progress: Option<OnProgress>) -> Result<Modules> {
        let mut linker = Linker::new(engine);
        preview1::define(&mut linker)
            .and_then(|()| abi::define(&mut linker))
            .and_then(|()| agentos::define(&mut linker))
            .map_err(|error| Error::new(ErrorKind::Runtime, format!("wasm engine: {error:#}")))?;
        let compiled = cache.map(|folder| Compiled::open(engine, folder)).transpose()?;
        Ok(Modules { linker, compiled, progress, table: Mutex::default() })
    }

    /// The program in the file that was found: from memory, from the cache, or compiled now.
    pub(super) fn load(&self, found: &Found) -> Loaded<Arc<Program>> {
        let digest = program::digest(found)?;
        let entry = {
            let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
            if table.len() >= KEPT && !table.contains_key(&digest) {
                forget_unused(&mut table);
            }
            table.entry(digest).or_default().clone()
        };
        let mut entry = entry.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = &*entry {
            return Ok(program.clone());
        }
        let module = self.module(found, &digest)?;
        let program = Arc::new(self.link(found, &module)?);
        *entry = Some(program.clone());
        Ok(program)
    }

    fn module(&self, found: &Found, digest: &[u8; 32]) -> Loaded<Module> {
        let engine = self.linker.engine();
        if let Some(module) = self.compiled.as_ref().and_then(|compiled| compiled.load(engine, digest)) {
            return Ok(module);
        }
        let wasm = program::read(found)?;
        let tell = |progress: Progress<'_>| {
            if let Some(callback) = &self.progress {
                callback(progress);
            }
        };
        tell(Progress::Compiling { program: &found.name, bytes: wasm.len() as u64 });
        let module = match &self.compiled {
            Some(compiled) => compiled.compile(engine, digest, wasm),
            None => Module::new(engine, &wasm),
        };
        tell(Progress::Compiled { program: &found.name });
        module.map_err(|error| {
            let message = format!("exec: \"{}\": cannot be compiled: {error:#}", found.name);
            LoadError::new(Errno::NoExec, message)
                .hint("the file is damaged, or uses WebAssembly features that this runtime does not have")
        })
    }

    fn link(&self, found: &Found, module: &Module) -> Loaded<Program> {
        let wrong = |what: String| LoadError::new(Errno::NoExec, format!("exec: \"{}\": {what}", found.name));
        match module.get_export("_start") {
            Some(ExternType::Func(ty)) if ty.params().len() == 0 && ty.results().len() == 0 => {}
            _ => {
                return Err(wrong("has no function `_start`: it is a library (reactor), no program".to_owned())
                    .hint("build it as a command: with a main function, without -mexec-model=reactor"));
            }
        }
        let pre = self.linker.instantiate_pre(module).map_err(|error| {
            match error.downcast_ref::<wasmtime::UnknownImportError>() {
                Some(import) => wrong(format!("imports {}.{}, which is not there", import.module(), import.name()))
                    .hint(import_hint(import.module(), import.name())),
                None => wrong(format!("does not fit WASI preview 1: {error:#}")),
            }
        })?;
        Ok(Program { pre, interface: Interface::of(module) })
    }
}

/// What to do about an import that nobody provides.
fn import_hint(module: &str, name: &str) -> &'static str {
    match (module, name) {
        ("wasi", "thread-spawn") | ("env", "memory") => {
            "threads are not supported: build it without -pthread and shared memory"
        }
        ("wasi_snapshot_preview1" | "wasi_unstable", _) => {
            "WASI preview 1 has no such function: the module is damaged, or made for extended WASI"
        }
        ("wasix_32v1" | "wasix_64v1", _) => "it is built for WASIX: build it for wasm32-wasip1",
        ("go" | "gojs", _) => "it is a Go program for browsers: build it with GOOS=wasip1 GOARCH=wasm",
        ("wbg" | "__wbindgen_placeholder__", _) => {
            "it is built with wasm-bindgen for JavaScript: build it for wasm32-wasip1"
        }
        ("env", _) => {
            "a function was left undefined when it was linked, or it is built with Emscripten: build it with wasi-sdk"
        }
        ("host_process" | "host_fs" | "host_user" | "host_net" | "host_tty", _) => {
            "it is built for agentOS: its programs run with cowbox's feature `agentos`, but for what they import of its network"
        }
        (module, _) if module.contains(':') => "it is built for WASI preview 2: build it for wasm32-wasip1",
        _ => "modules get the functions of WASI preview 1 (wasi_snapshot_preview1) alone",
    }
}

fn forget_unused(table: &mut HashMap<[u8; 32], Entry>) {
    table.retain(|_, entry| {
        let is_shared = Arc::strong_count(entry) > 1;
        let runs = || {
            let program = entry.try_lock();
            program.is_ok_and(|program| program.as_ref().is_some_and(|program| Arc::strong_count(program) > 1))
        };
        is_shared || runs()
    });
}
