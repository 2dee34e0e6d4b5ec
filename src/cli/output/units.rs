//! Sizes and durations as people write them in options (docker/go-units `RAMInBytes`, Go `time.ParseDuration`).

use std::time::Duration;

/// A text that is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuantity {
    /// No size.
    #[error("invalid size: '{0}' (expected a number and b, k, m, g or t, as 512m)")]
    Size(String),
    /// No duration.
    #[error("invalid duration {0:?} (expected numbers and ns, us, ms, s, m or h, as 1m30s)")]
    Duration(String),
}

/// A number of bytes: `1024`, `512m`, `1.5 GiB`; units are powers of 1024.
pub fn parse_size(text: &str) -> Result<u64, InvalidQuantity> {
    let invalid = || InvalidQuantity::Size(text.to_owned());
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let unit = unit.strip_prefix(' ').unwrap_or(unit).to_ascii_lowercase();
    let power = match unit.as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        "p" | "pb" | "pib" => 5,
        _ => return Err(invalid()),
    };
    let scale = 1024_u64.pow(power);
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(scale).ok_or_else(invalid);
    }
    let bytes = number.parse::<f64>().map_err(|_| invalid())? * scale as f64;
    if bytes >= 0.0 && bytes < u64::MAX as f64 { Ok(bytes as u64) } else { Err(invalid()) }
}

/// A duration in Go's form: `10s`, `1m30s`, `1.5h`, `0`.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidQuantity> {
    let invalid = || InvalidQuantity::Duration(text.to_owned());
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(invalid)?);
        let (unit, after) = after.split_at(after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len()));
        let scale: u64 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(invalid()),
        };
        total = total.checked_add(nanoseconds(number, scale).ok_or_else(invalid)?).ok_or_else(invalid)?;
        rest = after;
    }
    // Go's durations are 63 bits of nanoseconds.
    i64::try_from(total).map(|nanos| Duration::from_nanos(nanos.unsigned_abs())).map_err(|_| invalid())
}

fn nanoseconds(number: &str, scale: u64) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut total = u128::from(whole) * u128::from(scale);
    let mut unit = scale;
    for digit in fraction.bytes() {
        unit /= 10;
        total += u128::from(digit - b'0') * u128::from(unit);
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_take_docker_s_units() {
        for (text, bytes) in [
            ("0", 0),
            ("1024", 1024),
            ("32b", 32),
            ("32k", 32 << 10),
            ("32K", 32 << 10),
            ("32kb", 32 << 10),
            ("32Kib", 32 << 10),
            ("512m", 512 << 20),
            ("1g", 1 << 30),
            ("1.5 GB", 3 << 29),
            (".5k", 512),
            ("2t", 2 << 40),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for bad in
            ["", "hello", "-1k", "1kx", "1 k b", "1kibs", ".", "1.2.3", "99999999999999999999g", "1e3", " 1", "1  k"]
        {
            assert!(parse_size(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn durations_take_go_s_form() {
        for (text, nanos) in [
            ("0", 0),
            ("10s", 10_000_000_000),
            ("1m30s", 90_000_000_000),
            ("1h", 3_600_000_000_000),
            ("1.5h", 5_400_000_000_000),
            (".5s", 500_000_000),
            ("300ms", 300_000_000),
            ("1us1µs1ns", 2001),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
        for bad in ["", "1", "s", "-1s", "1d", "1.s.", ".s", "1s2", "9999999999h", "１s"] {
            assert!(parse_duration(bad).is_err(), "{bad:?}");
        }
    }
}
