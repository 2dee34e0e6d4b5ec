//! The ABIs that a machine's programs make system calls in.

use super::syscalls::Row;
use crate::oci::runtime::SECCOMP_ARCHITECTURES;
use crate::sys::linux::seccomp::MACHINE;

/// `AUDIT_ARCH_…` of `linux/audit.h`: the ELF machine with bits for 64 bits and little endian.
const LITTLE_ENDIAN: u32 = 0x4000_0000;
const BITS_64: u32 = 0x8000_0000;

/// The bit of system calls in the x32 ABI: `__X32_SYSCALL_BIT`.
pub(super) const X32_BIT: u32 = 0x4000_0000;

/// One ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Abi {
    X86,
    X86_64,
    X32,
    Arm,
    Aarch64,
}

impl Abi {
    /// All with a table, in the order of its columns.
    pub(super) const ALL: [Abi; 5] = [Abi::X86, Abi::X86_64, Abi::X32, Abi::Arm, Abi::Aarch64];

    /// The one of this machine.
    pub(super) fn native() -> Result<Abi, String> {
        match MACHINE {
            Some("x86_64") => Ok(Abi::X86_64),
            Some("aarch64") => Ok(Abi::Aarch64),
            Some("x86") => Ok(Abi::X86),
            Some("arm") => Ok(Abi::Arm),
            _ => Err("seccomp: the system calls of this processor are not known here; run unconfined".into()),
        }
    }

    /// The one that a profile names; none where no machine with a table here runs it, as profiles list them all the same.
    pub(super) fn named(name: &str) -> Result<Option<Abi>, String> {
        match Abi::ALL.into_iter().find(|abi| abi.name() == name) {
            None if !SECCOMP_ARCHITECTURES.contains(&name) => {
                Err(format!("seccomp: there is no architecture {name:?}"))
            }
            known => Ok(known),
        }
    }

    /// libseccomp's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Abi::X86 => "SCMP_ARCH_X86",
            Abi::X86_64 => "SCMP_ARCH_X86_64",
            Abi::X32 => "SCMP_ARCH_X32",
            Abi::Arm => "SCMP_ARCH_ARM",
            Abi::Aarch64 => "SCMP_ARCH_AARCH64",
        }
    }

    /// Those that programs may use where this is the machine's own: itself first.
    pub(super) fn family(self) -> &'static [Abi] {
        match self {
            Abi::X86_64 => &[Abi::X86_64, Abi::X86, Abi::X32],
            Abi::Aarch64 => &[Abi::Aarch64, Abi::Arm],
            Abi::X86 => &[Abi::X86],
            Abi::X32 => &[Abi::X32],
            Abi::Arm => &[Abi::Arm],
        }
    }

    /// What the kernel calls it in a call's data; x32 is told from x86-64 by the number alone.
    pub(super) fn audit(self) -> u32 {
        match self {
            Abi::X86 => 3 | LITTLE_ENDIAN,
            Abi::X86_64 | Abi::X32 => 62 | LITTLE_ENDIAN | BITS_64,
            Abi::Arm => 40 | LITTLE_ENDIAN,
            Abi::Aarch64 => 183 | LITTLE_ENDIAN | BITS_64,
        }
    }

    /// Whether arguments have 64 bits.
    pub(super) fn is_wide(self) -> bool {
        matches!(self, Abi::X86_64 | Abi::Aarch64)
    }

    /// The number of a call, as the kernel sees it.
    pub(super) fn number(self, row: &Row) -> Option<u32> {
        let number = match self {
            Abi::X86 => row.1,
            Abi::X86_64 => row.2,
            Abi::X32 => row.3,
            Abi::Arm => row.4,
            Abi::Aarch64 => row.5,
        };
        u32::try_from(number).ok().map(|number| self.base() | number)
    }

    /// The bits that all its numbers have.
    pub(super) fn base(self) -> u32 {
        if self == Abi::X32 { X32_BIT } else { 0 }
    }
}
