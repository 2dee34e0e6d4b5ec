//! Builtins for variables: `export`, `readonly`, `local`, `declare`, `unset`.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::letters;
use crate::exec::simple::Expanded;
use crate::shell::{Run, Shell, Stop, split_element};
use crate::syntax::lexer::is_name;
use crate::syntax::quote;
use crate::variables::{Case, Value, Variable};

/// What is done with each variable.
#[derive(Clone, Copy, Default)]
struct Attributes {
    exported: Option<bool>,
    readonly: bool,
    integer: Option<bool>,
    case: Option<Option<Case>>,
    reference: Option<bool>,
    array: bool,
    map: bool,
    local: bool,
    global: bool,
}

pub fn export(shell: &mut Shell, expanded: &Expanded<'_>) -> Run<i32> {
    let (options, names) = match letters(&expanded.words, "pnf") {
        Ok(found) => found,
        Err(letter) => return shell.abort(&format!("export: Illegal option -{letter}")),
    };
    if options.contains(&'f') {
        return Ok(0);
    }
    if names.is_empty() {
        return list(shell, "export", |variable| variable.exported);
    }
    apply(
        shell,
        expanded,
        names,
        Attributes { exported: Some(!options.contains(&'n')), ..Attributes::default() },
        "export",
    )
}

pub fn readonly(shell: &mut Shell, expanded: &Expanded<'_>) -> Run<i32> {
    let (options, names) = match letters(&expanded.words, "pfaA") {
        Ok(found) => found,
        Err(letter) => return shell.abort(&format!("readonly: Illegal option -{letter}")),
    };
    if options.contains(&'f') {
        return Ok(0);
    }
    if names.is_empty() {
        return list(shell, "readonly", |variable| variable.readonly);
    }
    let attributes = Attributes {
        readonly: true,
        array: options.contains(&'a'),
        map: options.contains(&'A'),
        ..Attributes::default()
    };
    apply(shell, expanded, names, attributes, "readonly")
}

pub fn local(shell: &mut Shell, expanded: &Expanded<'_>) -> Run<i32> {
    if shell.functions_running == 0 {
        return shell.abort("local: not in a function");
    }
    declare_as(shell, expanded, true)
}

pub fn declare(shell: &mut Shell, expanded: &Expanded<'_>) -> Run<i32> {
    let local = shell.functions_running > 0;
    declare_as(shell, expanded, local)
}

fn declare_as(shell: &mut Shell, expanded: &Expanded<'_>, local: bool) -> Run<i32> {
    let command = expanded.words[0].clone();
    let mut attributes = Attributes { local, ..Attributes::default() };
    let mut rest = &expanded.words[1..];
    let (mut prints, mut functions, mut function_names) = (false, false, false);
    while let Some(word) = rest.first() {
        if &**word == "--" {
            rest = &rest[1..];
            break;
        }
        let on = word.starts_with('-');
        let Some(options) = word.strip_prefix(['-', '+']).filter(|options| !options.is_empty()) else { break };
        for letter in options.chars() {
            match letter {
                'x' => attributes.exported = Some(on),
                'r' => attributes.readonly = on,
                'i' => attributes.integer = Some(on),
                'l' => attributes.case = Some(on.then_some(Case::Lower)),
                'u' => attributes.case = Some(on.then_some(Case::Upper)),
                'n' => attributes.reference = Some(on),
                'a' => attributes.array = on,
                'A' => attributes.map = on,
                'g' => {
                    attributes.global = true;
                    attributes.local = false;
                }
                'p' => prints = true,
                'f' => functions = true,
                'F' => function_names = true,
                't' | 'I' => {}
                letter => return shell.usage(&command, &format!("Illegal option -{letter}")),
            }
        }
        rest = &rest[1..];
    }
    if functions || function_names {
        return print_functions(shell, rest, function_names);
    }
    if prints || rest.is_empty() {
        return print_variables(shell, rest, &command);
    }
    apply(shell, expanded, rest, attributes, &command)
}

