//! Simple commands: assignments, builtins, functions, programs.

use std::collections::BTreeMap;
use std::rc::Rc;

use cowbox_guest::sys::{self, Access, Action, Errno, Fd, Spawn};

use crate::builtins::{self, Builtin};
use crate::shell::{Run, Shell, Stop, describe};
use crate::syntax::ast::{Argument, Assignment, Simple, Value as Assigned, Word};
use crate::syntax::quote;
use crate::text;
use crate::variables::{Value, Variable};

/// What a command's words came to.
pub struct Expanded<'a> {
    pub words: Vec<Rc<str>>,
    /// For words of `export` and its like that assign arrays.
    pub arrays: BTreeMap<usize, &'a Assignment>,
}

/// What a name runs.
pub enum Target {
    Builtin(Builtin),
    Function(Rc<crate::syntax::ast::Function>),
    Program,
}

impl Shell {
    pub fn simple(&mut self, simple: &Simple, text: &Rc<str>) -> Run {
        self.line = simple.line;
        self.substituted = false;
        let descriptors = self.process_descriptors.len();
        let result = self.simple_inner(simple, text);
        if self.process_descriptors.len() > descriptors {
            self.close_processes(descriptors);
        }
        result
    }

    fn simple_inner(&mut self, simple: &Simple, text: &Rc<str>) -> Run {
        let expanded = self.expand_command(simple)?;
        let Some(name) = expanded.words.first().cloned() else { return self.assign_only(simple) };
        let target = self.target(&name);
        match target {
            Target::Builtin(builtin) if builtin.special && &*name == "exec" => self.run_exec(simple, expanded),
            Target::Builtin(builtin) => self.run_builtin(simple, expanded, builtin),
            Target::Function(function) => {
                let saved = match self.redirect(&simple.redirects) {
                    Ok(saved) => saved,
                    Err(stop) => return self.failed_redirect(stop),
                };
                let result = self.with_assignments(simple, &expanded, false, |shell| {
                    shell.call(&name, &function, expanded.words[1..].to_vec())
                });
                self.flush();
                self.restore(saved);
                self.last_argument = expanded.words.last().cloned().unwrap_or_default();
                result
            }
            Target::Program => {
                let result = self.run_program(simple, &expanded, text);
                self.last_argument = expanded.words.last().cloned().unwrap_or_default();
                result
            }
        }
    }

    fn failed_redirect(&mut self, stop: Option<Stop>) -> Run {
        self.status = self.status.max(1);
        if stop.is_none() {
            self.status = 1;
        }
        stop.map_or(Ok(()), Err)
    }

    /// What a command's name runs.
    pub fn target(&self, name: &str) -> Target {
        if let Some(builtin) = builtins::find(name) {
            if builtin.special {
                return Target::Builtin(builtin);
            }
            return match self.functions.get(name) {
                Some(function) => Target::Function(function.clone()),
                None => Target::Builtin(builtin),
            };
        }
        self.functions.get(name).map_or(Target::Program, |function| Target::Function(function.clone()))
    }

