//! Jobs: what runs in the background or was stopped, and waiting for it.

use std::collections::BTreeMap;
use std::rc::Rc;

use cowbox_guest::signal;
use cowbox_guest::sys::{self, Errno, Spawn, Status, WaitOptions};

use super::traps;
use crate::shell::Shell;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Running,
    Stopped(i32),
    Done(Status),
}

#[derive(Clone, Debug)]
pub struct Job {
    pub number: usize,
    /// The process group, where it has one of its own.
    pub group: Option<i32>,
    pub processes: Vec<(i32, State)>,
    pub text: Rc<str>,
    /// What the user was last told about it.
    told: State,
}

impl Job {
    /// What the job does as a whole: as its last process, unless another one is stopped or runs.
    pub fn state(&self) -> State {
        if let Some((_, state)) = self.processes.iter().find(|(_, state)| matches!(state, State::Stopped(_))) {
            return *state;
        }
        if self.processes.iter().any(|(_, state)| *state == State::Running) {
            return State::Running;
        }
        self.processes.last().map_or(State::Done(Status(0)), |(_, state)| *state)
    }

    pub fn last(&self) -> i32 {
        self.processes.last().map_or(0, |(pid, _)| *pid)
    }
}

#[derive(Clone, Debug, Default)]
pub struct Jobs {
    pub all: Vec<Job>,
    /// Which was most recently stopped or started, and the one before.
    pub current: Vec<usize>,
    /// How processes ended that no job is left for: `wait` may still ask.
    ended: BTreeMap<i32, i32>,
    /// The group of the shell, and its terminal.
    pub terminal: Option<i32>,
    pub shell_group: i32,
}

impl Jobs {
    /// What is put aside while a subshell runs, which has no jobs of its own yet.
    pub fn for_subshell(&mut self) -> Jobs {
        let terminal = self.terminal;
        let shell_group = self.shell_group;
        std::mem::replace(self, Jobs { terminal, shell_group, ..Jobs::default() })
    }

    pub fn after_subshell(&mut self, before: Jobs) {
        let inner = std::mem::replace(self, before);
        // What was seen of the shell's own children meanwhile.
        for (pid, status) in inner.ended {
            if !self.note(pid, State::Done(Status::from_code(status)), status) {
                self.ended.insert(pid, status);
            }
        }
    }

    /// Adds a job; its number.
    pub fn add(&mut self, pids: &[i32], text: &str, grouped: bool) -> usize {
        let number = self.all.iter().map(|job| job.number).max().unwrap_or(0) + 1;
        let group = if grouped { pids.first().copied() } else { None };
        self.all.push(Job {
            number,
            group,
            processes: pids.iter().map(|pid| (*pid, State::Running)).collect(),
            text: text.into(),
            told: State::Running,
        });
        self.promote(number);
        number
    }

    pub fn promote(&mut self, number: usize) {
        self.current.retain(|known| *known != number);
        self.current.push(number);
    }

    /// Remembers something that ended before it could become a job, under a number no process has.
    pub fn ended(&mut self, status: i32) -> i32 {
        let id = self.ended.keys().next().copied().unwrap_or(0).min(0) - 1;
        self.ended.insert(id, status);
        id
    }

    /// Takes in what became of a process. False where it belongs to no job.
    fn note(&mut self, pid: i32, state: State, _status: i32) -> bool {
        for job in &mut self.all {
            for (known, now) in &mut job.processes {
                if *known == pid {
                    *now = state;
                    return true;
                }
            }
        }
        false
    }

    pub fn remove(&mut self, number: usize) {
        if let Some(at) = self.all.iter().position(|job| job.number == number) {
            let job = self.all.remove(at);
            for (pid, state) in job.processes {
                if let State::Done(status) = state {
                    self.ended.insert(pid, status.shell_code());
                }
            }
        }
        self.current.retain(|known| *known != number);
        // As many as POSIX wants remembered.
        while self.ended.len() > 1024 {
            self.ended.pop_first();
        }
    }

    pub fn by_pid(&self, pid: i32) -> Option<&Job> {
        self.all.iter().find(|job| job.processes.iter().any(|(known, _)| *known == pid))
    }

