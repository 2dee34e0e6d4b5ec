//! The instructions of a Dockerfile that change a config, as `--change` of `commit` and `import` takes them.

use std::str::FromStr;

use super::error::{Error, Result};
use crate::oci::ContainerConfig;

/// One instruction, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// `CMD`
    Cmd(Vec<String>),
    /// `ENTRYPOINT`
    Entrypoint(Vec<String>),
    /// `ENV`
    Env(Vec<(String, String)>),
    /// `EXPOSE`
    Expose(Vec<String>),
    /// `LABEL`
    Label(Vec<(String, String)>),
    /// `ONBUILD`
    OnBuild(String),
    /// `STOPSIGNAL`
    StopSignal(String),
    /// `USER`
    User(String),
    /// `VOLUME`
    Volume(Vec<String>),
    /// `WORKDIR`
    WorkDir(String),
}

impl Change {
    /// Makes the change.
    pub fn apply(&self, config: &mut ContainerConfig) {
        match self {
            Change::Cmd(args) => config.cmd = args.clone(),
            // As in a Dockerfile, a new entry point takes the old arguments with it.
            Change::Entrypoint(args) => {
                config.entrypoint = args.clone();
                config.cmd.clear();
            }
            Change::Env(pairs) => pairs.iter().for_each(|(key, value)| set_env(&mut config.env, key, value)),
            Change::Expose(ports) => config.exposed_ports.0.extend(ports.iter().cloned()),
            Change::Label(pairs) => config.labels.extend(pairs.iter().cloned()),
            Change::OnBuild(instruction) => config.on_build.push(instruction.clone()),
            Change::StopSignal(signal) => config.stop_signal = signal.clone(),
            Change::User(user) => config.user = user.clone(),
            Change::Volume(paths) => config.volumes.0.extend(paths.iter().cloned()),
            Change::WorkDir(path) if path.starts_with('/') => config.working_dir = path.clone(),
            Change::WorkDir(path) => {
                config.working_dir = format!("{}/{path}", config.working_dir.trim_end_matches('/'));
            }
        }
    }
}

/// Sets a variable of an environment, in place where it is there.
pub(super) fn set_env(env: &mut Vec<String>, key: &str, value: &str) {
    let line = format!("{key}={value}");
    match env.iter_mut().find(|old| old.split('=').next() == Some(key)) {
        Some(old) => *old = line,
        None => env.push(line),
    }
}

impl FromStr for Change {
    type Err = Error;

    fn from_str(text: &str) -> Result<Change> {
        let (instruction, rest) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
        let rest = rest.trim();
        let name = instruction.to_ascii_uppercase();
        if rest.is_empty() && !matches!(name.as_str(), "CMD" | "ENTRYPOINT") {
            return Err(Error::invalid(format!("{name} requires at least one argument: {text:?}")));
        }
        Ok(match name.as_str() {
            "CMD" => Change::Cmd(command(rest)?),
            "ENTRYPOINT" => Change::Entrypoint(command(rest)?),
            "ENV" => Change::Env(pairs(rest)?),
            "EXPOSE" => Change::Expose(all_ports(rest.split_whitespace())?),
            "LABEL" => Change::Label(pairs(rest)?),
            "ONBUILD" => Change::OnBuild(rest.to_owned()),
            "STOPSIGNAL" => Change::StopSignal(rest.to_owned()),
            "USER" => Change::User(rest.to_owned()),
            "VOLUME" => Change::Volume(json_list(rest).unwrap_or_else(|| words(rest))),
            "WORKDIR" => Change::WorkDir(rest.to_owned()),
            _ => {
                return Err(Error::invalid(format!("{name} is not a valid change command"))
                    .hint("CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME and WORKDIR are"));
            }
        })
    }
}

/// The exec form is a JSON list; the shell form is given to `/bin/sh -c`.
fn command(rest: &str) -> Result<Vec<String>> {
    if rest.is_empty() {
        return Ok(Vec::new());
    }
    match json_list(rest) {
        Some(args) => Ok(args),
        None if rest.starts_with('[') => Err(Error::invalid(format!("{rest} is no JSON list of strings"))),
        None => Ok(vec!["/bin/sh".into(), "-c".into(), rest.to_owned()]),
    }
}

