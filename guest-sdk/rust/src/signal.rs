//! Signals: their numbers and names, and what they do.

use crate::sys::{self, Disposition, Result, SigAction, SigFlags, SigSet};

macro_rules! signals {
    ($($name:ident $short:literal $number:literal $text:literal)*) => {
        $(
            #[doc = $text]
            #[cfg(target_os = "wasi")]
            pub const $name: i32 = $number;
            #[doc = $text]
            #[cfg(unix)]
            pub const $name: i32 = libc::$name;
        )*

        /// All signals that have names here: the name without `SIG`, the number, and what strsignal(3) says.
        pub const ALL: &[(&str, i32, &str)] = &[$(($short, $name, $text)),*];
    };
}

signals! {
    SIGHUP "HUP" 1 "Hangup"
    SIGINT "INT" 2 "Interrupt"
    SIGQUIT "QUIT" 3 "Quit"
    SIGILL "ILL" 4 "Illegal instruction"
    SIGTRAP "TRAP" 5 "Trace/breakpoint trap"
    SIGABRT "ABRT" 6 "Aborted"
    SIGBUS "BUS" 7 "Bus error"
    SIGFPE "FPE" 8 "Floating point exception"
    SIGKILL "KILL" 9 "Killed"
    SIGUSR1 "USR1" 10 "User defined signal 1"
    SIGSEGV "SEGV" 11 "Segmentation fault"
    SIGUSR2 "USR2" 12 "User defined signal 2"
    SIGPIPE "PIPE" 13 "Broken pipe"
    SIGALRM "ALRM" 14 "Alarm clock"
    SIGTERM "TERM" 15 "Terminated"
    SIGCHLD "CHLD" 17 "Child exited"
    SIGCONT "CONT" 18 "Continued"
    SIGSTOP "STOP" 19 "Stopped (signal)"
    SIGTSTP "TSTP" 20 "Stopped"
    SIGTTIN "TTIN" 21 "Stopped (tty input)"
    SIGTTOU "TTOU" 22 "Stopped (tty output)"
    SIGURG "URG" 23 "Urgent I/O condition"
    SIGXCPU "XCPU" 24 "CPU time limit exceeded"
    SIGXFSZ "XFSZ" 25 "File size limit exceeded"
    SIGVTALRM "VTALRM" 26 "Virtual timer expired"
    SIGPROF "PROF" 27 "Profiling timer expired"
    SIGWINCH "WINCH" 28 "Window changed"
    SIGIO "IO" 29 "I/O possible"
    SIGSYS "SYS" 31 "Bad system call"
}

/// The name without `SIG`, as in `INT`.
pub fn name(signal: i32) -> Option<&'static str> {
    ALL.iter().find(|(_, number, _)| *number == signal).map(|(name, ..)| *name)
}

/// What strsignal(3) says, as in `Terminated`.
pub fn description(signal: i32) -> Option<&'static str> {
    ALL.iter().find(|(_, number, _)| *number == signal).map(|(.., text)| *text)
}

/// The signal of a name, with or without `SIG`, in letters of either case, or of a number. 0 is the one that only checks (`EXIT` in shells).
pub fn from_name(text: &str) -> Option<i32> {
    if let Ok(number) = text.parse::<i32>() {
        return (0..=64).contains(&number).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let short = upper.strip_prefix("SIG").unwrap_or(&upper);
    match short {
        "EXIT" => Some(0),
        "IOT" => Some(SIGABRT),
        "CLD" => Some(SIGCHLD),
        "POLL" => Some(SIGIO),
        _ => ALL.iter().find(|(name, ..)| *name == short).map(|(_, number, _)| *number),
    }
}

/// Ignores a signal.
pub fn ignore(signal: i32) -> Result<SigAction> {
    sys::sigaction(signal, Disposition::Ignore)
}

/// Has a signal do what is its default.
pub fn default(signal: i32) -> Result<SigAction> {
    sys::sigaction(signal, Disposition::Default)
}

/// Calls `function` for a signal. Calls that wait go on afterwards with [`SigFlags::RESTART`], and fail with `EINTR` without.
pub fn handle(signal: i32, function: fn(i32), flags: SigFlags) -> Result<SigAction> {
    sys::sigaction(signal, SigAction { disposition: Disposition::Handler(function), flags, mask: SigSet::EMPTY })
}

/// Sends a signal to this process.
pub fn raise(signal: i32) -> Result<()> {
    sys::kill(sys::getpid(), signal)
}

/// Signals blocked for as long as this lives.
#[must_use = "the signals are blocked no longer when it is dropped"]
#[derive(Debug)]
pub struct Blocked {
    before: SigSet,
}

impl Blocked {
    /// Blocks these, beside those that are.
    pub fn new(signals: SigSet) -> Result<Blocked> {
        Ok(Blocked { before: sys::sigmask(Some((sys::MaskHow::Block, signals)))? })
    }

    /// What was blocked before.
    pub fn before(&self) -> SigSet {
        self.before
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // A mask that was in force can be set again.
        let _ = sys::sigmask(Some((sys::MaskHow::Set, self.before)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_belong_together() {
        for (name, number, _) in ALL {
            assert_eq!(from_name(name), Some(*number));
            assert_eq!(from_name(&format!("sig{}", name.to_lowercase())), Some(*number));
            assert_eq!(super::name(*number), Some(*name));
        }
        assert_eq!(from_name("9"), Some(SIGKILL));
        assert_eq!(from_name("nonsense"), None);
    }
}
