//! `cp`: files between containers and the host, both ways, by Docker's rules.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Engine;
use super::error::{About, Error, Result};
use crate::archive::{self, ApplyOptions};
use crate::sys;
use crate::vfs::{FileKind, Follow, GuestPath, HostOptions, InodeRef, Name, NameBuf, Namespace, Scope, host};

/// One end of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyEnd {
    /// A path in a container.
    Container {
        /// The container.
        key: String,
        /// The path, relative ones from the root.
        path: String,
    },
    /// A path of the host.
    Host(PathBuf),
}

/// How a copy is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyOptions {
    /// Whether a symbolic link that the source path names is followed, rather than copied as such.
    pub follow: bool,
    /// Whether owners are kept.
    pub keep_owner: bool,
}

/// How a source path is meant.
struct Source {
    inode: InodeRef,
    /// The name it takes in a directory; none for a root.
    name: Option<NameBuf>,
    /// `path/.`: what is in the directory rather than the directory.
    contents_only: bool,
}

/// Where a copy goes.
struct Target {
    dir: InodeRef,
    name: NameBuf,
}

impl Engine {
    /// Copies a file or directory. A directory that ends in `/.` is copied without itself. WASI containers must not
    /// run.
    pub fn copy(&self, from: &CopyEnd, to: &CopyEnd, options: CopyOptions) -> Result<()> {
        if let (CopyEnd::Container { .. }, CopyEnd::Container { .. }) = (from, to) {
            return Err(Error::invalid("copying between containers is not supported").hint(
                "copy to the host first, or pipe `cowbox cp CONTAINER:PATH -` into `cowbox cp - CONTAINER:PATH`",
            ));
        }
        for end in [from, to] {
            if let CopyEnd::Container { key, .. } = end {
                self.become_root_for(&self.container(key)?.record)?;
            }
        }
        // As Docker does: what is copied belongs to root in a container, and to who copies it on the host.
        let owner = match to {
            CopyEnd::Container { .. } => (0, 0),
            CopyEnd::Host(_) => sys::process::owner(),
        };
        let apply = ApplyOptions { owner: (!options.keep_owner).then_some(owner), ..ApplyOptions::default() };
        self.with_end(from, false, |files, path| {
            let source = files.source(path, options.follow)?;
            self.with_end(to, true, |files, path| files.put(&source, path, &apply))
        })
    }

    /// Writes a file or directory of a container as a tar.
    pub fn copy_out(&self, key: &str, path: &str, follow: bool, out: &mut dyn Write) -> Result<()> {
        let end = CopyEnd::Container { key: key.into(), path: path.into() };
        self.with_end(&end, false, |files, path| {
            let source = files.source(path, follow)?;
            let name = match (&source.name, source.contents_only) {
                (Some(name), false) => name.as_bytes(),
                _ => b".",
            };
            archive::write_subtree(&source.inode, name, out)?;
            Ok(())
        })
    }

    /// Unpacks a tar into a directory of a container.
    pub fn copy_in(&self, key: &str, path: &str, tar: &mut (dyn Read + Send)) -> Result<()> {
        let end = CopyEnd::Container { key: key.into(), path: path.into() };
        self.with_end(&end, true, |files, path| {
            let dir = files.directory(path)?;
            archive::apply(tar, &dir, &ApplyOptions::default())?;
            Ok(())
        })
    }

    /// Opens one end for `work`, which is given its files and the path.
    fn with_end<T>(&self, end: &CopyEnd, is_target: bool, work: impl FnOnce(&Files, &str) -> Result<T>) -> Result<T> {
        match end {
            CopyEnd::Container { key, path } => self.with_files(key, |files| {
                let name = files.container.name.clone();
                files
                    .with_namespace(|namespace| work(&Files::Container(namespace), path))
                    .about(|| format!("{name}:{path}"))
            }),
            CopyEnd::Host(path) => {
                let text = path.to_string_lossy().into_owned();
                work(&Files::Host { read_only: !is_target }, &text).about(|| text.clone())
            }
        }
    }
}

/// The files of one end.
enum Files {
    Container(Arc<Namespace>),
    Host { read_only: bool },
}

