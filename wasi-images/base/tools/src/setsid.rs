//! setsid: runs a command in a session of its own.

use std::ffi::OsString;
use std::io;

use cowbox_guest::process::Command;
use cowbox_guest::sys;

use crate::arguments::{Arguments, Flag, unknown};

const USAGE: &str = "setsid [-c] [-w] COMMAND [ARGUMENT...]";

pub fn run(name: &str, arguments: Vec<OsString>) -> i32 {
    let (mut takes_terminal, mut waits) = (false, false);
    let mut arguments = Arguments::of_command(arguments);
    while let Some(flag) = arguments.flag() {
        match flag {
            Flag::Short('c') => takes_terminal = true,
            Flag::Short('w') => waits = true,
            flag => return unknown(name, &flag, USAGE),
        }
    }
    let operands = arguments.operands();
    let Some((program, rest)) = operands.split_first() else {
        eprintln!("usage: {USAGE}");
        return 2;
    };
    let mut command = Command::new(program);
    command.args(rest);
    let failed = |error: io::Error| {
        eprintln!("{name}: {}: {error}", program.to_string_lossy());
        if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 }
    };
    // The leader of a group cannot make a session; its child can.
    if sys::setsid().is_err() || waits {
        return match command.setsid(true).spawn() {
            Ok(mut child) if waits => {
                child.wait().map_or(1, |status| cowbox_guest::sys::Status(status.into_raw()).shell_code())
            }
            Ok(_) => 0,
            Err(error) => failed(error),
        };
    }
    if takes_terminal {
        if let Err(errno) = sys::set_controlling_terminal(0) {
            eprintln!("{name}: standard input: {errno}");
            return 1;
        }
    }
    failed(command.exec())
}
