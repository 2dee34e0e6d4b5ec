//! Profiles of the OCI runtime specification as filters, with the outcome that runc and libseccomp have.

use super::abi::Abi;
use super::program::{Compare, Rule, Table, Test, assemble};
use super::syscalls::row;
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
    let notifies = check(profile)?;
    let mut flags = flags(&profile.flags)?;
    let mut abis = vec![native];
    for arch in &profile.architectures {
        let abi = Abi::named(&arch.0)?.filter(|abi| native.family().contains(abi));
        abis.extend(abi.filter(|abi| !abis.contains(abi)));
    }
    let tables = abis.into_iter().map(|abi| table(profile, abi, default)).collect::<Result<Vec<_>, _>>()?;
    let listener = match (notifies, &profile.listener_path[..]) {
        (false, _) => None,
        (true, "") => return Err("seccomp: the profile has SCMP_ACT_NOTIFY and no listenerPath; give one".into()),
        (true, path) => {
            flags |= flag::NEW_LISTENER;
            Some(Listener { path: path.into(), metadata: profile.listener_metadata.clone() })
        }
    };
    Ok(Filter { program: assemble(&tables)?, flags, listener })
}

/// Whether a rule asks the listener, if the profile is one that can be loaded.
fn check(profile: &Seccomp) -> Result<bool, String> {
    if profile.default_action == SeccompAction::Notify {
        return Err("seccomp: SCMP_ACT_NOTIFY cannot be the default action".into());
    }
    if profile.listener_path.is_empty() && !profile.listener_metadata.is_empty() {
        return Err("seccomp: the profile has listenerMetadata and no listenerPath; give one".into());
    }
    let mut notifying = profile.syscalls.iter().filter(|rule| rule.action == SeccompAction::Notify).peekable();
    let notifies = notifying.peek().is_some();
    // The process tells with write(2) which descriptor the listener is to get.
    if notifying.any(|rule| rule.names.iter().any(|name| name == "write")) {
        return Err("seccomp: SCMP_ACT_NOTIFY cannot be used for write, which handing over the listener needs".into());
    }
    Ok(notifies)
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

/// What the calls of one ABI get.
fn table(profile: &Seccomp, abi: Abi, default: u32) -> Result<Table, String> {
    let mut last = None;
    let mut rules = Vec::new();
    for syscall in &profile.syscalls {
        let verdict = action(syscall.action, syscall.errno_ret)?;
        let alternatives = alternatives(syscall, abi)?;
        for name in &syscall.names {
            // A name that is not known is one that the kernel does not know either.
            let number = row(name).and_then(|row| abi.number(row));
            last = last.max(number);
            // runc leaves out such rules: they do not stand before later ones.
            if verdict == default {
                continue;
            }
            let multiplexed = MULTIPLEXED.iter().filter(|call| abi == Abi::X86 && call.0 == name);
            for tests in &alternatives {
                rules.extend(number.map(|number| (number, Rule { tests: tests.clone(), verdict })));
                rules.extend(multiplexed.clone().filter_map(|(_, call, function)| {
                    Some((abi.number(row(call)?)?, Rule { tests: multiplex(tests, *function), verdict }))
                }));
            }
        }
    }
    let is_lenient = matches!(profile.default_action, SeccompAction::Allow | SeccompAction::Log | SeccompAction::Trace);
    let beyond = last.filter(|last| !is_lenient && *last != abi.base());
    Ok(Table {
        abi,
        otherwise: default,
        // Programs try calls that are newer than the profile, and fall back where there is no such call.
        beyond: beyond.map(|last| (last, verdict::ERRNO | errno::ENOSYS)),
        calls: by_number(rules),
    })
}

/// The rules of each call; one without tests counts before all others.
fn by_number(mut rules: Vec<(u32, Rule)>) -> Vec<(u32, Vec<Rule>)> {
    rules.sort_by_key(|(number, rule)| (*number, !rule.tests.is_empty()));
    let mut calls: Vec<(u32, Vec<Rule>)> = Vec::new();
    for (number, rule) in rules {
        match calls.last_mut() {
            Some((last, rules)) if *last == number => rules.push(rule),
            _ => calls.push((number, vec![rule])),
        }
    }
    calls
}

/// The tests of a rule: all must hold, but where two are of one argument each suffices, as runc has it.
fn alternatives(syscall: &SeccompSyscall, abi: Abi) -> Result<Vec<Vec<Test>>, String> {
    if let Some(arg) = syscall.args.iter().find(|arg| arg.index > 5) {
        return Err(format!("seccomp: a call has arguments 0 to 5, and a rule is about {}", arg.index));
    }
    let tests = |args: &[SeccompArg]| args.iter().filter_map(|arg| test(arg, abi)).collect();
    let is_repeated = |(at, arg): (usize, &SeccompArg)| syscall.args[..at].iter().any(|other| other.index == arg.index);
    if syscall.args.iter().enumerate().any(is_repeated) {
        return Ok(syscall.args.chunks(1).map(tests).collect());
    }
    Ok(vec![tests(&syscall.args)])
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

/// The same tests for a function of socketcall(2) or ipc(2), whose number is the first argument.
fn multiplex(tests: &[Test], function: u64) -> Vec<Test> {
    let first =
        Test { argument: 0, mask: u64::MAX, compare: Compare::Equal, value: function, is_wide: false, negated: false };
    [first].into_iter().chain(tests.iter().copied().filter(|test| test.argument != 0)).collect()
}
