//! `cowbox create`, and the options that it shares with `run`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::ArgAction;

use super::isolation::ulimit;
use super::rare::Rare;
use crate::cli::context::{Context, Failure, Outcome};
use crate::cli::output::units::{parse_duration, parse_size};
use crate::engine::{CreateOptions, VolumeOption};
use crate::store::{ContainerId, LimitsRecord};

/// A limit of each process: name, soft, hard.
type Ulimit = (String, u64, u64);

/// The options of a new container.
#[derive(clap::Args)]
pub(in crate::cli) struct Options<R: clap::Args = Rare> {
    /// Assign a name to the container
    #[arg(long)]
    name: Option<String>,
    /// Set environment variables (KEY=VALUE, or KEY to take this shell's value)
    #[arg(short, long, value_name = "KEY[=VALUE]")]
    env: Vec<String>,
    /// Read in a file of environment variables
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Working directory inside the container
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// User name or id (format: <name|uid>[:<group|gid>])
    #[arg(short, long)]
    user: Option<String>,
    /// Overwrite the default entry point of the image
    #[arg(long)]
    entrypoint: Option<String>,
    /// Container host name
    #[arg(short = 'h', long)]
    hostname: Option<String>,
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
    /// Bind mount a host path or mount a volume (SOURCE:TARGET[:ro,rshared,...])
    #[arg(short, long)]
    volume: Vec<String>,
    /// Attach a file system mount (type=bind|volume|tmpfs,source=...,target=...)
    #[arg(long)]
    mount: Vec<String>,
    /// Mount the volumes of another container, at the same places (NAME[:ro])
    #[arg(long, value_name = "CONTAINER")]
    volumes_from: Vec<String>,
    /// Mount a tmpfs directory (TARGET[:size=...,mode=...,exec,...])
    #[arg(long)]
    tmpfs: Vec<String>,
    /// Mount the container's root file system as read only
    #[arg(long)]
    read_only: bool,
    /// End the container after this time (such as 30s)
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,
    /// End the container after this CPU time (such as 30s)
    #[arg(long, value_name = "DURATION")]
    cpu_time: Option<String>,
    /// Most bytes that the container may write to its own file system
    #[arg(long, value_name = "BYTES")]
    disk: Option<String>,
    /// Most bytes that the container may write to its standard streams
    #[arg(long, value_name = "BYTES")]
    output_limit: Option<String>,
    /// Ulimit options (such as nofile=1024:4096)
    #[arg(long, value_name = "NAME=SOFT[:HARD]")]
    ulimit: Vec<String>,
    #[command(flatten)]
    rare: R,
    /// Set metadata on the container
    #[arg(short, long, value_name = "KEY=VALUE")]
    label: Vec<String>,
    /// Read in a file of labels, one a line
    #[arg(long, value_name = "FILE")]
    label_file: Vec<PathBuf>,
    /// Add an annotation, which inspect shows
    #[arg(long, value_name = "KEY=VALUE")]
    annotation: Vec<String>,
    /// Say that the program listens at a port or a range of ports (such as 80, 53/udp, 8000-8010)
    #[arg(long, value_name = "PORT")]
    expose: Vec<String>,
    /// Write the container's id to this file, which must not be there
    #[arg(long, value_name = "FILE")]
    cidfile: Option<PathBuf>,
    /// Keep standard input open
    #[arg(short, long)]
    interactive: bool,
    /// Allocate a terminal for the container
    #[arg(short, long)]
    tty: bool,
    /// Set the platform the image must have
    #[arg(long)]
    platform: Option<String>,
    /// Runtime that the image must fit (native or wasm)
    #[arg(long, value_name = "NAME")]
    runtime: Option<String>,
    /// Automatically remove the container when it exits
    #[arg(long)]
    rm: bool,
    /// Signal to stop the container, by name or number [default: the image's, or TERM]
    #[arg(long, value_name = "SIGNAL")]
    stop_signal: Option<String>,
    /// Seconds to wait after that signal before killing the container (-1 for without end) [default: 10]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    stop_timeout: Option<i64>,
    /// The image
    image: String,
    /// The command, with its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Options {
    pub(super) fn is_interactive(&self) -> bool {
        self.interactive
    }

    pub(super) fn has_terminal(&self) -> bool {
        self.tty
    }

    pub(super) fn is_removed(&self) -> bool {
        self.rm
    }

    /// The options as the engine takes them.
    pub(super) fn resolve(&self, detached: bool) -> Result<CreateOptions, Failure> {
        let (limits, ulimits) = self.limits()?;
        Ok(CreateOptions {
            image: self.image.clone(),
            args: self.args.clone(),
            name: self.name.clone().filter(|name| !name.is_empty()),
            entrypoint: self.entrypoint.clone(),
            env: environment(&self.env_file, &self.env)?,
            working_dir: self.workdir.clone(),
            user: self.user.clone(),
            hostname: self.hostname.clone(),
            labels: self.labels()?,
            annotations: labels(&self.annotation),
            exposed_ports: self.expose.clone(),
            volumes: self.volumes()?,
            volumes_from: self.volumes_from.clone(),
            read_only: self.read_only,
            auto_remove: self.rm,
            detached,
            open_stdin: self.interactive,
            tty: self.tty,
            stop_signal: self.stop_signal.clone(),
            stop_timeout: self.stop_timeout,
            limits,
            resources: self.rare.resources.resolve()?,
            isolation: self.rare.isolation(ulimits)?,
            platform: self.platform.as_deref().map(str::parse).transpose()?,
            runtime: self.runtime.clone(),
        })
    }

