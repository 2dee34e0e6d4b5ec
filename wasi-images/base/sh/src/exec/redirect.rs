//! Redirections, for commands within the shell and for programs it starts.

use cowbox_guest::sys::{self, Action, Errno, Fd, OpenFlags};

use super::capture::{LEAST, above, memory_file, put_back};
use crate::shell::{Shell, Stop, describe, describe_open};
use crate::syntax::ast::{FileMode, Redirect, RedirectKind};
use crate::text;

/// A redirection that could not be made; with a reason to stop, where expanding it gave one.
pub type Failed = Option<Stop>;

/// What descriptors were before redirections, newest last.
pub type Saved = Vec<(Fd, Option<Fd>)>;

/// One change to a descriptor.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// Becomes a copy of one that was opened for this, and is closed afterwards.
    Opened {
        fd: Fd,
        from: Fd,
    },
    Copy {
        fd: Fd,
        from: Fd,
    },
    Close {
        fd: Fd,
    },
}

impl Shell {
    /// Redirects descriptors of the shell itself.
    pub fn redirect(&mut self, redirects: &[Redirect]) -> Result<Saved, Failed> {
        let mut saved = Saved::new();
        if redirects.is_empty() {
            return Ok(saved);
        }
        self.realize_output();
        for redirect in redirects {
            let done = self.changes(redirect).and_then(|changes| {
                for change in changes {
                    self.change(change, Some(&mut saved))?;
                }
                Ok(())
            });
            if let Err(failed) = done {
                self.restore(saved);
                return Err(failed);
            }
        }
        Ok(saved)
    }

    /// Redirects for good, as `exec` does.
    pub fn redirect_for_good(&mut self, redirects: &[Redirect]) -> Result<(), Failed> {
        self.realize_output();
        let mut kept = self.subshell_descriptors();
        let mut done = Ok(());
        for redirect in redirects {
            done = self.changes(redirect).and_then(|changes| {
                for change in changes {
                    self.change(change, kept.as_mut())?;
                }
                Ok(())
            });
            if done.is_err() {
                break;
            }
        }
        if let Some(kept) = kept {
            self.keep_subshell_descriptors(kept);
        }
        done
    }

    pub fn restore(&mut self, saved: Saved) {
        for (fd, before) in saved.into_iter().rev() {
            put_back(fd, before);
        }
    }

    fn change(&mut self, change: Change, saved: Option<&mut Saved>) -> Result<(), Failed> {
        let (Change::Opened { fd, .. } | Change::Copy { fd, .. } | Change::Close { fd }) = change;
        if let Some(saved) = saved
            && !saved.iter().any(|(known, _)| *known == fd)
        {
            saved.push((fd, sys::dup(fd, LEAST, true).ok()));
        }
        let result = match change {
            Change::Opened { fd, from } => {
                let done = sys::dup2(from, fd, false);
                let _ = sys::close(from);
                done
            }
            Change::Copy { fd, from } if fd == from => Ok(()),
            Change::Copy { fd, from } => sys::dup2(from, fd, false),
            Change::Close { fd } => {
                // That it is not open is no error.
                let _ = sys::close(fd);
                Ok(())
            }
        };
        result.map_err(|errno| {
            self.complain(&format!("{fd}: {}", describe(errno)));
            None
        })
    }

    /// Redirects descriptors of a program to be started: its actions, and what is to be closed once it was.
    pub fn redirect_child(
        &mut self,
        redirects: &[Redirect],
        actions: &mut Vec<Action>,
        opened: &mut Vec<Fd>,
    ) -> Result<(), Failed> {
        for redirect in redirects {
            for change in self.changes_for(redirect, actions)? {
                match change {
                    Change::Opened { fd, from } => {
                        opened.push(from);
                        actions.push(Action::Dup2 { from, to: fd });
                    }
                    Change::Copy { fd, from } => actions.push(Action::Dup2 { from, to: fd }),
                    Change::Close { fd } => actions.push(Action::Close(fd)),
                }
            }
        }
        Ok(())
    }

    fn changes(&mut self, redirect: &Redirect) -> Result<Vec<Change>, Failed> {
        self.changes_for(redirect, &[])
    }