    /// Expands a command's words, but not its assignments and redirections.
    pub fn expand_command<'a>(&mut self, simple: &'a Simple) -> Run<Expanded<'a>> {
        let mut words = Vec::with_capacity(simple.words.len());
        let mut arrays = BTreeMap::new();
        let mut declares = None;
        for argument in &simple.words {
            match argument {
                Argument::Word(word) => {
                    self.expand_fields(word, &mut words)?;
                    if declares.is_none() && !words.is_empty() && &*words[0] != "command" {
                        declares = Some(builtins::declares(&words[0]));
                    }
                }
                Argument::Assignment(assignment) => {
                    let assigns = declares.unwrap_or_else(|| words.iter().any(|word| builtins::declares(word)));
                    if !assigns {
                        self.expand_fields(&assignment.word, &mut words)?;
                        continue;
                    }
                    match &assignment.value {
                        Assigned::Scalar(value) => {
                            let value = self.expand_text(value)?;
                            let index = match &assignment.index {
                                Some(index) => format!("[{}]", self.expand_text(index)?),
                                None => String::new(),
                            };
                            let plus = if assignment.append { "+" } else { "" };
                            words.push(format!("{}{index}{plus}={value}", assignment.name).into());
                        }
                        Assigned::Array(_) => {
                            arrays.insert(words.len(), &**assignment);
                            words.push(assignment.name.clone());
                        }
                    }
                }
            }
        }
        Ok(Expanded { words, arrays })
    }

    fn assign_only(&mut self, simple: &Simple) -> Run {
        self.last_argument = "".into();
        if !simple.redirects.is_empty() {
            match self.redirect(&simple.redirects) {
                Ok(saved) => self.restore(saved),
                Err(stop) => {
                    self.status = 1;
                    return stop.map_or(Ok(()), Err);
                }
            }
        }
        let mut traced = Vec::new();
        for assignment in &simple.assignments {
            let done = self.assign(assignment)?;
            if self.options.xtrace {
                traced.push(self.traced(assignment));
            }
            if !done {
                self.status = 2;
                return Err(Stop::Abort);
            }
        }
        if !traced.is_empty() {
            for line in traced {
                self.trace(&line);
            }
        }
        if !self.substituted {
            self.status = 0;
        }
        Ok(())
    }

    fn traced(&mut self, assignment: &Assignment) -> String {
        let value = self.get(&assignment.name).unwrap_or_default();
        format!("{}={}", assignment.name, if value.is_empty() { String::new() } else { quote::if_needed(&value) })
    }

    /// Performs an assignment. False, with a message, where the variable cannot be set.
    pub fn assign(&mut self, assignment: &Assignment) -> Run<bool> {
        let name = self.variables.resolve(&assignment.name).to_owned();
        match &assignment.value {
            Assigned::Scalar(word) => {
                let value = self.expand_text(word)?;
                let index = match &assignment.index {
                    Some(index) => Some(self.index(&name, index)?),
                    None => None,
                };
                Ok(self.assign_value(&name, index.as_deref(), &value, assignment.append)?)
            }
            Assigned::Array(elements) => self.assign_array(&name, elements, assignment.append),
        }
    }

    /// An index as a key.
    fn index(&mut self, name: &str, index: &Word) -> Run<Rc<str>> {
        let text = self.expand_text(index)?;
        self.key(name, &text)
    }

    pub fn key(&mut self, name: &str, text: &str) -> Run<Rc<str>> {
        if self.is_map(name) { Ok(text.into()) } else { Ok(self.evaluate_text(text)?.to_string().into()) }
    }

    pub fn assign_value(&mut self, name: &str, index: Option<&str>, value: &str, append: bool) -> Run<bool> {
        let mut value: Rc<str> = value.into();
        if append {
            let before = match index {
                Some(index) => self.element_at(name, index),
                None => self.get(name),
            };
            if let Some(before) = before {
                let integer = self.variables.find(name).is_some_and(|variable| variable.integer);
                value =
                    if integer { format!("({before})+({value})").into() } else { format!("{before}{value}").into() };
            }
        }
        Ok(match index {
            Some(index) => self.set_element(name, index, &value),
            None => self.set(name, &value),
        })
    }

    fn assign_array(&mut self, name: &str, elements: &[(Option<Word>, Word)], append: bool) -> Run<bool> {
        if self.variables.find(name).is_some_and(|variable| variable.readonly) {
            self.complain(&format!("{name}: readonly variable"));
            return Ok(false);
        }
        let map = self.is_map(name);
        let mut list: Vec<(Option<Rc<str>>, Rc<str>)> = Vec::new();
        for (key, word) in elements {
            match key {
                Some(key) => {
                    let key = self.expand_text(key)?;
                    list.push((Some(key), self.expand_text(word)?));
                }
                None => {
                    let mut fields = Vec::new();
                    self.expand_fields(word, &mut fields)?;
                    list.extend(fields.into_iter().map(|field| (None, field)));
                }
            }
        }
        if map {
            let mut all: BTreeMap<Rc<str>, Rc<str>> = BTreeMap::new();
            if append && let Some(Variable { value: Value::Map(before), .. }) = self.variables.find(name) {
                all.clone_from(before);
            }
            let mut plain = list.iter().peekable();
            while let Some((key, value)) = plain.next() {
                match key {
                    Some(key) => all.insert(key.clone(), value.clone()),
                    // Keys and values take turns.
                    None => all.insert(value.clone(), plain.next().map(|(_, value)| value.clone()).unwrap_or_default()),
                };
            }
            self.vars().entry(name).value = Value::Map(Rc::new(all));
            return Ok(true);
        }
        let mut all: BTreeMap<i64, Rc<str>> = BTreeMap::new();
        if append {
            match self.variables.find(name).map(|variable| variable.value.clone()) {
                Some(Value::Array(before)) => all.clone_from(&before),
                Some(Value::Text(text)) => {
                    all.insert(0, text);
                }
                _ => {}
            }
        }
        let mut next = all.keys().next_back().map_or(0, |last| last + 1);
        let variable = self.variables.find(name);
        let integer = variable.is_some_and(|variable| variable.integer);
        let case = variable.and_then(|variable| variable.case);
        for (key, value) in list {
            if let Some(key) = key {
                next = self.evaluate_text(&key)?;
                if next < 0 {
                    next += all.keys().next_back().map_or(0, |last| last + 1);
                }
            }
            let value = if integer { self.evaluate_text(&value)?.to_string().into() } else { value };
            let value = match case {
                None => value,
                Some(crate::variables::Case::Lower) => value.to_lowercase().into(),
                Some(crate::variables::Case::Upper) => value.to_uppercase().into(),
            };
            all.insert(next, value);
            next = next.wrapping_add(1);
        }
        self.vars().entry(name).value = Value::Array(Rc::new(all));
        Ok(true)
    }

    /// Runs something with the command's assignments in force, and takes them back unless they are `kept`.
    fn with_assignments(
        &mut self,
        simple: &Simple,
        expanded: &Expanded<'_>,
        kept: bool,
        run: impl FnOnce(&mut Shell) -> Run,
    ) -> Run {
        if self.options.xtrace {
            self.trace_command(expanded);
        }
        if simple.assignments.is_empty() {
            return run(self);
        }
        let mut before: Vec<(Rc<str>, Option<Variable>)> = Vec::new();
        for assignment in &simple.assignments {
            before.push((assignment.name.clone(), self.variables.find(&assignment.name).cloned()));
            if !self.assign(assignment)? {
                self.status = 2;
                return Err(Stop::Abort);
            }
            if !kept {
                self.vars().entry(&assignment.name).exported = true;
            }
        }
        let result = run(self);
        if !kept {
            for (name, variable) in before.into_iter().rev() {
                match variable {
                    Some(variable) => *self.vars().entry(&name) = variable,
                    None => self.vars().remove(&name),
                }
                if &*name == "PATH" {
                    self.hash.clear();
                }
            }
        }
        result
    }

    fn trace_command(&mut self, expanded: &Expanded<'_>) {
        let words: Vec<String> = expanded.words.iter().map(|word| quote::if_needed(word)).collect();
        self.trace(&words.join(" "));
    }

    fn run_builtin(&mut self, simple: &Simple, expanded: Expanded<'_>, builtin: Builtin) -> Run {
        let special = builtin.special;
        let saved = match self.redirect(&simple.redirects) {
            Ok(saved) => saved,
            Err(stop) => {
                self.failed_redirect(stop)?;
                // POSIX XCU 2.8.1: a script ends there.
                return if special { Err(Stop::Abort) } else { Ok(()) };
            }
        };
        let result = self.with_assignments(simple, &expanded, special, |shell| shell.call_builtin(builtin, &expanded));
        let written = self.flush();
        if !written && result.is_ok() {
            self.status = 1;
        }
        self.restore(saved);
        self.last_argument = expanded.words.last().cloned().unwrap_or_default();
        result
    }

    pub fn call_builtin(&mut self, builtin: Builtin, expanded: &Expanded<'_>) -> Run {
        let status = match builtin.run {
            builtins::Kind::Plain(run) => run(self, &expanded.words)?,
            builtins::Kind::Declaring(run) => run(self, expanded)?,
        };
        self.status = status;
        Ok(())
    }

    fn run_exec(&mut self, simple: &Simple, expanded: Expanded<'_>) -> Run {
        let mut words = &expanded.words[1..];
        let mut name = None;
        let mut clean = false;
        loop {
            match words.first().map(|word| &**word) {
                Some("-a") if words.len() > 1 => {
                    name = Some(words[1].clone());
                    words = &words[2..];
                }
                Some("-c") => {
                    clean = true;
                    words = &words[1..];
                }
                Some("-l") => words = &words[1..],
                Some("--") => {
                    words = &words[1..];
                    break;
                }
                _ => break,
            }
        }
        if words.is_empty() {
            for assignment in &simple.assignments {
                if !self.assign(assignment)? {
                    return Err(Stop::Abort);
                }
            }
            return match self.redirect_for_good(&simple.redirects) {
                Ok(()) => {
                    self.status = 0;
                    Ok(())
                }
                Err(stop) => {
                    self.status = 2;
                    Err(stop.unwrap_or(Stop::Abort))
                }
            };
        }
        let words = words.to_vec();
        let redirects = &simple.redirects;
        self.with_assignments(simple, &expanded, false, |shell| {
            shell.exec_program(redirects, &words, name.as_deref(), clean)
        })
    }

    fn exec_program(
        &mut self,
        redirects: &[crate::syntax::ast::Redirect],
        words: &[Rc<str>],
        name: Option<&str>,
        clean: bool,
    ) -> Run {
        if let Err(stop) = self.redirect_for_good(redirects) {
            self.status = 2;
            return Err(stop.unwrap_or(Stop::Abort));
        }
        let Some(path) = self.find_program(&words[0]) else {
            self.complain(&format!("exec: {}: not found", words[0]));
            self.status = 127;
            return Err(Stop::Exit);
        };
        self.flush();
        let mut argv: Vec<Vec<u8>> = words.iter().map(|word| text::to_bytes(word).into_owned()).collect();
        if let Some(name) = name {
            argv[0] = text::to_bytes(name).into_owned();
        }
        let environment = if clean { Vec::new() } else { self.environment() };
        if self.subshells > 0 {
            // The process is not the subshell's alone: it waits for the program in its place.
            let mut spawn = self.spawn_for(&path, argv);
            spawn.env = Some(environment);
            self.realize_output();
            match self.spawn(spawn, &words[0]) {
                Some(pid) => self.status = self.wait_for_one(pid),
                None => return Err(Stop::Exit),
            }
            return Err(Stop::Exit);
        }
        self.traps_for_exec();
        let errno = match sys::exec(&path, &argv, Some(&environment), None) {
            Ok(never) => match never {},
            Err(errno) => errno,
        };
        if errno == Errno::ENOEXEC && is_script(&path) {
            let mut script = vec![text::to_bytes(&self.name).into_owned(), path.clone()];
            script.extend_from_slice(&argv[1..]);
            let program = self.own_program();
            // It comes back only where that failed as well.
            let _ = sys::exec(&program, &script, Some(&environment), None);
        }
        self.status = if errno == Errno::ENOENT { 127 } else { 126 };
        self.complain(&format!("exec: {}: {}", words[0], describe(errno)));
        Err(Stop::Exit)
    }

    fn run_program(&mut self, simple: &Simple, expanded: &Expanded<'_>, text: &Rc<str>) -> Run {
        self.realize_output();
        let mut actions = Vec::new();
        let mut opened = Vec::new();
        let started = self.start_program(simple, expanded, &mut actions, &mut opened, None);
        for fd in opened {
            // It was there for the child.
            let _ = sys::close(fd);
        }
        if let Some(pid) = started? {
            self.status = self.wait_foreground(&[pid], text);
        }
        Ok(())
    }

    /// Starts a program with the command's assignments and redirections. Nothing, with the status set, where that failed.
    pub fn start_program(
        &mut self,
        simple: &Simple,
        expanded: &Expanded<'_>,
        actions: &mut Vec<Action>,
        opened: &mut Vec<Fd>,
        group: Option<i32>,
    ) -> Run<Option<i32>> {
        if self.redirect_child(&simple.redirects, actions, opened).is_err() {
            // Also where expanding one went wrong: other shells do that in the process that is to become the program.
            self.status = self.status.max(1);
            return Ok(None);
        }
        let mut assigned: Vec<(Rc<str>, Rc<str>)> = Vec::new();
        for assignment in &simple.assignments {
            if let Assigned::Scalar(word) = &assignment.value {
                let mut value = self.expand_text(word)?;
                if assignment.append {
                    value = format!("{}{value}", self.get(&assignment.name).unwrap_or_default()).into();
                }
                if self.variables.find(&assignment.name).is_some_and(|variable| variable.readonly) {
                    self.complain(&format!("{}: readonly variable", assignment.name));
                    self.status = 2;
                    return Err(Stop::Abort);
                }
                assigned.push((assignment.name.clone(), value));
            }
        }
        if self.options.xtrace {
            for (name, value) in &assigned {
                let line = format!("{name}={}", quote::if_needed(value));
                self.trace(&line);
            }
            self.trace_command(expanded);
        }
        let search = assigned.iter().rev().find(|(name, _)| &**name == "PATH").map(|(_, value)| value.clone());
        let name = &expanded.words[0];
        let path = match &search {
            Some(search) => find_in(search, name),
            None => self.find_program(name),
        };
        let Some(path) = path else {
            self.complain(&format!("{name}: not found"));
            self.status = 127;
            return Ok(None);
        };
        let argv = expanded.words.iter().map(|word| text::to_bytes(word).into_owned()).collect();
        let mut spawn = self.spawn_for(&path, argv);
        if !assigned.is_empty() {
            let mut environment = self.environment();
            for (name, value) in &assigned {
                let prefix = format!("{name}=");
                environment.retain(|entry| !entry.starts_with(prefix.as_bytes()));
                let mut entry = prefix.into_bytes();
                entry.extend_from_slice(&text::to_bytes(value));
                environment.push(entry);
            }
            spawn.env = Some(environment);
        }
        spawn.actions = std::mem::take(actions);
        self.group(&mut spawn, group);
        Ok(self.spawn(spawn, name))
    }

    /// A program to be started: with the variables that are exported, and signals as a program expects them.
    pub fn spawn_for(&mut self, path: &[u8], argv: Vec<Vec<u8>>) -> Spawn {
        Spawn {
            path: path.to_vec(),
            argv,
            env: Some(self.environment()),
            sigdefault: self.signals_for_children(),
            ..Spawn::default()
        }
    }

    /// Starts a program; with a message and a status where that failed.
    pub fn spawn(&mut self, mut spawn: Spawn, name: &str) -> Option<i32> {
        self.flush();
        let errno = match sys::spawn(&spawn) {
            Ok(pid) => return Some(pid),
            Err(errno) => errno,
        };
        let path = spawn.path.clone();
        if errno == Errno::ENOEXEC && is_script(&path) {
            // POSIX XCU 2.9.1.6: it is a shell script.
            let arguments = spawn.argv.split_off(1);
            spawn.argv = vec![text::to_bytes(&self.name).into_owned(), path.clone()];
            spawn.argv.extend(arguments);
            spawn.path = self.own_program();
            if let Ok(pid) = sys::spawn(&spawn) {
                return Some(pid);
            }
        }
        let directory = sys::stat(&path).is_ok_and(|stat| stat.is_dir());
        let (status, message) = match errno {
            _ if directory => (126, "Is a directory".to_owned()),
            Errno::ENOENT if sys::stat(&path).is_ok() => (126, "interpreter not found".to_owned()),
            Errno::ENOENT | Errno::ENOTDIR => (127, "not found".to_owned()),
            Errno::ENOEXEC => {
                let why = sys::explanation().unwrap_or_else(|| "neither a program nor a script".to_owned());
                (126, format!("Exec format error: {why}"))
            }
            errno => (126, describe(errno)),
        };
        self.complain(&format!("{name}: {message}"));
        self.status = status;
        None
    }

    /// The file of a program, looked up along PATH.
    pub fn find_program(&mut self, name: &str) -> Option<Vec<u8>> {
        if name.contains('/') {
            return Some(text::to_bytes(name).into_owned());
        }
        if let Some((path, uses)) = self.hash.get_mut(name) {
            *uses += 1;
            let path = text::to_bytes(path).into_owned();
            if sys::access(&path, Access::EXECUTE).is_ok() {
                return Some(path);
            }
            self.hash.remove(name);
        }
        let search = self.get("PATH")?;
        let path = find_in(&search, name)?;
        if self.options.hashall && path.contains(&b'/') {
            self.hash.insert(name.into(), (text::from_bytes(&path).into(), 1));
        }
        Some(path)
    }

    /// The path of this shell, to start it again.
    pub fn own_program(&mut self) -> Vec<u8> {
        if let Some(program) = &self.program {
            return program.clone();
        }
        let program = match std::env::current_exe() {
            Ok(path) => path.into_os_string().into_encoded_bytes(),
            Err(_) if sys::stat("/proc/self/exe").is_ok() => b"/proc/self/exe".to_vec(),
            Err(_) => {
                let name = std::env::args_os().next().unwrap_or_default().into_encoded_bytes();
                let name = text::from_bytes(&name);
                let name = name.trim_start_matches('-');
                self.find_program(name).unwrap_or_else(|| b"/bin/sh".to_vec())
            }
        };
        self.program = Some(program.clone());
        program
    }
}

