//! Profiles of the OCI runtime specification as filters, with the outcome that runc and libseccomp have.

use super::abi::Abi;
use super::program::{Compare, Outcome, Rule, Table, Test, assemble};
use super::syscalls::{Row, row};
use super::{Filter, Listener};
use crate::oci::runtime::{Seccomp, SeccompAction, SeccompArg, SeccompOperator, SeccompSyscall};
use crate::sys::linux::seccomp::{errno, flag, verdict};

/// Calls that x86 has as one call with a number: socketcall(2) and ipc(2). Rules about them are about those, too.
#[rustfmt::skip]
const MULTIPLEXED: [(&str, &str, u64); 32] = [
    ("accept", "socketcall", 5), ("accept4", "socketcall", 18), ("bind", "socketcall", 2),
    ("connect", "socketcall", 3), ("getpeername", "socketcall", 7), ("getsockname", "socketcall", 6),
    ("getsockopt", "socketcall", 15), ("listen", "socketcall", 4), ("msgctl", "ipc", 14), ("msgget", "ipc", 13),
    ("msgrcv", "ipc", 12), ("msgsnd", "ipc", 11), ("recv", "socketcall", 10), ("recvfrom", "socketcall", 12),
    ("recvmmsg", "socketcall", 19), ("recvmsg", "socketcall", 17), ("semctl", "ipc", 3), ("semget", "ipc", 2),
    ("semop", "ipc", 1), ("semtimedop", "ipc", 4), ("send", "socketcall", 9), ("sendmmsg", "socketcall", 20),
    ("sendmsg", "socketcall", 16), ("sendto", "socketcall", 11), ("setsockopt", "socketcall", 14),
    ("shmat", "ipc", 21), ("shmctl", "ipc", 24), ("shmdt", "ipc", 22), ("shmget", "ipc", 23),
    ("shutdown", "socketcall", 13), ("socket", "socketcall", 1), ("socketpair", "socketcall", 8),
];

/// The filter of a profile on a machine whose own ABI is `native`.
pub(super) fn compile(profile: &Seccomp, native: Abi) -> Result<Filter, String> {
    let default = action(profile.default_action, profile.default_errno_ret)?;
    check(profile)?;
    let mut flags = flags(&profile.flags)?;
    let mut abis = vec![native];
    for arch in &profile.architectures {
        let abi = Abi::named(&arch.0)?.filter(|abi| native.family().contains(abi));
        abis.extend(abi.filter(|abi| !abis.contains(abi)));
    }
    let rules = profile.syscalls.iter().map(NamedRule::new).collect::<Result<Vec<_>, _>>()?;
    let is_lenient = matches!(profile.default_action, SeccompAction::Allow | SeccompAction::Log | SeccompAction::Trace);
    let tables = abis.into_iter().map(|abi| table(&rules, abi, default, is_lenient)).collect::<Vec<_>>();
    let listener = listener(profile);
    if listener.is_some() {
        flags |= flag::NEW_LISTENER;
    }
    Ok(Filter { program: assemble(&tables)?, flags, listener })
}

/// Who decides about some calls, if a rule asks for that.
pub(super) fn listener(profile: &Seccomp) -> Option<Listener> {
    let is_asked = profile.syscalls.iter().any(|rule| rule.action == SeccompAction::Notify);
    is_asked.then(|| Listener { path: profile.listener_path.clone(), metadata: profile.listener_metadata.clone() })
}

/// What a profile cannot ask of a listener.
fn check(profile: &Seccomp) -> Result<(), String> {
    if profile.default_action == SeccompAction::Notify {
        return Err("seccomp: SCMP_ACT_NOTIFY cannot be the default action".into());
    }
    if profile.listener_path.is_empty() && !profile.listener_metadata.is_empty() {
        return Err("seccomp: the profile has listenerMetadata and no listenerPath; give one".into());
    }
    for rule in profile.syscalls.iter().filter(|rule| rule.action == SeccompAction::Notify) {
        if profile.listener_path.is_empty() {
            return Err("seccomp: the profile has SCMP_ACT_NOTIFY and no listenerPath; give one".into());
        }
        // The process tells with write(2) which descriptor the listener is to get.
        if rule.names.iter().any(|name| name == "write") {
            return Err(
                "seccomp: SCMP_ACT_NOTIFY cannot be used for the write syscall: handing over the listener needs it"
                    .into(),
            );
        }
    }
    Ok(())
}

fn flags(names: &[String]) -> Result<u32, String> {
    if names.is_empty() {
        return Ok(flag::SPEC_ALLOW);
    }
    names.iter().try_fold(0, |flags, name| {
        Ok(flags
            | match &name[..] {
                // The filter is loaded by the only thread.
                "SECCOMP_FILTER_FLAG_TSYNC" => 0,
                "SECCOMP_FILTER_FLAG_LOG" => flag::LOG,
                "SECCOMP_FILTER_FLAG_SPEC_ALLOW" => flag::SPEC_ALLOW,
                "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" => flag::WAIT_KILLABLE_RECV,
                _ => return Err(format!("seccomp: there is no flag {name:?}")),
            })
    })
}

/// The verdict that an action is.
fn action(action: SeccompAction, number: Option<u32>) -> Result<u32, String> {
    let most = match action {
        SeccompAction::Errno => 4095,
        SeccompAction::Trace => 0xffff,
        _ if number.is_some() => return Err(format!("seccomp: the action {action:?} has no errnoRet; leave it out")),
        _ => 0,
    };
    let number = number.unwrap_or(errno::EPERM);
    if number > most && most > 0 {
        return Err(format!("seccomp: errnoRet {number} is more than {most}"));
    }
    Ok(match action {
        SeccompAction::KillThread => verdict::KILL_THREAD,
        SeccompAction::KillProcess => verdict::KILL_PROCESS,
        SeccompAction::Trap => verdict::TRAP,
        SeccompAction::Errno => verdict::ERRNO | number,
        SeccompAction::Trace => verdict::TRACE | number,
        SeccompAction::Allow => verdict::ALLOW,
        SeccompAction::Log => verdict::LOG,
        SeccompAction::Notify => verdict::NOTIFY,
    })
}

