//! What a thread and this process use of the machine.

use std::time::Duration;

use super::cpu_system as system;

/// CPU time that the calling thread has used.
pub fn thread_time() -> Duration {
    system::thread_time()
}

/// CPU time that this process has used.
pub fn process_time() -> Duration {
    system::process_time()
}

/// The limit on the address space of this process in bytes, if there is one (`ulimit -v`).
pub fn address_space() -> Option<u64> {
    system::address_space()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_on_a_busy_thread() {
        let start = thread_time();
        let mut sum = 0u64;
        while thread_time() == start {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(process_time() >= thread_time() - start);
    }
}
