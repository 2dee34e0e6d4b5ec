//! `cd`, `pwd`, the stack of directories, and `umask`.

use std::rc::Rc;

use cowbox_guest::sys;

use super::letters;
use crate::shell::{Run, Shell, describe};
use crate::text;

pub fn cd(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let (options, rest) = match letters(words, "LPe@") {
        Ok(found) => found,
        Err(letter) => return shell.usage("cd", &format!("Illegal option -{letter}")),
    };
    if rest.len() > 1 {
        return shell.usage("cd", "too many arguments").map(|_| 1);
    }
    let physical = options
        .iter()
        .rev()
        .find(|letter| matches!(letter, 'L' | 'P'))
        .map_or(shell.options.physical, |letter| *letter == 'P');
    let mut prints = false;
    let target: Rc<str> = match rest.first().map(|word| &**word) {
        None => match shell.get("HOME") {
            Some(home) => home,
            None => {
                shell.complain("cd: HOME not set");
                return Ok(1);
            }
        },
        Some("-") => match shell.get("OLDPWD") {
            Some(before) => {
                prints = true;
                before
            }
            None => {
                shell.complain("cd: OLDPWD not set");
                return Ok(1);
            }
        },
        Some(_) => rest[0].clone(),
    };
    if target.is_empty() {
        return Ok(0);
    }
    let relative = !target.starts_with('/') && !matches!(target.split('/').next(), Some("." | ".."));
    if relative && let Some(search) = shell.get("CDPATH") {
        for directory in search.split(':') {
            let candidate = if directory.is_empty() {
                format!("./{target}")
            } else {
                format!("{}/{target}", directory.trim_end_matches('/'))
            };
            if sys::stat(text::to_bytes(&candidate)).is_ok_and(|stat| stat.is_dir()) {
                let shown = prints || !directory.is_empty();
                let candidate = if directory.is_empty() { target.to_string() } else { candidate };
                return change(shell, &candidate, physical, shown);
            }
        }
    }
    change(shell, &target, physical, prints)
}

fn change(shell: &mut Shell, target: &str, physical: bool, prints: bool) -> Run<i32> {
    if let Err(errno) = enter(shell, target, physical) {
        let reason = if errno == sys::Errno::ENOENT { describe(errno) } else { describe(errno) };
        shell.complain(&format!("cd: can't cd to {target}: {reason}"));
        return Ok(2).map(|_: i32| 1);
    }
    if prints {
        let directory = shell.working_directory();
        shell.print(&format!("{directory}\n"));
    }
    Ok(0)
}

/// Changes the working directory, and PWD and OLDPWD.
fn enter(shell: &mut Shell, target: &str, physical: bool) -> sys::Result<()> {
    let before = shell.working_directory();
    shell.note_directory();
    let logical = normalized(&if target.starts_with('/') {
        target.to_owned()
    } else {
        format!("{}/{target}", before.trim_end_matches('/'))
    });
    let now: Rc<str> = if physical {
        sys::chdir(text::to_bytes(target))?;
        text::from_bytes(&sys::getcwd()?).into()
    } else {
        // `..` goes back to where one came from. Where that is not there, where the system says.
        if sys::chdir(text::to_bytes(&logical)).is_err() {
            sys::chdir(text::to_bytes(target))?;
        }
        logical.into()
    };
    shell.directory = Some(now.clone());
    shell.set("OLDPWD", &before);
    shell.set("PWD", &now);
    Ok(())
}

