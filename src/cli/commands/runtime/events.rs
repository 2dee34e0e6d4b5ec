//! `cowbox runtime events`: what a container uses, once or again and again.

use serde_json::json;

use super::{Container, Failure, Outcome, print};
use crate::cli::output::units;
use crate::runtime::native::{Id, Lifecycle};

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
        loop {
            std::thread::sleep(interval);
            // Its end is the end of its events.
            let Ok(line) = line(lifecycle, &id) else { return Ok(0) };
            print(&line)?;
        }
    }
}

fn line(lifecycle: &Lifecycle, id: &Id) -> Result<String, Failure> {
    let data = lifecycle.stats(id)?;
    Ok(format!("{}\n", json!({"type": "stats", "id": id.as_str(), "data": data})))
}
