//! Names for containers that were given none.

use std::io;

use crate::sys::random;

const QUALITIES: &[&str] = &[
    "able", "agile", "amber", "ample", "bold", "brave", "bright", "brisk", "calm", "candid", "clear", "clever",
    "crisp", "daring", "deft", "eager", "early", "earnest", "easy", "fair", "fleet", "fond", "frank", "fresh",
    "gentle", "glad", "golden", "grand", "happy", "hardy", "honest", "humble", "jolly", "keen", "kind", "lively",
    "loyal", "lucid", "mellow", "merry", "mild", "modest", "neat", "nimble", "noble", "patient", "plucky", "polite",
    "proud", "quick", "quiet", "rapid", "ready", "robust", "serene", "sharp", "sleek", "smart", "snug", "solid",
    "spry", "steady", "stout", "sunny", "swift", "tidy", "tender", "trusty", "vivid", "warm", "wise", "witty", "young",
    "zesty",
];

const BREEDS: &[&str] = &[
    "angus",
    "ankole",
    "aubrac",
    "ayrshire",
    "bazadaise",
    "bison",
    "brahman",
    "braunvieh",
    "camargue",
    "charolais",
    "chianina",
    "corriente",
    "devon",
    "dexter",
    "droughtmaster",
    "fleckvieh",
    "galloway",
    "gascon",
    "gaur",
    "guernsey",
    "hereford",
    "highland",
    "holstein",
    "jersey",
    "kerry",
    "limousin",
    "lincoln",
    "longhorn",
    "maine",
    "marchigiana",
    "miranda",
    "montbeliarde",
    "murray",
    "nelore",
    "normande",
    "parthenaise",
    "piedmontese",
    "pinzgauer",
    "randall",
    "romagnola",
    "salers",
    "senepol",
    "shorthorn",
    "simmental",
    "sussex",
    "tarentaise",
    "texel",
    "tudanca",
    "tuli",
    "wagyu",
    "watusi",
    "yak",
    "zebu",
];

/// A name such as `brisk_galloway`; with a number behind it where `attempt` says that others were taken.
pub(super) fn random_name(attempt: u32) -> io::Result<String> {
    let mut bytes = [0; 5];
    random::fill(&mut bytes)?;
    let pick =
        |list: &[&'static str], bytes: &[u8]| list[usize::from(u16::from_le_bytes([bytes[0], bytes[1]])) % list.len()];
    let name = format!("{}_{}", pick(QUALITIES, &bytes[..2]), pick(BREEDS, &bytes[2..4]));
    Ok(if attempt == 0 { name } else { format!("{name}{}", bytes[4] % 10) })
}

/// Whether `name` may be a container's or a volume's: a letter or digit, then letters, digits, `_`, `.` and `-`.
pub(super) fn is_valid_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (2..=128).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(allowed)
}
