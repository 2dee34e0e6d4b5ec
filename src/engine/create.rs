//! `create`: what an image and options make of a container, before anything runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use super::change::{all_ports, set_env};
use super::error::{About, Error, ErrorKind, Result};
use super::id_ranges;
use super::images::Image;
use super::names::{is_valid_name, random_name};
use super::native_binds;
use super::native_options;
use super::resources;
use super::rootless;
use super::runtimes::has_runtime;
use super::{Engine, parse_signal};
use crate::oci::{Platform, WasmEvidence, WasmShape, hex, wasm_shape};
use crate::store::{
    self, ContainerId, ContainerRecord, IsolationRecord, LimitsRecord, MountRecord, MountSource, ResourcesRecord,
    Volume,
};
use crate::sys::random;
use crate::vfs::{GuestPath, Namespace};

/// The search path of a container whose image gives none (Docker's).
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// One mount that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeOption {
    /// The mount.
    pub mount: MountRecord,
    /// Whether a folder of the host that is missing is made, as `-v` does.
    pub create_source: bool,
}

/// What a container is created with.
#[derive(Clone, Debug, Default)]
pub struct CreateOptions {
    /// The image: a name, an id, or a digest.
    pub image: String,
    /// The arguments, which replace the image's.
    pub args: Vec<String>,
    /// The container's name; one is made up where none is given.
    pub name: Option<String>,
    /// The entry point, which replaces the image's and its arguments; an empty text is no entry point.
    pub entrypoint: Option<String>,
    /// Variables, as `KEY=VALUE`, or `KEY` to remove one of the image's.
    pub env: Vec<String>,
    /// The working directory.
    pub working_dir: Option<String>,
    /// Who runs the process: `USER[:GROUP]`.
    pub user: Option<String>,
    /// The host name; the short id where none is given.
    pub hostname: Option<String>,
    /// Labels beside those of the image.
    pub labels: BTreeMap<String, String>,
    /// What is noted of the container, by name; never part of an image.
    pub annotations: BTreeMap<String, String>,
    /// Ports beside those of the image: `80`, `53/udp`, `8000-8010`.
    pub exposed_ports: Vec<String>,
    /// Everything to mount.
    pub volumes: Vec<VolumeOption>,
    /// Containers, as `NAME[:ro]`, whose volumes and binds are mounted where nothing else is.
    pub volumes_from: Vec<String>,
    /// Whether the root file system cannot be written to.
    pub read_only: bool,
    /// Whether the container goes when it ends.
    pub auto_remove: bool,
    /// It is to run in the background, without the streams of who creates it.
    pub detached: bool,
    /// Whether standard input stays open.
    pub open_stdin: bool,
    /// Whether the process has a terminal.
    pub tty: bool,
    /// The signal that asks it to end, by name or number; the image's where none is given.
    pub stop_signal: Option<String>,
    /// Seconds that it has to end after that signal, -1 for as long as it takes.
    pub stop_timeout: Option<i64>,
    /// What the container may use.
    pub limits: LimitsRecord,
    /// What only the cgroup of a native container limits.
    pub resources: ResourcesRecord,
    /// The platform the image must have. Of several images under the name the one for it is taken.
    pub platform: Option<Platform>,
    /// The runtime that the image must fit, `native` or `wasm`. Of several images under the name one for it is taken.
    pub runtime: Option<String>,
    /// How a native container is kept apart from the host.
    pub isolation: IsolationRecord,
}

impl CreateOptions {
    /// A container of `image` with these arguments and nothing else special.
    pub fn new<A: Into<String>>(image: impl Into<String>, args: impl IntoIterator<Item = A>) -> CreateOptions {
        CreateOptions {
            image: image.into(),
            args: args.into_iter().map(Into::into).collect(),
            ..CreateOptions::default()
        }
    }
}

impl Engine {
    /// Creates a container, which does not run yet.
    pub fn create(&self, options: &CreateOptions) -> Result<ContainerId> {
        // The image stays until the record names it.
        let _lease = self.store.lease()?;
        let shared = self.volumes_from(options)?;
        let options = shared.as_ref().unwrap_or(options);
        let mut record = self.plan(options)?;
        options.name.as_deref().map_or(Ok(()), check_name)?;
        let _ids = self.choose_ids(&mut record)?;
        self.choose_labels(&mut record)?;
        self.make_volumes(&mut record, options)?;
        let added = match &options.name {
            Some(name) => self.store.add_container(&record, name).map_err(Error::from),
            None => self.add_with_random_name(&record),
        };
        added.inspect_err(|_| self.remove_anonymous_volumes(&record))?;
        Ok(record.id)
    }

