//! What containers wrote to their standard output and error, one JSON object a line as Docker's `json-file` keeps it.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::Engine;
use super::error::{About, Result};

/// One piece of output: a line, or the beginning of one that was never ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// The text with its line end.
    pub log: String,
    /// `stdout` or `stderr`.
    pub stream: String,
    /// When it was written, RFC 3339.
    pub time: String,
}

/// A longer line is logged in pieces.
const LINE_MAX: usize = 16 << 10;

/// The log of one run, made at the first line.
pub(super) struct Log {
    path: PathBuf,
    file: Mutex<Option<File>>,
}

impl Log {
    pub(super) fn new(path: PathBuf) -> Arc<Log> {
        Arc::new(Log { path, file: Mutex::new(None) })
    }

    fn write(&self, line: &LogLine) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let mut file = self.file.lock().expect("no panic while it is held");
        let file = match &mut *file {
            Some(file) => file,
            none => none.insert(OpenOptions::new().append(true).create(true).open(&self.path)?),
        };
        file.write_all(&text)
    }
}

/// Passes a stream on, and logs it line by line.
pub(super) struct LogTee<W> {
    out: W,
    log: Arc<Log>,
    stream: &'static str,
    line: Vec<u8>,
}

impl<W: Write> LogTee<W> {
    pub(super) fn new(out: W, log: Arc<Log>, stream: &'static str) -> LogTee<W> {
        LogTee { out, log, stream, line: Vec::new() }
    }

    fn log_line(&mut self) -> io::Result<()> {
        let log = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        self.log.write(&LogLine { log, stream: self.stream.into(), time: jiff::Timestamp::now().to_string() })
    }
}

impl<W: Write> Write for LogTee<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write_all(bytes)?;
        self.out.flush()?;
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.line.extend_from_slice(piece);
            if self.line.ends_with(b"\n") || self.line.len() >= LINE_MAX {
                self.log_line()?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W> Drop for LogTee<W> {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            let log = String::from_utf8_lossy(&self.line).into_owned();
            let time = jiff::Timestamp::now().to_string();
            // The container has ended: there is nobody left to tell that its last half line is lost.
            let _ = self.log.write(&LogLine { log, stream: self.stream.into(), time });
        }
    }
}

impl Engine {
    /// Calls `sink` with every line of a container's log, the last `tail` only where given. With `follow` it goes on until
    /// the container ends, or `sink` says false.
    pub fn logs(
        &self,
        key: &str,
        tail: Option<usize>,
        follow: bool,
        sink: &mut dyn FnMut(LogLine) -> bool,
    ) -> Result<()> {
        let container = self.store.find_container(key)?;
        let path = self.store.log_path(&container.record.id);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !follow => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => OpenOptions::new()
                .read(true)
                .append(true)
                .create(true)
                .open(&path)
                .about(|| path.display().to_string())?,
            Err(error) => return Err(error).about(|| path.display().to_string()),
        };
        let skip = match tail {
            Some(tail) => count_lines(&path)?.saturating_sub(tail),
            None => 0,
        };
        let mut reader = BufReader::new(file);
        let mut text = Vec::new();
        let mut number = 0;
        let mut has_ended = false;
        loop {
            if reader.read_until(b'\n', &mut text)? > 0 && text.ends_with(b"\n") {
                number += 1;
                // A line that a crash cut short, or that is damaged, is passed over.
                let line = serde_json::from_slice::<LogLine>(&text).ok();
                if number > skip && line.is_some_and(|line| !sink(line)) {
                    return Ok(());
                }
                text.clear();
                continue;
            }
            let is_running = || {
                let state = self.store.container(&container.record.id).map(|container| container.state.status);
                state.is_ok_and(|status| status == crate::store::Status::Running)
            };
            if !follow || has_ended {
                return Ok(());
            }
            if !is_running() {
                // What it wrote last may have come since.
                has_ended = true;
                continue;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}

fn count_lines(path: &Path) -> Result<usize> {
    let reader = BufReader::new(File::open(path)?);
    Ok(reader.split(b'\n').count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_passed_on_at_once_and_logged_by_lines() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::new(folder.path().join("log"));
        let mut passed = Vec::new();
        let mut tee = LogTee::new(&mut passed, log.clone(), "stdout");
        tee.write_all(b"one\ntw").unwrap();
        tee.write_all(b"o\nrest").unwrap();
        drop(tee);
        assert_eq!(passed, b"one\ntwo\nrest");
        let text = std::fs::read_to_string(folder.path().join("log")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<LogLine>(line).unwrap().log).collect::<Vec<_>>();
        assert_eq!(lines, ["one\n", "two\n", "rest"]);
    }
}
