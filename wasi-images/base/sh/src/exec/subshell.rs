//! Subshells. There is no fork: `( )` and `$( )` run in this process, with the state put back afterwards; what has to run beside the shell runs in another one that is
//! given the state.

use std::rc::Rc;

use cowbox_guest::sys::{self, Action, Fd, OpenFlags};

use super::capture::{Capture, above, put_back};
use super::redirect::Saved;
use crate::shell::{Run, Shell, Stop};
use crate::syntax::ast::{Argument, Command, Compound, FileMode, List, RedirectKind};
use crate::text;

/// What a subshell in this process has changed outside of the shell's own state.
#[derive(Default)]
pub struct Changes {
    descriptors: Saved,
    /// The working directory before, and the umask.
    directory: Option<Fd>,
    umask: Option<u32>,
}

thread_local! {
    /// Of the subshells that run, the innermost last. Beside the shell, because it must outlive what is put back.
    static CHANGES: std::cell::RefCell<Vec<Changes>> = const { std::cell::RefCell::new(Vec::new()) };
}

impl Shell {
    /// Runs something as a subshell. It ends with its status, whatever it was stopped by.
    pub fn isolated(&mut self, run: impl FnOnce(&mut Shell) -> Run) -> Run {
        let variables = self.variables.clone();
        let functions = self.functions.clone();
        let aliases = self.aliases.clone();
        let options = self.options;
        let positional = self.positional.clone();
        let traps = self.traps.clone();
        let jobs = self.jobs.for_subshell();
        let last_background = self.last_background;
        let (loops, line, depth) = (self.loops, self.line, self.depth);
        let (directory, directories) = (self.directory.clone(), self.directories.clone());
        let getopts_at = self.getopts_at;
        let (seconds_base, random) = (self.seconds_base, self.random);
        let hash = if self.hash.is_empty() { None } else { Some(self.hash.clone()) };
        let ignored = self.errexit_ignored;
        let names = self.function_names.clone();
        let last_argument = self.last_argument.clone();
        let scripts = (self.functions_running, self.scripts_running);
        self.subshells += 1;
        self.reset_traps();
        self.options.monitor = false;
        CHANGES.with_borrow_mut(|changes| changes.push(Changes::default()));

        let result = run(self);
        self.run_exit_trap();
        self.flush();

        let changes = CHANGES.with_borrow_mut(Vec::pop).unwrap_or_default();
        self.subshells -= 1;
        for (fd, before) in changes.descriptors.into_iter().rev() {
            put_back(fd, before);
        }
        if let Some(fd) = changes.directory {
            // Where the directory is gone there is no way back to it; the shell says so when it matters.
            let _ = sys::fchdir(fd);
            let _ = sys::close(fd);
        }
        if let Some(umask) = changes.umask {
            sys::umask(Some(umask));
        }
        self.variables = variables;
        self.functions = functions;
        self.aliases = aliases;
        self.options = options;
        self.positional = positional;
        self.restore_traps(traps);
        self.jobs.after_subshell(jobs);
        self.last_background = last_background;
        (self.loops, self.line, self.depth) = (loops, line, depth);
        (self.directory, self.directories) = (directory, directories);
        self.getopts_at = getopts_at;
        (self.seconds_base, self.random) = (seconds_base, random);
        self.hash = hash.unwrap_or_default();
        self.errexit_ignored = ignored;
        self.function_names = names;
        self.last_argument = last_argument;
        (self.functions_running, self.scripts_running) = scripts;
        match result {
            Err(Stop::Abort) if self.options.interactive && self.status == 130 => Err(Stop::Abort),
            _ => Ok(()),
        }
    }

    /// For a subshell in this process: what it has changed of descriptors, to be added to.
    pub fn subshell_descriptors(&mut self) -> Option<Saved> {
        CHANGES.with_borrow_mut(|all| all.last_mut().map(|changes| std::mem::take(&mut changes.descriptors)))
    }

    pub fn keep_subshell_descriptors(&mut self, descriptors: Saved) {
        CHANGES.with_borrow_mut(|all| {
            if let Some(changes) = all.last_mut() {
                changes.descriptors = descriptors;
            }
        });
    }

    /// Before the working directory is changed.
    pub fn note_directory(&mut self) {
        CHANGES.with_borrow_mut(|all| {
            if let Some(changes) = all.last_mut()
                && changes.directory.is_none()
            {
                changes.directory = sys::open(".", OpenFlags::RDONLY | OpenFlags::DIRECTORY | OpenFlags::CLOEXEC, 0)
                    .and_then(above)
                    .ok();
            }
        });
    }

    /// Before the umask is changed.
    pub fn note_umask(&mut self) {
        CHANGES.with_borrow_mut(|all| {
            if let Some(changes) = all.last_mut() {
                changes.umask.get_or_insert_with(sys::current_umask);
            }
        });
    }

    pub fn subshell(&mut self, list: &List, text: &Rc<str>) -> Run {
        if self.options.monitor && self.subshells == 0 {
            // As a job it has to be a process that can be stopped.
            self.realize_output();
            if let Some(pid) = self.start_shell(list, Vec::new(), None) {
                self.status = self.wait_foreground(&[pid], text);
            }
            return Ok(());
        }
        self.isolated(|shell| shell.list(list))
    }

