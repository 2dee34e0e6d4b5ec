//! The options by which a native container is kept apart from the host.

use std::fs;

use crate::cli::context::Failure;
use crate::cli::output::units::parse_size;
use crate::store::{IsolationRecord, LabelPart};

/// Options that native containers alone have.
#[derive(Default, clap::Args)]
pub(super) struct Isolation {
    /// Give all capabilities and the host's devices to the container
    #[arg(long)]
    privileged: bool,
    /// Add Linux capabilities
    #[arg(long, value_name = "CAP")]
    cap_add: Vec<String>,
    /// Drop Linux capabilities
    #[arg(long, value_name = "CAP")]
    cap_drop: Vec<String>,
    /// Security options (no-new-privileges, seccomp=unconfined|FILE, apparmor=PROFILE, label=disable|PART:VALUE,
    /// systempaths=unconfined)
    #[arg(long, value_name = "OPTION")]
    security_opt: Vec<String>,
    /// Kernel parameters of the container's namespaces
    #[arg(long, value_name = "NAME=VALUE")]
    sysctl: Vec<String>,
    /// Size of /dev/shm
    #[arg(long, value_name = "BYTES")]
    shm_size: Option<String>,
    /// Run an init inside the container that forwards signals and reaps processes
    #[arg(long)]
    init: bool,
    /// Add further groups
    #[arg(long, value_name = "GROUP")]
    group_add: Vec<String>,
    /// Whose ids the container has (host; keep-id: the caller is the same user inside; auto[:size=N]: of root, some of its own)
    #[arg(long, value_name = "MODE")]
    userns: Option<String>,
    /// Tune the host's choice of what ends when memory is out (-1000 to 1000)
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    oom_score_adj: Option<i32>,
}

impl Isolation {
    /// The options as the engine takes them, beside those of `sharing`; `ulimits` are those that WASI programs do not have.
    pub(super) fn resolve(
        &self,
        sharing: IsolationRecord,
        ulimits: Vec<(String, u64, u64)>,
    ) -> Result<IsolationRecord, Failure> {
        let mut record = IsolationRecord {
            privileged: self.privileged,
            cap_add: self.cap_add.clone(),
            cap_drop: self.cap_drop.clone(),
            sysctls: self.sysctl.iter().map(|text| pair("sysctl", text)).collect::<Result<_, _>>()?,
            ulimits,
            // None of it is no size, as in Docker's interface.
            shm_size: self.shm_size.as_deref().map(parse_size).transpose()?.filter(|size| *size != 0),
            init: self.init,
            group_add: self.group_add.clone(),
            oom_score_adj: self.oom_score_adj,
            userns: self.userns.clone().filter(|mode| !mode.is_empty()),
            ..sharing
        };
        if let Some(score) = self.oom_score_adj.filter(|score| !(-1000..=1000).contains(score)) {
            return Err(Failure::new(format!("invalid value {score} for --oom-score-adj: range is -1000 to 1000")));
        }
        for option in &self.security_opt {
            add_security(&mut record, option)?;
        }
        Ok(record)
    }
}

fn pair(flag: &str, text: &str) -> Result<(String, String), Failure> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| Failure::new(format!("--{flag} {text}: expected NAME=VALUE")))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn add_security(record: &mut IsolationRecord, option: &str) -> Result<(), Failure> {
    match option.split_once(['=', ':']) {
        None if option == "no-new-privileges" => record.no_new_privileges = true,
        Some(("no-new-privileges", value @ ("true" | "false"))) => record.no_new_privileges = value == "true",
        Some(("seccomp", "builtin")) => record.seccomp = None,
        Some(("seccomp", "unconfined")) => record.seccomp = Some("unconfined".into()),
        Some(("seccomp", file)) => {
            let text = fs::read_to_string(file)
                .map_err(|error| Failure::new(format!("opening seccomp profile {file}: {error}")))?;
            record.seccomp = Some(text);
        }
        Some(("apparmor", profile)) if !profile.is_empty() => record.security.apparmor = Some(profile.to_owned()),
        Some(("systempaths", "unconfined")) => record.security.unconfined_paths = true,
        Some(("label", "disable")) => record.security.label_disabled = true,
        Some(("label", label)) => record.security.labels.push(label_part(option, label)?),
        _ => {
            return Err(Failure::new(format!(
                "invalid --security-opt {option:?} (no-new-privileges, seccomp=unconfined|builtin|FILE, \
                 apparmor=PROFILE|unconfined, systempaths=unconfined and label=... are known)"
            )));
        }
    }
    Ok(())
}

