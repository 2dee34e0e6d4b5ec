//! `cowbox image`: the commands on images, by their long names.

use clap::Subcommand;

use super::{history, images, import, inspect, load, rmi, save, system, tag};
use crate::cli::context::{Context, Outcome};

/// A command on images.
#[derive(Subcommand)]
pub(in crate::cli) enum Command {
    /// List images
    #[command(alias = "list")]
    Ls(images::Args),
    /// Show the history of an image
    History(history::Args),
    /// Return low-level information on images
    Inspect(inspect::Args),
    /// Load images from an archive or standard input
    Load(load::Args),
    /// Make an image of a folder or tar archive
    Import(import::Args),
    /// Save one or more images to a tar archive
    Save(save::Args),
    /// Give an image another name
    Tag(tag::Args),
    /// Remove one or more images
    #[command(alias = "remove")]
    Rm(rmi::Args),
    /// Remove unused images
    Prune {
        /// Remove all unused images, not only untagged ones
        #[arg(short, long)]
        all: bool,
        /// Do not ask
        #[arg(short, long)]
        force: bool,
    },
}

impl Command {
    pub(super) fn run(self, context: &Context) -> Outcome {
        match self {
            Command::Ls(args) => args.run(context),
            Command::History(args) => args.run(context),
            Command::Inspect(args) => args.of_kind("image").run(context),
            Command::Load(args) => args.run(context),
            Command::Import(args) => args.run(context),
            Command::Save(args) => args.run(context),
            Command::Tag(args) => args.run(context),
            Command::Rm(args) => args.run(context),
            Command::Prune { all, force } => {
                let what = if all { "all images without at least one container" } else { "all untagged images" };
                system::confirm(force, &[what])?;
                system::report(context, context.engine()?.prune_images(all)?)
            }
        }
    }
}