    /// What a redirection changes. `actions`: what will have been done to a child's descriptors before.
    fn changes_for(&mut self, redirect: &Redirect, actions: &[Action]) -> Result<Vec<Change>, Failed> {
        match &redirect.kind {
            RedirectKind::File(mode, word) => {
                let path = self.expand_target(word).map_err(Some)?;
                let fd = redirect.fd.unwrap_or(i32::from(!matches!(mode, FileMode::Read | FileMode::ReadWrite)));
                let from = self.open(&path, *mode)?;
                Ok(vec![Change::Opened { fd, from }])
            }
            RedirectKind::Both { append, target } => {
                let path = self.expand_target(target).map_err(Some)?;
                let from = self.open(&path, if *append { FileMode::Append } else { FileMode::Write })?;
                Ok(vec![Change::Opened { fd: 1, from }, Change::Copy { fd: 2, from: 1 }])
            }
            RedirectKind::Here { body } => {
                let text = self.expand_text(body).map_err(Some)?;
                self.here(redirect.fd, &text::to_bytes(&text))
            }
            RedirectKind::HereString(word) => {
                let text = self.expand_text(word).map_err(Some)?;
                let mut bytes = text::to_bytes(&text).into_owned();
                bytes.push(b'\n');
                self.here(redirect.fd, &bytes)
            }
            RedirectKind::Duplicate { output, target } => {
                let target = self.expand_target(target).map_err(Some)?;
                let fd = redirect.fd.unwrap_or(i32::from(*output));
                if &*target == "-" {
                    return Ok(vec![Change::Close { fd }]);
                }
                let (number, moves) = match target.strip_suffix('-') {
                    Some(number) => (number, true),
                    None => (&*target, false),
                };
                let Ok(from) = number.parse::<Fd>() else {
                    if *output && redirect.fd.is_none() {
                        // bash: both go to the file.
                        let from = self.open(&target, FileMode::Write)?;
                        return Ok(vec![Change::Opened { fd: 1, from }, Change::Copy { fd: 2, from: 1 }]);
                    }
                    self.complain(&format!("{target}: bad fd number"));
                    return Err(None);
                };
                if !is_open(from, actions) {
                    self.complain(&format!("{from}: {}", describe(Errno::EBADF)));
                    return Err(None);
                }
                let mut changes = vec![Change::Copy { fd, from }];
                if moves && from != fd {
                    changes.push(Change::Close { fd: from });
                }
                Ok(changes)
            }
        }
    }

    fn here(&mut self, fd: Option<Fd>, content: &[u8]) -> Result<Vec<Change>, Failed> {
        match memory_file(content) {
            Ok(from) => Ok(vec![Change::Opened { fd: fd.unwrap_or(0), from }]),
            Err(errno) => {
                self.complain(&format!("cannot make a here-document: {}", describe(errno)));
                Err(None)
            }
        }
    }

    fn open(&mut self, path: &str, mode: FileMode) -> Result<Fd, Failed> {
        let bytes = text::to_bytes(path);
        let mut flags = match mode {
            FileMode::Read => OpenFlags::RDONLY,
            FileMode::Write | FileMode::Clobber => OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::TRUNC,
            FileMode::Append => OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::APPEND,
            FileMode::ReadWrite => OpenFlags::RDWR | OpenFlags::CREAT,
        };
        if mode == FileMode::Write && self.options.noclobber {
            match sys::stat(&bytes) {
                Ok(stat) if stat.is_file() => {
                    self.complain(&format!("cannot create {path}: File exists"));
                    return Err(None);
                }
                Ok(_) => flags = OpenFlags::WRONLY,
                Err(_) => flags = OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::EXCL,
            }
        }
        // Waiting for the other end of a fifo may be interrupted by a signal with a trap, but not ended by it.
        match sys::retry(|| sys::open(&bytes, flags | OpenFlags::CLOEXEC, 0o666)).and_then(above) {
            Ok(fd) => Ok(fd),
            Err(errno) => {
                let creating = mode != FileMode::Read;
                let verb = if creating { "create" } else { "open" };
                self.complain(&format!("cannot {verb} {path}: {}", describe_open(errno, creating)));
                Err(None)
            }
        }
    }
}

/// Whether a descriptor is open, in a child where these actions were done.
fn is_open(fd: Fd, actions: &[Action]) -> bool {
    for action in actions.iter().rev() {
        match action {
            Action::Dup2 { to, .. } if *to == fd => return true,
            Action::Close(closed) if *closed == fd => return false,
            _ => {}
        }
    }
    fd < LEAST && sys::cloexec(fd).is_ok()
}
