//! Properties of a scope that a container's annotations ask for, as with runc and crun: `org.systemd.property.NAME` is a value in
//! GVariant's text form. Booleans, whole numbers and texts are understood.

use std::collections::BTreeMap;

use super::bus::Property;

/// What names of such annotations begin with.
pub const PREFIX: &str = "org.systemd.property.";
/// What decides where the container is, and is not an annotation's to say.
const OURS: [&str; 4] = ["Slice", "PIDs", "Delegate", "DefaultDependencies"];

pub(super) fn properties(annotations: &BTreeMap<String, String>) -> Result<Vec<Property>, String> {
    let asked = annotations.iter().filter_map(|(key, value)| Some((key, key.strip_prefix(PREFIX)?, value)));
    asked.map(|(key, name, value)| property(name, value).map_err(|why| format!("annotation {key}: {why}"))).collect()
}

fn property(name: &str, value: &str) -> Result<Property, String> {
    if name.len() < 3 || !name.bytes().all(|letter| letter.is_ascii_alphabetic()) {
        return Err(format!("{name:?} is no name of a property of systemd"));
    }
    if OURS.contains(&name) {
        return Err(format!("{name} is not an annotation's to say"));
    }
    let (signature, word) = parse(value.trim()).ok_or_else(|| {
        format!("{value:?} is no boolean, number or text of GVariant, such as `true`, `uint64 7` or `'text'`")
    })?;
    // Units have times in seconds, properties in microseconds.
    match name.strip_suffix("Sec").filter(|stem| !stem.ends_with('U')) {
        None => Ok(Property::new(name, signature, word)),
        Some(stem) => {
            let microseconds = word.parse::<u64>().ok().and_then(|seconds| seconds.checked_mul(1_000_000));
            let microseconds = microseconds.ok_or_else(|| format!("{value:?} is no number of seconds"))?;
            Ok(Property::number(&format!("{stem}USec"), microseconds))
        }
    }
}

/// The type and the text of a scalar: GVariant Text Format. A number without a type has 32 bits and a sign.
fn parse(value: &str) -> Option<(&'static str, String)> {
    if let "true" | "false" = value {
        return Some(("b", value.to_owned()));
    }
    if let Some(text) = quoted(value) {
        return Some(("s", text));
    }
    let (kind, digits) = value.split_once(' ').map_or(("int32", value), |(kind, digits)| (kind, digits.trim()));
    let number: i128 = digits.parse().ok()?;
    let (signature, range) = match kind {
        "byte" | "@y" => ("y", 0..=u8::MAX.into()),
        "int16" | "@n" => ("n", i16::MIN.into()..=i16::MAX.into()),
        "uint16" | "@q" => ("q", 0..=u16::MAX.into()),
        "int32" | "@i" => ("i", i32::MIN.into()..=i32::MAX.into()),
        "uint32" | "@u" => ("u", 0..=u32::MAX.into()),
        "int64" | "@x" => ("x", i64::MIN.into()..=i64::MAX.into()),
        "uint64" | "@t" => ("t", 0..=u64::MAX.into()),
        _ => return None,
    };
    range.contains(&number).then(|| (signature, number.to_string()))
}

/// A text in quotes, with `\\`, `\'` and `\"` as the only escapes.
fn quoted(value: &str) -> Option<String> {
    let quote = value.chars().next().filter(|letter| matches!(letter, '\'' | '"'))?;
    let inner = value.strip_prefix(quote)?.strip_suffix(quote)?;
    let mut text = String::new();
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => text.push(letters.next().filter(|letter| matches!(letter, '\\' | '\'' | '"'))?),
            letter if letter == quote || letter.is_control() => return None,
            letter => text.push(letter),
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_understood_and_seconds_become_microseconds() {
        let table = [
            ("CollectMode", "'inactive-or-failed'", "s", "CollectMode", "inactive-or-failed"),
            ("TimeoutStopUSec", "uint64 5000000", "t", "TimeoutStopUSec", "5000000"),
            ("TimeoutStopSec", "5", "t", "TimeoutStopUSec", "5000000"),
            ("SendSIGHUP", "true", "b", "SendSIGHUP", "true"),
            ("Nice", "-5", "i", "Nice", "-5"),
            ("Text", r#""a \"b\" \\""#, "s", "Text", r#"a "b" \"#),
        ];
        for (name, value, signature, real, word) in table {
            assert_eq!(property(name, value), Ok(Property::new(real, signature, word)), "{name} {value}");
        }
    }

    #[test]
    fn what_is_no_scalar_or_no_name_is_refused() {
        let values = ["", "'a", "a", "[1]", "uint32 -1", "byte 256", "5 6", "'a'b'", "'a\\n'", "('a', 1)", "'\n'"];
        for value in values {
            assert!(property("Some", value).is_err(), "{value:?}");
        }
        for name in ["", "ab", "a b", "a.b", "Slice", "PIDs", "-x-"] {
            assert!(property(name, "1").is_err(), "{name:?}");
        }
        assert!(property("TimeoutStopSec", "-1").is_err());
    }
}