    /// Gives a container another name, running or not.
    pub fn rename(&self, key: &str, name: &str) -> Result<()> {
        check_name(name)?;
        let container = self.container(key)?;
        if container.name == name {
            return Err(Error::invalid(format!("renaming a container with the same name as its current name: {name}")));
        }
        Ok(self.store.rename_container(&container.record.id, name)?)
    }

    fn add_with_random_name(&self, record: &ContainerRecord) -> Result<()> {
        let mut attempt = 0;
        loop {
            match self.store.add_container(record, &random_name(attempt)?) {
                Err(store::Error::Conflict(_)) if attempt < 20 => attempt += 1,
                result => return Ok(result?),
            }
        }
    }

    /// The record of a container, of which nothing is stored yet.
    pub(super) fn plan(&self, options: &CreateOptions) -> Result<ContainerRecord> {
        let fits = |platform: &Platform| {
            let is_of_runtime = |name: &String| platform.is_wasm() == (name == "wasm");
            options.platform.as_ref().is_none_or(|wanted| platform.matches(wanted))
                && options.runtime.as_ref().is_none_or(is_of_runtime)
        };
        let image = self.image_that(&options.image, fits)?;
        let platform = image.platform();
        if let Some(wanted) = options.platform.as_ref().filter(|wanted| !platform.matches(wanted)) {
            return Err(Error::not_found(format!(
                "image {} is for {platform}, and {wanted} was asked for",
                options.image
            )));
        }
        let config = &image.config.view.config;
        let (entrypoint, args) = match &options.entrypoint {
            Some(entrypoint) if entrypoint.is_empty() => (Vec::new(), options.args.clone()),
            Some(entrypoint) => (vec![entrypoint.clone()], options.args.clone()),
            None if options.args.is_empty() => (config.entrypoint.clone(), config.cmd.clone()),
            None => (config.entrypoint.clone(), options.args.clone()),
        };
        let entrypoint_len = entrypoint.len();
        let args = [entrypoint, args].concat();
        if args.first().is_none_or(String::is_empty) {
            return Err(Error::invalid("no command specified")
                .hint(format!("name one: `cowbox run {} COMMAND`; the image has none of its own", options.image)));
        }
        let id = ContainerId::random()?;
        let hostname = options.hostname.clone().or_else(|| native_options::default_hostname(&options.isolation));
        let hostname = hostname.unwrap_or_else(|| id.short().to_owned());
        let working_dir = options.working_dir.clone().unwrap_or_else(|| config.working_dir.clone());
        if !working_dir.is_empty() && !working_dir.starts_with('/') {
            return Err(Error::invalid(format!(
                "the working directory '{working_dir}' is invalid, it needs to be an absolute path"
            )));
        }
        if let Some(signal) = options.stop_signal.as_deref().filter(|signal| parse_signal(signal).is_none()) {
            return Err(Error::invalid(format!("invalid signal: {signal}")));
        }
        let record = ContainerRecord {
            created: jiff::Timestamp::now().to_string(),
            image: options.image.clone(),
            image_id: image.id,
            manifest: image.manifest.digest(),
            runtime: self.runtime_for(&image, &args[0], options.runtime.as_deref())?,
            platform: platform.to_string(),
            env: environment(&config.env, &options.env, &hostname, options.tty),
            args,
            entrypoint_len,
            working_dir: if working_dir.is_empty() { "/".into() } else { working_dir },
            user: rootless::user_of(&options.isolation, options.user.as_ref())?.unwrap_or_else(|| config.user.clone()),
            hostname,
            labels: config.labels.iter().chain(&options.labels).map(|(k, v)| (k.clone(), v.clone())).collect(),
            annotations: options.annotations.clone(),
            exposed_ports: exposed_ports(&config.exposed_ports, &options.exposed_ports)?,
            mounts: all_mounts(config.volumes.0.iter(), &options.volumes)?,
            read_only: options.read_only,
            auto_remove: options.auto_remove,
            detached: options.detached,
            open_stdin: options.open_stdin,
            tty: options.tty,
            stop_signal: options
                .stop_signal
                .clone()
                .or_else(|| Some(config.stop_signal.clone()).filter(|signal| !signal.is_empty())),
            stop_timeout: options.stop_timeout,
            limits: options.limits.clone(),
            resources: options.resources.clone(),
            isolation: options.isolation.clone(),
            id,
        };
        if record.runtime == "native" {
            resources::check(&record.limits, &record.resources)?;
            native_options::check(options)?;
        } else if let Some(flag) = native_flag(&record.isolation)
            .or(resources::cgroup_flag(&record.resources).map(str::to_owned))
            .or_else(|| native_binds::native_flag(&record.mounts))
        {
            let message = format!("{flag} is for native containers, and image {} is for {platform}", options.image);
            return Err(
                Error::invalid(message).hint("leave it away: a WASI program has nothing of the host to be kept from")
            );
        }
        Ok(record)
    }

