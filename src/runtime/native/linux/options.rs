//! Options of mounts, as fstab(5) and the runtime specification have them: config.md "Linux mount options".

use crate::sys::linux::flags::{self, mount_attr};
use crate::sys::linux::script::MountAttributes;

/// The options of one mount, sorted.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    /// It is a bind mount.
    pub(super) bind: bool,
    /// A bind mount takes along what is mounted below.
    pub(super) recursive: bool,
    /// `MS_*` of a new file system.
    pub(super) flags: u64,
    /// Attributes of a bind mount, which the options turn on and off.
    pub(super) set: u64,
    pub(super) clear: u64,
    /// The same for all mounts below: `rro` and its like.
    pub(super) set_below: u64,
    pub(super) clear_below: u64,
    /// `MS_SHARED` and its like, with `MS_REC`.
    pub(super) propagation: u64,
    /// Whether what the image has there is copied into a tmpfs.
    pub(super) copy_up: bool,
    /// Whether owners are shown as the container's user namespace has them.
    pub(super) id_map: Option<bool>,
    /// What only the file system understands.
    pub(super) data: Vec<String>,
}

/// An option: its name, `MS_*`, `MOUNT_ATTR_*`, and whether it turns them off.
const NAMES: &[(&str, u64, u64, bool)] = &[
    ("ro", flags::MS_RDONLY, mount_attr::RDONLY, false),
    ("rw", flags::MS_RDONLY, mount_attr::RDONLY, true),
    ("nosuid", flags::MS_NOSUID, mount_attr::NOSUID, false),
    ("suid", flags::MS_NOSUID, mount_attr::NOSUID, true),
    ("nodev", flags::MS_NODEV, mount_attr::NODEV, false),
    ("dev", flags::MS_NODEV, mount_attr::NODEV, true),
    ("noexec", flags::MS_NOEXEC, mount_attr::NOEXEC, false),
    ("exec", flags::MS_NOEXEC, mount_attr::NOEXEC, true),
    ("nodiratime", flags::MS_NODIRATIME, mount_attr::NODIRATIME, false),
    ("diratime", flags::MS_NODIRATIME, mount_attr::NODIRATIME, true),
    ("nosymfollow", 256, mount_attr::NOSYMFOLLOW, false),
    ("symfollow", 256, mount_attr::NOSYMFOLLOW, true),
    ("sync", flags::MS_SYNCHRONOUS, 0, false),
    ("async", flags::MS_SYNCHRONOUS, 0, true),
    ("dirsync", flags::MS_DIRSYNC, 0, false),
    ("mand", flags::MS_MANDLOCK, 0, false),
    ("nomand", flags::MS_MANDLOCK, 0, true),
    ("silent", flags::MS_SILENT, 0, false),
    ("loud", flags::MS_SILENT, 0, true),
    ("iversion", flags::MS_I_VERSION, 0, false),
    ("noiversion", flags::MS_I_VERSION, 0, true),
];

/// How access times are kept: one of several, so that setting one clears the others.
const ACCESS_TIMES: &[(&str, u64, u64)] = &[
    ("relatime", flags::MS_RELATIME, 0),
    ("noatime", flags::MS_NOATIME, mount_attr::NOATIME),
    ("strictatime", flags::MS_STRICTATIME, mount_attr::STRICTATIME),
    ("atime", 0, 0),
    // What the kernel does where nothing is asked for is relatime all the same: mount(2) "MS_RELATIME".
    ("norelatime", 0, 0),
    ("nostrictatime", flags::MS_RELATIME, 0),
];

const PROPAGATION: &[(&str, u64)] = &[
    ("shared", flags::MS_SHARED),
    ("slave", flags::MS_SLAVE),
    ("private", flags::MS_PRIVATE),
    ("unbindable", flags::MS_UNBINDABLE),
];

impl Options {
    /// Sorts the options of a mount.
    pub(super) fn parse(options: &[String]) -> Result<Options, String> {
        let mut parsed = Options::default();
        for option in options {
            parsed.add(option)?;
        }
        Ok(parsed)
    }

    fn add(&mut self, option: &str) -> Result<(), String> {
        match option {
            "" | "defaults" => return Ok(()),
            "bind" => self.bind = true,
            "rbind" => (self.bind, self.recursive) = (true, true),
            "tmpcopyup" => self.copy_up = true,
            "idmap" => self.id_map = Some(false),
            "ridmap" => self.id_map = Some(true),
            "remount" => return Err("the option remount means nothing for a new mount".into()),
            _ if self.add_flag(option) || self.add_propagation(option) => {}
            _ => self.data.push(option.to_owned()),
        }
        Ok(())
    }