fn json_list(text: &str) -> Option<Vec<String>> {
    serde_json::from_str(text).ok()
}

/// The ports that each word stands for.
pub(super) fn all_ports<'a>(words: impl Iterator<Item = &'a str>) -> Result<Vec<String>> {
    Ok(words.map(ports).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// `80`, `53/udp` and ranges as `8000-8010`: each port by itself, with the protocol, as Docker writes them.
fn ports(text: &str) -> Result<impl Iterator<Item = String>> {
    let (numbers, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
    match (first.parse::<u16>(), last.parse::<u16>()) {
        (Ok(first), Ok(last)) if first <= last && matches!(protocol, "tcp" | "udp" | "sctp") => {
            Ok((first..=last).map(move |number| format!("{number}/{protocol}")))
        }
        _ => Err(Error::invalid(format!("invalid port: {text}"))
            .hint("expected PORT or FIRST-LAST, and /tcp, /udp or /sctp")),
    }
}

/// `KEY=VALUE ...`, or the old form `KEY VALUE`.
fn pairs(rest: &str) -> Result<Vec<(String, String)>> {
    let words = words(rest);
    if !words[0].contains('=') {
        let (key, value) = rest
            .split_once(char::is_whitespace)
            .ok_or_else(|| Error::invalid(format!("{rest}: a name without a value (expected NAME=VALUE)")))?;
        return Ok(vec![(key.to_owned(), value.trim().to_owned())]);
    }
    let pair = |word: String| match word.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(Error::invalid(format!("{word}: expected NAME=VALUE"))),
    };
    words.into_iter().map(pair).collect()
}

/// Words between blanks; quotes keep blanks and a backslash keeps the next letter.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut quote, mut inside) = (None, false);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', Some('"') | None) => word.extend(letters.next()),
            ('"' | '\'', None) => quote = Some(letter),
            (letter, Some(open)) if letter == open => quote = None,
            (letter, None) if letter.is_whitespace() => {
                if inside {
                    words.push(std::mem::take(&mut word));
                }
                inside = false;
                continue;
            }
            (letter, _) => word.push(letter),
        }
        inside = true;
    }
    if inside || words.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(changes: &[&str]) -> ContainerConfig {
        let mut config = ContainerConfig::default();
        for change in changes {
            change.parse::<Change>().unwrap().apply(&mut config);
        }
        config
    }

    #[test]
    fn instructions_change_the_config_as_in_a_dockerfile() {
        let config = config(&[
            r#"ENTRYPOINT ["/bin/python.wasm", "-u"]"#,
            "cmd echo hi",
            "ENV A=1 B='two words' C=x\\ y",
            "ENV A 3",
            "WORKDIR /srv",
            "WORKDIR app",
            "EXPOSE 80-81 53/udp",
            r#"LABEL a.b="c d""#,
            "VOLUME /data /more",
        ]);
        assert_eq!(config.entrypoint, ["/bin/python.wasm", "-u"]);
        assert_eq!(config.cmd, ["/bin/sh", "-c", "echo hi"]);
        assert_eq!(config.env, ["A=3", "B=two words", "C=x y"]);
        assert_eq!(config.working_dir, "/srv/app");
        assert_eq!(config.exposed_ports.0.iter().collect::<Vec<_>>(), ["53/udp", "80/tcp", "81/tcp"]);
        assert_eq!(config.labels["a.b"], "c d");
        assert_eq!(config.volumes.0.len(), 2);
    }

    #[test]
    fn what_is_no_instruction_is_named() {
        for (text, expected) in [
            ("RUN ls", "RUN is not a valid change command"),
            ("ENV", "ENV requires at least one argument"),
            ("CMD [\"a\"", "is no JSON list"),
            ("EXPOSE http", "invalid port: http"),
            ("EXPOSE 1-2-3", "invalid port: 1-2-3"),
            ("EXPOSE 2-1", "invalid port: 2-1"),
            ("EXPOSE 65536", "invalid port: 65536"),
            ("LABEL =x", "expected NAME=VALUE"),
        ] {
            let error = text.parse::<Change>().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