impl Files {
    fn source(&self, path: &str, follow: bool) -> Result<Source> {
        let contents_only = path.ends_with("/.") || path == ".";
        let wants_directory = contents_only || path.ends_with('/');
        let (inode, name) = match self {
            Files::Container(namespace) => {
                let follow = if follow || wants_directory { Follow::Yes } else { Follow::No };
                let absolute = format!("/{path}");
                let walked = namespace.walk(namespace.root(), absolute.as_bytes(), follow, Scope::Namespace)?;
                let name = GuestPath::new(path)?.file_name().map(Name::to_owned);
                (walked.found()?.clone(), name)
            }
            Files::Host { .. } => {
                let asked = std::path::absolute(Path::new(path))?;
                let followed = if follow || wants_directory { std::fs::canonicalize(&asked)? } else { asked.clone() };
                // The name is the one that was asked for, wherever a link leads.
                let name = asked.file_name().map(guest_name).transpose()?;
                (open_host(&followed, true)?, name)
            }
        };
        if wants_directory && inode.kind() != FileKind::Directory {
            return Err(crate::vfs::Errno::NotDir.into());
        }
        Ok(Source { inode, name, contents_only })
    }

    /// Docker's rules: `docker cp` "Description".
    fn put(&self, source: &Source, path: &str, options: &ApplyOptions) -> Result<()> {
        let ends_in_slash = path.ends_with(['/', '\\']) || path.ends_with("/.");
        let is_directory = source.inode.kind() == FileKind::Directory;
        match self.existing(path)? {
            Some(target) if target.kind() == FileKind::Directory => {
                if source.contents_only || source.name.is_none() {
                    archive::copy_children(&source.inode, &target, options)?;
                    return Ok(());
                }
                let name = source.name.as_ref().ok_or_else(|| Error::invalid("the root has no name"))?;
                archive::copy_tree(&source.inode, &target, name.as_name(), options)?;
                Ok(())
            }
            Some(_) if is_directory => Err(Error::invalid("cannot copy directory: a file is in the way")),
            Some(_) if ends_in_slash => Err(crate::vfs::Errno::NotDir.into()),
            None if !is_directory && ends_in_slash => Err(Error::not_found("the destination directory does not exist")
                .hint("leave the slash away to name a file")),
            _ => {
                let target = self.target(path)?;
                archive::copy_tree(&source.inode, &target.dir, target.name.as_name(), options)?;
                Ok(())
            }
        }
    }

    /// What is at `path`, links followed; none where nothing is.
    fn existing(&self, path: &str) -> Result<Option<InodeRef>> {
        match self {
            Files::Container(namespace) => match namespace.find(format!("/{path}").as_bytes()) {
                Ok(inode) => Ok(Some(inode)),
                Err(crate::vfs::Errno::NoEnt) => Ok(None),
                Err(errno) => Err(errno.into()),
            },
            Files::Host { read_only } => match std::fs::canonicalize(path) {
                Ok(path) => Ok(Some(open_host(&path, *read_only)?)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error.into()),
            },
        }
    }

    /// The place of an entry that is to be made.
    fn target(&self, path: &str) -> Result<Target> {
        match self {
            Files::Container(namespace) => {
                let absolute = format!("/{}", path.trim_end_matches('/'));
                let walked = namespace.walk(namespace.root(), absolute.as_bytes(), Follow::Yes, Scope::Namespace)?;
                let name = walked.name().ok_or_else(|| Error::invalid("the destination has no name"))?.to_owned();
                Ok(Target { dir: walked.dir().clone(), name })
            }
            Files::Host { read_only } => {
                let absolute = std::path::absolute(path)?;
                let (Some(parent), Some(name)) = (absolute.parent(), absolute.file_name()) else {
                    return Err(Error::invalid("the destination has no name"));
                };
                let dir = host(parent, &HostOptions { read_only: *read_only })?;
                Ok(Target { dir, name: guest_name(name)? })
            }
        }
    }

    fn directory(&self, path: &str) -> Result<InodeRef> {
        let found = self.existing(path)?.ok_or(crate::vfs::Errno::NoEnt)?;
        match found.kind() {
            FileKind::Directory => Ok(found),
            _ => Err(crate::vfs::Errno::NotDir.into()),
        }
    }
}

/// A directory of the host, or an entry of one: links at the end are left alone.
fn open_host(path: &Path, read_only: bool) -> Result<InodeRef> {
    let options = HostOptions { read_only };
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => {
            let name = guest_name(name)?;
            Ok(host(parent, &options)?.lookup(name.as_name())?)
        }
        _ => Ok(host(path, &options)?),
    }
}

fn guest_name(name: &std::ffi::OsStr) -> Result<NameBuf> {
    let text = name.to_str().ok_or_else(|| Error::invalid("a name that is not UTF-8"))?;
    Ok(Name::new(text.as_bytes())?.to_owned())
}
