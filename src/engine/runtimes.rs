//! The runtimes of this build, each made when something first needs it.

use std::sync::{Arc, OnceLock};

use super::Engine;
use super::error::{Error, Result};
use crate::oci::Platform;
use crate::runtime::Runtime;

/// The runtimes that this build has.
#[cfg(feature = "wasm")]
pub(super) const NAMES: &[&str] = &["wasm"];
#[cfg(not(feature = "wasm"))]
pub(super) const NAMES: &[&str] = &[];

/// The runtimes that were made.
#[derive(Default)]
pub(super) struct Runtimes {
    wasm: OnceLock<Arc<dyn Runtime>>,
}

impl Engine {
    /// The runtime of this name.
    pub(super) fn runtime(&self, name: &str) -> Result<Arc<dyn Runtime>> {
        if name != "wasm" || !NAMES.contains(&name) {
            return Err(Error::invalid(format!("this build of cowbox has no {name} runtime")));
        }
        if let Some(runtime) = self.runtimes.wasm.get() {
            return Ok(runtime.clone());
        }
        let runtime = self.make_wasm()?;
        Ok(self.runtimes.wasm.get_or_init(|| runtime).clone())
    }

    #[cfg(feature = "wasm")]
    fn make_wasm(&self) -> Result<Arc<dyn Runtime>> {
        use super::Progress;
        use crate::runtime::wasm::{self, Wasm, WasmOptions};
        let tell = self.progress.clone();
        let cache = (!self.store.is_read_only()).then(|| self.store.compiled_folder());
        let progress = move |event: wasm::Progress<'_>| {
            if let wasm::Progress::Compiling { program, bytes } = event {
                tell(Progress::Compiling { program: program.to_owned(), size: bytes });
            }
        };
        Ok(Arc::new(Wasm::new(WasmOptions { cache, progress: Some(Arc::new(progress)) })?))
    }

    #[cfg(not(feature = "wasm"))]
    fn make_wasm(&self) -> Result<Arc<dyn Runtime>> {
        Err(Error::invalid("this build of cowbox has no wasm runtime"))
    }

    /// The platforms that the runtimes here run, the best first.
    pub(super) fn platforms(&self) -> Vec<Platform> {
        Platform::wasi_preview1()
    }
}
