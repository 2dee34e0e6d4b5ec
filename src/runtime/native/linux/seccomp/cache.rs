//! Compiled profiles as files, so that a profile is compiled once.
//!
//! ```text
//! FOLDER/<SHA-256 of form, ABI and profile>      SHA-256 of the rest | flags u32 | instructions: u16 u8 u8 u32
//! ```
//! Numbers are in the CPU's byte order. Whatever is wrong with a file, the profile is compiled again: nothing here is needed.

use std::fs;
use std::path::Path;

use super::abi::Abi;
use super::{Filter, compile};
use crate::oci::Digest;
use crate::oci::runtime::Seccomp;
use crate::sys::durable;
use crate::sys::linux::seccomp::{MAX_INSTRUCTIONS, SockFilter};

/// What changes whenever files or programs are made in another way.
const FORM: &str = "seccomp 1";

/// The filter of a profile, from `folder` where it is there already.
pub(super) fn cached(profile: &Seccomp, native: Abi, folder: &Path) -> Result<Filter, String> {
    let key = (FORM, native.name(), profile);
    let Ok(key) = serde_json::to_vec(&key) else { return compile::compile(profile, native) };
    let path = folder.join(Digest::of(&key).hex());
    // What others can write to would decide what a container may do.
    let is_private = durable::is_private_directory(folder).unwrap_or(false);
    if let Some(filter) = is_private.then(|| read(&path, profile)).flatten() {
        return Ok(filter);
    }
    let filter = compile::compile(profile, native)?;
    if is_private || !folder.exists() && durable::create_private_directory(folder).is_ok() {
        write(&path, &filter);
    }
    Ok(filter)
}

fn read(path: &Path, profile: &Seccomp) -> Option<Filter> {
    let bytes = fs::read(path).ok()?;
    let (digest, rest) = bytes.split_first_chunk::<32>()?;
    let (flags, program) = rest.split_first_chunk::<4>()?;
    let (program, []) = program.as_chunks::<8>() else { return None };
    if program.is_empty() || program.len() > MAX_INSTRUCTIONS || Digest::of(rest).as_bytes() != digest {
        return None;
    }
    let flags = u32::from_ne_bytes(*flags);
    let program = program.iter().map(|[c, d, jt, jf, k @ ..]| SockFilter {
        code: u16::from_ne_bytes([*c, *d]),
        jt: *jt,
        jf: *jf,
        k: u32::from_ne_bytes(*k),
    });
    Some(Filter { program: program.collect(), flags, listener: compile::listener(profile) })
}

/// A rename makes the file appear whole. It need not outlive a crash, and where it cannot be written the next container
/// compiles its profile, too.
fn write(path: &Path, filter: &Filter) {
    let mut rest = filter.flags.to_ne_bytes().to_vec();
    for SockFilter { code, jt, jf, k } in &filter.program {
        rest.extend(code.to_ne_bytes());
        rest.extend([*jt, *jf]);
        rest.extend(k.to_ne_bytes());
    }
    let temporary = path.with_extension(std::process::id().to_string());
    let bytes = [Digest::of(&rest).as_bytes(), &rest].concat();
    if fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path)).is_err() {
        let _ = fs::remove_file(&temporary);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::runtime::{SeccompAction, SeccompSyscall};

    fn profile(names: &[&str], action: SeccompAction) -> Seccomp {
        let names = names.iter().map(|name| (*name).into()).collect();
        Seccomp {
            default_action: SeccompAction::Allow,
            listener_path: "/run/agent".into(),
            syscalls: vec![SeccompSyscall { names, action, ..SeccompSyscall::default() }],
            ..Seccomp::default()
        }
    }

    fn files(folder: &Path) -> Vec<std::path::PathBuf> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn a_profile_is_compiled_once_for_each_machine() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("filters");
        for profile in [profile(&["mkdir"], SeccompAction::Errno), profile(&["mkdir"], SeccompAction::Notify)] {
            let compiled = compile::compile(&profile, Abi::X86_64).unwrap();
            assert_eq!(cached(&profile, Abi::X86_64, &folder), Ok(compiled.clone()));
            let count = files(&folder).len();
            assert_eq!(cached(&profile, Abi::X86_64, &folder), Ok(compiled.clone()));
            assert_eq!(files(&folder).len(), count);
            assert_ne!(cached(&profile, Abi::Aarch64, &folder), Ok(compiled));
            assert_eq!(files(&folder).len(), count + 1);
        }
    }

    #[test]
    fn what_the_file_holds_is_what_is_loaded_and_a_broken_one_is_made_anew() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("filters");
        let denies = profile(&["mkdir"], SeccompAction::Errno);
        let compiled = cached(&denies, Abi::X86_64, &folder).unwrap();
        let [path] = &files(&folder)[..] else { panic!("one file") };
        let good = fs::read(path).unwrap();

        let other = compile::compile(&profile(&["rmdir"], SeccompAction::Errno), Abi::X86_64).unwrap();
        write(path, &other);
        assert_eq!(cached(&denies, Abi::X86_64, &folder).unwrap().program, other.program);

        let flipped = good.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == 50)).collect::<Vec<_>>();
        for bad in [&good[..0], &good[..35], &good[..good.len() - 8], &flipped] {
            fs::write(path, bad).unwrap();
            assert_eq!(cached(&denies, Abi::X86_64, &folder), Ok(compiled.clone()));
            assert_eq!(fs::read(path).unwrap(), good);
        }
        assert_eq!(files(&folder).len(), 1);
    }

    #[test]
    fn a_profile_that_is_refused_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("filters");
        assert!(cached(&profile(&["write"], SeccompAction::Notify), Abi::X86_64, &folder).is_err());
        assert!(!folder.exists());
    }
}
