//! `Guest`: the state of one running program, and the run itself from its first instruction to its end.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::{Engine, Memory, Store, StoreContextMut, Trap, UpdateDeadline, WasmBacktrace};

use super::container::ContainerLimits;
use super::limits::MemoryUse;
use super::modules::{Interface, Program};
use super::{agentos, preview1};
use crate::kernel::{Cause, End, Exec, INIT, Order, Outcome, Task};
use crate::sys::cpu;

/// What calls of the host see of a guest.
pub(super) struct Guest {
    pub(super) task: Task,
    /// The memory the module exports, once it was looked up.
    pub(super) memory: Option<Memory>,
    /// Where several buffers of a guest are joined for one write.
    pub(super) scratch: Vec<u8>,
    /// What a program that was built for another system finds.
    pub(super) foreign: Foreign,
    /// The program it is about to become.
    pub(super) exec: Option<Exec>,
    limits: MemoryUse,
    container: Arc<ContainerLimits>,
    /// The CPU time of its thread when it began, without what the process had used before.
    cpu_start: Duration,
}

/// What programs of other systems than this one find besides what all have.
#[derive(Default)]
pub(super) struct Foreign {
    /// The number, beyond all descriptors, that stands for `/`.
    pub(super) root: Option<u32>,
    /// The mode of what is made next by `path_open`.
    pub(super) mode: Option<u16>,
}

/// The end of a program by `proc_exit`, on its way through the engine as an error.
#[derive(Debug, thiserror::Error)]
#[error("exit with {0}")]
pub(super) struct Exit(pub(super) u32);

/// The end of a program that was made to stop, on its way through the engine.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
pub(super) struct Stopped(pub(super) End);

/// The end of a program that becomes another, on its way through the engine.
#[derive(Debug, thiserror::Error)]
#[error("replaced")]
pub(super) struct Replaced;

/// How much CPU time a container may use, in all and as a share of the time that passes.
pub(super) struct CpuLimit {
    time: Option<Duration>,
    share: Option<f64>,
    started: Instant,
}

impl CpuLimit {
    pub(super) fn new(time: Option<Duration>, cpus: Option<f64>) -> CpuLimit {
        let share = cpus.filter(|cpus| cpus.is_finite()).map(|cpus| cpus.max(0.001));
        CpuLimit { time, share, started: Instant::now() }
    }

    /// Whether it has to be looked at while guests run.
    pub(super) fn is_limited(&self) -> bool {
        self.time.is_some() || self.share.is_some()
    }

    /// Until when a container that has used this much has to rest to come back to its share.
    fn rest(&self, used: Duration) -> Option<Instant> {
        let due = used.div_f64(self.share?);
        self.started.checked_add(due).filter(|until| *until > Instant::now())
    }
}

/// What a guest is told of the machine: what its container has of it.
pub(super) struct Machine {
    pub(super) processors: u32,
    /// Bytes in all, and of them free.
    pub(super) memory: u64,
    pub(super) memory_free: u64,
    /// Since the container started.
    pub(super) uptime: Duration,
}

impl Guest {
    pub(super) fn machine(&self) -> Machine {
        /// The memory of a container without a limit: the host's is not the guest's business.
        const MEMORY: u64 = 4 << 30;
        let ContainerLimits { memory, cpu } = &*self.container;
        let total = memory.limit().unwrap_or(MEMORY);
        Machine {
            processors: cpu.share.map_or(1, |share| share.ceil().max(1.0) as u32),
            memory: total,
            memory_free: total.saturating_sub(memory.used()),
            uptime: cpu.started.elapsed(),
        }
    }

    /// The CPU time of the process.
    pub(super) fn cpu(&self) -> Duration {
        let used = cpu::thread_time().saturating_sub(self.cpu_start);
        self.task.process.note_cpu(used);
        used
    }

