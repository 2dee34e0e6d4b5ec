//! What names run: `command`, `type`, `hash`, `builtin`.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::letters;
use crate::exec::simple::{Expanded, find_in};
use crate::shell::{Run, Shell};
use crate::syntax::ast::{Argument, Simple, Word};
use crate::syntax::quote;
use crate::text;

/// A path on which the standard utilities are.
const STANDARD_PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

const RESERVED: &[&str] = &[
    "!", "{", "}", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "in", "then", "until", "while",
    "function", "select", "time", "[[", "]]",
];

pub fn command(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let (options, rest) = match letters(words, "pvV") {
        Ok(found) => found,
        Err(letter) => return shell.usage("command", &format!("Illegal option -{letter}")),
    };
    let standard = options.contains(&'p');
    if options.contains(&'v') || options.contains(&'V') {
        let mut status = 0;
        for name in rest {
            if !describe(shell, name, options.contains(&'V'), standard) {
                if options.contains(&'V') {
                    shell.complain(&format!("command: {name}: not found"));
                }
                status = 127;
            }
        }
        return Ok(if status != 0 && rest.len() == 1 { status } else { i32::from(status != 0) });
    }
    let Some(name) = rest.first() else { return Ok(0) };
    if let Some(builtin) = super::find(name) {
        let expanded = Expanded { words: rest.to_vec(), arrays: BTreeMap::new() };
        if &**name == "exec" {
            // Its redirections are made by who runs simple commands; without any it runs the program.
            let simple = as_simple(rest);
            shell.simple(&simple, &"".into())?;
            return Ok(shell.status);
        }
        return match shell.call_builtin(builtin, &expanded) {
            Ok(()) => Ok(shell.status),
            // Its errors do not end the script.
            Err(crate::shell::Stop::Abort) => Ok(shell.status),
            Err(stop) => Err(stop),
        };
    }
    let search = standard.then(|| STANDARD_PATH.into());
    run_program(shell, rest, search)
}

fn as_simple(words: &[Rc<str>]) -> Simple {
    Simple {
        words: words
            .iter()
            .map(|word| Argument::Word(Word(vec![crate::syntax::ast::Part::Quoted(word.clone())])))
            .collect(),
        ..Simple::default()
    }
}

/// Runs a program, whatever functions there are.
fn run_program(shell: &mut Shell, words: &[Rc<str>], search: Option<Rc<str>>) -> Run<i32> {
    let name = &words[0];
    let path = match &search {
        Some(search) => find_in(search, name),
        None => shell.find_program(name),
    };
    let Some(path) = path else {
        shell.complain(&format!("{name}: not found"));
        return Ok(127);
    };
    shell.realize_output();
    let argv = words.iter().map(|word| text::to_bytes(word).into_owned()).collect();
    let mut spawn = shell.spawn_for(&path, argv);
    shell.group(&mut spawn, None);
    match shell.spawn(spawn, name) {
        Some(pid) => Ok(shell.wait_foreground(&[pid], name)),
        None => Ok(shell.status),
    }
}

pub fn builtin(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let rest = if words.get(1).is_some_and(|word| &**word == "--") { &words[2..] } else { &words[1..] };
    let Some(name) = rest.first() else { return Ok(0) };
    let Some(found) = super::find(name) else {
        shell.complain(&format!("builtin: {name}: not a shell builtin"));
        return Ok(1);
    };
    shell.call_builtin(found, &Expanded { words: rest.to_vec(), arrays: BTreeMap::new() })?;
    Ok(shell.status)
}

