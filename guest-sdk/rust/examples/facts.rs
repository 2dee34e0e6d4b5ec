//! Prints what a program can know about itself and its files: a first look whether the interface works.

use std::io::Read;

use cowbox_guest::process::{Command, Stdio};
use cowbox_guest::{fs, sys};

fn main() -> std::io::Result<()> {
    println!("{:?}", sys::info(0)?);
    println!("working directory {}", std::env::current_dir()?.display());
    std::env::set_current_dir("/")?;
    println!("working directory {}", std::env::current_dir()?.display());
    println!("umask {:03o}", sys::current_umask());
    println!("{}", fs::mode_text(fs::stat("/")?.mode));
    println!("directory {}", std::fs::metadata("/")?.is_dir());
    println!("terminal {}", sys::isatty(0));
    if let Some(program) = std::env::args_os().nth(1) {
        let mut child = Command::new(program).args(std::env::args_os().skip(2)).stdout(Stdio::piped()).spawn()?;
        let mut text = String::new();
        child.stdout.take().expect("a pipe was asked for").read_to_string(&mut text)?;
        println!("it wrote {text:?} and ended with {}", child.wait()?);
    }
    Ok(())
}
