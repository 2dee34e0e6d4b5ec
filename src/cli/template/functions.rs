//! The functions of templates: Go's own and Docker's.

use std::cmp::Ordering;

use serde_json::Value;

use super::MAX_OUTPUT;
use super::printf::printf;
use super::strings;
use super::value::{equal, is_true, json, order, print, type_name};

/// The most parts `split` makes.
const MAX_PARTS: usize = 100_000;

/// The functions but `and` and `or`, which do not see all their arguments: name, fewest and most arguments.
const FUNCTIONS: &[(&str, usize, usize)] = &[
    ("not", 1, 1),
    ("eq", 1, usize::MAX),
    ("ne", 2, 2),
    ("lt", 2, 2),
    ("le", 2, 2),
    ("gt", 2, 2),
    ("ge", 2, 2),
    ("len", 1, 1),
    ("index", 1, usize::MAX),
    ("slice", 1, 4),
    ("print", 0, usize::MAX),
    ("printf", 1, usize::MAX),
    ("println", 0, usize::MAX),
    ("html", 0, usize::MAX),
    ("js", 0, usize::MAX),
    ("urlquery", 0, usize::MAX),
    ("json", 1, 1),
    ("join", 2, 2),
    ("split", 2, 2),
    ("lower", 1, 1),
    ("upper", 1, 1),
    ("title", 1, 1),
    ("pad", 3, 3),
    ("truncate", 2, 2),
];

/// Whether there is a function of this name.
pub fn exists(name: &str) -> bool {
    matches!(name, "and" | "or") || FUNCTIONS.iter().any(|(own, ..)| *own == name)
}

/// Whether the function does nothing in the header of a table but pass its first argument on.
pub fn is_silent_in_header(name: &str) -> bool {
    matches!(name, "json" | "split" | "join" | "title" | "lower" | "upper" | "truncate")
}

/// Why a call fails.
pub enum CallError {
    /// There are too few arguments, or too many.
    Count(String),
    /// An argument is of another type.
    Type {
        /// Its place.
        at: usize,
        /// The type that is wanted: `string` or `int`.
        wanted: &'static str,
    },
    /// The function failed on them.
    Failed(String),
}

impl From<String> for CallError {
    fn from(why: String) -> CallError {
        CallError::Failed(why)
    }
}

/// Calls a function.
pub fn call(name: &str, arguments: &[&Value]) -> Result<Value, CallError> {
    let (fewest, most) = FUNCTIONS
        .iter()
        .find(|(own, ..)| *own == name)
        .map(|(_, fewest, most)| (*fewest, *most))
        .ok_or_else(|| CallError::Failed(format!("{name:?} is not a defined function")))?;
    let count = arguments.len();
    if count < fewest || count > most {
        let want = if fewest == most { fewest.to_string() } else { format!("at least {fewest}") };
        return Err(CallError::Count(format!("wrong number of args for {name}: want {want} got {count}")));
    }
    let nth = |at: usize| arguments.get(at).copied().unwrap_or(&Value::Null);
    let text = |at: usize| text(arguments, at);
    Ok(match name {
        "not" => Value::Bool(!is_true(nth(0))),
        "eq" => Value::Bool(equal_any(arguments)?),
        "ne" => Value::Bool(!equal(nth(0), nth(1))?),
        "lt" => Value::Bool(order(nth(0), nth(1))? == Some(Ordering::Less)),
        "le" => Value::Bool(order(nth(0), nth(1))?.is_some_and(Ordering::is_le)),
        "gt" => Value::Bool(order(nth(0), nth(1))? == Some(Ordering::Greater)),
        "ge" => Value::Bool(order(nth(0), nth(1))?.is_some_and(Ordering::is_ge)),
        "len" => Value::from(length(nth(0))?),
        "index" => index(arguments)?,
        "slice" => slice(nth(0), &arguments[1..])?,
        "print" => Value::String(print_all(arguments)),
        "println" => Value::String(print_line(arguments)),
        "printf" => Value::String(printf(text(0)?, &arguments[1..])?),
        "html" => Value::String(strings::html(&print_all(arguments))),
        "js" => Value::String(strings::js(&print_all(arguments))),
        "urlquery" => Value::String(strings::url_query(&print_all(arguments))),
        "json" => Value::String(json(nth(0))),
        "join" => Value::String(join(nth(0), text(1)?)?),
        "split" => split(text(0)?, text(1)?)?,
        "lower" => Value::String(text(0)?.to_lowercase()),
        "upper" => Value::String(text(0)?.to_uppercase()),
        "title" => Value::String(strings::title(text(0)?)),
        "pad" => Value::String(pad(text(0)?, number(arguments, 1)?, number(arguments, 2)?)?),
        "truncate" => {
            let (text, length) = (text(0)?, number(arguments, 1)?);
            let length = usize::try_from(length).map_err(|_| "slice bounds out of range".to_owned())?;
            Value::String(strings::truncate(text, length).to_owned())
        }
        _ => Value::Null,
    })
}

fn text<'v>(arguments: &[&'v Value], at: usize) -> Result<&'v str, CallError> {
    arguments.get(at).and_then(|value| value.as_str()).ok_or(CallError::Type { at, wanted: "string" })
}

fn number(arguments: &[&Value], at: usize) -> Result<i64, CallError> {
    arguments.get(at).and_then(|value| value.as_i64()).ok_or(CallError::Type { at, wanted: "int" })
}

