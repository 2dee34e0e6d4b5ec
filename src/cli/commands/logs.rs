//! `cowbox logs`: what a container wrote.

use std::io::{self, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::context::{Context, Failure, Outcome};
use crate::cli::output::time::parse_moment;
use crate::engine::LogLine;

const EXAMPLES: &str = r#"Examples:
  cowbox logs -n 20 -t job
  cowbox logs --since 10m job"#;

/// Fetch the logs of a container
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Follow the output until the container ends
    #[arg(short, long)]
    follow: bool,
    /// Number of lines to show from the end
    #[arg(short = 'n', long, default_value = "all")]
    tail: String,
    /// Show times
    #[arg(short, long)]
    timestamps: bool,
    /// Show what was written after this time (a time, or a duration such as 10m)
    #[arg(long)]
    since: Option<String>,
    /// Show what was written before this time
    #[arg(long)]
    until: Option<String>,
    /// The container
    container: String,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let moment = |text: &Option<String>| -> Result<Option<Timestamp>, Failure> {
            Ok(text.as_deref().map(|text| parse_moment(text, Timestamp::now(), &TimeZone::system())).transpose()?)
        };
        let (since, until) = (moment(&self.since)?, moment(&self.until)?);
        let tail = match self.tail.as_str() {
            "all" => None,
            number => Some(number.parse().map_err(|_| Failure::new(format!("invalid value for --tail: {number}")))?),
        };
        let engine = context.engine()?;
        engine.container(&self.container)?;
        let mut failed = None;
        engine.logs(&self.container, tail, self.follow, &mut |line| {
            let time = line.time.parse::<Timestamp>().ok();
            if time.zip(since).is_some_and(|(time, since)| time < since) {
                return true;
            }
            if time.zip(until).is_some_and(|(time, until)| time > until) {
                return false;
            }
            failed = self.write(&line).err();
            failed.is_none()
        })?;
        failed.map_or(Ok(0), |error| Err(error.into()))
    }

    /// Each stream goes where the container's went.
    fn write(&self, line: &LogLine) -> io::Result<()> {
        let time = if self.timestamps { format!("{} ", line.time) } else { String::new() };
        match line.stream.as_str() {
            "stderr" => write!(io::stderr(), "{time}{}", line.log),
            _ => {
                let mut out = io::stdout().lock();
                write!(out, "{time}{}", line.log)?;
                out.flush()
            }
        }
    }
}