/// `PART:VALUE` of a label.
fn label_part(option: &str, label: &str) -> Result<(LabelPart, String), Failure> {
    let part = label.split_once(':').and_then(|(word, value)| Some((LabelPart::from_word(word)?, value.to_owned())));
    part.filter(|(_, value)| !value.is_empty()).ok_or_else(|| {
        Failure::new(format!(
            "bad label option {option:?}, valid options are label=disable and \
             label=user:USER, role:ROLE, type:TYPE, level:LEVEL, filetype:TYPE"
        ))
    })
}

/// `NAME=SOFT[:HARD]`; -1 is no limit.
pub(super) fn ulimit(text: &str) -> Result<(String, u64, Option<u64>), Failure> {
    const NAMES: &[&str] = &[
        "as",
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ];
    let invalid =
        || Failure::new(format!("invalid ulimit argument: {text} (expected NAME=SOFT[:HARD], such as nofile=1024)"));
    let (name, numbers) = text.split_once('=').ok_or_else(invalid)?;
    if !NAMES.contains(&name) {
        return Err(Failure::new(format!("invalid ulimit type: {name}")));
    }
    let number = |text: &str| match text {
        "-1" => Ok(u64::MAX),
        text => text.parse().map_err(|_| invalid()),
    };
    let (soft, hard) = match numbers.split_once(':') {
        Some((soft, hard)) => (number(soft)?, Some(number(hard)?)),
        None => (number(numbers)?, None),
    };
    if hard.is_some_and(|hard| soft > hard) {
        return Err(Failure::new(format!(
            "ulimit soft limit must be less than or equal to hard limit: {soft} > {}",
            hard.unwrap_or(0)
        )));
    }
    Ok((name.to_owned(), soft, hard))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_docker_reads_them() {
        assert_eq!(ulimit("nofile=10:20").unwrap(), ("nofile".into(), 10, Some(20)));
        assert_eq!(ulimit("core=-1").unwrap(), ("core".into(), u64::MAX, None));
        for wrong in ["nofile", "nofile=", "nofile=x", "colour=1", "nofile=3:2", "nofile=1:2:3"] {
            assert!(ulimit(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn security_options_are_known_or_refused() {
        let mut record = IsolationRecord::default();
        for option in
            ["no-new-privileges", "seccomp=unconfined", "no-new-privileges=false", "label=disable", "apparmor=x"]
        {
            add_security(&mut record, option).unwrap();
        }
        assert!(!record.no_new_privileges);
        assert_eq!(record.seccomp.as_deref(), Some("unconfined"));
        assert_eq!(record.security.apparmor.as_deref(), Some("x"));
        for wrong in ["apparmor=", "systempaths=x", "seccomp=/no/such/file", "no-new-privileges=perhaps", ""] {
            assert!(add_security(&mut record, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn labels_are_given_by_their_parts() {
        let mut record = IsolationRecord::default();
        for option in ["label=type:a", "label:level:s0:c1,c2", "label=filetype:b", "label:disable"] {
            add_security(&mut record, option).unwrap();
        }
        let of = |part, value: &str| (part, value.to_owned());
        let parts = [of(LabelPart::Type, "a"), of(LabelPart::Level, "s0:c1,c2"), of(LabelPart::FileType, "b")];
        assert_eq!(record.security.labels, parts);
        assert!(record.security.label_disabled);
        for wrong in ["label=", "label=type:", "label=type", "label=colour:a", "label=disable:x"] {
            assert!(add_security(&mut record, wrong).is_err(), "{wrong}");
        }
    }
}
