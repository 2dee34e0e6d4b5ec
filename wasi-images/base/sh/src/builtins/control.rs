//! Builtins that change what is run next: `break`, `return`, `exit`, `eval`, `.` and so on.

use std::rc::Rc;

use cowbox_guest::sys::{self, Access, OpenFlags};

use crate::shell::{Run, Shell, Stop};
use crate::text;

fn levels(shell: &mut Shell, words: &[Rc<str>]) -> Run<Option<u32>> {
    let count = match words.get(1).filter(|word| &***word != "--").or(words.get(2)) {
        None => 1,
        Some(word) => match word.parse::<u32>() {
            Ok(count) if count > 0 => count,
            _ => {
                let message = format!("{}: Illegal number: {word}", words[0]);
                return shell.abort(&message);
            }
        },
    };
    Ok((shell.loops > 0).then(|| count.min(shell.loops)))
}

pub fn break_loop(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    match levels(shell, words)? {
        Some(count) => {
            shell.status = 0;
            Err(Stop::Break(count))
        }
        None => Ok(0),
    }
}

pub fn continue_loop(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    match levels(shell, words)? {
        Some(count) => {
            shell.status = 0;
            Err(Stop::Continue(count))
        }
        None => Ok(0),
    }
}

/// The status that `return` and `exit` were given.
fn given(shell: &mut Shell, words: &[Rc<str>]) -> Run {
    let word = match words.get(1) {
        Some(word) if &**word == "--" => words.get(2),
        word => word,
    };
    if let Some(word) = word {
        match word.trim().parse::<i64>() {
            Ok(status) => shell.status = (status & 0xff) as i32,
            Err(_) => {
                let message = format!("{}: Illegal number: {word}", words[0]);
                shell.complain(&message);
                shell.status = 2;
                return Err(if &*words[0] == "exit" { Stop::Exit } else { Stop::Abort });
            }
        }
    }
    Ok(())
}

pub fn return_from(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    if shell.functions_running == 0 && shell.scripts_running == 0 {
        given(shell, words)?;
        // dash: it ends the script.
        return Err(Stop::Return);
    }
    given(shell, words)?;
    Err(Stop::Return)
}

pub fn exit(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    given(shell, words)?;
    Err(Stop::Exit)
}

pub fn shift(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let count = match words.get(1) {
        None => 1,
        Some(word) => match word.parse::<usize>() {
            Ok(count) => count,
            Err(_) => return shell.abort(&format!("shift: Illegal number: {word}")),
        },
    };
    if count > shell.positional.len() {
        if words.len() > 1 && !shell.options.interactive {
            shell.complain("shift: can't shift that many");
        }
        return Ok(1);
    }
    shell.positional = Rc::new(shell.positional[count..].to_vec());
    Ok(0)
}

pub fn eval(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let rest = if words.get(1).is_some_and(|word| &**word == "--") { &words[2..] } else { &words[1..] };
    let code = rest.join(" ");
    if code.trim().is_empty() {
        return Ok(0);
    }
    shell.eval(&code)?;
    Ok(shell.status)
}

pub fn dot(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let rest = if words.get(1).is_some_and(|word| &**word == "--") { &words[2..] } else { &words[1..] };
    let Some(name) = rest.first() else {
        shell.complain(&format!("{}: filename argument required", words[0]));
        return Ok(2);
    };
    let path = match find_script(shell, name, &*words[0] == "source") {
        Some(path) => path,
        None => {
            let message = format!("{}: {name}: not found", words[0]);
            if &*words[0] == "." {
                shell.complain(&message);
                shell.status = 127;
                return if shell.options.interactive { Ok(1) } else { Err(Stop::Abort) };
            }
            shell.complain(&message);
            return Ok(1);
        }
    };
    let content = match sys::open(&path, OpenFlags::RDONLY | OpenFlags::CLOEXEC, 0) {
        Ok(fd) => {
            let content = sys::read_to_end(fd);
            let _ = sys::close(fd);
            content
        }
        Err(errno) => Err(errno),
    };
    let content = match content {
        Ok(content) => content,
        Err(errno) => {
            let message = format!("{}: cannot open {name}: {}", words[0], crate::shell::describe_open(errno, false));
            if &*words[0] == "." {
                return shell.abort(&message);
            }
            shell.complain(&message);
            return Ok(1);
        }
    };
    let positional = (rest.len() > 1).then(|| std::mem::replace(&mut shell.positional, Rc::new(rest[1..].to_vec())));
    let line = shell.line;
    shell.scripts_running += 1;
    shell.status = 0;
    let result = shell.run_script(text::from_bytes(&content));
    shell.scripts_running -= 1;
    shell.line = line;
    if let Some(positional) = positional {
        shell.positional = positional;
    }
    match result {
        Ok(()) | Err(Stop::Return) => Ok(shell.status),
        Err(stop) => Err(stop),
    }
}

/// The file that `.` reads: along PATH where there is no slash in its name. bash's `source` looks in the working directory as well.
fn find_script(shell: &mut Shell, name: &str, here_too: bool) -> Option<Vec<u8>> {
    if name.contains('/') {
        return Some(text::to_bytes(name).into_owned());
    }
    let search = shell.get("PATH").unwrap_or_default();
    for directory in search.split(':') {
        let path = if directory.is_empty() { format!("./{name}") } else { format!("{directory}/{name}") };
        let path = text::to_bytes(&path).into_owned();
        if sys::stat(&path).is_ok_and(|stat| !stat.is_dir()) && sys::access(&path, Access::READ).is_ok() {
            return Some(path);
        }
    }
    if !here_too {
        return None;
    }
    let here = text::to_bytes(name).into_owned();
    sys::stat(&here).is_ok_and(|stat| !stat.is_dir()).then_some(here)
}

/// `let`
pub fn arithmetic(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    if words.len() < 2 {
        return shell.usage("let", "expression expected");
    }
    let mut value = 0;
    for word in &words[1..] {
        match shell.evaluate_text(word) {
            Ok(result) => value = result,
            Err(Stop::Abort) => return Ok(1),
            Err(stop) => return Err(stop),
        }
    }
    Ok(i32::from(value == 0))
}

pub fn history(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    if words.get(1).is_some_and(|word| &**word == "-c") {
        shell.history.clear();
        return Ok(0);
    }
    let count = words.get(1).and_then(|word| word.parse::<usize>().ok()).unwrap_or(usize::MAX);
    let skipped = shell.history.len().saturating_sub(count);
    let lines: Vec<String> =
        shell.history.iter().enumerate().skip(skipped).map(|(at, line)| format!("{:5}  {line}\n", at + 1)).collect();
    for line in lines {
        shell.print(&line);
    }
    Ok(0)
}
