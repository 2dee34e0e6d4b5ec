//! `cowbox runtime`: containers from bundles, by the flags and words of runc, for those who drive an OCI runtime.
//!
//! Who takes a single path for a runtime (podman, dockerd, containerd) gets a link to this program whose name ends in
//! `-runtime`: `cowbox-runtime create x` is `cowbox runtime create x`.

mod create;
mod delete;
mod events;
mod exec;
mod features;
mod kill;
mod list;
mod log;
#[cfg_attr(not(feature = "wasm"), path = "module_absent.rs")]
mod module;
mod pause;
mod ps;
mod resume;
mod run;
mod signals;
mod spec;
mod start;
mod state;
mod update;

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args as _, CommandFactory, Parser, Subcommand};

use crate::cli::quick::{self, Description};
use crate::runtime;
use crate::runtime::native::{Debug, Id, Lifecycle, StartOptions};
use log::{Format, Level, Log};

/// Run containers from OCI bundles, with the commands of runc
#[derive(Parser)]
#[command(name = "runtime", disable_version_flag = true, max_term_width = 110)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What holds for all commands.
#[derive(clap::Args)]
struct Options {
    /// Where the states of containers are kept; best in a tmpfs [default: /run/cowbox; of other users $XDG_RUNTIME_DIR/cowbox]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// The file that errors, warnings and what --debug tells are appended to
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// The form of lines in it
    #[arg(long, value_enum, default_value = "text", value_name = "FORMAT")]
    log_format: Format,
    /// Log what is done, too
    #[arg(long)]
    debug: bool,
    /// Have systemd make cgroups; cgroupsPath is then SLICE:PREFIX:NAME
    #[arg(long)]
    systemd_cgroup: bool,
    /// Accepted and not looked at: what a user who is not root may do is found out
    #[arg(long, value_name = "BOOL", num_args = 0..=1)]
    rootless: Option<String>,
    /// Accepted and not looked at
    #[arg(long, value_name = "PATH")]
    criu: Option<String>,
    /// Print the version
    #[arg(short, long)]
    version: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Create a container
    Create(create::Args),
    /// Start the program of a created container
    Start(start::Args),
    /// Create and start a container
    Run(run::Args),
    /// Print the state of a container
    State(state::Args),
    /// Send a signal to a container's process
    Kill(kill::Args),
    /// Remove all that is left of a container
    Delete(delete::Args),
    /// Run another process in a container
    Exec(exec::Args),
    /// List the processes of a container
    Ps(ps::Args),
    /// Freeze the processes of a container
    Pause(pause::Args),
    /// Let the processes of a paused container run
    Resume(resume::Args),
    /// Print what a container uses
    Events(events::Args),
    /// Print what this runtime understands
    Features(features::Args),
    /// Write a config.json to begin with
    Spec(spec::Args),
    /// Change limits of a container
    Update(update::Args),
    /// List containers
    List(list::Args),
    /// Run a wasm module, as the process of a container whose program is one
    #[command(hide = true)]
    Module(module::Args),
}

/// How a verb ends: with an exit code, or an error that is printed.
type Outcome = Result<i32, Failure>;

/// An error on its way to the client.
struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    fn new(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), code: 1 }
    }

    /// The error with words before it.
    fn within(mut self, words: &str) -> Failure {
        self.message = format!("{words}: {}", self.message);
        self
    }

    /// The error with an exit code of its own.
    fn with_code(self, code: u8) -> Failure {
        Failure { code, ..self }
    }
}

impl From<runtime::Error> for Failure {
    fn from(error: runtime::Error) -> Failure {
        Failure::new(match error.hint {
            Some(hint) => format!("{} ({hint})", error.message),
            None => error.message,
        })
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::new(error.to_string())
    }
}

/// What the top level shows of this command. Its arguments never arrive there: [`arguments`] has taken them.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(in crate::cli) struct Args {
    /// The arguments; `cowbox runtime --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
}

impl Args {
    pub(in crate::cli) fn run(self, _context: &crate::cli::context::Context) -> crate::cli::context::Outcome {
        Ok(main(self.arguments))
    }
}

