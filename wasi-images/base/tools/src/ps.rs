//! ps: the processes of the container.

use std::ffi::OsString;
use std::io::{self, Write};

use cowbox_guest::{sys, term, users};

use crate::arguments::{Arguments, Flag, unknown};
use crate::processes::{self, Process};

const USAGE: &str = "ps [-Aaef] [-o COLUMN[=TITLE],...] [-p PID,...] [-u USER] [aux]";

type Column = (&'static str, &'static str, bool, fn(&Process) -> String);

/// The name, the title, whether it is aligned to the right, and the text.
const COLUMNS: &[Column] = &[
    ("user", "USER", false, |process| user(process.uid)),
    ("uid", "UID", true, |process| process.uid.to_string()),
    ("pid", "PID", true, |process| process.pid.to_string()),
    ("ppid", "PPID", true, |process| process.ppid.to_string()),
    ("pgid", "PGID", true, |process| process.group.to_string()),
    ("sid", "SID", true, |process| process.session.to_string()),
    ("stat", "STAT", false, |process| process.state.to_string()),
    ("state", "S", false, |process| process.state.to_string()),
    ("tty", "TT", false, |process| processes::terminal_name(process.terminal)),
    ("time", "TIME", true, |process| time(process.ticks)),
    ("rss", "RSS", true, |process| (process.memory / 1024).to_string()),
    ("comm", "COMMAND", false, |process| process.name.clone()),
    ("args", "COMMAND", false, |process| process.command.clone()),
];

fn user(uid: u32) -> String {
    users::user_by_id(uid).map_or_else(|| uid.to_string(), |user| user.name)
}

fn time(ticks: u64) -> String {
    let seconds = ticks / 100;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn column(name: &str) -> Option<&'static Column> {
    let name = match name {
        "pgrp" => "pgid",
        "sess" => "sid",
        "tt" | "tname" => "tty",
        "cmd" | "command" => "args",
        "ucmd" | "ucomm" => "comm",
        "s" => "state",
        "euser" | "ruser" => "user",
        "euid" | "ruid" => "uid",
        other => other,
    };
    COLUMNS.iter().find(|(column, ..)| *column == name)
}

#[derive(Default)]
struct Selection {
    all: bool,
    pids: Vec<sys::Pid>,
    uids: Vec<u32>,
}

pub fn run(name: &str, arguments: Vec<OsString>) -> i32 {
    let mut selection = Selection::default();
    let mut columns: Vec<(&'static Column, String)> = Vec::new();
    let mut layout = "pid,tty,time,comm";
    let mut arguments = Arguments::new(arguments);
    while let Some(flag) = arguments.flag() {
        match flag {
            Flag::Short('A' | 'e' | 'a' | 'x') => selection.all = true,
            Flag::Short('f') => layout = "user,pid,ppid,tty,time,args",
            Flag::Short('l') => layout = "stat,uid,pid,ppid,rss,tty,time,comm",
            Flag::Short('w') => {}
            Flag::Short('o') => {
                for text in arguments.value().unwrap_or_default().split([',', ' ']) {
                    let (text, title) = text.split_once('=').map_or((text, None), |(text, title)| (text, Some(title)));
                    let Some(column) = column(text) else {
                        eprintln!("{name}: unknown column '{text}'");
                        return 1;
                    };
                    columns.push((column, title.unwrap_or(column.1).to_owned()));
                }
            }
            Flag::Short('p') => {
                let list = arguments.value().unwrap_or_default();
                selection.pids.extend(list.split([',', ' ']).filter_map(|pid| pid.parse::<sys::Pid>().ok()));
            }
            Flag::Short('u' | 'U') => {
                let list = arguments.value().unwrap_or_default();
                selection.uids.extend(list.split(',').filter_map(users::uid_of));
            }
            flag => return unknown(name, &flag, USAGE),
        }
    }
    for operand in arguments.operands() {
        let text = operand.to_string_lossy();
        if let Ok(pid) = text.parse() {
            selection.pids.push(pid);
        } else if text.chars().all(|letter| "auxwf".contains(letter)) {
            selection.all = true;
            layout = if text.contains('u') { "user,pid,rss,tty,stat,time,args" } else { "pid,tty,stat,time,args" };
        } else {
            eprintln!("usage: {USAGE}");
            return 1;
        }
    }
    if columns.is_empty() {
        let known = layout.split(',').map(|text| column(text).expect("layouts name columns"));
        columns = known.map(|column| (column, column.1.to_owned())).collect();
    }
    match listed(&selection, &columns) {
        Ok(is_empty) => i32::from(is_empty),
        Err(error) => {
            eprintln!("{name}: {error}");
            1
        }
    }
}

/// Prints the table; returns whether it is empty.
fn listed(selection: &Selection, columns: &[(&'static Column, String)]) -> io::Result<bool> {
    let own = processes::own_terminal();
    let euid = sys::geteuid();
    let wanted = |process: &Process| {
        selection.all
            || selection.pids.contains(&process.pid)
            || selection.uids.contains(&process.uid)
            || (selection.pids.is_empty()
                && selection.uids.is_empty()
                && process.uid == euid
                && (process.terminal == own || own == 0))
    };
    let processes: Vec<Process> = processes::all()?.into_iter().filter(wanted).collect();
    let rows: Vec<Vec<String>> =
        processes.iter().map(|process| columns.iter().map(|(column, _)| (column.3)(process)).collect()).collect();
    let width = |at: usize, title: &String| {
        rows.iter().map(|row| row[at].chars().count()).chain([title.chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = columns.iter().enumerate().map(|(at, (_, title))| width(at, title)).collect();
    let screen = if term::is_terminal(1) { term::size(1).map(|size| usize::from(size.columns)) } else { None };

    let mut output = io::stdout().lock();
    let mut write = |row: &[&str]| {
        let mut line = String::new();
        for (at, text) in row.iter().enumerate() {
            if at > 0 {
                line.push(' ');
            }
            let width = widths[at];
            match (columns[at].0.2, at + 1 == row.len()) {
                (true, _) => line.push_str(&format!("{text:>width$}")),
                (false, true) => line.push_str(text),
                (false, false) => line.push_str(&format!("{text:<width$}")),
            }
        }
        let shown: String = line.chars().take(screen.unwrap_or(usize::MAX)).collect();
        writeln!(output, "{}", shown.trim_end())
    };
    if columns.iter().any(|(_, title)| !title.is_empty()) {
        write(&columns.iter().map(|(_, title)| title.as_str()).collect::<Vec<_>>())?;
    }
    for row in &rows {
        write(&row.iter().map(String::as_str).collect::<Vec<_>>())?;
    }
    Ok(rows.is_empty())
}
