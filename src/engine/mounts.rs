//! What a container mounts: `-v`, `--mount` and `--tmpfs`, in Docker's forms.

use std::path::{Path, PathBuf};

use super::Engine;
use super::create::{CreateOptions, VolumeOption};
use super::error::{Error, Result};
use super::names::is_valid_name;
use crate::store::{BindRecord, IdMapRecord, MountRecord, MountSource, Propagation, Recursion, Relabel};
use crate::vfs::GuestPath;

impl Engine {
    /// The options with what [`CreateOptions::volumes_from`] stands for; none where there is nothing of it.
    pub(super) fn volumes_from(&self, options: &CreateOptions) -> Result<Option<CreateOptions>> {
        if options.volumes_from.is_empty() {
            return Ok(None);
        }
        let mut options = options.clone();
        for text in std::mem::take(&mut options.volumes_from) {
            let (name, mode) = text.split_once(':').unwrap_or((&text, "rw"));
            let read_only = match mode {
                "rw" => false,
                "ro" => true,
                _ => {
                    return Err(Error::invalid(format!("--volumes-from {text}: invalid mode: {mode}"))
                        .hint("ro and rw are known"));
                }
            };
            for mut mount in self.container(name)?.record.mounts {
                match &mut mount.source {
                    MountSource::Tmpfs { .. } => continue,
                    // It goes with the other one.
                    MountSource::Volume { anonymous, .. } => *anonymous = false,
                    MountSource::Bind { .. } => {}
                }
                if options.volumes.iter().all(|volume| volume.mount.target != mount.target) {
                    mount.read_only |= read_only;
                    mount.relabel = None;
                    options.volumes.push(VolumeOption { mount, create_source: false });
                }
            }
        }
        Ok(Some(options))
    }
}

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
        let (mut read_only, mut no_copy, mut bind, mut relabel) = (false, false, BindRecord::default(), None);
        for option in options.split(',').filter(|option| !option.is_empty()) {
            match option {
                "ro" | "readonly" => read_only = true,
                "z" | "Z" if relabel.is_some() => return Err(invalid("z and Z are told once")),
                "z" => relabel = Some(Relabel::Shared),
                "Z" => relabel = Some(Relabel::Private),
                // Hints of Docker that mean nothing here, or are how it is anyway.
                "rw" | "cached" | "delegated" | "consistent" | "copy" | "rbind" => {}
                "nocopy" => no_copy = true,
                // Podman's words.
                "bind" => bind.recursion = Recursion::Disabled,
                "idmap" => bind.id_map = Some(IdMapRecord::default()),
                other => match (Propagation::from_word(other), other.strip_prefix("idmap=")) {
                    (Some(propagation), _) => bind.propagation = propagation,
                    (_, Some(map)) => bind.id_map = Some(id_map(map).ok_or_else(|| invalid(ID_MAP_FORM))?),
                    _ => return Err(invalid(&format!("unknown option {other}"))),
                },
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
        let is_bind = matches!(source, MountSource::Bind { .. });
        match bind != BindRecord::default() && !is_bind {
            true => Err(invalid("propagation, bind and idmap are for paths of the host")),
            false => Ok(VolumeOption {
                mount: MountRecord { read_only, bind, relabel, ..MountRecord::new(source, target) },
                create_source: true,
            }),
        }
    }

    /// `--mount`: `type=bind|volume|tmpfs,source=…,target=…[,readonly]…`.
    pub fn parse_mount(text: &str) -> Result<VolumeOption> {
        let invalid = |why: String| Error::invalid(format!("invalid argument {text:?} for --mount: {why}"));
        let (mut kind, mut source, mut target, mut read_only) = ("volume", None, None, false);
        let (mut size, mut mode, mut no_copy) = (None, None, false);
        let (mut bind, mut must_be_read_only, mut propagation) = (BindRecord::default(), false, None);
        let mut relabel = None;
        for field in text.split(',') {
            let (key, value) = match field.split_once('=') {
                Some((key, value)) => (key, Some(value)),
                None => (field, None),
            };
            let wrong = || invalid(format!("invalid value for {key}: {}", value.unwrap_or_default()));
            match (key.to_ascii_lowercase().as_str(), value) {
                ("type", Some(value)) => kind = value,
                ("source" | "src", Some(value)) => source = Some(value),
                ("target" | "dst" | "destination", Some(value)) => target = Some(value),
                ("readonly" | "ro", value) => read_only = truth(value).ok_or_else(wrong)?,
                ("tmpfs-size", Some(value)) => size = Some(tmpfs_size(value).ok_or_else(wrong)?),
                ("tmpfs-mode", Some(value)) => mode = Some(tmpfs_mode(value).ok_or_else(wrong)?),
                ("volume-nocopy", value) => no_copy = truth(value).ok_or_else(wrong)?,
                ("bind-propagation", Some(value)) => {
                    propagation = Some(Propagation::from_word(value).ok_or_else(wrong)?);
                }
                ("bind-nonrecursive", value) => {
                    if truth(value).ok_or_else(wrong)? {
                        bind.recursion = Recursion::Disabled;
                    }
                }
                ("bind-recursive", Some(value)) => {
                    must_be_read_only = value == "readonly";
                    bind.recursion = recursion(value).ok_or_else(wrong)?;
                }
                ("idmap", None) => bind.id_map = Some(IdMapRecord::default()),
                ("idmap", Some(value)) => bind.id_map = Some(id_map(value).ok_or_else(|| invalid(ID_MAP_FORM.into()))?),
                // Podman's.
                ("relabel", Some("shared")) => relabel = Some(Relabel::Shared),
                ("relabel", Some("private")) => relabel = Some(Relabel::Private),
                ("relabel", _) => return Err(wrong()),
                ("consistency", _) => {}
                (key, _) => return Err(invalid(format!("unexpected key '{key}' in '{field}'"))),
            }
        }
        let target = absolute_target(target.ok_or_else(|| invalid("target is required".into()))?)?;
        bind.propagation = propagation.unwrap_or_default();
        let is_of_binds = bind != BindRecord::default() || propagation.is_some() || must_be_read_only;
        if relabel.is_some() && kind == "tmpfs" {
            return Err(invalid("relabel is for binds and volumes".into()));
        }
        for (of, is_used) in [("bind", is_of_binds), ("volume", no_copy), ("tmpfs", size.is_some() || mode.is_some())] {
            if is_used && of != kind {
                return Err(invalid(format!("cannot mix '{of}-*' options with mount type '{kind}'")));
            }
        }
        // Docker's rules: mounts below are read-only for good only where none can be added from outside.
        if must_be_read_only && !read_only {
            return Err(invalid("option 'bind-recursive=readonly' requires 'readonly'".into()));
        }
        if must_be_read_only && propagation != Some(Propagation::Rprivate) {
            return Err(invalid("option 'bind-recursive=readonly' requires 'bind-propagation=rprivate'".into()));
        }
        let source = match (kind, source) {
            ("bind", Some(path)) => MountSource::Bind { path: PathBuf::from(path) },
            ("bind", None) => return Err(invalid("source is required for a bind mount".into())),
            ("volume", None) => MountSource::Volume { name: String::new(), anonymous: true, no_copy },
            ("volume", Some(name)) if is_valid_name(name) => {
                MountSource::Volume { name: name.to_owned(), anonymous: false, no_copy }
            }
            ("volume", Some(name)) => return Err(invalid(format!("{name:?} is no name of a volume"))),
            ("tmpfs", None) if read_only => return Err(invalid("a tmpfs that is read-only would stay empty".into())),
            ("tmpfs", None) => MountSource::Tmpfs { size, mode, options: Vec::new() },
            ("tmpfs", Some(_)) => return Err(invalid("a tmpfs has no source".into())),
            (kind, _) => return Err(invalid(format!("unknown type {kind} (bind, volume and tmpfs are known)"))),
        };
        // Unlike -v, --mount does not make a host folder that is missing.
        let mount = MountRecord { read_only, bind, relabel, ..MountRecord::new(source, target) };
        Ok(VolumeOption { mount, create_source: false })
    }

    /// `--tmpfs`: `TARGET[:size=…,mode=…,uid=…,gid=…,exec,…]`.
    pub fn parse_tmpfs(text: &str, parse_size: impl Fn(&str) -> Option<u64>) -> Result<VolumeOption> {
        let (target, words) = text.split_once(':').unwrap_or((text, ""));
        let invalid = |option: &str| Error::invalid(format!("invalid tmpfs option {option:?} in {text:?}"));
        let (mut size, mut mode, mut options) = (None, None, Vec::new());
        for option in words.split(',').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("size", value)) => size = Some(parse_size(value).ok_or_else(|| invalid(option))?),
                Some(("mode", value)) => mode = Some(tmpfs_mode(value).ok_or_else(|| invalid(option))?),
                Some(("uid" | "gid", value)) if value.parse::<u32>().is_ok() => options.push(option.to_owned()),
                Some(("nr_inodes" | "nr_blocks", value)) if tmpfs_size(value).is_some() => {
                    options.push(option.to_owned());
                }
                None if TMPFS_FLAGS.contains(&option) => options.push(option.to_owned()),
                _ => return Err(invalid(option)),
            }
        }
        let source = MountSource::Tmpfs { size, mode, options };
        Ok(VolumeOption { mount: MountRecord::new(source, absolute_target(target)?), create_source: false })
    }
}

