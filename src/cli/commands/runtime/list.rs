//! `cowbox runtime list`: the containers of a folder of states.

use super::state::Told;
use super::{Failure, Outcome, default_root, print};
use crate::runtime::native::{ContainerState, Lifecycle};

/// List containers
#[derive(clap::Args)]
pub(super) struct Args {
    /// The form of the list
    #[arg(short, long, value_enum, default_value = "table")]
    format: Format,
    /// Print ids alone
    #[arg(short, long)]
    quiet: bool,
}

/// The form of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    Table,
    Json,
}

impl Args {
    pub(super) fn run(self, lifecycle: &Lifecycle) -> Outcome {
        let root = &lifecycle.root;
        // One that was asked for: the usual one is made with the first container.
        if !root.exists() && default_root().ok().as_ref() != Some(root) {
            return Err(Failure::new(format!("open {}: no such file or directory", root.display())));
        }
        let containers = lifecycle.list()?;
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let told: Vec<Told> = containers.iter().map(|one| Told::of(one, owner(one, &users))).collect();
        match (self.quiet, self.format) {
            (true, _) => print(&told.iter().map(|one| format!("{}\n", one.id)).collect::<String>())?,
            (false, Format::Table) => print(&table(&told))?,
            // runc's list of nothing.
            (false, Format::Json) if told.is_empty() => print("null\n")?,
            (false, Format::Json) => {
                let text = serde_json::to_string(&told).map_err(|error| Failure::new(error.to_string()))?;
                print(&format!("{text}\n"))?;
            }
        }
        Ok(0)
    }
}

/// The name of the owner in a text of /etc/passwd; the number where it has none.
fn owner(container: &ContainerState, users: &str) -> String {
    let name_of = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(container.owner)).then(|| name.to_owned())
    };
    users.lines().find_map(name_of).unwrap_or_else(|| format!("#{}", container.owner))
}

/// Columns as wide as their widest cell and three spaces, and no less than 12 (Go `text/tabwriter`); the last is not padded.
fn table(told: &[Told]) -> String {
    let heads = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"].map(str::to_owned);
    let row = |one: &Told| {
        let status = one.status.to_owned();
        [one.id.clone(), one.pid.to_string(), status, one.bundle.clone(), one.created.clone(), one.owner.clone()]
    };
    let rows: Vec<[String; 6]> = std::iter::once(heads).chain(told.iter().map(row)).collect();
    let mut widths = [12; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count() + 3);
        }
    }
    let mut text = String::new();
    for [cells @ .., last] in &rows {
        for (cell, width) in cells.iter().zip(widths) {
            text.push_str(&format!("{cell:width$}"));
        }
        text.push_str(&format!("{last}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::state::tests::stopped;
    use super::*;

    #[test]
    fn a_table_is_runcs() {
        assert_eq!(table(&[]), "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n");
        let told = Told::of(&stopped(), owner(&stopped(), "daemon:x:1:1::/:\nroot:x:0:0:root:/root:/bin/sh\n"));
        let expected = "\
ID          PID         STATUS      BUNDLE      CREATED                          OWNER
x           0           stopped     /b          2026-11-30T06:24:39.141752046Z   root
";
        assert_eq!(table(&[told]), expected);
    }

    #[test]
    fn an_owner_without_a_name_has_a_number() {
        assert_eq!(owner(&stopped(), "broken\n::\nx:x:1"), "#0");
    }
}
