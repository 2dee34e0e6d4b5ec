//! SELinux labels of native containers: those that a new one gets, as with Docker and Podman, where the host's policy knows them.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::Engine;
use super::error::{Error, Result};
use crate::runtime::Check;
use crate::store::{ContainerRecord, IsolationRecord, LabelPart, LabelsRecord, NamespaceMode};
use crate::sys::random;

/// There where SELinux is enabled.
const ENFORCE: &str = "/sys/fs/selinux/enforce";

/// A label that is written here is an error where the policy does not know it.
const ASK: &str = "/sys/fs/selinux/context";

/// The labels of containers that come with the policy for them, before those of the host's policy.
const PACKAGED: &str = "/usr/share/containers/selinux/contexts";

/// Says which policy the host has.
const CONFIG: &str = "/etc/selinux/config";

/// The labels of processes and of files where no file has others.
const PROCESS: &str = "system_u:system_r:container_t:s0";
const FILE: &str = "system_u:object_r:container_file_t:s0";

/// The level that all containers may use.
const SHARED: &str = "s0";

/// How many categories there are, of which each container has two. The last two are for files of containers whose processes
/// have no label.
const CATEGORIES: u16 = 1024;
const UNLABELLED: &str = "s0:c1022,c1023";

/// A label.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Label {
    user: String,
    role: String,
    kind: String,
    level: Option<String>,
}

impl Label {
    /// `USER:ROLE:TYPE[:LEVEL]`.
    fn parse(text: &str) -> Option<Label> {
        let mut parts = text.splitn(4, ':').map(str::to_owned);
        let (user, role, kind, level) = (parts.next()?, parts.next()?, parts.next()?, parts.next());
        let is_whole = ![&user, &role, &kind].iter().any(|part| part.is_empty());
        is_whole.then_some(Label { user, role, kind, level })
    }

    /// The same with another level, where it has one.
    fn at(self, level: &str) -> Label {
        Label { level: self.level.map(|_| level.to_owned()), ..self }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.user, self.role, self.kind)?;
        self.level.as_ref().map_or(Ok(()), |level| write!(f, ":{level}"))
    }
}

/// The labels of processes and of files before a container is told from others.
#[derive(Debug, PartialEq, Eq)]
struct Usual {
    process: Label,
    file: Label,
}

impl Usual {
    /// Those of this host.
    fn of_host() -> Usual {
        let config = fs::read_to_string(CONFIG).unwrap_or_default();
        let of_policy = format!("/etc/selinux/{}/contexts/lxc_contexts", policy(&config));
        let text = fs::read_to_string(PACKAGED).or_else(|_| fs::read_to_string(of_policy)).unwrap_or_default();
        Usual::parse(&text)
    }

    /// Those of a file such as `lxc_contexts`: `process = "LABEL"`, `file = "LABEL"`.
    fn parse(text: &str) -> Usual {
        let label = |key, built_in| {
            let found = value(text, key).and_then(|label| Label::parse(label.trim_matches('"')));
            found.unwrap_or_else(|| Label::parse(built_in).expect("it is a label"))
        };
        Usual { process: label("process", PROCESS), file: label("file", FILE) }
    }

    /// The labels of a container at this level, with these parts in place of the usual ones.
    fn labels(self, level: &str, parts: &[(LabelPart, String)]) -> LabelsRecord {
        let (mut process, mut file) = (self.process.at(level), self.file.at(level));
        for (part, value) in parts {
            let value = value.clone();
            match part {
                LabelPart::User => (process.user, file.user) = (value.clone(), value),
                LabelPart::Level => (process.level, file.level) = (Some(value.clone()), Some(value)),
                LabelPart::Role => process.role = value,
                LabelPart::Type => process.kind = value,
                LabelPart::FileType => file.kind = value,
            }
        }
        LabelsRecord { process: process.to_string(), mount: file.to_string() }
    }
}

/// The name of the host's policy.
fn policy(config: &str) -> &str {
    value(config, "SELINUXTYPE").filter(|name| !name.is_empty()).unwrap_or("targeted")
}

/// The value of the last line `KEY = VALUE`.
fn value<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let mut pairs = text.lines().rev().filter_map(|line| line.split_once('='));
    pairs.find_map(|(name, value)| (name.trim() == key).then_some(value.trim()))
}

/// Refuses labels that were asked for on a host that has none.
pub(super) fn check(isolation: &IsolationRecord) -> Result<()> {
    match isolation.security.labels.first() {
        Some(part) if !is_enabled() => {
            Err(Error::invalid(format!("{}: SELinux is not enabled on this host", option(part)))
                .hint("leave it away, or mount selinuxfs on /sys/fs/selinux where the kernel has SELinux and a policy"))
        }
        _ => Ok(()),
    }
}