/// The flags of a tmpfs: mount(8) "Filesystem-independent mount options".
const TMPFS_FLAGS: &[&str] = &[
    "ro",
    "rw",
    "exec",
    "noexec",
    "suid",
    "nosuid",
    "dev",
    "nodev",
    "sync",
    "async",
    "noatime",
    "relatime",
    "strictatime",
];

/// How owners are mapped: Podman's form.
const ID_MAP_FORM: &str =
    "idmap is idmap or idmap=uids=SOURCE-SHOWN-COUNT[#...];gids=SOURCE-SHOWN-COUNT[#...], with numbers of the host";

/// `uids=0-1000-1#5-2000-10;gids=0-1000-1`: the first id of the source, the first that is shown, how many.
fn id_map(text: &str) -> Option<IdMapRecord> {
    let range = |text: &str| match text.split('-').map(str::parse::<u32>).collect::<Vec<_>>()[..] {
        [Ok(source), Ok(shown), Ok(count)] if count > 0 => Some((source, shown, count)),
        _ => None,
    };
    let mut map = IdMapRecord::default();
    for part in text.split(';') {
        let (kind, ranges) = part.split_once('=')?;
        let ranges = ranges.split('#').map(range).collect::<Option<Vec<_>>>()?;
        match kind {
            "uids" => map.users = ranges,
            "gids" => map.groups = ranges,
            _ => return None,
        }
    }
    (!map.users.is_empty() && !map.groups.is_empty()).then_some(map)
}

