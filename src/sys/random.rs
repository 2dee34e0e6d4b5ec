//! Random bytes from the operating system.

use std::io;

/// Fills `buf` with bytes fit for keys and names.
pub fn fill(buf: &mut [u8]) -> io::Result<()> {
    getrandom::fill(buf).map_err(io::Error::other)
}
