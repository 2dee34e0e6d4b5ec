//! Calls on paths, with the permissions that they need (path_resolution(7)).
//!
//! They take where a walk has led: how a path is resolved is the business of the interface that a guest has.

use std::sync::Arc;

use super::fds::Descriptor;
use super::open_file::{Object, OpenFile, flags};
use super::task::Task;
use super::users::{READ, WRITE};
use crate::vfs::{
    Errno, FileKind, Follow, InodeRef, NewInode, NewKind, Place, RenameMode, Result, Scope, SetAttr, Walked,
};

impl Task {
    /// Walks a path of the process: relative to its working directory, or to the directory `dir`.
    pub fn resolve<'p>(&self, dir: Option<u32>, path: &'p [u8], follow: Follow) -> Result<Walked<'p>> {
        let start = match dir {
            Some(fd) if !path.starts_with(b"/") => self.fds.file(fd)?.directory()?.clone(),
            _ => self.cwd.clone(),
        };
        self.walk(&start, path, follow, Scope::Namespace)
    }

    /// open(2) of what a walk has led to, without giving it a number. `status` has the bits of [`flags`].
    pub fn open(&self, walked: &Walked<'_>, status: u32, mode: u16) -> Result<Arc<OpenFile>> {
        let creates = status & flags::CREATE != 0;
        let inode = match walked.target() {
            None if creates => return self.make_file(walked, status, mode),
            None => return Err(Errno::NoEnt),
            Some(_) if creates && status & flags::EXCLUSIVE != 0 => return Err(Errno::Exist),
            Some(inode) => inode,
        };
        if let Some(fd) = inode.descriptor_link() {
            return self.reopen(fd, status);
        }
        let writes = status & flags::ACCESS != flags::READ_ONLY || status & flags::TRUNCATE != 0;
        let wants_directory = status & flags::DIRECTORY != 0;
        match inode.kind() {
            FileKind::Directory if writes || creates => return Err(Errno::IsDir),
            FileKind::Symlink if wants_directory => return Err(Errno::NotDir),
            FileKind::Symlink => return Err(Errno::Loop),
            FileKind::Directory => {}
            _ if wants_directory => return Err(Errno::NotDir),
            _ => {}
        }
        let reads = status & flags::ACCESS != flags::WRITE_ONLY;
        self.users.check_inode(inode, if reads { READ } else { 0 } | if writes { WRITE } else { 0 })?;
        match inode.kind() {
            FileKind::Directory => Ok(Arc::new(OpenFile::new(Object::Directory(walked.place()?), status))),
            FileKind::Socket => Err(Errno::Nxio),
            FileKind::CharDevice => match self.open_terminal(inode.attr()?.rdev, status) {
                Some(terminal) => terminal.map(Arc::new),
                None => Ok(Arc::new(OpenFile::new(Object::File(inode.clone()), status))),
            },
            FileKind::Fifo => self.kernel.fifos.open(&self.process, inode, status).map(Arc::new),
            FileKind::Regular if status & flags::TRUNCATE != 0 => {
                inode.set_len(0)?;
                Ok(Arc::new(OpenFile::new(Object::File(inode.clone()), status)))
            }
            _ => Ok(Arc::new(OpenFile::new(Object::File(inode.clone()), status))),
        }
    }

    /// A descriptor of the process opened by its name in `/proc/self/fd`. A file is opened anew, so that it has a place of its
    /// own; all else is shared.
    fn reopen(&self, fd: u32, status: u32) -> Result<Arc<OpenFile>> {
        let file = self.fds.file(fd).map_err(|_| Errno::NoEnt)?;
        let Object::File(inode) = &file.object else { return Ok(file.clone()) };
        let writes = status & flags::ACCESS != flags::READ_ONLY;
        if writes && !file.is_writable() {
            self.users.check_inode(inode, WRITE)?;
        }
        if status & flags::TRUNCATE != 0 && writes && inode.kind() == FileKind::Regular {
            inode.set_len(0)?;
        }
        Ok(Arc::new(OpenFile::new(Object::File(inode.clone()), status)))
    }

    fn make_file(&self, walked: &Walked<'_>, status: u32, mode: u16) -> Result<Arc<OpenFile>> {
        if status & flags::DIRECTORY != 0 {
            return Err(Errno::Inval);
        }
        let name = walked.name().filter(|_| !walked.wants_directory()).ok_or(Errno::IsDir)?;
        self.users.check_make(walked.dir())?;
        let inode = walked.dir().create(name, &self.new_inode(walked, NewKind::Regular, mode)?)?;
        Ok(Arc::new(OpenFile::new(Object::File(inode), status)))
    }

    /// open(2): opens `path` under the lowest free number.
    pub fn open_path(&mut self, dir: Option<u32>, path: &[u8], status: u32, mode: u16) -> Result<u32> {
        self.fds.check_room()?;
        let walked = self.resolve(dir, path, flags::follow(status))?;
        let file = self.open(&walked, status, mode)?;
        drop(walked);
        self.fds.insert(Descriptor::closed_on_exec(file, status & flags::CLOEXEC != 0))
    }

    /// A file to be made by this process: with its mask and its owner, in a set-group-id directory with that one's group.
    fn new_inode<'a>(&self, walked: &Walked<'_>, kind: NewKind<'a>, mode: u16) -> Result<NewInode<'a>> {
        const SET_GID: u16 = 0o2000;
        let (uid, mut gid, mut mode) = (self.users.uid(), self.users.gid(), mode & 0o7777 & !self.umask);
        let dir = walked.dir().attr()?;
        if dir.mode & SET_GID != 0 {
            gid = dir.gid;
            if matches!(kind, NewKind::Directory) {
                mode |= SET_GID;
            }
        }
        Ok(NewInode { kind, mode, uid, gid, mtime: None })
    }

    /// mkdir(2).
    pub fn make_directory(&self, walked: &Walked<'_>, mode: u16) -> Result<()> {
        let (None, Some(name)) = (walked.target(), walked.name()) else { return Err(Errno::Exist) };
        self.users.check_make(walked.dir())?;
        walked.dir().create(name, &self.new_inode(walked, NewKind::Directory, mode)?).map(drop)
    }

    /// mknod(2) of a fifo or a regular file: `mode` with the type. [`Errno::Perm`] for other types.
    pub fn make_node(&self, walked: &Walked<'_>, mode: u32) -> Result<()> {
        let kind = match FileKind::from_mode(mode) {
            Some(FileKind::Fifo) => NewKind::Fifo,
            Some(FileKind::Regular) => NewKind::Regular,
            None if mode & 0o170000 == 0 => NewKind::Regular,
            Some(_) => return Err(Errno::Perm),
            None => return Err(Errno::Inval),
        };
        let (None, Some(name)) = (walked.target(), walked.name()) else { return Err(Errno::Exist) };
        if walked.wants_directory() {
            return Err(Errno::NoEnt);
        }
        self.users.check_make(walked.dir())?;
        walked.dir().create(name, &self.new_inode(walked, kind, mode as u16)?).map(drop)
    }

    /// symlink(2).
    pub fn make_link(&self, target: &[u8], walked: &Walked<'_>) -> Result<()> {
        match target {
            b"" => return Err(Errno::NoEnt),
            target if target.len() > crate::vfs::PATH_MAX => return Err(Errno::NameTooLong),
            target if target.contains(&0) => return Err(Errno::Inval),
            _ => {}
        }
        let (None, Some(name)) = (walked.target(), walked.name()) else { return Err(Errno::Exist) };
        if walked.wants_directory() {
            return Err(Errno::NoEnt);
        }
        self.users.check_make(walked.dir())?;
        walked
            .dir()
            .create(name, &NewInode { mode: 0o777, ..self.new_inode(walked, NewKind::Symlink(target), 0)? })
            .map(drop)
    }

    /// link(2).
    pub fn link(&self, target: &InodeRef, made: &Walked<'_>) -> Result<()> {
        if made.target().is_some() {
            return Err(Errno::Exist);
        }
        if made.wants_directory() {
            return Err(Errno::NoEnt);
        }
        if target.kind() == FileKind::Directory {
            return Err(Errno::Perm);
        }
        let name = made.name().ok_or(Errno::Exist)?;
        self.users.check_make(made.dir())?;
        made.dir().link(name, target)
    }

    /// unlink(2).
    pub fn unlink(&self, walked: &Walked<'_>) -> Result<()> {
        let (found, Some(name)) = (walked.found()?, walked.name()) else { return Err(Errno::IsDir) };
        if found.kind() == FileKind::Directory {
            return Err(Errno::IsDir);
        }
        self.check_no_mount(walked)?;
        self.users.check_remove(walked.dir(), found)?;
        walked.dir().unlink(name)
    }

    /// rmdir(2).
    pub fn remove_directory(&self, walked: &Walked<'_>) -> Result<()> {
        let name = walked.name().ok_or(Errno::Inval)?;
        let found = walked.found()?;
        if found.kind() != FileKind::Directory {
            return Err(Errno::NotDir);
        }
        self.check_no_mount(walked)?;
        self.users.check_remove(walked.dir(), found)?;
        walked.dir().rmdir(name)
    }

    /// renameat2(2).
    pub fn rename(&self, source: &Walked<'_>, target: &Walked<'_>, mode: RenameMode) -> Result<()> {
        let found = source.found()?;
        let is_directory = found.kind() == FileKind::Directory;
        let (Some(from_name), Some(to_name)) = (source.name(), target.name()) else { return Err(Errno::Busy) };
        if !is_directory && (source.wants_directory() || target.wants_directory()) {
            return Err(Errno::NotDir);
        }
        self.check_no_mount(source)?;
        self.check_no_mount(target)?;
        self.users.check_remove(source.dir(), found)?;
        match target.target() {
            Some(replaced) => self.users.check_remove(target.dir(), replaced)?,
            None => self.users.check_make(target.dir())?,
        }
        source.dir().rename(from_name, target.dir(), to_name, mode)
    }

    fn check_no_mount(&self, walked: &Walked<'_>) -> Result<()> {
        match walked.name() {
            Some(name) if self.namespace.is_mount_point(walked.dir(), name) => Err(Errno::Busy),
            _ => Ok(()),
        }
    }

    /// chmod(2).
    pub fn change_mode(&self, inode: &InodeRef, mode: u32) -> Result<()> {
        let attr = inode.attr()?;
        self.users.check_owner(&attr)?;
        let mode = self.users.allowed_mode(&attr, (mode & 0o7777) as u16);
        inode.set_attr(&SetAttr { mode: Some(mode), ..SetAttr::default() }).map(drop)
    }

    /// chown(2): who is not root loses the set-id bits of a file by it.
    pub fn change_owner(&self, inode: &InodeRef, uid: Option<u32>, gid: Option<u32>) -> Result<()> {
        let attr = inode.attr()?;
        self.users.check_chown(&attr, uid, gid)?;
        let cleared = attr.mode & !if attr.mode & 0o010 != 0 { 0o6000 } else { 0o4000 };
        let mode = (attr.kind == FileKind::Regular && cleared != attr.mode).then_some(cleared);
        inode.set_attr(&SetAttr { uid, gid, mode, ..SetAttr::default() }).map(drop)
    }

    /// utimensat(2): times of its own only the owner sets, the current time who may write. `sets_now` says that both are now.
    pub fn change_times(&self, inode: &InodeRef, change: &SetAttr, sets_now: bool) -> Result<()> {
        if !self.users.is_root() {
            let attr = inode.attr()?;
            let is_owners = self.users.check_owner(&attr);
            match sets_now {
                true => is_owners.or_else(|_| self.users.check(&attr, WRITE))?,
                false => is_owners?,
            }
        }
        inode.set_attr(change).map(drop)
    }

    /// chdir(2).
    pub fn change_directory(&mut self, walked: &Walked<'_>) -> Result<()> {
        let place = walked.place()?;
        self.enter(place)
    }

    /// fchdir(2), and the end of chdir(2).
    pub fn enter(&mut self, place: Arc<Place>) -> Result<()> {
        self.users.check_search(place.inode())?;
        self.cwd = place;
        Ok(())
    }
}
