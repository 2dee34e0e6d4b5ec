//! Reads and writes at an offset, on Windows.

use std::fs::File;
use std::io;
use std::os::windows::fs::FileExt;

/// Reads at `offset`; returns how much, 0 at the end. The position of the file is of no account, and moves.
pub fn read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek_read(buf, offset)
}

/// Writes at `offset`; returns how much. The position of the file is of no account, and moves.
pub fn write_at(file: &File, buf: &[u8], offset: u64) -> io::Result<usize> {
    file.seek_write(buf, offset)
}