/// Without `.`, `..` and empty components.
fn normalized(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

pub fn pwd(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let (options, _) = match letters(words, "LP") {
        Ok(found) => found,
        Err(letter) => return shell.usage("pwd", &format!("Illegal option -{letter}")),
    };
    let physical = options.last().map_or(shell.options.physical, |letter| *letter == 'P');
    let directory: Rc<str> = if physical {
        match sys::getcwd() {
            Ok(bytes) => text::from_bytes(&bytes).into(),
            Err(errno) => {
                shell.complain(&format!("pwd: {}", describe(errno)));
                return Ok(1);
            }
        }
    } else {
        shell.working_directory()
    };
    shell.print(&format!("{directory}\n"));
    Ok(0)
}

fn shown(shell: &mut Shell, path: &str) -> String {
    match shell.get("HOME") {
        Some(home) if !home.is_empty() && (path == &*home || path.starts_with(&format!("{home}/"))) => {
            format!("~{}", &path[home.len()..])
        }
        _ => path.to_owned(),
    }
}

pub fn dirs(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let (options, rest) = match letters(words, "clpv") {
        Ok(found) => found,
        Err(letter) => return shell.usage("dirs", &format!("Illegal option -{letter}")),
    };
    if options.contains(&'c') {
        shell.directories.clear();
        return Ok(0);
    }
    let mut all = vec![shell.working_directory()];
    all.extend(shell.directories.iter().rev().cloned());
    if let Some(number) =
        rest.first().and_then(|word| word.strip_prefix(['+', '-']).and_then(|number| number.parse::<usize>().ok()))
    {
        let at = if rest[0].starts_with('+') { Some(number) } else { (all.len() - 1).checked_sub(number) };
        let Some(directory) = at.and_then(|at| all.get(at)).cloned() else {
            shell.complain(&format!("dirs: {}: directory stack index out of range", rest[0]));
            return Ok(1);
        };
        all = vec![directory];
    }
    let all: Vec<String> =
        all.iter().map(|path| if options.contains(&'l') { path.to_string() } else { shown(shell, path) }).collect();
    let text = if options.contains(&'v') {
        all.iter().enumerate().map(|(at, path)| format!("{at:2}  {path}\n")).collect()
    } else if options.contains(&'p') {
        all.iter().map(|path| format!("{path}\n")).collect()
    } else {
        format!("{}\n", all.join(" "))
    };
    shell.print(&text);
    Ok(0)
}

pub fn pushd(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let before = shell.working_directory();
    let target: Rc<str> = match words.get(1) {
        Some(word) if word.starts_with(['+', '-']) && word[1..].parse::<usize>().is_ok() => {
            let mut all: Vec<Rc<str>> = vec![before];
            all.extend(shell.directories.iter().rev().cloned());
            let number: usize = word[1..].parse().unwrap_or(0);
            let at = if word.starts_with('+') { Some(number) } else { (all.len() - 1).checked_sub(number) };
            let Some(at) = at.filter(|at| *at < all.len()) else {
                shell.complain(&format!("pushd: {word}: directory stack index out of range"));
                return Ok(1);
            };
            all.rotate_left(at);
            let target = all[0].clone();
            if change(shell, &target, false, false)? != 0 {
                return Ok(1);
            }
            shell.directories = all[1..].iter().rev().cloned().collect();
            return dirs(shell, &["dirs".into()]);
        }
        Some(word) => word.clone(),
        None => match shell.directories.pop() {
            Some(directory) => directory,
            None => {
                shell.complain("pushd: no other directory");
                return Ok(1);
            }
        },
    };
    if change(shell, &target, false, false)? != 0 {
        return Ok(1);
    }
    shell.directories.push(before);
    dirs(shell, &["dirs".into()])
}

pub fn popd(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    if let Some(word) = words.get(1).filter(|word| word.starts_with(['+', '-']) && word[1..].parse::<usize>().is_ok()) {
        let number: usize = word[1..].parse().unwrap_or(0);
        let count = shell.directories.len() + 1;
        let at = if word.starts_with('+') { Some(number) } else { (count - 1).checked_sub(number) };
        match at.filter(|at| *at < count) {
            Some(0) => {}
            Some(at) => {
                let index = shell.directories.len() - at;
                shell.directories.remove(index);
                return dirs(shell, &["dirs".into()]);
            }
            None => {
                shell.complain(&format!("popd: {word}: directory stack index out of range"));
                return Ok(1);
            }
        }
    }
    let Some(target) = shell.directories.pop() else {
        shell.complain("popd: directory stack empty");
        return Ok(1);
    };
    if change(shell, &target, false, false)? != 0 {
        return Ok(1);
    }
    dirs(shell, &["dirs".into()])
}

pub fn umask(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let (options, rest) = match letters(words, "Sp") {
        Ok(found) => found,
        Err(letter) => return shell.usage("umask", &format!("Illegal option -{letter}")),
    };
    let now = sys::current_umask();
    let Some(word) = rest.first() else {
        if options.contains(&'S') {
            let part = |shift: u32| {
                let bits = !(now >> shift) & 7;
                [(4, 'r'), (2, 'w'), (1, 'x')]
                    .iter()
                    .filter(|(bit, _)| bits & bit != 0)
                    .map(|(_, letter)| *letter)
                    .collect::<String>()
            };
            shell.print(&format!("u={},g={},o={}\n", part(6), part(3), part(0)));
        } else {
            let prefix = if options.contains(&'p') { "umask " } else { "" };
            shell.print(&format!("{prefix}{now:04o}\n"));
        }
        return Ok(0);
    };
    let mask = if word.starts_with(|c: char| c.is_ascii_digit()) {
        u32::from_str_radix(word, 8).ok().filter(|mask| *mask <= 0o777)
    } else {
        symbolic(word, now)
    };
    match mask {
        Some(mask) => {
            shell.note_umask();
            sys::umask(Some(mask));
            Ok(0)
        }
        None => {
            shell.complain(&format!("umask: Illegal mode: {word}"));
            Ok(2).map(|_: i32| 1)
        }
    }
}

/// `u=rwx,g-w` applied to a mask.
fn symbolic(text: &str, mask: u32) -> Option<u32> {
    let mut allowed = !mask & 0o777;
    for clause in text.split(',') {
        let at = clause.find(['+', '-', '='])?;
        let mut who = 0;
        for c in clause[..at].chars() {
            who |= match c {
                'u' => 0o700,
                'g' => 0o070,
                'o' => 0o007,
                'a' => 0o777,
                _ => return None,
            };
        }
        if who == 0 {
            who = 0o777;
        }
        let mut rest = clause[at..].chars().peekable();
        while let Some(operator) = rest.next() {
            let mut bits = 0;
            while let Some(c) = rest.peek().copied().filter(|c| !matches!(c, '+' | '-' | '=')) {
                rest.next();
                bits |= match c {
                    'r' => 0o444,
                    'w' => 0o222,
                    'x' | 'X' => 0o111,
                    'u' => ((allowed >> 6) & 7) * 0o111,
                    'g' => ((allowed >> 3) & 7) * 0o111,
                    'o' => (allowed & 7) * 0o111,
                    's' | 't' => 0,
                    _ => return None,
                };
            }
            match operator {
                '+' => allowed |= bits & who,
                '-' => allowed &= !(bits & who),
                _ => allowed = (allowed & !who) | (bits & who),
            }
        }
    }
    Some(!allowed & 0o777)
}