    /// `$(...)`: the output, without the newlines at its end.
    pub fn substitute(&mut self, list: &List) -> Run<String> {
        let result = self.substitute_output(list);
        // Only now: commands that ran have set it to what was so for them.
        self.substituted = true;
        result
    }

    fn substitute_output(&mut self, list: &List) -> Run<String> {
        if let Some(file) = read_only(list) {
            let path = self.expand_target(file)?;
            return Ok(match sys::open(text::to_bytes(&path), OpenFlags::RDONLY | OpenFlags::CLOEXEC, 0) {
                Ok(fd) => {
                    let content = sys::read_to_end(fd).unwrap_or_default();
                    let _ = sys::close(fd);
                    self.status = 0;
                    output_text(content)
                }
                Err(errno) => {
                    self.complain(&format!("cannot open {path}: {}", crate::shell::describe_open(errno, false)));
                    self.status = 1;
                    String::new()
                }
            });
        }
        self.flush();
        let content = if list.iter().any(|item| item.background) {
            self.substitute_beside(list)
        } else {
            self.substitute_here(list)?
        };
        Ok(output_text(content))
    }

    /// Runs the commands in this process, and catches what they write.
    fn substitute_here(&mut self, list: &List) -> Run<Vec<u8>> {
        let outer = self.capture.replace(Capture::default());
        self.dive()?;
        let posix_errexit = self.options.errexit;
        let result = self.isolated(|shell| {
            shell.options.errexit = posix_errexit;
            shell.list(list)
        });
        self.depth -= 1;
        let content = self.captured(outer);
        result.map(|()| content)
    }

    /// Runs the commands in another shell: something in them runs on by itself, and may write later.
    fn substitute_beside(&mut self, list: &List) -> Vec<u8> {
        let Ok((read, write)) = pipe() else { return Vec::new() };
        let monitor = std::mem::take(&mut self.options.monitor);
        let pid = self.start_shell(list, vec![Action::Dup2 { from: write, to: 1 }], None);
        self.options.monitor = monitor;
        let _ = sys::close(write);
        let content = sys::read_to_end(read).unwrap_or_default();
        let _ = sys::close(read);
        if let Some(pid) = pid {
            self.status = self.wait_for_one(pid);
        }
        content
    }

    /// `<(list)`: a path that gives what the list writes; `>(list)`: one that it reads from.
    pub fn process_substitution(&mut self, list: &List, output: bool) -> Run<String> {
        self.realize_output();
        let Ok((read, write)) = pipe() else { return self.abort("cannot make a pipe") };
        let (ours, theirs, number) = if output { (write, read, 0) } else { (read, write, 1) };
        self.start_shell(list, vec![Action::Dup2 { from: theirs, to: number }], None);
        let _ = sys::close(theirs);
        let _ = sys::set_cloexec(ours, false);
        self.process_descriptors.push(ours);
        Ok(format!("/dev/fd/{ours}"))
    }

    /// Closes the descriptors of process substitutions, but for the first so many.
    pub fn close_processes(&mut self, kept: usize) {
        for fd in self.process_descriptors.drain(kept.min(self.process_descriptors.len())..) {
            let _ = sys::close(fd);
        }
    }
}

/// A pipe whose ends are out of the way of scripts.
pub fn pipe() -> sys::Result<(Fd, Fd)> {
    let (read, write) = sys::pipe(OpenFlags::CLOEXEC)?;
    Ok((above(read)?, above(write)?))
}

/// The file of `$(<file)`.
fn read_only(list: &List) -> Option<&crate::syntax::ast::Word> {
    let [item] = &**list else { return None };
    let ([Command::Simple(simple)], true, false) =
        (item.first.commands.as_slice(), item.rest.is_empty(), item.background)
    else {
        return None;
    };
    match simple.redirects.as_slice() {
        [redirect] if simple.words.is_empty() && simple.assignments.is_empty() && redirect.fd.unwrap_or(0) == 0 => {
            match &redirect.kind {
                RedirectKind::File(FileMode::Read, word) => Some(word),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Output as text: without zeros, which no variable can hold, and without the newlines at its end.
fn output_text(mut content: Vec<u8>) -> String {
    while content.last() == Some(&b'\n') {
        content.pop();
    }
    if content.contains(&0) {
        content.retain(|&byte| byte != 0);
    }
    match String::from_utf8(content) {
        Ok(text) if !text.as_bytes().contains(&0xF4) => text,
        Ok(text) => text::from_bytes(text.as_bytes()),
        Err(error) => text::from_bytes(error.as_bytes()),
    }
}

/// The name of the command, if it can be told without expanding anything.
pub fn plain_name(command: &Command) -> Option<&str> {
    let Command::Simple(simple) = command else { return None };
    match simple.words.first() {
        Some(Argument::Word(word)) => word.as_literal(),
        _ => None,
    }
}

/// Whether the compound command is a subshell, which needs no second one around it.
pub fn subshell_of(command: &Command) -> Option<&List> {
    match command {
        Command::Compound(compound, redirects) if redirects.is_empty() => match &**compound {
            Compound::Subshell(list) => Some(list),
            _ => None,
        },
        _ => None,
    }
}
