//! `Process`: what the threads of a container share of one process: its signals, its orders, its end.
//!
//! One lock, `state`. It is taken inside of the process table's, never around it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::signal::{Action, Disposition, Effect, Signal, SignalSet};
use super::timers::Timer;
use super::users::Users;
use super::wait::{self, Sleeper, WaitQueue};
use crate::vfs::{Errno, Result};

/// The number of a process, and of groups and sessions.
pub type Pid = i32;

/// Why a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It returned or called exit.
    Exited(u8),
    /// A signal ended it.
    Signaled(Signal),
    /// It did what its machine does not allow.
    Trapped,
    /// It went beyond its memory limit.
    OutOfMemory,
    /// Its time was over.
    TimedOut,
    /// What executes it failed.
    Failed,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Why.
    pub cause: Cause,
    /// One line for people where it did not end by itself.
    pub message: Option<String>,
}

impl End {
    /// An end that needs no words.
    pub fn new(cause: Cause) -> End {
        End { cause, message: None }
    }

    /// What a shell sees: the code, or 128 and the number of the signal.
    pub fn code(&self) -> i32 {
        match self.cause {
            Cause::Exited(code) => code.into(),
            Cause::Signaled(signal) => 128 + i32::from(signal.0),
            Cause::Trapped => 128 + i32::from(Signal::ABRT.0),
            Cause::OutOfMemory => 128 + i32::from(Signal::KILL.0),
            // That of coreutils' `timeout`.
            Cause::TimedOut => 124,
            Cause::Failed => 125,
        }
    }

    /// The status that waitpid(2) tells of it.
    pub fn wait_status(&self) -> i32 {
        match self.cause {
            Cause::Exited(_) | Cause::TimedOut | Cause::Failed => self.code() << 8,
            Cause::Signaled(signal) => signal.0.into(),
            Cause::Trapped => Signal::ABRT.0.into(),
            Cause::OutOfMemory => Signal::KILL.0.into(),
        }
    }
}

/// What a thread that executes a process is told to do.
#[derive(Debug)]
pub enum Order {
    /// Run no more code of it.
    End(End),
    /// Call its handler. The mask of the action is in force already; `restore` is the one to set afterwards.
    Handle {
        /// The signal.
        signal: Signal,
        /// Bits of `SA_*`.
        flags: u32,
        /// The mask for afterwards.
        restore: SignalSet,
    },
}

/// What became of a signal that was sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Posted {
    /// Nothing to be done: ignored, blocked, or known already.
    Nothing,
    /// A handler will run.
    Handled,
    /// The process ends as soon as its thread sees it.
    Ends,
    /// The process is in a call that nothing can break off, and counts as ended.
    Ended(End),
    /// The process stops.
    Stops,
    /// It was stopped, and goes on.
    Continues,
}

/// A process.
pub struct Process {
    /// Its number.
    pub pid: Pid,
    /// When it was made.
    pub started: Instant,
    pub(super) sleeper: Arc<Sleeper>,
    /// Where it waits for its children.
    pub(super) children: WaitQueue,
    /// Whether there may be an order: what its thread looks at without the lock.
    attention: AtomicBool,
    state: Mutex<State>,
    pub(super) about: Mutex<About>,
    /// CPU time used, in nanoseconds, as of the last look.
    cpu: AtomicU64,
    /// The same of the children that were waited for.
    children_cpu: AtomicU64,
    /// The most memory it had, in bytes.
    memory: AtomicU64,
    pub(super) alarm: Mutex<Option<Alarm>>,
}

/// A timer that sends SIGALRM.
pub(super) struct Alarm {
    pub(super) timer: Timer,
    pub(super) interval: Duration,
}

struct State {
    pending: SignalSet,
    blocked: SignalSet,
    actions: Box<[Action; Signal::MAX as usize]>,
    /// It is to stop, by this signal.
    stopped: Option<Signal>,
    /// Its thread waits because of that.
    holds: bool,
    end: Option<End>,
    /// Its thread is in a call of the host that nothing can break off.
    out_of_reach: bool,
    ended: bool,
}

/// What others may read about a process.
#[derive(Clone, Default)]
pub(super) struct About {
    pub(super) args: Arc<Vec<Vec<u8>>>,
    pub(super) env: Arc<Vec<Vec<u8>>>,
    pub(super) executable: Vec<u8>,
    pub(super) users: Users,
}