/// The arguments behind `runtime`, where it is what `args` (the program's name first) ask for.
///
/// They are taken before the top level sees them, whose options have the same names and other meanings.
pub(in crate::cli) fn arguments(args: &[OsString]) -> Option<&[OsString]> {
    let (program, rest) = args.split_first()?;
    let name = Path::new(program).file_stem().and_then(OsStr::to_str).unwrap_or_default();
    if name.ends_with("-runtime") {
        return Some(rest);
    }
    rest.split_first().filter(|(first, _)| *first == "runtime").map(|(_, rest)| rest)
}

/// [`main`] with an exit code for the system.
pub(in crate::cli) fn exit_code(arguments: &[OsString]) -> ExitCode {
    ExitCode::from((main(arguments.to_vec()) & 0xff) as u8)
}

fn main(arguments: Vec<OsString>) -> i32 {
    let name = OsString::from("cowbox runtime");
    let args: Vec<OsString> = std::iter::once(name).chain(arguments).collect();
    let cli = match parse(&args) {
        Ok(cli) => cli,
        Err(error) => {
            // Nothing can be said where the terminal is gone.
            let _ = error.print();
            return i32::from(error.use_stderr());
        }
    };
    let Options { root, log, log_format, debug, systemd_cgroup, version: asks_version, .. } = cli.options;
    let log = Arc::new(Log { file: log, format: log_format });
    let outcome = match cli.command {
        _ if asks_version => print(&version()).map(|()| 0),
        None => Cli::command().print_help().map(|()| 0).map_err(Failure::from),
        Some(command) => command.run(|| lifecycle(root, systemd_cgroup, debug, log.clone())),
    };
    outcome.unwrap_or_else(|failure| {
        log.line(Level::Error, &failure.message);
        failure.code.into()
    })
}

fn parse(args: &[OsString]) -> Result<Cli, clap::Error> {
    let options = Options::augment_args(clap::Command::new("runtime").disable_version_flag(true));
    quick::parse(args, options, Command::describe).map_or_else(|| Cli::try_parse_from(args), Ok)
}

impl Command {
    /// The description of a command that every container goes through; none of other commands.
    fn describe(name: &str) -> Option<Description> {
        Some(match name {
            "create" => Description::of::<create::Args>("create"),
            "start" => Description::of::<start::Args>("start"),
            "run" => Description::of::<run::Args>("run"),
            "state" => Description::of::<state::Args>("state"),
            "kill" => Description::of::<kill::Args>("kill"),
            "delete" => Description::of::<delete::Args>("delete"),
            "exec" => Description::of::<exec::Args>("exec"),
            _ => return None,
        })
    }

    fn run(self, lifecycle: impl FnOnce() -> Result<Lifecycle, Failure>) -> Outcome {
        match self {
            Command::Create(args) => args.run(&lifecycle()?),
            Command::Start(args) => args.run(&lifecycle()?),
            Command::Run(args) => args.run(&lifecycle()?),
            Command::State(args) => args.run(&lifecycle()?),
            Command::Kill(args) => args.run(&lifecycle()?),
            Command::Delete(args) => args.run(&lifecycle()?),
            Command::Exec(args) => args.run(&lifecycle()?),
            Command::Ps(args) => args.run(&lifecycle()?),
            Command::Pause(args) => args.run(&lifecycle()?),
            Command::Resume(args) => args.run(&lifecycle()?),
            Command::Events(args) => args.run(&lifecycle()?),
            Command::Update(args) => args.run(&lifecycle()?),
            Command::List(args) => args.run(&lifecycle()?),
            Command::Features(args) => args.run(),
            Command::Spec(args) => args.run(),
            Command::Module(args) => args.run(),
        }
    }
}

fn lifecycle(root: Option<PathBuf>, systemd_cgroup: bool, debug: bool, log: Arc<Log>) -> Result<Lifecycle, Failure> {
    let root = root.map_or_else(default_root, Ok)?;
    let root = std::path::absolute(&root).unwrap_or(root);
    let hearing = log.clone();
    Ok(Lifecycle {
        root,
        systemd_cgroup,
        user_bus: user_bus(),
        module_runner: module::runner(),
        warn: Box::new(move |line| log.line(Level::Warning, line)),
        debug: if debug { Debug::to(move |line| hearing.line(Level::Debug, line)) } else { Debug::default() },
    })
}

