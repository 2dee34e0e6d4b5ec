//! Finding a guest's program and reading it; saying what is wrong with one that is no WASI module.

use crate::oci::Hasher;
use crate::runtime::{Error, ErrorKind, Process, Result};
use crate::vfs::{Errno, FileKind, InodeRef, Namespace};

/// The largest module that is read.
const MODULE_MAX: u64 = 1 << 30;

/// How many interpreters may follow one another, as on Linux.
const INTERPRETERS_MAX: usize = 4;

/// Where programs are looked for if the process has no `PATH`.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program that was found.
pub(super) struct Found {
    /// How it was called, for messages.
    pub(super) name: String,
    pub(super) file: InodeRef,
    /// What takes the place of the first argument where an interpreter runs the program: the interpreter, its argument
    /// and the path of the script.
    pub(super) interpreter: Option<Vec<String>>,
}

/// Finds the program of `process`, through the interpreters that scripts name.
pub(super) fn find(namespace: &Namespace, process: &Process) -> Result<Found> {
    let Some(called) = process.args.first().filter(|name| !name.is_empty()) else {
        return Err(Error::new(ErrorKind::NotFound, "no program given")
            .hint("the image has no entrypoint: name a program after the image"));
    };
    let (mut path, mut file) = search(namespace, process, called)?;
    let mut interpreter: Option<Vec<String>> = None;
    for _ in 0..INTERPRETERS_MAX {
        let Some(line) = script_line(&file) else {
            return Ok(Found { name: called.clone(), file, interpreter });
        };
        let (program, argument) = match line.split_once([' ', '\t']) {
            Some((program, rest)) => (program, Some(rest.trim().to_owned())),
            None => (line.as_str(), None),
        };
        let missing = |why: Errno| {
            let message = format!("exec: \"{called}\": is a script for \"{program}\": {why}");
            Error::new(ErrorKind::NotFound, message)
                .hint("the image needs the interpreter, built for WASI, at this path")
        };
        let found = namespace.find(program.as_bytes()).map_err(missing)?;
        if found.kind() != FileKind::Regular {
            return Err(missing(Errno::Access));
        }
        let mut head: Vec<String> = vec![program.to_owned()];
        head.extend(argument);
        head.push(path);
        head.extend(interpreter.into_iter().flatten().skip(1));
        path = program.to_owned();
        interpreter = Some(head);
        file = found;
    }
    Err(Error::new(ErrorKind::NotExecutable, format!("exec: \"{called}\": too many interpreters")))
}

/// The path and the file of a program that is named as a path, by name in `PATH`, or relative to the working directory.
fn search(namespace: &Namespace, process: &Process, name: &str) -> Result<(String, InodeRef)> {
    let cwd = process.cwd.as_ref().map_or_else(|| "/".to_owned(), ToString::to_string);
    let beside = |folder: &str| format!("{}/{name}", folder.trim_end_matches('/'));
    if name.starts_with('/') {
        return regular(namespace, name, name).map(|file| (name.to_owned(), file));
    }
    if name.contains('/') {
        let path = beside(&cwd);
        return regular(namespace, &path, name).map(|file| (path, file));
    }
    let path = process.env.iter().rev().find_map(|pair| pair.strip_prefix("PATH=")).unwrap_or(PATH);
    // Images of WASI modules often name a file of the working directory without `./`.
    for folder in path.split(':').chain([cwd.as_str()]).filter(|folder| folder.starts_with('/')) {
        let candidate = beside(folder);
        if let Ok(file) = namespace.find(candidate.as_bytes())
            && file.kind() == FileKind::Regular
        {
            return Ok((candidate, file));
        }
    }
    Err(Error::new(ErrorKind::NotFound, format!("exec: \"{name}\": executable file not found in $PATH"))
        .hint(format!("it was looked for in {path} and in the working directory {cwd}")))
}

fn regular(namespace: &Namespace, path: &str, name: &str) -> Result<InodeRef> {
    let file = namespace.find(path.as_bytes()).map_err(|errno| {
        let kind = match errno {
            Errno::NoEnt | Errno::NotDir => ErrorKind::NotFound,
            _ => ErrorKind::NotExecutable,
        };
        Error::new(kind, format!("exec: \"{name}\": {errno}"))
    })?;
    match file.kind() {
        FileKind::Regular => Ok(file),
        FileKind::Directory => Err(Error::new(ErrorKind::NotExecutable, format!("exec: \"{name}\": is a directory"))),
        _ => Err(Error::new(ErrorKind::NotExecutable, format!("exec: \"{name}\": is no regular file"))),
    }
}

