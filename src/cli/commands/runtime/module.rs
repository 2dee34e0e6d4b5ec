//! `cowbox runtime module`: the process of a container whose program is a wasm module. Nobody types it.
//!
//! It begins in the container's root, with the host's tree around it, and the module sees nothing but that root: see
//! [`ModuleRunner`].

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::{Failure, Outcome};
use crate::runtime::native::ModuleRunner;
use crate::runtime::wasm::{Wasm, WasmOptions};
use crate::runtime::{Bundle, ErrorKind, Limits, Process, Rootfs, Running, Runtime, Signal, Stdio, User, Workload};
use crate::sys::{self, mountinfo};
use crate::vfs::{
    GuestPath, HostOptions, MemFsOptions, Namespace, ProcInfo, ProcessSource, devfs, host, memfs, procfs,
};

/// The memory that `/proc/meminfo` tells of: the host's is not the module's business.
const MEMORY: u64 = 4 << 30;

/// Run a wasm module
#[derive(clap::Args)]
pub(super) struct Args {
    /// Its working directory
    #[arg(long)]
    cwd: String,
    /// Its user and group, as numbers
    #[arg(long, value_parser = user)]
    user: (u32, u32),
    /// A further group
    #[arg(long)]
    group: Vec<u32>,
    /// Its arguments
    #[arg(last = true)]
    args: Vec<String>,
}

/// How this program is made to run a module.
pub(super) fn runner() -> Option<ModuleRunner> {
    Some(ModuleRunner(vec!["runtime".into(), "module".into()]))
}

fn user(text: &str) -> Result<(u32, u32), String> {
    let (uid, gid) = text.split_once(':').ok_or("it is not UID:GID")?;
    let number = |text: &str| text.parse().map_err(|error| format!("{text:?}: {error}"));
    Ok((number(uid)?, number(gid)?))
}

impl Args {
    pub(super) fn run(self) -> Outcome {
        let root = std::env::current_dir()?;
        let table = fs::read_to_string("/proc/self/mountinfo")?;
        let mounts: Vec<_> = mountinfo::mounts(&table).filter_map(|mount| Mount::within(&root, &mount)).collect();
        if !mounts.iter().any(|mount| mount.path.is_empty()) {
            return Err(Failure::new("`cowbox runtime create` calls this, and nobody else"));
        }
        // The module could write to the memory of this process.
        if let Some(mount) = mounts.iter().find(|mount| mount.kind == "proc") {
            return Err(Failure::new(format!(
                "a wasm module gets no /proc of the host's: remove the mount of /{} from config.json",
                mount.path
            )));
        }
        let processes: Arc<ProcessSource> = Arc::default();
        let namespace = namespace(&mounts, processes.clone())?;
        let name = self.args.first().cloned().unwrap_or_default();
        let cwd = GuestPath::new(&self.cwd).map_err(|errno| Failure::new(format!("{}: {errno}", self.cwd)))?;
        let prefix = ModuleRunner::PREFIX;
        let env = std::env::vars_os().filter_map(|(key, value)| {
            let (key, value) = (key.into_string().ok()?, value.into_string().ok()?);
            Some(format!("{}={value}", key.strip_prefix(prefix)?))
        });
        let process = Process {
            args: self.args,
            env: env.collect(),
            cwd: Some(cwd),
            user: User { uid: self.user.0, gid: self.user.1, groups: self.group },
        };
        let bundle = Bundle {
            name,
            workload: Workload::Guest { process, rootfs: Rootfs { namespace: Arc::new(namespace), processes } },
            limits: Limits::default(),
            stdio: Stdio::inherit(),
            terminal: None,
        };
        run(bundle)
    }
}

