//! `cowbox system`: the store as a whole.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Subcommand;

use super::info;
use crate::cli::context::{Context, Failure, Outcome};
use crate::cli::listing::{render, row};
use crate::cli::output::human;
use crate::cli::template::listings::DISK_USAGE;
use crate::engine::{DiskUsageRow, Pruned};

/// A command on the store.
#[derive(Subcommand)]
pub(in crate::cli) enum Command {
    /// Show disk usage
    Df {
        /// Format output: 'table', 'table TEMPLATE', 'json', or a template
        #[arg(long, value_name = "FORMAT")]
        format: Option<String>,
    },
    /// Remove what nobody uses
    Prune {
        /// Remove all unused images, not only untagged ones, and compiled code
        #[arg(short, long)]
        all: bool,
        /// Do not ask
        #[arg(short, long)]
        force: bool,
        /// Remove anonymous volumes too (with --all every unused volume)
        #[arg(long)]
        volumes: bool,
    },
    /// Check everything in the store against its digests
    Fsck,
    /// Show what cowbox runs on and with
    Info(info::Args),
}

impl Command {
    pub(super) fn run(self, context: &Context) -> Outcome {
        match self {
            Command::Df { format } => df(context, format.as_deref()),
            Command::Prune { all, force, volumes } => prune(context, all, force, volumes),
            Command::Fsck => fsck(context),
            Command::Info(args) => args.run(context),
        }
    }
}

fn df(context: &Context, format: Option<&str>) -> Outcome {
    let usage = context.engine()?.disk_usage()?;
    let line = |kind: &str, usage: DiskUsageRow| {
        let percent = (usage.reclaimable * 100).checked_div(usage.size);
        let share = percent.map_or_else(String::new, |percent| format!(" ({percent}%)"));
        row([
            ("Active", usage.active.to_string()),
            ("Reclaimable", human::size(usage.reclaimable) + &share),
            ("Size", human::size(usage.size)),
            ("TotalCount", usage.total.to_string()),
            ("Type", kind.to_owned()),
        ])
    };
    let rows = vec![
        line("Images", usage.images),
        line("Containers", usage.containers),
        line("Local Volumes", usage.volumes),
        line("Compiled Code", usage.compiled),
    ];
    context.print(&render(&DISK_USAGE, &rows, format, None)?)?;
    Ok(0)
}

fn prune(context: &Context, all: bool, force: bool, volumes: bool) -> Outcome {
    let images = if all { "all images without at least one container" } else { "all untagged images" };
    let mut what = vec!["all stopped containers", images];
    if volumes {
        what.push("all anonymous volumes not used by at least one container");
    }
    if all {
        what.push("all compiled code");
    }
    confirm(force, &what)?;
    report(context, context.engine()?.prune(all, volumes)?)
}

/// Says what was removed.
pub(super) fn report(context: &Context, pruned: Pruned) -> Outcome {
    let mut text = String::new();
    let mut list = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            text.push_str(&format!("{title}\n{}\n\n", lines.join("\n")));
        }
    };
    list("Deleted Containers:", pruned.containers);
    list("Deleted Volumes:", pruned.volumes);
    let untagged = pruned.untagged.iter().map(|name| format!("untagged: {}", name.familiar()));
    let deleted = pruned.images.iter().map(|id| format!("deleted: {id}"));
    list("Deleted Images:", untagged.chain(deleted).collect());
    context.print(&format!("{text}Total reclaimed space: {}\n", human::size(pruned.reclaimed)))?;
    Ok(0)
}

/// Asks before something is removed, unless that was said with `--force`.
pub(super) fn confirm(force: bool, what: &[&str]) -> Result<(), Failure> {
    if force {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::new("nobody is there to confirm: add --force"));
    }
    let what = what.iter().map(|line| format!("  - {line}\n")).collect::<String>();
    write!(io::stderr(), "WARNING! This will remove:\n{what}\nAre you sure you want to continue? [y/N] ")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure { message: String::new(), hint: None, code: 1 }),
    }
}

fn fsck(context: &Context) -> Outcome {
    let faults = context.engine()?.fsck()?;
    for fault in &faults {
        context.print_line(&format!("{}: {} ({})", fault.what, fault.detail, fault.fix))?;
    }
    if faults.is_empty() {
        context.print_line("the store is clean")?;
    }
    Ok(i32::from(!faults.is_empty()))
}