/// The first file of this name along the directories that may be executed; else the first that is there.
pub fn find_in(search: &str, name: &str) -> Option<Vec<u8>> {
    if name.is_empty() {
        return None;
    }
    if name.contains('/') {
        return Some(text::to_bytes(name).into_owned());
    }
    let mut there = None;
    for directory in search.split(':') {
        let path = if directory.is_empty() {
            format!("./{name}")
        } else {
            format!("{}/{name}", directory.trim_end_matches('/'))
        };
        let bytes = text::to_bytes(&path).into_owned();
        if let Ok(stat) = sys::stat(&bytes)
            && !stat.is_dir()
        {
            if sys::access(&bytes, Access::EXECUTE).is_ok() {
                return Some(bytes);
            }
            there.get_or_insert(bytes);
        }
    }
    there
}

/// Whether a file that the kernel cannot run looks like text.
fn is_script(path: &[u8]) -> bool {
    let Ok(fd) = sys::open(path, sys::OpenFlags::RDONLY | sys::OpenFlags::CLOEXEC, 0) else { return false };
    let mut start = [0; 256];
    let length = sys::retry(|| sys::read(fd, &mut start)).unwrap_or(0);
    let _ = sys::close(fd);
    let line = start[..length].split(|&byte| byte == b'\n').next().unwrap_or(&[]);
    !line.contains(&0) && !start[..length].starts_with(b"\x7fELF")
}