    pub fn known_status(&mut self, pid: i32) -> Option<i32> {
        self.ended.remove(&pid)
    }

    /// The job that `%1`, `%+`, `%name` means.
    pub fn find(&self, name: &str) -> Option<&Job> {
        let id = name.strip_prefix('%')?;
        let number = match id {
            "" | "%" | "+" => self.current.last().copied()?,
            "-" => self.current.iter().rev().nth(1).or(self.current.last()).copied()?,
            id => match id.parse() {
                Ok(number) => number,
                Err(_) => {
                    let matches = |job: &&Job| match id.strip_prefix('?') {
                        Some(part) => job.text.contains(part),
                        None => job.text.starts_with(id),
                    };
                    self.all.iter().rev().find(matches)?.number
                }
            },
        };
        self.all.iter().find(|job| job.number == number)
    }

    pub fn mark(&self, number: usize) -> char {
        if self.current.last() == Some(&number) {
            '+'
        } else if self.current.iter().rev().nth(1) == Some(&number) {
            '-'
        } else {
            ' '
        }
    }
}

impl Shell {
    /// Puts a process to be started into a group of its own, where jobs are controlled.
    pub fn group(&mut self, spawn: &mut Spawn, group: Option<i32>) {
        if self.options.monitor {
            spawn.pgroup = Some(group.unwrap_or(0));
        }
    }

    /// Waits for one process that is no job.
    pub fn wait_for_one(&mut self, pid: i32) -> i32 {
        loop {
            match sys::wait(pid, WaitOptions::empty()) {
                Ok(Some(waited)) => return waited.status.shell_code(),
                Ok(None) | Err(Errno::EINTR) => {}
                Err(_) => return self.jobs.known_status(pid).unwrap_or(127),
            }
        }
    }

    /// Waits for a job in the foreground; the status of its last process.
    pub fn wait_foreground(&mut self, pids: &[i32], text: &Rc<str>) -> i32 {
        if !self.options.monitor && pids.len() == 1 {
            // By far the most common.
            let pid = pids[0];
            loop {
                match sys::wait(pid, WaitOptions::empty()) {
                    Ok(Some(waited)) => {
                        self.tell_signal(waited.status);
                        return waited.status.shell_code();
                    }
                    Ok(None) | Err(Errno::EINTR) => {}
                    Err(_) => return self.jobs.known_status(pid).unwrap_or(127),
                }
            }
        }
        self.wait_pipeline(pids, text).last().copied().unwrap_or(0)
    }

    /// Says what a process in the foreground was killed by.
    fn tell_signal(&mut self, status: Status) {
        if let Some(number) = status.signal()
            && number != signal::SIGINT
            && number != signal::SIGPIPE
        {
            let what = signal::description(number).unwrap_or("Unknown signal");
            let core = if status.core_dumped() { " (core dumped)" } else { "" };
            self.write_error(&format!("{what}{core}\n"));
        } else if status.signal() == Some(signal::SIGINT) && self.options.interactive {
            self.write_error("\n");
        }
    }

    /// Waits for the processes of a pipeline in the foreground; their statuses.
    pub fn wait_pipeline(&mut self, pids: &[i32], text: &Rc<str>) -> Vec<i32> {
        let monitor = self.options.monitor;
        let number = self.jobs.add(pids, text, monitor);
        if monitor {
            self.give_terminal(pids[0]);
        }
        let statuses = self.wait_job(number);
        if monitor {
            self.take_terminal();
        }
        statuses
    }

