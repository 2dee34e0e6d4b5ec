//! `Compiled`: the cache of compiled code on disk.
//!
//! Compiled code is native code: whoever can write an entry can run anything. The folder has to belong to the current user
//! alone, and no entry is ever taken from elsewhere. An entry is named by the module's digest and by all that decides
//! whether code fits (version of the engine, settings, features of the CPU); it is the code as the engine writes it, and
//! behind it a trailer that tells torn and damaged entries:
//!
//! ```text
//! code (an ELF image)   n bytes
//! magic "cowbxcod"      8 bytes
//! length n              8 bytes, little-endian
//! CRC-32C               4 bytes, little-endian: of the whole code up to 4 MiB, beyond that of 256 pages in it
//! ```
//!
//! Entries appear whole (temporary file, sync, rename), so that processes that compile the same module do not disturb each
//! other, and are never changed once they have their name, so that they can be mapped.

use std::fs::{self, File};
use std::hash::Hash;
use std::path::PathBuf;

use wasmtime::{Engine, Module};

use crate::oci::{Hasher, hex};
use crate::runtime::{Error, ErrorKind, Result};
use crate::sys::durable;
use crate::sys::mapping::Mapping;

/// Changes whenever the form of entries does.
const VERSION: &str = "1";
const MAGIC: &[u8; 8] = b"cowbxcod";
const TRAILER: usize = 20;
/// Up to this length all of the code is in the checksum. Beyond it the check would take longer than the start of a program.
const CHECKED_WHOLE: usize = 4 << 20;
const PAGE: usize = 4096;
/// How many pages of longer code are, evenly spread.
const PAGES: usize = 256;

/// The folder of compiled code, for one engine.
pub(super) struct Compiled {
    folder: PathBuf,
    /// All that decides whether code fits this engine.
    compatibility: String,
}

impl Compiled {
    /// Opens the folder, which is made where it is missing. A folder that others can write to is refused.
    pub(super) fn open(engine: &Engine, folder: PathBuf) -> Result<Compiled> {
        let wrong = |why: String| {
            Error::new(ErrorKind::Runtime, format!("compiled code {}: {why}", folder.display()))
                .hint("the folder has to belong to the current user, and to be writable by nobody else")
        };
        durable::create_private_directory(&folder).map_err(|error| wrong(error.to_string()))?;
        match durable::is_private_directory(&folder) {
            Ok(true) => {}
            Ok(false) => return Err(wrong("others can write to it".to_owned())),
            Err(error) => return Err(wrong(error.to_string())),
        }
        let mut hasher = StableHasher(Hasher::new());
        (VERSION, engine.precompile_compatibility_hash()).hash(&mut hasher);
        let compatibility = hex(&hasher.0.finish()[..16]);
        Ok(Compiled { folder, compatibility })
    }

    /// The compiled code of the module, if it is there and whole.
    pub(super) fn load(&self, engine: &Engine, digest: &[u8; 32]) -> Option<Module> {
        let path = self.path(digest);
        let file = File::open(&path).ok()?;
        let module = is_whole(&file).then(|| load(engine, file)).flatten();
        if module.is_none() {
            // Damaged: it is compiled anew. Where it cannot be removed, the new entry replaces it.
            let _ = fs::remove_file(&path);
        }
        module
    }

    /// Compiles a module and keeps the code.
    pub(super) fn compile(&self, engine: &Engine, digest: &[u8; 32], wasm: Vec<u8>) -> wasmtime::Result<Module> {
        let mut code = engine.precompile_module(&wasm)?;
        let trailer = trailer(&code);
        code.extend_from_slice(&trailer);
        let path = self.path(digest);
        // Without room for the cache the program runs all the same, and is compiled again the next time.
        if durable::replace(&path, &code).is_ok() {
            drop(code);
            if let Some(module) = self.load(engine, digest) {
                return Ok(module);
            }
        }
        Module::new(engine, &wasm)
    }

    fn path(&self, digest: &[u8; 32]) -> PathBuf {
        self.folder.join(format!("{}-{}", hex(digest), self.compatibility))
    }
}

fn trailer(code: &[u8]) -> [u8; TRAILER] {
    let mut trailer = [0; TRAILER];
    trailer[..8].copy_from_slice(MAGIC);
    trailer[8..16].copy_from_slice(&(code.len() as u64).to_le_bytes());
    trailer[16..].copy_from_slice(&checksum(code).to_le_bytes());
    trailer
}

fn checksum(code: &[u8]) -> u32 {
    if code.len() <= CHECKED_WHOLE {
        return crc32c::crc32c(code);
    }
    code.chunks(code.len() / PAGES / PAGE * PAGE)
        .fold(0, |crc, chunk| crc32c::crc32c_append(crc, &chunk[..chunk.len().min(PAGE)]))
}

/// Whether an entry is as it was written.
fn is_whole(file: &File) -> bool {
    let Ok(content) = Mapping::new(file) else { return false };
    match content.split_last_chunk::<TRAILER>() {
        Some((code, found)) => *found == trailer(code),
        None => false,
    }
}

/// Maps an entry as code. None where the engine finds that it does not fit.
#[allow(unsafe_code)]
fn load(engine: &Engine, file: File) -> Option<Module> {
    // SAFETY: `deserialize_open_file` asks for a file that this version of the engine wrote and that does not change while
    // it is mapped. The entry lies in a folder that only the current user can write to (`Compiled::open`), was written by
    // `Compiled::compile` (its trailer and its name say so), and entries are replaced and removed, never written in place.
    unsafe { Module::deserialize_open_file(engine, file).ok() }
}

/// Feeds what implements `Hash` to SHA-256: the same on every run.
struct StableHasher(Hasher);

impl std::hash::Hasher for StableHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

/// The entries of a folder of compiled code, for tests of what happens to them.
#[cfg(test)]
pub(super) fn entries(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}
