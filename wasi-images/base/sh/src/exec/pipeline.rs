//! Pipelines of several commands, and lists in the background.

use std::rc::Rc;

use cowbox_guest::sys::{self, Action, Fd};

use super::capture::{Capture, LEAST, memory_file, put_back};
use super::simple::Target;
use super::subshell::{pipe, plain_name, subshell_of};
use crate::shell::{Run, Shell, Stop};
use crate::syntax::ast::{Command, Item, List, Pipeline, Simple};

/// What a pipe is sure to take without anybody reading from it.
const PIPE: usize = 4096;

/// What came of starting an element.
enum Started {
    Process(i32),
    /// It has ended already, or could not be started.
    Ended(i32),
}

impl Shell {
    /// Runs commands side by side, each reading what the one before writes.
    pub fn run_pipeline(&mut self, commands: &[Command], text: &Rc<str>) -> Run {
        self.realize_output();
        let mut started = Vec::with_capacity(commands.len());
        let mut input: Option<Fd> = None;
        let mut group = None;
        let mut stopped = None;
        let last = commands.len() - 1;
        for (at, command) in commands.iter().enumerate() {
            if at == 0
                && let Some(content) = self.written_by(command)
            {
                // All of it is known before anybody reads.
                started.push(Started::Ended(self.status));
                input = Some(match self.input_of(&content) {
                    Ok(fd) => fd,
                    Err(stop) => return Err(stop),
                });
                continue;
            }
            let mut output = None;
            let mut next = None;
            if at < last {
                let Ok((read, write)) = pipe() else {
                    self.complain("cannot make a pipe");
                    self.status = 2;
                    stopped = Some(Stop::Abort);
                    break;
                };
                output = Some(write);
                next = Some(read);
            }
            let result = if at == last && !self.options.monitor {
                self.last_element(command, text, &mut input)
            } else {
                self.element_of_pipeline(command, input, output, group)
            };
            for fd in [input.take(), output].into_iter().flatten() {
                let _ = sys::close(fd);
            }
            input = next;
            match result {
                Ok(result) => {
                    if let Started::Process(pid) = result {
                        group = group.or(Some(pid));
                    }
                    started.push(result);
                }
                Err(stop) => {
                    stopped = Some(stop);
                    break;
                }
            }
        }
        if let Some(fd) = input {
            let _ = sys::close(fd);
        }
        let pids: Vec<i32> =
            started.iter().filter_map(|one| if let Started::Process(pid) = one { Some(*pid) } else { None }).collect();
        let statuses = if pids.is_empty() { Vec::new() } else { self.wait_pipeline(&pids, text) };
        let mut waited = statuses.into_iter();
        self.pipe_status = started
            .iter()
            .map(|one| match one {
                Started::Process(_) => waited.next().unwrap_or(0),
                Started::Ended(status) => *status,
            })
            .collect();
        if let Some(stop) = stopped {
            return Err(stop);
        }
        self.status = self.pipe_status.last().copied().unwrap_or(0);
        if self.options.pipefail {
            self.status = self.pipe_status.iter().rev().copied().find(|status| *status != 0).unwrap_or(0);
        }
        Ok(())
    }

    /// What `echo` or `printf` at the beginning of a pipeline writes.
    fn written_by(&mut self, command: &Command) -> Option<Vec<u8>> {
        let Command::Simple(simple) = command else { return None };
        if !matches!(plain_name(command), Some("echo" | "printf"))
            || !simple.redirects.is_empty()
            || !simple.assignments.is_empty()
            || self.options.monitor
        {
            return None;
        }
        if !matches!(self.target(plain_name(command)?), Target::Builtin(_)) {
            return None;
        }
        let outer = self.capture.replace(Capture::default());
        // It ends like any subshell: with a status.
        let _ = self.isolated(|shell| shell.simple(simple, &"".into()));
        Some(self.captured(outer))
    }

    /// A descriptor to read this content from.
    fn input_of(&mut self, content: &[u8]) -> Result<Fd, Stop> {
        if content.len() <= PIPE
            && let Ok((read, write)) = pipe()
        {
            let done = sys::write_all(write, content);
            let _ = sys::close(write);
            if done.is_ok() {
                return Ok(read);
            }
            let _ = sys::close(read);
        }
        memory_file(content).map_err(|errno| {
            self.complain(&format!("cannot make a pipe: {}", crate::shell::describe(errno)));
            self.status = 2;
            Stop::Abort
        })
    }

    /// The last command: it runs in this process unless it is a program.
    fn last_element(&mut self, command: &Command, text: &Rc<str>, input: &mut Option<Fd>) -> Run<Started> {
        if let Command::Simple(simple) = command
            && let Some(started) = self.start_if_program(simple, *input, None, None)?
        {
            return Ok(started);
        }
        let before = sys::dup(0, LEAST, true).ok();
        if let Some(fd) = input.take() {
            let _ = sys::dup2(fd, 0, false);
            let _ = sys::close(fd);
        }
        let result = if self.options.lastpipe {
            self.command(command, text)
        } else {
            self.isolated(|shell| shell.command(command, text))
        };
        self.flush();
        put_back(0, before);
        result?;
        Ok(Started::Ended(self.status))
    }