/// A part of a label, as it is given on the command line.
pub(super) fn option((part, value): &(LabelPart, String)) -> String {
    format!("--security-opt label={}:{value}", part.word())
}

/// The labels that a container has when it runs; none where the host has no SELinux any more.
pub(super) fn labels(isolation: &IsolationRecord) -> LabelsRecord {
    match isolation.labels == LabelsRecord::default() || !is_enabled() {
        true => LabelsRecord::default(),
        false => isolation.labels.clone(),
    }
}

/// The label of files that all containers may use, by that of a container; empty for none.
pub(super) fn shared(mount: &str) -> String {
    Label::parse(mount).map_or_else(String::new, |label| label.at(SHARED).to_string())
}

/// The label of new volumes; none where containers have none.
pub(super) fn of_volumes() -> Option<String> {
    let label = is_enabled().then(|| Usual::of_host().file.at(SHARED).to_string())?;
    is_known(&label).then_some(label)
}

/// Whether containers have labels.
pub(super) fn doctor() -> Option<Check> {
    let name = "SELinux";
    is_enabled().then(|| {
        let usual = Usual::of_host().labels("s0:c0,c1", &[]);
        match [&usual.process, &usual.mount].into_iter().find(|label| !is_known(label)) {
            None => Check::ok(name, format!("containers have labels such as {}", usual.process)),
            Some(label) => Check::warn(
                name,
                format!("containers have no labels: the policy does not know {label}"),
                "install the policy for containers: the package container-selinux",
            ),
        }
    })
}

fn is_enabled() -> bool {
    Path::new(ENFORCE).exists()
}

/// Whether the policy knows a label. Who may not ask is told when it is used.
fn is_known(label: &str) -> bool {
    let asked = OpenOptions::new().write(true).open(ASK).and_then(|mut file| file.write_all(label.as_bytes()));
    !asked.is_err_and(|error| error.kind() == ErrorKind::InvalidInput)
}

impl Engine {
    /// Gives a new container its labels, if it is to have any.
    pub(super) fn choose_labels(&self, record: &mut ContainerRecord) -> Result<()> {
        if record.runtime != "native" || !is_enabled() {
            return Ok(());
        }
        let labels = match self.asked_labels(&record.isolation)? {
            Some(parts) => Usual::of_host().labels(&self.free_level()?, &parts),
            None => LabelsRecord { mount: Usual::of_host().file.at(UNLABELLED).to_string(), ..LabelsRecord::default() },
        };
        let unknown = [&labels.process, &labels.mount].into_iter().find(|label| !label.is_empty() && !is_known(label));
        match (unknown, record.isolation.security.labels.as_slice()) {
            (None, _) => record.isolation.labels = labels,
            (Some(_), []) => {}
            (Some(label), parts) => {
                let given = parts.iter().map(option).collect::<Vec<_>>().join(" ");
                return Err(Error::invalid(format!("{given}: the SELinux policy does not know the label {label}"))
                    .hint("ask for what it has, or install the package container-selinux"));
            }
        }
        Ok(())
    }

    /// The parts of labels that differ from what is usual; none where its processes are to have no label. These are Docker's
    /// rules: who joins another container's IPC or processes has its label.
    fn asked_labels(&self, isolation: &IsolationRecord) -> Result<Option<Vec<(LabelPart, String)>>> {
        let (security, sharing) = (&isolation.security, &isolation.sharing);
        if security.label_disabled {
            return Ok(None);
        }
        if !security.labels.is_empty() {
            return Ok(Some(security.labels.clone()));
        }
        if isolation.privileged || [&sharing.ipc, &sharing.pid].contains(&&NamespaceMode::Host) {
            return Ok(None);
        }
        let mut joined = Vec::new();
        for name in [&sharing.ipc, &sharing.pid].into_iter().filter_map(NamespaceMode::container) {
            joined.push(self.container(name)?.record.isolation.labels.process);
        }
        if joined.windows(2).any(|pair| pair[0] != pair[1]) {
            return Err(Error::invalid("--ipc and --pid containers SELinux labels aren't the same"));
        }
        Ok(Some(joined.first().and_then(|label| Label::parse(label)).map_or_else(Vec::new, parts_of)))
    }

    /// A level with two categories that no other container of the store has together.
    fn free_level(&self) -> Result<String> {
        let containers = self.store.containers()?;
        let labels = containers.iter().filter_map(|container| Label::parse(&container.record.isolation.labels.mount));
        let mut taken = labels.filter_map(|label| label.level).collect::<Vec<_>>();
        taken.push(UNLABELLED.to_owned());
        // Of half a million levels one is found soon, or all are taken.
        for _ in 0..1000 {
            let mut bytes = [0; 4];
            random::fill(&mut bytes)?;
            let category = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]) % CATEGORIES;
            let level = level(category(0), category(2));
            if let Some(level) = level.filter(|level| !taken.contains(level)) {
                return Ok(level);
            }
        }
        Err(Error::conflict("no two categories of SELinux are free for the container").hint("remove other containers"))
    }
}

