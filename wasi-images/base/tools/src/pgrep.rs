//! pgrep: finds processes by their names. pkill: sends them a signal.

use std::ffi::OsString;

use cowbox_guest::{signal, sys, users};
use regex::Regex;

use crate::arguments::{Arguments, Flag, unknown};
use crate::processes::{self, Process};

pub fn run(name: &str, mut arguments: Vec<OsString>) -> i32 {
    let kills = name == "pkill";
    let mut number = signal::SIGTERM;
    if kills {
        // -TERM, -9
        let named = arguments.first().and_then(|first| signal::from_name(first.to_str()?.strip_prefix('-')?));
        if let Some(named) = named {
            number = named;
            arguments.remove(0);
        }
    }
    let usage = if kills {
        "pkill [-SIGNAL] [-fx] [-P PID] [-u USER] PATTERN"
    } else {
        "pgrep [-flx] [-P PID] [-u USER] PATTERN"
    };
    let (mut full, mut lists, mut exact) = (false, false, false);
    let (mut parent, mut user) = (None, None);
    let mut arguments = Arguments::new(arguments);
    while let Some(flag) = arguments.flag() {
        match flag {
            Flag::Short('f') => full = true,
            Flag::Short('l' | 'a') if !kills => lists = true,
            Flag::Short('x') => exact = true,
            Flag::Short('P') => parent = arguments.value().and_then(|text| text.parse::<sys::Pid>().ok()),
            Flag::Short('u' | 'U') => user = arguments.value().and_then(|text| users::uid_of(&text)),
            flag => return unknown(name, &flag, usage),
        }
    }
    let operands = arguments.operands();
    let pattern = operands.first().map_or_else(String::new, |pattern| pattern.to_string_lossy().into_owned());
    if operands.len() > 1 || pattern.is_empty() && parent.is_none() && user.is_none() {
        eprintln!("usage: {usage}");
        return 2;
    }
    let Ok(pattern) = Regex::new(&if exact { format!("^(?:{pattern})$") } else { pattern.clone() }) else {
        eprintln!("{name}: {pattern}: not a regular expression");
        return 2;
    };
    let own = sys::getpid();
    let matches = |process: &Process| {
        process.pid != own
            && parent.is_none_or(|parent| process.ppid == parent)
            && user.is_none_or(|user| process.uid == user)
            && pattern.is_match(if full { &process.command } else { &process.name })
    };
    let found: Vec<Process> = match processes::all() {
        Ok(all) => all.into_iter().filter(matches).collect(),
        Err(error) => {
            eprintln!("{name}: {error}");
            return 3;
        }
    };
    for process in &found {
        if kills {
            if let Err(errno) = sys::kill(process.pid, number) {
                eprintln!("{name}: {}: {errno}", process.pid);
            }
        } else if lists {
            println!("{} {}", process.pid, if full { &process.command } else { &process.name });
        } else {
            println!("{}", process.pid);
        }
    }
    i32::from(found.is_empty())
}
