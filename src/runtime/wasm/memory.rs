//! `GuestMemory`: what a guest's pointers point at, every one of them checked.

use crate::vfs::{Errno, Result};

/// How many buffers one call may name (Linux `IOV_MAX`).
const BUFFERS_MAX: u32 = 1024;

/// The linear memory of a guest during one host call. Whatever lies outside of it is [`Errno::Fault`].
pub(super) struct GuestMemory<'a>(&'a mut [u8]);

/// One element of a scatter or gather list: witx `iovec`, `ciovec`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Buffer {
    pub(super) pointer: u32,
    pub(super) len: u32,
}

impl<'a> GuestMemory<'a> {
    pub(super) fn new(bytes: &'a mut [u8]) -> GuestMemory<'a> {
        GuestMemory(bytes)
    }

    /// `len` bytes at `pointer`.
    pub(super) fn slice(&self, pointer: u32, len: u32) -> Result<&[u8]> {
        self.0.get(pointer as usize..).and_then(|rest| rest.get(..len as usize)).ok_or(Errno::Fault)
    }

    /// `len` bytes at `pointer`, to be written.
    pub(super) fn slice_mut(&mut self, pointer: u32, len: u32) -> Result<&mut [u8]> {
        self.0.get_mut(pointer as usize..).and_then(|rest| rest.get_mut(..len as usize)).ok_or(Errno::Fault)
    }

    /// The `N` bytes at `pointer`.
    pub(super) fn read<const N: usize>(&self, pointer: u32) -> Result<[u8; N]> {
        let bytes = self.slice(pointer, N as u32)?;
        Ok(bytes.try_into().expect("the slice has N bytes"))
    }

    pub(super) fn write(&mut self, pointer: u32, bytes: &[u8]) -> Result<()> {
        let len = u32::try_from(bytes.len()).map_err(|_| Errno::Fault)?;
        self.slice_mut(pointer, len)?.copy_from_slice(bytes);
        Ok(())
    }

    pub(super) fn write_u32(&mut self, pointer: u32, value: u32) -> Result<()> {
        self.write(pointer, &value.to_le_bytes())
    }

    pub(super) fn write_u64(&mut self, pointer: u32, value: u64) -> Result<()> {
        self.write(pointer, &value.to_le_bytes())
    }

    /// The element `index` of a list whose length [`check_buffers`](Self::check_buffers) has passed.
    pub(super) fn buffer(&self, list: u32, index: u32) -> Result<Buffer> {
        let [p0, p1, p2, p3, l0, l1, l2, l3] = self.read(list.checked_add(index * 8).ok_or(Errno::Fault)?)?;
        Ok(Buffer { pointer: u32::from_le_bytes([p0, p1, p2, p3]), len: u32::from_le_bytes([l0, l1, l2, l3]) })
    }

    /// Checks a list of buffers with all that they point at, and returns the sum of their lengths. [`Errno::Inval`] for
    /// more than 1,024 of them, or where the sum does not fit an `i32`, as readv(2) has it.
    pub(super) fn check_buffers(&self, list: u32, count: u32) -> Result<u32> {
        if count > BUFFERS_MAX {
            return Err(Errno::Inval);
        }
        let mut sum = 0u32;
        for index in 0..count {
            let Buffer { pointer, len } = self.buffer(list, index)?;
            self.slice(pointer, len)?;
            sum = sum.checked_add(len).filter(|&sum| sum <= i32::MAX as u32).ok_or(Errno::Inval)?;
        }
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_of_the_memory_is_reached() {
        let mut bytes = [7; 16];
        let mut memory = GuestMemory::new(&mut bytes);
        assert_eq!(memory.slice(0, 16).unwrap(), [7; 16]);
        assert!(memory.slice(16, 0).unwrap().is_empty());
        for (pointer, len) in [(0, 17), (16, 1), (17, 0), (u32::MAX, u32::MAX), (u32::MAX, 1), (1, u32::MAX)] {
            assert_eq!(memory.slice(pointer, len), Err(Errno::Fault));
            assert_eq!(memory.slice_mut(pointer, len), Err(Errno::Fault));
        }
        assert_eq!(memory.write_u32(13, 0), Err(Errno::Fault));
        assert_eq!(memory.write_u64(9, 0), Err(Errno::Fault));
        assert!(memory.write_u64(8, u64::MAX).is_ok());
    }

    #[test]
    fn a_list_of_buffers_is_bounded() {
        let mut bytes = vec![0; 16384];
        let mut memory = GuestMemory::new(&mut bytes);
        assert_eq!(memory.check_buffers(0, 1025), Err(Errno::Inval));
        assert_eq!(memory.check_buffers(16380, 1), Err(Errno::Fault));
        assert_eq!(memory.check_buffers(u32::MAX - 7, 2), Err(Errno::Fault));
        memory.write_u32(4, 16385).unwrap();
        assert_eq!(memory.check_buffers(0, 1), Err(Errno::Fault));
        memory.write_u32(4, 100).unwrap();
        assert_eq!(memory.check_buffers(0, 1), Ok(100));
        assert_eq!(memory.buffer(0, 0), Ok(Buffer { pointer: 0, len: 100 }));
    }
}
