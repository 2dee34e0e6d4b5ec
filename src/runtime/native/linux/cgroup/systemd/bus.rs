//! Talking to systemd: its own tool busctl(1) calls the methods of org.freedesktop.systemd1(5).

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

/// Where the tool is. No search path is followed: it would be the caller's.
const PROGRAMS: [&str; 3] = ["/usr/bin/busctl", "/bin/busctl", "/run/current-system/sw/bin/busctl"];
/// What is read of its errors.
const ERROR_MAX: u64 = 4096;
/// What is read of its answers.
const ANSWER_MAX: u64 = 64 << 10;
const NAME: &str = "org.freedesktop.systemd1";
const PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const SECONDS: &str = "--timeout=30";

/// A property of a unit: its name, the type of its value, and the value as words of busctl's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Property {
    pub(super) name: String,
    pub(super) signature: &'static str,
    pub(super) words: Vec<String>,
}

impl Property {
    /// A value that is one word.
    pub(super) fn new(name: &str, signature: &'static str, word: impl ToString) -> Property {
        Property { name: name.to_owned(), signature, words: vec![word.to_string()] }
    }

    pub(super) fn text(name: &str, text: &str) -> Property {
        Property::new(name, "s", text)
    }

    pub(super) fn yes(name: &str, value: bool) -> Property {
        Property::new(name, "b", value)
    }

    /// A number; what is "no limit" to systemd is the largest.
    pub(super) fn number(name: &str, number: u64) -> Property {
        Property::new(name, "t", number)
    }

    pub(super) fn numbers(name: &str, numbers: &[u32]) -> Property {
        Property::list(name, "au", numbers)
    }

    pub(super) fn bytes(name: &str, bytes: &[u8]) -> Property {
        Property::list(name, "ay", bytes)
    }

    pub(super) fn pairs(name: &str, pairs: &[(String, String)]) -> Property {
        let words = pairs.iter().flat_map(|(one, other)| [one.clone(), other.clone()]);
        let words = std::iter::once(pairs.len().to_string()).chain(words).collect();
        Property { name: name.to_owned(), signature: "a(ss)", words }
    }

    fn list<T: ToString>(name: &str, signature: &'static str, items: &[T]) -> Property {
        let words = std::iter::once(items.len().to_string()).chain(items.iter().map(T::to_string));
        Property { name: name.to_owned(), signature, words: words.collect() }
    }
}

/// The tool.
pub(super) fn program() -> Result<&'static str, String> {
    let found = PROGRAMS.into_iter().find(|path| Path::new(path).exists());
    found.ok_or_else(|| format!("systemd's tool {} is missing", PROGRAMS[0]))
}

/// Asks for a transient scope. Here and below, `bus` is the address of the bus of a user's session; without one it is the system's
/// systemd that is asked.
pub(super) fn start_scope(bus: Option<&str>, unit: &str, properties: &[Property]) -> Result<(), String> {
    let mut words = vec![unit.to_owned(), "replace".to_owned()];
    words.extend(as_words(properties));
    // No further units.
    words.push("0".to_owned());
    call(bus, "StartTransientUnit", "ssa(sv)a(sa(sv))", &words)
}

/// Changes properties of a unit until it ends.
pub(super) fn set(bus: Option<&str>, unit: &str, properties: &[Property]) -> Result<(), String> {
    let mut words = vec![unit.to_owned(), "true".to_owned()];
    words.extend(as_words(properties));
    call(bus, "SetUnitProperties", "sba(sv)", &words)
}

/// Stops a unit.
pub(super) fn stop(bus: Option<&str>, unit: &str) -> Result<(), String> {
    call(bus, "StopUnit", "ss", &[unit.to_owned(), "replace".to_owned()])
}

/// Lets systemd forget a unit that has failed.
pub(super) fn reset(bus: Option<&str>, unit: &str) -> Result<(), String> {
    call(bus, "ResetFailedUnit", "s", &[unit.to_owned()])
}

/// Moves a process into the cgroup `below` that of a unit, which `/` is.
pub(super) fn attach(bus: Option<&str>, unit: &str, below: &str, pid: u32) -> Result<(), String> {
    let words = [unit, below, "1", &pid.to_string()].map(str::to_owned);
    call(bus, "AttachProcessesToUnit", "ssau", &words)
}

/// Where the cgroup of systemd itself is, below which its units have theirs.
pub(super) fn control_group(bus: Option<&str>) -> Result<String, String> {
    let said = run(bus, &["--json=short"], &["get-property", NAME, PATH, MANAGER, "ControlGroup"])?;
    let value: serde_json::Value = serde_json::from_str(&said).unwrap_or_default();
    let path = value.get("data").and_then(serde_json::Value::as_str);
    path.map(str::to_owned).ok_or_else(|| format!("{said:?} is no path of a cgroup"))
}

fn as_words(properties: &[Property]) -> Vec<String> {
    let mut words = vec![properties.len().to_string()];
    for property in properties {
        words.extend([property.name.clone(), property.signature.to_owned()]);
        words.extend(property.words.iter().cloned());
    }
    words
}

/// Calls a method of systemd's manager, and waits for its answer.
fn call(bus: Option<&str>, method: &str, signature: &str, words: &[String]) -> Result<(), String> {
    let mut all = vec!["call", NAME, PATH, MANAGER, method, signature];
    all.extend(words.iter().map(String::as_str));
    run(bus, &["--quiet"], &all).map(drop)
}

/// Runs the tool. What it printed.
fn run(bus: Option<&str>, options: &[&str], words: &[&str]) -> Result<String, String> {
    let program = program()?;
    let failed = |error: std::io::Error| format!("run {program}: {error}");
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C").current_dir("/");
    match bus {
        Some(address) => command.env("DBUS_SESSION_BUS_ADDRESS", address).arg("--user"),
        None => command.arg("--system"),
    };
    command.args(options).args([SECONDS, "--"]).args(words);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let (mut answer, mut said) = (Vec::new(), Vec::new());
    // One line each, which the pipes hold.
    if let Some(stdout) = child.stdout.take() {
        stdout.take(ANSWER_MAX).read_to_end(&mut answer).map_err(failed)?;
    }
    if let Some(stderr) = child.stderr.take() {
        stderr.take(ERROR_MAX).read_to_end(&mut said).map_err(failed)?;
    }
    match child.wait().map_err(failed)? {
        status if status.success() => Ok(String::from_utf8_lossy(&answer).into_owned()),
        status if said.is_empty() => Err(format!("{program}: {status}")),
        _ => {
            let said = String::from_utf8_lossy(&said);
            Err(said.trim().trim_start_matches("Call failed: ").to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_words_with_their_types() {
        let properties = [
            Property::text("Slice", "a.slice"),
            Property::numbers("PIDs", &[7, 9]),
            Property::yes("Delegate", true),
            Property::number("MemoryMax", u64::MAX),
            Property::bytes("AllowedCPUs", &[3]),
        ];
        assert_eq!(
            as_words(&properties).join(" "),
            "5 Slice s a.slice PIDs au 2 7 9 Delegate b true MemoryMax t 18446744073709551615 AllowedCPUs ay 1 3"
        );
    }
}
