//! Reads and writes at an offset, on Unix.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Reads at `offset`; returns how much, 0 at the end. The position of the file is of no account.
pub fn read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(buf, offset)
}

/// Writes at `offset`; returns how much. The position of the file is of no account.
pub fn write_at(file: &File, buf: &[u8], offset: u64) -> io::Result<usize> {
    file.write_at(buf, offset)
}
