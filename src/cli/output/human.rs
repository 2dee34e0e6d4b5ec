//! Ages and sizes as people read them (docker/go-units `HumanDuration`, `HumanSizeWithPrecision`).

use jiff::Timestamp;

use super::float;

/// How long something took or is: `About a minute`, `3 weeks`.
pub fn duration(seconds: i64) -> String {
    let hours = (seconds as f64 / 3600.0 + 0.5).floor() as i64;
    match seconds {
        ..1 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..60 => format!("{seconds} seconds"),
        60..120 => "About a minute".to_owned(),
        120..3600 => format!("{} minutes", seconds / 60),
        _ => match hours {
            ..=1 => "About an hour".to_owned(),
            2..48 => format!("{hours} hours"),
            48..336 => format!("{} days", hours / 24),
            336..1440 => format!("{} weeks", hours / 24 / 7),
            1440..17_520 => format!("{} months", hours / 24 / 30),
            _ => format!("{} years", seconds / 3600 / 24 / 365),
        },
    }
}

/// How long ago something was: `2 minutes ago`. What lies ahead was `Less than a second ago`.
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    format!("{} ago", duration(now.as_second().saturating_sub(then.as_second())))
}

/// A number of bytes in at most three digits and decimal units: `0B`, `1.02kB`, `21.5MB`. Where Docker writes `1e+03kB`
/// this is `1MB`.
pub fn size(bytes: u64) -> String {
    scaled(bytes as f64, 1000.0, 3, &["B", "kB", "MB", "GB", "TB", "PB", "EB"])
}

/// A number of bytes in at most four digits and binary units, as `stats` and `info` write memory: `15.6GiB`.
pub fn binary_size(bytes: u64) -> String {
    scaled(bytes as f64, 1024.0, 4, &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"])
}

fn scaled(mut value: f64, base: f64, digits: usize, units: &[&str]) -> String {
    let mut unit = 0;
    while value >= base && unit + 1 < units.len() {
        value /= base;
        unit += 1;
    }
    let mut text = float::general(value, Some(digits));
    if text.contains('e') && unit + 1 < units.len() {
        text = float::general(value / base, Some(digits));
        unit += 1;
    }
    text + units[unit]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_as_docker_does() {
        const HOUR: i64 = 3600;
        const DAY: i64 = 24 * HOUR;
        for (seconds, shown) in [
            (-5, "Less than a second"),
            (0, "Less than a second"),
            (1, "1 second"),
            (45, "45 seconds"),
            (60, "About a minute"),
            (119, "About a minute"),
            (120, "2 minutes"),
            (35 * 60 + 40, "35 minutes"),
            (HOUR, "About an hour"),
            (HOUR + 1799, "About an hour"),
            (HOUR + 1800, "2 hours"),
            (24 * HOUR, "24 hours"),
            (47 * HOUR, "47 hours"),
            (2 * DAY, "2 days"),
            (13 * DAY, "13 days"),
            (14 * DAY, "2 weeks"),
            (59 * DAY, "8 weeks"),
            (60 * DAY, "2 months"),
            (365 * DAY, "12 months"),
            (729 * DAY, "24 months"),
            (730 * DAY, "2 years"),
            (i64::MAX, "292471208677 years"),
        ] {
            assert_eq!(duration(seconds), shown, "{seconds}");
        }
    }

    #[test]
    fn ages_end_in_ago() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(ago(at(0), at(180)), "3 minutes ago");
        assert_eq!(ago(at(10), at(0)), "Less than a second ago");
    }

    #[test]
    fn sizes_have_three_digits_and_decimal_units() {
        for (bytes, shown) in [
            (0, "0B"),
            (2, "2B"),
            (999, "999B"),
            (1000, "1kB"),
            (1024, "1.02kB"),
            (21_500_000, "21.5MB"),
            (123_456_789, "123MB"),
            (999_999, "1MB"),
            (1 << 40, "1.1TB"),
            (u64::MAX, "18.4EB"),
        ] {
            assert_eq!(size(bytes), shown);
        }
        assert_eq!((binary_size(1024), binary_size(16_750_372_454)), ("1KiB".to_owned(), "15.6GiB".to_owned()));
    }
}
