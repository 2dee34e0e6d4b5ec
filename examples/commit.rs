//! Makes an image of what a container changed: `cargo run --release --example commit`.
//!
//! A container keeps its changes in the store, also when it does not run. Committing it writes them as one more layer over
//! its image, and takes as long as there are changes, however large the image is.

use std::error::Error;
use std::io::{self, Write};

use cowbox::engine::{CommitOptions, CreateOptions, Engine, EngineOptions, RunStdio};

fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::open(EngineOptions::new("target/example-store"))?;

    // A container whose program changes one file.
    let id = engine.create(&CreateOptions::new("base", ["cp", "/etc/os-release", "/etc/motd"]))?;
    engine.start(&id, RunStdio::inherit())?.wait()?;
    for line in engine.diff(id.as_str())? {
        writeln!(io::stdout(), "{:?} {}", line.kind, line.path)?;
    }

    // An image with that file, and with a command that shows it.
    let options = CommitOptions {
        name: Some("greeting:1".into()),
        changes: vec![r#"CMD ["cat", "/etc/motd"]"#.parse()?],
        ..CommitOptions::default()
    };
    let image = engine.commit(id.as_str(), &options)?;
    writeln!(io::stdout(), "{}", image.id)?;
    engine.remove(id.as_str(), false, true)?;

    // It runs as any image does.
    let greeting = CreateOptions { auto_remove: true, ..CreateOptions::new("greeting:1", [] as [&str; 0]) };
    let id = engine.create(&greeting)?;
    let status = engine.start(&id, RunStdio::inherit())?.wait()?;
    std::process::exit(status.code)
}
