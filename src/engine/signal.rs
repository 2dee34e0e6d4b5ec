//! Signals by name and number, as `kill` and `--stop-signal` take them.

use crate::runtime::Signal;

/// The names of the signals from 1 on: signal(7), the numbers of most processors.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
];
/// Second names.
const ALIASES: [(&str, u8); 4] = [("IOT", 6), ("CLD", 17), ("POLL", 29), ("UNUSED", 31)];
/// The first real-time signal that the C libraries leave to programs, and the last.
const RTMIN: u8 = 34;
const RTMAX: u8 = Signal::MAX;

/// The signal of a number (1 to 64) or a name with or without `SIG`, as `TERM`, `sigusr1` or `RTMIN+3`.
pub fn parse_signal(text: &str) -> Option<Signal> {
    if text.starts_with(|letter: char| letter.is_ascii_digit()) {
        return Signal::new(text.parse().ok()?);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some(at) = NAMES.iter().position(|known| *known == name) {
        return Signal::new(at as u32 + 1);
    }
    if let Some((_, number)) = ALIASES.iter().find(|(known, _)| *known == name) {
        return Some(Signal(*number));
    }
    let offset = |rest: &str, sign: char| match rest {
        "" => Some(0),
        rest => rest.strip_prefix(sign)?.parse::<u8>().ok().filter(|offset| *offset <= RTMAX - RTMIN),
    };
    match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(rest), _) => Some(Signal(RTMIN + offset(rest, '+')?)),
        (_, Some(rest)) => Some(Signal(RTMAX - offset(rest, '-')?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        for (text, number) in [
            ("9", 9),
            ("64", 64),
            ("TERM", 15),
            ("sigusr1", 10),
            ("SIGWINCH", 28),
            ("IOT", 6),
            ("RTMIN", 34),
            ("SIGRTMIN+3", 37),
            ("RTMAX-1", 63),
            ("RTMIN+30", 64),
        ] {
            assert_eq!(parse_signal(text), Some(Signal(number)), "{text}");
        }
        for bad in
            ["", "0", "65", "-1", "9x", "SIG", "NOSUCH", "RTMIN+31", "RTMIN-1", "RTMAX+1", "RTMIN+", "99999999999"]
        {
            assert_eq!(parse_signal(bad), None, "{bad}");
        }
    }
}