    /// What happens at every tick of the epoch: the orders and limits are looked at. Handlers wait for the next call.
    fn tick(&self) -> wasmtime::Result<UpdateDeadline> {
        let process = &self.task.process;
        self.cpu();
        let limit = &self.container.cpu;
        if limit.is_limited() {
            let used = Duration::from_nanos(self.task.kernel.cpu());
            if let Some(time) = limit.time.filter(|time| used > *time) {
                let message = Some(format!("CPU time limit of {time:?} reached"));
                self.task.kernel.end(End { cause: Cause::TimedOut, message });
            }
            if let Some(until) = limit.rest(used) {
                let _ = process.wait(&[], Some(until), || None::<()>);
            }
        }
        match process.held() {
            Some(end) => Err(Stopped(end).into()),
            None => Ok(UpdateDeadline::Continue(1)),
        }
    }
}

/// Runs the program as the process of `task` on the calling thread until it ends or becomes another.
pub(super) fn run(engine: &Engine, program: &Program, container: Arc<ContainerLimits>, mut task: Task) -> Outcome {
    if program.interface == Interface::Preview1 {
        preview1::prepare(&mut task);
    }
    let before = Duration::from_nanos(task.process.cpu().0);
    let mut guest = Guest {
        memory: None,
        scratch: Vec::new(),
        foreign: Foreign::default(),
        exec: None,
        limits: MemoryUse::new(container.clone()),
        container,
        cpu_start: cpu::thread_time().saturating_sub(before),
        task,
    };
    if program.interface == Interface::AgentOs {
        agentos::prepare(&mut guest);
    }
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| &mut guest.limits);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|context: StoreContextMut<'_, Guest>| context.data().tick());
    // The order to stop may have come before the deadline was set, and would not be seen until the next tick.
    let ended = match store.data().task.process.held() {
        Some(end) => Err(Stopped(end).into()),
        None => program.pre.instantiate(&mut store).and_then(|instance| {
            store.data_mut().memory = instance.get_memory(&mut store, "memory");
            instance.get_typed_func::<(), ()>(&mut store, "_start")?.call(&mut store, ())
        }),
    };
    let guest = store.data_mut();
    guest.cpu();
    guest.task.process.note_memory(guest.limits.bytes());
    if let Some(exec) = guest.exec.take() {
        let mut task = store.into_data().task;
        let image = task.replaced(exec);
        return Outcome::Replaced(task, image);
    }
    let end = end(ended, guest);
    tell(&guest.task, &end);
    Outcome::Ended(end)
}

fn end(ended: wasmtime::Result<()>, guest: &Guest) -> End {
    let error = match ended {
        Ok(()) => return exited(0, guest),
        Err(error) => error,
    };
    if let Some(Exit(code)) = error.downcast_ref() {
        return exited(*code, guest);
    }
    if let Some(Stopped(end)) = error.downcast_ref() {
        return end.clone();
    }
    if let Some(Order::End(end)) = guest.task.process.next_order() {
        return end;
    }
    let what = match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => format!("stack overflow\n{}", Frames(&error)),
        Some(trap) => format!("{trap}\n{}", Frames(&error)),
        None => format!("{error:#}"),
    };
    let (cause, message) = match guest.limits.message() {
        Some(limit) => (Cause::OutOfMemory, format!("{limit}\n{what}")),
        None => (Cause::Trapped, what),
    };
    End { cause, message: Some(message.trim_end().to_owned()) }
}

/// The end of a program that ended by itself. That memory was refused to it is told where it failed.
fn exited(code: u32, guest: &Guest) -> End {
    let code = (code & 0xff) as u8;
    End { cause: Cause::Exited(code), message: if code == 0 { None } else { guest.limits.message() } }
}

/// What the first process has died of is told by whoever started the container; of others it is written where they write
/// their errors.
fn tell(task: &Task, end: &End) {
    let (Some(message), true) = (&end.message, task.process.pid != INIT) else { return };
    let Ok(file) = task.fds.file(2) else { return };
    let name = task.args.first().map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default();
    // A last word: nobody is left to hear that it could not be said.
    let _ = file.write_text(&task.process, format!("{name}: {message}\n").as_bytes());
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
