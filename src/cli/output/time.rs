//! Moments: as filters take them and as tables show them.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::units::parse_duration;

/// A text that is no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid time {0:?} (expected a duration like 10m, RFC 3339, a date, or seconds since 1970)")]
pub struct InvalidTime(pub String);

/// A moment as `--since`, `--until` and `until=` take it: a duration before `now`, RFC 3339, a date or date and time in
/// `zone`, or seconds since 1970 with up to nine decimals.
pub fn parse_moment(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, InvalidTime> {
    let invalid = || InvalidTime(text.to_owned());
    if let Some(moment) = parse_seconds(text) {
        return moment.ok_or_else(invalid);
    }
    if let Ok(duration) = parse_duration(text) {
        let duration = SignedDuration::try_from(duration).map_err(|_| invalid())?;
        return now.checked_sub(duration).map_err(|_| invalid());
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    let written = match text.strip_suffix('Z') {
        Some(written) => written.parse::<DateTime>().map(|at| at.to_zoned(TimeZone::UTC)),
        None => text
            .parse::<DateTime>()
            .or_else(|_| text.parse::<Date>().map(|date| date.at(0, 0, 0, 0)))
            .map(|at| at.to_zoned(zone.clone())),
    };
    written.and_then(|zoned| zoned).map(|zoned| zoned.timestamp()).map_err(|_| invalid())
}

/// A moment as the `CREATED AT` columns show it: `2026-01-02 03:04:05 +0000 UTC`.
pub fn created_at(moment: Timestamp, zone: &TimeZone) -> String {
    moment.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %z %Z").to_string()
}

/// `None` for what is no decimal number, `Some(None)` for one that is no moment.
fn parse_seconds(text: &str) -> Option<Option<Timestamp>> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // `0` is the start of time, not a duration; a bare year is a number of seconds, as with Docker.
    if !is_number(seconds) || !is_number(fraction) {
        return None;
    }
    let nanos = format!("{fraction:0<9}");
    let moment = || Timestamp::new(seconds.parse().ok()?, nanos.get(..9)?.parse().ok()?).ok();
    Some(moment())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_take_durations_dates_and_seconds() {
        let now: Timestamp = "2026-01-02T12:00:00Z".parse().unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        for (text, moment) in [
            ("10m", "2026-01-02T11:50:00Z"),
            ("1h30m", "2026-01-02T10:30:00Z"),
            ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
            ("2026-01-01T00:00:00.5+01:00", "2025-12-31T23:00:00.5Z"),
            ("2026-01-01T10:00:00", "2026-01-01T08:00:00Z"),
            ("2026-01-01T10:00", "2026-01-01T08:00:00Z"),
            ("2026-01-01", "2025-12-31T22:00:00Z"),
            ("2026-01-01T10:00Z", "2026-01-01T10:00:00Z"),
            ("1136073600", "2006-01-01T00:00:00Z"),
            ("1136073600.000000001", "2006-01-01T00:00:00.000000001Z"),
            ("0", "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(parse_moment(text, now, &zone).map(|t| t.to_string()).as_deref(), Ok(moment), "{text}");
        }
        for bad in ["", "yesterday", "2026-13-01", "99999999999999999999", "1.", "10x", "9999999h"] {
            let parsed = parse_moment(bad, now, &zone);
            assert!(parsed.is_err(), "{bad}");
        }
    }

    #[test]
    fn a_moment_is_shown_with_its_zone() {
        let moment = "2026-01-02T03:04:05.5Z".parse().unwrap();
        assert_eq!(created_at(moment, &TimeZone::UTC), "2026-01-02 03:04:05 +0000 UTC");
    }
}
