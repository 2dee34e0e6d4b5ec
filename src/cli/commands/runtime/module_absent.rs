//! `cowbox runtime module` in a program that was built without the runtime for wasm.

use super::{Failure, Outcome};
use crate::runtime::native::ModuleRunner;

/// Run a wasm module; not in this build
#[derive(clap::Args)]
pub(super) struct Args {}

/// None.
pub(super) fn runner() -> Option<ModuleRunner> {
    None
}

impl Args {
    pub(super) fn run(self) -> Outcome {
        Err(Failure::new("this cowbox was built without the feature `wasm`"))
    }
}