/// The address of the bus of the user's session: sd_bus_open_user(3).
fn user_bus() -> Option<String> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    variable("DBUS_SESSION_BUS_ADDRESS").or_else(|| {
        let socket = Path::new(&variable("XDG_RUNTIME_DIR")?).join("bus");
        socket.exists().then(|| bus_address(&socket))
    })
}

/// The address of a bus at a socket: D-Bus Specification, "Server Addresses".
fn bus_address(socket: &Path) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_/.\\*".contains(&byte);
    let escaped = socket.as_os_str().as_encoded_bytes().iter().map(|byte| match is_plain(*byte) {
        true => char::from(*byte).to_string(),
        false => format!("%{byte:02x}"),
    });
    format!("unix:path={}", escaped.collect::<String>())
}

/// Where states are kept.
fn default_root() -> Result<PathBuf, Failure> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let is_root = crate::sys::process::owner().0 == 0;
    let is_foreign = is_root && runtime::native::is_in_user_namespace();
    root_for(is_root, is_foreign, variable("USER").as_deref(), variable("XDG_RUNTIME_DIR").as_deref())
        .ok_or_else(|| Failure::new("there is no place for states: set XDG_RUNTIME_DIR, or give --root"))
}

/// Of the system's root in `/run`, of others in the folder `session` that ends with their session. Who is root of a user
/// namespace may be either: their name in `user` says so, as with runc.
fn root_for(is_root: bool, is_foreign: bool, user: Option<&OsStr>, session: Option<&OsStr>) -> Option<PathBuf> {
    let is_own = !is_root || is_foreign && user.is_none_or(|name| name != "root");
    match session.filter(|_| is_own) {
        Some(folder) => Some(Path::new(folder).join("cowbox")),
        None => is_root.then(|| PathBuf::from("/run/cowbox")),
    }
}

/// What clients read a version from: a line with it, and one with the specification's.
fn version() -> String {
    format!("cowbox version {}\nspec: {}\n", env!("CARGO_PKG_VERSION"), spec::VERSION)
}

/// Writes to standard output.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::from)
}

/// The id that is the argument of almost every verb.
#[derive(clap::Args)]
struct Container {
    /// The id of the container
    #[arg(value_name = "ID")]
    id: String,
}

impl Container {
    fn id(&self) -> Result<Id, Failure> {
        Ok(Id::parse(&self.id)?)
    }
}

/// How a process is started.
#[derive(clap::Args)]
struct Starting {
    /// The file that gets the number of the process
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
    /// The socket that gets the master of the terminal
    #[arg(long, value_name = "SOCKET")]
    console_socket: Option<PathBuf>,
    /// The socket that gets a descriptor of the process
    #[arg(long, value_name = "SOCKET")]
    pidfd_socket: Option<PathBuf>,
    /// How many descriptors beside the standard streams the process keeps
    #[arg(long, value_name = "N", default_value_t = 0)]
    preserve_fds: u16,
}

impl Starting {
    fn options(self) -> StartOptions {
        StartOptions {
            pid_file: self.pid_file,
            console_socket: self.console_socket,
            pidfd_socket: self.pidfd_socket,
            preserve_fds: self.preserve_fds.into(),
            no_new_keyring: false,
            no_pivot: false,
            listen_fds: listen_fds(),
        }
    }
}

/// How many sockets were handed to this process: sd_listen_fds(3).
fn listen_fds() -> u32 {
    let is_ours = std::env::var("LISTEN_PID").is_ok_and(|pid| pid == std::process::id().to_string());
    let count = std::env::var("LISTEN_FDS").ok().filter(|_| is_ours);
    count.and_then(|count| count.parse::<u16>().ok()).unwrap_or_default().into()
}

/// Of what a container is made: what `create` and `run` have in common.
#[derive(clap::Args)]
struct Making {
    /// The folder of the bundle
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
    #[command(flatten)]
    starting: Starting,
    /// Enter the container's root without pivot_root(2), for roots on a ramfs
    #[arg(long)]
    no_pivot: bool,
    /// Leave the session keyring of who calls to the container
    #[arg(long)]
    no_new_keyring: bool,
    #[command(flatten)]
    container: Container,
}