    fn add_flag(&mut self, option: &str) -> bool {
        if let Some((_, flag, attribute, off)) = NAMES.iter().find(|(name, ..)| *name == option) {
            turn(&mut self.flags, &mut 0, *flag, *off);
            turn(&mut self.set, &mut self.clear, *attribute, *off);
            return true;
        }
        if let Some((_, flag, attribute)) = ACCESS_TIMES.iter().find(|(name, ..)| *name == option) {
            self.flags &= !(flags::MS_RELATIME | flags::MS_NOATIME | flags::MS_STRICTATIME);
            self.flags |= flag;
            self.set = self.set & !mount_attr::ATIME | attribute;
            self.clear |= mount_attr::ATIME;
            return true;
        }
        let Some(option) = option.strip_prefix('r') else { return false };
        if let Some((_, _, attribute, off)) =
            NAMES.iter().find(|(name, _, attribute, _)| *name == option && *attribute != 0)
        {
            turn(&mut self.set_below, &mut self.clear_below, *attribute, *off);
            return true;
        }
        if let Some((_, _, attribute)) = ACCESS_TIMES.iter().find(|(name, ..)| *name == option) {
            self.set_below = self.set_below & !mount_attr::ATIME | attribute;
            self.clear_below |= mount_attr::ATIME;
            return true;
        }
        false
    }

    fn add_propagation(&mut self, option: &str) -> bool {
        let (name, recursive) = match option.strip_prefix('r') {
            Some(name) => (name, flags::MS_REC),
            None => (option, 0),
        };
        let found = PROPAGATION.iter().find(|(known, _)| *known == name);
        if let Some((_, flag)) = found {
            self.propagation = flag | recursive;
        }
        found.is_some()
    }

    /// What a bind mount has of its own.
    pub(super) fn attributes(&self) -> MountAttributes {
        MountAttributes { set: self.set, clear: self.clear, ..MountAttributes::default() }
    }

    /// How changes spread between it and others; nothing where it is not said.
    pub(super) fn spread(&self) -> MountAttributes {
        MountAttributes {
            propagation: self.propagation & !flags::MS_REC,
            recursive: self.propagation & flags::MS_REC != 0,
            ..MountAttributes::default()
        }
    }

    /// What it and all mounts below have.
    pub(super) fn attributes_below(&self) -> MountAttributes {
        MountAttributes { set: self.set_below, clear: self.clear_below, recursive: true, ..MountAttributes::default() }
    }
}

/// Sets or clears `bits`; what was said last holds.
fn turn(set: &mut u64, clear: &mut u64, bits: u64, off: bool) {
    match off {
        true => (*set, *clear) = (*set & !bits, *clear | bits),
        false => (*set, *clear) = (*set | bits, *clear & !bits),
    }
}

/// `MS_SHARED` and its like by the word of `rootfsPropagation`.
pub(super) fn propagation(word: &str) -> Result<u64, String> {
    let mut options = Options::default();
    match options.add_propagation(word) {
        true => Ok(options.propagation),
        false => Err(format!("rootfsPropagation {word:?} is none of shared, slave, private, unbindable")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Options {
        Options::parse(&words.split(',').map(str::to_owned).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn options_are_sorted_and_the_last_one_holds() {
        let options = parse("nosuid,ro,rw,noexec,size=1m,mode=755");
        assert_eq!(options.flags, flags::MS_NOSUID | flags::MS_NOEXEC);
        assert_eq!(options.data, ["size=1m", "mode=755"]);
        let options = parse("rbind,rslave,ro,noatime");
        assert!(options.bind && options.recursive);
        assert_eq!(options.propagation, flags::MS_SLAVE | flags::MS_REC);
        assert_eq!(options.set, mount_attr::RDONLY | mount_attr::NOATIME);
        assert_eq!(options.clear, mount_attr::ATIME);
    }

    #[test]
    fn what_begins_with_r_holds_for_mounts_below() {
        let options = parse("rbind,rro,rnosuid,rsuid");
        assert_eq!(options.set_below, mount_attr::RDONLY);
        assert_eq!(options.clear_below, mount_attr::NOSUID);
        assert_eq!(parse("relatime").flags, flags::MS_RELATIME);
        assert_eq!((parse("norelatime").flags, parse("rnorelatime").set_below), (0, 0));
        assert!(Options::parse(&["remount".into()]).is_err());
    }
}
