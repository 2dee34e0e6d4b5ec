//! What a container mounts: `-v`, `--mount` and `--tmpfs`, in Docker's forms.

use std::path::{Path, PathBuf};

use super::create::VolumeOption;
use super::error::{Error, Result};
use super::names::is_valid_name;
use crate::store::{MountRecord, MountSource};
use crate::vfs::GuestPath;

impl VolumeOption {
    /// `-v`: `SOURCE:TARGET[:OPTIONS]`, or `TARGET` alone for an anonymous volume. A source with a path separator, or `.`,
    /// is a path of the host; another is the name of a volume.
    pub fn parse_volume(text: &str) -> Result<VolumeOption> {
        let invalid = |why: &str| Error::invalid(format!("invalid volume specification: '{text}': {why}"));
        let (drive, rest) = split_drive(text);
        let mut parts = rest.split(':').collect::<Vec<_>>();
        let source_end = drive.len() + parts[0].len();
        parts[0] = &text[..source_end];
        let (source, target, options) = match parts[..] {
            [target] => (None, target, ""),
            [source, target] => (Some(source), target, ""),
            [source, target, options] => (Some(source), target, options),
            _ => return Err(invalid("too many colons")),
        };
        let (mut read_only, mut no_copy) = (false, false);
        for option in options.split(',').filter(|option| !option.is_empty()) {
            match option {
                "ro" | "readonly" => read_only = true,
                // Propagation, labels and copy options of Docker that mean nothing here, or are how it is anyway.
                "rw" | "z" | "Z" | "cached" | "delegated" | "consistent" | "copy" | "rprivate" | "private" => {}
                "nocopy" => no_copy = true,
                other => return Err(invalid(&format!("unknown option {other}"))),
            }
        }
        let target = absolute_target(target).map_err(|error| invalid(&error.message))?;
        let source = match source {
            None => MountSource::Volume { name: String::new(), anonymous: true, no_copy },
            Some("") => return Err(invalid("empty source")),
            Some(source) if is_host_path(source) => MountSource::Bind { path: PathBuf::from(source) },
            Some(name) if is_valid_name(name) => {
                MountSource::Volume { name: name.to_owned(), anonymous: false, no_copy }
            }
            Some(name) => {
                return Err(Error::invalid(format!("{name:?} includes invalid characters for a local volume name"))
                    .hint(
                        "only letters, digits, _, . and - are allowed; for a host folder give a path, such as ./NAME",
                    ));
            }
        };
        Ok(VolumeOption { mount: MountRecord { source, target, read_only }, create_source: true })
    }

    /// `--mount`: `type=bind|volume|tmpfs,source=…,target=…[,readonly]…`.
    pub fn parse_mount(text: &str) -> Result<VolumeOption> {
        let invalid = |why: String| Error::invalid(format!("invalid argument {text:?} for --mount: {why}"));
        let (mut kind, mut source, mut target, mut read_only) = ("volume", None, None, false);
        let (mut size, mut mode, mut no_copy) = (None, None, false);
        for field in text.split(',') {
            let (key, value) = match field.split_once('=') {
                Some((key, value)) => (key, Some(value)),
                None => (field, None),
            };
            match (key.to_ascii_lowercase().as_str(), value) {
                ("type", Some(value)) => kind = value,
                ("source" | "src", Some(value)) => source = Some(value),
                ("target" | "dst" | "destination", Some(value)) => target = Some(value),
                ("readonly" | "ro", None) => read_only = true,
                ("readonly" | "ro", Some(value)) => {
                    read_only = matches!(value, "true" | "1");
                }
                ("tmpfs-size", Some(value)) => {
                    size = Some(value.parse().map_err(|_| invalid(format!("invalid value for {key}: {value}")))?);
                }
                ("tmpfs-mode", Some(value)) => {
                    let parsed = u16::from_str_radix(value, 8).ok().filter(|mode| *mode <= 0o7777);
                    mode = Some(parsed.ok_or_else(|| invalid(format!("invalid value for {key}: {value}")))?);
                }
                ("volume-nocopy", value) => no_copy = value.is_none_or(|value| matches!(value, "true" | "1")),
                ("bind-propagation" | "consistency", _) => {}
                (key, _) => return Err(invalid(format!("unexpected key '{key}' in '{field}'"))),
            }
        }
        let target = absolute_target(target.ok_or_else(|| invalid("target is required".into()))?)?;
        let source = match (kind, source) {
            ("bind", Some(path)) => MountSource::Bind { path: PathBuf::from(path) },
            ("bind", None) => return Err(invalid("source is required for a bind mount".into())),
            ("volume", None) => MountSource::Volume { name: String::new(), anonymous: true, no_copy },
            ("volume", Some(name)) if is_valid_name(name) => {
                MountSource::Volume { name: name.to_owned(), anonymous: false, no_copy }
            }
            ("volume", Some(name)) => return Err(invalid(format!("{name:?} is no name of a volume"))),
            ("tmpfs", None) if read_only => return Err(invalid("a tmpfs that is read-only would stay empty".into())),
            ("tmpfs", None) => MountSource::Tmpfs { size, mode },
            ("tmpfs", Some(_)) => return Err(invalid("a tmpfs has no source".into())),
            (kind, _) => return Err(invalid(format!("unknown type {kind} (bind, volume and tmpfs are known)"))),
        };
        // Unlike -v, --mount does not make a host folder that is missing.
        Ok(VolumeOption { mount: MountRecord { source, target, read_only }, create_source: false })
    }

