//! What a failure of a container's process means, in words.

use std::io;

use super::labels::APPARMOR;
use super::process::SCHEDULER;
use super::rootless;
use crate::oci::runtime::Process;
use crate::runtime::{Error, ErrorKind};
use crate::sys::linux::channel::Failure;
use crate::sys::linux::flags;

/// A failure in words: Docker's for programs, with its exit codes.
pub(super) fn explain(words: &str, failure: &Failure, process: &Process) -> Error {
    let error = io::Error::from_raw_os_error(failure.errno);
    if words != "exec" {
        let why = match failure.errno {
            flags::ENOSYS => format!("{error}: it takes Linux 5.12 or later"),
            flags::ENOTDIR if ["mount proc on", "mount sysfs on"].iter().any(|kind| words.starts_with(kind)) => {
                "it must be mounted on ordinary directory".to_owned()
            }
            flags::EPROTO => failure.end_of_hook().unwrap_or_else(|| error.to_string()),
            flags::EPERM if words == SCHEDULER => {
                "process scheduler can't be used together with AllowedCPUs (resources.cpu.cpus), and needs CAP_SYS_NICE"
                    .to_owned()
            }
            flags::ENOENT if words.starts_with(APPARMOR) => "no such profile is loaded".to_owned(),
            flags::EINVAL if words.starts_with(APPARMOR) => "AppArmor is not enabled in this host's kernel".to_owned(),
            flags::ETIMEDOUT => "it ran for too long and was killed".to_owned(),
            _ => error.to_string(),
        };
        let error = Error::new(ErrorKind::Runtime, format!("{words}: {why}"));
        return match rootless::hint(words, failure.errno) {
            Some(hint) => error.hint(hint),
            None => error,
        };
    }
    let name = process.args.first().map(String::as_str).unwrap_or_default();
    match failure.errno {
        flags::ENOENT | flags::ENOTDIR if !failure.detail.is_empty() => {
            Error::new(ErrorKind::NotFound, format!("exec {name}: no such file or directory"))
                .hint(format!("the interpreter{} is not in the image", interpreter(&failure.detail)))
        }
        flags::ENOENT | flags::ENOTDIR if !name.contains('/') => {
            Error::new(ErrorKind::NotFound, format!("exec: {name:?}: executable file not found in $PATH"))
        }
        flags::ENOENT | flags::ENOTDIR => {
            Error::new(ErrorKind::NotFound, format!("exec: {name:?}: no such file or directory"))
                .hint("the program is not in the image")
        }
        flags::ENOEXEC => {
            let error = Error::new(ErrorKind::NotExecutable, format!("exec: {name:?}: exec format error"));
            match machine(&failure.detail) {
                Some(machine) => error.hint(format!(
                    "it is a program for {machine}; qemu-user-static registered with binfmt_misc would run it"
                )),
                None => error.hint("it is neither a program of this system nor a script with a `#!` line"),
            }
        }
        flags::ELOOP | flags::EPERM => {
            Error::new(ErrorKind::NotExecutable, format!("exec: {name:?}: it leads out of the container"))
                .hint("magic links such as /proc/self/exe are not followed")
        }
        flags::EACCES => Error::new(ErrorKind::NotExecutable, format!("exec: {name:?}: permission denied")),
        _ => Error::new(ErrorKind::NotExecutable, format!("exec: {name:?}: {error}")),
    }
}

/// The name of a script's interpreter, behind a space; nothing where it is not seen.
fn interpreter(head: &[u8]) -> String {
    let line = head.strip_prefix(b"#!").unwrap_or_default();
    let name = line.split(u8::is_ascii_whitespace).find(|word| !word.is_empty());
    name.map_or_else(String::new, |name| format!(" {}", String::from_utf8_lossy(name)))
}

/// The machine that an ELF file is for.
fn machine(head: &[u8]) -> Option<&'static str> {
    let number = u16::from_le_bytes(head.get(18..20)?.try_into().ok()?);
    head.starts_with(b"\x7fELF").then_some(match number {
        3 => "i386",
        8 => "MIPS",
        20 | 21 => "PowerPC",
        22 => "S/390",
        40 => "arm",
        62 => "x86-64",
        183 => "aarch64",
        243 => "RISC-V",
        258 => "LoongArch",
        _ => "another machine",
    })
}
