//! The state of a shell, and what everything in it needs: variables, messages, output.

use std::collections::BTreeMap;
use std::rc::Rc;

use cowbox_guest::sys;
use serde::{Deserialize, Serialize};

use crate::exec::capture::Capture;
use crate::exec::jobs::Jobs;
use crate::exec::traps::Traps;
use crate::syntax::ast::Function;
use crate::text;
use crate::variables::{Case, Names, Value, Variable, Variables};

/// Why commands stop being run one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// `break` out of so many loops.
    Break(u32),
    Continue(u32),
    Return,
    /// The shell, or the subshell, ends.
    Exit,
    /// An error that ends a script, and abandons a line that was typed.
    Abort,
}

/// What running something leads to; `Shell::status` holds the exit status.
pub type Run<T = ()> = Result<T, Stop>;

/// `set`'s options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    pub allexport: bool,
    pub braceexpand: bool,
    pub errexit: bool,
    pub errtrace: bool,
    pub functrace: bool,
    pub hashall: bool,
    pub ignoreeof: bool,
    pub interactive: bool,
    pub login: bool,
    pub monitor: bool,
    pub noclobber: bool,
    pub noexec: bool,
    pub noglob: bool,
    pub notify: bool,
    pub nounset: bool,
    pub onecmd: bool,
    pub physical: bool,
    pub pipefail: bool,
    pub posix: bool,
    pub privileged: bool,
    pub stdin: bool,
    pub command: bool,
    pub verbose: bool,
    pub xtrace: bool,
    pub vi: bool,
    pub emacs: bool,
    // `shopt`'s.
    pub extglob: bool,
    pub nullglob: bool,
    pub failglob: bool,
    pub dotglob: bool,
    pub nocaseglob: bool,
    pub nocasematch: bool,
    pub globstar: bool,
    pub lastpipe: bool,
    pub expand_aliases: bool,
    pub inherit_errexit: bool,
    pub xpg_echo: bool,
}

/// How many shells may have been started by shells within them, and commands by commands. The stack mostly ends before that.
const DEPTH: u32 = 10_000;

/// How much of the stack there is for commands within commands.
#[derive(Clone, Copy, Debug)]
pub struct Stack {
    start: usize,
    limit: usize,
}

impl Stack {
    /// The stack from here on.
    fn here() -> Stack {
        let size = if cfg!(large_stack) {
            8 << 20
        } else if cfg!(target_os = "wasi") {
            1 << 20
        } else {
            // Of what the system grants, as far as it can be believed.
            sys::rlimit(sys::Resource::Stack, None)
                .map_or(8 << 20, |limit| usize::try_from(limit.soft).unwrap_or(usize::MAX))
                .clamp(1 << 20, 64 << 20)
        };
        // The rest is for reading a command, which takes a stack of its own.
        Stack { start: address(), limit: size / 2 }
    }

    fn is_used_up(&self) -> bool {
        address().abs_diff(self.start) > self.limit
    }
}

/// Where the stack is now.
#[inline(never)]
fn address() -> usize {
    let here = 0_u8;
    std::hint::black_box(&raw const here).addr()
}

pub struct Shell {
    pub variables: Rc<Variables>,
    pub functions: Rc<Names<Rc<Function>>>,
    pub aliases: Rc<BTreeMap<Rc<str>, Rc<str>>>,
    pub options: Options,
    pub positional: Rc<Vec<Rc<str>>>,
    /// `$0`
    pub name: Rc<str>,
    pub status: i32,
    pub pipe_status: Vec<i32>,
    pub line: u32,
    /// `$$`: of the shell that was started, also within subshells.
    pub pid: i32,
    pub parent: i32,
    pub last_background: Option<i32>,
    pub last_argument: Rc<str>,
    pub traps: Traps,
    pub jobs: Jobs,
    pub capture: Option<Capture>,
    /// What a builtin has written so far.
    pub output: Vec<u8>,
    /// How many loops, functions and `.` scripts the command runs in, and how deep the interpreter is.
    pub loops: u32,
    pub functions_running: u32,
    pub scripts_running: u32,
    pub function_names: Vec<Rc<str>>,
    pub depth: u32,
    pub stack: Stack,
    /// Subshells run within this process around the command.
    pub subshells: u32,
    /// Where `set -e` does not apply: in conditions.
    pub errexit_ignored: u32,
    /// A command substitution ran since the command began: its status is that of an assignment.
    pub substituted: bool,
    pub commands_run: u32,
    pub hash: BTreeMap<Rc<str>, (Rc<str>, u32)>,
    pub random: u32,
    pub started: std::time::Instant,
    /// What `$SECONDS` was set to, and when.
    pub seconds_base: i64,
    /// Where `getopts` is within an argument, and the OPTIND it belongs to.
    pub getopts_at: (usize, usize),
    pub environment: Option<(u64, Vec<Vec<u8>>)>,
    /// The path of this program, to start it again.
    pub program: Option<Vec<u8>>,
    pub directory: Option<Rc<str>>,
    pub directories: Vec<Rc<str>>,
    /// Descriptors that process substitutions of the running command opened.
    pub process_descriptors: Vec<i32>,
    pub history: Vec<String>,
}

