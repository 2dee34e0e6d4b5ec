//! The life of containers that a bundle makes and a folder of states remembers: what is asked for, and what is told.
//!
//! What is done with them is in the twins: `linux/lifecycle/` does it, `absent.rs` says that it needs Linux.

use std::path::PathBuf;
use std::sync::Arc;

use super::ModuleRunner;
use crate::oci::runtime::{Process, State};
use crate::runtime::Error;

/// The containers of one folder of states.
pub struct Lifecycle {
    /// The folder: one folder in it for each container.
    pub root: PathBuf,
    /// Whether systemd makes the cgroups.
    pub systemd_cgroup: bool,
    /// The address of the bus of the user's session, where there is one: users other than root of the system have a systemd of
    /// their own there.
    pub user_bus: Option<String>,
    /// How bundles are run whose program is a wasm module; they are refused where this program cannot.
    pub module_runner: Option<ModuleRunner>,
    /// Hears of what is odd and no error.
    pub warn: Box<dyn Fn(&str) + Send + Sync>,
    /// Hears of what is done.
    pub debug: Debug,
}

/// Whoever wants to hear of each thing that is done; mostly nobody.
#[derive(Clone, Default)]
pub struct Debug(Option<Hear>);

/// Takes a line.
type Hear = Arc<dyn Fn(&str) + Send + Sync>;

impl Debug {
    /// Lines go to `hear`.
    pub fn to(hear: impl Fn(&str) + Send + Sync + 'static) -> Debug {
        Debug(Some(Arc::new(hear)))
    }

    /// Tells a line, which is made only where somebody listens.
    pub fn tell(&self, line: impl FnOnce() -> String) {
        if let Some(hear) = &self.0 {
            hear(&line());
        }
    }
}

/// The id of a container: letters, digits and `_+-.`, at most 1024 of them, and neither `.` nor `..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(String);

