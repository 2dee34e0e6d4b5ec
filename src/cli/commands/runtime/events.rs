//! `cowbox runtime events`: what a container uses, once or again and again, and when its memory is out.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Container, Failure, Outcome, print};
use crate::cli::output::units;
use crate::oci::runtime::Status;
use crate::runtime::native::{Id, Lifecycle};

/// How long after a lack of memory that is told at most.
const LOOK: Duration = Duration::from_millis(200);

/// Print what a container uses
#[derive(clap::Args)]
pub(super) struct Args {
    /// How long to wait between two lines
    #[arg(long, default_value = "5s", value_name = "DURATION")]
    interval: String,
    /// Print one line and end
    #[arg(long)]
    stats: bool,
    #[command(flatten)]
    container: Container,
}

impl Args {
    pub(super) fn run(self, lifecycle: &Lifecycle) -> Outcome {
        let interval = units::parse_duration(&self.interval).ok().filter(|interval| !interval.is_zero());
        let interval = interval.ok_or_else(|| Failure::new("duration interval must be greater than 0"))?;
        let id = self.container.id()?;
        print(&line(lifecycle, &id)?)?;
        if self.stats {
            return Ok(0);
        }
        let mut kills = lifecycle.oom_kills(&id)?;
        let mut next = Instant::now() + interval;
        loop {
            std::thread::sleep(LOOK.min(next.saturating_duration_since(Instant::now())));
            // Its end is the end of its events.
            let Ok(now) = lifecycle.oom_kills(&id) else { return Ok(0) };
            if now > kills {
                print(&event("oom", &id, None))?;
                kills = now;
            }
            if lifecycle.state(&id).map_or(true, |container| container.state.status == Status::Stopped) {
                return Ok(0);
            }
            if Instant::now() >= next {
                let Ok(line) = line(lifecycle, &id) else { return Ok(0) };
                print(&line)?;
                next = Instant::now() + interval;
            }
        }
    }
}

fn line(lifecycle: &Lifecycle, id: &Id) -> Result<String, Failure> {
    Ok(event("stats", id, Some(lifecycle.stats(id)?)))
}

/// An event as runc has it; the data of a lack of memory are none.
fn event(kind: &str, id: &Id, data: Option<Value>) -> String {
    let mut event = json!({"type": kind, "id": id.as_str()});
    if let Some(data) = data {
        event["data"] = data;
    }
    format!("{event}\n")
}
