//! The options `z` and `Z` of a mount: its files on the host get a label of SELinux that containers may use.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::error::{About, Error};
use super::selinux;
use crate::runtime::native::caller;
use crate::store::Relabel;
use crate::sys::raw_files::{RawEntry, RawFile};

/// Where the kernel keeps the label of a file.
const NAME: &[u8] = b"security.selinux";

/// How deep a folder may be: one directory is held open for each level.
const DEPTH_MAX: usize = 512;

/// What the host could not do without its labels: the list of Docker and Podman.
const NEVER: [&str; 24] = [
    "/",
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/etc/passwd",
    "/etc/pki",
    "/etc/shadow",
    "/home",
    "/lib",
    "/lib64",
    "/media",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/srv",
    "/sys",
    "/tmp",
    "/usr",
    "/var",
    "/var/lib",
    "/var/log",
];

/// Gives what is at `path` the label that the files of a container have, `mount`, or that of files which all containers may use.
/// Without a label nothing is done.
pub(super) fn relabel(path: &Path, how: Relabel, mount: &str) -> Result<(), Error> {
    if mount.is_empty() {
        return Ok(());
    }
    let label = match how {
        Relabel::Shared => selinux::shared(mount),
        Relabel::Private => mount.to_owned(),
    };
    let walk = Walk { label: label.as_bytes(), never: never() };
    walk.all(path).map_err(|error| match error {
        Fault::Never => Error::invalid(format!("SELinux relabeling of {} is not allowed", path.display()))
            .hint(format!("mount a folder below it, or leave {} away", how.letter())),
        Fault::Deep => {
            Error::invalid(format!("SELinux relabeling of {}: folders lie more than {DEPTH_MAX} deep", path.display()))
        }
        Fault::Io(error) => Error::from(error).about(format!("give {} the label {label}", path.display())),
    })
}

/// Gives the files of a new volume the label of those that all containers may use, where the host has it.
pub(super) fn label_volume(directory: &Path) -> Result<(), Error> {
    let Some(label) = selinux::of_volumes() else { return Ok(()) };
    relabel(directory, Relabel::Shared, &label).about(|| "label a new volume".to_owned())
}

/// Device and inode of what is never labelled, by whatever path it is come to.
fn never() -> Vec<(u64, u64)> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let login = fs::read_to_string("/proc/self/loginuid").ok().and_then(|uid| uid.trim().parse().ok());
    let own = [Some(caller().0), login].into_iter().flatten();
    let homes = own.flat_map(|uid| homes(&passwd, uid)).collect::<Vec<_>>();
    let paths = NEVER.into_iter().chain(homes);
    paths.filter_map(|path| identity(&RawFile::at(Path::new(path)).ok()?).ok()).collect()
}

/// The home directories of a user, by a file such as `/etc/passwd`.
fn homes(passwd: &str, uid: u32) -> impl Iterator<Item = &str> {
    passwd.lines().filter_map(move |line| {
        let mut fields = line.split(':').skip(2);
        let is_theirs = fields.next()?.parse() == Ok(uid);
        fields.nth(2).filter(|home| is_theirs && !home.is_empty())
    })
}

fn identity(file: &RawFile) -> io::Result<(u64, u64)> {
    file.stat().map(|stat| (stat.dev, stat.ino))
}

#[derive(Debug)]
enum Fault {
    Never,
    Deep,
    Io(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Io(error)
    }
}

/// A walk through files that gives them a label. Each step goes from a directory to a name in it, and follows no link.
struct Walk<'a> {
    label: &'a [u8],
    never: Vec<(u64, u64)>,
}

