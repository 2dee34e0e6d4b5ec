//! Makes a network namespace beside other work: it takes the kernel longer than all other namespaces together.

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::thread::JoinHandleExt;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use rustix::fs::{Mode, OFlags};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use super::calls::check;
use super::ids::loopback_up;

/// What the thread that makes it needs of a stack.
const STACK: usize = 128 << 10;

/// A network namespace that is being made, with a loopback interface that is up. It belongs to the user namespace of this process.
#[derive(Debug)]
pub struct NetworkAhead {
    thread: JoinHandle<io::Result<()>>,
    /// The descriptor that it gets.
    namespace: Arc<OwnedFd>,
}

impl NetworkAhead {
    /// Begins to make one.
    pub fn begin() -> io::Result<NetworkAhead> {
        let place = rustix::fs::open(c"/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        let namespace = Arc::new(place);
        let gets_it = namespace.clone();
        let thread = Builder::new().stack_size(STACK).spawn(move || make(&gets_it))?;
        run_elsewhere(&thread);
        Ok(NetworkAhead { thread, namespace })
    }

    /// The descriptor by which it is entered, once it is [finished](NetworkAhead::finish).
    pub fn number(&self) -> RawFd {
        self.namespace.as_raw_fd()
    }

    /// Waits for it.
    pub fn finish(self) -> io::Result<Arc<OwnedFd>> {
        let broken = |_| Err(io::Error::other("the thread that makes a network namespace has ended"));
        self.thread.join().unwrap_or_else(broken).map(|()| self.namespace)
    }
}

/// Has the thread run on another processor than this one, where it may. A scheduler that packs new threads onto processors that
/// are awake would leave it here, and run it when this one waits for it.
#[allow(unsafe_code)]
fn run_elsewhere<T>(thread: &JoinHandle<T>) {
    const SIZE: usize = size_of::<libc::cpu_set_t>();
    // SAFETY: sets of bits, for which zeroes are valid and whose size is told; a thread that has not been joined.
    unsafe {
        let mut processors = zeroed::<libc::cpu_set_t>();
        let Ok(this) = usize::try_from(libc::sched_getcpu()) else { return };
        if this >= 8 * SIZE || libc::sched_getaffinity(0, SIZE, &raw mut processors) < 0 {
            return;
        }
        libc::CPU_CLR(this, &mut processors);
        if libc::CPU_COUNT(&processors) > 0 {
            // Where it may not it runs where it is.
            let _ = libc::pthread_setaffinity_np(thread.as_pthread_t() as _, SIZE, &raw const processors);
        }
    }
}

#[allow(unsafe_code)]
fn make(namespace: &OwnedFd) -> io::Result<()> {
    // SAFETY: no descriptor is unshared.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET)? };
    loopback_up().map_err(|code| {
        let error = io::Error::from_raw_os_error(code);
        io::Error::new(error.kind(), format!("bring the loopback interface up: {error}"))
    })?;
    let made = rustix::fs::open(c"/proc/thread-self/ns/net", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    // SAFETY: the descriptor that is replaced is this namespace's own, and nobody has used it.
    check(unsafe { libc::dup3(made.as_raw_fd(), namespace.as_raw_fd(), libc::O_CLOEXEC) })
        .map(drop)
        .map_err(io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::linux::process::is_other_namespace;

    #[test]
    #[allow(clippy::disallowed_macros)]
    fn it_is_another_than_that_of_this_process() {
        match NetworkAhead::begin().unwrap().finish() {
            Ok(namespace) => assert!(is_other_namespace(&namespace, "net").unwrap()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => println!("skipped: needs root"),
            Err(error) => panic!("{error}"),
        }
    }
}
