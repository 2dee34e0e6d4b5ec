//! Errors in the words of other runtimes.

use crate::oci::runtime::Process;
use crate::runtime::{Error, ErrorKind};

/// The words of an error of the system, as other tools have them: lower case, without its number.
pub(super) fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// An error of a program in the words that clients of runc look for.
pub(super) fn in_runcs_words(mut error: Error, process: &Process) -> Error {
    let program = process.args.first().map_or("", String::as_str);
    let why = match error.kind {
        // It is there, and its interpreter is not.
        ErrorKind::NotFound if error.message.starts_with("exec ") => error.message,
        ErrorKind::NotFound if program.contains('/') => {
            format!("exec: {program:?}: stat {program}: no such file or directory")
        }
        ErrorKind::NotFound => format!("exec: {program:?}: executable file not found in $PATH"),
        ErrorKind::NotExecutable if error.message.to_lowercase().contains("permission denied") => {
            format!("exec: {program:?}: permission denied")
        }
        _ => error.message,
    };
    error.message = format!("unable to start container process: {why}");
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_have_other_tools_words() {
        assert_eq!(plain(&std::io::Error::from_raw_os_error(2)), "no such file or directory");
    }

    #[test]
    fn clients_find_the_words_they_look_for() {
        let process = |program: &str| Process { args: vec![program.into()], ..Process::default() };
        let table = [
            (ErrorKind::NotFound, "x", "a", "exec: \"a\": executable file not found in $PATH"),
            (ErrorKind::NotFound, "exec /a: no such file or directory", "/a", "exec /a: no such file or directory"),
            (ErrorKind::NotFound, "x", "/a", "exec: \"/a\": stat /a: no such file or directory"),
            (ErrorKind::NotExecutable, "execute /a: Permission denied", "/a", "exec: \"/a\": permission denied"),
            (ErrorKind::NotExecutable, "exec format error", "/a", "exec format error"),
            (ErrorKind::Runtime, "mount /proc: x", "/a", "mount /proc: x"),
        ];
        for (kind, message, program, expected) in table {
            let error = in_runcs_words(Error::new(kind, message), &process(program));
            assert_eq!(error.message, format!("unable to start container process: {expected}"));
            assert_eq!(error.kind, kind);
        }
    }
}