impl Shell {
    pub fn new() -> Shell {
        let info = sys::info(0).ok();
        let pid = info.map_or(1, |info| info.pid);
        Shell {
            variables: Rc::default(),
            functions: Rc::default(),
            aliases: Rc::default(),
            options: Options { hashall: true, braceexpand: true, expand_aliases: true, ..Options::default() },
            positional: Rc::default(),
            name: "sh".into(),
            status: 0,
            pipe_status: vec![0],
            line: 1,
            pid,
            parent: info.map_or(0, |info| info.ppid),
            last_background: None,
            last_argument: "".into(),
            traps: Traps::default(),
            jobs: Jobs::default(),
            capture: None,
            output: Vec::new(),
            loops: 0,
            functions_running: 0,
            scripts_running: 0,
            function_names: Vec::new(),
            depth: 0,
            stack: Stack::here(),
            subshells: 0,
            errexit_ignored: 0,
            substituted: false,
            commands_run: 0,
            hash: BTreeMap::new(),
            random: pid as u32 ^ 0x5bd1_e995,
            started: std::time::Instant::now(),
            seconds_base: 0,
            getopts_at: (0, 0),
            environment: None,
            program: None,
            directory: None,
            directories: Vec::new(),
            process_descriptors: Vec::new(),
            history: Vec::new(),
        }
    }

    // Messages.

    /// Says what went wrong, with the shell's name and the line.
    pub fn complain(&mut self, message: &str) {
        self.flush();
        let line = format!("{}: {}: {message}\n", self.name, self.line);
        self.write_error(&line);
    }

    pub fn write_error(&mut self, text: &str) {
        // Where not even this can be written there is nobody to tell.
        let _ = sys::write_all(2, &text::to_bytes(text));
    }

    /// Goes a level deeper into commands within commands, if the stack has room for one more. Who does so counts `depth` down again.
    pub fn dive(&mut self) -> Run {
        if self.depth >= DEPTH || self.stack.is_used_up() {
            return self.abort("commands nested too deeply");
        }
        self.depth += 1;
        Ok(())
    }

    /// Says what went wrong and gives up: a script ends.
    pub fn abort<T>(&mut self, message: &str) -> Run<T> {
        self.complain(message);
        self.status = 2;
        Err(Stop::Abort)
    }

    // Output of builtins.

    pub fn print(&mut self, text: &str) {
        self.output.extend_from_slice(&text::to_bytes(text));
        if self.output.len() >= 1 << 16 {
            self.flush();
        }
    }

    /// Writes what builtins have printed. False where that failed.
    pub fn flush(&mut self) -> bool {
        if self.output.is_empty() {
            return true;
        }
        let output = std::mem::take(&mut self.output);
        if let Some(capture) = &mut self.capture
            && capture.take(&output)
        {
            self.output = output;
            self.output.clear();
            return true;
        }
        match sys::write_all(1, &output) {
            Ok(()) => true,
            Err(errno) => {
                self.complain(&format!("write error: {}", describe(errno)));
                false
            }
        }
    }

    // Variables.

    pub fn vars(&mut self) -> &mut Variables {
        Rc::make_mut(&mut self.variables)
    }

