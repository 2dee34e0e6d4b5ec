//! `trap`.

use std::rc::Rc;

use crate::exec::traps::{condition, condition_name};
use crate::shell::{Run, Shell};
use crate::syntax::quote;

pub fn run(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let mut rest = &words[1..];
    let mut prints = rest.is_empty();
    match rest.first().map(|word| &**word) {
        Some("--") => {
            rest = &rest[1..];
            prints = rest.is_empty();
        }
        Some("-p") => {
            rest = &rest[1..];
            prints = true;
        }
        Some("-l") => {
            for (name, number, _) in cowbox_guest::signal::ALL {
                shell.print(&format!("{number}) SIG{name}\n"));
            }
            return Ok(0);
        }
        _ => {}
    }
    if prints {
        return print(shell, rest);
    }
    let first = rest[0].clone();
    // A number in the place of the action takes all the traps back; so does a single condition.
    let resets = &*first == "-" || (first.parse::<u32>().is_ok()) || (rest.len() == 1 && condition(&first).is_some());
    let (action, conditions) = match &*first {
        "-" => (None, &rest[1..]),
        _ if resets => (None, rest),
        _ => (Some(first), &rest[1..]),
    };
    if conditions.is_empty() {
        return shell.usage("trap", "usage: trap [action] condition ...");
    }
    let mut status = 0;
    for name in conditions {
        match condition(name) {
            Some(number) => shell.set_trap(number, action.clone()),
            None => {
                shell.complain(&format!("trap: {name}: bad trap"));
                status = 1;
            }
        }
    }
    Ok(status)
}

fn print(shell: &mut Shell, names: &[Rc<str>]) -> Run<i32> {
    let all = if shell.traps.listed.is_empty() { shell.traps.actions.clone() } else { shell.traps.listed.clone() };
    let mut wanted = Vec::new();
    for name in names {
        match condition(name) {
            Some(number) => wanted.push(number),
            None => {
                shell.complain(&format!("trap: {name}: bad trap"));
                return Ok(1);
            }
        }
    }
    for (number, action) in all {
        if names.is_empty() || wanted.contains(&number) {
            shell.print(&format!("trap -- {} {}\n", quote::single(&action), condition_name(number)));
        }
    }
    Ok(0)
}
