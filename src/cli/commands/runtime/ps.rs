//! `cowbox runtime ps`: the processes of a container, as ps(1) shows them.

use std::process::Command;

use super::list::Format;
use super::{Container, Failure, Outcome, print};
use crate::runtime::native::Lifecycle;

/// List the processes of a container
#[derive(clap::Args)]
pub(super) struct Args {
    /// The form of the list
    #[arg(short, long, value_enum, default_value = "table")]
    format: Format,
    #[command(flatten)]
    container: Container,
    /// Arguments of ps(1), instead of -ef
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "PS ARGUMENT")]
    arguments: Vec<String>,
}

impl Args {
    pub(super) fn run(self, lifecycle: &Lifecycle) -> Outcome {
        let processes = lifecycle.processes(&self.container.id()?)?;
        if self.format == Format::Json {
            let text = serde_json::to_string(&processes).map_err(|error| Failure::new(error.to_string()))?;
            print(&format!("{text}\n"))?;
            return Ok(0);
        }
        let arguments = if self.arguments.is_empty() { vec!["-ef".to_owned()] } else { self.arguments };
        let output = Command::new("ps").args(arguments).output();
        let output = output.map_err(|error| Failure::new(format!("run ps: {error} (install procps)")))?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            return Err(Failure::new(format!("{}: {}", output.status, why.trim_end())));
        }
        print(&lines_of(&text, &processes).ok_or_else(|| Failure::new("couldn't find PID field in ps output"))?)?;
        Ok(0)
    }
}

/// The first line of what ps(1) prints, and those of these processes; none where the first names no column of numbers.
fn lines_of(text: &str, processes: &[u32]) -> Option<String> {
    let mut lines = text.lines();
    let heads = lines.next()?;
    let column = heads.split_whitespace().position(|head| head == "PID")?;
    let is_of = |line: &&str| {
        let number = line.split_whitespace().nth(column).and_then(|number| number.parse().ok());
        number.is_some_and(|number| processes.contains(&number))
    };
    let found = std::iter::once(heads).chain(lines.filter(is_of));
    Some(found.map(|line| format!("{line}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_other_processes_are_left_out() {
        let text = "UID   PID PPID CMD\nroot    1    0 init\nroot   12    1 sleep 1\n";
        assert_eq!(lines_of(text, &[12, 7]).unwrap(), "UID   PID PPID CMD\nroot   12    1 sleep 1\n");
        assert_eq!(lines_of(text, &[]).unwrap(), "UID   PID PPID CMD\n");
        assert_eq!(lines_of("UID CMD\n", &[1]), None);
        assert_eq!(lines_of("", &[1]), None);
    }
}