    /// The value of a variable, including those the shell computes.
    pub fn get(&mut self, name: &str) -> Option<Rc<str>> {
        if let Some(variable) = self.variables.find(name) {
            if variable.reference {
                let target = self.variables.resolve(name).to_owned();
                if target != name {
                    return if let Some((base, index)) = split_element(&target) {
                        self.element(base, index)
                    } else {
                        self.get(&target)
                    };
                }
            }
            return variable.text();
        }
        match name {
            "LINENO" => Some(self.line.to_string().into()),
            "RANDOM" => {
                self.random = self.random.wrapping_mul(1_103_515_245).wrapping_add(12345);
                Some(((self.random >> 16) & 0x7fff).to_string().into())
            }
            "SECONDS" => Some((self.seconds_base + self.started.elapsed().as_secs() as i64).to_string().into()),
            "EPOCHSECONDS" => Some(now().as_secs().to_string().into()),
            "EPOCHREALTIME" => Some(format!("{}.{:06}", now().as_secs(), now().subsec_micros()).into()),
            "_" => Some(self.last_argument.clone()),
            "FUNCNAME" => self.function_names.last().cloned(),
            "PIPESTATUS" => self.pipe_status.first().map(|status| status.to_string().into()),
            "BASHPID" => Some(sys::getpid().to_string().into()),
            _ => None,
        }
    }

    /// `name[index]` with an index that has been evaluated.
    pub fn element(&mut self, name: &str, index: &str) -> Option<Rc<str>> {
        match self.variables.find(name).map(|variable| variable.value.clone()) {
            Some(Value::Map(elements)) => elements.get(index).cloned(),
            Some(Value::Array(elements)) => elements.get(&index.parse().ok()?).cloned(),
            _ if index == "0" => self.get(name),
            _ => None,
        }
    }

    /// All elements with their indices.
    pub fn elements(&mut self, name: &str) -> Vec<(Rc<str>, Rc<str>)> {
        let name = self.variables.resolve(name).to_owned();
        match self.variables.find(&name).map(|variable| variable.value.clone()) {
            Some(Value::Array(elements)) => {
                elements.iter().map(|(index, value)| (index.to_string().into(), value.clone())).collect()
            }
            Some(Value::Map(elements)) => {
                elements.iter().map(|(index, value)| (index.clone(), value.clone())).collect()
            }
            Some(Value::Unset) => Vec::new(),
            _ => match &*name {
                "PIPESTATUS" => self
                    .pipe_status
                    .iter()
                    .enumerate()
                    .map(|(at, status)| (at.to_string().into(), status.to_string().into()))
                    .collect(),
                "FUNCNAME" => self
                    .function_names
                    .iter()
                    .rev()
                    .enumerate()
                    .map(|(at, name)| (at.to_string().into(), name.clone()))
                    .collect(),
                "DIRSTACK" => {
                    let mut all = vec![self.working_directory()];
                    all.extend(self.directories.iter().rev().cloned());
                    all.into_iter().enumerate().map(|(at, name)| (at.to_string().into(), name)).collect()
                }
                _ => self.get(&name).map(|value| ("0".into(), value)).into_iter().collect(),
            },
        }
    }

    /// Sets a variable; false, with a message, where it cannot be.
    pub fn set(&mut self, name: &str, value: &str) -> bool {
        let name = self.variables.resolve(name).to_owned();
        if let Some((base, index)) = split_element(&name) {
            return self.set_element(base, index, value);
        }
        if self.is_readonly(&name) {
            return false;
        }
        match name.as_str() {
            "RANDOM" => {
                self.random = value.parse().unwrap_or(0);
                return true;
            }
            "SECONDS" => {
                self.seconds_base = value.parse::<i64>().unwrap_or(0) - self.started.elapsed().as_secs() as i64;
                return true;
            }
            "OPTIND" => self.getopts_at = (0, 0),
            "PATH" => self.hash.clear(),
            _ => {}
        }
        let allexport = self.options.allexport;
        let integer = self.variables.find(&name).is_some_and(|variable| variable.integer);
        let value: Rc<str> = if integer {
            match self.evaluate_text(value) {
                Ok(number) => number.to_string().into(),
                Err(_) => return false,
            }
        } else {
            value.into()
        };
        let variable = self.vars().entry(&name);
        variable.exported |= allexport;
        let value = in_case(value, variable.case);
        match &mut variable.value {
            Value::Array(elements) => {
                Rc::make_mut(elements).insert(0, value);
            }
            Value::Map(elements) => {
                Rc::make_mut(elements).insert("0".into(), value);
            }
            place => *place = Value::Text(value),
        }
        true
    }

