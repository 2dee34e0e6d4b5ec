//! How a shell starts and ends: its arguments, its environment, what it reads.

use std::rc::Rc;

use cowbox_guest::sys::{self, OpenFlags};

use crate::builtins;
use crate::exec::handover;
use crate::run::StandardInput;
use crate::shell::{Run, Shell, Stop};
use crate::syntax::lexer::is_name;
use crate::text;
use crate::variables::{Value, Variable};

/// Runs the shell; its exit status.
pub fn run() -> i32 {
    let arguments: Vec<Rc<str>> =
        std::env::args_os().map(|argument| text::from_bytes(argument.as_encoded_bytes()).into()).collect();
    let mut shell = Shell::new();
    if arguments.len() == 3 && &*arguments[1] == handover::ARGUMENT {
        return run_inherited(&mut shell, &arguments[2]);
    }
    take_environment(&mut shell);
    let result = with_arguments(&mut shell, &arguments);
    end(&mut shell, result)
}

/// What is done at the end, whatever led to it.
fn end(shell: &mut Shell, result: Run) -> i32 {
    shell.flush();
    if result.is_err() && shell.status == 0 && matches!(result, Err(Stop::Abort)) {
        shell.status = 2;
    }
    shell.run_exit_trap();
    shell.flush();
    shell.status
}

/// Runs commands for a shell that has started this one as its subshell.
fn run_inherited(shell: &mut Shell, fd: &str) -> i32 {
    let Some(commands) = fd.parse().ok().and_then(|fd| shell.inherit(fd)) else {
        shell.write_error("sh: the state to be taken over is not there\n");
        return 2;
    };
    shell.note_ignored();
    let result = shell.list(&commands);
    end(shell, result)
}

