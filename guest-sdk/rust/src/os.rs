//! The traits of `std::os::unix` that programs use most, for targets where std does not have them.
//!
//! `use cowbox_guest::os::{MetadataExt, PermissionsExt, ...}` in place of `use std::os::unix::fs::{...}`: on a host these are std's own.

#[cfg(unix)]
pub use std::fs::set_permissions;
#[cfg(unix)]
pub use std::os::unix::ffi::{OsStrExt, OsStringExt};
#[cfg(unix)]
pub use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
#[cfg(target_os = "wasi")]
pub use std::os::wasi::ffi::{OsStrExt, OsStringExt};

#[cfg(target_os = "wasi")]
pub use wasi::{FileTypeExt, MetadataExt, PermissionsExt};

/// The major number of a device, as makedev(3) of Linux puts both into one.
pub const fn major(device: u64) -> u32 {
    ((device >> 32) & 0xffff_f000 | (device >> 8) & 0xfff) as u32
}

/// The minor number of a device.
pub const fn minor(device: u64) -> u32 {
    ((device >> 12) & 0xffff_ff00 | device & 0xff) as u32
}

/// The device of two numbers.
pub const fn makedev(major: u32, minor: u32) -> u64 {
    let (major, minor) = (major as u64, minor as u64);
    (major & 0xffff_f000) << 32 | (major & 0xfff) << 8 | (minor & 0xffff_ff00) << 12 | minor & 0xff
}

/// `std::fs::set_permissions`, which does nothing but fail on this target.
#[cfg(target_os = "wasi")]
pub fn set_permissions(path: impl AsRef<std::path::Path>, permissions: std::fs::Permissions) -> std::io::Result<()> {
    Ok(crate::sys::chmod(path.as_ref(), PermissionsExt::mode(&permissions) & 0o7777)?)
}

#[cfg(target_os = "wasi")]
mod wasi {
    use std::fs::{FileType, Metadata, Permissions};

    /// What `struct stat` of wasi-libc holds, which is all that std's `Metadata` is on this target.
    #[repr(C)]
    struct LibcStat {
        dev: u64,
        ino: u64,
        nlink: u64,
        mode: u32,
        uid: u32,
        gid: u32,
        pad: u32,
        rdev: u64,
        size: i64,
        block_size: i32,
        blocks: i64,
        atime: (i64, i32),
        mtime: (i64, i32),
        ctime: (i64, i32),
        reserved: [i64; 3],
    }

    // std keeps its fields to itself. Should it ever keep something else than that structure, this stops the build.
    const _: () = assert!(
        size_of::<Metadata>() == size_of::<LibcStat>() && align_of::<Metadata>() == align_of::<LibcStat>(),
        "std's Metadata is no struct stat"
    );

    fn inner(metadata: &Metadata) -> &LibcStat {
        // SAFETY: `Metadata` is a structure of one field down to libc's `struct stat`, plain numbers, and its size was checked above.
        unsafe { &*std::ptr::from_ref(metadata).cast::<LibcStat>() }
    }

    /// As `std::os::unix::fs::MetadataExt`.
    #[allow(missing_docs, reason = "the names are those of std")]
    pub trait MetadataExt {
        fn dev(&self) -> u64;
        fn ino(&self) -> u64;
        fn mode(&self) -> u32;
        fn nlink(&self) -> u64;
        fn uid(&self) -> u32;
        fn gid(&self) -> u32;
        fn rdev(&self) -> u64;
        fn size(&self) -> u64;
        fn atime(&self) -> i64;
        fn atime_nsec(&self) -> i64;
        fn mtime(&self) -> i64;
        fn mtime_nsec(&self) -> i64;
        fn ctime(&self) -> i64;
        fn ctime_nsec(&self) -> i64;
        fn blksize(&self) -> u64;
        fn blocks(&self) -> u64;
    }

    impl MetadataExt for Metadata {
        fn dev(&self) -> u64 {
            inner(self).dev
        }
        fn ino(&self) -> u64 {
            inner(self).ino
        }
        fn mode(&self) -> u32 {
            inner(self).mode
        }
        fn nlink(&self) -> u64 {
            inner(self).nlink
        }
        fn uid(&self) -> u32 {
            inner(self).uid
        }
        fn gid(&self) -> u32 {
            inner(self).gid
        }
        fn rdev(&self) -> u64 {
            inner(self).rdev
        }
        fn size(&self) -> u64 {
            inner(self).size.cast_unsigned()
        }
        fn atime(&self) -> i64 {
            inner(self).atime.0
        }
        fn atime_nsec(&self) -> i64 {
            inner(self).atime.1.into()
        }
        fn mtime(&self) -> i64 {
            inner(self).mtime.0
        }
        fn mtime_nsec(&self) -> i64 {
            inner(self).mtime.1.into()
        }
        fn ctime(&self) -> i64 {
            inner(self).ctime.0
        }
        fn ctime_nsec(&self) -> i64 {
            inner(self).ctime.1.into()
        }
        fn blksize(&self) -> u64 {
            u64::from(inner(self).block_size.cast_unsigned())
        }
        fn blocks(&self) -> u64 {
            inner(self).blocks.cast_unsigned()
        }
    }

    /// As `std::os::unix::fs::FileTypeExt`.
    #[allow(missing_docs, reason = "the names are those of std")]
    pub trait FileTypeExt {
        fn is_block_device(&self) -> bool;
        fn is_char_device(&self) -> bool;
        fn is_fifo(&self) -> bool;
        fn is_socket(&self) -> bool;
    }

    const _: () = assert!(size_of::<FileType>() == size_of::<u32>(), "std's FileType is no mode");

    fn kind(file_type: &FileType) -> u32 {
        // SAFETY: `FileType` is a structure of one field, the mode, down to a number, and its size was checked above.
        unsafe { *std::ptr::from_ref(file_type).cast::<u32>() & crate::sys::S_IFMT }
    }

    impl FileTypeExt for FileType {
        fn is_block_device(&self) -> bool {
            kind(self) == crate::sys::S_IFBLK
        }
        fn is_char_device(&self) -> bool {
            kind(self) == crate::sys::S_IFCHR
        }
        fn is_fifo(&self) -> bool {
            kind(self) == crate::sys::S_IFIFO
        }
        fn is_socket(&self) -> bool {
            kind(self) == crate::sys::S_IFSOCK
        }
    }

    const _: () = assert!(size_of::<Permissions>() == size_of::<u32>(), "std's Permissions are no mode");

    /// As `std::os::unix::fs::PermissionsExt`.
    #[allow(missing_docs, reason = "the names are those of std")]
    pub trait PermissionsExt {
        fn mode(&self) -> u32;
        fn set_mode(&mut self, mode: u32);
        fn from_mode(mode: u32) -> Self;
    }

    impl PermissionsExt for Permissions {
        fn mode(&self) -> u32 {
            // SAFETY: `Permissions` is a structure of one field, the mode, down to a number, and its size was checked above.
            unsafe { *std::ptr::from_ref(self).cast::<u32>() }
        }
        fn set_mode(&mut self, mode: u32) {
            *self = Permissions::from_mode(mode);
        }
        fn from_mode(mode: u32) -> Permissions {
            // SAFETY: as above.
            unsafe { std::mem::transmute::<u32, Permissions>(mode) }
        }
    }
}
