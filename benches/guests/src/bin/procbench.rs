//! Processes and pipes, timed inside: `procbench spawn COUNT PROGRAM [ARGUMENT...]`, `procbench pipe MIB`, `procbench idle COUNT`.
//!
//! `spawn` starts the program and waits for it, one after another, and prints the median in nanoseconds. `pipe` reads what a child writes in
//! chunks of 64 KiB and prints MiB a second. `idle` starts children that wait for input, prints `ready`, and ends with its own.

use std::env;
use std::io::{Read, Write};
use std::time::Instant;

use cowbox_guest::process::{Command, Stdio};
use cowbox_guest::sys;

const CHUNK: usize = 64 << 10;

fn main() -> std::io::Result<()> {
    let args: Vec<String> = env::args().collect();
    let number = |at: usize| args.get(at).and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
    match args.get(1).map(String::as_str) {
        Some("spawn") => spawn(number(2), &args[3..]),
        Some("pipe") => pipe(number(2), &args[0]),
        Some("write") => write(number(2)),
        Some("idle") => idle(number(2), &args[0]),
        Some("wait") => std::io::stdin().read_exact(&mut [0]).or(Ok(())),
        Some("exit") => Ok(()),
        _ => Err(std::io::Error::other("procbench spawn COUNT PROGRAM... | pipe MIB | idle COUNT")),
    }
}

fn spawn(count: usize, program: &[String]) -> std::io::Result<()> {
    let argv: Vec<Vec<u8>> = program.iter().map(|text| text.clone().into_bytes()).collect();
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        let spawn = sys::Spawn { path: argv[0].clone(), argv: argv.clone(), ..sys::Spawn::default() };
        let pid = sys::spawn(&spawn)?;
        sys::wait(pid, sys::WaitOptions::default())?;
        times.push(start.elapsed());
    }
    times.sort();
    println!("{}", times[count / 2].as_nanos());
    Ok(())
}

fn pipe(mib: usize, own: &str) -> std::io::Result<()> {
    let mut child = Command::new(own).arg("write").arg(mib.to_string()).stdout(Stdio::piped()).spawn()?;
    let mut output = child.stdout.take().expect("a pipe was asked for");
    let mut buf = vec![0; CHUNK];
    output.read_exact(&mut buf[..1])?;
    let (start, mut all) = (Instant::now(), 0);
    loop {
        match output.read(&mut buf)? {
            0 => break,
            len => all += len,
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    child.wait()?;
    println!("{:.0}", all as f64 / f64::from(1 << 20) / seconds);
    Ok(())
}

fn write(mib: usize) -> std::io::Result<()> {
    let (chunk, mut out) = (vec![b'x'; CHUNK], std::io::stdout().lock());
    out.write_all(b"x")?;
    for _ in 0..mib << 20 >> 16 {
        sys::write_all(1, &chunk)?;
    }
    out.flush()
}

fn idle(count: usize, own: &str) -> std::io::Result<()> {
    let mut children = Vec::new();
    for _ in 0..count {
        children.push(Command::new(own).arg("wait").stdin(Stdio::piped()).spawn()?);
    }
    println!("ready");
    std::io::stdin().read_exact(&mut [0]).ok();
    drop(children.iter_mut().map(|child| child.stdin.take()).collect::<Vec<_>>());
    for mut child in children {
        child.wait()?;
    }
    Ok(())
}
