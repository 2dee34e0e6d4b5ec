//! hostname: the name of the container.

use std::ffi::OsString;
use std::io::Write;

use cowbox_guest::sys;

use crate::arguments::{Arguments, Flag, unknown};

pub fn run(name: &str, arguments: Vec<OsString>) -> i32 {
    let mut is_short = false;
    let mut arguments = Arguments::new(arguments);
    while let Some(flag) = arguments.flag() {
        match flag {
            Flag::Short('s') => is_short = true,
            Flag::Short('f') => is_short = false,
            flag => return unknown(name, &flag, "hostname [-s|-f]"),
        }
    }
    if !arguments.operands().is_empty() {
        eprintln!("{name}: the name of a container is given by `cowbox run --hostname`");
        return 1;
    }
    match sys::hostname() {
        Ok(mut host) => {
            if is_short {
                host.truncate(host.iter().position(|byte| *byte == b'.').unwrap_or(host.len()));
            }
            host.push(b'\n');
            i32::from(std::io::stdout().write_all(&host).is_err())
        }
        Err(errno) => {
            eprintln!("{name}: {errno}");
            1
        }
    }
}
