//! Parsing of the commands that programs run in loops, without a description of all the others.
//!
//! To describe every command to the parser takes a good part of the time in which a container starts. So the command that is
//! asked for is described alone, and without its rare options where none of them is among the arguments; where that does not
//! parse (help, a mistake), all of them are, and the answer is theirs.

use std::ffi::OsString;
use std::mem::ManuallyDrop;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

/// The description of one command.
pub(super) struct Description {
    /// With what is usual.
    command: Command,
    /// Adds the options that most do without.
    add_rare: Option<fn(Command) -> Command>,
}

impl Description {
    pub(super) fn of<A: Args>(name: &'static str) -> Description {
        Description { command: A::augment_args(Command::new(name)), add_rare: None }
    }

    /// That of `command` and, where they are asked for, the options `R`.
    pub(super) fn with_rare<R: Args>(command: Command) -> Description {
        Description { command, add_rare: Some(R::augment_args) }
    }

    /// The command with everything that `args`, behind its name, may ask for.
    fn for_args(self, args: &[OsString]) -> Command {
        match self.add_rare.filter(|_| !knows_options(&self.command, args)) {
            Some(add_rare) => add_rare(self.command),
            None => self.command,
        }
    }
}

/// Whether the command has all options among `args`, which end where its own arguments begin.
fn knows_options(command: &Command, args: &[OsString]) -> bool {
    let takes_value = |argument: &Arg| argument.get_action().takes_values();
    let by_long = |name: &[u8]| {
        command.get_arguments().find(|argument| argument.get_long().is_some_and(|long| long.as_bytes() == name))
    };
    let by_letter =
        |letter: u8| command.get_arguments().find(|argument| argument.get_short() == Some(char::from(letter)));
    let mut args = args.iter().map(|arg| arg.as_encoded_bytes());
    while let Some([b'-', option @ ..]) = args.next() {
        let needs_next = match option {
            [] | [b'-'] => return true,
            [b'-', long @ ..] => {
                let name = long.split(|byte| *byte == b'=').next().unwrap_or_default();
                let Some(argument) = by_long(name) else { return false };
                takes_value(argument) && name == long
            }
            // What follows a letter that takes a value is its value.
            letters => {
                let mut letters = letters.iter();
                loop {
                    match letters.next().map(|letter| by_letter(*letter)) {
                        None => break false,
                        Some(None) => return false,
                        Some(Some(argument)) if takes_value(argument) => break letters.len() == 0,
                        Some(Some(_)) => {}
                    }
                }
            }
        };
        if needs_next {
            args.next();
        }
    }
    true
}

/// Parses `args`, the program's name first, with the options before the command that `options` has, and the first command
/// among `args` that `describe` knows; none where that fails.
pub(super) fn parse<C: FromArgMatches>(
    args: &[OsString],
    options: Command,
    describe: impl Fn(&str) -> Option<Description>,
) -> Option<C> {
    C::from_arg_matches(&matches(args, options, describe)?).ok()
}

fn matches(args: &[OsString], options: Command, describe: impl Fn(&str) -> Option<Description>) -> Option<ArgMatches> {
    let (at, description) =
        args.iter().enumerate().skip(1).find_map(|(at, arg)| Some((at, describe(arg.to_str()?)?)))?;
    let command = description.for_args(&args[at + 1..]);
    // The description is not taken apart: that takes 70 µs, and the program ends soon.
    let mut command = ManuallyDrop::new(options.subcommand(command));
    command.try_get_matches_from_mut(args).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ffi::OsStr;

    use clap::CommandFactory;
    use clap::parser::ValueSource;

    use super::*;
    use crate::cli::{Cli, Options, commands};

    fn args(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    fn quick(line: &str) -> Option<ArgMatches> {
        let options = Options::augment_args(Command::new("cowbox"));
        matches(&args(line), options, commands::Command::describe)
    }

    /// What the command line said, by name.
    fn given(matches: &ArgMatches) -> BTreeMap<&str, Vec<&OsStr>> {
        let is_given = |name: &&str| matches.value_source(name) == Some(ValueSource::CommandLine);
        let values = |name| matches.try_get_raw(name).ok().flatten().into_iter().flatten().collect();
        matches.ids().map(|id| id.as_str()).filter(is_given).map(|name| (name, values(name))).collect()
    }

    #[test]
    fn a_command_that_is_described_alone_is_understood_as_among_all() {
        for line in [
            "cowbox run --rm base ls -l /",
            "cowbox --root /s run -it --name exec -e A=run -v .:/w -m 64m --cap-add ALL base sh -c exec",
            "cowbox create --root /s --pid container:run base run",
            "cowbox --root /s exec -u 1:2 -w / name run --root /x",
            "cowbox start -a run exec",
            "cowbox run --rm -itu 1 -e A --env=B -eC base ls --cpus --no-such -x",
            "cowbox run -v a:b -p 80 base",
            "cowbox run -it --net none base",
            "cowbox create --blkio-weight=10 --restart no base",
        ] {
            let full = Cli::command().try_get_matches_from(args(line)).unwrap();
            let (name, expected) = full.subcommand().unwrap();
            let quick = quick(line).unwrap_or_else(|| panic!("{line}"));
            let (quick_name, found) = quick.subcommand().unwrap();
            assert_eq!((quick_name, given(found)), (name, given(expected)), "{line}");
        }
    }

    #[test]
    fn what_is_rare_is_described_where_it_is_asked_for() {
        for (line, is_described) in [
            ("cowbox run --rm base true", false),
            ("cowbox run -dit -e --cpus -w / --name=x base sort --cpus 1", false),
            ("cowbox create - --cpus 1", false),
            ("cowbox create -- base --cpus 1", false),
            ("cowbox create -i --cpus 1 base", true),
            ("cowbox run -itm 1g base", true),
            ("cowbox run -P base", true),
        ] {
            let words = args(line);
            let description = commands::Command::describe(words[1].to_str().unwrap()).unwrap();
            let command = description.for_args(&words[2..]);
            let has_cpus = command.get_arguments().any(|argument| argument.get_id() == "cpus");
            assert_eq!(has_cpus, is_described, "{line}");
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
