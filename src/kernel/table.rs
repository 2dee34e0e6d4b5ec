//! `Kernel`: the process table of one container, and what concerns several processes: making, signalling, waiting, ending.
//!
//! Lock order: the table, then the state of one process. Signals are sent, and threads woken, with the table released.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::executor::{Executor, Image, Outcome};
use super::fifos::Fifos;
use super::locks::FileLocks;
use super::process::{About, Alarm, Cause, End, Inherited, Pid, Posted, Process};
use super::signal::{Action, Disposition, Signal};
use super::task::Task;
use super::timers::Timers;
use super::tty::Terminals;
use crate::vfs::{Errno, Namespace, ProcEntry, Processes, Result};

/// The process that a container is started with.
pub const INIT: Pid = 1;

/// The highest number of a process, as on Linux by default.
const PID_MAX: Pid = 1 << 22;

thread_local! {
    static CURRENT: std::cell::Cell<Pid> = const { std::cell::Cell::new(0) };
}

/// The process whose thread calls; 0 where none does.
pub fn current() -> Pid {
    CURRENT.get()
}

/// What a container may have.
#[derive(Clone, Debug)]
pub struct Quota {
    /// Processes at one time.
    pub processes: u32,
    /// Descriptors a process.
    pub open_files: u32,
    /// Bytes that may be written to the streams of the host.
    pub output: Option<u64>,
}

/// The kernel of one container.
pub struct Kernel {
    pub(super) executor: Arc<dyn Executor>,
    pub(super) namespace: Arc<Namespace>,
    pub(super) timers: Arc<Timers>,
    pub(super) quota: Quota,
    pub(super) fifos: Fifos,
    pub(super) locks: Arc<FileLocks>,
    pub(super) terminals: Terminals,
    /// CPU time of processes that have gone, in nanoseconds.
    gone_cpu: AtomicU64,
    table: Mutex<Table>,
    ended: Condvar,
}

#[derive(Default)]
struct Table {
    entries: BTreeMap<Pid, Entry>,
    last: Pid,
    has_wrapped: bool,
    /// How the first process ended.
    init_end: Option<End>,
    /// Processes that have not ended.
    alive: u32,
}

struct Entry {
    process: Arc<Process>,
    /// 0 where nobody will wait for it.
    parent: Pid,
    group: Pid,
    session: Pid,
    children: Vec<Pid>,
    end: Option<End>,
    /// A stop or a continuation that its parent was not told of yet.
    news: Option<News>,
    /// It has run a program of its own since it was made.
    has_execed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Stopped(Signal),
    Continued,
}

/// Which children are waited for: waitpid(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitFor {
    /// A child's number, -1 for any, 0 for the caller's group, below -1 for a group.
    pub pid: Pid,
    /// Not to wait.
    pub no_hang: bool,
    /// To tell of children that stop.
    pub stopped: bool,
    /// To tell of children that go on.
    pub continued: bool,
}

/// What became of a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waited {
    /// The child.
    pub pid: Pid,
    /// The status of waitpid(2).
    pub status: i32,
    /// CPU time with its own children, in nanoseconds.
    pub cpu: u64,
    /// The most memory it had, in bytes.
    pub memory: u64,
}

/// The numbers around a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    /// Its own.
    pub pid: Pid,
    /// Its parent's; 0 for the first process.
    pub parent: Pid,
    /// Its group's.
    pub group: Pid,
    /// Its session's.
    pub session: Pid,
}

/// How a new process stands to the one that makes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// The group to join, 0 for one of its own.
    pub(super) group: Option<Pid>,
    /// Whether it begins a session.
    pub(super) session: bool,
}