impl Making {
    fn options(self) -> StartOptions {
        StartOptions { no_new_keyring: self.no_new_keyring, no_pivot: self.no_pivot, ..self.starting.options() }
    }

    fn id(&self) -> Result<Id, Failure> {
        self.container.id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(args: &[&str]) -> Vec<OsString> {
        args.iter().map(OsString::from).collect()
    }

    #[test]
    fn a_name_or_a_word_makes_the_program_a_runtime() {
        let table: [(&[&str], Option<&[&str]>); 6] = [
            (&["cowbox", "runtime", "state", "x"], Some(&["state", "x"])),
            (&["/usr/bin/cowbox-runtime", "--root", "r", "list"], Some(&["--root", "r", "list"])),
            (&["cowbox-runtime"], Some(&[])),
            (&["cowbox", "ps", "runtime"], None),
            (&["cowbox"], None),
            (&[], None),
        ];
        for (args, expected) in table {
            assert_eq!(arguments(&os(args)).map(<[OsString]>::to_vec), expected.map(os), "{args:?}");
        }
    }

    #[test]
    fn clients_lines_are_understood() {
        let lines = [
            "--root /r --log /l --log-format json --systemd-cgroup create --bundle /b --pid-file /p x",
            "--root=/r --log=/l --log-format=json create -b /b --console-socket /c --preserve-fds 1 --no-new-keyring x",
            "--root /r --log /l --log-format json start x",
            "--rootless true --debug --criu c run -d --keep --no-subreaper x",
            "state x",
            "kill x 15",
            "kill --all x KILL",
            "kill x",
            "delete --force x",
            "exec --process /p --detach --pid-file /f --console-socket /c x",
            "exec -d --pid-file /f -p /p --tty x",
            "exec -t -e A=b -u 1:2 -g 3 -g 4 --cwd / -c CAP_KILL --no-new-privs --ignore-paused x sh -c exit",
            "ps --format json x",
            "ps x -ef",
            "events --stats x",
            "events --interval 1s x",
            "update --resources - x",
            "update --memory 100m --pids-limit 7 --cpu-share 2 x",
            "list -f json",
            "list -q",
            "spec -b /b --rootless",
            "features",
            "pause x",
            "resume x",
            "--version",
            "-v",
        ];
        for line in lines {
            let args = std::iter::once("runtime").chain(line.split(' '));
            if let Err(error) = Cli::try_parse_from(args) {
                panic!("{line}: {error}");
            }
        }
        for line in ["state", "state a b", "kill", "foo", "--bad", "create --bad x", "exec", "list x"] {
            let args = std::iter::once("runtime").chain(line.split(' '));
            assert!(Cli::try_parse_from(args).is_err_and(|error| error.use_stderr()), "{line}");
        }
    }

    #[test]
    fn states_of_others_than_the_systems_root_are_in_the_folder_of_their_session() {
        let of = |is_root, is_foreign, user: Option<&'static str>, session: Option<&'static str>| {
            root_for(is_root, is_foreign, user.map(OsStr::new), session.map(OsStr::new))
        };
        let (run, own) = (Some(PathBuf::from("/run/cowbox")), Some(PathBuf::from("/s/cowbox")));
        assert_eq!(of(true, false, Some("root"), Some("/s")), run);
        assert_eq!(of(false, false, None, Some("/s")), own);
        assert_eq!(of(false, false, Some("ann"), None), None);
        assert_eq!(of(true, true, Some("ann"), Some("/s")), own);
        assert_eq!(of(true, true, Some("root"), Some("/s")), run);
        assert_eq!(of(true, true, None, None), run);
    }

    #[test]
    fn the_bus_of_a_session_is_at_its_socket() {
        assert_eq!(bus_address(Path::new("/run/user/1000/bus")), "unix:path=/run/user/1000/bus");
        assert_eq!(bus_address(Path::new("/a b,c/bus")), "unix:path=/a%20b%2cc/bus");
    }

    #[test]
    fn the_arguments_are_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_version_has_the_specifications() {
        assert_eq!(version(), format!("cowbox version {}\nspec: 1.2.0\n", env!("CARGO_PKG_VERSION")));
    }
}