fn run(bundle: Bundle) -> Outcome {
    let container = Wasm::new(WasmOptions::default())?.create(bundle).map_err(|error| {
        let code = match error.kind {
            ErrorKind::NotFound => 127,
            _ => 126,
        };
        Failure::from(error).with_code(code)
    })?;
    let running: Arc<dyn Running> = Arc::from(container.start()?);
    let signalled = running.clone();
    sys::signals::on_any(move |number| {
        // A module that has ended needs no signal.
        let _ = signalled.kill(Signal(number));
    });
    let status = running.wait();
    match status.message {
        Some(message) => Err(Failure::new(message).with_code(u8::try_from(status.code).unwrap_or(u8::MAX))),
        None => Ok(status.code),
    }
}

/// What the module sees: the root, with `/dev` and `/proc` of the runtime's, and in `/dev` what was mounted there.
fn namespace(mounts: &[Mount], processes: Arc<ProcessSource>) -> Result<Namespace, Failure> {
    let within = |path: &str, why: &dyn std::fmt::Display| Failure::new(format!("mount /{path}: {why}"));
    let mut namespace = Namespace::new(host(Path::new("."), &HostOptions::default())?);
    let info = ProcInfo {
        hostname: fs::read_to_string("/proc/sys/kernel/hostname")?.trim_end().to_owned(),
        release: "6.12.0-cowbox".into(),
        processors: 1,
        memory_total: MEMORY,
        memory_free: MEMORY,
        mounts: Vec::new(),
        started: Instant::now(),
    };
    let shm = memfs(&MemFsOptions { mode: 0o1777, ..MemFsOptions::default() });
    let system = [("dev", devfs(shm, processes.clone())), ("proc", procfs(info, processes))];
    let given = mounts.iter().filter(|mount| mount.is_given_in_dev());
    let given = given
        .filter_map(|mount| Some((mount.path.as_str(), host(Path::new(&mount.path), &HostOptions::default()).ok()?)));
    for (path, inode) in system.into_iter().chain(given) {
        let target = GuestPath::new(format!("/{path}")).map_err(|errno| within(path, &errno))?;
        namespace.mount_hidden(&target, inode).map_err(|errno| within(path, &errno))?;
    }
    Ok(namespace)
}

/// A mount of the root or in it.
struct Mount {
    /// Where, relative to the root; empty for the root itself.
    path: String,
    /// The type of the file system.
    kind: String,
}

impl Mount {
    /// A mount of the host's table, if it is within the root.
    fn within(root: &Path, mount: &mountinfo::Mount<'_>) -> Option<Mount> {
        let path = Path::new(&*mount.point).strip_prefix(root).ok()?.to_str()?.to_owned();
        Some(Mount { path, kind: mount.kind.to_owned() })
    }

    /// Whether it is in `/dev` and no file system of devices; those are the runtime's.
    fn is_given_in_dev(&self) -> bool {
        self.path.starts_with("dev/") && !["devpts", "devtmpfs", "mqueue"].contains(&self.kind.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_below_the_root_are_found() {
        let within = |root: &str, line| {
            let mount = Mount::within(Path::new(root), &mountinfo::mounts(line).next().unwrap());
            mount.map(|mount| format!("{} {}", mount.path, mount.kind))
        };
        let line = "36 35 0:5 / /r/proc rw,nosuid shared:1 - proc proc rw";
        assert_eq!(within("/r", line).as_deref(), Some("proc proc"));
        let line = "36 35 0:5 /x /r\\040s/a/b rw - ext4 /dev/sda rw";
        assert_eq!(within("/r s", line).as_deref(), Some("a/b ext4"));
        assert_eq!(within("/r", line), None);
        assert_eq!(within("/r", "36 35 0:5 / /r rw - overlay overlay rw").as_deref(), Some(" overlay"));
        assert_eq!(within("/r", "36 35 0:5 / /rx/proc rw - proc proc rw"), None);
        assert_eq!(within("/r", "36 35 0:5 / / rw - ext4 /dev/sda rw"), None);
    }

    #[test]
    fn a_user_is_two_numbers() {
        assert_eq!(user("1:2"), Ok((1, 2)));
        for text in ["1", "a:1", "1:-1", ""] {
            user(text).unwrap_err();
        }
    }
}
