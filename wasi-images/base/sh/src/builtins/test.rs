//! `test` and `[`.

use std::rc::Rc;

use cowbox_guest::sys::{self, Access, Stat};

use crate::shell::{Run, Shell};
use crate::text;
use crate::variables::Value;

const DEPTH: u32 = 200;

pub fn run(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let mut arguments: Vec<&str> = words[1..].iter().map(|word| &**word).collect();
    if &*words[0] == "[" {
        if arguments.last() != Some(&"]") {
            return shell.usage("[", "missing ]");
        }
        arguments.pop();
    }
    let result = by_count(shell, &arguments);
    match result {
        Ok(holds) => Ok(i32::from(!holds)),
        Err(message) => shell.usage(&words[0].clone(), &message),
    }
}

/// POSIX XCU test: up to four arguments mean what their number says.
fn by_count(shell: &mut Shell, arguments: &[&str]) -> Result<bool, String> {
    match arguments {
        [] => Ok(false),
        [one] => Ok(!one.is_empty()),
        ["!", one] => Ok(one.is_empty()),
        [operator, operand] => match unary_operator(operator) {
            Some(letter) => checked_unary(shell, letter, operand),
            None => Err(format!("{operator}: unexpected operator")),
        },
        [left, operator, right] if is_binary(operator) => binary(shell, left, operator, right),
        [left, "-a", right] => Ok(!left.is_empty() && !right.is_empty()),
        [left, "-o", right] => Ok(!left.is_empty() || !right.is_empty()),
        ["!", rest @ ..] if rest.len() == 2 || rest.len() == 3 => by_count(shell, rest).map(|holds| !holds),
        ["(", inner, ")"] => Ok(!inner.is_empty()),
        ["(", first, second, ")"] => by_count(shell, &[first, second]),
        _ => {
            let mut parser = Parser { shell, arguments, at: 0, depth: 0 };
            let holds = parser.or()?;
            if parser.at < arguments.len() {
                Err(format!("{}: unexpected operator", arguments[parser.at]))
            } else {
                Ok(holds)
            }
        }
    }
}

struct Parser<'a> {
    shell: &'a mut Shell,
    arguments: &'a [&'a str],
    at: usize,
    depth: u32,
}

impl Parser<'_> {
    fn peek(&self, distance: usize) -> Option<&str> {
        self.arguments.get(self.at + distance).copied()
    }

    fn or(&mut self) -> Result<bool, String> {
        let mut holds = self.and()?;
        while self.peek(0) == Some("-o") {
            self.at += 1;
            holds |= self.and()?;
        }
        Ok(holds)
    }

    fn and(&mut self) -> Result<bool, String> {
        let mut holds = self.not()?;
        while self.peek(0) == Some("-a") {
            self.at += 1;
            holds &= self.not()?;
        }
        Ok(holds)
    }

    fn not(&mut self) -> Result<bool, String> {
        let mut negated = false;
        while self.peek(0) == Some("!") && self.at + 1 < self.arguments.len() && !self.peek(1).is_some_and(is_binary) {
            negated = !negated;
            self.at += 1;
        }
        Ok(self.primary()? != negated)
    }

    fn primary(&mut self) -> Result<bool, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("nested too deeply".to_owned());
        }
        let Some(&first) = self.arguments.get(self.at) else { return Err("argument expected".to_owned()) };
        let result = if let (Some(&operator), Some(&right)) =
            (self.arguments.get(self.at + 1), self.arguments.get(self.at + 2))
            && is_binary(operator)
        {
            self.at += 3;
            binary(self.shell, first, operator, right)
        } else if first == "(" {
            self.at += 1;
            let holds = self.or()?;
            if self.peek(0) != Some(")") {
                return Err("closing paren expected".to_owned());
            }
            self.at += 1;
            Ok(holds)
        } else if let (Some(letter), Some(&operand)) = (unary_operator(first), self.arguments.get(self.at + 1)) {
            self.at += 2;
            checked_unary(self.shell, letter, operand)
        } else {
            self.at += 1;
            Ok(!first.is_empty())
        };
        self.depth -= 1;
        result
    }
}

fn unary_operator(text: &str) -> Option<char> {
    let mut chars = text.strip_prefix('-')?.chars();
    let letter = chars.next()?;
    (chars.next().is_none() && "abcdefghknoprstuvwxzGLNORS".contains(letter)).then_some(if letter == 'a' {
        'e'
    } else {
        letter
    })
}

