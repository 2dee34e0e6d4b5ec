//! Runs a program of an image and collects what it prints: `cargo run --release --example run`.
//!
//! A sandbox is a container that lives in memory alone: each run starts on a fresh copy of the image and leaves nothing
//! behind. The folder keeps what is worth keeping: the image, and the compiled code of its programs, so that only the
//! first run on a machine compiles.

use std::error::Error;
use std::io::{self, Read, Write};

use cowbox::engine::{CreateOptions, Engine, EngineOptions};
use cowbox::runtime::{Input, Output, Stdio};

fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::open(EngineOptions::new("target/example-store"))?;
    let sandbox = engine.sandbox(&CreateOptions::new("base", ["sort", "-r"]))?;

    let (mut reader, writer) = io::pipe()?;
    let stdio = Stdio {
        stdin: Input::Reader(Box::new(&b"copy\non\nwrite\n"[..])),
        stdout: Output::Writer(Box::new(writer)),
        stderr: Output::HostStderr,
    };
    let run = sandbox.start(stdio)?;
    // The pipe ends when the program does: read first, then wait.
    let mut output = String::new();
    reader.read_to_string(&mut output)?;
    let status = run.process.wait();

    write!(io::stdout(), "exit code {}, output:\n{output}", status.code)?;
    Ok(())
}