/// The first line of a script, without `#!`.
fn script_line(file: &InodeRef) -> Option<String> {
    let mut head = [0; 256];
    let len = file.read_at(&mut head, 0).ok()?;
    let line = head[..len].strip_prefix(b"#!")?.split(|&byte| byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// The digest of the content: known for files of an image, computed for others.
pub(super) fn digest(found: &Found) -> Result<[u8; 32]> {
    if let Some(id) = found.file.content_id() {
        return Ok(id.0);
    }
    let mut hasher = Hasher::new();
    each_chunk(found, |chunk| hasher.update(chunk))?;
    Ok(hasher.finish())
}

/// The whole content of a module that looks like one.
pub(super) fn read(found: &Found) -> Result<Vec<u8>> {
    let mut head = [0; 20];
    let len = found.file.read_at(&mut head, 0).map_err(|errno| unreadable(found, errno))?;
    check_head(&found.name, &head[..len])?;
    let mut module = Vec::new();
    each_chunk(found, |chunk| module.extend_from_slice(chunk))?;
    Ok(module)
}

fn each_chunk(found: &Found, mut sink: impl FnMut(&[u8])) -> Result<()> {
    let mut chunk = vec![0; 64 << 10];
    let mut offset = 0;
    loop {
        let len = found.file.read_at(&mut chunk, offset).map_err(|errno| unreadable(found, errno))?;
        if len == 0 {
            return Ok(());
        }
        sink(&chunk[..len]);
        offset += len as u64;
        if offset > MODULE_MAX {
            let message = format!("exec: \"{}\": larger than 1 GiB, the limit for modules", found.name);
            return Err(Error::new(ErrorKind::NotExecutable, message));
        }
    }
}

fn unreadable(found: &Found, errno: Errno) -> Error {
    Error::new(ErrorKind::NotExecutable, format!("exec: \"{}\": {errno}", found.name))
}

/// Checks the first bytes: a core module of version 1 passes, all else is named.
fn check_head(name: &str, head: &[u8]) -> Result<()> {
    const WASI: &str =
        "build it for WASI: Rust target wasm32-wasip1, clang --target=wasm32-wasip1, GOOS=wasip1 GOARCH=wasm";
    let native = |what: &str| {
        Err(Error::new(
            ErrorKind::NotExecutable,
            format!("exec: \"{name}\": is a {what} program, and this build of cowbox runs WASI modules alone"),
        )
        .hint(format!("run it with a runtime for {what}, or {WASI}")))
    };
    let wrong = |what: &str| Err(Error::new(ErrorKind::NotExecutable, format!("exec: \"{name}\": {what}")).hint(WASI));
    match head {
        [] => wrong("is empty"),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => {
            let message = format!(
                "exec: \"{name}\": is a WebAssembly component (WASI preview 2 or later), and only core modules (WASI preview 1) run"
            );
            Err(Error::new(ErrorKind::NotExecutable, message).hint(WASI))
        }
        [0, b'a', b's', b'm', ..] => wrong("is a WebAssembly file of an unknown version, or damaged"),
        [0x7f, b'E', b'L', b'F', class, order, ..] => {
            let machine = head.get(18..20).map_or(0, |bytes| match order {
                2 => u16::from_be_bytes([bytes[0], bytes[1]]),
                _ => u16::from_le_bytes([bytes[0], bytes[1]]),
            });
            native(match (machine, class) {
                (62, 2) => "linux/amd64",
                (183, _) => "linux/arm64",
                (3, _) => "linux/386",
                (40, _) => "linux/arm",
                (243, 2) => "linux/riscv64",
                (21, _) => "linux/ppc64le",
                (22, _) => "linux/s390x",
                (258, _) => "linux/loong64",
                _ => "linux (ELF)",
            })
        }
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => native("macOS (Mach-O)"),
        [b'M', b'Z', ..] => native("windows (PE)"),
        [b'#', b'!', ..] => wrong("is a script whose first line names no interpreter"),
        _ if std::str::from_utf8(head).is_ok() => wrong("is text, no WebAssembly module"),
        _ => wrong("is no WebAssembly module"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_module_is_named() {
        let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0".to_vec();
        let cases: [(&[u8], &str); 9] = [
            (b"", "is empty"),
            (
                b"\0asm\x0d\0\x01\0",
                "is a WebAssembly component (WASI preview 2 or later), and only core modules (WASI preview 1) run",
            ),
            (b"\0asm\x02\0\0\0", "is a WebAssembly file of an unknown version, or damaged"),
            (&elf.clone(), "is a linux/amd64 program, and this build of cowbox runs WASI modules alone"),
            (
                b"\xcf\xfa\xed\xfe\x07\0\0\x01",
                "is a macOS (Mach-O) program, and this build of cowbox runs WASI modules alone",
            ),
            (b"MZ\x90\0", "is a windows (PE) program, and this build of cowbox runs WASI modules alone"),
            (b"#!\n", "is a script whose first line names no interpreter"),
            (b"hello", "is text, no WebAssembly module"),
            (b"\x80\x02\xff", "is no WebAssembly module"),
        ];
        for (head, text) in cases {
            let error = check_head("x", head).unwrap_err();
            assert_eq!((error.kind, error.message), (ErrorKind::NotExecutable, format!("exec: \"x\": {text}")));
            assert!(error.hint.is_some());
        }
        elf[18] = 183;
        assert!(check_head("x", &elf).unwrap_err().message.contains("linux/arm64"));
        assert!(check_head("x", b"\0asm\x01\0\0\0").is_ok());
    }
}