    pub fn set_element(&mut self, name: &str, index: &str, value: &str) -> bool {
        let name = self.variables.resolve(name).to_owned();
        if self.is_readonly(&name) {
            return false;
        }
        let integer = self.variables.find(&name).is_some_and(|variable| variable.integer);
        let value: Rc<str> = if integer {
            match self.evaluate_text(value) {
                Ok(number) => number.to_string().into(),
                Err(_) => return false,
            }
        } else {
            value.into()
        };
        if let Some(Variable { value: Value::Map(_), .. }) = self.variables.find(&name) {
            let variable = self.vars().entry(&name);
            let value = in_case(value, variable.case);
            if let Value::Map(elements) = &mut variable.value {
                Rc::make_mut(elements).insert(index.into(), value);
            }
            return true;
        }
        let mut number: i64 = index.parse().unwrap_or(0);
        let variable = self.vars().entry(&name);
        let value = in_case(value, variable.case);
        let mut elements = match std::mem::replace(&mut variable.value, Value::Unset) {
            Value::Array(elements) => elements,
            Value::Text(text) => Rc::new(BTreeMap::from([(0, text)])),
            _ => Rc::default(),
        };
        if number < 0 {
            number += elements.keys().next_back().map_or(0, |last| last + 1);
        }
        let fits = number >= 0;
        if fits {
            Rc::make_mut(&mut elements).insert(number, value);
        }
        variable.value = Value::Array(elements);
        if !fits {
            self.complain(&format!("{name}[{index}]: bad array subscript"));
        }
        fits
    }

    fn is_readonly(&mut self, name: &str) -> bool {
        let readonly = self.variables.find(name).is_some_and(|variable| variable.readonly);
        if readonly {
            self.complain(&format!("{name}: readonly variable"));
        }
        readonly
    }

    /// Removes a variable; false, with a message, where it is read-only.
    pub fn unset(&mut self, name: &str) -> bool {
        if self.is_readonly(name) {
            return false;
        }
        if name == "OPTIND" {
            self.getopts_at = (0, 0);
        }
        self.vars().remove(name);
        true
    }

    /// What separates fields.
    pub fn separators(&self) -> Rc<str> {
        match self.variables.find("IFS") {
            Some(variable) => variable.text().unwrap_or_else(|| " \t\n".into()),
            None => " \t\n".into(),
        }
    }

    /// What children see.
    pub fn environment(&mut self) -> Vec<Vec<u8>> {
        let generation = self.variables.generation;
        match &self.environment {
            Some((known, list)) if *known == generation => list.clone(),
            _ => {
                let list = self.variables.environment();
                self.environment = Some((generation, list.clone()));
                list
            }
        }
    }

    /// The working directory as the user came to it.
    pub fn working_directory(&mut self) -> Rc<str> {
        if let Some(directory) = &self.directory {
            return directory.clone();
        }
        let directory: Rc<str> = match sys::getcwd() {
            Ok(bytes) => text::from_bytes(&bytes).into(),
            Err(_) => ".".into(),
        };
        self.directory = Some(directory.clone());
        directory
    }

    /// `$-`
    pub fn option_letters(&self) -> String {
        let o = &self.options;
        [
            (o.allexport, 'a'),
            (o.notify, 'b'),
            (o.errexit, 'e'),
            (o.noglob, 'f'),
            (o.hashall, 'h'),
            (o.interactive, 'i'),
            (o.monitor, 'm'),
            (o.noexec, 'n'),
            (o.onecmd, 't'),
            (o.nounset, 'u'),
            (o.verbose, 'v'),
            (o.xtrace, 'x'),
            (o.braceexpand, 'B'),
            (o.noclobber, 'C'),
            (o.errtrace, 'E'),
            (o.functrace, 'T'),
            (o.command, 'c'),
            (o.stdin, 's'),
        ]
        .iter()
        .filter(|(on, _)| *on)
        .map(|(_, letter)| letter)
        .collect()
    }
}

fn in_case(value: Rc<str>, case: Option<Case>) -> Rc<str> {
    match case {
        None => value,
        Some(Case::Lower) => value.to_lowercase().into(),
        Some(Case::Upper) => value.to_uppercase().into(),
    }
}

pub fn now() -> std::time::Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}

/// `a[i]` as `a` and `i`.
pub fn split_element(name: &str) -> Option<(&str, &str)> {
    let (base, rest) = name.split_once('[')?;
    Some((base, rest.strip_suffix(']')?))
}

/// What strerror(3) says.
pub fn describe(errno: sys::Errno) -> String {
    errno.text().map_or_else(|| format!("Error {}", errno.raw()), str::to_owned)
}

/// What dash says where a file cannot be opened.
pub fn describe_open(errno: sys::Errno, creating: bool) -> String {
    match errno {
        sys::Errno::ENOENT if creating => "Directory nonexistent".to_owned(),
        sys::Errno::ENOENT => "No such file".to_owned(),
        errno => describe(errno),
    }
}