    /// The runtime that the image asks for: wasm for wasm platforms and for wasm programs in images of other platforms.
    fn runtime_for(&self, image: &Image, program: &str, asked: Option<&str>) -> Result<String> {
        let platform = image.platform();
        let shape = wasm_shape(&image.manifest.view, Some(&image.config.view), None)?;
        let wants_wasm = platform.is_wasm()
            || matches!(shape, Some(WasmShape::Image(WasmEvidence::Annotation | WasmEvidence::Platform)))
            || self.is_wasm_program(image, program);
        let name = if wants_wasm { "wasm" } else { "native" };
        if let Some(asked) = asked.filter(|asked| *asked != name) {
            return Err(match asked {
                "native" | "wasm" => Error::invalid(format!(
                    "--runtime {asked}: image {} is for {platform}, which the runtime {name} runs",
                    image.display_name()
                )),
                _ => Error::invalid(format!("unknown or invalid runtime name: {asked}"))
                    .hint("native and wasm are known"),
            });
        }
        let host = Platform::host();
        if !wants_wasm && has_runtime(name) && !platform.matches(&host) {
            return Err(Error::new(
                ErrorKind::ProgramNotExecutable,
                format!("image {} is for {platform}, and this host is {host}", image.display_name()),
            )
            .hint("a host of that platform runs it"));
        }
        if has_runtime(name) {
            return Ok(name.into());
        }
        let error = match wants_wasm {
            true => {
                Error::new(ErrorKind::ProgramNotExecutable, format!("image {} is for {platform}", image.display_name()))
                    .hint("this build of cowbox has no wasm runtime: build it with the feature `wasm`")
            }
            false => Error::new(
                ErrorKind::ProgramNotExecutable,
                format!(
                    "image {} is for {platform}, and this build of cowbox runs WASI programs only",
                    image.display_name()
                ),
            )
            .hint("Docker or Podman on a Linux host runs it; `cowbox images` shows what runs here"),
        };
        Err(error)
    }

    /// Whether the program is a WASI module by its first bytes.
    fn is_wasm_program(&self, image: &Image, program: &str) -> bool {
        let Ok(tree) = self.store.tree(&image.config.view.rootfs.diff_ids) else { return false };
        let mut magic = [0; 4];
        let read =
            Namespace::new(tree).find(format!("/{program}").as_bytes()).and_then(|inode| inode.read_at(&mut magic, 0));
        read == Ok(4) && &magic == b"\0asm"
    }

    /// Makes the volumes that do not exist yet, gives anonymous ones their names, and makes paths of the host absolute.
    fn make_volumes(&self, record: &mut ContainerRecord, options: &CreateOptions) -> Result<()> {
        for mount in &mut record.mounts {
            match &mut mount.source {
                MountSource::Bind { path } => {
                    let create = options
                        .volumes
                        .iter()
                        .any(|volume| volume.create_source && volume.mount.target == mount.target);
                    *path = bind_source(path, create)?;
                }
                MountSource::Volume { name, anonymous, .. } => {
                    if *anonymous {
                        let mut bytes = [0; 32];
                        random::fill(&mut bytes)?;
                        *name = hex(&bytes);
                    }
                    self.store.add_volume(&Volume {
                        name: name.clone(),
                        created: record.created.clone(),
                        labels: BTreeMap::new(),
                        anonymous: *anonymous,
                    })?;
                }
                MountSource::Tmpfs { .. } => {}
            }
        }
        Ok(())
    }
}

fn check_name(name: &str) -> Result<()> {
    match is_valid_name(name) {
        true => Ok(()),
        false => {
            Err(Error::invalid(format!("invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")))
        }
    }
}

/// The first option that native containers alone have, as it is given on the command line.
fn native_flag(isolation: &IsolationRecord) -> Option<String> {
    let given = |flag: &str, is_given: bool| is_given.then(|| flag.to_owned());
    let first = |flag: &str, words: &[String]| words.first().map(|word| format!("{flag} {word}"));
    let ulimit = |(name, soft, hard): &(String, u64, u64)| match soft == hard {
        true => format!("--ulimit {name}={soft}"),
        false => format!("--ulimit {name}={soft}:{hard}"),
    };
    given("--privileged", isolation.privileged)
        .or_else(|| first("--cap-add", &isolation.cap_add))
        .or_else(|| first("--cap-drop", &isolation.cap_drop))
        .or_else(|| given("--security-opt", isolation.no_new_privileges || isolation.seccomp.is_some()))
        .or_else(|| isolation.sysctls.first().map(|(name, value)| format!("--sysctl {name}={value}")))
        .or_else(|| isolation.ulimits.first().map(ulimit))
        .or_else(|| given("--shm-size", isolation.shm_size.is_some()))
        .or_else(|| native_options::native_flag(isolation))
        .or_else(|| given("--init", isolation.init))
        .or_else(|| first("--group-add", &isolation.group_add))
        .or_else(|| given("--oom-score-adj", isolation.oom_score_adj.is_some()))
        .or_else(|| given("--userns", rootless::keeps_ids(isolation) || id_ranges::is_auto(isolation)))
}