fn print_functions(shell: &mut Shell, names: &[Rc<str>], only_names: bool) -> Run<i32> {
    let all = names.is_empty();
    let mut names: Vec<Rc<str>> = if all { shell.functions.keys().cloned().collect() } else { names.to_vec() };
    names.sort();
    let mut status = 0;
    for name in names {
        match shell.functions.get(&name).cloned() {
            Some(_) if only_names && !all => shell.print(&format!("{name}\n")),
            Some(_) if only_names => shell.print(&format!("declare -f {name}\n")),
            Some(function) => shell.print(&format!("{}\n", function.text)),
            None => status = 1,
        }
    }
    Ok(status)
}

fn print_variables(shell: &mut Shell, names: &[Rc<str>], command: &str) -> Run<i32> {
    let all = names.is_empty();
    let mut names: Vec<Rc<str>> = if all { shell.variables.all.keys().cloned().collect() } else { names.to_vec() };
    if all {
        names.sort();
    }
    let mut status = 0;
    for name in names {
        match shell.variables.find(&name).cloned() {
            Some(variable) => {
                let line = definition(shell, &name, &variable);
                shell.print(&line);
            }
            None => {
                shell.complain(&format!("{command}: {name}: not found"));
                status = 1;
            }
        }
    }
    Ok(status)
}

/// `declare -x name="value"`
fn definition(shell: &Shell, name: &str, variable: &Variable) -> String {
    let attributes = shell.attributes(name);
    let attributes = if attributes.is_empty() { "-".to_owned() } else { attributes };
    match value_text(&variable.value) {
        Some(value) => format!("declare -{attributes} {name}={value}\n"),
        None => format!("declare -{attributes} {name}\n"),
    }
}

/// A value as `declare -p` writes it.
pub fn value_text(value: &Value) -> Option<String> {
    match value {
        Value::Unset => None,
        Value::Text(text) => Some(quote::double(text)),
        Value::Array(elements) => {
            let elements: Vec<String> =
                elements.iter().map(|(index, value)| format!("[{index}]={}", quote::double(value))).collect();
            Some(format!("({})", elements.join(" ")))
        }
        Value::Map(elements) => {
            let elements: Vec<String> = elements
                .iter()
                .map(|(key, value)| format!("[{}]={} ", quote::if_needed(key), quote::double(value)))
                .collect();
            Some(format!("({})", elements.concat()))
        }
    }
}

/// Lists variables as commands that make them again.
fn list(shell: &mut Shell, command: &str, wanted: impl Fn(&Variable) -> bool) -> Run<i32> {
    let mut names: Vec<Rc<str>> =
        shell.variables.all.iter().filter(|(_, variable)| wanted(variable)).map(|(name, _)| name.clone()).collect();
    names.sort();
    for name in names {
        let value = shell.variables.find(&name).map_or(Value::Unset, |variable| variable.value.clone());
        let line = match &value {
            Value::Text(text) => format!("{command} {name}={}\n", quote::double(text)),
            Value::Unset => format!("{command} {name}\n"),
            value => format!(
                "{command} {}{name}={}\n",
                if matches!(value, Value::Map(_)) { "-A " } else { "-a " },
                value_text(value).unwrap_or_default()
            ),
        };
        shell.print(&line);
    }
    Ok(0)
}

