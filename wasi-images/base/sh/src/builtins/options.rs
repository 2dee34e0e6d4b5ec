//! `set` and `shopt`.

use std::rc::Rc;

use crate::shell::{Options, Run, Shell};
use crate::syntax::quote;
use crate::variables::Value;

/// Options of `set -o`: the name, the letter, where it is.
const OPTIONS: &[(&str, char, fn(&mut Options) -> &mut bool)] = &[
    ("allexport", 'a', |o| &mut o.allexport),
    ("braceexpand", 'B', |o| &mut o.braceexpand),
    ("emacs", '\0', |o| &mut o.emacs),
    ("errexit", 'e', |o| &mut o.errexit),
    ("errtrace", 'E', |o| &mut o.errtrace),
    ("functrace", 'T', |o| &mut o.functrace),
    ("hashall", 'h', |o| &mut o.hashall),
    ("ignoreeof", 'I', |o| &mut o.ignoreeof),
    ("interactive", 'i', |o| &mut o.interactive),
    ("monitor", 'm', |o| &mut o.monitor),
    ("noclobber", 'C', |o| &mut o.noclobber),
    ("noexec", 'n', |o| &mut o.noexec),
    ("noglob", 'f', |o| &mut o.noglob),
    ("notify", 'b', |o| &mut o.notify),
    ("nounset", 'u', |o| &mut o.nounset),
    ("onecmd", 't', |o| &mut o.onecmd),
    ("physical", 'P', |o| &mut o.physical),
    ("pipefail", '\0', |o| &mut o.pipefail),
    ("posix", '\0', |o| &mut o.posix),
    ("privileged", 'p', |o| &mut o.privileged),
    ("stdin", 's', |o| &mut o.stdin),
    ("verbose", 'v', |o| &mut o.verbose),
    ("vi", 'V', |o| &mut o.vi),
    ("xtrace", 'x', |o| &mut o.xtrace),
];

const SHOPTS: &[(&str, fn(&mut Options) -> &mut bool)] = &[
    ("dotglob", |o| &mut o.dotglob),
    ("expand_aliases", |o| &mut o.expand_aliases),
    ("extglob", |o| &mut o.extglob),
    ("failglob", |o| &mut o.failglob),
    ("globstar", |o| &mut o.globstar),
    ("inherit_errexit", |o| &mut o.inherit_errexit),
    ("lastpipe", |o| &mut o.lastpipe),
    ("login_shell", |o| &mut o.login),
    ("nocaseglob", |o| &mut o.nocaseglob),
    ("nocasematch", |o| &mut o.nocasematch),
    ("nullglob", |o| &mut o.nullglob),
    ("xpg_echo", |o| &mut o.xpg_echo),
];

/// Turns the option of this letter on or off. False where there is none.
pub fn set_letter(shell: &mut Shell, letter: char, on: bool) -> bool {
    let Some((name, ..)) = OPTIONS.iter().find(|(_, known, _)| *known == letter && letter != '\0') else {
        return false;
    };
    set_name(shell, name, on)
}

/// Turns an option of `set -o` on or off. False where there is none.
pub fn set_name(shell: &mut Shell, name: &str, on: bool) -> bool {
    let Some((_, _, place)) = OPTIONS.iter().find(|(known, ..)| *known == name) else { return false };
    if name == "monitor" && on != shell.options.monitor {
        shell.set_monitor(on);
        return true;
    }
    *place(&mut shell.options) = on;
    match name {
        "vi" if on => shell.options.emacs = false,
        "emacs" if on => shell.options.vi = false,
        _ => {}
    }
    true
}

/// Whether an option of `set -o` is on.
pub fn is_on(shell: &mut Shell, name: &str) -> Option<bool> {
    let (_, _, place) = OPTIONS.iter().find(|(known, ..)| *known == name)?;
    Some(*place(&mut shell.options))
}

