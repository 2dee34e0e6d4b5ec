//! Containers in this process: how many are created, run and dropped in a second from a warm engine, and what each one holds.
//!
//! `cargo bench --bench sandbox [-- NOP.wasm]`. Each line of output is a name, a value and a unit, with tabs between.
#![allow(clippy::disallowed_macros, missing_docs)]

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use cowbox::engine::{Change, CreateOptions, Engine, EngineOptions, ImportOptions, ImportSource, Sandbox};
use cowbox::runtime::{Input, Output, Signal, Stdio};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How long a rate is measured at once.
const ROUND: Duration = Duration::from_millis(700);
/// How often it is measured; the median counts.
const ROUNDS: usize = 7;
/// Containers that live at the same time when their memory is measured.
const LIVE: usize = 1000;

/// The smallest program: it has one page of memory and does nothing.
const EMPTY: &str = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;

/// Writes one byte to standard output and sleeps for an hour.
const SLEEPS: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\10\00\00\00\01\00\00\00")
    (func (export "_start")
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))
        (i32.store (i32.const 80) (i32.const 1))
        (i64.store (i32.const 88) (i64.const 3600000000000))
        (drop (call $poll (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 192)))))"#;

fn main() -> Result<()> {
    let nop = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let folder = tempfile::tempdir()?;
    let engine = Engine::open(EngineOptions::new(folder.path().join("store")))?;
    let mut programs = vec![("empty module", wat::parse_str(EMPTY)?)];
    if let Some(path) = nop {
        programs.push(("nop (Rust, std)", fs::read(path)?));
    }
    for (name, module) in &programs {
        let sandbox = sandbox(&engine, folder.path(), module)?;
        // Compiles the module, and maps its code.
        run(&sandbox)?;
        for threads in [1, thread::available_parallelism()?.get()] {
            println!("{name}, {threads} at a time\t{:.0}\tper second", rate(&sandbox, threads)?);
        }
    }
    println!("sleeping, {LIVE} alive\t{:.1}\tKB each", memory(&engine, folder.path())?);
    Ok(())
}

/// A sandbox of an image with nothing but `module`.
fn sandbox<'e>(engine: &'e Engine, folder: &Path, module: &[u8]) -> Result<Sandbox<'e>> {
    let root = tempfile::tempdir_in(folder)?;
    fs::write(root.path().join("program.wasm"), module)?;
    let options = ImportOptions {
        changes: vec![Change::Entrypoint(vec!["/program.wasm".to_owned()])],
        ..ImportOptions::default()
    };
    let image = engine.import(ImportSource::Path(root.path().to_owned()), &options)?;
    Ok(engine.sandbox(&CreateOptions::new(image.id.to_string(), [] as [&str; 0]))?)
}

fn run(sandbox: &Sandbox<'_>) -> Result<()> {
    match sandbox.run(Stdio::null())?.code {
        0 => Ok(()),
        code => Err(format!("the program ended with {code}").into()),
    }
}

/// Containers per second, created, run and dropped on so many threads.
fn rate(sandbox: &Sandbox<'_>, threads: usize) -> Result<f64> {
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let total: usize = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|_| {
                    scope.spawn(|| {
                        let mut done = 0;
                        while start.elapsed() < ROUND {
                            run(sandbox).map_err(|error| error.to_string())?;
                            done += 1;
                        }
                        Ok(done)
                    })
                })
                .collect();
            workers
                .into_iter()
                .map(|worker| worker.join().expect("a worker does not panic"))
                .sum::<std::result::Result<_, String>>()
        })?;
        rates.push(total as f64 / start.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    Ok(rates[rates.len() / 2])
}

/// Kilobytes of resident memory that each of many living containers adds.
fn memory(engine: &Engine, folder: &Path) -> Result<f64> {
    let sandbox = sandbox(engine, folder, &wat::parse_str(SLEEPS)?)?;
    let asleep = Arc::new(Gate::default());
    let start = || {
        let stdout = Output::Writer(Box::new(Counts(asleep.clone())));
        sandbox.start(Stdio { stdin: Input::Null, stdout, stderr: Output::Null })
    };
    let first = start()?;
    asleep.pass(1);
    let before = resident()?;
    let living = (0..LIVE).map(|_| start()).collect::<std::result::Result<Vec<_>, _>>()?;
    asleep.pass(1 + LIVE);
    let after = resident()?;
    for container in living.iter().chain([&first]) {
        container.process.kill(Signal::KILL)?;
        container.process.wait();
    }
    Ok((after as f64 - before as f64) / LIVE as f64)
}

/// Standard output that counts who has written.
struct Counts(Arc<Gate>);

impl Write for Counts {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.add();
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A count that can be waited for.
#[derive(Default)]
struct Gate {
    count: Mutex<usize>,
    changed: Condvar,
}

impl Gate {
    fn add(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }

    fn pass(&self, wanted: usize) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        while *count < wanted {
            count = self.changed.wait(count).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Kilobytes that are resident, private and shared, as Linux tells.
fn resident() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status").map_err(|error| format!("/proc/self/status: {error}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
