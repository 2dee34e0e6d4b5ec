//! Waiting for one of several open files: poll(2).

use std::sync::Arc;
use std::time::Instant;

use super::open_file::{Object, OpenFile};
use super::process::Process;
use super::wait::WaitQueue;
use crate::vfs::Result;

impl Process {
    /// Waits until `look` gives something, which depends on the readiness of `files`. `Ok(None)` when the deadline is
    /// over; [`Errno::Intr`](crate::vfs::Errno::Intr) when a signal has to be attended to.
    pub fn poll<T>(
        &self,
        files: &[Arc<OpenFile>],
        deadline: Option<Instant>,
        mut look: impl FnMut() -> Option<T>,
    ) -> Result<Option<T>> {
        if let Some(found) = look() {
            return Ok(Some(found));
        }
        let streams = || {
            files.iter().filter_map(|file| match &file.object {
                Object::Stream(stream) => Some(stream),
                _ => None,
            })
        };
        let queues: Vec<&WaitQueue> =
            streams().flat_map(|stream| [Some(stream.queue()), stream.second_queue()]).flatten().collect();
        if !streams().any(|stream| stream.is_host_input()) {
            return self.wait(&queues, deadline, look);
        }
        let result = loop {
            let interrupted = || self.is_interrupted().then_some(());
            let slept = self.sleeper.sleep_for_stdin(deadline, || {
                for queue in &queues {
                    queue.enter(&self.sleeper);
                }
                look().map(Some).or_else(|| interrupted().map(|()| None))
            });
            match slept {
                Err(errno) => break Err(errno),
                Ok(Err(Some(found))) => break Ok(Some(found)),
                Ok(Err(None)) => break Err(crate::vfs::Errno::Intr),
                Ok(Ok(_)) => {}
            }
            if let Some(found) = look() {
                break Ok(Some(found));
            }
            if self.is_interrupted() {
                break Err(crate::vfs::Errno::Intr);
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                break Ok(None);
            }
        };
        for queue in queues {
            queue.leave(&self.sleeper);
        }
        result
    }
}