/// Gives each of the words its attributes, and the value it may have.
fn apply(
    shell: &mut Shell,
    expanded: &Expanded<'_>,
    words: &[Rc<str>],
    attributes: Attributes,
    command: &str,
) -> Run<i32> {
    let mut status = 0;
    let first = expanded.words.len() - words.len();
    for (at, word) in words.iter().enumerate() {
        let array = expanded.arrays.get(&(first + at)).copied();
        let (target, value) = match word.split_once('=') {
            Some((target, value)) if array.is_none() => (target, Some(value)),
            _ => (&**word, None),
        };
        let append = target.ends_with('+');
        let target = if append { &target[..target.len() - 1] } else { target };
        let (name, index) = match split_element(target) {
            Some((name, index)) => (name, Some(index)),
            None => (target, None),
        };
        if !is_name(name) {
            shell.complain(&format!("{command}: {target}: bad variable name"));
            if matches!(command, "export" | "readonly") {
                shell.status = 2;
                return Err(Stop::Abort);
            }
            status = 1;
            continue;
        }
        let hidden = attributes.local && shell.functions_running > 0;
        if hidden {
            if shell.variables.find(name).is_some_and(|variable| variable.readonly) && value.is_some() {
                shell.complain(&format!("{name}: readonly variable"));
                status = 1;
                continue;
            }
            shell.vars().make_local(name);
        }
        if attributes.reference == Some(true) {
            let variable = shell.vars().entry(name);
            variable.reference = true;
            if let Some(value) = value {
                variable.value = Value::Text(value.into());
            }
            continue;
        }
        // References are seen through, but for their own attributes.
        let name =
            if attributes.reference.is_some() { name.to_owned() } else { shell.variables.resolve(name).to_owned() };
        let changes_value = value.is_some() || array.is_some();
        if changes_value && shell.variables.find(&name).is_some_and(|variable| variable.readonly) {
            shell.complain(&format!("{name}: readonly variable"));
            if matches!(command, "export" | "readonly") {
                shell.status = 2;
                return Err(Stop::Abort);
            }
            status = 1;
            continue;
        }
        {
            let variable = shell.vars().entry(&name);
            if let Some(integer) = attributes.integer {
                variable.integer = integer;
            }
            if let Some(case) = attributes.case {
                variable.case = case;
            }
            if attributes.reference == Some(false) {
                variable.reference = false;
            }
            if attributes.map && !matches!(variable.value, Value::Map(_)) {
                variable.value = Value::Map(Rc::default());
            }
            if attributes.array && !matches!(variable.value, Value::Array(_) | Value::Map(_)) {
                variable.value = match &variable.value {
                    Value::Text(text) => Value::Array(Rc::new(BTreeMap::from([(0, text.clone())]))),
                    _ => Value::Array(Rc::default()),
                };
            }
        }
        if let Some(assignment) = array {
            if !shell.assign(assignment)? {
                status = 1;
                continue;
            }
        } else if let Some(value) = value {
            let key = match index {
                Some(index) => Some(shell.key(&name, index)?),
                None => None,
            };
            let list = value.starts_with('(') && value.ends_with(')') && (attributes.array || attributes.map);
            if list {
                // `declare -a "x=(1 2)"`: read as if it had been written without quotes.
                shell.eval(&format!("{name}{}={value}", if append { "+" } else { "" }))?;
            } else if !shell.assign_value(&name, key.as_deref(), value, append)? {
                status = 1;
                continue;
            }
        }
        let variable = shell.vars().entry(&name);
        if let Some(exported) = attributes.exported {
            variable.exported = exported;
        }
        if attributes.readonly {
            variable.readonly = true;
        }
    }
    Ok(status)
}

pub fn unset(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let (options, names) = match letters(words, "vfn") {
        Ok(found) => found,
        Err(letter) => return shell.abort(&format!("unset: Illegal option -{letter}")),
    };
    let functions = options.contains(&'f');
    let variables = options.contains(&'v');
    let mut status = 0;
    for name in names {
        if functions {
            Rc::make_mut(&mut shell.functions).remove(name);
            continue;
        }
        if let Some((base, index)) = split_element(name) {
            let base = shell.variables.resolve(base).to_owned();
            if matches!(index, "@" | "*") && !shell.is_map(&base) {
                shell.unset(&base);
                continue;
            }
            let key = shell.key(&base, index)?;
            if let Some(variable) = shell.variables.find(&base)
                && !variable.readonly
            {
                match &mut shell.vars().entry(&base).value {
                    Value::Array(elements) => {
                        let mut at = key.parse().unwrap_or(0);
                        if at < 0 {
                            at += elements.keys().next_back().map_or(0, |last| last + 1);
                        }
                        Rc::make_mut(elements).remove(&at);
                    }
                    Value::Map(elements) => {
                        Rc::make_mut(elements).remove(&*key);
                    }
                    value => *value = Value::Unset,
                }
            }
            continue;
        }
        if !is_name(name) {
            shell.complain(&format!("unset: {name}: bad variable name"));
            status = if shell.options.interactive { 1 } else { 2 };
            continue;
        }
        let target = if options.contains(&'n') { name.to_string() } else { shell.variables.resolve(name).to_owned() };
        if shell.variables.find(&target).is_some() {
            if !shell.unset(&target) {
                status = 1;
                if !variables && !shell.options.interactive {
                    shell.status = 2;
                    return Err(Stop::Abort);
                }
            }
        } else if !variables && shell.functions.contains_key(name) {
            Rc::make_mut(&mut shell.functions).remove(name);
        }
    }
    Ok(status)
}