/// Tells what a name runs. False where it runs nothing.
fn describe(shell: &mut Shell, name: &Rc<str>, at_length: bool, standard: bool) -> bool {
    let line = if let Some(value) = shell.aliases.get(name).cloned() {
        if at_length {
            format!("{name} is an alias for {value}")
        } else {
            format!("alias {name}={}", quote::single(&value))
        }
    } else if RESERVED.contains(&&**name) {
        if at_length { format!("{name} is a shell keyword") } else { name.to_string() }
    } else if super::find(name).is_some_and(|builtin| builtin.special) {
        if at_length { format!("{name} is a special shell builtin") } else { name.to_string() }
    } else if shell.functions.contains_key(name) {
        if at_length { format!("{name} is a shell function") } else { name.to_string() }
    } else if super::find(name).is_some() {
        if at_length { format!("{name} is a shell builtin") } else { name.to_string() }
    } else {
        let search = if standard { STANDARD_PATH.into() } else { shell.get("PATH").unwrap_or_default() };
        let Some(path) = find_in(&search, name).filter(|path| {
            cowbox_guest::sys::access(path, cowbox_guest::sys::Access::EXECUTE).is_ok()
                && !cowbox_guest::sys::stat(path).is_ok_and(|stat| stat.is_dir())
        }) else {
            return false;
        };
        let path = text::from_bytes(&path);
        if at_length { format!("{name} is {path}") } else { path }
    };
    shell.print(&format!("{line}\n"));
    true
}

pub fn type_of(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let (options, rest) = match letters(words, "aftpP") {
        Ok(found) => found,
        Err(letter) => return shell.usage("type", &format!("Illegal option -{letter}")),
    };
    let mut status = 0;
    for name in rest {
        if options.contains(&'t') {
            let kind = if shell.aliases.contains_key(name) {
                "alias"
            } else if RESERVED.contains(&&**name) {
                "keyword"
            } else if shell.functions.contains_key(name) {
                "function"
            } else if super::find(name).is_some() {
                "builtin"
            } else if shell.get("PATH").is_some_and(|search| find_in(&search, name).is_some()) {
                "file"
            } else {
                status = 1;
                continue;
            };
            shell.print(&format!("{kind}\n"));
            continue;
        }
        if options.contains(&'p') || options.contains(&'P') {
            let known = options.contains(&'p')
                && (shell.functions.contains_key(name)
                    || super::find(name).is_some()
                    || shell.aliases.contains_key(name));
            let path = if known { None } else { shell.get("PATH").and_then(|search| find_in(&search, name)) };
            match path {
                Some(path) => shell.print(&format!("{}\n", text::from_bytes(&path))),
                None if known => {}
                None => status = 1,
            }
            continue;
        }
        if !describe(shell, name, true, false) {
            shell.complain(&format!("type: {name}: not found"));
            status = 127;
        } else if let Some(function) =
            shell.functions.get(name).cloned().filter(|_| {
                super::find(name).is_none_or(|builtin| !builtin.special) && !shell.aliases.contains_key(name)
            })
        {
            shell.print(&format!("{}\n", function.text));
        }
    }
    Ok(if status == 127 && rest.len() != 1 { 1 } else { status })
}

pub fn hash(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let (options, rest) = match letters(words, "rdtlp") {
        Ok(found) => found,
        Err(letter) => return shell.usage("hash", &format!("Illegal option -{letter}")),
    };
    if options.contains(&'r') {
        shell.hash.clear();
    }
    if options.contains(&'p') {
        if let [path, name, ..] = rest {
            shell.hash.insert(name.clone(), (path.clone(), 0));
        }
        return Ok(0);
    }
    let mut status = 0;
    if rest.is_empty() && !options.contains(&'r') {
        let lines: Vec<String> = shell.hash.values().map(|(path, _)| format!("{path}\n")).collect();
        for line in lines {
            shell.print(&line);
        }
    }
    for name in rest {
        if options.contains(&'d') {
            shell.hash.remove(name);
            continue;
        }
        if options.contains(&'t') {
            match shell.hash.get(name).cloned() {
                Some((path, _)) => shell.print(&format!("{path}\n")),
                None => {
                    shell.complain(&format!("hash: {name}: not found"));
                    status = 1;
                }
            }
            continue;
        }
        if super::find(name).is_some() || shell.functions.contains_key(name) {
            continue;
        }
        shell.hash.remove(name);
        let found = shell.get("PATH").and_then(|search| find_in(&search, name));
        match found {
            Some(path) => {
                shell.hash.insert(name.clone(), (text::from_bytes(&path).into(), 0));
            }
            None => {
                shell.complain(&format!("hash: {name}: not found"));
                status = 1;
            }
        }
    }
    Ok(status)
}
