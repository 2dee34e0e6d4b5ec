//! Errors, warnings and, with `--debug`, what is done, in the form of runc: logrus's text or JSON, in a file or on standard error.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use serde_json::json;

/// The form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// `time="…" level=error msg="…"`.
    Text,
    /// `{"level":"error","msg":"…","time":"…"}`.
    Json,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Error,
    Warning,
    Debug,
}

/// Where lines go.
pub(super) struct Log {
    /// Standard error where there is none.
    pub(super) file: Option<PathBuf>,
    pub(super) format: Format,
}

impl Log {
    /// Logs one line. An error is said on standard error, too: clients read either.
    pub(super) fn line(&self, level: Level, message: &str) {
        let line = self.formed(level, message, &jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        let logged = self.file.as_ref().is_some_and(|path| {
            let file = OpenOptions::new().append(true).create(true).open(path);
            file.and_then(|mut file| file.write_all(line.as_bytes())).is_ok()
        });
        let mut err = io::stderr().lock();
        // That standard error is closed is nothing one could say anywhere.
        let _ = match (logged, level) {
            (true, Level::Error) => writeln!(err, "{message}"),
            (true, Level::Warning | Level::Debug) => Ok(()),
            (false, _) if err.is_terminal() => writeln!(err, "{}[0000] {message}", level.short()),
            (false, _) => err.write_all(line.as_bytes()),
        };
    }

    fn formed(&self, level: Level, message: &str, time: &str) -> String {
        let level = level.word();
        match self.format {
            Format::Text => format!("time=\"{time}\" level={level} msg={message:?}\n"),
            Format::Json => format!("{}\n", json!({"level": level, "msg": message, "time": time})),
        }
    }
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Debug => "debug",
        }
    }

    fn short(self) -> &'static str {
        match self {
            Level::Error => "ERRO",
            Level::Warning => "WARN",
            Level::Debug => "DEBU",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_logruss() {
        let formed = |format| Log { file: None, format }.formed(Level::Error, "no \"x\"", "2026-11-30T06:24:25Z");
        assert_eq!(formed(Format::Text), "time=\"2026-11-30T06:24:25Z\" level=error msg=\"no \\\"x\\\"\"\n");
        let json = "{\"level\":\"error\",\"msg\":\"no \\\"x\\\"\",\"time\":\"2026-11-30T06:24:25Z\"}\n";
        assert_eq!(formed(Format::Json), json);
    }

    #[test]
    fn lines_are_appended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let log = Log { file: Some(path.clone()), format: Format::Json };
        log.line(Level::Warning, "one");
        log.line(Level::Warning, "two");
        let text = std::fs::read_to_string(path).unwrap();
        let messages = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["msg"].clone());
        assert_eq!(messages.collect::<Vec<_>>(), ["one", "two"]);
    }
}