fn equal_any(arguments: &[&Value]) -> Result<bool, String> {
    let [first, others @ ..] = arguments else { return Ok(false) };
    if others.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    for other in others {
        if equal(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Nothing has no length, but stands for empty lists and maps in Docker's documents.
fn length(value: &Value) -> Result<usize, String> {
    match value {
        Value::Null => Ok(0),
        Value::String(text) => Ok(text.len()),
        Value::Array(list) => Ok(list.len()),
        Value::Object(map) => Ok(map.len()),
        other => Err(format!("len of type {}", type_name(other))),
    }
}

/// Items of items. A key that a map of texts does not have is an empty text, as in Go's `map[string]string`.
fn index(arguments: &[&Value]) -> Result<Value, String> {
    let empty = Value::String(String::new());
    let mut item = arguments.first().copied().unwrap_or(&Value::Null);
    for key in arguments.get(1..).unwrap_or_default() {
        item = match (item, key) {
            (Value::Object(map), Value::String(key)) => match map.get(key) {
                Some(item) => item,
                None if map.values().all(Value::is_string) => &empty,
                None => &Value::Null,
            },
            (Value::Null, Value::String(_)) => &empty,
            (Value::Array(list), Value::Number(number)) if !number.is_f64() => number
                .as_u64()
                .and_then(|at| list.get(usize::try_from(at).ok()?))
                .ok_or_else(|| format!("index out of range: {number}"))?,
            (Value::String(text), Value::Number(number)) if !number.is_f64() => {
                let byte = number.as_u64().and_then(|at| text.as_bytes().get(usize::try_from(at).ok()?));
                return byte.map(|byte| Value::from(*byte)).ok_or_else(|| format!("index out of range: {number}"));
            }
            (Value::Object(_), key) => return Err(format!("value has type {}; should be string", type_name(key))),
            (Value::Array(_) | Value::String(_), key) => {
                return Err(format!("cannot index slice/array with type {}", type_name(key)));
            }
            (Value::Null, _) => return Err("index of untyped nil".to_owned()),
            (other, _) => return Err(format!("can't index item of type {}", type_name(other))),
        };
    }
    Ok(item.clone())
}

fn slice(item: &Value, bounds: &[&Value]) -> Result<Value, String> {
    let length = match item {
        Value::String(text) if bounds.len() < 3 => text.len(),
        Value::String(_) => return Err("cannot 3-index slice a string".to_owned()),
        Value::Array(list) => list.len(),
        Value::Null => return Err("slice of untyped nil".to_owned()),
        other => return Err(format!("can't slice item of type {}", type_name(other))),
    };
    let mut places = Vec::new();
    for bound in bounds {
        if !bound.is_i64() && !bound.is_u64() {
            return Err(format!("cannot index slice/array with type {}", type_name(bound)));
        }
        let place = bound.as_u64().filter(|place| *place <= length as u64);
        let place = place.ok_or_else(|| format!("index out of range: {bound}"))?;
        places.push(place as usize);
    }
    let from = places.first().copied().unwrap_or(0);
    let to = places.get(1).copied().unwrap_or(length);
    if !places.is_sorted() {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    Ok(match item {
        Value::Array(list) => Value::Array(list[from..to].to_vec()),
        Value::String(text) => Value::String(String::from_utf8_lossy(&text.as_bytes()[from..to]).into_owned()),
        _ => Value::Null,
    })
}

/// Go's `fmt.Sprint`: a space between two of which none is a text.
fn print_all(arguments: &[&Value]) -> String {
    let mut out = String::new();
    for (at, argument) in arguments.iter().enumerate() {
        if at > 0 && !argument.is_string() && !arguments[at - 1].is_string() {
            out.push(' ');
        }
        print(&mut out, argument);
    }
    out
}

fn print_line(arguments: &[&Value]) -> String {
    let mut out = String::new();
    for (at, argument) in arguments.iter().enumerate() {
        if at > 0 {
            out.push(' ');
        }
        print(&mut out, argument);
    }
    out + "\n"
}

fn join(items: &Value, separator: &str) -> Result<String, String> {
    let print = |item: &Value| print_all(&[item]);
    let parts: Vec<String> = match items {
        Value::Null => Vec::new(),
        Value::Array(list) => list.iter().map(print).collect(),
        Value::Object(map) => {
            let mut parts: Vec<String> = map.values().map(print).collect();
            parts.sort_unstable();
            parts
        }
        other => return Err(format!("expected slice, got {}", type_name(other))),
    };
    let length =
        parts.iter().map(String::len).sum::<usize>().saturating_add(parts.len().saturating_mul(separator.len()));
    if length > MAX_OUTPUT {
        return Err(format!("the joined text is longer than {MAX_OUTPUT} bytes"));
    }
    Ok(parts.join(separator))
}

fn split(text: &str, separator: &str) -> Result<Value, String> {
    let parts: Vec<Value> = if separator.is_empty() {
        text.chars().take(MAX_PARTS + 1).map(|c| Value::from(c.to_string())).collect()
    } else {
        text.split(separator).take(MAX_PARTS + 1).map(Value::from).collect()
    };
    if parts.len() > MAX_PARTS {
        return Err(format!("more than {MAX_PARTS} parts"));
    }
    Ok(Value::Array(parts))
}

fn pad(text: &str, before: i64, after: i64) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let spaces = |count: i64| match usize::try_from(count) {
        Ok(count) if count <= 1_000_000 => Ok(" ".repeat(count)),
        _ => Err(format!("cannot pad with {count} spaces")),
    };
    Ok(spaces(before)? + text + &spaces(after)?)
}
