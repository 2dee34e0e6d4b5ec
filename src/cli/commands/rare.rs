//! Options of new containers that most commands go without.

use clap::error::Error;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::isolation::Isolation;
use super::refused::Refused;
use super::resources::Resources;
use super::sharing::Sharing;
use crate::cli::context::Failure;
use crate::store::IsolationRecord;

/// Where none of them was given, they need not have been described to the parser: that takes longer than to make a cgroup.
#[derive(Default)]
pub(in crate::cli) struct Rare {
    pub(super) resources: Resources,
    isolation: Isolation,
    sharing: Sharing,
    refused: Refused,
}

/// The groups that the options are in, each named by its structure.
const GROUPS: [&str; 4] = ["Resources", "Isolation", "Sharing", "Refused"];

impl Rare {
    /// How the container is kept apart, with these limits of each process.
    pub(super) fn isolation(&self, ulimits: Vec<(String, u64, u64)>) -> Result<IsolationRecord, Failure> {
        self.refused.check()?;
        self.isolation.resolve(self.sharing.resolve()?, ulimits)
    }
}

impl FromArgMatches for Rare {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Rare, Error> {
        let is_given = |group: &&str| matches.try_contains_id(group).unwrap_or(false);
        Ok(match GROUPS.iter().any(is_given) {
            true => Rare {
                resources: Resources::from_arg_matches(matches)?,
                isolation: Isolation::from_arg_matches(matches)?,
                sharing: Sharing::from_arg_matches(matches)?,
                refused: Refused::from_arg_matches(matches)?,
            },
            false => Rare::default(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Rare::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Rare {
    fn augment_args(command: Command) -> Command {
        let command = Isolation::augment_args(Resources::augment_args(command));
        Refused::augment_args(Sharing::augment_args(command))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Rare::augment_args(command)
    }
}

/// None of them.
#[derive(Args)]
pub(in crate::cli) struct Usual {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_in_a_group_that_is_looked_for() {
        let command = Rare::augment_args(Command::new("run"));
        let groups = command.get_groups().map(|group| group.get_id().as_str()).collect::<Vec<_>>();
        assert_eq!(groups, GROUPS);
        let members = command.get_groups().flat_map(|group| group.get_args()).collect::<Vec<_>>();
        // A structure with another one flattened into it has a group without members.
        let others = command.get_arguments().map(|argument| argument.get_id()).filter(|id| !members.contains(id));
        assert_eq!(others.collect::<Vec<_>>(), [""; 0]);
    }
}