fn bind_source(path: &PathBuf, create: bool) -> Result<PathBuf> {
    let absolute = std::path::absolute(path).about(|| path.display().to_string())?;
    if !absolute.exists() {
        if !create {
            return Err(Error::invalid(format!(
                "invalid mount config for type \"bind\": bind source path does not exist: {}",
                absolute.display()
            )));
        }
        fs::create_dir_all(&absolute).about(|| format!("create {}", absolute.display()))?;
    }
    Ok(absolute)
}

/// The ports of the image, and those that were asked for.
fn exposed_ports(of_image: &BTreeSet<String>, asked: &[String]) -> Result<BTreeSet<String>> {
    let asked = all_ports(asked.iter().map(String::as_str))?;
    Ok(of_image.iter().cloned().chain(asked).collect())
}

/// The mounts that were asked for, and a volume for each of the image's that none of them covers.
fn all_mounts<'a>(of_image: impl Iterator<Item = &'a String>, asked: &[VolumeOption]) -> Result<Vec<MountRecord>> {
    let mut mounts: Vec<MountRecord> = Vec::new();
    for volume in asked {
        if mounts.iter().any(|mount| mount.target == volume.mount.target) {
            return Err(Error::invalid(format!("duplicate mount point: {}", volume.mount.target)));
        }
        mounts.push(volume.mount.clone());
    }
    for path in of_image {
        let target = GuestPath::new(path).about(|| format!("volume {path} of the image"))?.to_string();
        if target != "/" && mounts.iter().all(|mount| mount.target != target) {
            let source = MountSource::Volume { name: String::new(), anonymous: true, no_copy: false };
            mounts.push(MountRecord::new(source, target));
        }
    }
    // What lies higher is mounted first.
    mounts.sort_by_key(|mount| mount.target.matches('/').count());
    Ok(mounts)
}

/// The image's variables, changed as asked, with those that every container has.
fn environment(of_image: &[String], asked: &[String], hostname: &str, tty: bool) -> Vec<String> {
    let mut env = Vec::new();
    if !of_image.iter().any(|line| line.starts_with("PATH=")) {
        set_env(&mut env, "PATH", DEFAULT_PATH);
    }
    set_env(&mut env, "HOSTNAME", hostname);
    if tty {
        set_env(&mut env, "TERM", "xterm");
    }
    for line in of_image.iter().chain(asked) {
        match line.split_once('=') {
            Some((key, value)) => set_env(&mut env, key, value),
            None => env.retain(|old| old.split('=').next() != Some(line)),
        }
    }
    env
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_in_place_and_removed() {
        let image = ["PATH=/bin".to_owned(), "A=1".into(), "B=2".into()];
        let asked = ["A=x=y".to_owned(), "B".into(), "C=".into()];
        assert_eq!(environment(&image, &asked, "h", false), ["HOSTNAME=h", "PATH=/bin", "A=x=y", "C="]);
        assert_eq!(environment(&[], &[], "h", false)[0], format!("PATH={DEFAULT_PATH}"));
        let asked = ["TERM=vt100".to_owned()];
        assert_eq!(environment(&image, &[], "h", true)[1], "TERM=xterm");
        assert_eq!(environment(&image, &asked, "h", true)[1], "TERM=vt100");
    }

    #[test]
    fn options_of_native_containers_are_named() {
        assert_eq!(native_flag(&IsolationRecord::default()), None);
        let ulimits = vec![("core".to_owned(), 1, 2)];
        let record = IsolationRecord { ulimits, init: true, ..IsolationRecord::default() };
        assert_eq!(native_flag(&record).unwrap(), "--ulimit core=1:2");
        let record = IsolationRecord { cap_add: vec!["SYS_TIME".into()], ..record };
        assert_eq!(native_flag(&record).unwrap(), "--cap-add SYS_TIME");
    }

    #[test]
    fn a_mount_covers_the_images_volume_and_parents_come_first() {
        let asked =
            [VolumeOption::parse_volume("/tmp:/data/deep").unwrap(), VolumeOption::parse_volume("vol:/data").unwrap()];
        let image = ["/data".to_owned(), "/log/".into()];
        let mounts = all_mounts(image.iter(), &asked).unwrap();
        let targets = mounts.iter().map(|mount| mount.target.as_str()).collect::<Vec<_>>();
        assert_eq!(targets, ["/data", "/log", "/data/deep"]);
    }
}
