//! Read-only memory mappings of files.

use std::fs::File;
use std::io;
use std::ops::Deref;

/// The content of a file, mapped. Empty files map to an empty slice.
///
/// A file that is shortened while it is mapped kills the process that reads it: only files that are never shortened or
/// rewritten in place may be mapped, as are all files of the store.
pub struct Mapping(Option<memmap2::Mmap>);

impl Mapping {
    /// Maps the whole of `file`.
    #[allow(unsafe_code)]
    pub fn new(file: &File) -> io::Result<Mapping> {
        if file.metadata()?.len() == 0 {
            return Ok(Mapping(None));
        }
        // SAFETY: the caller maps files of the store only, and those are never written or shortened once they have their
        // name; that a stranger does so is outside of what any mapping can guard against.
        let map = unsafe { memmap2::Mmap::map(file)? };
        Ok(Mapping(Some(map)))
    }
}

/// Brings the first bytes of a file, `len` at most, into the page cache. The kernel does it in one go, where advice (`WILLNEED`) ends
/// with what is read ahead of a file, 128 KiB mostly. Linux 5.14.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub fn populate(file: &File, len: usize) -> io::Result<()> {
    let len = usize::try_from(file.metadata()?.len()).map_or(len, |size| size.min(len));
    // SAFETY: nothing of the mapping is read here, and the kernel answers with an error where the file has become shorter.
    let map = unsafe { memmap2::MmapOptions::new().len(len).map(file)? };
    map.advise(memmap2::Advice::PopulateRead)
}

/// Whether memory can be made executable, as compiled code has to be.
pub fn executable() -> io::Result<()> {
    memmap2::MmapMut::map_anon(4096)?.make_exec().map(drop)
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or(&[])
    }
}
