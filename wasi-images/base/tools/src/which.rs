//! which: where commands are found.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::PathBuf;

use cowbox_guest::os::OsStrExt;
use cowbox_guest::process::find_in_path;

use crate::arguments::{Arguments, Flag, unknown};

pub fn run(name: &str, arguments: Vec<OsString>) -> i32 {
    let mut all = false;
    let mut arguments = Arguments::new(arguments);
    while let Some(flag) = arguments.flag() {
        match flag {
            Flag::Short('a') => all = true,
            flag => return unknown(name, &flag, "which [-a] NAME..."),
        }
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut status = 0;
    for program in arguments.operands() {
        let found = places(&program, &path, all);
        status |= i32::from(found.is_empty());
        for place in found {
            let line = [place.as_os_str().as_encoded_bytes(), b"\n"].concat();
            if std::io::stdout().write_all(&line).is_err() {
                return 2;
            }
        }
    }
    status
}

fn places(program: &OsStr, path: &OsStr, all: bool) -> Vec<PathBuf> {
    if !all {
        return find_in_path(program, path).into_iter().collect();
    }
    let directories = path.as_bytes().split(|byte| *byte == b':');
    directories.filter_map(|directory| find_in_path(program, OsStr::from_bytes(directory))).collect()
}