impl Walk<'_> {
    fn all(&self, path: &Path) -> Result<(), Fault> {
        let mut open = Vec::from_iter(self.step(RawFile::at(path)?)?);
        while let Some((directory, left)) = open.last_mut() {
            let Some(entry) = left.pop() else {
                open.pop();
                continue;
            };
            match directory.child(&entry.name).map_err(Fault::Io).and_then(|file| self.step(file)) {
                Ok(Some(_)) if open.len() == DEPTH_MAX => return Err(Fault::Deep),
                Ok(entered) => open.extend(entered),
                // Gone since it was listed.
                Err(Fault::Io(error)) if error.kind() == ErrorKind::NotFound => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    /// Labels a file, and lists it if it is a directory.
    fn step(&self, file: RawFile) -> Result<Option<(RawFile, Vec<RawEntry>)>, Fault> {
        self.label(&file)?;
        match file.entries() {
            Err(error) if error.kind() == ErrorKind::NotADirectory => Ok(None),
            entries => Ok(Some((file, entries?))),
        }
    }

    fn label(&self, file: &RawFile) -> Result<(), Fault> {
        if self.never.contains(&identity(file)?) {
            return Err(Fault::Never);
        }
        // What has it already may be what nobody can write to.
        if file.xattr(NAME).is_ok_and(|value| value.strip_suffix(b"\0").unwrap_or(&value) == self.label) {
            return Ok(());
        }
        match file.set_xattr(NAME, self.label) {
            // A file system without labels goes without.
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(()),
            done => Ok(done?),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_macros)]

    use super::*;
    use crate::sys::raw_files::RawKind;

    fn label_of(path: &Path) -> Option<Vec<u8>> {
        let (directory, name) = (RawFile::at(path.parent().unwrap()).unwrap(), path.file_name().unwrap());
        directory.child(name.as_encoded_bytes()).unwrap().xattr(NAME).ok()
    }

    fn walk(never: Vec<(u64, u64)>) -> Walk<'static> {
        Walk { label: b"u:r:t:s0", never }
    }

    /// Whether files can have labels here: with SELinux those that its policy knows alone.
    fn can_label(folder: &Path) -> bool {
        let labelled = RawFile::at(folder).and_then(|file| file.set_xattr(NAME, b"u:r:t:s0"));
        labelled.inspect_err(|error| println!("skipped: a label: {error}")).is_ok()
    }

    #[test]
    fn all_files_below_get_the_label_and_none_that_links_lead_to() {
        let folder = tempfile::tempdir().unwrap();
        let (tree, other) = (folder.path().join("tree"), folder.path().join("other"));
        fs::create_dir_all(tree.join("a/b")).unwrap();
        fs::create_dir(&other).unwrap();
        for file in [tree.join("f"), tree.join("a/b/g"), other.join("h")] {
            fs::write(file, "").unwrap();
        }
        if !can_label(&tree) {
            return;
        }
        for (name, target) in [("file", other.join("h")), ("folder", other.clone()), ("gone", other.join("i"))] {
            let link = RawKind::Symlink(target.as_os_str().as_encoded_bytes());
            RawFile::at(&tree).unwrap().make(name.as_bytes(), link, 0o777).unwrap();
        }
        walk(Vec::new()).all(&tree).unwrap();
        for name in ["", "f", "a", "a/b", "a/b/g", "file", "folder", "gone"] {
            assert_eq!(label_of(&tree.join(name)).as_deref(), Some(&b"u:r:t:s0"[..]), "{name}");
        }
        assert_eq!((label_of(&other), label_of(&other.join("h"))), (None, None));
        walk(Vec::new()).all(&other.join("h")).unwrap();
        assert_eq!(label_of(&other.join("h")).as_deref(), Some(&b"u:r:t:s0"[..]));
    }

    #[test]
    fn what_the_host_needs_is_not_labelled_by_whatever_path() {
        let Ok(file) = RawFile::at(Path::new("/etc")) else { return println!("skipped: no /etc") };
        assert!(never().contains(&identity(&file).unwrap()));
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        let below = identity(&RawFile::at(&folder.path().join("a")).unwrap()).unwrap();
        if can_label(folder.path()) {
            assert!(matches!(walk(vec![below]).all(folder.path()), Err(Fault::Never)));
        }
    }

    #[test]
    fn folders_that_lie_too_deep_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        if !can_label(folder.path()) {
            return;
        }
        let deep = |depth: usize| folder.path().join(depth.to_string()).join(vec!["a"; depth - 1].join("/"));
        for depth in [DEPTH_MAX, DEPTH_MAX + 1] {
            fs::create_dir_all(deep(depth)).unwrap();
        }
        walk(Vec::new()).all(&folder.path().join(DEPTH_MAX.to_string())).unwrap();
        let deeper = walk(Vec::new()).all(&folder.path().join((DEPTH_MAX + 1).to_string()));
        assert!(matches!(deeper, Err(Fault::Deep)));
    }

    #[test]
    fn homes_are_those_of_the_user() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\na:x:7:7::/home/a:\nb:x:7:7:::\nbad\n";
        assert_eq!(homes(passwd, 7).collect::<Vec<_>>(), ["/home/a"]);
        assert_eq!(homes(passwd, 8).count(), 0);
    }
}
