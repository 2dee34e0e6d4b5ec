//! Reading a guest's program; saying what is wrong with one that is no WASI module.

use crate::kernel::{Found, LoadError};
use crate::oci::Hasher;
use crate::vfs::Errno;

type Result<T> = std::result::Result<T, LoadError>;

/// The largest module that is read.
const MODULE_MAX: u64 = 1 << 30;

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
            return Err(LoadError::new(Errno::NoExec, message));
        }
    }
}

fn unreadable(found: &Found, errno: Errno) -> LoadError {
    LoadError::new(errno, format!("exec: \"{}\": {errno}", found.name))
}

/// Checks the first bytes: a core module of version 1 passes, all else is named.
fn check_head(name: &str, head: &[u8]) -> Result<()> {
    const WASI: &str =
        "build it for WASI: Rust target wasm32-wasip1, clang --target=wasm32-wasip1, GOOS=wasip1 GOARCH=wasm";
    let native = |what: &str| {
        Err(LoadError::new(
            Errno::NoExec,
            format!("exec: \"{name}\": is a {what} program, and this build of cowbox runs WASI modules alone"),
        )
        .hint(format!("run it with a runtime for {what}, or {WASI}")))
    };
    let wrong = |what: &str| Err(LoadError::new(Errno::NoExec, format!("exec: \"{name}\": {what}")).hint(WASI));
    match head {
        [] => wrong("is empty"),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => {
            let message = format!(
                "exec: \"{name}\": is a WebAssembly component (WASI preview 2 or later), and only core modules (WASI preview 1) run"
            );
            Err(LoadError::new(Errno::NoExec, message).hint(WASI))
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
            assert_eq!((error.errno, error.message), (Errno::NoExec, format!("exec: \"x\": {text}")));
            assert!(error.hint.is_some());
        }
        elf[18] = 183;
        assert!(check_head("x", &elf).unwrap_err().message.contains("linux/arm64"));
        assert!(check_head("x", b"\0asm\x01\0\0\0").is_ok());
    }
}
