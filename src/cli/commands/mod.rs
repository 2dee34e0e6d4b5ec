//! The commands, one file each: arguments with their help, one call of the engine, the printing.

mod attach;
mod commit;
mod completion;
mod container;
mod cp;
mod create;
mod diff;
mod doctor;
mod exec;
mod export;
mod history;
mod image;
mod images;
mod import;
mod info;
mod inspect;
mod isolation;
mod kill;
mod load;
mod logs;
mod monitor;
mod pause;
mod ps;
mod rare;
mod refused;
mod rename;
mod resources;
mod restart;
mod rm;
mod rmi;
mod run;
#[cfg_attr(feature = "native", path = "runtime/mod.rs")]
#[cfg_attr(not(feature = "native"), path = "runtime_absent.rs")]
pub(super) mod runtime;
mod save;
mod sharing;
mod start;
mod stop;
mod system;
mod tag;
mod top;
mod update;
mod version;
mod volume;
mod wait;

use clap::{Args as _, Subcommand};

use super::context::{Context, Outcome};
use super::quick::Description;
use rare::{Rare, Usual};

/// One command of the top level.
#[derive(Subcommand)]
pub(super) enum Command {
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
    /// Run a command in a running container
    Exec(exec::Args),
    /// Attach standard input, output and error to a running container
    Attach(attach::Args),
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
    /// List containers
    Ps(ps::Args),
    /// Fetch the logs of a container
    Logs(logs::Args),
    /// Rename a container
    Rename(rename::Args),
    /// Remove one or more containers
    Rm(rm::Args),
    /// Inspect changes to files or directories on a container's file system
    Diff(diff::Args),
    /// Copy files between a container and the host
    Cp(cp::Args),
    /// Create a new image from a container's changes
    Commit(commit::Args),
    /// Export a container's file system as a tar archive
    Export(export::Args),
    /// Load images from an archive or standard input
    Load(load::Args),
    /// Make an image of a folder or tar archive
    Import(import::Args),
    /// Save one or more images to a tar archive
    Save(save::Args),
    /// List images
    Images(images::Args),
    /// Show the history of an image
    History(history::Args),
    /// Return low-level information on containers, images and volumes
    Inspect(inspect::Args),
    /// Give an image another name
    Tag(tag::Args),
    /// Remove one or more images
    Rmi(rmi::Args),
    /// Manage images
    #[command(subcommand)]
    Image(image::Command),
    /// Manage containers
    #[command(subcommand)]
    Container(container::Command),
    /// Manage volumes
    #[command(subcommand)]
    Volume(volume::Command),
    /// Manage the store
    #[command(subcommand)]
    System(system::Command),
    /// Show what cowbox runs on and with
    Info(info::Args),
    /// Check that this system has what containers need
    Doctor(doctor::Args),
    /// Show the version
    Version(version::Args),
    /// Run containers from OCI bundles, with the commands of runc
    Runtime(runtime::Args),
    /// Print a completion script for a shell
    Completion(completion::Args),
    /// Run a container in the background
    #[command(hide = true)]
    Monitor(monitor::Args),
}

impl Command {
    /// The description of a command that starts something; none of other commands.
    pub(super) fn describe(name: &str) -> Option<Description> {
        Some(match name {
            "run" => Description::with_rare::<Rare>(run::Args::<Usual>::augment_args(clap::Command::new("run"))),
            "create" => {
                Description::with_rare::<Rare>(create::Args::<Usual>::augment_args(clap::Command::new("create")))
            }
            "start" => Description::of::<start::Args>("start"),
            "exec" => Description::of::<exec::Args>("exec"),
            "monitor" => Description::of::<monitor::Args>("monitor"),
            _ => return None,
        })
    }

    pub(super) fn run(self, context: &Context) -> Outcome {
        match self {
            Command::Run(args) => args.run(context),
            Command::Create(args) => args.run(context),
            Command::Start(args) => args.run(context),
            Command::Stop(args) => args.run(context),
            Command::Restart(args) => args.run(context),
            Command::Kill(args) => args.run(context),
            Command::Exec(args) => args.run(context),
            Command::Attach(args) => args.run(context),
            Command::Pause(args) => args.run(context),
            Command::Unpause(args) => args.run(context),
            Command::Update(args) => args.run(context),
            Command::Wait(args) => args.run(context),
            Command::Top(args) => args.run(context),
            Command::Ps(args) => args.run(context),
            Command::Logs(args) => args.run(context),
            Command::Rename(args) => args.run(context),
            Command::Rm(args) => args.run(context),
            Command::Diff(args) => args.run(context),
            Command::Cp(args) => args.run(context),
            Command::Commit(args) => args.run(context),
            Command::Export(args) => args.run(context),
            Command::Load(args) => args.run(context),
            Command::Import(args) => args.run(context),
            Command::Save(args) => args.run(context),
            Command::Images(args) => args.run(context),
            Command::History(args) => args.run(context),
            Command::Inspect(args) => args.run(context),
            Command::Tag(args) => args.run(context),
            Command::Rmi(args) => args.run(context),
            Command::Image(command) => command.run(context),
            Command::Container(command) => command.run(context),
            Command::Volume(command) => command.run(context),
            Command::System(command) => command.run(context),
            Command::Info(args) => args.run(context),
            Command::Doctor(args) => args.run(context),
            Command::Version(args) => args.run(context),
            Command::Runtime(args) => args.run(context),
            Command::Completion(args) => args.run(context),
            Command::Monitor(args) => args.run(context),
        }
    }
}
