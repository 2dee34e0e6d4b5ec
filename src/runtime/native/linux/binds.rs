//! Bind mounts of a spec, as steps: what they show, and who is able to get at it.

use std::io::ErrorKind;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use super::options::Options;
use super::plan::{refuse, target, text};
use crate::oci::runtime::Mount;
use crate::runtime::Result;
use crate::sys::linux::detached;
use crate::sys::linux::process;
use crate::sys::linux::script::{BindSource, Make, Script, Step};

/// The first `Sync` at which a process waits for what it is to mount: the next ones follow.
pub(super) const BROUGHT: u32 = 16;

/// The bind mounts of a container, beside their steps.
#[derive(Default)]
pub(super) struct Binds {
    /// Copies of mounts that the steps name: open until the process is there.
    pub(super) kept: Vec<OwnedFd>,
    /// What the process waits for.
    late: Vec<Late>,
}

/// Where sources are looked for.
pub(super) struct From<'a> {
    /// Relative sources are in the bundle.
    pub(super) folder: &'a Path,
    /// What is below the root may be there only by a mount before.
    pub(super) root: &'a Path,
    /// Where files are made for the container, in its own mount namespace.
    pub(super) made: Option<&'a Path>,
    /// Those that are made already, by their paths there.
    pub(super) files: &'a [(PathBuf, OwnedFd)],
    /// Whether the process is root of another user namespace, who may not go wherever this process may.
    pub(super) is_foreign: bool,
}

/// A source in the root, with mapped owners: earlier mounts of the container may bring it. It is taken out of the container's tree when it is
/// there, by the parent: in a user namespace nobody may map owners of the host's file systems.
struct Late {
    source: PathBuf,
    recursive: bool,
    maps_below: bool,
    users: OwnedFd,
}

impl Binds {
    /// Adds a bind mount, with owners as the user namespace `users` has them.
    pub(super) fn push(
        &mut self,
        script: &mut Script,
        mount: &Mount,
        options: &Options,
        from: &From<'_>,
        users: Option<OwnedFd>,
    ) -> Result<()> {
        let path = from.folder.join(&mount.source);
        let at = |what: String| refuse(format!("mount {}: {what}", mount.destination));
        let is_made = from.made.is_some_and(|made| path.starts_with(made));
        let make = match std::fs::metadata(&path) {
            _ if is_made => Make::File,
            // A mount before this one may bring it, or something else in its place.
            _ if path.starts_with(from.root) => Make::AsSource,
            Ok(meta) if meta.is_dir() => Make::Directory,
            Ok(_) => Make::File,
            Err(error) => return Err(at(format!("bind source {}: {error}", path.display()))),
        };
        let name = path.to_str().ok_or_else(|| refuse(format!("{}: not UTF-8", path.display())))?.to_owned();
        // config.md "mounts": ridmap is for the mounts below, too.
        let maps_below = options.recursive && options.id_map == Some(true);
        let made = from.files.iter().find(|(at, _)| *at == path).map(|(_, file)| file.as_raw_fd());
        let source = match (made, users, of_other_process(&path)) {
            (Some(made), ..) => BindSource::Detached(made),
            (None, Some(users), _) if make == Make::AsSource => {
                let point = BROUGHT + u32::try_from(self.late.len()).map_err(|_| at("too many".into()))?;
                script.push(Step::Sync(point), format!("wait for {name}"));
                let source = real(from.root, &path).map_err(|error| at(format!("{name}: {error}")))?;
                self.late.push(Late { source, recursive: options.recursive, maps_below, users });
                BindSource::Received
            }
            (None, Some(users), _) => self
                .keep(detached::copy(&path, options.recursive).and_then(|tree| map(tree, maps_below, &users)))
                .map_err(|error| at(format!("map the owners of {name}: {error}")).hint(MAP_HINT))?,
            (None, None, Some((pid, inside))) => self
                .keep(detached::of_process(pid, inside, options.recursive))
                .map_err(|error| at(format!("take {name} over: {error}")))?,
            (None, None, None) if from.is_foreign && make != Make::AsSource && !is_made => {
                match self.keep(detached::copy(&path, options.recursive)) {
                    // Whose tree of mounts is another's, as that of others than root: the process sees what they see.
                    Err(error) if error.kind() == ErrorKind::PermissionDenied => BindSource::Path(text(&name)?),
                    kept => kept.map_err(|error| at(format!("copy the mount {name}: {error}")))?,
                }
            }
            (None, None, None) => BindSource::Path(text(&name)?),
        };
        let (target_of_it, attributes) = (target(&mount.destination, make)?, options.attributes());
        let step = Step::Bind {
            source,
            target: target_of_it,
            recursive: options.recursive,
            attributes,
            spread: options.spread(),
        };
        script.push(step, format!("mount {name} on {}", mount.destination));
        let attributes = options.attributes_below();
        if !attributes.is_empty() {
            let step = Step::SetMount { target: target(&mount.destination, Make::Nothing)?, attributes };
            script.push(step, format!("set attributes of {} and below", mount.destination));
        }
        Ok(())
    }

    fn keep(&mut self, tree: std::io::Result<OwnedFd>) -> std::io::Result<BindSource> {
        let tree = tree?;
        let source = BindSource::Detached(tree.as_raw_fd());
        self.kept.push(tree);
        Ok(source)
    }

    /// What the process `pid` waits for at a `Sync`, if it is one of these.
    pub(super) fn bring(&self, point: u32, pid: u32) -> Option<Result<OwnedFd>> {
        let late = self.late.get(usize::try_from(point.checked_sub(BROUGHT)?).ok()?)?;
        let source = late.source.strip_prefix("/").unwrap_or(&late.source);
        let tree = detached::of_process(pid, source, late.recursive)
            .and_then(|tree| map(tree, late.maps_below, &late.users))
            .map_err(|error| refuse(format!("map the owners of {}: {error}", late.source.display())).hint(MAP_HINT));
        Some(tree)
    }
}

const MAP_HINT: &str = "the file system must support mapped owners, and the caller be root of it";

fn map(tree: OwnedFd, below: bool, users: &OwnedFd) -> std::io::Result<OwnedFd> {
    detached::map_owners(&tree, below, users).map(|()| tree)
}

/// The path below the root, which itself is a path without links of the host's.
fn real(root: &Path, path: &Path) -> std::io::Result<PathBuf> {
    Ok(root.canonicalize()?.join(path.strip_prefix(root).unwrap_or(path)))
}

/// The process and the path in its root of a source such as `/proc/7/root/dev/shm`, where its mounts are not those of this
/// process.
fn of_other_process(source: &Path) -> Option<(u32, &Path)> {
    let (pid, inside) = in_root_of_process(source)?;
    let own = process::namespace(std::process::id(), "mnt").ok()?;
    process::namespace(pid, "mnt").is_ok_and(|other| other != own).then_some((pid, inside))
}

fn in_root_of_process(source: &Path) -> Option<(u32, &Path)> {
    let rest = source.strip_prefix("/proc").ok()?;
    let mut parts = rest.components();
    let pid = parts.next()?.as_os_str().to_str()?.parse().ok()?;
    (parts.next()?.as_os_str() == "root").then_some((pid, parts.as_path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_in_the_root_of_a_process_is_told_from_others() {
        let of = |path: &'static str| in_root_of_process(Path::new(path));
        assert_eq!(of("/proc/7/root/dev/shm"), Some((7, Path::new("dev/shm"))));
        for other in ["/proc/7/cwd", "/proc/self/root/a", "/7/root/a", "/proc"] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
