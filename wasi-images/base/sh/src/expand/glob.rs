//! Finds the files a pattern matches.

use std::rc::Rc;

use super::pattern::Pattern;
use crate::shell::Shell;
use crate::text;

impl Shell {
    /// The files that match, sorted. `pattern` has backslashes before what was quoted.
    pub fn glob(&mut self, pattern: &str) -> Vec<Rc<str>> {
        let mut found = Vec::new();
        let (start, rest) = match pattern.strip_prefix('/') {
            Some(rest) => (
                "/".to_owned() + &"/".repeat(rest.len() - rest.trim_start_matches('/').len()),
                rest.trim_start_matches('/'),
            ),
            None => (String::new(), pattern),
        };
        self.walk(start, rest, &mut found, 0);
        found.sort();
        found.dedup();
        found
    }

    /// Matches the components of `rest` below `base`, which is empty or ends with a slash.
    fn walk(&self, base: String, rest: &str, found: &mut Vec<Rc<str>>, depth: u32) {
        let (component, behind) = split(rest);
        if depth > 200 {
            return;
        }
        if component.is_empty() {
            // The pattern ended with a slash: a directory is wanted.
            if exists(&base) {
                found.push(base.into());
            }
            return;
        }
        if component == "**" && self.options.globstar {
            if let Some(behind) = behind {
                self.walk(base.clone(), behind, found, depth + 1);
            } else if !base.is_empty() {
                found.push(base.clone().into());
            }
            for (name, is_directory) in entries(&base) {
                if name.starts_with('.') && !self.options.dotglob {
                    continue;
                }
                if is_directory {
                    self.walk(format!("{base}{name}/"), rest, found, depth + 1);
                }
                if behind.is_none() {
                    found.push(format!("{base}{name}").into());
                }
            }
            return;
        }
        let component = if self.options.nocaseglob { component.to_lowercase() } else { component.to_owned() };
        let compiled = Pattern::new(&component, self.options.extglob);
        if let Some(name) = compiled.literal().filter(|_| !self.options.nocaseglob) {
            let path = format!("{base}{name}");
            match behind {
                // A component that is no pattern is not looked up before there is one.
                Some(behind) => {
                    self.walk(format!("{path}/{}", slashes(behind)), behind.trim_start_matches('/'), found, depth + 1)
                }
                None if exists(&path) => found.push(path.into()),
                None => {}
            }
            return;
        }
        for (name, _) in entries(&base) {
            if name.starts_with('.') && !compiled.begins_with_dot() && !self.options.dotglob {
                continue;
            }
            let matches =
                if self.options.nocaseglob { compiled.matches(&name.to_lowercase()) } else { compiled.matches(&name) };
            if !matches {
                continue;
            }
            let path = format!("{base}{name}");
            match behind {
                Some(behind) => {
                    if is_directory(&path) {
                        self.walk(
                            format!("{path}/{}", slashes(behind)),
                            behind.trim_start_matches('/'),
                            found,
                            depth + 1,
                        );
                    }
                }
                None => found.push(path.into()),
            }
        }
        // They are in no directory's list of files.
        for name in [".", ".."] {
            if compiled.begins_with_dot() && behind.is_none() && compiled.matches(name) {
                found.push(format!("{base}{name}").into());
            }
        }
    }
}

/// The slashes that a pattern has more than one of.
fn slashes(behind: &str) -> &str {
    &behind[..behind.len() - behind.trim_start_matches('/').len()]
}

/// The first component, and what stands behind its slash.
fn split(pattern: &str) -> (&str, Option<&str>) {
    match pattern.find('/') {
        Some(at) => {
            // A slash cannot be escaped: the backslash before it is dropped.
            let component = &pattern[..at];
            (
                component.strip_suffix('\\').filter(|rest| !rest.ends_with('\\')).unwrap_or(component),
                Some(&pattern[at + 1..]),
            )
        }
        None => (pattern, None),
    }
}

/// The names in a directory, and which of them are directories.
pub fn entries(base: &str) -> Vec<(String, bool)> {
    let path = if base.is_empty() { "." } else { base };
    let Ok(directory) = std::fs::read_dir(path_of(path)) else { return Vec::new() };
    let mut names: Vec<(String, bool)> = directory
        .flatten()
        .map(|entry| {
            (text::from_bytes(entry.file_name().as_encoded_bytes()), entry.file_type().is_ok_and(|kind| kind.is_dir()))
        })
        .collect();
    names.sort();
    names
}

/// A path for std.
pub fn path_of(path: &str) -> std::ffi::OsString {
    // SAFETY: on Unix and on WASI any bytes are an `OsStr`; on WASI they have to be UTF-8 to name a file, which the kernel checks.
    unsafe { std::ffi::OsString::from_encoded_bytes_unchecked(text::to_bytes(path).into_owned()) }
}

fn exists(path: &str) -> bool {
    cowbox_guest::sys::lstat(text::to_bytes(path)).is_ok()
}

fn is_directory(path: &str) -> bool {
    cowbox_guest::sys::stat(text::to_bytes(path)).is_ok_and(|stat| stat.is_dir())
}
