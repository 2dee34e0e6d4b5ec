//! The runtime for WASI programs: core modules with WASI preview 1, straight on [`vfs`](crate::vfs).
//!
//! Each guest is a thread with its own store. Calls of the host are synchronous; what waits can be broken off.
//!
//! Exit codes: the guest's own (`proc_exit`, the low 8 bits); 128 + the number of the signal that ended it; 134 for a
//! trap; 137 where the memory limit made it trap; 124 where its wall time or CPU time was over.

mod abi;
#[cfg(feature = "agentos")]
mod agentos;
#[cfg(not(feature = "agentos"))]
#[path = "agentos_absent.rs"]
mod agentos;
mod calls;
mod compiled;
mod container;
mod engine;
mod guest;
mod limits;
mod memory;
mod modules;
mod preview1;
mod program;
mod rights;
#[cfg(test)]
mod tests;
mod threads;
mod ticker;

use std::path::PathBuf;
use std::sync::Arc;

use wasmtime::Engine;

use self::container::WasmContainer;
use self::modules::{Modules, OnProgress};
use self::threads::Threads;
use self::ticker::Ticker;
use super::{Bundle, Container, Result, Runtime};
use crate::kernel::Timers;

/// How a [`Wasm`] runtime works.
#[derive(Clone, Default)]
pub struct WasmOptions {
    /// The folder where compiled code is kept; made where it is missing. Without one, code is kept in memory alone.
    ///
    /// Compiled code is native code: the folder has to be writable by the current user alone, and never a guest's.
    pub cache: Option<PathBuf>,
    /// Called, on the thread that creates, when a module is compiled.
    pub progress: Option<OnProgress>,
}

/// What [`WasmOptions::progress`] is told.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// A module of this size is going to be compiled: about a second for 3 MB, a minute for 70 MB.
    Compiling {
        /// The program, as it was called.
        program: &'a str,
        /// The size of the module.
        bytes: u64,
    },
    /// The module was compiled, or cannot be.
    Compiled {
        /// The program, as it was called.
        program: &'a str,
    },
}

/// The runtime for WASI programs.
pub struct Wasm(Arc<Shared>);

/// What the guests of one runtime share.
struct Shared {
    engine: Engine,
    modules: Modules,
    timers: Arc<Timers>,
    ticker: Ticker,
    threads: Threads,
}

impl Wasm {
    /// A runtime. Modules that it has loaded stay in memory, so one is enough for a process.
    pub fn new(options: WasmOptions) -> Result<Wasm> {
        let engine = engine::engine()?;
        Ok(Wasm(Arc::new(Shared {
            modules: Modules::new(&engine, options.cache, options.progress)?,
            timers: Arc::default(),
            ticker: Ticker::new(engine.clone()),
            threads: Threads::default(),
            engine,
        })))
    }
}

impl Runtime for Wasm {
    fn name(&self) -> &'static str {
        "wasm"
    }

    fn create(&self, bundle: Bundle) -> Result<Box<dyn Container>> {
        Ok(Box::new(WasmContainer::create(self.0.clone(), bundle)?))
    }
}