impl Id {
    /// The id that `text` is.
    pub fn parse(text: &str) -> Result<Id, Error> {
        let is_plain = |letter: u8| letter.is_ascii_alphanumeric() || b"_+-.".contains(&letter);
        let is_name = !text.is_empty() && text.len() <= 1024 && text.bytes().all(is_plain);
        match is_name && text != "." && text != ".." {
            true => Ok(Id(text.to_owned())),
            false => Err(failed("invalid container ID format")),
        }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An error of the runtime itself.
pub(super) fn failed(message: impl Into<String>) -> Error {
    Error::new(crate::runtime::ErrorKind::Runtime, message)
}

/// How a process is started, beside what it is.
#[derive(Clone, Debug, Default)]
pub struct StartOptions {
    /// Gets the number of the process.
    pub pid_file: Option<PathBuf>,
    /// The socket that gets the master of its terminal.
    pub console_socket: Option<PathBuf>,
    /// The socket that gets its pidfd.
    pub pidfd_socket: Option<PathBuf>,
    /// How many descriptors from 3 on it keeps.
    pub preserve_fds: u32,
    /// Whether it keeps the session keyring of who starts it.
    pub no_new_keyring: bool,
    /// Whether the container's root takes the place of the host's by another way than pivot_root(2).
    pub no_pivot: bool,
    /// How many sockets from 3 on were handed to this process (sd_listen_fds(3)): it keeps them, too, before the others.
    pub listen_fds: u32,
}

/// What happens after `run` has started a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    /// Its process is waited for, and then it is deleted.
    Delete,
    /// Its process is waited for, and what is left is kept.
    Keep,
    /// Nothing: it runs on its own.
    Detach,
}

/// One more process for a container that runs.
#[derive(Clone, Debug)]
pub struct ExecRequest {
    /// What is run.
    pub process: ExecProcess,
    /// How.
    pub options: StartOptions,
    /// Whether it is not waited for.
    pub detach: bool,
    /// Whether it may be put into a container that is paused.
    pub ignore_paused: bool,
    /// Cgroups below the container's, instead of the container's: `PATH`, or `CONTROLLER[,CONTROLLER...]:PATH` for those of v1.
    pub cgroups: Vec<String>,
}

/// What `exec` runs.
#[derive(Clone, Debug)]
pub enum ExecProcess {
    /// All that a specification says of a process.
    Whole(Box<Process>),
    /// The container's own process with changes.
    Changed(ProcessChanges),
}

/// What of a container's own process is another in one more process.
#[derive(Clone, Debug, Default)]
pub struct ProcessChanges {
    /// The command line.
    pub args: Vec<String>,
    /// Whether it has a terminal.
    pub terminal: bool,
    /// The working directory.
    pub cwd: Option<String>,
    /// Further variables of the environment.
    pub env: Vec<String>,
    /// The user, and perhaps the group.
    pub user: Option<(u32, Option<u32>)>,
    /// Further groups.
    pub additional_gids: Vec<u32>,
    /// Further capabilities.
    pub capabilities: Vec<String>,
    /// Whether it can gain no privileges.
    pub no_new_privileges: bool,
    /// The AppArmor profile.
    pub apparmor_profile: Option<String>,
    /// The SELinux label.
    pub selinux_label: Option<String>,
}

impl ProcessChanges {
    /// `process` with these changes.
    pub fn applied_to(self, mut process: Process) -> Process {
        process.args = self.args;
        process.terminal = self.terminal;
        process.cwd = self.cwd.unwrap_or(process.cwd);
        process.env.extend(self.env);
        process.no_new_privileges |= self.no_new_privileges;
        process.apparmor_profile = self.apparmor_profile.unwrap_or(process.apparmor_profile);
        process.selinux_label = self.selinux_label.unwrap_or(process.selinux_label);
        if let Some((uid, gid)) = self.user {
            process.user.uid = uid;
            process.user.gid = gid.unwrap_or(process.user.gid);
        }
        process.user.additional_gids.extend(self.additional_gids);
        if !self.capabilities.is_empty() {
            let sets = process.capabilities.get_or_insert_default();
            for set in [&mut sets.bounding, &mut sets.effective, &mut sets.permitted] {
                set.extend(self.capabilities.iter().cloned());
            }
            // One that is not inheritable cannot be ambient.
            let inherited = self.capabilities.iter().filter(|name| sets.inheritable.contains(name));
            sets.ambient.extend(inherited.cloned());
        }
        process
    }
}

/// What is told of a container.
#[derive(Clone, Debug, PartialEq)]
pub struct ContainerState {
    /// What the specification has.
    pub state: State,
    /// Its root, absolute.
    pub rootfs: PathBuf,
    /// When it was created: seconds and nanoseconds since 1970.
    pub created: (i64, u32),
    /// Who created it.
    pub owner: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::runtime::{Capabilities, User};

    #[test]
    fn an_id_is_a_plain_name() {
        for id in ["a", "A-1_b+c.d", "...", &"x".repeat(1024), "-a"] {
            assert_eq!(Id::parse(id).unwrap().as_str(), id);
        }
        for id in ["", ".", "..", "a/b", "../a", "a b", "ü", "a\0", "a\n", &"x".repeat(1025)] {
            assert_eq!(Id::parse(id).unwrap_err().message, "invalid container ID format", "{id:?}");
        }
    }

    #[test]
    fn what_is_not_changed_of_a_process_stays() {
        let process = Process {
            args: vec!["a".into()],
            env: vec!["A=1".into()],
            cwd: "/w".into(),
            user: User { uid: 1, gid: 2, ..User::default() },
            capabilities: Some(Capabilities { inheritable: vec!["CAP_KILL".into()], ..Capabilities::default() }),
            ..Process::default()
        };
        let changes = ProcessChanges {
            args: vec!["b".into()],
            env: vec!["B=2".into()],
            user: Some((7, None)),
            capabilities: vec!["CAP_KILL".into(), "CAP_CHOWN".into()],
            ..ProcessChanges::default()
        };
        let changed = changes.applied_to(process.clone());
        assert_eq!((changed.args, changed.env), (vec!["b".to_owned()], vec!["A=1".to_owned(), "B=2".to_owned()]));
        assert_eq!((changed.cwd.as_str(), changed.user.uid, changed.user.gid), ("/w", 7, 2));
        let sets = changed.capabilities.unwrap();
        assert_eq!(sets.permitted, ["CAP_KILL", "CAP_CHOWN"]);
        assert_eq!(sets.ambient, ["CAP_KILL"], "the kernel has none there that is not inheritable");
    }
}
