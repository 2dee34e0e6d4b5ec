//! What replaces parts of wasi-libc, by their very names, so that `std::fs`, `std::env` and C code linked into the program see the file system of the
//! kernel: paths resolved from its working directory, true modes and owners, descriptors closed on exec.
//!
//! wasi-libc keeps a list of preopened directories and looks up each path in it; here that look-up returns "the working directory" and the path as it is.
//! Of its other functions those are replaced that lose something on the way and are objects of their own in libc.a: a replaced function whose object
//! holds others too would be defined twice as soon as one of these is needed.

use std::ffi::{c_char, c_int, c_void};

use super::cowbox as sys;
use super::errno::Errno;
use super::types::*;

unsafe extern "C" {
    fn __errno_location() -> *mut c_int;
    fn malloc(size: usize) -> *mut c_void;
    fn strlen(text: *const c_char) -> usize;
}

/// wasi-libc's number for it, which the kernel does not know.
const LIBC_AT_FDCWD: c_int = -2;
const LIBC_AT_SYMLINK_NOFOLLOW: c_int = 1;

fn fail(errno: Errno) -> c_int {
    // SAFETY: it is always a valid pointer.
    unsafe { *__errno_location() = errno.raw() };
    -1
}

fn done(result: Result<(), Errno>) -> c_int {
    result.map_or_else(fail, |()| 0)
}

fn directory(fd: c_int) -> Fd {
    if fd == LIBC_AT_FDCWD { AT_FDCWD } else { fd }
}

/// # Safety
/// `path` is a string with a zero at its end, alive for `'a`.
unsafe fn text<'a>(path: *const c_char) -> &'a [u8] {
    // SAFETY: as the caller promises.
    unsafe { std::slice::from_raw_parts(path.cast(), strlen(path)) }
}

// The list of preopened directories (libc-bottom-half/sources/preopens.c): there is none.

#[unsafe(no_mangle)]
extern "C" fn __wasilibc_populate_preopens() {}

#[unsafe(no_mangle)]
extern "C" fn __wasilibc_reset_preopens() {}

