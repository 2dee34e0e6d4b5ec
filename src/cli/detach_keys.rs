//! The keys that detach from a container: Docker's `ctrl-p,ctrl-q`, or those of `--detach-keys`.

use std::str::FromStr;

/// A sequence of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DetachKeys(Vec<u8>);

impl Default for DetachKeys {
    fn default() -> DetachKeys {
        DetachKeys(vec![16, 17])
    }
}

impl FromStr for DetachKeys {
    type Err = String;

    /// Keys with commas between them: one character each, or `ctrl-` and one of `a` to `z`, `@`, `[`, `\`, `]`, `^` and `_`.
    fn from_str(text: &str) -> Result<DetachKeys, String> {
        if text.is_empty() {
            return Ok(DetachKeys::default());
        }
        text.split(',').map(key).collect::<Result<_, _>>().map(DetachKeys)
    }
}

fn key(name: &str) -> Result<u8, String> {
    let control = name.strip_prefix("ctrl-");
    match (control.unwrap_or(name).as_bytes(), control) {
        ([key @ b'a'..=b'z'], Some(_)) => Ok(key - b'a' + 1),
        ([key @ (b'@' | b'['..=b'_')], Some(_)) => Ok(key - b'@'),
        ([key], None) if key.is_ascii() => Ok(*key),
        _ => Err(format!("unknown key {name:?}: it is a character, or `ctrl-` with one of a-z, @, [, \\, ], ^ and _")),
    }
}

/// Looks for the keys in what is typed.
pub(super) struct Watch {
    keys: Vec<u8>,
    /// How many of them were typed last. They are held back.
    held: usize,
}

impl Watch {
    pub(super) fn new(keys: DetachKeys) -> Watch {
        Watch { keys: keys.0, held: 0 }
    }

    /// What of `typed` is for the program, and whether all the keys were typed.
    pub(super) fn pass(&mut self, typed: &[u8]) -> (Vec<u8>, bool) {
        let mut passed = Vec::with_capacity(typed.len() + self.held);
        for &byte in typed {
            if byte != self.keys[self.held] {
                passed.extend_from_slice(&self.keys[..self.held]);
                self.held = 0;
            }
            if byte != self.keys[self.held] {
                passed.push(byte);
                continue;
            }
            self.held += 1;
            if self.held == self.keys.len() {
                return (passed, true);
            }
        }
        (passed, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_as_docker_names_them() {
        let keys = |text: &str| text.parse::<DetachKeys>().map(|keys| keys.0);
        assert_eq!(keys("ctrl-p,ctrl-q").unwrap(), [16, 17]);
        assert_eq!(keys("").unwrap(), [16, 17]);
        assert_eq!(keys("a,ctrl-@,ctrl-_,ctrl-[,Q").unwrap(), [b'a', 0, 31, 27, b'Q']);
        for wrong in ["ctrl-", "ctrl-A", "ab", "a,", "\u{fc}", "ctrl-1"] {
            assert!(keys(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_only_begins_like_the_keys_reaches_the_program() {
        let mut watch = Watch::new("ctrl-p,ctrl-p,x".parse().unwrap());
        assert_eq!(watch.pass(b"a\x10"), (b"a".to_vec(), false));
        assert_eq!(watch.pass(b"b"), (b"\x10b".to_vec(), false));
        assert_eq!(watch.pass(b"\x10\x10y\x10"), (b"\x10\x10y".to_vec(), false));
        assert_eq!(watch.pass(b"\x10xz"), (b"".to_vec(), true));
    }
}