/// A rule of the profile, read once for all ABIs.
struct NamedRule<'a> {
    /// The calls. A name that is not known is one that the kernel does not know either, and is left out.
    calls: Vec<&'static Row>,
    verdict: u32,
    /// All tests of one of these hold, or there are none.
    alternatives: Vec<&'a [SeccompArg]>,
}

impl NamedRule<'_> {
    fn new(syscall: &SeccompSyscall) -> Result<NamedRule<'_>, String> {
        let args = &syscall.args;
        if let Some(arg) = args.iter().find(|arg| arg.index > 5) {
            return Err(format!("seccomp: a call has arguments 0 to 5, and a rule is about {}", arg.index));
        }
        // As runc has it: all must hold, but where two are of one argument each suffices.
        let is_repeated = |(at, arg): (usize, &SeccompArg)| args[..at].iter().any(|other| other.index == arg.index);
        let alternatives = match args.iter().enumerate().any(is_repeated) {
            true => args.chunks(1).collect(),
            false => vec![&args[..]],
        };
        let calls = syscall.names.iter().filter_map(|name| row(name)).collect();
        Ok(NamedRule { calls, verdict: action(syscall.action, syscall.errno_ret)?, alternatives })
    }
}

/// What the calls of one ABI get.
fn table(rules: &[NamedRule<'_>], abi: Abi, default: u32, is_lenient: bool) -> Table {
    let mut calls = Vec::new();
    // runc leaves out rules that do what is done by default: they do not stand before later ones.
    for rule in rules.iter().filter(|rule| rule.verdict != default) {
        for args in &rule.alternatives {
            let tests = args.iter().filter_map(|arg| test(arg, abi)).collect::<Vec<_>>();
            for row in &rule.calls {
                let add = |number| calls.push((number, Rule { tests: tests.clone(), verdict: rule.verdict }));
                abi.number(row).into_iter().for_each(add);
                if abi == Abi::X86 {
                    calls.extend(multiplexed(row, &tests, rule.verdict));
                }
            }
        }
    }
    let last = rules.iter().flat_map(|rule| &rule.calls).filter_map(|row| abi.number(row)).max();
    // Programs try calls that are newer than the profile, and fall back where there is no such call.
    let beyond = last.filter(|last| !is_lenient && *last != abi.base());
    let beyond = beyond.map(|last| (last, verdict::ERRNO | errno::ENOSYS));
    Table { abi, otherwise: default, beyond, calls: by_number(calls) }
}

/// The rules of each call; one without tests counts before all others.
fn by_number(mut rules: Vec<(u32, Rule)>) -> Vec<(u32, Outcome)> {
    rules.sort_by_key(|(number, rule)| (*number, !rule.tests.is_empty()));
    let mut calls: Vec<(u32, Outcome)> = Vec::with_capacity(rules.len());
    for (number, rule) in rules {
        match calls.last_mut() {
            Some((last, outcome)) if *last == number => match outcome {
                Outcome::Verdict(_) => {}
                Outcome::Rules(rules) => rules.push(rule),
            },
            _ if rule.tests.is_empty() => calls.push((number, Outcome::Verdict(rule.verdict))),
            _ => calls.push((number, Outcome::Rules(vec![rule]))),
        }
    }
    calls
}

/// The test of an argument; none where it always holds.
fn test(arg: &SeccompArg, abi: Abi) -> Option<Test> {
    let (compare, negated) = match arg.op {
        SeccompOperator::Equal | SeccompOperator::MaskedEqual => (Compare::Equal, false),
        SeccompOperator::NotEqual => (Compare::Equal, true),
        SeccompOperator::Greater => (Compare::Greater, false),
        SeccompOperator::LessOrEqual => (Compare::Greater, true),
        SeccompOperator::GreaterOrEqual => (Compare::GreaterOrEqual, false),
        SeccompOperator::Less => (Compare::GreaterOrEqual, true),
    };
    let (mask, value) = match arg.op {
        SeccompOperator::MaskedEqual => (arg.value, arg.value_two),
        _ => (u64::MAX, arg.value),
    };
    let looked_at = if abi.is_wide() { mask } else { mask & 0xffff_ffff };
    (looked_at != 0).then_some(Test { argument: arg.index, mask, compare, value, is_wide: abi.is_wide(), negated })
}

/// The same rule for a function of socketcall(2) or ipc(2), whose number is the first argument.
fn multiplexed(call: &Row, tests: &[Test], verdict: u32) -> Option<(u32, Rule)> {
    let at = MULTIPLEXED.binary_search_by(|known| known.0.cmp(call.0)).ok()?;
    let (_, through, function) = MULTIPLEXED[at];
    let first =
        Test { argument: 0, mask: u64::MAX, compare: Compare::Equal, value: function, is_wide: false, negated: false };
    let tests = [first].into_iter().chain(tests.iter().copied().filter(|test| test.argument != 0)).collect();
    Some((Abi::X86.number(row(through)?)?, Rule { tests, verdict }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_through_others_are_sorted_and_known() {
        assert!(MULTIPLEXED.is_sorted_by(|a, b| a.0 < b.0));
        for (name, through, _) in MULTIPLEXED {
            assert!(row(name).is_some() && row(through).is_some(), "{name}");
        }
    }
}