#[unsafe(no_mangle)]
extern "C" fn __wasilibc_register_preopened_fd(_fd: c_int, _prefix: *const c_char) -> c_int {
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wasilibc_find_relpath(
    path: *const c_char,
    prefix: *mut *const c_char,
    relative: *mut *mut c_char,
    _relative_len: usize,
) -> c_int {
    // SAFETY: libc passes pointers to variables of its own.
    unsafe { __wasilibc_find_abspath(path, prefix, relative.cast()) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wasilibc_find_relpath_alloc(
    path: *const c_char,
    prefix: *mut *const c_char,
    relative: *mut *mut c_char,
    _relative_len: *mut usize,
    _can_realloc: c_int,
) -> c_int {
    // SAFETY: libc passes pointers to variables of its own.
    unsafe { __wasilibc_find_abspath(path, prefix, relative.cast()) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wasilibc_find_abspath(
    path: *const c_char,
    prefix: *mut *const c_char,
    relative: *mut *const c_char,
) -> c_int {
    // SAFETY: libc passes pointers to variables of its own.
    unsafe {
        if !prefix.is_null() {
            *prefix = c"".as_ptr();
        }
        *relative = path;
    }
    AT_FDCWD
}

// The working directory (chdir.c, getcwd.c), which libc else keeps as a text of its own.

#[unsafe(no_mangle)]
unsafe extern "C" fn chdir(path: *const c_char) -> c_int {
    // SAFETY: C code passes strings.
    done(sys::chdir(unsafe { text(path) }))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getcwd(buffer: *mut c_char, size: usize) -> *mut c_char {
    let path = match sys::getcwd() {
        Ok(path) => path,
        Err(errno) => {
            fail(errno);
            return std::ptr::null_mut();
        }
    };
    let target = if buffer.is_null() {
        // SAFETY: malloc takes any size; the caller frees.
        unsafe { malloc(path.len() + 1).cast() }
    } else if size > path.len() {
        buffer
    } else {
        fail(Errno::ERANGE);
        return std::ptr::null_mut();
    };
    if target.is_null() {
        fail(Errno::ENOMEM);
        return target;
    }
    // SAFETY: there is room for the path and a zero.
    unsafe {
        std::ptr::copy_nonoverlapping(path.as_ptr().cast(), target, path.len());
        target.add(path.len()).write(0);
    }
    target
}

// Opening (openat.c): libc's flags hold preview 1's in their bits. std opens through here, and closes on exec as it does on other systems.

const LIBC_CREAT: c_int = 1 << 12;
const LIBC_DIRECTORY: c_int = 2 << 12;
const LIBC_EXCL: c_int = 4 << 12;
const LIBC_TRUNC: c_int = 8 << 12;
const LIBC_APPEND: c_int = 1;
const LIBC_NONBLOCK: c_int = 4;
const LIBC_NOFOLLOW: c_int = 0x0100_0000;
const LIBC_RDONLY: c_int = 0x0400_0000;
const LIBC_WRONLY: c_int = 0x1000_0000;

fn open_flags(flags: c_int) -> OpenFlags {
    let access = match flags & (LIBC_RDONLY | LIBC_WRONLY) {
        LIBC_WRONLY => OpenFlags::WRONLY,
        access if access & LIBC_WRONLY != 0 => OpenFlags::RDWR,
        _ => OpenFlags::RDONLY,
    };
    let table = [
        (LIBC_CREAT, OpenFlags::CREAT),
        (LIBC_DIRECTORY, OpenFlags::DIRECTORY),
        (LIBC_EXCL, OpenFlags::EXCL),
        (LIBC_TRUNC, OpenFlags::TRUNC),
        (LIBC_APPEND, OpenFlags::APPEND),
        (LIBC_NONBLOCK, OpenFlags::NONBLOCK),
        (LIBC_NOFOLLOW, OpenFlags::NOFOLLOW),
    ];
    let set = |all, (bit, flag): (c_int, OpenFlags)| if flags & bit != 0 { all | flag } else { all };
    table.into_iter().fold(access | OpenFlags::CLOEXEC | OpenFlags::NOCTTY, set)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wasilibc_nocwd_openat_nomode(dir: c_int, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: C code passes strings.
    let path = unsafe { text(path) };
    sys::openat(directory(dir), path, open_flags(flags), 0o666).unwrap_or_else(fail)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wasilibc_nocwd_mkdirat_nomode(dir: c_int, path: *const c_char) -> c_int {
    // SAFETY: C code passes strings.
    done(sys::mkdirat(directory(dir), unsafe { text(path) }, 0o777))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wasilibc_nocwd_faccessat(dir: c_int, path: *const c_char, mode: c_int, _flags: c_int) -> c_int {
    // No flag says that the effective user is meant: libc's AT_EACCESS is 0.
    // SAFETY: C code passes strings.
    done(sys::faccessat(directory(dir), unsafe { text(path) }, Access(mode.cast_unsigned() & 7), false))
}

// What is known of files (fstat.c, fstatat.c).

#[repr(C)]
struct LibcTime {
    sec: i64,
    nsec: i32,
}

/// wasi-libc's `struct stat`.
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
    atime: LibcTime,
    mtime: LibcTime,
    ctime: LibcTime,
    reserved: [i64; 3],
}

/// # Safety
/// `target` points at room for a `struct stat`.
unsafe fn fill(target: *mut LibcStat, result: Result<Stat, Errno>) -> c_int {
    let stat = match result {
        Ok(stat) => stat,
        Err(errno) => return fail(errno),
    };
    let time = |time: Time| LibcTime { sec: time.sec, nsec: time.nsec.cast_signed() };
    // SAFETY: as the caller promises.
    unsafe {
        target.write(LibcStat {
            dev: stat.dev,
            ino: stat.ino,
            nlink: stat.nlink,
            mode: stat.mode,
            uid: stat.uid,
            gid: stat.gid,
            pad: 0,
            rdev: crate::os::makedev(stat.rdev_major, stat.rdev_minor),
            size: stat.size.cast_signed(),
            block_size: stat.block_size.cast_signed(),
            blocks: stat.blocks.cast_signed(),
            atime: time(stat.atime),
            mtime: time(stat.mtime),
            ctime: time(stat.ctime),
            reserved: [0; 3],
        });
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fstat(fd: c_int, target: *mut LibcStat) -> c_int {
    // SAFETY: C code passes room for it.
    unsafe { fill(target, sys::fstat(fd)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wasilibc_nocwd_fstatat(
    dir: c_int,
    path: *const c_char,
    target: *mut LibcStat,
    flags: c_int,
) -> c_int {
    // SAFETY: C code passes strings, and room for the result.
    unsafe {
        let path = text(path);
        fill(target, sys::fstatat(directory(dir), path, flags & LIBC_AT_SYMLINK_NOFOLLOW == 0))
    }
}

// Terminals (isatty.c): libc's guess takes every character device without a position for one.

#[unsafe(no_mangle)]
extern "C" fn __isatty(fd: c_int) -> c_int {
    match sys::tcgetattr(fd) {
        Ok(_) => 1,
        Err(errno) => {
            fail(errno);
            0
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn isatty(fd: c_int) -> c_int {
    __isatty(fd)
}