/// The level with two categories, which have to be two.
fn level(a: u16, b: u16) -> Option<String> {
    (a != b).then(|| format!("s0:c{},c{}", a.min(b), a.max(b)))
}

fn parts_of(label: Label) -> Vec<(LabelPart, String)> {
    let level = label.level.map(|level| (LabelPart::Level, level));
    let first = [(LabelPart::User, label.user), (LabelPart::Role, label.role), (LabelPart::Type, label.kind)];
    first.into_iter().chain(level).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_the_policy_are_read_from_its_file() {
        let text = "# process = \"a:b:c:s0\"\nprocess = \"system_u:system_r:x_t:s0\"\nfile=\"system_u:object_r:y_t:s0\"\n\
                    ro_file = \"system_u:object_r:z_t:s0\"\nsandbox_kvm_process = \"u:r:k_t:s0\"\n";
        let usual = Usual::parse(text);
        assert_eq!(usual.process.to_string(), "system_u:system_r:x_t:s0");
        assert_eq!(usual.file.to_string(), "system_u:object_r:y_t:s0");
        for other in ["", "process = \"nonsense\"\nfile = \"a::c\"\n"] {
            let usual = Usual::parse(other);
            assert_eq!((usual.process.to_string(), usual.file.to_string()), (PROCESS.into(), FILE.into()), "{other}");
        }
    }

    #[test]
    fn the_policy_is_named_by_the_configuration() {
        assert_eq!(policy("SELINUX=enforcing\n# SELINUXTYPE=no\nSELINUXTYPE=mls \n"), "mls");
        assert_eq!(policy("SELINUX=enforcing\n"), "targeted");
    }

    #[test]
    fn parts_that_were_asked_for_take_the_place_of_the_usual_ones() {
        let labels = |parts: &[(LabelPart, &str)]| {
            let parts = parts.iter().map(|(part, value)| (*part, (*value).to_owned())).collect::<Vec<_>>();
            let LabelsRecord { process, mount } = Usual::parse("").labels("s0:c1,c2", &parts);
            (process, mount)
        };
        let of = |process: &str, mount: &str| (process.to_owned(), mount.to_owned());
        let (process, mount) =
            ("system_u:system_r:container_t:s0:c1,c2", "system_u:object_r:container_file_t:s0:c1,c2");
        assert_eq!(labels(&[]), of(process, mount));
        let table = [
            (LabelPart::User, "a", of("a:system_r:container_t:s0:c1,c2", "a:object_r:container_file_t:s0:c1,c2")),
            (LabelPart::Role, "a", of("system_u:a:container_t:s0:c1,c2", mount)),
            (LabelPart::Type, "a", of("system_u:system_r:a:s0:c1,c2", mount)),
            (
                LabelPart::Level,
                "s0:c7",
                of("system_u:system_r:container_t:s0:c7", "system_u:object_r:container_file_t:s0:c7"),
            ),
            (LabelPart::FileType, "a", of(process, "system_u:object_r:a:s0:c1,c2")),
        ];
        for (part, value, expected) in table {
            assert_eq!(labels(&[(part, value)]), expected, "{part:?}");
        }
    }

    #[test]
    fn a_label_of_another_container_is_had_in_all_its_parts() {
        let other = Label::parse("a:b:c:s0:c3,c4").unwrap();
        let labels = Usual::parse("").labels("s0:c1,c2", &parts_of(other.clone()));
        assert_eq!(labels.process, other.to_string());
        assert_eq!(labels.mount, "a:object_r:container_file_t:s0:c3,c4");
    }

    #[test]
    fn a_policy_without_levels_has_labels_without_them() {
        let usual = Usual::parse("process = \"u:r:p\"\nfile = \"u:r:f\"\n");
        let expected = LabelsRecord { process: "u:r:p".into(), mount: "u:r:f".into() };
        assert_eq!(usual.labels("s0:c1,c2", &[]), expected);
    }

    #[test]
    fn categories_are_two_in_order() {
        assert_eq!(level(7, 3).unwrap(), "s0:c3,c7");
        assert_eq!(level(3, 3), None);
    }

    #[test]
    fn what_is_shared_has_no_categories() {
        assert_eq!(shared("u:r:t:s0:c1,c2"), "u:r:t:s0");
        assert_eq!(shared(""), "");
    }
}