impl Process {
    pub(super) fn new(pid: Pid, about: About, signals: Inherited) -> Process {
        Process {
            pid,
            started: Instant::now(),
            sleeper: Arc::default(),
            children: WaitQueue::default(),
            attention: AtomicBool::new(false),
            state: Mutex::new(State {
                pending: SignalSet::default(),
                blocked: signals.blocked,
                actions: signals.actions,
                stopped: None,
                holds: false,
                end: None,
                out_of_reach: false,
                ended: false,
            }),
            about: Mutex::new(about),
            cpu: AtomicU64::new(0),
            children_cpu: AtomicU64::new(0),
            memory: AtomicU64::new(0),
            alarm: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn about(&self) -> About {
        self.about.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether its thread has to ask for orders. Cheap.
    #[inline]
    pub fn has_attention(&self) -> bool {
        self.attention.load(Ordering::Acquire)
    }

    /// Whether running code has to be broken into: there is an order that its thread has not followed.
    pub fn is_ordered(&self) -> bool {
        let state = self.lock();
        !state.ended && (state.end.is_some() || state.stopped.is_some() && !state.holds)
    }

    /// What the thread has to do next, if anything. Waits while the process is stopped.
    pub fn next_order(&self) -> Option<Order> {
        let (mut state, end) = self.hold();
        if let Some(end) = end {
            return Some(Order::End(end));
        }
        if state.act_on_pending().is_some() {
            drop(state);
            return self.next_order();
        }
        let order = state.take_handled();
        self.attention.store(state.is_ordered(), Ordering::Release);
        order
    }

    /// Waits while the process is stopped. Its end, if it was told to end. Handlers are left for later.
    pub fn held(&self) -> Option<End> {
        if !self.has_attention() {
            return None;
        }
        self.hold().1
    }

    /// The state once the process is not stopped, or has to end.
    fn hold(&self) -> (MutexGuard<'_, State>, Option<End>) {
        let mut state = self.lock();
        while state.end.is_none() && state.stopped.is_some() {
            state.holds = true;
            drop(state);
            std::thread::park();
            state = self.lock();
            state.holds = false;
        }
        let end = state.end.clone();
        (state, end)
    }

    /// Whether a wait has to be broken off.
    pub fn is_interrupted(&self) -> bool {
        self.has_attention() && self.lock().is_ordered()
    }

    /// Waits until `ready` gives something, `Ok(None)` when the deadline is over, [`Errno::Intr`] when a signal has
    /// to be attended to. Who changes what `ready` looks at wakes one of `queues`.
    pub fn wait<T>(
        &self,
        queues: &[&WaitQueue],
        deadline: Option<Instant>,
        ready: impl FnMut() -> Option<T>,
    ) -> Result<Option<T>> {
        wait::wait(&self.sleeper, queues, deadline, || self.is_interrupted(), ready)
    }

    /// Makes a call that nothing can break off, such as a write to a full pipe of the host. [`Errno::Intr`] where the
    /// process was told to end before or meanwhile: it may count as ended already.
    pub fn out_of_reach<T>(&self, call: impl FnOnce() -> T) -> Result<T> {
        let mut state = self.lock();
        if state.end.is_some() {
            return Err(Errno::Intr);
        }
        state.out_of_reach = true;
        drop(state);
        let value = call();
        let mut state = self.lock();
        state.out_of_reach = false;
        if state.end.is_some() { Err(Errno::Intr) } else { Ok(value) }
    }

    /// Takes note of a signal.
    pub(super) fn post(&self, signal: Signal) -> Posted {
        let mut state = self.lock();
        if state.ended || state.end.is_some() {
            return Posted::Nothing;
        }
        let posted = state.post(signal);
        self.attention.store(state.is_ordered(), Ordering::Release);
        posted
    }

    /// Orders it to end for a reason of the host's.
    pub(super) fn post_end(&self, end: End) -> Posted {
        let mut state = self.lock();
        if state.ended || state.end.is_some() {
            return Posted::Nothing;
        }
        let posted = state.finish(end);
        self.attention.store(true, Ordering::Release);
        posted
    }

    /// Its end is known: no more signals.
    pub(super) fn note_end(&self) {
        let mut state = self.lock();
        state.ended = true;
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.lock().stopped.is_some()
    }

    /// What is done with `signal`.
    pub fn action(&self, signal: Signal) -> Action {
        self.lock().actions[usize::from(signal.0) - 1]
    }

    /// Sets what is done with `signal`. A pending signal that is now ignored goes.
    pub fn set_action(&self, signal: Signal, action: Action) {
        let mut state = self.lock();
        state.actions[usize::from(signal.0) - 1] = action;
        let ignored = match action.disposition {
            Disposition::Ignore => true,
            Disposition::Default => signal.default_effect() == Effect::Ignore,
            Disposition::Handler => false,
        };
        if ignored {
            state.pending.remove(signal);
        }
    }

    /// The signals that are blocked.
    pub fn blocked(&self) -> SignalSet {
        self.lock().blocked
    }

    /// Blocks exactly `blocked`, and returns the pending signals whose default action is due now: they are to be sent again.
    pub(super) fn set_blocked(&self, blocked: SignalSet) -> SignalSet {
        let mut state = self.lock();
        state.blocked = blocked.blockable();
        let open = state.pending.without(state.blocked);
        let mut due = SignalSet::default();
        for signal in open.iter() {
            if state.actions[usize::from(signal.0) - 1].disposition != Disposition::Handler {
                due.insert(signal);
            }
        }
        state.pending = state.pending.without(due);
        self.attention.store(state.is_ordered(), Ordering::Release);
        due
    }

    /// The signals that wait to be unblocked.
    pub fn pending(&self) -> SignalSet {
        self.lock().pending
    }

    /// Takes one of `set` that is pending.
    pub(super) fn take_pending(&self, set: SignalSet) -> Option<Signal> {
        let mut state = self.lock();
        let signal = state.pending.and(set).first()?;
        state.pending.remove(signal);
        self.attention.store(state.is_ordered(), Ordering::Release);
        Some(signal)
    }

    /// Handlers are of the program that was: they become the default.
    pub(super) fn reset_handlers(&self) {
        let mut state = self.lock();
        for action in state.actions.iter_mut() {
            if action.disposition == Disposition::Handler {
                *action = Action::default();
            }
        }
    }

    /// What a child starts with.
    pub(super) fn inherited(&self) -> Inherited {
        let state = self.lock();
        let mut actions = state.actions.clone();
        for action in actions.iter_mut() {
            if action.disposition == Disposition::Handler {
                *action = Action::default();
            }
        }
        Inherited { blocked: state.blocked, actions }
    }

    /// Sets the CPU time that it has used.
    pub fn note_cpu(&self, used: Duration) {
        self.cpu.store(used.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Sets how much memory it has at least had.
    pub fn note_memory(&self, bytes: u64) {
        self.memory.fetch_max(bytes, Ordering::Relaxed);
    }

    /// CPU time used by it, and by its children that were waited for, in nanoseconds.
    pub fn cpu(&self) -> (u64, u64) {
        (self.cpu.load(Ordering::Relaxed), self.children_cpu.load(Ordering::Relaxed))
    }

    /// The most memory it had, in bytes.
    pub fn memory(&self) -> u64 {
        self.memory.load(Ordering::Relaxed)
    }

    pub(super) fn add_child(&self, child: &Process) {
        let (own, children) = child.cpu();
        self.children_cpu.fetch_add(own + children, Ordering::Relaxed);
    }
}

/// What a process has of its parent's signals.
pub(super) struct Inherited {
    pub(super) blocked: SignalSet,
    pub(super) actions: Box<[Action; Signal::MAX as usize]>,
}

impl Default for Inherited {
    fn default() -> Inherited {
        Inherited { blocked: SignalSet::default(), actions: Box::new([Action::default(); Signal::MAX as usize]) }
    }
}

impl State {
    fn is_ordered(&self) -> bool {
        self.end.is_some() || self.stopped.is_some() || self.pending.without(self.blocked) != SignalSet::default()
    }

    fn post(&mut self, signal: Signal) -> Posted {
        if signal == Signal::CONT || signal == Signal::KILL {
            self.pending = self.pending.without(SignalSet::STOPS);
        }
        let continues = signal == Signal::CONT && self.stopped.take().is_some();
        let posted = self.post_as_set(signal);
        if continues { self.act_on_pending().unwrap_or(Posted::Continues) } else { posted }
    }

    /// Lets pending signals act that are neither blocked nor handled: they came while it was stopped, or their handlers were
    /// taken back since. What has to be done about them, if anything.
    fn act_on_pending(&mut self) -> Option<Posted> {
        for signal in self.pending.without(self.blocked).iter() {
            if self.actions[usize::from(signal.0) - 1].disposition == Disposition::Handler {
                continue;
            }
            self.pending.remove(signal);
            let posted = self.post_as_set(signal);
            if posted != Posted::Nothing {
                return Some(posted);
            }
        }
        None
    }

    fn post_as_set(&mut self, signal: Signal) -> Posted {
        let action = self.actions[usize::from(signal.0) - 1];
        let effect = match action.disposition {
            _ if signal == Signal::KILL => Effect::End,
            _ if signal == Signal::STOP => Effect::Stop,
            Disposition::Ignore => Effect::Ignore,
            Disposition::Handler => {
                self.pending.insert(signal);
                return if self.blocked.contains(signal) { Posted::Nothing } else { Posted::Handled };
            }
            Disposition::Default => signal.default_effect(),
        };
        let is_blocked = self.blocked.contains(signal);
        match effect {
            Effect::Ignore | Effect::Continue => {
                // Who blocks a signal may wait for it (sigwait).
                if is_blocked && action.disposition == Disposition::Default {
                    self.pending.insert(signal);
                    return Posted::Handled;
                }
                Posted::Nothing
            }
            _ if is_blocked => {
                self.pending.insert(signal);
                Posted::Handled
            }
            Effect::Stop => {
                self.pending.remove(Signal::CONT);
                match self.stopped.replace(signal) {
                    Some(_) => Posted::Nothing,
                    None => Posted::Stops,
                }
            }
            // Nothing but SIGKILL and SIGCONT reaches a process that is stopped (signal(7)).
            Effect::End if self.stopped.is_some() && signal != Signal::KILL => {
                self.pending.insert(signal);
                Posted::Nothing
            }
            Effect::End => self.finish(End::new(Cause::Signaled(signal))),
        }
    }

    fn finish(&mut self, end: End) -> Posted {
        self.end = Some(end.clone());
        self.stopped = None;
        if self.out_of_reach { Posted::Ended(end) } else { Posted::Ends }
    }

    fn take_handled(&mut self) -> Option<Order> {
        let signal = self.pending.without(self.blocked).first()?;
        self.pending.remove(signal);
        let action = &mut self.actions[usize::from(signal.0) - 1];
        let Action { flags, mask, .. } = *action;
        if flags & Action::RESET_HANDLER != 0 {
            *action = Action::default();
        }
        let restore = self.blocked;
        self.blocked = self.blocked.with(mask).blockable();
        if flags & Action::NO_DEFER == 0 {
            self.blocked.insert(signal);
        }
        Some(Order::Handle { signal, flags, restore })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process() -> Process {
        Process::new(1, About::default(), Inherited::default())
    }

    fn handled(flags: u32) -> Action {
        Action { disposition: Disposition::Handler, flags, mask: SignalSet::default() }
    }

    #[test]
    fn a_signal_ends_stops_or_is_ignored_by_default() {
        let process = process();
        assert_eq!(process.post(Signal::CHLD), Posted::Nothing);
        assert_eq!((process.post(Signal::TSTP), process.post(Signal::STOP)), (Posted::Stops, Posted::Nothing));
        assert_eq!(process.post(Signal::CONT), Posted::Continues);
        assert!(!process.has_attention());
        assert_eq!((process.post(Signal::TERM), process.post(Signal::KILL)), (Posted::Ends, Posted::Nothing));
        assert!(matches!(process.next_order(), Some(Order::End(end)) if end.code() == 143));
    }

    #[test]
    fn a_blocked_signal_waits_and_acts_when_it_is_unblocked() {
        let process = process();
        let mut set = SignalSet::default();
        set.insert(Signal::TERM);
        set.insert(Signal::KILL);
        assert_eq!(process.set_blocked(set), SignalSet::default());
        assert!(!process.blocked().contains(Signal::KILL));
        process.post(Signal::TERM);
        assert!(!process.has_attention() && process.pending().contains(Signal::TERM));
        let due = process.set_blocked(SignalSet::default());
        assert_eq!((due.first(), process.pending()), (Some(Signal::TERM), SignalSet::default()));
        assert_eq!(process.post(Signal::KILL), Posted::Ends);
    }

    #[test]
    fn a_handler_runs_once_with_its_signal_blocked() {
        let process = process();
        process.set_action(Signal::INT, handled(Action::RESTART));
        assert_eq!(process.post(Signal::INT), Posted::Handled);
        assert!(process.is_interrupted());
        let Some(Order::Handle { signal, flags, restore }) = process.next_order() else { panic!("no order") };
        assert_eq!((signal, flags, restore), (Signal::INT, Action::RESTART, SignalSet::default()));
        assert!(process.blocked().contains(Signal::INT) && !process.has_attention());
        process.post(Signal::INT);
        assert!(process.next_order().is_none());
        process.set_blocked(restore);
        assert!(process.next_order().is_some());
    }

    #[test]
    fn a_process_in_a_call_that_cannot_be_broken_off_counts_as_ended() {
        let process = process();
        let inside = process.out_of_reach(|| process.post(Signal::KILL));
        assert_eq!(inside, Err(Errno::Intr));
        assert_eq!(process.out_of_reach(|| ()), Err(Errno::Intr));
    }

    #[test]
    fn children_inherit_what_is_ignored_and_no_handlers() {
        let process = process();
        process.set_action(Signal::INT, handled(0));
        process.set_action(Signal::QUIT, Action { disposition: Disposition::Ignore, ..Action::default() });
        let inherited = process.inherited();
        let disposition = |signal: Signal| inherited.actions[usize::from(signal.0) - 1].disposition;
        assert_eq!((disposition(Signal::INT), disposition(Signal::QUIT)), (Disposition::Default, Disposition::Ignore));
    }
}
