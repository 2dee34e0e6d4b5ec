//! `Guest`: the state of one running program, and the run itself from its first instruction to its exit status.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::{Engine, Memory, Store, StoreContextMut, Trap, UpdateDeadline, WasmBacktrace};

use super::control::{Control, Stop};
use super::fds::Fds;
use super::limits::MemoryLimit;
use super::modules::Program;
use crate::runtime::{ExitReason, ExitStatus, User};
use crate::sys::cpu;
use crate::vfs::Namespace;

/// The exit code of a program that trapped: that of a process ended by SIGABRT.
const TRAPPED: i32 = 134;
/// The exit code of a program that ran out of memory: that of a process ended by SIGKILL, as the kernel does it.
const OUT_OF_MEMORY: i32 = 137;

/// What calls of the host see of a guest.
pub(super) struct Guest {
    pub(super) fds: Fds,
    pub(super) namespace: Arc<Namespace>,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<String>,
    pub(super) user: User,
    pub(super) control: Arc<Control>,
    /// The memory the module exports, once it was looked up.
    pub(super) memory: Option<Memory>,
    /// Where several buffers of a guest are joined for one write.
    pub(super) scratch: Vec<u8>,
    pub(super) cpu: CpuLimit,
    pub(super) limits: MemoryLimit,
}

/// The end of a program by `proc_exit`, on its way through the engine as an error.
#[derive(Debug, thiserror::Error)]
#[error("exit with {0}")]
pub(super) struct Exit(pub(super) u32);

/// The end of a program that was made to stop, on its way through the engine.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
pub(super) struct Stopped(pub(super) Stop);

/// How much CPU time a guest may use, in all and as a share of the time that passes.
pub(super) struct CpuLimit {
    time: Option<Duration>,
    share: Option<f64>,
    /// When the guest started on its thread: the time, and the thread's CPU time then.
    start: (Instant, Duration),
}

impl CpuLimit {
    pub(super) fn new(time: Option<Duration>, cpus: Option<f64>) -> CpuLimit {
        let share = cpus.filter(|cpus| cpus.is_finite() && *cpus < 1.0).map(|cpus| cpus.max(0.001));
        CpuLimit { time, share, start: (Instant::now(), Duration::ZERO) }
    }

    /// Whether it has to be looked at while the guest runs.
    pub(super) fn is_limited(&self) -> bool {
        self.time.is_some() || self.share.is_some()
    }

    pub(super) fn used(&self) -> Duration {
        cpu::thread_time().saturating_sub(self.start.1)
    }

    /// Until when the guest has to rest to come back to its share.
    fn rest(&self) -> Option<Instant> {
        let due = self.used().div_f64(self.share?);
        self.start.0.checked_add(due).filter(|until| *until > Instant::now())
    }
}

impl Guest {
    /// What happens at every tick of the epoch: the orders and limits are looked at.
    fn tick(&self) -> wasmtime::Result<UpdateDeadline> {
        if let Some(stop) = self.control.check() {
            return Err(Stopped(stop).into());
        }
        if let Some(limit) = self.cpu.time
            && self.cpu.used() > limit
        {
            return Err(Stopped(Stop::CpuTime(limit)).into());
        }
        if let Some(until) = self.cpu.rest() {
            let _ = self.control.wait_for(Some(until), || None::<()>);
            if let Some(stop) = self.control.check() {
                return Err(Stopped(stop).into());
            }
        }
        Ok(UpdateDeadline::Continue(1))
    }
}

/// Runs the program on the calling thread until it ends.
pub(super) fn run(engine: &Engine, program: &Program, mut guest: Guest) -> ExitStatus {
    let control = guest.control.clone();
    guest.cpu.start = (Instant::now(), cpu::thread_time());
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| &mut guest.limits);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|context: StoreContextMut<'_, Guest>| context.data().tick());
    // The order to stop may have come before the deadline was set, and would not be seen until the next tick.
    if let Some(stop) = control.check() {
        return stop.status();
    }
    let ended = program.instantiate(&mut store).and_then(|instance| {
        store.data_mut().memory = instance.get_memory(&mut store, "memory");
        instance.get_typed_func::<(), ()>(&mut store, "_start")?.call(&mut store, ())
    });
    status(ended, &store.data().limits, &control)
}

fn status(ended: wasmtime::Result<()>, limits: &MemoryLimit, control: &Control) -> ExitStatus {
    let error = match ended {
        Ok(()) => return exited(0, limits),
        Err(error) => error,
    };
    if let Some(Exit(code)) = error.downcast_ref() {
        return exited(*code, limits);
    }
    if let Some(Stopped(stop)) = error.downcast_ref() {
        return stop.status();
    }
    if let Some(stop) = control.check() {
        return stop.status();
    }
    let what = match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => format!("stack overflow\n{}", Frames(&error)),
        Some(trap) => format!("{trap}\n{}", Frames(&error)),
        None => format!("{error:#}"),
    };
    let (code, reason, message) = match limits.message() {
        Some(limit) => (OUT_OF_MEMORY, ExitReason::OutOfMemory, format!("{limit}\n{what}")),
        None => (TRAPPED, ExitReason::Trapped, what),
    };
    ExitStatus { code, reason, message: Some(message.trim_end().to_owned()) }
}

/// The status of a program that ended by itself. That memory was refused to it is told where it failed.
fn exited(code: u32, limits: &MemoryLimit) -> ExitStatus {
    let code = (code & 0xff) as i32;
    ExitStatus { code, reason: ExitReason::Exited, message: if code == 0 { None } else { limits.message() } }
}

/// The frames of a trap, one a line, demangled and with the lines of the source where the module has them.
struct Frames<'a>(&'a wasmtime::Error);

impl fmt::Display for Frames<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(backtrace) = self.0.downcast_ref::<WasmBacktrace>() else { return Ok(()) };
        let text = backtrace.to_string();
        for line in text.lines().filter(|line| line.starts_with(' ')) {
            writeln!(f, "{}", without_hashes(line))?;
        }
        Ok(())
    }
}

/// A line without the hashes in Rust's names: `core[fa2af07491efb8b4]::panicking`.
fn without_hashes(line: &str) -> String {
    const HASH: usize = 16;
    let is_hash = |text: &str| {
        text.len() > HASH && text.as_bytes()[..HASH].iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let mut clean = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('[') {
        let (before, found) = rest.split_at(at);
        clean.push_str(before);
        let in_brackets = found.strip_prefix('[').filter(|text| is_hash(text) && text[HASH..].starts_with(']'));
        rest = match in_brackets {
            Some(text) => &text[HASH + 1..],
            None => {
                clean.push_str(&found[..1]);
                &found[1..]
            }
        };
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_without_hashes() {
        let cases = [
            ("std[5051f54ad3814dbd]::process::abort", "std::process::abort"),
            ("<a[0123456789abcdef]::B as c[0123456789abcdef]::D>::e", "<a::B as c::D>::e"),
            ("a[0] [0123] b[0123456789abcdeg] [\u{e4}", "a[0] [0123] b[0123456789abcdeg] [\u{e4}"),
            ("[0123456789abcdef", "[0123456789abcdef"),
        ];
        for (line, clean) in cases {
            assert_eq!(without_hashes(line), clean);
        }
    }
}
