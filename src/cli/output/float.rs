//! Floating-point numbers as Go's `strconv.FormatFloat` writes them.

/// `%e`: one digit, a point, `precision` digits (as many as needed for `None`), and an exponent of at least two digits.
pub fn exponent(value: f64, precision: Option<usize>) -> String {
    if let Some(special) = special(value) {
        return special;
    }
    let text = match precision {
        Some(precision) => format!("{value:.precision$e}"),
        None => format!("{value:e}"),
    };
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

/// `%f`: `precision` digits after the point, as many as needed for `None`.
pub fn fixed(value: f64, precision: Option<usize>) -> String {
    special(value).unwrap_or_else(|| match precision {
        Some(precision) => format!("{value:.precision$}"),
        None => format!("{value}"),
    })
}

/// `%g`: the shorter of `%e` and `%f` with `precision` significant digits, as many as needed for `None`.
pub fn general(value: f64, precision: Option<usize>) -> String {
    if let Some(special) = special(value) {
        return special;
    }
    let precision = precision.map(|precision| precision.max(1));
    let text = match precision {
        Some(precision) => format!("{value:.*e}", precision - 1),
        None => format!("{value:e}"),
    };
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let digits = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    let places = digits.bytes().filter(u8::is_ascii_digit).count() as i32;
    let limit = match precision.map(|precision| i32::try_from(precision).unwrap_or(i32::MAX)) {
        Some(precision) if precision > places && places > power => places,
        Some(precision) => precision,
        None => 6,
    };
    if power < -4 || power >= limit {
        let (sign, power) = if power < 0 { ('-', -power) } else { ('+', power) };
        return format!("{digits}e{sign}{power:0>2}");
    }
    let fraction = (places - 1 - power).max(0);
    format!("{value:.*}", fraction as usize)
}

fn special(value: f64) -> Option<String> {
    match value {
        value if value.is_nan() => Some("NaN".to_owned()),
        f64::INFINITY => Some("+Inf".to_owned()),
        f64::NEG_INFINITY => Some("-Inf".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        for (value, shown) in [
            (0.0, "0"),
            (1.5, "1.5"),
            (100_000.0, "100000"),
            (1_000_000.0, "1e+06"),
            (123_456_789.0, "1.23456789e+08"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-2.25, "-2.25"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(general(value, None), shown);
        }
        for (value, precision, shown) in [
            (21.5, 3, "21.5"),
            (1.0234, 3, "1.02"),
            (999.9, 3, "1e+03"),
            (100.0, 3, "100"),
            (7.0, 3, "7"),
            (12.0, 1, "1e+01"),
        ] {
            assert_eq!(general(value, Some(precision)), shown);
        }
        assert_eq!((fixed(1.0, Some(2)), fixed(1.25, None)), ("1.00".to_owned(), "1.25".to_owned()));
        assert_eq!((exponent(12345.678, Some(2)), exponent(0.5, None)), ("1.23e+04".to_owned(), "5e-01".to_owned()));
    }
}
