//! free: how much memory there is.

use std::ffi::OsString;

use cowbox_guest::sys;

use crate::arguments::{Arguments, Flag, unknown};

pub fn run(name: &str, arguments: Vec<OsString>) -> i32 {
    let mut unit = 1024;
    let mut arguments = Arguments::new(arguments);
    while let Some(flag) = arguments.flag() {
        unit = match flag {
            Flag::Short('b') => 1,
            Flag::Short('k') => 1024,
            Flag::Short('m') => 1024 * 1024,
            Flag::Short('g') => 1024 * 1024 * 1024,
            flag => return unknown(name, &flag, "free [-b|-k|-m|-g]"),
        };
    }
    match sys::sysinfo() {
        Ok(info) => {
            let used = info.memory_total.saturating_sub(info.memory_free);
            println!("{:16}{:>12}{:>12}{:>12}", "", "total", "used", "free");
            println!("{:16}{:>12}{:>12}{:>12}", "Mem:", info.memory_total / unit, used / unit, info.memory_free / unit);
            0
        }
        Err(errno) => {
            eprintln!("{name}: {errno}");
            1
        }
    }
}
