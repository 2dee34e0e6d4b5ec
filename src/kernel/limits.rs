//! Limits that a process has and can set: getrlimit(2).

use super::task::Task;
use crate::vfs::{Errno, Result};

/// No limit (`RLIM_INFINITY`).
pub const UNLIMITED: u64 = u64::MAX;

const FSIZE: u32 = 1;
const NPROC: u32 = 6;
const NOFILE: u32 = 7;
/// How many resources there are (`RLIM_NLIMITS`).
const RESOURCES: u32 = 16;

impl Task {
    /// The soft and the hard limit of a resource, numbered as on Linux.
    pub fn limit(&self, resource: u32) -> Result<(u64, u64)> {
        match resource {
            FSIZE => Ok((self.file_size.unwrap_or(UNLIMITED), UNLIMITED)),
            NOFILE => Ok((self.fds.limit().into(), self.kernel.quota.open_files.into())),
            NPROC => Ok((self.kernel.quota.processes.into(), self.kernel.quota.processes.into())),
            0..RESOURCES => Ok((UNLIMITED, UNLIMITED)),
            _ => Err(Errno::Inval),
        }
    }

    /// Sets both. Descriptors and file sizes can be limited further; what the container has is not raised. A limit that
    /// nothing would keep is [`Errno::Perm`], unless it is the one there is.
    pub fn set_limit(&mut self, resource: u32, (soft, hard): (u64, u64)) -> Result<()> {
        if soft > hard {
            return Err(Errno::Inval);
        }
        let current = self.limit(resource)?;
        match resource {
            FSIZE => self.file_size = (soft != UNLIMITED).then_some(soft),
            NOFILE if hard > current.1 => return Err(Errno::Perm),
            NOFILE => self.fds.set_limit(soft as u32),
            _ if (soft, hard) != current => return Err(Errno::Perm),
            _ => {}
        }
        Ok(())
    }
}
