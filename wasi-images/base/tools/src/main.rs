//! The small tools of the base image as one program that looks at the name it is called by.

mod arguments;
mod clear;
mod free;
mod gzip;
mod hostname;
mod less;
mod nohup;
mod pgrep;
mod processes;
mod ps;
mod setsid;
mod stty;
mod tar;
mod timeout;
mod watch;
mod which;
mod xxd;

use std::ffi::OsString;
use std::path::Path;

/// What a tool is given: its arguments without its name.
type Tool = fn(&str, Vec<OsString>) -> i32;

const TOOLS: &[(&str, Tool)] = &[
    ("clear", clear::run),
    ("free", free::run),
    ("gunzip", gzip::run),
    ("gzip", gzip::run),
    ("hostname", hostname::run),
    ("less", less::run),
    ("more", less::run),
    ("nohup", nohup::run),
    ("pgrep", pgrep::run),
    ("pkill", pgrep::run),
    ("ps", ps::run),
    ("reset", clear::run),
    ("setsid", setsid::run),
    ("stty", stty::run),
    ("tar", tar::run),
    ("timeout", timeout::run),
    ("watch", watch::run),
    ("which", which::run),
    ("xxd", xxd::run),
    ("zcat", gzip::run),
];

fn main() {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    let mut name = name_of(&arguments);
    if name == "tools" && arguments.len() > 1 {
        arguments.remove(0);
        name = name_of(&arguments);
    }
    match TOOLS.iter().find(|(tool, _)| *tool == name) {
        Some((_, run)) => std::process::exit(run(&name, arguments.split_off(1))),
        None => {
            let names: Vec<&str> = TOOLS.iter().map(|(tool, _)| *tool).collect();
            eprintln!("usage: tools NAME [ARGUMENT...]; names are {}", names.join(", "));
            std::process::exit(2);
        }
    }
}

fn name_of(arguments: &[OsString]) -> String {
    let name = arguments.first().and_then(|argument| Path::new(argument).file_name());
    name.unwrap_or_default().to_string_lossy().into_owned()
}
