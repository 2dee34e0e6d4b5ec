//! Job control: `jobs`, `fg`, `bg`, `wait`, `kill`.

use std::rc::Rc;

use cowbox_guest::{signal, sys};

use super::letters;
use crate::exec::jobs::State;
use crate::exec::traps;
use crate::shell::{Run, Shell, describe};

pub fn jobs(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let (options, rest) = match letters(words, "lpnrs") {
        Ok(found) => found,
        Err(letter) => return shell.usage("jobs", &format!("Illegal option -{letter}")),
    };
    shell.reap();
    let mut status = 0;
    let mut numbers = Vec::new();
    if rest.is_empty() {
        numbers.extend(shell.jobs.all.iter().map(|job| job.number));
    }
    for name in rest {
        match shell.jobs.find(name).map(|job| job.number) {
            Some(number) => numbers.push(number),
            None => {
                shell.complain(&format!("jobs: {name}: no such job"));
                status = 1;
            }
        }
    }
    for number in numbers {
        let Some(job) = shell.jobs.all.iter().find(|job| job.number == number) else { continue };
        let state = job.state();
        let wanted = (!options.contains(&'r') || state == State::Running)
            && (!options.contains(&'s') || matches!(state, State::Stopped(_)));
        if !wanted {
            continue;
        }
        let line = if options.contains(&'p') {
            format!("{}\n", job.processes.first().map_or(0, |(pid, _)| *pid))
        } else {
            shell.job_line(number, options.contains(&'l'))
        };
        shell.print(&line);
        if matches!(state, State::Done(_)) {
            shell.jobs.remove(number);
        }
    }
    Ok(status)
}

fn job(shell: &mut Shell, command: &str, name: Option<&Rc<str>>) -> Option<usize> {
    let name = name.map_or("%+", |name| name);
    let found = shell.jobs.find(name).or_else(|| shell.jobs.find(&format!("%{name}"))).map(|job| job.number);
    if found.is_none() {
        let message =
            if name == "%+" { format!("{command}: no current job") } else { format!("{command}: {name}: no such job") };
        shell.complain(&message);
    }
    found
}

pub fn fg(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    if !shell.options.monitor {
        shell.complain("fg: no job control");
        return Ok(1);
    }
    let Some(number) = job(shell, "fg", words.get(1)) else { return Ok(1) };
    if let Some(job) = shell.jobs.all.iter().find(|job| job.number == number) {
        let text = format!("{}\n", job.text);
        shell.print(&text);
        shell.flush();
    }
    Ok(shell.continue_job(number, true))
}

pub fn bg(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    if !shell.options.monitor {
        shell.complain("bg: no job control");
        return Ok(1);
    }
    let names: Vec<Option<&Rc<str>>> = if words.len() > 1 { words[1..].iter().map(Some).collect() } else { vec![None] };
    let mut status = 0;
    for name in names {
        match job(shell, "bg", name) {
            Some(number) => {
                shell.continue_job(number, false);
                let text = shell
                    .jobs
                    .all
                    .iter()
                    .find(|job| job.number == number)
                    .map(|job| format!("[{number}] {} &\n", job.text))
                    .unwrap_or_default();
                shell.print(&text);
            }
            None => status = 1,
        }
    }
    Ok(status)
}

pub fn wait(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let (options, rest) = match letters(words, "nfp") {
        Ok(found) => found,
        Err(letter) => return shell.usage("wait", &format!("Illegal option -{letter}")),
    };
    if options.contains(&'n') {
        return wait_next(shell);
    }
    if rest.is_empty() {
        loop {
            shell.reap();
            let running = shell.jobs.all.iter().any(|job| job.state() == State::Running);
            if !running {
                break;
            }
            match shell.wait_any() {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => return interrupted(shell),
            }
        }
        forget(shell);
        return Ok(0);
    }
    let mut status = 0;
    for name in rest {
        status = if name.starts_with('%') {
            match shell.jobs.find(name).map(|job| job.last()) {
                Some(pid) => wait_pid(shell, pid)?,
                None => {
                    shell.complain(&format!("wait: {name}: no such job"));
                    127
                }
            }
        } else {
            match name.parse::<i32>() {
                Ok(pid) => wait_pid(shell, pid)?,
                Err(_) => {
                    shell.complain(&format!("wait: Illegal number: {name}"));
                    2
                }
            }
        };
    }
    Ok(status)
}

/// Forgets jobs that ended; the user of an interactive shell is told of them first.
fn forget(shell: &mut Shell) {
    if shell.options.interactive && shell.subshells == 0 {
        shell.tell_jobs();
    } else {
        shell.forget_ended();
    }
}

