//! `getopts`.

use std::rc::Rc;

use crate::shell::{Run, Shell};
use crate::syntax::lexer::is_name;

pub fn run(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let words = if words.get(1).is_some_and(|word| &**word == "--") {
        [&words[..1], &words[2..]].concat()
    } else {
        words.to_vec()
    };
    if words.len() < 3 {
        return shell.usage("getopts", "usage: getopts optstring name [arg ...]");
    }
    let (options, name) = (words[1].clone(), words[2].clone());
    if !is_name(&name) {
        shell.complain(&format!("getopts: {name}: bad variable name"));
        return Ok(2);
    }
    let arguments = if words.len() > 3 { words[3..].to_vec() } else { shell.positional.to_vec() };
    let silent = options.starts_with(':');
    let mut index = shell.get("OPTIND").and_then(|text| text.parse::<usize>().ok()).unwrap_or(1).max(1);
    let mut at = if shell.getopts_at.1 == index { shell.getopts_at.0 } else { 0 };

    let ends = |shell: &mut Shell, index: usize| {
        let done = shell.set("OPTIND", &index.to_string());
        shell.getopts_at = (0, 0);
        shell.set(&name, "?");
        Ok(if done { 1 } else { 2 })
    };
    if at == 0 {
        match arguments.get(index - 1).map(|argument| &**argument) {
            Some("--") => return ends(shell, index + 1),
            Some(argument) if argument.len() > 1 && argument.starts_with('-') => at = 1,
            _ => return ends(shell, index),
        }
    }
    let argument = arguments.get(index - 1).cloned().unwrap_or_default();
    let Some(letter) = argument.get(at..).and_then(|rest| rest.chars().next()) else { return ends(shell, index + 1) };
    at += letter.len_utf8();
    let more = at < argument.len();
    let position = options.find(letter).filter(|_| letter != ':');
    let takes = position.is_some_and(|position| options[position + letter.len_utf8()..].starts_with(':'));
    let mut result = letter.to_string();
    let mut value: Option<Rc<str>> = None;
    if position.is_none() {
        result = "?".to_owned();
        if silent {
            value = Some(letter.to_string().into());
        } else if shell.get("OPTERR").is_none_or(|text| &*text != "0") {
            let text = format!("{}: Illegal option -{letter}\n", shell.name);
            shell.write_error(&text);
        }
    }
    if takes {
        if more {
            value = Some(argument[at..].into());
            index += 1;
        } else if let Some(next) = arguments.get(index) {
            value = Some(next.clone());
            index += 2;
        } else {
            index += 1;
            if silent {
                result = ":".to_owned();
                value = Some(letter.to_string().into());
            } else {
                result = "?".to_owned();
                let text = format!("{}: No arg for -{letter} option\n", shell.name);
                shell.write_error(&text);
            }
        }
        at = 0;
    } else if !more {
        index += 1;
        at = 0;
    }
    shell.set("OPTIND", &index.to_string());
    shell.getopts_at = (at, index);
    if let Some(value) = value {
        shell.set("OPTARG", &value);
    } else if shell.variables.find("OPTARG").is_some() {
        shell.vars().remove("OPTARG");
    }
    Ok(if shell.set(&name, &result) { 0 } else { 2 })
}
