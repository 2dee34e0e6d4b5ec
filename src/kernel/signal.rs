//! Signals: their numbers, sets of them, and what a process does with each (signal(7)).

/// A signal, numbered as on Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signal(pub u8);

impl Signal {
    /// Hang-up.
    pub const HUP: Signal = Signal(1);
    /// Interrupt from the keyboard.
    pub const INT: Signal = Signal(2);
    /// Quit from the keyboard.
    pub const QUIT: Signal = Signal(3);
    /// Abort.
    pub const ABRT: Signal = Signal(6);
    /// Kill, which cannot be caught.
    pub const KILL: Signal = Signal(9);
    /// A write to a pipe that nobody reads.
    pub const PIPE: Signal = Signal(13);
    /// A timer that has run out.
    pub const ALRM: Signal = Signal(14);
    /// Termination.
    pub const TERM: Signal = Signal(15);
    /// A child has ended, stopped or gone on.
    pub const CHLD: Signal = Signal(17);
    /// Go on.
    pub const CONT: Signal = Signal(18);
    /// Stop, which cannot be caught.
    pub const STOP: Signal = Signal(19);
    /// Stop from the keyboard.
    pub const TSTP: Signal = Signal(20);
    /// A background process reads from its terminal.
    pub const TTIN: Signal = Signal(21);
    /// A background process writes to its terminal.
    pub const TTOU: Signal = Signal(22);
    /// A file has become larger than the process may make it.
    pub const XFSZ: Signal = Signal(25);
    /// The window has another size.
    pub const WINCH: Signal = Signal(28);

    /// The highest number.
    pub const MAX: u8 = 64;

    /// The signal of this number, 1 to 64.
    pub fn new(number: u32) -> Option<Signal> {
        u8::try_from(number).ok().filter(|number| (1..=Signal::MAX).contains(number)).map(Signal)
    }

    /// What happens where the process has not said otherwise.
    pub fn default_effect(self) -> Effect {
        match self.0 {
            17 | 23 | 28 => Effect::Ignore,
            18 => Effect::Continue,
            19..=22 => Effect::Stop,
            _ => Effect::End,
        }
    }
}

/// The default action of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing happens.
    Ignore,
    /// The process stops until it is told to go on.
    Stop,
    /// A stopped process goes on.
    Continue,
    /// The process ends.
    End,
}

/// A set of signals: bit n-1 is signal n.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalSet(pub u64);

impl SignalSet {
    /// KILL and STOP, which nobody can block or catch.
    const UNBLOCKABLE: SignalSet = SignalSet(1 << 8 | 1 << 18);
    /// STOP, TSTP, TTIN, TTOU.
    pub(super) const STOPS: SignalSet = SignalSet(0b1111 << 18);

    fn bit(signal: Signal) -> u64 {
        1 << (signal.0 - 1)
    }

    /// Whether `signal` is in it.
    pub fn contains(self, signal: Signal) -> bool {
        self.0 & SignalSet::bit(signal) != 0
    }

    /// Adds a signal.
    pub fn insert(&mut self, signal: Signal) {
        self.0 |= SignalSet::bit(signal);
    }

    /// Removes a signal.
    pub fn remove(&mut self, signal: Signal) {
        self.0 &= !SignalSet::bit(signal);
    }

    /// What is in this set and not in `other`.
    pub fn without(self, other: SignalSet) -> SignalSet {
        SignalSet(self.0 & !other.0)
    }

    /// What is in one of them.
    pub fn with(self, other: SignalSet) -> SignalSet {
        SignalSet(self.0 | other.0)
    }

    /// What is in both.
    pub fn and(self, other: SignalSet) -> SignalSet {
        SignalSet(self.0 & other.0)
    }

    /// What of it can be blocked.
    pub fn blockable(self) -> SignalSet {
        self.without(SignalSet::UNBLOCKABLE)
    }

    /// The lowest signal in it.
    pub fn first(self) -> Option<Signal> {
        (self.0 != 0).then(|| Signal(self.0.trailing_zeros() as u8 + 1))
    }

    /// All signals in it, the lowest first.
    pub fn iter(self) -> impl Iterator<Item = Signal> {
        (1..=Signal::MAX).map(Signal).filter(move |signal| self.contains(*signal))
    }
}

/// What a process does with a signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Disposition {
    /// [`Signal::default_effect`].
    #[default]
    Default,
    /// Nothing.
    Ignore,
    /// A function of the program is called.
    Handler,
}

/// sigaction(2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Action {
    /// What is done.
    pub disposition: Disposition,
    /// Bits of `SA_*`.
    pub flags: u32,
    /// What is blocked while the handler runs.
    pub mask: SignalSet,
}

impl Action {
    /// No SIGCHLD for children that stop.
    pub const NO_CHILD_STOP: u32 = 1;
    /// Children leave no zombies.
    pub const NO_CHILD_WAIT: u32 = 2;
    /// Calls go on after the handler.
    pub const RESTART: u32 = 0x1000_0000;
    /// The signal is not blocked while its handler runs.
    pub const NO_DEFER: u32 = 0x4000_0000;
    /// The disposition becomes the default before the handler runs.
    pub const RESET_HANDLER: u32 = 0x8000_0000;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_was_put_in() {
        let mut set = SignalSet::default();
        for signal in [Signal::HUP, Signal::KILL, Signal(64)] {
            set.insert(signal);
        }
        assert_eq!(set.iter().collect::<Vec<_>>(), [Signal::HUP, Signal::KILL, Signal(64)]);
        set.remove(Signal::HUP);
        assert_eq!((set.first(), set.blockable().first()), (Some(Signal::KILL), Some(Signal(64))));
        assert!(SignalSet::STOPS.contains(Signal::STOP) && SignalSet::STOPS.contains(Signal::TTOU));
        assert!(!SignalSet::STOPS.contains(Signal::CONT));
    }

    #[test]
    fn numbers_outside_of_the_range_are_no_signals() {
        assert_eq!((Signal::new(0), Signal::new(65), Signal::new(u32::MAX)), (None, None, None));
        assert_eq!(Signal::new(15), Some(Signal::TERM));
    }
}
