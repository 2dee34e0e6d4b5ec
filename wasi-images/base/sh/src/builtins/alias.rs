//! `alias` and `unalias`.

use std::rc::Rc;

use super::letters;
use crate::shell::{Run, Shell};
use crate::syntax::quote;

pub fn alias(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let mut status = 0;
    let rest = match words.get(1).map(|word| &**word) {
        Some("-p" | "--") => &words[2..],
        _ => &words[1..],
    };
    if rest.is_empty() {
        for (name, value) in shell.aliases.clone().iter() {
            shell.print(&format!("{name}={}\n", quote::single(value)));
        }
    }
    for word in rest {
        match word.split_once('=').filter(|(name, _)| !name.is_empty()) {
            Some((name, value)) => {
                Rc::make_mut(&mut shell.aliases).insert(name.into(), value.into());
            }
            None => match shell.aliases.get(word).cloned() {
                Some(value) => shell.print(&format!("{word}={}\n", quote::single(&value))),
                None => {
                    shell.complain(&format!("alias: {word} not found"));
                    status = 1;
                }
            },
        }
    }
    Ok(status)
}

pub fn unalias(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    match letters(words, "a") {
        Err(letter) => shell.usage("unalias", &format!("Illegal option -{letter}")),
        Ok((options, _)) if !options.is_empty() => {
            shell.aliases = Rc::default();
            Ok(0)
        }
        Ok((_, [])) => shell.usage("unalias", "usage: unalias [-a] name [name ...]"),
        Ok((_, names)) => {
            let mut status = 0;
            for name in names {
                if Rc::make_mut(&mut shell.aliases).remove(name).is_none() {
                    shell.complain(&format!("unalias: {name} not found"));
                    status = 1;
                }
            }
            Ok(status)
        }
    }
}