fn take_environment(shell: &mut Shell) {
    for (name, value) in std::env::vars_os() {
        let (name, value) = (name.as_encoded_bytes(), value.as_encoded_bytes());
        let Ok(name) = std::str::from_utf8(name) else { continue };
        if is_name(name) {
            let variable =
                Variable { value: Value::Text(text::from_bytes(value).into()), exported: true, ..Variable::default() };
            shell.vars().all.insert(name.into(), variable);
        }
    }
    let parent = shell.parent;
    for (name, value) in [
        ("IFS", " \t\n".to_owned()),
        ("OPTIND", "1".to_owned()),
        ("PPID", parent.to_string()),
        ("PS4", "+ ".to_owned()),
    ] {
        let variable = shell.vars().entry(name);
        if name != "PS4" || variable.value == Value::Unset {
            *variable = Variable { value: Value::Text(value.into()), readonly: name == "PPID", ..Variable::default() };
        }
    }
    if shell.get("PATH").is_none() {
        shell.set("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    }
    let level = shell.get("SHLVL").and_then(|level| level.parse::<i32>().ok()).unwrap_or(0);
    shell.vars().entry("SHLVL").value = Value::Text((level + 1).to_string().into());
    shell.vars().entry("SHLVL").exported = true;
    // PWD is believed if it names the working directory.
    let inherited = shell
        .get("PWD")
        .filter(|path| path.starts_with('/') && !path.split('/').any(|part| matches!(part, "." | "..")));
    if let Some(path) = inherited
        && let (Ok(named), Ok(here)) = (sys::stat(text::to_bytes(&path)), sys::stat("."))
        && named.is_same_file(&here)
    {
        shell.directory = Some(path);
    }
    let directory = shell.working_directory();
    let variable = shell.vars().entry("PWD");
    variable.value = Value::Text(directory);
    variable.exported = true;
}

/// What the arguments ask for.
fn with_arguments(shell: &mut Shell, arguments: &[Rc<str>]) -> Run {
    let called = arguments.first().cloned().unwrap_or_else(|| "sh".into());
    shell.options.login = called.starts_with('-');
    let mut rest = arguments.get(1..).unwrap_or(&[]);
    let mut command = false;
    let mut interactive = None;
    shell.name = called.trim_start_matches('-').into();
    while let Some(word) = rest.first() {
        let on = word.starts_with('-');
        if &**word == "-" || &**word == "--" {
            rest = &rest[1..];
            break;
        }
        let Some(letters) = word.strip_prefix(['-', '+']).filter(|letters| !letters.is_empty()) else { break };
        rest = &rest[1..];
        if let Some(long) = letters.strip_prefix('-') {
            match long {
                "login" => shell.options.login = true,
                "posix" => shell.options.posix = true,
                "norc" | "noprofile" | "noediting" => {}
                "version" => {
                    shell.print(concat!("cowbox sh ", env!("CARGO_PKG_VERSION"), "\n"));
                    return Ok(());
                }
                "help" => {
                    shell.print("usage: sh [-abCefhimnuvx] [-o option] [-c command [name]] [file] [argument ...]\n");
                    return Ok(());
                }
                long => return illegal(shell, &format!("--{long}")),
            }
            continue;
        }
        for letter in letters.chars() {
            match letter {
                'c' => command = true,
                'i' => interactive = Some(on),
                's' => shell.options.stdin = on,
                'l' => shell.options.login = on,
                'o' | 'O' => {
                    let Some(name) = rest.first().cloned() else {
                        return builtins_set(shell, &[format!("{}o", if on { '-' } else { '+' }).into()]);
                    };
                    rest = &rest[1..];
                    if letter == 'O' {
                        builtins_shopt(shell, on, name)?;
                    } else {
                        builtins_set(shell, &[format!("{}o", if on { '-' } else { '+' }).into(), name])?;
                    }
                }
                // Later, when it is known whether there is a terminal.
                'm' => shell.options.monitor = on,
                letter => {
                    if !builtins::set_letter(shell, letter, on) {
                        return illegal(shell, &format!("{}{letter}", if on { '-' } else { '+' }));
                    }
                }
            }
        }
    }
    let reads_input = !command && (shell.options.stdin || rest.is_empty());
    let terminal = reads_input && sys::isatty(0) && sys::isatty(2);
    shell.options.interactive = interactive.unwrap_or(terminal);
    shell.options.command = command;
    let monitor = std::mem::take(&mut shell.options.monitor) || shell.options.interactive;
    shell.note_ignored();
    let code = if command {
        let Some(code) = rest.first().cloned() else {
            shell.complain("-c requires an argument");
            shell.status = 2;
            return Ok(());
        };
        rest = &rest[1..];
        if let Some(name) = rest.first() {
            shell.name = name.clone();
            rest = &rest[1..];
        }
        Some(code)
    } else {
        None
    };
    let script = match rest.first() {
        Some(name) if !command && !shell.options.stdin => {
            let name = name.clone();
            rest = &rest[1..];
            shell.name = name.clone();
            Some(name)
        }
        _ => None,
    };
    if reads_input {
        shell.options.stdin = true;
    }
    shell.positional = Rc::new(rest.to_vec());
    if monitor {
        shell.set_monitor(true);
    }
    if shell.options.login {
        let home = shell.get("HOME").unwrap_or_default();
        for file in ["/etc/profile".to_owned(), format!("{home}/.profile")] {
            read_file(shell, &file)?;
        }
    }
    if shell.options.interactive
        && let Some(file) = shell.get("ENV")
    {
        let file = shell.expand_string(&file).unwrap_or_default();
        if !file.is_empty() {
            read_file(shell, &file)?;
        }
    }
    let result = if let Some(code) = code {
        shell.run_script(code.to_string())
    } else if let Some(name) = script {
        run_file(shell, &name)
    } else if shell.options.interactive {
        crate::edit::run(shell)
    } else {
        shell.run_source(&mut StandardInput)
    };
    match result {
        Err(Stop::Return | Stop::Break(_) | Stop::Continue(_)) => Ok(()),
        result => result,
    }
}

fn illegal(shell: &mut Shell, option: &str) -> Run {
    let text = format!("{}: 0: Illegal option {option}\n", shell.name);
    shell.write_error(&text);
    shell.status = 2;
    Ok(())
}

fn builtins_set(shell: &mut Shell, words: &[Rc<str>]) -> Run {
    let words = [&["set".into()], words].concat();
    shell.status = builtins::set(shell, &words)?;
    Ok(())
}

fn builtins_shopt(shell: &mut Shell, on: bool, name: Rc<str>) -> Run {
    builtins::shopt(shell, &["shopt".into(), if on { "-s" } else { "-u" }.into(), name])?;
    Ok(())
}

/// A file that is read if it is there.
fn read_file(shell: &mut Shell, path: &str) -> Run {
    let Ok(fd) = sys::open(text::to_bytes(path), OpenFlags::RDONLY | OpenFlags::CLOEXEC, 0) else { return Ok(()) };
    let content = sys::read_to_end(fd).unwrap_or_default();
    let _ = sys::close(fd);
    shell.scripts_running += 1;
    let result = shell.run_script(text::from_bytes(&content));
    shell.scripts_running -= 1;
    match result {
        Err(Stop::Exit) => Err(Stop::Exit),
        _ => Ok(()),
    }
}

fn run_file(shell: &mut Shell, name: &str) -> Run {
    let mut path = text::to_bytes(name).into_owned();
    if !name.contains('/') && sys::stat(&path).is_err() {
        let search = shell.get("PATH").unwrap_or_default();
        if let Some(found) = crate::exec::simple::find_in(&search, name) {
            path = found;
        }
    }
    let content = sys::open(&path, OpenFlags::RDONLY | OpenFlags::CLOEXEC, 0).and_then(|fd| {
        let content = sys::read_to_end(fd);
        let _ = sys::close(fd);
        content
    });
    match content {
        Ok(content) => {
            if content[..content.len().min(256)]
                .split(|&byte| byte == b'\n')
                .next()
                .is_some_and(|line| line.contains(&0))
            {
                let text = format!("{}: 0: {name}: cannot execute binary file\n", shell.name);
                shell.write_error(&text);
                shell.status = 126;
                return Ok(());
            }
            shell.run_script(text::from_bytes(&content))
        }
        Err(errno) => {
            let text = format!("sh: 0: cannot open {name}: {}\n", crate::shell::describe_open(errno, false));
            shell.write_error(&text);
            shell.status = if errno == sys::Errno::ENOENT { 127 } else { 126 };
            Ok(())
        }
    }
}
