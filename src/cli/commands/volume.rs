//! `cowbox volume`: file systems that outlive containers.

use clap::Subcommand;

use super::create::labels;
use super::{inspect, system};
use crate::cli::context::{Context, Outcome};
use crate::cli::filter::Filters;
use crate::cli::listing::{render, row};
use crate::cli::template::listings::VOLUMES;
use crate::engine::ErrorKind;

/// A command on volumes.
#[derive(Subcommand)]
pub(in crate::cli) enum Command {
    /// Create a volume
    Create {
        /// Set metadata for the volume
        #[arg(short, long, value_name = "KEY=VALUE")]
        label: Vec<String>,
        /// The name; a random one where none is given
        name: Option<String>,
    },
    /// List volumes
    #[command(alias = "list")]
    Ls {
        /// Show names only
        #[arg(short, long)]
        quiet: bool,
        /// Filter output
        #[arg(short, long, value_name = "KEY=VALUE")]
        filter: Vec<String>,
        /// Format output: 'table', 'table TEMPLATE', 'json', or a template
        #[arg(long, value_name = "FORMAT")]
        format: Option<String>,
    },
    /// Return low-level information on volumes
    Inspect(inspect::Args),
    /// Remove one or more volumes
    #[command(alias = "remove")]
    Rm {
        /// A volume that is not there is no failure
        #[arg(short, long)]
        force: bool,
        /// The volumes
        #[arg(required = true, value_name = "VOLUME")]
        volumes: Vec<String>,
    },
    /// Remove unused volumes
    Prune {
        /// Remove all unused volumes, not only anonymous ones
        #[arg(short, long)]
        all: bool,
        /// Do not ask
        #[arg(short, long)]
        force: bool,
    },
}

impl Command {
    pub(super) fn run(self, context: &Context) -> Outcome {
        let engine = context.engine()?;
        match self {
            Command::Create { label, name } => {
                let volume = engine.create_volume(name.as_deref(), labels(&label))?;
                context.print_line(&volume.name)?;
            }
            Command::Ls { quiet, filter, format } => {
                let filters = Filters::parse(&filter, &["dangling", "driver", "label", "name"])?;
                let mut rows = Vec::new();
                for volume in engine.volumes()? {
                    let is_dangling =
                        engine.store().volume_users(&volume.name).map_err(crate::engine::Error::from)?.is_empty();
                    let fits = filters.any("dangling", |value| matches!(value, "true" | "1") == is_dangling)
                        && filters.is("driver", "local")
                        && filters.finds("name", &volume.name)
                        && filters.fit_labels(&volume.labels);
                    if !fits {
                        continue;
                    }
                    let labels = volume.labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>();
                    rows.push(row([
                        ("Driver", "local".into()),
                        ("Labels", labels.join(",")),
                        ("Mountpoint", engine.store().volume_data(&volume.name).display().to_string()),
                        ("Name", volume.name.clone()),
                        ("Scope", "local".into()),
                    ]));
                }
                context.print(&render(&VOLUMES, &rows, format.as_deref(), quiet.then_some("Name"))?)?;
            }
            Command::Inspect(args) => return args.of_kind("volume").run(context),
            Command::Prune { all, force } => {
                let what = if all { "all volumes" } else { "all anonymous volumes" };
                system::confirm(force, &[&format!("{what} not used by at least one container")])?;
                return system::report(context, engine.prune_volumes(all)?);
            }
            Command::Rm { force, volumes } => {
                return context.for_each(&volumes, |name| {
                    match engine.remove_volume(name) {
                        Err(error) if force && error.kind == ErrorKind::NotFound => {}
                        removed => removed?,
                    }
                    context.print_line(name)
                });
            }
        }
        Ok(0)
    }
}
