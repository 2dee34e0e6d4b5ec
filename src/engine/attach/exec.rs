//! One more process in a container, on a terminal that its own process of ours holds: who typed there may leave.

use std::sync::Arc;

use super::hub::Hub;
use crate::engine::error::Result;
use crate::engine::{Engine, ExecOptions, RunStdio};
use crate::runtime::{ExitStatus, Running};

/// A process that was started by [`Engine::exec_attachable`].
pub struct RunningExec {
    running: Arc<dyn Running>,
    hub: Hub,
}

impl Engine {
    /// As [`Engine::exec`], with the streams of who is [attached from the start](RunStdio::attached), who may leave. It ends with this
    /// process.
    pub fn exec_attachable(&self, key: &str, options: &ExecOptions, stdio: RunStdio) -> Result<RunningExec> {
        let (mut hub, streams) = Hub::new(true, None, stdio.attached);
        let stdio = RunStdio { stdio: streams, attached: None, ..stdio };
        let running = Arc::from(self.exec(key, options, stdio)?);
        hub.serve(&running);
        Ok(RunningExec { running, hub })
    }
}

impl RunningExec {
    /// The process, to signal it from another thread.
    pub fn process(&self) -> Arc<dyn Running> {
        self.running.clone()
    }

    /// Waits for the end of the process, and tells who is attached.
    pub fn wait(self) -> ExitStatus {
        let status = self.running.wait();
        self.hub.end(status.code, None);
        status
    }
}