/// A truth value as Go's `strconv.ParseBool` takes it; nothing is true.
fn truth(value: Option<&str>) -> Option<bool> {
    match value {
        None | Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Some(true),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Some(false),
        _ => None,
    }
}

fn recursion(value: &str) -> Option<Recursion> {
    match value {
        // Every kernel that runs native containers makes mounts below read-only.
        "enabled" | "readonly" => Some(Recursion::Enabled),
        "disabled" => Some(Recursion::Disabled),
        "writable" => Some(Recursion::Writable),
        _ => None,
    }
}

/// A number of bytes, with `k`, `m` or `g` as tmpfs(5) has them.
fn tmpfs_size(value: &str) -> Option<u64> {
    let (number, power) = match value.char_indices().last()? {
        (at, 'k' | 'K') => (&value[..at], 10),
        (at, 'm' | 'M') => (&value[..at], 20),
        (at, 'g' | 'G') => (&value[..at], 30),
        _ => (value, 0),
    };
    number.parse::<u64>().ok()?.checked_mul(1 << power)
}

fn tmpfs_mode(value: &str) -> Option<u16> {
    u16::from_str_radix(value, 8).ok().filter(|mode| *mode <= 0o7777)
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
        assert_eq!(
            option.mount.source,
            MountSource::Tmpfs { size: Some(1024), mode: Some(0o700), options: Vec::new() }
        );
        assert!(VolumeOption::parse_mount("type=bind,dst=/b").unwrap_err().message.contains("source is required"));
        assert!(VolumeOption::parse_mount("typ=bind,dst=/b").unwrap_err().message.contains("unexpected key 'typ'"));
    }

    #[test]
    fn binds_say_how_they_spread_and_whose_their_files_are() {
        let bind = |text: &str| VolumeOption::parse_volume(text).unwrap().mount.bind;
        assert_eq!(bind("/a:/b:ro,rslave").propagation, Propagation::Rslave);
        assert_eq!(bind("/a:/b:idmap").id_map, Some(IdMapRecord::default()));
        let map = bind("/a:/b:idmap=uids=0-1000-1#5-2000-10;gids=0-7-1").id_map.unwrap();
        assert_eq!((map.users, map.groups), (vec![(0, 1000, 1), (5, 2000, 10)], vec![(0, 7, 1)]));
        let mount = |text: &str| VolumeOption::parse_mount(&format!("type=bind,src=/a,dst=/b,{text}"));
        let bind = mount("bind-propagation=shared,bind-recursive=disabled").unwrap().mount.bind;
        assert_eq!((bind.propagation, bind.recursion), (Propagation::Shared, Recursion::Disabled));
        assert!(mount("ro,bind-recursive=readonly,bind-propagation=rprivate").is_ok());
        for (text, why) in [
            ("bind-propagation=sideways", "sideways"),
            ("bind-recursive=readonly", "requires 'readonly'"),
            ("ro,bind-recursive=readonly", "requires 'bind-propagation=rprivate'"),
            ("ro=perhaps", "perhaps"),
            ("idmap=uids=1", "SOURCE-SHOWN-COUNT"),
            ("tmpfs-size=1", "cannot mix 'tmpfs-*' options with mount type 'bind'"),
        ] {
            let error = mount(text).unwrap_err().message;
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!(VolumeOption::parse_volume("data:/d:rshared").unwrap_err().message.contains("paths of the host"));
    }

    #[test]
    fn files_of_a_mount_get_a_label_that_is_shared_or_private() {
        let relabel = |text: &str| VolumeOption::parse_volume(text).unwrap().mount.relabel;
        assert_eq!(relabel("/a:/b:ro,z"), Some(Relabel::Shared));
        assert_eq!(relabel("data:/b:Z"), Some(Relabel::Private));
        assert_eq!(relabel("/a:/b"), None);
        assert!(VolumeOption::parse_volume("/a:/b:z,Z").unwrap_err().message.contains("told once"));
        let mount = |text: &str| VolumeOption::parse_mount(text).map(|option| option.mount.relabel);
        assert_eq!(mount("type=bind,src=/a,dst=/b,relabel=shared").unwrap(), Some(Relabel::Shared));
        assert_eq!(mount("src=data,dst=/b,relabel=private").unwrap(), Some(Relabel::Private));
        assert!(mount("type=tmpfs,dst=/b,relabel=private").unwrap_err().message.contains("binds and volumes"));
        assert!(mount("src=data,dst=/b,relabel=x").unwrap_err().message.contains("relabel=x"));
    }

    #[test]
    fn options_of_a_tmpfs_are_kept() {
        let parse = |text: &str| VolumeOption::parse_tmpfs(text, |size| size.parse().ok());
        let source = parse("/t:exec,uid=7,size=9,mode=700,nr_inodes=1k").unwrap().mount.source;
        let options = vec!["exec".to_owned(), "uid=7".into(), "nr_inodes=1k".into()];
        assert_eq!(source, MountSource::Tmpfs { size: Some(9), mode: Some(0o700), options });
        for wrong in ["/t:colour", "/t:uid=x", "/t:size=", "/t:mode=8"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
