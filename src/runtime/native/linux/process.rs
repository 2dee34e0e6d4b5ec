//! What a process is and may do, as steps: what a container's first process and those that enter it share.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::ffi::CString;

use super::plan::{refuse, text};
use super::seccomp::Filter;
use crate::oci::runtime::{IoPriority, Process, Scheduler};
use crate::runtime::Result;
use crate::runtime::native::CapSet;
use crate::sys::linux::flags;
use crate::sys::linux::script::{Program, Script, Step};

/// The annotation with which the processes of a container keep the groups of who starts them: crun(1). Podman's
/// `--group-add keep-groups` sets it.
pub(super) const KEEP_GROUPS: &str = "run.oci.keep_original_groups";

/// The session keyring of a container, which all its processes have, by runc's name for it.
pub(super) fn push_keyring(script: &mut Script, container: &str) -> Result<()> {
    script.push(Step::JoinKeyring(text(&format!("_ses.{container}"))?), "join the session keyring");
    Ok(())
}

/// What the step is called that sets the scheduler.
pub(super) const SCHEDULER: &str = "set the scheduler";

/// Numbers of policies and flags of sched(7).
const POLICIES: &[(&str, u32)] = &[
    ("SCHED_OTHER", 0),
    ("SCHED_FIFO", 1),
    ("SCHED_RR", 2),
    ("SCHED_BATCH", 3),
    ("SCHED_ISO", 4),
    ("SCHED_IDLE", 5),
    ("SCHED_DEADLINE", 6),
];
const SCHEDULER_FLAGS: &[(&str, u64)] = &[
    ("SCHED_FLAG_RESET_ON_FORK", 1),
    ("SCHED_FLAG_RECLAIM", 2),
    ("SCHED_FLAG_DL_OVERRUN", 4),
    ("SCHED_FLAG_KEEP_POLICY", 8),
    ("SCHED_FLAG_KEEP_PARAMS", 16),
    ("SCHED_FLAG_UTIL_CLAMP_MIN", 32),
    ("SCHED_FLAG_UTIL_CLAMP_MAX", 64),
];

/// Whether the processes of a container with these annotations keep the groups of who starts them.
pub(super) fn keeps_groups(annotations: &BTreeMap<String, String>) -> bool {
    annotations.get(KEEP_GROUPS).is_some_and(|value| value != "0")
}

/// What a process has of whoever starts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// How many descriptors from 3 on.
    pub(super) descriptors: u32,
    /// Its groups, and not those that it asks for.
    pub(super) groups: bool,
}

/// Limits, rights and the program, which `run` runs after what is done `last`.
pub(super) fn push_process(
    script: &mut Script,
    process: &Process,
    filter: Option<Filter>,
    kept: Kept,
    last: Script,
    run: Step,
) -> Result<()> {
    push_limits(script, process)?;
    let sets = process.capabilities.clone().unwrap_or_default();
    let set = |names: &[String]| CapSet::from_names(names).map(CapSet::bits).map_err(refuse);
    let (bounding, effective) = (set(&sets.bounding)?, set(&sets.effective)?);
    script.push(Step::Bounding(bounding), "drop capabilities");
    script.push(enter_directory(process, false)?, "");
    let user = &process.user;
    if matches!(run, Step::Execute(_)) && !has_home(&process.env) {
        script.push(Step::FindHome(user.uid), "");
    }
    let groups = (!kept.groups).then(|| user.additional_gids.clone());
    let identity = Step::Identity { uid: user.uid, gid: user.gid, groups };
    script.push(identity, format!("become user {}:{}", user.uid, user.gid));
    script.push(enter_directory(process, true)?, format!("enter the working directory {}", process.cwd));
    // What takes calls that a profile may not know, as many are newer than it, comes before the filter.
    if let Step::Execute(_) = run {
        script.push(Step::FindProgram, "exec");
    }
    script.push(Step::CloseFrom(3 + kept.descriptors), "close descriptors");
    // With no_new_privs a filter needs no rights, and is loaded last: it then need not allow what comes before.
    let (early, late) = if process.no_new_privileges { (None, filter) } else { (filter, None) };
    push_filter(script, early);
    let step = Step::Capabilities {
        effective,
        permitted: set(&sets.permitted)?,
        inheritable: set(&sets.inheritable)?,
        ambient: set(&sets.ambient)?,
    };
    script.push(step, "set capabilities");
    if process.no_new_privileges {
        script.push(Step::NoNewPrivileges, "give up gaining privileges");
    }
    push_filter(script, late);
    script.append(last);
    script.push(run, "exec");
    Ok(())
}

/// Enters the working directory, where the process is not there already.
pub(super) fn enter_directory(process: &Process, must: bool) -> Result<Step> {
    Ok(Step::WorkingDirectory { path: text(&process.cwd)?, must })
}

fn push_limits(script: &mut Script, process: &Process) -> Result<()> {
    for limit in &process.rlimits {
        let resource =
            flags::resource(&limit.kind).ok_or_else(|| refuse(format!("unknown resource limit {:?}", limit.kind)))?;
        if limit.soft > limit.hard {
            return Err(refuse(format!("{}: the soft limit is above the hard one", limit.kind)));
        }
        script.push(Step::Limit { resource, soft: limit.soft, hard: limit.hard }, format!("set {}", limit.kind));
    }
    if let Some(umask) = process.user.umask {
        script.push(Step::Umask(umask & 0o777), "set the mask of modes");
    }
    if let Some(scheduler) = &process.scheduler {
        script.push(Step::Scheduler(scheduler_attributes(scheduler)?), SCHEDULER);
    }
    if let Some(priority) = &process.io_priority {
        script.push(Step::IoPriority(io_priority(priority)?), "set the I/O priority");
    }
    Ok(())
}

