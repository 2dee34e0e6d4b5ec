//! Makes the layer's tar from `files.txt`.
//!
//! A line is one of
//!
//! ```text
//! dir MODE PATH
//! file MODE PATH SOURCE      SOURCE is relative to the image's folder, or @KEY
//! link TARGET PATH...        symbolic links
//! ```
//!
//! and `#` starts a comment. Entries come in the order of their paths, and each one's directory must be named.

use crate::tar::{Kind, Writer};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

enum Entry {
    Dir { mode: u32 },
    File { mode: u32, content: Vec<u8> },
    Link { target: String },
}

/// The tar of the layer that `files` describes.
pub fn build(files: &str, folder: &Path, built: &BTreeMap<String, PathBuf>, epoch: u64) -> Result<Vec<u8>, String> {
    let mut entries = BTreeMap::new();
    for (number, line) in files.lines().enumerate() {
        parse(line, folder, built, &mut entries).map_err(|error| format!("files.txt:{}: {error}", number + 1))?;
    }
    let mut tar = Writer::new(epoch);
    for (path, entry) in &entries {
        if let Some((parent, _)) = path.rsplit_once('/')
            && !matches!(entries.get(parent), Some(Entry::Dir { .. }))
        {
            return Err(format!("files.txt: /{path}: there is no directory /{parent}"));
        }
        match entry {
            Entry::Dir { mode } => tar.append(path, *mode, Kind::Dir)?,
            Entry::File { mode, content } => tar.append(path, *mode, Kind::File(content))?,
            Entry::Link { target } => tar.append(path, 0o777, Kind::Symlink(target))?,
        }
    }
    Ok(tar.finish())
}

fn parse(
    line: &str,
    folder: &Path,
    built: &BTreeMap<String, PathBuf>,
    entries: &mut BTreeMap<String, Entry>,
) -> Result<(), String> {
    let line = line.split('#').next().unwrap_or_default();
    let mut add = |path: &str, entry| {
        let relative = path.strip_prefix('/').filter(|rest| !rest.is_empty() && !rest.ends_with('/'));
        let relative = relative.ok_or_else(|| format!("{path} is not an absolute path"))?;
        match entries.insert(relative.to_owned(), entry) {
            None => Ok(()),
            Some(_) => Err(format!("{path} is there twice")),
        }
    };
    match *line.split_whitespace().collect::<Vec<_>>() {
        [] => Ok(()),
        ["dir", mode, path] => add(path, Entry::Dir { mode: octal(mode)? }),
        ["file", mode, path, source] => {
            let source = match source.strip_prefix('@') {
                Some(key) => built.get(key).cloned().ok_or_else(|| format!("no {key}=FILE was given"))?,
                None => folder.join(source),
            };
            let content = std::fs::read(&source).map_err(|error| format!("read {}: {error}", source.display()))?;
            add(path, Entry::File { mode: octal(mode)?, content })
        }
        ["link", target, ref paths @ ..] if !paths.is_empty() => {
            paths.iter().try_for_each(|path| add(path, Entry::Link { target: target.to_owned() }))
        }
        _ => Err(format!("`{}` is no entry", line.trim())),
    }
}

fn octal(mode: &str) -> Result<u32, String> {
    u32::from_str_radix(mode, 8).map_err(|_| format!("{mode} is no mode"))
}
