//! Device files, on systems whose devices no container can have.

use std::io;
use std::path::Path;

use super::Device;

/// None.
pub fn devices(_: &Path) -> io::Result<Vec<Device>> {
    Ok(Vec::new())
}

/// None.
pub fn device(_: &Path) -> io::Result<Option<Device>> {
    Ok(None)
}