fn wait_next(shell: &mut Shell) -> Run<i32> {
    loop {
        shell.reap();
        let ended = shell
            .jobs
            .all
            .iter()
            .find_map(|job| if let State::Done(status) = job.state() { Some((job.number, status)) } else { None });
        if let Some((number, status)) = ended {
            shell.jobs.remove(number);
            return Ok(status.shell_code());
        }
        if shell.jobs.all.is_empty() {
            return Ok(127);
        }
        match shell.wait_any() {
            Ok(true) => {}
            Ok(false) => return Ok(127),
            Err(_) => return interrupted(shell),
        }
    }
}

fn wait_pid(shell: &mut Shell, pid: i32) -> Run<i32> {
    loop {
        if let Some(status) = shell.jobs.known_status(pid) {
            return Ok(status);
        }
        let Some(job) = shell.jobs.by_pid(pid) else {
            return Ok(127);
        };
        let number = job.number;
        match job.processes.iter().find(|(known, _)| *known == pid).map(|(_, state)| *state) {
            Some(State::Done(status)) => {
                if matches!(job.state(), State::Done(_)) {
                    if shell.options.interactive && shell.subshells == 0 {
                        shell.tell_jobs();
                    }
                    shell.jobs.remove(number);
                    shell.jobs.known_status(pid);
                }
                return Ok(status.shell_code());
            }
            Some(State::Stopped(signal)) if shell.options.monitor => return Ok(128 + signal),
            _ => {}
        }
        match shell.wait_any() {
            Ok(true) => {}
            Ok(false) => return Ok(127),
            Err(_) => return interrupted(shell),
        }
    }
}

/// POSIX: a signal with a trap ends `wait`, with a status that says which.
fn interrupted(shell: &mut Shell) -> Run<i32> {
    let status = traps::first_pending().map_or(130, |signal| 128 + signal);
    shell.run_pending_traps()?;
    Ok(status)
}

pub fn kill(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let mut rest = &words[1..];
    let mut number = signal::SIGTERM;
    match rest.first().map(|word| &**word) {
        Some("-l" | "-L") => return list(shell, &rest[1..]),
        Some("--") => rest = &rest[1..],
        Some(option @ ("-s" | "-n")) => {
            let Some(name) = rest.get(1) else { return shell.usage("kill", &format!("{option}: No signal given")) };
            match signal::from_name(name) {
                Some(found) => number = found,
                None => {
                    shell.complain(&format!("kill: {name}: invalid signal specification"));
                    return Ok(1);
                }
            }
            rest = &rest[2..];
        }
        Some(word) if word.len() > 1 && word.starts_with('-') => {
            match signal::from_name(&word[1..]) {
                Some(found) => number = found,
                None => {
                    let message = format!("kill: {}: invalid signal specification", &word[1..]);
                    shell.complain(&message);
                    return Ok(1);
                }
            }
            rest = &rest[1..];
        }
        _ => {}
    }
    if rest.first().is_some_and(|word| &**word == "--") {
        rest = &rest[1..];
    }
    if rest.is_empty() {
        return shell.usage("kill", "usage: kill [-s signal | -signal] pid | job ... or kill -l [status]");
    }
    let mut status = 0;
    for name in rest {
        let target = if name.starts_with('%') {
            shell.jobs.find(name).map(|job| job.group.map_or(job.last(), |group| -group))
        } else {
            name.parse::<i32>().ok()
        };
        let Some(pid) = target else {
            let what = if name.starts_with('%') { "no such job" } else { "Illegal number" };
            shell.complain(&format!("kill: {name}: {what}"));
            status = 1;
            continue;
        };
        shell.flush();
        if let Err(errno) = sys::kill(pid, number) {
            shell.complain(&format!("kill: ({name}): {}", describe(errno)));
            status = 1;
        } else if number != signal::SIGCONT && name.starts_with('%') {
            // A stopped one has to go on to notice.
            let stopped = shell.jobs.find(name).is_some_and(|job| matches!(job.state(), State::Stopped(_)));
            if stopped && !matches!(number, signal::SIGSTOP | signal::SIGTSTP) {
                let _ = sys::kill(pid, signal::SIGCONT);
            }
        }
    }
    // One that was sent to the shell itself is dealt with now.
    shell.run_pending_traps()?;
    Ok(status)
}

fn list(shell: &mut Shell, names: &[Rc<str>]) -> Run<i32> {
    if names.is_empty() {
        for (name, ..) in signal::ALL {
            shell.print(&format!("{name}\n"));
        }
        return Ok(0);
    }
    let mut status = 0;
    for name in names {
        let line = match name.parse::<i32>() {
            Ok(number) => {
                let number = if number > 128 { number - 128 } else { number };
                if number == 0 { Some("EXIT".to_owned()) } else { signal::name(number).map(str::to_owned) }
            }
            Err(_) => signal::from_name(name).map(|number| number.to_string()),
        };
        match line {
            Some(line) => shell.print(&format!("{line}\n")),
            None => {
                shell.complain(&format!("kill: {name}: invalid signal specification"));
                status = 1;
            }
        }
    }
    Ok(status)
}
