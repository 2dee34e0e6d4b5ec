//! Parsing of the commands that programs run in loops, without a description of all the others.
//!
//! To describe every command to the parser takes a good part of the time in which a container starts. So the command that is
//! asked for is described alone; where that does not parse (help, a mistake), all of them are, and the answer is theirs.

use std::ffi::OsString;
use std::mem::ManuallyDrop;

use clap::{ArgMatches, Command, FromArgMatches};

/// Parses `args`, the program's name first, with the options before the command that `options` has, and the first command
/// among `args` that `describe` knows; none where that fails.
pub(super) fn parse<C: FromArgMatches>(
    args: &[OsString],
    options: Command,
    describe: impl Fn(&str) -> Option<Command>,
) -> Option<C> {
    C::from_arg_matches(&matches(args, options, describe)?).ok()
}

fn matches(args: &[OsString], options: Command, describe: impl Fn(&str) -> Option<Command>) -> Option<ArgMatches> {
    let command = args.iter().skip(1).find_map(|arg| describe(arg.to_str()?))?;
    // The description is not taken apart: that takes 70 µs, and the program ends soon.
    let mut command = ManuallyDrop::new(options.subcommand(command));
    command.try_get_matches_from_mut(args).ok()
}

#[cfg(test)]
mod tests {
    use clap::{Args, CommandFactory};

    use super::*;
    use crate::cli::{Cli, Options, commands};

    fn args(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    fn quick(line: &str) -> Option<ArgMatches> {
        let options = Options::augment_args(Command::new("cowbox"));
        matches(&args(line), options, commands::Command::describe)
    }

    #[test]
    fn a_command_that_is_described_alone_is_understood_as_among_all() {
        for line in [
            "cowbox run --rm base ls -l /",
            "cowbox --root /s run -it --name exec -e A=run -v .:/w -m 64m --cap-add ALL base sh -c exec",
            "cowbox create --root /s --pid container:run base run",
            "cowbox --root /s exec -u 1:2 -w / name run --root /x",
            "cowbox start -a run exec",
        ] {
            let full = Cli::command().try_get_matches_from(args(line)).unwrap();
            let (name, expected) = full.subcommand().unwrap();
            let quick = quick(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(quick.subcommand(), Some((name, expected)), "{line}");
        }
    }

    #[test]
    fn what_does_not_parse_is_left_to_all_commands() {
        for line in
            ["cowbox run --help", "cowbox run", "cowbox --version", "cowbox ps", "cowbox --root run exec a b", "cowbox"]
        {
            assert_eq!(quick(line), None, "{line}");
        }
    }
}
