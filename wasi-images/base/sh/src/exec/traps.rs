//! Traps: what scripts do when signals come, when they end, when a command fails.

use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use cowbox_guest::signal;
use cowbox_guest::sys::{self, Disposition, SigAction, SigFlags, SigSet};

use crate::shell::{Run, Shell, Stop};

/// The numbers of conditions that are no signals.
pub const EXIT: i32 = 0;
pub const ERR: i32 = 65;
pub const DEBUG: i32 = 66;
pub const RETURN: i32 = 67;

/// In a container handlers run when a call comes back, and a loop of builtins makes none.
const CALLS_NEEDED: bool = cfg!(target_os = "wasi");

/// Signals that have come and not been dealt with.
static PENDING: AtomicU64 = AtomicU64::new(0);

pub fn note(signal: i32) {
    if (1..=64).contains(&signal) {
        PENDING.fetch_or(1 << (signal - 1), Ordering::Relaxed);
    }
}

/// Takes note of signals that are waited for elsewhere.
pub fn take(signal: i32) -> bool {
    let bit = 1 << (signal - 1);
    PENDING.fetch_and(!bit, Ordering::Relaxed) & bit != 0
}

pub fn any_pending() -> bool {
    PENDING.load(Ordering::Relaxed) != 0
}

#[derive(Clone, Debug, Default)]
pub struct Traps {
    /// By number; an empty action ignores the signal.
    pub actions: Vec<(i32, Rc<str>)>,
    /// What `trap` still lists in a subshell, though it no longer acts.
    pub listed: Vec<(i32, Rc<str>)>,
    /// Signals that were ignored when the shell was started: a script cannot change that.
    pub ignored_at_start: SigSet,
    /// Signals the shell itself keeps away from, when interactive.
    pub own: SigSet,
    running: bool,
}

impl Traps {
    /// Whether a signal has come that there is an action for.
    pub fn is_due(&self) -> bool {
        any_pending()
            && (1..=64)
                .any(|signal| PENDING.load(Ordering::Relaxed) & (1 << (signal - 1)) != 0 && self.get(signal).is_some())
    }

    pub fn get(&self, condition: i32) -> Option<&Rc<str>> {
        self.actions.iter().find(|(known, _)| *known == condition).map(|(_, action)| action)
    }
}

/// The condition of a name or number.
pub fn condition(name: &str) -> Option<i32> {
    match name.to_ascii_uppercase().trim_start_matches("SIG") {
        "EXIT" | "0" => Some(EXIT),
        "ERR" => Some(ERR),
        "DEBUG" => Some(DEBUG),
        "RETURN" => Some(RETURN),
        _ => signal::from_name(name).filter(|&number| number == 0 || signal::name(number).is_some()),
    }
}

pub fn condition_name(condition: i32) -> String {
    match condition {
        EXIT => "EXIT".to_owned(),
        ERR => "ERR".to_owned(),
        DEBUG => "DEBUG".to_owned(),
        RETURN => "RETURN".to_owned(),
        number => signal::name(number).map_or_else(|| number.to_string(), str::to_owned),
    }
}

impl Shell {
    /// Sets what is done on a condition; nothing: what is usual.
    pub fn set_trap(&mut self, condition: i32, action: Option<Rc<str>>) {
        self.traps.listed.clear();
        let is_signal = (1..=64).contains(&condition);
        if is_signal && self.traps.ignored_at_start.contains(condition) && !self.options.interactive {
            return;
        }
        self.traps.actions.retain(|(known, _)| *known != condition);
        if is_signal {
            let ignores = action.as_ref().is_some_and(|action| action.is_empty());
            self.dispose(condition, action.is_some(), ignores);
        }
        if let Some(action) = action {
            self.traps.actions.push((condition, action));
            self.traps.actions.sort_by_key(|(condition, _)| *condition);
        }
    }

    fn dispose(&self, signal: i32, trapped: bool, ignored: bool) {
        let disposition = if ignored {
            Disposition::Ignore
        } else if trapped {
            Disposition::Handler(note)
        } else if self.traps.own.contains(signal) {
            if signal == signal::SIGINT { Disposition::Handler(note) } else { Disposition::Ignore }
        } else {
            Disposition::Default
        };
        // KILL and STOP cannot be changed; `trap` accepts them as other shells do.
        let _ = sys::sigaction(signal, SigAction { disposition, flags: SigFlags::empty(), mask: SigSet::EMPTY });
    }

    /// Signals that an interactive shell does not die of.
    pub fn keep_signals(&mut self, signals: &[i32]) {
        for &signal in signals {
            self.traps.own = self.traps.own.with(signal);
            self.dispose(signal, false, false);
        }
    }

