//! Pipes as std has them in `std::io::pipe`.

use std::io::{self, Read, Write};

use crate::sys::{self, Fd, OpenFlags};

/// An open descriptor that is closed when this is dropped.
#[derive(PartialEq, Eq, Debug)]
pub struct Descriptor(Fd);

impl Descriptor {
    /// Takes over `fd`, which nobody else may close.
    pub fn from_raw(fd: Fd) -> Descriptor {
        Descriptor(fd)
    }

    /// Its number. It stays open only as long as this lives.
    pub fn raw(&self) -> Fd {
        self.0
    }

    /// Its number, to be closed by the caller.
    pub fn into_raw(self) -> Fd {
        let fd = self.0;
        std::mem::forget(self);
        fd
    }

    /// A copy that is closed on exec.
    pub fn try_clone(&self) -> io::Result<Descriptor> {
        Ok(Descriptor(sys::dup(self.0, 0, true)?))
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // What was to be written has been; nobody is left to be told.
        let _ = sys::close(self.0);
    }
}

macro_rules! descriptors {
    ($($(#[$doc:meta])* $kind:ident)*) => {
        $(
            $(#[$doc])*
            #[derive(PartialEq, Eq, Debug)]
            pub struct $kind(Descriptor);

            impl $kind {
                /// Takes over `fd`, which nobody else may close.
                pub fn from_raw(fd: Fd) -> $kind {
                    $kind(Descriptor::from_raw(fd))
                }

                /// The descriptor's number.
                pub fn raw(&self) -> Fd {
                    self.0.raw()
                }

                /// The descriptor's number, to be closed by the caller.
                pub fn into_raw(self) -> Fd {
                    self.0.into_raw()
                }

                /// A copy that is closed on exec.
                pub fn try_clone(&self) -> io::Result<$kind> {
                    Ok($kind(self.0.try_clone()?))
                }
            }

            impl std::os::fd::AsRawFd for $kind {
                fn as_raw_fd(&self) -> Fd {
                    self.raw()
                }
            }

            impl std::os::fd::IntoRawFd for $kind {
                fn into_raw_fd(self) -> Fd {
                    self.into_raw()
                }
            }

            impl From<$kind> for std::os::fd::OwnedFd {
                fn from(end: $kind) -> std::os::fd::OwnedFd {
                    // SAFETY: the descriptor is open and given away.
                    unsafe { std::os::fd::FromRawFd::from_raw_fd(end.into_raw()) }
                }
            }

            impl From<$kind> for std::fs::File {
                fn from(end: $kind) -> std::fs::File {
                    std::os::fd::OwnedFd::from(end).into()
                }
            }
        )*
    };
}

descriptors! {
    /// The end of a pipe to read from.
    PipeReader
    /// The end of a pipe to write to.
    PipeWriter
}

/// Makes a pipe. Both ends are closed on exec.
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = sys::pipe(OpenFlags::CLOEXEC)?;
    Ok((PipeReader::from_raw(reader), PipeWriter::from_raw(writer)))
}

impl Read for PipeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(sys::read(self.raw(), buffer)?)
    }
}

impl Read for &PipeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(sys::read(self.raw(), buffer)?)
    }
}

impl Write for PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(sys::write(self.raw(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for &PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(sys::write(self.raw(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
