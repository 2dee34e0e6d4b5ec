//! nohup: runs a command that the end of the terminal does not end.

use std::ffi::OsString;
use std::io;

use cowbox_guest::process::Command;
use cowbox_guest::sys::{self, OpenFlags};
use cowbox_guest::{signal, term};

pub fn run(name: &str, arguments: Vec<OsString>) -> i32 {
    let Some((program, rest)) = arguments.split_first() else {
        eprintln!("usage: nohup COMMAND [ARGUMENT...]");
        return 125;
    };
    if let Err(error) = detached() {
        eprintln!("{name}: {error}");
        return 125;
    }
    let error = Command::new(program).args(rest).exec();
    eprintln!("{name}: {}: {error}", program.to_string_lossy());
    if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 }
}

/// Puts files in the place of streams that are terminals.
fn detached() -> io::Result<()> {
    signal::ignore(signal::SIGHUP)?;
    if term::is_terminal(0) {
        let null = sys::open("/dev/null", OpenFlags::WRONLY, 0)?;
        sys::dup2(null, 0, false)?;
        sys::close(null)?;
    }
    let errors = term::is_terminal(2);
    if term::is_terminal(1) {
        let flags = OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::APPEND;
        let (path, file) = match sys::open("nohup.out", flags, 0o600) {
            Ok(file) => ("nohup.out".to_owned(), file),
            Err(errno) => {
                let home = std::env::var("HOME").map_err(|_| errno)?;
                let path = format!("{home}/nohup.out");
                let file = sys::open(&path, flags, 0o600)?;
                (path, file)
            }
        };
        eprintln!("nohup: writing to '{path}'");
        sys::dup2(file, 1, false)?;
        sys::close(file)?;
    }
    if errors {
        sys::dup2(1, 2, false)?;
    }
    Ok(())
}