impl Kernel {
    /// A kernel without processes.
    pub fn new(
        executor: Arc<dyn Executor>,
        namespace: Arc<Namespace>,
        timers: Arc<Timers>,
        quota: Quota,
    ) -> Arc<Kernel> {
        Arc::new(Kernel {
            executor,
            namespace,
            timers,
            quota,
            fifos: Fifos::default(),
            locks: Arc::default(),
            terminals: Terminals::default(),
            gone_cpu: AtomicU64::new(0),
            table: Mutex::default(),
            ended: Condvar::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place in the table for a child of `parent`, 0 for the first process. It does not run before [`Kernel::start`].
    pub(super) fn add(
        &self,
        parent: Pid,
        standing: Standing,
        about: About,
        signals: Inherited,
    ) -> Result<Arc<Process>> {
        let mut table = self.lock();
        // Once the first process is gone nothing begins any more.
        if table.init_end.is_some() || table.entries.len() as u64 >= u64::from(self.quota.processes) {
            return Err(Errno::Again);
        }
        let pid = table.free_pid();
        let (mut group, mut session) = match table.entries.get(&parent) {
            Some(parent) => (parent.group, parent.session),
            None => (pid, pid),
        };
        if standing.session {
            (group, session) = (pid, pid);
        } else if let Some(wanted) = standing.group {
            if wanted != 0 && !table.is_group_of(wanted, session) {
                return Err(Errno::Perm);
            }
            group = if wanted == 0 { pid } else { wanted };
        }
        let process = Arc::new(Process::new(pid, about, signals));
        let entry = Entry {
            process: process.clone(),
            parent,
            group,
            session,
            children: Vec::new(),
            end: None,
            news: None,
            has_execed: false,
        };
        table.entries.insert(pid, entry);
        table.alive += 1;
        if let Some(parent) = table.entries.get_mut(&parent) {
            parent.children.push(pid);
        }
        Ok(process)
    }

    /// Takes back what [`add`](Kernel::add) has made.
    pub(super) fn remove(&self, pid: Pid) {
        let mut table = self.lock();
        table.alive -= 1;
        table.forget(pid);
        drop(table);
        self.ended.notify_all();
    }

    /// Runs `image` as the process of `task` on a thread of its own.
    pub(super) fn start(self: &Arc<Self>, task: Task, image: Box<dyn Image>) -> Result<()> {
        let (kernel, pid) = (self.clone(), task.process.pid);
        let job = move || {
            CURRENT.set(pid);
            task.process.sleeper.adopt();
            let process = task.process.clone();
            let run = catch_unwind(AssertUnwindSafe(|| run(task, image)));
            let end = run.unwrap_or_else(|_| End {
                cause: Cause::Failed,
                message: Some("internal error of the runtime".to_owned()),
            });
            CURRENT.set(0);
            kernel.exited(&process, end);
        };
        self.executor.run(Box::new(job)).map_err(|_| Errno::Again)
    }

    /// A process has ended: its parent is told, its children lose theirs, and with the first one all go.
    pub(super) fn exited(&self, process: &Arc<Process>, end: End) {
        let pid = process.pid;
        process.note_end();
        let alarm = process.alarm.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(alarm);
        let mut table = self.lock();
        let Some(entry) = table.entries.get_mut(&pid).filter(|entry| entry.end.is_none()) else { return };
        entry.end = Some(end.clone());
        let (parent, leads_session) = (entry.parent, entry.session == pid);
        let orphans = std::mem::take(&mut entry.children);
        table.alive -= 1;
        for orphan in orphans {
            let Some(child) = table.entries.get_mut(&orphan) else { continue };
            child.parent = 0;
            if child.end.is_some() {
                let cpu = child.process.cpu();
                self.gone_cpu.fetch_add(cpu.0 + cpu.1, Ordering::Relaxed);
                table.forget(orphan);
            }
        }
        let told = table.entries.get(&parent).map(|entry| entry.process.clone());
        let ignores = told.as_ref().is_none_or(|parent| {
            let action = parent.action(Signal::CHLD);
            action.disposition == Disposition::Ignore || action.flags & Action::NO_CHILD_WAIT != 0
        });
        if ignores && pid != INIT {
            self.gone_cpu.fetch_add(process.cpu().0 + process.cpu().1, Ordering::Relaxed);
            table.forget(pid);
        }
        let mut others = Vec::new();
        if pid == INIT {
            table.init_end = Some(end);
            others = table.alive_processes();
        }
        drop(table);
        for other in others {
            self.post(&other, Signal::KILL);
        }
        if leads_session {
            self.terminals.leader_ended(pid);
        }
        self.tell(told, Signal::CHLD);
        self.ended.notify_all();
    }

    /// Wakes a parent that waits, and sends it the signal.
    fn tell(&self, parent: Option<Arc<Process>>, signal: Signal) {
        if let Some(parent) = parent {
            self.post(&parent, signal);
            parent.children.wake_all();
        }
    }

    /// Sends a signal to one process, whoever asks.
    pub(super) fn post(&self, process: &Arc<Process>, signal: Signal) {
        match process.post(signal) {
            Posted::Nothing => {}
            Posted::Handled => process.sleeper.wake(),
            Posted::Ends => self.interrupt(process),
            Posted::Ended(end) => {
                self.exited(process, end);
                self.interrupt(process);
            }
            Posted::Stops => {
                self.interrupt(process);
                self.note(process, News::Stopped(signal));
            }
            Posted::Continues => {
                process.sleeper.wake();
                self.note(process, News::Continued);
            }
        }
    }

    fn interrupt(&self, process: &Arc<Process>) {
        process.sleeper.wake();
        self.executor.nudge(process);
    }

    /// Keeps for the parent that a child has stopped or gone on.
    fn note(&self, process: &Process, news: News) {
        let mut table = self.lock();
        let Some(entry) = table.entries.get_mut(&process.pid) else { return };
        entry.news = Some(news);
        let parent = entry.parent;
        let parent = table.entries.get(&parent).map(|entry| entry.process.clone());
        drop(table);
        let silent =
            parent.as_ref().is_some_and(|parent| parent.action(Signal::CHLD).flags & Action::NO_CHILD_STOP != 0);
        match parent {
            Some(parent) if silent => parent.children.wake_all(),
            parent => self.tell(parent, Signal::CHLD),
        }
    }

    /// kill(2) by the process `sender`, or by the host where there is none. `signal` none only checks.
    pub fn kill(&self, sender: Option<&Process>, pid: Pid, signal: Option<Signal>) -> Result<()> {
        let found = {
            let table = self.lock();
            match pid {
                1.. => table.living(|entry| entry.process.pid == pid),
                0 => {
                    let group = sender.and_then(|sender| Some(table.entries.get(&sender.pid)?.group));
                    table.living(|entry| Some(entry.group) == group)
                }
                -1 => {
                    let own = sender.map_or(INIT, |sender| sender.pid);
                    table.living(|entry| entry.process.pid != INIT && entry.process.pid != own)
                }
                group => table.living(|entry| entry.group == group.wrapping_neg()),
            }
        };
        if found.is_empty() {
            return Err(Errno::Srch);
        }
        let users = sender.map(|sender| sender.about().users);
        let is_allowed = |other: &Process| users.as_ref().is_none_or(|users| users.may_signal(&other.about().users));
        let mut allowed = found.iter().filter(|other| is_allowed(other)).peekable();
        if allowed.peek().is_none() {
            return Err(Errno::Perm);
        }
        for process in allowed {
            if let Some(signal) = signal {
                // No other process of the container ends the first one by what that does not handle (pid_namespaces(7)).
                let is_shielded = sender.is_some_and(|sender| sender.pid != INIT)
                    && process.pid == INIT
                    && process.action(signal).disposition == Disposition::Default;
                if !is_shielded {
                    self.post(process, signal);
                }
            }
        }
        Ok(())
    }

    /// Ends the first process, and with it the container, for a reason of the host's.
    pub fn end(&self, end: End) {
        let init = self.lock().entries.get(&INIT).map(|entry| entry.process.clone());
        let Some(process) = init else { return };
        match process.post_end(end) {
            Posted::Ended(end) => {
                self.exited(&process, end);
                self.interrupt(&process);
            }
            _ => self.interrupt(&process),
        }
    }

    /// setitimer(2) of real time. Returns what was left of the alarm before, and its interval.
    pub(super) fn set_alarm(
        self: &Arc<Self>,
        process: &Arc<Process>,
        value: Duration,
        interval: Duration,
    ) -> Result<(Duration, Duration)> {
        // Locked first: an alarm that rings at once finds itself in its place.
        let mut current = process.alarm.lock().unwrap_or_else(PoisonError::into_inner);
        let alarm = self.alarm(process, value, interval)?;
        let before = std::mem::replace(&mut *current, alarm);
        drop(current);
        Ok(before.map_or((Duration::ZERO, Duration::ZERO), |alarm| {
            (alarm.timer.due().saturating_duration_since(Instant::now()), alarm.interval)
        }))
    }

    fn alarm(self: &Arc<Self>, process: &Arc<Process>, value: Duration, interval: Duration) -> Result<Option<Alarm>> {
        let at = Instant::now().checked_add(value).filter(|_| value > Duration::ZERO);
        let Some(at) = at else { return Ok(None) };
        let (kernel, target) = (Arc::downgrade(self), Arc::downgrade(process));
        let ring = move || {
            if let (Some(kernel), Some(process)) = (kernel.upgrade(), target.upgrade()) {
                kernel.ring(&process, at, interval);
            }
        };
        let timer = self.timers.at(at, ring).map_err(|_| Errno::Again)?;
        Ok(Some(Alarm { timer, interval }))
    }

    /// The alarm that was due `at` rings. It is set for the next time before the signal is sent: who is woken may set another.
    fn ring(self: &Arc<Self>, process: &Arc<Process>, at: Instant, interval: Duration) {
        let mut current = process.alarm.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_none_or(|alarm| alarm.timer.due() != at) {
            return;
        }
        // Where it cannot be set again it stays silent.
        let over = match self.alarm(process, interval, interval) {
            Ok(Some(next)) => current.replace(next),
            _ => None,
        };
        drop(current);
        drop(over);
        self.post(process, Signal::ALRM);
    }

    /// waitpid(2). `Ok(None)` where it is not to hang and there is nothing to tell.
    pub(super) fn wait(&self, process: &Process, what: WaitFor) -> Result<Option<Waited>> {
        let mut look = || match self.look(process, what) {
            Ok(None) if !what.no_hang => None,
            found => Some(found),
        };
        process.wait(&[&process.children], None, &mut look)?.expect("there is no deadline")
    }

    fn look(&self, process: &Process, what: WaitFor) -> Result<Option<Waited>> {
        let mut table = self.lock();
        let own = table.entries.get(&process.pid).ok_or(Errno::Child)?;
        let group = own.group;
        let children = own.children.clone();
        let is_meant = |pid: Pid, entry: &Entry| match what.pid {
            -1 => true,
            0 => entry.group == group,
            1.. => pid == what.pid,
            other => entry.group == other.wrapping_neg(),
        };
        let mut any = false;
        for pid in children {
            let Some(entry) = table.entries.get_mut(&pid).filter(|entry| is_meant(pid, entry)) else { continue };
            any = true;
            let cpu = entry.process.cpu();
            let told = |status| Waited { pid, status, cpu: cpu.0 + cpu.1, memory: entry.process.memory() };
            if let Some(end) = &entry.end {
                let waited = told(end.wait_status());
                process.add_child(&entry.process);
                table.forget(pid);
                return Ok(Some(waited));
            }
            let waited = match entry.news {
                Some(News::Stopped(signal)) if what.stopped => Some(told(i32::from(signal.0) << 8 | 0x7f)),
                Some(News::Continued) if what.continued => Some(told(0xffff)),
                _ => None,
            };
            if waited.is_some() {
                entry.news = None;
                return Ok(waited);
            }
        }
        if any { Ok(None) } else { Err(Errno::Child) }
    }

    /// The numbers of a process.
    pub fn ids(&self, pid: Pid) -> Result<Ids> {
        let table = self.lock();
        table.entries.get(&pid).map(|entry| entry.ids()).ok_or(Errno::Srch)
    }

    /// setpgid(2) by `caller`.
    pub(super) fn set_group(&self, caller: Pid, pid: Pid, group: Pid) -> Result<()> {
        if group < 0 {
            return Err(Errno::Inval);
        }
        let mut table = self.lock();
        let pid = if pid == 0 { caller } else { pid };
        let group = if group == 0 { pid } else { group };
        let session = table.entries.get(&caller).map(|entry| entry.session).ok_or(Errno::Srch)?;
        let allowed = group == pid || table.is_group_of(group, session);
        let entry = table.entries.get_mut(&pid).ok_or(Errno::Srch)?;
        if pid != caller && entry.parent != caller {
            return Err(Errno::Srch);
        }
        if pid != caller && entry.has_execed {
            return Err(Errno::Access);
        }
        if entry.session != session || entry.session == pid || !allowed {
            return Err(Errno::Perm);
        }
        entry.group = group;
        Ok(())
    }

    /// setsid(2) by `caller`.
    pub(super) fn set_session(&self, caller: Pid) -> Result<Pid> {
        let mut table = self.lock();
        if table.entries.values().any(|entry| entry.group == caller) {
            return Err(Errno::Perm);
        }
        let entry = table.entries.get_mut(&caller).ok_or(Errno::Srch)?;
        (entry.group, entry.session) = (caller, caller);
        Ok(caller)
    }

    /// Whether no member of a group has a parent in another group of the same session: nobody would let it go on if it
    /// stopped (setpgid(2)).
    pub(super) fn is_orphaned_group(&self, group: Pid) -> bool {
        let table = self.lock();
        let has_guardian = |entry: &Entry| {
            let parent = table.entries.get(&entry.parent);
            parent.is_some_and(|parent| parent.group != group && parent.session == entry.session)
        };
        !table.entries.values().any(|entry| entry.group == group && entry.end.is_none() && has_guardian(entry))
    }

    /// Sends a signal to all of a group, as a terminal does.
    pub(super) fn signal_group(&self, group: Pid, signal: Signal) {
        let members = self.lock().living(|entry| entry.group == group && entry.end.is_none());
        for process in members {
            self.post(&process, signal);
        }
    }

    /// Whether a group has members in a session.
    pub(super) fn is_group(&self, group: Pid, session: Pid) -> bool {
        self.lock().is_group_of(group, session)
    }

    /// CPU time of all processes that there were, in nanoseconds, as of their last looks.
    pub fn cpu(&self) -> u64 {
        let table = self.lock();
        let now: u64 =
            table.entries.values().map(|entry| entry.process.cpu()).map(|(own, children)| own + children).sum();
        now + self.gone_cpu.load(Ordering::Relaxed)
    }

    /// How the container ended, once all its processes have.
    pub fn try_wait(&self) -> Option<End> {
        self.lock().finished()
    }

    /// Waits until all processes of the container have ended.
    pub fn wait_for_end(&self) -> End {
        let mut table = self.lock();
        loop {
            if let Some(end) = table.finished() {
                return end;
            }
            table = self.ended.wait(table).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Notes that a process has run a program of its own.
    pub(super) fn note_exec(&self, pid: Pid) {
        if let Some(entry) = self.lock().entries.get_mut(&pid) {
            entry.has_execed = true;
        }
    }
}

impl Processes for Kernel {
    fn numbers(&self) -> Vec<u32> {
        self.lock().entries.keys().map(|pid| pid.unsigned_abs()).collect()
    }

    fn terminals(&self) -> Vec<u32> {
        self.terminals.pty_numbers()
    }

    fn current(&self) -> Option<u32> {
        Some(current().unsigned_abs()).filter(|pid| *pid != 0)
    }

    fn entry(&self, pid: u32) -> Option<ProcEntry> {
        let table = self.lock();
        let entry = table.entries.get(&Pid::try_from(pid).ok()?)?;
        let (process, ids, has_ended) = (entry.process.clone(), entry.ids(), entry.end.is_some());
        drop(table);
        let about = process.about();
        let state = match has_ended {
            true => 'Z',
            false if process.is_stopped() => 'T',
            false if ids.pid == current() => 'R',
            false => 'S',
        };
        let terminal = self.terminals.of_session(ids.session);
        Some(ProcEntry {
            terminal: terminal.map(|tty| (tty.device(), tty.foreground().unsigned_abs())),
            parent: ids.parent.unsigned_abs(),
            group: ids.group.unsigned_abs(),
            session: ids.session.unsigned_abs(),
            state,
            arguments: about.args.to_vec(),
            environment: about.env.to_vec(),
            executable: about.executable,
            uid: about.users.uid(),
            gid: about.users.gid(),
            cpu: Duration::from_nanos(process.cpu().0),
            memory: process.memory(),
            started: process.started,
        })
    }
}

/// Runs one image after another.
fn run(mut task: Task, mut image: Box<dyn Image>) -> End {
    loop {
        match image.run(task) {
            Outcome::Ended(end) => return end,
            Outcome::Replaced(same, next) => (task, image) = (same, next),
        }
    }
}

impl Entry {
    fn ids(&self) -> Ids {
        Ids { pid: self.process.pid, parent: self.parent, group: self.group, session: self.session }
    }
}

impl Table {
    /// The next number that is neither a process nor a group nor a session.
    fn free_pid(&mut self) -> Pid {
        loop {
            self.last = if self.last >= PID_MAX { INIT } else { self.last } + 1;
            self.has_wrapped |= self.last == PID_MAX;
            let pid = self.last;
            // A group outlives its first process: once all numbers have been used, they are looked for everywhere.
            let is_used = |entry: &Entry| entry.process.pid == pid || entry.group == pid || entry.session == pid;
            if !self.has_wrapped || !self.entries.values().any(is_used) {
                return pid;
            }
        }
    }

    fn is_group_of(&self, group: Pid, session: Pid) -> bool {
        self.entries.values().any(|entry| entry.group == group && entry.session == session)
    }

    fn living(&self, is_meant: impl Fn(&Entry) -> bool) -> Vec<Arc<Process>> {
        self.entries.values().filter(|entry| is_meant(entry)).map(|entry| entry.process.clone()).collect()
    }

    fn alive_processes(&self) -> Vec<Arc<Process>> {
        self.living(|entry| entry.end.is_none())
    }

    fn forget(&mut self, pid: Pid) {
        let Some(entry) = self.entries.remove(&pid) else { return };
        if let Some(parent) = self.entries.get_mut(&entry.parent) {
            parent.children.retain(|child| *child != pid);
        }
    }

    fn finished(&self) -> Option<End> {
        self.init_end.clone().filter(|_| self.alive == 0)
    }
}
