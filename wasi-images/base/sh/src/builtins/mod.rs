//! Builtins: which there are, and the small ones.

mod alias;
mod control;
mod declare;
mod directory;
mod echo;
mod getopts;
mod jobs;
mod lookup;
mod options;
pub use options::{set, set_letter, shopt};
pub mod printf;
pub mod read;
pub mod test;
pub mod times;
mod trap;

use std::rc::Rc;

use crate::exec::simple::Expanded;
use crate::shell::{Run, Shell};

#[derive(Clone, Copy)]
pub enum Kind {
    Plain(fn(&mut Shell, &[Rc<str>]) -> Run<i32>),
    /// Takes assignments of arrays as well.
    Declaring(fn(&mut Shell, &Expanded<'_>) -> Run<i32>),
}

#[derive(Clone, Copy)]
pub struct Builtin {
    pub run: Kind,
    /// POSIX XCU 2.14: found before functions, and what goes wrong in it ends a script.
    pub special: bool,
}

/// The builtin of this name.
pub fn find(name: &str) -> Option<Builtin> {
    let (run, special): (fn(&mut Shell, &[Rc<str>]) -> Run<i32>, bool) = match name {
        ":" => (|_, _| Ok(0), true),
        "true" => (|_, _| Ok(0), false),
        "false" => (|_, _| Ok(1), false),
        "." => (control::dot, true),
        "source" => (control::dot, false),
        "[" => (test::run, false),
        "alias" => (alias::alias, false),
        "bg" => (jobs::bg, false),
        "break" => (control::break_loop, true),
        "builtin" => (lookup::builtin, false),
        "cd" => (directory::cd, false),
        "command" => (lookup::command, false),
        "continue" => (control::continue_loop, true),
        "dirs" => (directory::dirs, false),
        "echo" => (echo::run, false),
        "eval" => (control::eval, true),
        // Run where simple commands are, for its redirections last.
        "exec" => (|_, _| Ok(0), true),
        "exit" => (control::exit, true),
        "fg" => (jobs::fg, false),
        "getopts" => (getopts::run, false),
        "hash" => (lookup::hash, false),
        "history" => (control::history, false),
        "jobs" => (jobs::jobs, false),
        "kill" => (jobs::kill, false),
        "let" => (control::arithmetic, false),
        "mapfile" | "readarray" => (read::mapfile, false),
        "popd" => (directory::popd, false),
        "printf" => (printf::run, false),
        "pushd" => (directory::pushd, false),
        "pwd" => (directory::pwd, false),
        "read" => (read::run, false),
        "return" => (control::return_from, true),
        "set" => (options::set, true),
        "shift" => (control::shift, true),
        "shopt" => (options::shopt, false),
        "test" => (test::run, false),
        "times" => (times::run, true),
        "trap" => (trap::run, true),
        "type" => (lookup::type_of, false),
        "ulimit" => (times::ulimit, false),
        "umask" => (directory::umask, false),
        "unalias" => (alias::unalias, false),
        "unset" => (declare::unset, true),
        "wait" => (jobs::wait, false),
        _ => {
            let (run, special): (fn(&mut Shell, &Expanded<'_>) -> Run<i32>, bool) = match name {
                "declare" | "typeset" => (declare::declare, false),
                "export" => (declare::export, true),
                "local" => (declare::local, false),
                "readonly" => (declare::readonly, true),
                _ => return None,
            };
            return Some(Builtin { run: Kind::Declaring(run), special });
        }
    };
    Some(Builtin { run: Kind::Plain(run), special })
}

/// The names of all, for completion.
pub const NAMES: &[&str] = &[
    ".",
    ":",
    "[",
    "alias",
    "bg",
    "break",
    "builtin",
    "cd",
    "command",
    "continue",
    "declare",
    "dirs",
    "echo",
    "eval",
    "exec",
    "exit",
    "export",
    "false",
    "fg",
    "getopts",
    "hash",
    "history",
    "jobs",
    "kill",
    "let",
    "local",
    "mapfile",
    "popd",
    "printf",
    "pushd",
    "pwd",
    "read",
    "readarray",
    "readonly",
    "return",
    "set",
    "shift",
    "shopt",
    "source",
    "test",
    "times",
    "trap",
    "true",
    "type",
    "typeset",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "wait",
];

/// Whether words that look like assignments are expanded as such behind this command.
pub fn declares(name: &str) -> bool {
    matches!(name, "declare" | "typeset" | "export" | "local" | "readonly")
}

impl Shell {
    /// Says what is wrong with how a builtin was called; 2.
    pub fn usage(&mut self, name: &str, message: &str) -> Run<i32> {
        self.complain(&format!("{name}: {message}"));
        Ok(2)
    }
}

/// Takes options of single letters off the front. The error is the letter that is none.
pub fn letters<'a>(words: &'a [Rc<str>], known: &str) -> Result<(Vec<char>, &'a [Rc<str>]), char> {
    let mut found = Vec::new();
    let mut rest = &words[1..];
    while let Some(word) = rest.first() {
        if &**word == "--" {
            rest = &rest[1..];
            break;
        }
        let Some(options) = word.strip_prefix('-').filter(|options| !options.is_empty()) else { break };
        for letter in options.chars() {
            if !known.contains(letter) {
                return Err(letter);
            }
            found.push(letter);
        }
        rest = &rest[1..];
    }
    Ok((found, rest))
}
