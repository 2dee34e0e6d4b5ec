//! `cowbox stop`: ask containers to end, then make them.

use std::time::{Duration, Instant};

use crate::cli::context::{Context, Outcome};
use crate::runtime::Signal;
use crate::store::Status;

/// Stop one or more running containers
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Seconds to wait before killing the container
    #[arg(short, long, default_value_t = 10)]
    timeout: u64,
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let engine = context.engine()?;
        context.for_each(&self.containers, |key| {
            let is_running = || engine.container(key).is_ok_and(|container| container.state.status == Status::Running);
            engine.container(key)?;
            if is_running() {
                engine.kill(key, Signal::TERM)?;
                let deadline = Instant::now() + Duration::from_secs(self.timeout);
                while is_running() && Instant::now() < deadline {
                    std::thread::sleep(Duration::from_millis(20));
                }
                if is_running() {
                    engine.kill(key, Signal::KILL)?;
                    engine.wait(key)?;
                }
            }
            context.print_line(key)
        })
    }
}
