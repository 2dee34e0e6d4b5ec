//! The runtimes of this build, each made when something first needs it.

use std::sync::{Arc, OnceLock};

use super::Engine;
use super::error::{Error, Result};
use crate::oci::Platform;
use crate::runtime::Runtime;
use crate::runtime::native::Native;

#[cfg(feature = "wasm")]
const WASM: &[&str] = &["wasm"];
#[cfg(not(feature = "wasm"))]
const WASM: &[&str] = &[];
#[cfg(feature = "native")]
const NATIVE: &[&str] = &["native"];
#[cfg(not(feature = "native"))]
const NATIVE: &[&str] = &[];

/// Whether this build has the runtime of this name.
pub(super) fn has_runtime(name: &str) -> bool {
    WASM.contains(&name) || NATIVE.contains(&name)
}

/// The names of the runtimes of this build.
pub(super) fn names() -> Vec<&'static str> {
    [WASM, NATIVE].concat()
}

/// The runtimes that were made.
#[derive(Default)]
pub(super) struct Runtimes {
    wasm: OnceLock<Arc<dyn Runtime>>,
}

impl Engine {
    /// The runtime of this name.
    pub(super) fn runtime(&self, name: &str) -> Result<Arc<dyn Runtime>> {
        if name == "native" && has_runtime(name) {
            return Ok(Arc::new(Native));
        }
        if name != "wasm" || !has_runtime(name) {
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

    /// The platforms that each of the runtimes here runs, the best first.
    pub(super) fn platforms_by_runtime(&self) -> Vec<Vec<Platform>> {
        let mut platforms = vec![Platform::wasi_preview1()];
        if has_runtime("native") {
            platforms.push(vec![Platform::host()]);
        }
        platforms
    }
}