fn is_binary(text: &str) -> bool {
    matches!(
        text,
        "=" | "==" | "!=" | "<" | ">" | "-eq" | "-ne" | "-gt" | "-ge" | "-lt" | "-le" | "-nt" | "-ot" | "-ef"
    )
}

fn integer(text: &str) -> Result<i64, String> {
    text.trim().parse().map_err(|_| format!("Illegal number: {text}"))
}

fn binary(_: &mut Shell, left: &str, operator: &str, right: &str) -> Result<bool, String> {
    Ok(match operator {
        "=" | "==" => left == right,
        "!=" => left != right,
        "<" => left < right,
        ">" => left > right,
        "-eq" => integer(left)? == integer(right)?,
        "-ne" => integer(left)? != integer(right)?,
        "-gt" => integer(left)? > integer(right)?,
        "-ge" => integer(left)? >= integer(right)?,
        "-lt" => integer(left)? < integer(right)?,
        "-le" => integer(left)? <= integer(right)?,
        _ => files(operator, left, right),
    })
}

/// `-nt`, `-ot`, `-ef`
pub fn files(operator: &str, left: &str, right: &str) -> bool {
    let (left, right) = (stat(left), stat(right));
    match (operator, left, right) {
        ("-ef", Some(left), Some(right)) => left.is_same_file(&right),
        ("-nt", Some(left), Some(right)) => left.mtime > right.mtime,
        ("-nt", Some(_), None) => true,
        ("-ot", Some(left), Some(right)) => left.mtime < right.mtime,
        ("-ot", None, Some(_)) => true,
        _ => false,
    }
}

fn stat(path: &str) -> Option<Stat> {
    sys::stat(text::to_bytes(path)).ok()
}

fn checked_unary(shell: &mut Shell, operator: char, operand: &str) -> Result<bool, String> {
    if operator == 't' {
        integer(operand)?;
    }
    Ok(unary(shell, operator, operand))
}

/// A test of one operand, by its letter.
pub fn unary(shell: &mut Shell, operator: char, operand: &str) -> bool {
    let kind = |wanted: u32| stat(operand).is_some_and(|stat| stat.file_type() == wanted);
    let mode = |bit: u32| stat(operand).is_some_and(|stat| stat.mode & bit != 0);
    let access = |what: Access| sys::faccessat(sys::AT_FDCWD, text::to_bytes(operand), what, true).is_ok();
    match operator {
        'n' => !operand.is_empty(),
        'z' => operand.is_empty(),
        'e' => stat(operand).is_some(),
        'f' => kind(sys::S_IFREG),
        'd' => kind(sys::S_IFDIR),
        'b' => kind(sys::S_IFBLK),
        'c' => kind(sys::S_IFCHR),
        'p' => kind(sys::S_IFIFO),
        'S' => kind(sys::S_IFSOCK),
        'L' | 'h' => sys::lstat(text::to_bytes(operand)).is_ok_and(|stat| stat.is_symlink()),
        's' => stat(operand).is_some_and(|stat| stat.size > 0),
        'r' => access(Access::READ),
        'w' => access(Access::WRITE),
        'x' => access(Access::EXECUTE),
        'u' => mode(0o4000),
        'g' => mode(0o2000),
        'k' => mode(0o1000),
        'O' => stat(operand).is_some_and(|stat| stat.uid == sys::geteuid()),
        'G' => stat(operand).is_some_and(|stat| stat.gid == sys::getegid()),
        'N' => stat(operand).is_some_and(|stat| stat.mtime >= stat.atime),
        't' => operand.trim().parse().is_ok_and(sys::isatty),
        'o' => super::options::is_on(shell, operand).unwrap_or(false),
        'v' => match crate::shell::split_element(operand) {
            Some((base, "@" | "*")) => !shell.elements(base).is_empty(),
            Some((base, index)) => shell.key(base, index).is_ok_and(|key| shell.element_at(base, &key).is_some()),
            None => shell.get(operand).is_some(),
        },
        'R' => shell
            .variables
            .find(operand)
            .is_some_and(|variable| variable.reference && matches!(variable.value, Value::Text(_))),
        _ => false,
    }
}
