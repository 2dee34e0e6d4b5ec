//! `cowbox container`: the commands on containers, by their long names.

use clap::Subcommand;

use super::{
    attach, commit, cp, create, diff, export, inspect, kill, logs, pause, ps, rename, restart, rm, run, start, stop,
    system, top, update, wait,
};
use crate::cli::context::{Context, Outcome};

/// A command on containers.
#[derive(Subcommand)]
pub(in crate::cli) enum Command {
    /// List containers
    #[command(alias = "list", alias = "ps")]
    Ls(ps::Args),
    /// Create and run a new container from an image
    Run(run::Args),
    /// Create a new container
    Create(create::Args),
    /// Start one or more stopped containers
    Start(start::Args),
    /// Stop one or more running containers
    Stop(stop::Args),
    /// Restart one or more containers
    Restart(restart::Args),
    /// Send a signal to one or more running containers
    Kill(kill::Args),
    /// Pause all processes within one or more containers
    Pause(pause::Pause),
    /// Unpause all processes within one or more containers
    Unpause(pause::Unpause),
    /// Change limits of one or more containers, at once and for later starts
    Update(update::Args),
    /// Block until one or more containers stop, then print their exit codes
    Wait(wait::Args),
    /// Display the running processes of a container
    Top(top::Args),
    /// Attach standard input, output and error to a running container
    Attach(attach::Args),
    /// Fetch the logs of a container
    Logs(logs::Args),
    /// Return low-level information on containers
    Inspect(inspect::Args),
    /// Rename a container
    Rename(rename::Args),
    /// Remove one or more containers
    #[command(alias = "remove")]
    Rm(rm::Args),
    /// Inspect changes to files or directories on a container's file system
    Diff(diff::Args),
    /// Copy files between a container and the host
    Cp(cp::Args),
    /// Create a new image from a container's changes
    Commit(commit::Args),
    /// Export a container's file system as a tar archive
    Export(export::Args),
    /// Remove all stopped containers
    Prune {
        /// Do not ask
        #[arg(short, long)]
        force: bool,
    },
}

impl Command {
    pub(super) fn run(self, context: &Context) -> Outcome {
        match self {
            Command::Ls(args) => args.run(context),
            Command::Run(args) => args.run(context),
            Command::Create(args) => args.run(context),
            Command::Start(args) => args.run(context),
            Command::Stop(args) => args.run(context),
            Command::Restart(args) => args.run(context),
            Command::Kill(args) => args.run(context),
            Command::Pause(args) => args.run(context),
            Command::Unpause(args) => args.run(context),
            Command::Update(args) => args.run(context),
            Command::Wait(args) => args.run(context),
            Command::Top(args) => args.run(context),
            Command::Attach(args) => args.run(context),
            Command::Logs(args) => args.run(context),
            Command::Inspect(args) => args.of_kind("container").run(context),
            Command::Rename(args) => args.run(context),
            Command::Rm(args) => args.run(context),
            Command::Diff(args) => args.run(context),
            Command::Cp(args) => args.run(context),
            Command::Commit(args) => args.run(context),
            Command::Export(args) => args.run(context),
            Command::Prune { force } => {
                system::confirm(force, &["all stopped containers"])?;
                system::report(context, context.engine()?.prune_containers()?)
            }
        }
    }
}
