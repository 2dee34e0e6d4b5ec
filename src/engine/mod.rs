//! The engine: every verb of cowbox as one method. The command line and programs that embed cowbox are equal users of it.
//!
//! ```no_run
//! use cowbox::engine::{CreateOptions, Engine, EngineOptions, RunStdio};
//!
//! # fn main() -> cowbox::engine::Result<()> {
//! let engine = Engine::open(EngineOptions::new("/tmp/boxes"))?;
//! let id = engine.create(&CreateOptions::new("base", ["ls", "-l", "/"]))?;
//! let status = engine.start(&id, RunStdio::inherit())?.wait()?;
//! assert_eq!(status.code, 0);
//! # Ok(())
//! # }
//! ```

mod apparmor;
mod attach;
mod builtin;
mod cgroups;
mod change;
mod commit;
mod containers;
mod copy;
mod create;
mod doctor;
mod error;
mod files;
mod id_ranges;
mod images;
mod inspect;
mod inspect_host;
mod load;
mod logs;
mod mounts;
mod names;
mod native;
mod native_binds;
mod native_devices;
mod native_etc;
mod native_files;
mod native_options;
mod native_sharing;
mod relabel;
mod resources;
mod rootfs;
mod rootless;
mod run;
mod runtimes;
mod save;
mod selinux;
mod signal;
mod stop;
mod system;
mod top;
mod update;
mod user;
mod volumes;

use std::path::PathBuf;
use std::sync::Arc;

pub use attach::{Attachment, HandedEnd, RunningExec, Shown};
pub use cgroups::Held;
pub use change::Change;
pub use commit::CommitOptions;
pub use containers::{Container, DiffLine};
pub use copy::{CopyEnd, CopyOptions};
pub use create::{CreateOptions, VolumeOption};
pub use doctor::doctor;
pub use error::{Error, ErrorKind, Result};
pub use images::{HistoryLine, Image, Removed};
pub use inspect::state_word;
pub use load::{ImportOptions, ImportSource, LoadSource, Loaded};
pub use logs::LogLine;
pub use native::ExecOptions;
pub use native_devices::parse_device;
pub use run::{BeforeStart, RunStdio, RunningContainer, Sandbox, SandboxRun};
pub use signal::parse_signal;
pub use stop::StopOptions;
pub use system::{DiskUsage, DiskUsageRow, Pruned, SystemInfo};
pub use top::ProcessTable;

use crate::store::Store;
use runtimes::Runtimes;

/// What an engine tells while it works on something that takes long.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// A layer is being unpacked.
    Layer {
        /// Its digest.
        digest: String,
        /// Bytes of the blob.
        size: u64,
    },
    /// A module is being compiled, because there is no compiled code of it yet.
    Compiling {
        /// The program.
        program: String,
        /// Bytes of the module.
        size: u64,
    },
    /// A thing is being checked.
    Checking(String),
}

/// Who is told of [`Progress`].
pub type ProgressFn = Arc<dyn Fn(Progress) + Send + Sync>;

/// How an engine is opened.
#[derive(Clone)]
pub struct EngineOptions {
    /// The folder of the store.
    pub root: PathBuf,
    /// Who is told of long work.
    pub progress: Option<ProgressFn>,
}

impl EngineOptions {
    /// An engine on the store in `root` that tells nobody of its progress.
    pub fn new(root: impl Into<PathBuf>) -> EngineOptions {
        EngineOptions { root: root.into(), progress: None }
    }
}

/// A store with the runtimes for its images.
pub struct Engine {
    store: Store,
    runtimes: Runtimes,
    progress: ProgressFn,
}

impl Engine {
    /// Opens the store, which is made where it does not exist. Runtimes are made when something first runs.
    pub fn open(options: EngineOptions) -> Result<Engine> {
        let store = Store::open(&options.root)?;
        let progress = options.progress.unwrap_or_else(|| Arc::new(|_| {}));
        Ok(Engine { store, runtimes: Runtimes::default(), progress })
    }

    /// The store, for what has no verb of its own.
    pub fn store(&self) -> &Store {
        &self.store
    }

    fn tell(&self, progress: Progress) {
        (self.progress)(progress);
    }
}
