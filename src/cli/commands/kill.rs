//! `cowbox kill`: a signal for containers.

use crate::cli::context::{Context, Failure, Outcome};
use crate::runtime::Signal;

/// Send a signal to one or more running containers
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The signal, by name or number
    #[arg(short, long, default_value = "KILL")]
    signal: String,
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let signal = parse(&self.signal).ok_or_else(|| Failure::new(format!("invalid signal: {}", self.signal)))?;
        let engine = context.engine()?;
        context.for_each(&self.containers, |key| {
            engine.kill(key, signal)?;
            context.print_line(key)
        })
    }
}

/// The signal of a number (1 to 64) or a name, with or without `SIG`.
fn parse(text: &str) -> Option<Signal> {
    const NAMES: &[(&str, u8)] = &[
        ("HUP", 1),
        ("INT", 2),
        ("QUIT", 3),
        ("ABRT", 6),
        ("KILL", 9),
        ("USR1", 10),
        ("USR2", 12),
        ("PIPE", 13),
        ("ALRM", 14),
        ("TERM", 15),
    ];
    if let Ok(number) = text.parse::<u8>() {
        return (1..=64).contains(&number).then_some(Signal(number));
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, number)| Signal(*number))
}
