//! The command line: what fingers and scripts that know Docker expect.

mod commands;
mod context;
mod detach_keys;
pub mod filter;
mod listing;
pub mod output;
mod pattern;
mod quick;
mod signals;
pub mod template;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser};

use crate::sys::heap;
use context::{Context, note};

const EXAMPLES: &str = "\
Examples:
  cowbox run --rm base ls -l /             run a program of an image
  cowbox run --name job -v .:/work base cp /work/a /work/b
  cowbox diff job                          what it changed of its image
  cowbox commit job job:1                  make an image of it
  cowbox load -i image.tar                 bring in an image archive
  cowbox import ./dir tool --change 'ENTRYPOINT [\"/tool.wasm\"]'";

/// Containers without a VM and without a daemon.
#[derive(Parser)]
#[command(name = "cowbox", version, about, after_help = EXAMPLES, max_term_width = 110, infer_long_args = false)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: commands::Command,
}

/// What holds for all commands.
#[derive(clap::Args)]
struct Options {
    /// The folder of the store
    #[arg(long, global = true, env = "COWBOX_HOME", value_name = "DIR")]
    root: Option<PathBuf>,
}

/// Runs the command that `args` (the program's name first) ask for.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    heap::keep_freed();
    let args: Vec<OsString> = args.into_iter().collect();
    if let Some(arguments) = commands::runtime::arguments(&args) {
        return commands::runtime::exit_code(arguments);
    }
    let cli = match parse(&args) {
        Ok(cli) => cli,
        Err(error) => return explain(&error, &args),
    };
    let context = Context::new(cli.options.root);
    let code = match cli.command.run(&context) {
        Ok(code) => code,
        Err(failure) => {
            if !failure.message.is_empty() {
                note(&failure.line());
            }
            failure.code
        }
    };
    ExitCode::from((code & 0xff) as u8)
}

/// Prints what clap says; the exit code is docker's. Who names no command sees which ones there are.
fn explain(error: &clap::Error, args: &[OsString]) -> ExitCode {
    let help = OsString::from("--help");
    match error.kind() {
        ErrorKind::MissingSubcommand => {
            if let Err(help) = Cli::try_parse_from(args.iter().chain([&help])) {
                note(help.to_string().trim_end());
            }
        }
        // Nothing can be said where the terminal is gone.
        _ => drop(error.print()),
    }
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::MissingSubcommand => ExitCode::SUCCESS,
        ErrorKind::MissingRequiredArgument | ErrorKind::InvalidSubcommand => ExitCode::FAILURE,
        _ => ExitCode::from(125),
    }
}

fn parse(args: &[OsString]) -> Result<Cli, clap::Error> {
    let options = Options::augment_args(clap::Command::new("cowbox"));
    quick::parse(args, options, commands::Command::describe).map_or_else(|| Cli::try_parse_from(args), Ok)
}

/// The definition of the command line, for completion scripts.
fn definition() -> clap::Command {
    Cli::command()
}