    /// Which signals a program is to find as they usually are.
    pub fn signals_for_children(&self) -> Option<SigSet> {
        (self.traps.own != SigSet::EMPTY).then(|| {
            let mut set = self.traps.own;
            for (condition, action) in &self.traps.actions {
                if action.is_empty() && (1..=64).contains(condition) {
                    set = set.without(*condition);
                }
            }
            set
        })
    }

    /// Before the program takes the place of this one.
    pub fn traps_for_exec(&mut self) {
        for signal in self.signals_for_children().unwrap_or_default().iter() {
            let _ = sys::sigaction(signal, Disposition::Default);
        }
    }

    /// A subshell keeps what is ignored and forgets the rest.
    pub fn reset_traps(&mut self) {
        let mut actions = std::mem::take(&mut self.traps.actions);
        self.traps.listed.clone_from(&actions);
        actions.retain(|(condition, action)| {
            let kept = action.is_empty();
            if !kept && (1..=64).contains(condition) && self.subshells == 0 {
                self.dispose(*condition, false, false);
            }
            kept
        });
        self.traps.actions = actions;
    }

    /// After a subshell: what was in force before it. Within one process dispositions were left alone, but for what the subshell's own traps changed.
    pub fn restore_traps(&mut self, before: Traps) {
        let after = std::mem::replace(&mut self.traps, before);
        for (condition, _) in &after.actions {
            if (1..=64).contains(condition) {
                let action = self.traps.get(*condition).cloned();
                self.dispose(*condition, action.is_some(), action.is_some_and(|action| action.is_empty()));
            }
        }
    }

    /// Runs the actions of signals that have come.
    pub fn run_pending_traps(&mut self) -> Run {
        if CALLS_NEEDED {
            self.commands_run = self.commands_run.wrapping_add(1);
            if self.commands_run.is_multiple_of(64) {
                // Which signals are pending does not matter: handlers run on the way back.
                let _ = sys::sigpending();
            }
        }
        if !any_pending() {
            return Ok(());
        }
        if self.traps.own.contains(signal::SIGINT) && self.traps.get(signal::SIGINT).is_none() && take(signal::SIGINT) {
            self.status = 130;
            return Err(Stop::Abort);
        }
        for signal in 1..=64 {
            if self.traps.get(signal).is_some() && take(signal) {
                self.run_trap(signal)?;
            }
        }
        Ok(())
    }

    /// Runs what a trap says; the exit status stays as it was.
    pub fn run_trap(&mut self, condition: i32) -> Run {
        let Some(action) = self.traps.get(condition).cloned() else { return Ok(()) };
        if action.is_empty() || (condition >= ERR && self.traps.running) {
            return Ok(());
        }
        let (status, pipe_status) = (self.status, self.pipe_status.clone());
        let running = std::mem::replace(&mut self.traps.running, true);
        let result = self.eval(&action);
        self.traps.running = running;
        match result {
            Ok(()) => {
                self.status = status;
                self.pipe_status = pipe_status;
                Ok(())
            }
            Err(stop) => Err(stop),
        }
    }

    /// Runs the EXIT trap, once. An `exit` in it decides the status.
    pub fn run_exit_trap(&mut self) {
        let Some(action) = self.traps.get(EXIT).cloned() else { return };
        self.traps.actions.retain(|(condition, _)| *condition != EXIT);
        let status = self.status;
        self.depth = 0;
        self.loops = 0;
        match self.eval(&action) {
            Err(Stop::Exit | Stop::Abort) => {}
            _ => self.status = status,
        }
        self.flush();
    }
}

/// The lowest signal that has come and was not dealt with.
pub fn first_pending() -> Option<i32> {
    let pending = PENDING.load(Ordering::Relaxed);
    (pending != 0).then(|| pending.trailing_zeros() as i32 + 1)
}

impl Shell {
    /// Remembers which signals were ignored when the shell was started: POSIX has a script leave them so.
    pub fn note_ignored(&mut self) {
        for signal in [
            signal::SIGHUP,
            signal::SIGINT,
            signal::SIGQUIT,
            signal::SIGTERM,
            signal::SIGPIPE,
            signal::SIGUSR1,
            signal::SIGUSR2,
            signal::SIGCHLD,
            signal::SIGALRM,
        ] {
            if sys::sigaction_now(signal).is_ok_and(|action| action.disposition.is_ignored()) {
                self.traps.ignored_at_start = self.traps.ignored_at_start.with(signal);
            }
        }
        // Rust's runtime ignores it, which children would inherit; a shell dies of it like any program.
        if self.traps.get(signal::SIGPIPE).is_none() {
            let _ = sys::sigaction(signal::SIGPIPE, Disposition::Default);
        }
        self.traps.ignored_at_start = self.traps.ignored_at_start.without(signal::SIGPIPE);
        if self.options.interactive {
            self.keep_signals(&[signal::SIGINT, signal::SIGQUIT, signal::SIGTERM]);
        }
    }
}
