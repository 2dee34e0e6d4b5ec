//! `top`: the processes of a native container, as the host sees them.

use std::fs;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::cgroups::cgroup_of;
use super::error::{Error, Result};
use super::{Engine, stop};
use crate::runtime::native::{self, HostProcess};
use crate::store::Status;

/// The processes of a container, as a table of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessTable {
    /// The heads of the columns, those of `ps -ef`.
    pub titles: Vec<String>,
    /// One row a process.
    pub rows: Vec<Vec<String>>,
}

const TITLES: [&str; 8] = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"];

impl Engine {
    /// The processes of a native container that runs.
    pub fn top(&self, key: &str) -> Result<ProcessTable> {
        let container = self.container(key)?;
        if container.state.status != Status::Running {
            return Err(Error::conflict(format!("container {} is not running", container.record.id.short())));
        }
        let Some(init) = stop::init(&container) else {
            return Err(Error::invalid(format!(
                "container {key} is one of WASI programs: no other process sees its processes"
            ))
            .hint("run `ps` in it, where the image has that"));
        };
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let now = Timestamp::now();
        let rows = native::processes(init, cgroup_of(&container.record.id, &container.state)?.as_ref())?
            .iter()
            .map(|process| row(process, &users, now).to_vec())
            .collect();
        Ok(ProcessTable { titles: TITLES.map(str::to_owned).to_vec(), rows })
    }
}

fn row(process: &HostProcess, users: &str, now: Timestamp) -> [String; 8] {
    let cpu = process.cpu_time.as_secs();
    let age = now.as_second().saturating_sub(process.started).max(1).unsigned_abs();
    [
        user(users, process.uid),
        process.pid.to_string(),
        process.parent.to_string(),
        (process.cpu_time.as_millis() / 10 / u128::from(age)).to_string(),
        start(process.started, now),
        process.terminal.clone().unwrap_or_else(|| "?".into()),
        format!("{:02}:{:02}:{:02}", cpu / 3600, cpu / 60 % 60, cpu % 60),
        process.command.clone(),
    ]
}

/// The name that `passwd` has for a user, or the number.
fn user(passwd: &str, uid: u32) -> String {
    let uid = uid.to_string();
    let name = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(&uid)).then(|| name.to_owned())
    };
    passwd.lines().find_map(name).unwrap_or(uid)
}

/// The time of the day, or the day where that is more than one ago.
fn start(seconds: i64, now: Timestamp) -> String {
    let Ok(time) = Timestamp::from_second(seconds) else { return "?".into() };
    let format = if now.as_second() - seconds < 24 * 3600 { "%H:%M" } else { "%b%d" };
    time.to_zoned(TimeZone::system()).strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_process_is_a_row_of_ps() {
        let process = HostProcess {
            pid: 12,
            parent: 3,
            uid: 7,
            terminal: Some("pts/4".into()),
            cpu_time: Duration::from_secs(3725),
            started: 1_000_000,
            command: "sh -c x".into(),
        };
        let now = Timestamp::from_second(1_000_000 + 37_250).unwrap();
        let passwd = "root:x:0:0::/:/bin/sh\nlp:x:7:7::/:/bin/false\n";
        let [uid, pid, parent, cpu, _, terminal, time, command] = row(&process, passwd, now);
        assert_eq!([uid, pid, parent, cpu].map(String::from), ["lp", "12", "3", "10"]);
        assert_eq!([terminal, time, command].map(String::from), ["pts/4", "01:02:05", "sh -c x"]);
        assert_eq!(user(passwd, 70), "70");
    }
}