    /// `--tmpfs`: `TARGET[:size=…,mode=…]`.
    pub fn parse_tmpfs(text: &str, parse_size: impl Fn(&str) -> Option<u64>) -> Result<VolumeOption> {
        let (target, options) = text.split_once(':').unwrap_or((text, ""));
        let invalid = |option: &str| Error::invalid(format!("invalid tmpfs option {option:?} in {text:?}"));
        let (mut size, mut mode) = (None, None);
        for option in options.split(',').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("size", value)) => size = Some(parse_size(value).ok_or_else(|| invalid(option))?),
                Some(("mode", value)) => {
                    let parsed = u16::from_str_radix(value, 8).ok().filter(|mode| *mode <= 0o7777);
                    mode = Some(parsed.ok_or_else(|| invalid(option))?);
                }
                None if matches!(option, "rw" | "exec" | "noexec" | "suid" | "nosuid" | "dev" | "nodev") => {}
                _ => return Err(invalid(option)),
            }
        }
        let source = MountSource::Tmpfs { size, mode };
        let mount = MountRecord { source, target: absolute_target(target)?, read_only: false };
        Ok(VolumeOption { mount, create_source: false })
    }
}

fn absolute_target(target: &str) -> Result<String> {
    if !target.starts_with('/') {
        return Err(Error::invalid(format!("invalid mount path: '{target}' mount path must be absolute")));
    }
    let path = GuestPath::new(target).map_err(|errno| Error::from(errno).about(target))?;
    if path.is_root() {
        return Err(Error::invalid("invalid specification: destination can't be '/'"));
    }
    Ok(path.to_string())
}

/// Whether Docker would take it for a path of the host rather than a name.
fn is_host_path(source: &str) -> bool {
    source.starts_with(['.', '/', '~']) || source.contains(['/', '\\']) || Path::new(source).is_absolute()
}

/// `C:` of a Windows path, whose colon separates nothing.
fn split_drive(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    let is_drive =
        bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && matches!(bytes[2], b'\\' | b'/');
    // `a:/b` is a volume `a` everywhere but on Windows, where no volume has a name of one letter.
    text.split_at(if is_drive && std::path::MAIN_SEPARATOR == '\\' { 2 } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(text: &str) -> (MountSource, String, bool) {
        let option = VolumeOption::parse_volume(text).unwrap();
        (option.mount.source, option.mount.target, option.mount.read_only)
    }

    #[test]
    fn volumes_are_read_as_docker_reads_them() {
        assert_eq!(volume("/src:/dst:ro"), (MountSource::Bind { path: "/src".into() }, "/dst".into(), true));
        assert_eq!(volume("./a:/b/../c"), (MountSource::Bind { path: "./a".into() }, "/c".into(), false));
        assert_eq!(
            volume("data:/d"),
            (MountSource::Volume { name: "data".into(), anonymous: false, no_copy: false }, "/d".into(), false)
        );
        assert_eq!(
            volume("/d"),
            (MountSource::Volume { name: String::new(), anonymous: true, no_copy: false }, "/d".into(), false)
        );
    }

    #[test]
    fn volumes_can_be_kept_from_the_images_files() {
        let bare = MountSource::Volume { name: "data".into(), anonymous: false, no_copy: true };
        assert_eq!(volume("data:/d:ro,nocopy"), (bare.clone(), "/d".into(), true));
        let option = VolumeOption::parse_mount("src=data,dst=/d,volume-nocopy").unwrap();
        assert_eq!(option.mount.source, bare);
    }

    #[test]
    fn what_is_no_volume_says_why() {
        for (text, why) in [
            ("a:b:c:d", "too many colons"),
            ("data:relative", "mount path must be absolute"),
            ("/x:/", "destination can't be '/'"),
            ("da ta:/d", "includes invalid characters"),
            ("/x:/y:sideways", "unknown option sideways"),
        ] {
            let error = VolumeOption::parse_volume(text).unwrap_err().message;
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn mounts_are_read_by_key() {
        let option = VolumeOption::parse_mount("type=bind,src=/a,dst=/b,readonly").unwrap();
        assert_eq!(option.mount.source, MountSource::Bind { path: "/a".into() });
        assert!(option.mount.read_only && !option.create_source);
        let option = VolumeOption::parse_mount("type=tmpfs,target=/t,tmpfs-size=1024,tmpfs-mode=700").unwrap();
        assert_eq!(option.mount.source, MountSource::Tmpfs { size: Some(1024), mode: Some(0o700) });
        assert!(VolumeOption::parse_mount("type=bind,dst=/b").unwrap_err().message.contains("source is required"));
        assert!(VolumeOption::parse_mount("typ=bind,dst=/b").unwrap_err().message.contains("unexpected key 'typ'"));
    }
}
