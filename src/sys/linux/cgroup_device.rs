//! Programs of the kernel that decide which devices a cgroup may use: bpf(2), `BPF_PROG_TYPE_CGROUP_DEVICE`.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

const PROG_LOAD: libc::c_long = 5;
const PROG_ATTACH: libc::c_long = 8;
const PROG_DETACH: libc::c_long = 9;
const PROG_GET_FD_BY_ID: libc::c_long = 13;
const PROG_QUERY: libc::c_long = 16;

/// `BPF_PROG_TYPE_CGROUP_DEVICE`.
const PROGRAM_TYPE: u32 = 15;
/// `BPF_CGROUP_DEVICE`.
const ATTACH_TYPE: u32 = 6;
/// `BPF_F_ALLOW_MULTI`: all programs of a cgroup must agree, and those of its parents, too.
const ALLOW_MULTI: u32 = 2;
/// What one cgroup can have: `BPF_CGROUP_MAX_PROGS`.
const PROGRAMS: usize = 64;

/// The beginning of `union bpf_attr`, as 32-bit words; what follows is zero to the kernel.
#[repr(C, align(8))]
struct Attributes([u32; 16]);

impl Attributes {
    fn new(words: &[u32]) -> Attributes {
        let mut attributes = Attributes([0; 16]);
        attributes.0[..words.len()].copy_from_slice(words);
        attributes
    }

    /// Puts an address at the words `at` and `at + 1`.
    fn address(&mut self, at: usize, address: u64) {
        let bytes = address.to_ne_bytes();
        self.0[at] = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        self.0[at + 1] = u32::from_ne_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
    }
}

/// Lets `program`, instructions of eBPF, decide for the cgroup of version 2 with the directory `cgroup`, instead of those that
/// did so far.
pub fn set_program(cgroup: BorrowedFd<'_>, program: &[u64]) -> io::Result<()> {
    let old = attached(cgroup)?;
    let new = load(program)?;
    change(PROG_ATTACH, cgroup, new.as_fd(), ALLOW_MULTI)?;
    for id in old {
        let program = open(id)?;
        change(PROG_DETACH, cgroup, program.as_fd(), 0)?;
    }
    Ok(())
}

/// Whether a program can be loaded here.
pub fn can_load() -> io::Result<()> {
    // `r0 = 1; exit`: allowed.
    load(&[0x0000_0001_0000_00b7, 0x0000_0000_0000_0095]).map(drop)
}

/// The ids of the programs that decide for a cgroup, without those of its parents.
pub fn attached(cgroup: BorrowedFd<'_>) -> io::Result<Vec<u32>> {
    let mut ids = [0u32; PROGRAMS];
    let mut attributes = Attributes::new(&[raw(cgroup), ATTACH_TYPE, 0, 0, 0, 0, PROGRAMS as u32]);
    attributes.address(4, ids.as_mut_ptr() as u64);
    bpf(PROG_QUERY, &mut attributes)?;
    let count = (attributes.0[6] as usize).min(PROGRAMS);
    Ok(ids[..count].to_vec())
}

fn load(program: &[u64]) -> io::Result<OwnedFd> {
    let license = c"Apache-2.0";
    let mut attributes = Attributes::new(&[PROGRAM_TYPE, program.len() as u32]);
    attributes.address(2, program.as_ptr() as u64);
    attributes.address(4, license.as_ptr() as u64);
    descriptor(bpf(PROG_LOAD, &mut attributes)?)
}

fn open(id: u32) -> io::Result<OwnedFd> {
    descriptor(bpf(PROG_GET_FD_BY_ID, &mut Attributes::new(&[id]))?)
}

fn change(command: libc::c_long, cgroup: BorrowedFd<'_>, program: BorrowedFd<'_>, flags: u32) -> io::Result<()> {
    bpf(command, &mut Attributes::new(&[raw(cgroup), raw(program), ATTACH_TYPE, flags])).map(|_| ())
}

fn raw(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

#[allow(unsafe_code)]
fn descriptor(number: libc::c_long) -> io::Result<OwnedFd> {
    let number = i32::try_from(number).map_err(io::Error::other)?;
    // SAFETY: the kernel just returned this descriptor to us, close-on-exec, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

#[allow(unsafe_code)]
fn bpf(command: libc::c_long, attributes: &mut Attributes) -> io::Result<libc::c_long> {
    let size = size_of::<Attributes>();
    // SAFETY: `attributes` is as large as `size` says; the addresses in it are those of slices of the given lengths, which
    // outlive the call.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attributes.0.as_mut_ptr(), size) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