    /// Waits until a job in the foreground has ended or was stopped; the statuses of its processes.
    fn wait_job(&mut self, number: usize) -> Vec<i32> {
        loop {
            let Some(job) = self.jobs.all.iter().find(|job| job.number == number) else { return Vec::new() };
            let state = job.state();
            let codes = |job: &Job| {
                job.processes
                    .iter()
                    .map(|(_, state)| match state {
                        State::Done(status) => status.shell_code(),
                        State::Stopped(signal) => 128 + signal,
                        State::Running => 0,
                    })
                    .collect()
            };
            match state {
                State::Running => {}
                State::Stopped(_) if !self.options.monitor => {}
                State::Stopped(_) => {
                    let statuses: Vec<i32> = codes(job);
                    let line = format!("\n{}", self.job_line(number, false));
                    self.write_error(&line);
                    self.told(number);
                    self.jobs.promote(number);
                    return statuses;
                }
                State::Done(status) => {
                    let statuses: Vec<i32> = codes(job);
                    self.jobs.remove(number);
                    self.tell_signal(status);
                    return statuses;
                }
            }
            let running = self.jobs.all.iter().find(|job| job.number == number).and_then(|job| {
                job.processes.iter().find(|(_, state)| !matches!(state, State::Done(_))).map(|(pid, _)| *pid)
            });
            let Some(pid) = running else { continue };
            let options = if self.options.monitor { WaitOptions::UNTRACED } else { WaitOptions::empty() };
            // Any process of the group may be stopped first; the others follow.
            match sys::wait(pid, options) {
                Ok(Some(waited)) => self.note_waited(waited.pid, waited.status),
                Ok(None) | Err(Errno::EINTR) => {}
                Err(_) => self.note_waited(pid, Status::from_code(127)),
            }
        }
    }

    fn note_waited(&mut self, pid: i32, status: Status) {
        let state = match status.stopped() {
            Some(signal) => State::Stopped(signal),
            None if status.continued() => State::Running,
            None => State::Done(status),
        };
        if !self.jobs.note(pid, state, status.shell_code()) && matches!(state, State::Done(_)) {
            self.jobs.ended.insert(pid, status.shell_code());
        }
        if let State::Stopped(_) = state {
            // The rest of its group was stopped along with it.
            let others: Vec<i32> = self
                .jobs
                .by_pid(pid)
                .map(|job| {
                    job.processes
                        .iter()
                        .filter(|(other, state)| *other != pid && *state == State::Running)
                        .map(|(other, _)| *other)
                        .collect()
                })
                .unwrap_or_default();
            for other in others {
                if let Ok(Some(waited)) = sys::wait(other, WaitOptions::UNTRACED | WaitOptions::NOHANG) {
                    let state = waited.status.stopped().map_or(State::Done(waited.status), State::Stopped);
                    self.jobs.note(other, state, waited.status.shell_code());
                }
            }
        }
    }

    /// Takes in what has become of children, without waiting.
    pub fn reap(&mut self) {
        let options = WaitOptions::NOHANG | WaitOptions::UNTRACED | WaitOptions::CONTINUED;
        while let Ok(Some(waited)) = sys::wait(-1, options) {
            self.note_waited(waited.pid, waited.status);
        }
    }

    /// Waits until a child changes. False where there is none left, or a signal with a trap came.
    pub fn wait_any(&mut self) -> sys::Result<bool> {
        match sys::wait(-1, WaitOptions::UNTRACED) {
            Ok(Some(waited)) => {
                self.note_waited(waited.pid, waited.status);
                // Where a signal came along with it, the signal is what ends `wait`.
                if self.traps.is_due() { Err(Errno::EINTR) } else { Ok(true) }
            }
            Ok(None) => Ok(true),
            Err(Errno::ECHILD) => Ok(false),
            Err(Errno::EINTR) if !traps::any_pending() => Ok(true),
            Err(errno) => Err(errno),
        }
    }

    fn told(&mut self, number: usize) {
        if let Some(job) = self.jobs.all.iter_mut().find(|job| job.number == number) {
            job.told = job.state();
        }
    }

    /// Tells of jobs that have ended or were stopped, and forgets those that ended.
    pub fn tell_jobs(&mut self) {
        if self.jobs.all.is_empty() {
            return;
        }
        self.reap();
        let changed: Vec<(usize, State)> =
            self.jobs.all.iter().filter(|job| job.told != job.state()).map(|job| (job.number, job.state())).collect();
        for (number, state) in changed {
            if self.options.interactive {
                let line = self.job_line(number, false);
                self.write_error(&line);
            }
            self.told(number);
            if matches!(state, State::Done(_)) {
                self.jobs.remove(number);
            }
        }
    }

    /// Forgets jobs that ended, where nobody is told.
    pub fn forget_ended(&mut self) {
        self.reap();
        let ended: Vec<usize> =
            self.jobs.all.iter().filter(|job| matches!(job.state(), State::Done(_))).map(|job| job.number).collect();
        for number in ended {
            self.jobs.remove(number);
        }
    }