    /// Starts a command of a pipeline as a process: the program itself, or a shell that runs it.
    fn element_of_pipeline(
        &mut self,
        command: &Command,
        input: Option<Fd>,
        output: Option<Fd>,
        group: Option<i32>,
    ) -> Run<Started> {
        if let Command::Simple(simple) = command
            && let Some(started) = self.start_if_program(simple, input, output, group)?
        {
            return Ok(started);
        }
        let list: List = match subshell_of(command) {
            Some(list) => list.clone(),
            None => one_command(command.clone()),
        };
        let started = self.start_shell(&list, ends(input, output), group);
        Ok(started.map_or(Started::Ended(self.status), Started::Process))
    }

    /// Starts a simple command if it is a program.
    fn start_if_program(
        &mut self,
        simple: &Simple,
        input: Option<Fd>,
        output: Option<Fd>,
        group: Option<i32>,
    ) -> Run<Option<Started>> {
        // Whether it is one can only be told without side effects where its name is plain.
        let plain = match simple.words.first() {
            Some(crate::syntax::ast::Argument::Word(word)) => word.as_literal(),
            _ => None,
        };
        let Some(name) = plain else { return Ok(None) };
        if crate::expand::pattern::is_active(name, true)
            || name.contains('{')
            || !matches!(self.target(name), Target::Program)
        {
            return Ok(None);
        }
        let mut actions = ends(input, output);
        let mut opened = Vec::new();
        let mut pid = None;
        // What it expands to may read what the pipe gives, and sets variables in nobody else's shell.
        let result = self.isolated_quietly(|shell| {
            shell.line = simple.line;
            let descriptors = shell.process_descriptors.len();
            let expanded = shell.expand_command(simple)?;
            pid = shell.start_program(simple, &expanded, &mut actions, &mut opened, group)?;
            shell.close_processes(descriptors);
            Ok(())
        });
        for fd in opened {
            let _ = sys::close(fd);
        }
        match result {
            Ok(()) | Err(Stop::Abort | Stop::Exit) => {
                Ok(Some(pid.map_or(Started::Ended(self.status), Started::Process)))
            }
            Err(stop) => Err(stop),
        }
    }

    /// Runs something whose changes to variables do not last.
    fn isolated_quietly(&mut self, run: impl FnOnce(&mut Shell) -> Run) -> Run {
        let (variables, functions, positional) =
            (self.variables.clone(), self.functions.clone(), self.positional.clone());
        let result = run(self);
        self.variables = variables;
        self.functions = functions;
        self.positional = positional;
        result
    }

    /// Starts a list in the background.
    pub fn background(&mut self, item: &Item) -> Run {
        self.realize_output();
        let mut actions = Vec::new();
        let null = if self.options.monitor {
            None
        } else {
            sys::open("/dev/null", sys::OpenFlags::RDONLY | sys::OpenFlags::CLOEXEC, 0)
                .and_then(super::capture::above)
                .ok()
        };
        if let Some(null) = null {
            // POSIX XCU 2.9.3.1: it reads nothing.
            actions.push(Action::Dup2 { from: null, to: 0 });
        }
        let text = self.text_of(item);
        let mut pids = Vec::new();
        let simple = match (
            item.first.commands.as_slice(),
            item.rest.is_empty() && !item.first.negated && item.first.timed.is_none(),
        ) {
            ([Command::Simple(simple)], true) => self.start_if_program_with(simple, &actions)?,
            _ => None,
        };
        match simple {
            Some(Started::Process(pid)) => pids.push(pid),
            Some(Started::Ended(status)) => {
                // It ran, and failed, as a process of its own would have.
                self.status = 0;
                let id = self.jobs.ended(status);
                self.last_background = Some(id);
            }
            None => {
                let list: List = match (
                    item.first.commands.as_slice(),
                    item.rest.is_empty() && !item.first.negated && item.first.timed.is_none(),
                ) {
                    ([command], true) if subshell_of(command).is_some() => {
                        subshell_of(command).cloned().unwrap_or_else(|| Rc::new([]))
                    }
                    _ => Rc::new([Item { background: false, ..item.clone() }]),
                };
                if let Some(pid) = self.start_shell(&list, actions, None) {
                    pids.push(pid);
                }
            }
        }
        if let Some(null) = null {
            let _ = sys::close(null);
        }
        if let Some(&pid) = pids.last() {
            self.last_background = Some(pid);
            let number = self.jobs.add(&pids, &text, self.options.monitor);
            if self.options.interactive && self.subshells == 0 {
                self.write_error(&format!("[{number}] {pid}\n"));
            }
            self.status = 0;
        }
        Ok(())
    }

    fn start_if_program_with(&mut self, simple: &Simple, actions: &[Action]) -> Run<Option<Started>> {
        let input = actions
            .iter()
            .find_map(|action| if let Action::Dup2 { from, to: 0 } = action { Some(*from) } else { None });
        self.start_if_program(simple, input, None, None)
    }

    fn text_of(&self, item: &Item) -> String {
        let mut text = item.first.text.to_string();
        for (connector, pipeline) in &item.rest {
            text.push_str(if *connector == crate::syntax::ast::Connector::And { " && " } else { " || " });
            text.push_str(&pipeline.text);
        }
        text
    }
}

fn ends(input: Option<Fd>, output: Option<Fd>) -> Vec<Action> {
    let mut actions = Vec::new();
    if let Some(from) = input {
        actions.push(Action::Dup2 { from, to: 0 });
    }
    if let Some(from) = output {
        actions.push(Action::Dup2 { from, to: 1 });
    }
    actions
}

fn one_command(command: Command) -> List {
    let pipeline = Pipeline { negated: false, timed: None, commands: vec![command], text: "".into() };
    Rc::new([Item { first: pipeline, rest: Vec::new(), background: false }])
}