    /// The labels, those of files first. A line that is empty or begins with # is none.
    fn labels(&self) -> Result<BTreeMap<String, String>, Failure> {
        let mut words = Vec::new();
        for path in &self.label_file {
            words.extend(lines(path)?);
        }
        words.extend(self.label.iter().cloned());
        Ok(labels(&words))
    }

    /// Creates the container, and writes its id where that was asked for.
    pub(super) fn create(&self, context: &Context, detached: bool) -> Result<ContainerId, Failure> {
        let options = self.resolve(detached).map_err(Failure::before_run)?;
        let engine = context.engine().map_err(Failure::before_run)?;
        // Nobody loses the id of another container.
        let file = self.cidfile.as_ref().map(|path| id_file(path)).transpose().map_err(Failure::before_run)?;
        let created = engine.create(&options).map_err(Failure::of_run);
        let (Some(mut file), Some(path)) = (file, &self.cidfile) else { return created };
        let id = created.inspect_err(|_| {
            // It is ours and empty; why there is no container is the error to tell.
            let _ = fs::remove_file(path);
        })?;
        let written = file.write_all(id.as_str().as_bytes());
        written.map_err(|error| Failure::new(format!("{}: {error}", path.display())).before_run())?;
        Ok(id)
    }

    fn volumes(&self) -> Result<Vec<VolumeOption>, Failure> {
        let mut volumes = Vec::new();
        for text in &self.volume {
            volumes.push(VolumeOption::parse_volume(text)?);
        }
        for text in &self.mount {
            volumes.push(VolumeOption::parse_mount(text)?);
        }
        for text in &self.tmpfs {
            volumes.push(VolumeOption::parse_tmpfs(text, |size| parse_size(size).ok())?);
        }
        Ok(volumes)
    }

    /// The limits, and those of each process that only native containers have.
    fn limits(&self) -> Result<(LimitsRecord, Vec<Ulimit>), Failure> {
        let seconds = |text: &Option<String>| -> Result<Option<f64>, Failure> {
            Ok(text.as_deref().map(parse_duration).transpose()?.map(|duration| duration.as_secs_f64()))
        };
        let size = |text: &Option<String>| -> Result<Option<u64>, Failure> {
            Ok(text.as_deref().map(parse_size).transpose()?)
        };
        let (mut open_files, mut ulimits) = (None, Vec::new());
        for text in &self.ulimit {
            let (name, soft, hard) = ulimit(text)?;
            match (name.as_str(), u32::try_from(soft), hard) {
                ("nofile", Ok(soft), None) => open_files = Some(soft),
                _ => ulimits.push((name, soft, hard.unwrap_or(soft))),
            }
        }
        let limits = LimitsRecord {
            timeout: seconds(&self.timeout)?,
            cpu_time: seconds(&self.cpu_time)?,
            open_files,
            output: size(&self.output_limit)?,
            disk: size(&self.disk)?,
            ..self.rare.resources.limits()?
        };
        Ok((limits, ulimits))
    }
}

fn id_file(path: &Path) -> Result<File, Failure> {
    File::create_new(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::new(format!(
            "container ID file found, make sure the other container isn't running or delete {}",
            path.display()
        )),
        _ => Failure::new(format!("{}: {error}", path.display())),
    })
}

/// The lines of a file that say something.
fn lines(path: &Path) -> Result<Vec<String>, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    let lines = text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}

/// The variables of files and of options, those later in the list last. A name alone stands for the value it has here, or for
/// none.
pub(super) fn environment(files: &[PathBuf], words: &[String]) -> Result<Vec<String>, Failure> {
    let mut all = Vec::new();
    for path in files {
        all.extend(lines(path)?);
    }
    all.extend(words.iter().cloned());
    let mut env = Vec::new();
    for line in all {
        let key = line.split('=').next().unwrap_or_default();
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err(Failure::new(format!("invalid environment variable: {line}")));
        }
        match line.contains('=') {
            true => env.push(line),
            false => env.push(std::env::var(&line).map_or(line.clone(), |value| format!("{line}={value}"))),
        }
    }
    Ok(env)
}

/// `KEY=VALUE` words; a key alone has an empty value.
pub(super) fn labels(words: &[String]) -> BTreeMap<String, String> {
    let pair = |word: &String| match word.split_once('=') {
        Some((key, value)) => (key.to_owned(), value.to_owned()),
        None => (word.clone(), String::new()),
    };
    words.iter().map(pair).collect()
}

/// Create a new container
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(in crate::cli) struct Args<R: clap::Args = Rare> {
    #[command(flatten)]
    options: Options<R>,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let id = self.options.create(context, false).map_err(|failure| Failure { code: 1, ..failure })?;
        context.print_line(id.as_str())?;
        Ok(0)
    }
}