    /// `[1]+  Done                 sleep 1`
    pub fn job_line(&self, number: usize, pids: bool) -> String {
        let Some(job) = self.jobs.all.iter().find(|job| job.number == number) else { return String::new() };
        let state = job.state();
        let what = match state {
            State::Running => "Running".to_owned(),
            State::Stopped(_) => "Stopped".to_owned(),
            State::Done(status) => match (status.code(), status.signal()) {
                (Some(0), _) => "Done".to_owned(),
                (Some(code), _) => format!("Exit {code}"),
                (_, Some(number)) => signal::description(number).unwrap_or("Unknown signal").to_owned(),
                _ => "Done".to_owned(),
            },
        };
        let pid = if pids { format!("{} ", job.last()) } else { String::new() };
        let running = if state == State::Running { " &" } else { "" };
        format!("[{number}]{}  {pid}{what:<24}{}{running}\n", self.jobs.mark(number), job.text)
    }

    /// Makes a job's group the one that the terminal belongs to.
    pub fn give_terminal(&mut self, group: i32) {
        if let Some(terminal) = self.jobs.terminal {
            // A job that has ended already has no group any more.
            let _ = sys::tcsetpgrp(terminal, group);
        }
    }

    pub fn take_terminal(&mut self) {
        if let Some(terminal) = self.jobs.terminal {
            let _ = sys::tcsetpgrp(terminal, self.jobs.shell_group);
        }
    }

    /// Has a job go on, in the foreground or not. Its status where it was waited for.
    pub fn continue_job(&mut self, number: usize, foreground: bool) -> i32 {
        let Some(job) = self.jobs.all.iter_mut().find(|job| job.number == number) else { return 1 };
        let group = job.group;
        for (_, state) in &mut job.processes {
            if matches!(state, State::Stopped(_)) {
                *state = State::Running;
            }
        }
        job.told = State::Running;
        let pids: Vec<i32> = job.processes.iter().map(|(pid, _)| *pid).collect();
        self.jobs.promote(number);
        if foreground && let Some(group) = group {
            self.give_terminal(group);
        }
        let targets = group.map_or(pids, |group| vec![-group]);
        for target in targets {
            // It may have ended meanwhile.
            let _ = sys::kill(target, signal::SIGCONT);
        }
        if !foreground {
            return 0;
        }
        let statuses = self.wait_job(number);
        self.take_terminal();
        statuses.last().copied().unwrap_or(0)
    }
}

impl Shell {
    /// Turns job control on or off.
    pub fn set_monitor(&mut self, on: bool) {
        self.options.monitor = on;
        if !on {
            if self.jobs.terminal.is_some() {
                self.take_terminal();
            }
            return;
        }
        // The terminal, under a number that redirections leave alone.
        if self.jobs.terminal.is_none() && (self.options.interactive || sys::isatty(2)) {
            let opened = sys::open("/dev/tty", sys::OpenFlags::RDWR | sys::OpenFlags::CLOEXEC, 0)
                .and_then(super::capture::above);
            self.jobs.terminal =
                opened.or_else(|_| sys::dup(2, super::capture::LEAST, true)).ok().filter(|fd| sys::isatty(*fd));
        }
        self.jobs.shell_group = sys::getpgid(0).unwrap_or(self.pid);
        if !self.options.interactive {
            return;
        }
        if let Some(terminal) = self.jobs.terminal {
            // Stopped until whoever started the shell gives it the terminal.
            for _ in 0..8 {
                match sys::tcgetpgrp(terminal) {
                    Ok(group) if group != self.jobs.shell_group => {
                        if sys::kill(0, signal::SIGTTIN).is_err() {
                            break;
                        }
                        self.jobs.shell_group = sys::getpgid(0).unwrap_or(self.pid);
                    }
                    _ => break,
                }
            }
            self.keep_signals(&[signal::SIGTSTP, signal::SIGTTIN, signal::SIGTTOU]);
            if self.jobs.shell_group != sys::getpid() && sys::setpgid(0, 0).is_ok() {
                self.jobs.shell_group = sys::getpid();
            }
            self.take_terminal();
        }
    }
}
