//! The room on a disk, on Windows.

use std::io;
use std::os::windows::ffi::OsStrExt;
use std::path::Path;

use windows_sys::Win32::Storage::FileSystem::GetDiskFreeSpaceExW;

/// Bytes in all and bytes that the current user may still use, of the file system that `path` lies on.
pub fn room(path: &Path) -> io::Result<(u64, u64)> {
    let name: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
    let (mut free, mut total) = (0, 0);
    // SAFETY: the name ends with a zero, and the pointers are to live local variables or null where that is allowed.
    #[allow(unsafe_code)]
    let done = unsafe { GetDiskFreeSpaceExW(name.as_ptr(), &mut free, &mut total, std::ptr::null_mut()) };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok((total, free)) }
}