/// `struct sched_attr` of sched_setattr(2).
fn scheduler_attributes(scheduler: &Scheduler) -> Result<[u8; 56]> {
    let unknown = |what: &str, name: &str| refuse(format!("unknown {what} of a scheduler: {name:?}"));
    let policy = POLICIES.iter().find(|(name, _)| *name == scheduler.policy);
    let (_, policy) = policy.ok_or_else(|| unknown("policy", &scheduler.policy))?;
    let mut all = 0;
    for flag in &scheduler.flags {
        let known = SCHEDULER_FLAGS.iter().find(|(name, _)| name == flag);
        all |= known.ok_or_else(|| unknown("flag", flag))?.1;
    }
    let mut attributes = [0; 56];
    attributes[0..4].copy_from_slice(&56_u32.to_ne_bytes());
    attributes[4..8].copy_from_slice(&policy.to_ne_bytes());
    attributes[8..16].copy_from_slice(&all.to_ne_bytes());
    attributes[16..20].copy_from_slice(&scheduler.nice.to_ne_bytes());
    attributes[20..24].copy_from_slice(&scheduler.priority.to_ne_bytes());
    attributes[24..32].copy_from_slice(&scheduler.runtime.to_ne_bytes());
    attributes[32..40].copy_from_slice(&scheduler.deadline.to_ne_bytes());
    attributes[40..48].copy_from_slice(&scheduler.period.to_ne_bytes());
    Ok(attributes)
}

/// The number of ioprio_set(2): class and priority.
fn io_priority(priority: &IoPriority) -> Result<u32> {
    let class = match priority.class.as_str() {
        "IOPRIO_CLASS_RT" => 1,
        "IOPRIO_CLASS_BE" => 2,
        "IOPRIO_CLASS_IDLE" => 3,
        other => return Err(refuse(format!("unknown class of I/O priorities: {other:?}"))),
    };
    match priority.priority {
        level @ 0..8 => Ok(class << 13 | level),
        level => Err(refuse(format!("the I/O priority {level} is not within 0 to 7"))),
    }
}

fn push_filter(script: &mut Script, filter: Option<Filter>) {
    if let Some(filter) = filter {
        let step = Step::Filter { program: filter.program, flags: filter.flags, notify: filter.listener.is_some() };
        script.push(step, "load the seccomp filter");
    }
}

/// The program with all places where it may be.
pub(super) fn program(process: &Process) -> Result<Program> {
    Ok(Program::new(texts(&candidates(process)?)?, texts(&process.args)?, texts(&environment(&process.env))?))
}

/// The environment as it was asked for. A home that is empty is one that is looked for.
fn environment(env: &[String]) -> Vec<String> {
    let mut all = last_of_each(env);
    all.retain(|line| line != "HOME=");
    all
}

/// Whether there is a home, by the last variable of that name.
fn has_home(env: &[String]) -> bool {
    env.iter().rev().find_map(|line| line.strip_prefix("HOME=")).is_some_and(|home| !home.is_empty())
}

/// Variables of which the last of each name is the one that counts, in the places of the first.
fn last_of_each(env: &[String]) -> Vec<String> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut all: Vec<String> = Vec::with_capacity(env.len());
    for line in env {
        let name = line.split_once('=').map_or(line.as_str(), |(name, _)| name);
        match places.entry(name) {
            Entry::Occupied(place) => all[*place.get()].clone_from(line),
            Entry::Vacant(place) => {
                place.insert(all.len());
                all.push(line.clone());
            }
        }
    }
    all
}

/// Where a program may be: execvp(3).
pub(super) fn candidates(process: &Process) -> Result<Vec<String>> {
    let name = process.args.first().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| refuse("the process has no arguments"))?;
    if name.contains('/') {
        return Ok(vec![name.clone()]);
    }
    let path = process.env.iter().rev().find_map(|line| line.strip_prefix("PATH="));
    let path = path.unwrap_or("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    let folders = path.split(':').map(|folder| if folder.is_empty() { "." } else { folder });
    Ok(folders.map(|folder| format!("{folder}/{name}")).collect())
}

pub(super) fn texts(all: &[String]) -> Result<Vec<CString>> {
    all.iter().map(|one| text(one)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_variables_with_one_name_the_last_counts() {
        let env = ["A=1", "B=2", "A=3", "C", "A="].map(str::to_owned);
        assert_eq!(last_of_each(&env), ["A=", "B=2", "C"]);
    }

    #[test]
    fn schedulers_and_priorities_are_the_kernels_numbers() {
        let scheduler = Scheduler {
            policy: "SCHED_FIFO".into(),
            priority: 7,
            flags: vec!["SCHED_FLAG_RESET_ON_FORK".into()],
            ..Scheduler::default()
        };
        let attributes = scheduler_attributes(&scheduler).unwrap();
        assert_eq!((attributes[4], attributes[8], attributes[20]), (1, 1, 7));
        assert!(scheduler_attributes(&Scheduler::default()).is_err());
        let priority = |class: &str, priority| io_priority(&IoPriority { class: class.into(), priority });
        assert_eq!(priority("IOPRIO_CLASS_BE", 4).unwrap(), 2 << 13 | 4);
        assert!(priority("IOPRIO_CLASS_BE", 8).is_err());
        assert!(priority("best", 1).is_err());
    }
}
