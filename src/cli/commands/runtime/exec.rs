//! `cowbox runtime exec`: one more process in a container.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Container, Failure, Outcome, Starting};
use crate::oci::MAX_DOCUMENT;
use crate::oci::runtime::Process;
use crate::runtime::native::{ExecProcess, ExecRequest, Lifecycle, ProcessChanges};

/// Run another process in a container
#[derive(clap::Args)]
pub(super) struct Args {
    /// A file with the process as config.json has it, instead of a command
    #[arg(short, long, value_name = "FILE")]
    process: Option<PathBuf>,
    /// Give it a terminal
    #[arg(short, long)]
    tty: bool,
    /// Do not wait for the process
    #[arg(short, long)]
    detach: bool,
    #[command(flatten)]
    starting: Starting,
    /// The working directory
    #[arg(long, value_name = "DIR")]
    cwd: Option<String>,
    /// A variable of the environment
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// The user, and perhaps the group, by number
    #[arg(short, long, value_name = "UID[:GID]")]
    user: Option<String>,
    /// A further group
    #[arg(short = 'g', long, value_name = "GID")]
    additional_gids: Vec<u32>,
    /// A further capability
    #[arg(short, long, value_name = "NAME")]
    cap: Vec<String>,
    /// Let it gain no privileges
    #[arg(long)]
    no_new_privs: bool,
    /// The AppArmor profile
    #[arg(long, value_name = "NAME")]
    apparmor: Option<String>,
    /// The SELinux label
    #[arg(long, value_name = "LABEL")]
    process_label: Option<String>,
    /// A cgroup below the container's, which is there
    #[arg(long, value_name = "[CONTROLLER,...:]PATH")]
    cgroup: Vec<String>,
    /// Put it into a container that is paused, too
    #[arg(long)]
    ignore_paused: bool,
    /// Accepted: nothing is adopted in any case
    #[arg(long)]
    no_subreaper: bool,
    #[command(flatten)]
    container: Container,
    /// The program and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

impl Args {
    pub(super) fn run(self, lifecycle: &Lifecycle) -> Outcome {
        self.start(lifecycle).map_err(|failure| failure.within("exec failed").with_code(255))
    }

    fn start(self, lifecycle: &Lifecycle) -> Outcome {
        let id = self.container.id()?;
        let process = match &self.process {
            Some(path) => ExecProcess::Whole(Box::new(read(path)?)),
            None if self.command.is_empty() => return Err(Failure::new("process args cannot be empty")),
            None => ExecProcess::Changed(ProcessChanges {
                args: self.command,
                terminal: self.tty,
                cwd: self.cwd,
                env: self.env,
                user: self.user.as_deref().map(user).transpose()?,
                additional_gids: self.additional_gids,
                capabilities: self.cap,
                no_new_privileges: self.no_new_privs,
                apparmor_profile: self.apparmor,
                selinux_label: self.process_label,
            }),
        };
        let request = ExecRequest {
            process,
            options: self.starting.options(),
            detach: self.detach,
            ignore_paused: self.ignore_paused,
            cgroups: self.cgroup,
        };
        Ok(lifecycle.exec(&id, request)?)
    }
}

fn read(path: &Path) -> Result<Process, Failure> {
    let unusable = |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_DOCUMENT as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| unusable(&error))?;
    if bytes.len() > MAX_DOCUMENT {
        return Err(unusable(&format_args!("more than {MAX_DOCUMENT} bytes")));
    }
    serde_json::from_slice(&bytes).map_err(|error| unusable(&error))
}

/// The numbers of a user and perhaps a group.
fn user(text: &str) -> Result<(u32, Option<u32>), Failure> {
    let number = |text: &str, what: &str| {
        text.parse::<u32>().map_err(|_| Failure::new(format!("parsing {text} as int for {what} failed")))
    };
    match text.split_once(':') {
        Some((uid, gid)) => Ok((number(uid, "uid")?, Some(number(gid, "gid")?))),
        None => Ok((number(text, "uid")?, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_a_number_or_two() {
        assert_eq!(user("7").ok(), Some((7, None)));
        assert_eq!(user("7:8").ok(), Some((7, Some(8))));
        for (text, message) in [("x", "parsing x as int for uid failed"), ("1:", "parsing  as int for gid failed")] {
            assert_eq!(user(text).err().unwrap().message, message);
        }
    }
}
