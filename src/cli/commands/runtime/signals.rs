//! Signals by name or number, with Linux's numbers.

/// The names without `SIG`; a signal's number is its place and one.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
];

/// The number that `text` is, or that of its name, with or without `SIG`, in any case. Whether the kernel has a signal of
/// this number is the kernel's to say.
pub(super) fn parse(text: &str) -> Option<i32> {
    if let Ok(number) = text.parse::<i32>() {
        return Some(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some(number) = NAMES.iter().position(|known| *known == name) {
        return i32::try_from(number + 1).ok();
    }
    let real_time = |offset: &str| offset.parse::<i32>().ok().filter(|offset| (0..=30).contains(offset));
    match name {
        "IOT" => Some(6),
        "CLD" => Some(17),
        "POLL" => Some(29),
        "RTMIN" => Some(34),
        "RTMAX" => Some(64),
        _ => match (name.strip_prefix("RTMIN+"), name.strip_prefix("RTMAX-")) {
            (Some(offset), _) => real_time(offset).map(|offset| 34 + offset),
            (_, Some(offset)) => real_time(offset).map(|offset| 64 - offset),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_linuxs() {
        let table = [("9", 9), ("KILL", 9), ("SIGKILL", 9), ("sigterm", 15), ("Usr2", 12), ("CHLD", 17), ("SYS", 31)];
        let others = [("99", 99), ("0", 0), ("RTMIN+3", 37), ("SIGRTMAX-2", 62), ("RTMAX", 64)];
        for (text, number) in table.into_iter().chain(others) {
            assert_eq!(parse(text), Some(number), "{text}");
        }
        for text in ["", "SIG", "FOO", "RTMIN+31", "RTMAX--1", "9x"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
