//! Finding a program: by its path or in a search path, and through the interpreters that scripts name (execve(2)).

use std::sync::Arc;

use super::executor::LoadError;
use super::users::{EXECUTE, Users};
use crate::vfs::{Errno, FileKind, Follow, InodeRef, Namespace, Place, Result, Scope};

/// How many interpreters may follow one another, as on Linux.
const INTERPRETERS_MAX: usize = 4;

/// Where programs are looked for if nothing else is said.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program that was found.
pub struct Found {
    /// How it was called, for messages.
    pub name: String,
    /// Its file; of a script, that of the interpreter.
    pub file: InodeRef,
    /// The path of that file.
    pub path: Vec<u8>,
    /// What takes the place of the first argument where an interpreter runs the program: the interpreter, its argument and
    /// the path of the script.
    pub interpreter: Option<Vec<Vec<u8>>>,
}

/// Where a program is looked for.
pub struct Lookup<'a> {
    /// The file system.
    pub namespace: &'a Namespace,
    /// Where relative paths begin.
    pub cwd: &'a Arc<Place>,
    /// Who wants to run it.
    pub users: &'a Users,
    /// Directories in which a name without a slash is looked up; none has it taken as a path.
    pub search: Option<&'a [u8]>,
    /// Whether it is the program of a container: images often have them without the permission to execute, and name them
    /// relative to the working directory without `./`.
    pub is_init: bool,
}

impl Lookup<'_> {
    /// Finds the program `name`.
    pub fn find(&self, name: &[u8]) -> std::result::Result<Found, LoadError> {
        let called = String::from_utf8_lossy(name).into_owned();
        if name.is_empty() {
            return Err(LoadError::new(Errno::NoEnt, "no program given")
                .hint("the image has no entrypoint: name a program after the image"));
        }
        let (mut path, mut file) = self.search(name, &called)?;
        let mut interpreter: Option<Vec<Vec<u8>>> = None;
        for _ in 0..=INTERPRETERS_MAX {
            let Some(line) = script_line(&file) else {
                return Ok(Found { name: called, file, path, interpreter });
            };
            let split = line.iter().position(|byte| matches!(byte, b' ' | b'\t'));
            let (program, argument) = match split {
                Some(at) => (&line[..at], Some(line[at..].trim_ascii().to_vec())),
                None => (&line[..], None),
            };
            let missing = |errno: Errno| {
                let message =
                    format!("exec: \"{called}\": is a script for \"{}\": {errno}", String::from_utf8_lossy(program));
                LoadError::new(errno, message).hint("the image needs the interpreter, built for WASI, at this path")
            };
            let found = self.file(program).map_err(missing)?;
            let mut head: Vec<Vec<u8>> = vec![program.to_vec()];
            head.extend(argument);
            head.push(path);
            head.extend(interpreter.into_iter().flatten().skip(1));
            path = program.to_vec();
            interpreter = Some(head);
            file = found;
        }
        Err(LoadError::new(Errno::Loop, format!("exec: \"{called}\": too many interpreters")))
    }

    fn search(&self, name: &[u8], called: &str) -> std::result::Result<(Vec<u8>, InodeRef), LoadError> {
        let Some(search) = self.search.filter(|_| !name.contains(&b'/')) else {
            let file = self.file(name).map_err(|errno| cannot(called, errno))?;
            return Ok((name.to_vec(), file));
        };
        let mut denied = None;
        let folders = search.split(|&byte| byte == b':').chain(self.is_init.then_some(&b"."[..]));
        for folder in folders {
            let path = match folder {
                b"" | b"." => name.to_vec(),
                folder => [folder, if folder.ends_with(b"/") { b"" } else { b"/" }, name].concat(),
            };
            match self.file(&path) {
                Ok(file) => return Ok((path, file)),
                Err(Errno::Access) => denied = Some(Errno::Access),
                Err(_) => {}
            }
        }
        if let Some(errno) = denied {
            return Err(cannot(called, errno));
        }
        Err(LoadError::new(Errno::NoEnt, format!("exec: \"{called}\": executable file not found in $PATH")).hint(
            format!(
                "it was looked for in {}{}",
                String::from_utf8_lossy(search),
                if self.is_init { " and in the working directory" } else { "" }
            ),
        ))
    }

    /// The regular file at `path` that may be executed.
    fn file(&self, path: &[u8]) -> Result<InodeRef> {
        let mut enter = |dir: &InodeRef| self.users.check_search(dir);
        let walked = self.namespace.walk_checked(self.cwd, path, Follow::Yes, Scope::Namespace, &mut enter)?;
        let file = walked.found()?;
        match file.kind() {
            FileKind::Directory if self.is_init => return Err(Errno::IsDir),
            FileKind::Regular => {}
            _ => return Err(Errno::Access),
        }
        if !self.is_init {
            self.users.check_inode(file, EXECUTE)?;
        }
        Ok(file.clone())
    }
}

fn cannot(called: &str, errno: Errno) -> LoadError {
    LoadError::new(errno, format!("exec: \"{called}\": {errno}"))
}

/// The first line of a script, without `#!`.
fn script_line(file: &InodeRef) -> Option<Vec<u8>> {
    let mut head = [0; 256];
    let len = file.read_at(&mut head, 0).ok()?;
    let line = head[..len].strip_prefix(b"#!")?.split(|&byte| byte == b'\n').next()?.trim_ascii();
    (!line.is_empty()).then(|| line.to_vec())
}