pub fn set(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    if words.len() == 1 {
        return variables(shell);
    }
    let mut rest = &words[1..];
    while let Some(word) = rest.first() {
        if &**word == "--" {
            shell.positional = Rc::new(rest[1..].to_vec());
            return Ok(0);
        }
        if &**word == "-" {
            shell.options.xtrace = false;
            shell.options.verbose = false;
            if rest.len() > 1 {
                shell.positional = Rc::new(rest[1..].to_vec());
            }
            return Ok(0);
        }
        let on = word.starts_with('-');
        let Some(letters) = word.strip_prefix(['-', '+']).filter(|letters| !letters.is_empty()) else { break };
        rest = &rest[1..];
        for letter in letters.chars() {
            if letter == 'o' {
                match rest.first().cloned() {
                    None => list(shell, on),
                    Some(name) => {
                        rest = &rest[1..];
                        if !set_name(shell, &name, on) {
                            let sign = if on { '-' } else { '+' };
                            return shell.abort(&format!("set: Illegal option {sign}o {name}"));
                        }
                    }
                }
            } else if !set_letter(shell, letter, on) {
                let sign = if on { '-' } else { '+' };
                return shell.abort(&format!("set: Illegal option {sign}{letter}"));
            }
        }
        if rest.is_empty() {
            return Ok(0);
        }
    }
    if !rest.is_empty() {
        shell.positional = Rc::new(rest.to_vec());
    }
    Ok(0)
}

fn list(shell: &mut Shell, readable: bool) {
    for (name, _, place) in OPTIONS {
        let on = *place(&mut shell.options);
        let line = if readable {
            format!("{name:<15}\t{}\n", if on { "on" } else { "off" })
        } else {
            format!("set {}o {name}\n", if on { '-' } else { '+' })
        };
        shell.print(&line);
    }
}

/// All variables, as assignments.
fn variables(shell: &mut Shell) -> Run<i32> {
    let mut names: Vec<Rc<str>> = shell.variables.all.keys().cloned().collect();
    names.sort();
    for name in names {
        let line = match shell.variables.find(&name).map(|variable| variable.value.clone()) {
            Some(Value::Text(text)) => {
                format!("{name}={}\n", if text.is_empty() { "''".to_owned() } else { quote::if_needed(&text) })
            }
            Some(value @ (Value::Array(_) | Value::Map(_))) => {
                format!("{name}={}\n", super::declare::value_text(&value).unwrap_or_default())
            }
            _ => continue,
        };
        shell.print(&line);
    }
    Ok(0)
}

pub fn shopt(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let (options, names) = match super::letters(words, "supqo") {
        Ok(found) => found,
        Err(letter) => return shell.usage("shopt", &format!("Illegal option -{letter}")),
    };
    let on = options.contains(&'s');
    let changes = on || options.contains(&'u');
    let mut status = 0;
    if names.is_empty() {
        for (name, place) in SHOPTS {
            let value = *place(&mut shell.options);
            if changes && value != on {
                continue;
            }
            let line = if options.contains(&'p') {
                format!("shopt -{} {name}\n", if value { 's' } else { 'u' })
            } else {
                format!("{name:<20}\t{}\n", if value { "on" } else { "off" })
            };
            shell.print(&line);
        }
    }
    for name in names {
        if options.contains(&'o') {
            match is_on(shell, name) {
                Some(_) if changes => {
                    set_name(shell, name, on);
                }
                Some(value) => status |= i32::from(!value),
                None => {
                    shell.complain(&format!("shopt: {name}: invalid option name"));
                    status = 1;
                }
            }
            continue;
        }
        let Some((_, place)) = SHOPTS.iter().find(|(known, _)| *known == &**name) else {
            shell.complain(&format!("shopt: {name}: invalid shell option name"));
            status = 1;
            continue;
        };
        let place = place(&mut shell.options);
        if changes {
            *place = on;
            continue;
        }
        let value = *place;
        status |= i32::from(!value);
        if !options.contains(&'q') {
            let line = if options.contains(&'p') {
                format!("shopt -{} {name}\n", if value { 's' } else { 'u' })
            } else {
                format!("{name:<20}\t{}\n", if value { "on" } else { "off" })
            };
            shell.print(&line);
        }
    }
    Ok(status)
}
