//! `cowbox doctor`: whether this system has what containers need.

use serde_json::json;

use crate::cli::context::{Context, Failure, Outcome};
use crate::engine;
use crate::runtime::{Check, Health};

/// Check that this system has what containers need
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Format output: 'json'
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let is_json = match self.format.as_deref() {
            None => false,
            Some("json") => true,
            Some(other) => return Err(Failure::new(format!("unknown format {other:?}: json is known"))),
        };
        let checks = engine::doctor(&context.root()?);
        match is_json {
            true => context.print_line(&checks.iter().map(value).collect::<serde_json::Value>().to_string())?,
            false => checks.iter().try_for_each(|check| context.print_line(&line(check)))?,
        }
        Ok(i32::from(checks.iter().any(|check| check.status == Health::Fail)))
    }
}

fn word(status: Health) -> &'static str {
    match status {
        Health::Ok => "ok",
        Health::Warn => "warn",
        Health::Fail => "fail",
    }
}

fn value(check: &Check) -> serde_json::Value {
    json!({ "name": check.name, "status": word(check.status), "found": check.found, "fix": check.fix })
}

fn line(check: &Check) -> String {
    let word = word(check.status);
    let fix = if check.fix.is_empty() { String::new() } else { format!(" -- {}", check.fix) };
    format!("{word:<5} {}: {}{fix}", check.name, check.found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_it_stands_what_was_found_and_what_to_do() {
        assert_eq!(line(&Check::ok("kernel", "Linux 6.18")), "ok    kernel: Linux 6.18");
        assert_eq!(line(&Check::fail("store", "full", "make room")), "fail  store: full -- make room");
    }
}
