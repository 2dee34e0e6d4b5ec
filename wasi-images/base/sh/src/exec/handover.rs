//! A shell started by a shell: the state it needs and the commands it runs, through a memory file.

use std::collections::BTreeMap;
use std::rc::Rc;

use cowbox_guest::sys::{self, Action, Fd};
use serde::{Deserialize, Serialize};

use super::capture::memory_file;
use crate::shell::{Options, Shell};
use crate::syntax::ast::{Function, List};
use crate::text;
use crate::variables::{Names, Variables};

/// The argument that says a descriptor with a state follows. No user's option begins like this.
pub const ARGUMENT: &str = "--inherit-state";

/// As how many levels of commands a shell within a shell counts.
const DEPTH: u32 = 50;

#[derive(Serialize, Deserialize)]
struct State {
    variables: Rc<Variables>,
    functions: Rc<Names<Rc<Function>>>,
    aliases: Rc<BTreeMap<Rc<str>, Rc<str>>>,
    options: Options,
    positional: Rc<Vec<Rc<str>>>,
    name: Rc<str>,
    status: i32,
    pipe_status: Vec<i32>,
    line: u32,
    pid: i32,
    parent: i32,
    last_background: Option<i32>,
    ignored: Vec<i32>,
    listed: Vec<(i32, Rc<str>)>,
    functions_running: u32,
    scripts_running: u32,
    function_names: Vec<Rc<str>>,
    errexit_ignored: u32,
    /// So that commands that start shells that start shells end as well.
    depth: u32,
    getopts_at: (usize, usize),
    random: u32,
    seconds: i64,
    directory: Option<Rc<str>>,
    directories: Vec<Rc<str>>,
    commands: List,
}

impl Shell {
    /// Starts another shell that runs these commands as a subshell of this one. Nothing, with a message and the status set, where that failed.
    pub fn start_shell(&mut self, commands: &List, actions: Vec<Action>, group: Option<i32>) -> Option<i32> {
        let (ignored, listed): (Vec<_>, Vec<_>) = self
            .traps
            .actions
            .iter()
            .cloned()
            .partition(|(condition, action)| action.is_empty() && (1..=64).contains(condition));
        let mut options = self.options;
        options.interactive = false;
        options.monitor = false;
        let state = State {
            variables: self.variables.clone(),
            functions: self.functions.clone(),
            aliases: self.aliases.clone(),
            options,
            positional: self.positional.clone(),
            name: self.name.clone(),
            status: self.status,
            pipe_status: self.pipe_status.clone(),
            line: self.line,
            pid: self.pid,
            parent: self.parent,
            last_background: self.last_background,
            ignored: ignored.into_iter().map(|(condition, _)| condition).collect(),
            listed,
            functions_running: self.functions_running,
            scripts_running: self.scripts_running,
            function_names: self.function_names.clone(),
            errexit_ignored: self.errexit_ignored,
            depth: self.depth + DEPTH,
            getopts_at: self.getopts_at,
            random: self.random,
            seconds: self.seconds_base + self.started.elapsed().as_secs() as i64,
            directory: self.directory.clone(),
            directories: self.directories.clone(),
            commands: commands.clone(),
        };
        let Ok(content) = postcard::to_allocvec(&state) else {
            self.complain("cannot hand over the shell's state");
            self.status = 2;
            return None;
        };
        let fd = match memory_file(&content) {
            Ok(fd) => fd,
            Err(errno) => {
                self.complain(&format!("cannot start a shell: {}", crate::shell::describe(errno)));
                self.status = 2;
                return None;
            }
        };
        let program = self.own_program();
        let argv =
            vec![text::to_bytes(&self.name).into_owned(), ARGUMENT.as_bytes().to_vec(), fd.to_string().into_bytes()];
        let mut spawn = self.spawn_for(&program, argv);
        spawn.actions.push(Action::Dup2 { from: fd, to: fd });
        spawn.actions.extend(actions);
        self.group(&mut spawn, group);
        let pid = self.spawn(spawn, "sh");
        let _ = sys::close(fd);
        pid
    }

    /// Takes over the state that a shell left there, and gives the commands to run.
    pub fn inherit(&mut self, fd: Fd) -> Option<List> {
        let content = sys::read_to_end(fd).ok()?;
        let _ = sys::close(fd);
        let state: State = postcard::from_bytes(&content).ok()?;
        self.variables = state.variables;
        self.functions = state.functions;
        self.aliases = state.aliases;
        self.options = state.options;
        self.positional = state.positional;
        self.name = state.name;
        self.status = state.status;
        self.pipe_status = state.pipe_status;
        self.line = state.line;
        self.pid = state.pid;
        self.parent = state.parent;
        self.last_background = state.last_background;
        self.traps.actions = state.ignored.into_iter().map(|condition| (condition, "".into())).collect();
        self.traps.listed = state.listed;
        self.functions_running = state.functions_running;
        self.scripts_running = state.scripts_running;
        self.function_names = state.function_names;
        self.errexit_ignored = state.errexit_ignored;
        self.depth = state.depth;
        self.getopts_at = state.getopts_at;
        self.random = state.random ^ (sys::getpid() as u32).wrapping_mul(0x9e37_79b9);
        self.seconds_base = state.seconds;
        self.directory = state.directory;
        self.directories = state.directories;
        Some(state.commands)
    }
}
