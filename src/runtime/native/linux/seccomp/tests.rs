//! Programs run by an interpreter, against the profiles they were made of; and by the kernel.

use super::abi::{Abi, X32_BIT};
use super::syscalls::{ANY, ARGS, ARM, TABLE, X86, row};
use super::{Filter, Listener, compile, default};
use crate::oci::runtime::{
    Arch, SECCOMP_ARCHITECTURES, SECCOMP_FLAGS, Seccomp, SeccompAction, SeccompArg, SeccompOperator, SeccompSyscall,
};
use crate::runtime::native::CapSet;
use crate::sys::linux::seccomp::{SockFilter, call_under, data, flag, op, verdict};

const EPERM: u32 = verdict::ERRNO | 1;
const ENOSYS: u32 = verdict::ERRNO | 38;
const ALLOW: u32 = verdict::ALLOW;

const NATIVES: [Abi; 4] = [Abi::X86_64, Abi::Aarch64, Abi::X86, Abi::Arm];
const CLONE_NEWUSER: u64 = 0x1000_0000;

/// A system call as a filter sees it.
#[derive(Clone, Copy, Debug)]
struct Call {
    arch: u32,
    number: u32,
    args: [u64; 6],
}

impl Call {
    fn new(abi: Abi, name: &str, args: &[u64]) -> Call {
        let number = row(name).and_then(|row| abi.number(row)).unwrap_or_else(|| panic!("{abi:?} has no {name}"));
        Call::numbered(abi, number, args)
    }

    fn numbered(abi: Abi, number: u32, args: &[u64]) -> Call {
        let mut six = [0; 6];
        six[..args.len()].copy_from_slice(args);
        Call { arch: abi.audit(), number, args: six }
    }

    fn word(&self, offset: u32) -> u32 {
        match offset {
            data::NUMBER => self.number,
            data::ARCH => self.arch,
            _ => {
                let (arg, half) = ((offset - data::ARGUMENTS) / 8, (offset - data::ARGUMENTS) % 8);
                (self.args[arg as usize] >> (8 * half)) as u32
            }
        }
    }
}

/// What a program says of a call: `linux/filter.h`.
fn run(program: &[SockFilter], call: &Call) -> u32 {
    let (mut at, mut a) = (0, 0);
    loop {
        let SockFilter { code, jt, jf, k } = program[at];
        at += 1;
        let holds = match code {
            op::LOAD => {
                a = call.word(k);
                continue;
            }
            op::AND => {
                a &= k;
                continue;
            }
            op::JUMP => {
                at += k as usize;
                continue;
            }
            op::RETURN => return k,
            op::IF_EQUAL => a == k,
            op::IF_GREATER => a > k,
            op::IF_GREATER_OR_EQUAL => a >= k,
            _ => panic!("instruction {code:#x}"),
        };
        at += usize::from(if holds { jt } else { jf });
    }
}

/// What a profile says of a call, read as config-linux.md "Seccomp", libseccomp and runc have it.
fn judge(profile: &Seccomp, native: Abi, call: &Call) -> u32 {
    let listed = |abi: &Abi| *abi == native || profile.architectures.contains(&Arch(abi.name().into()));
    let of_call = |abi: &Abi| abi.audit() == call.arch && (*abi == Abi::X32) == (abi.is_x86_64() && call.is_x32());
    let Some(abi) = native.family().iter().copied().filter(listed).find(of_call) else { return verdict::KILL_THREAD };
    let default = judged(profile.default_action, profile.default_errno_ret);
    let number = |name: &str| row(name).and_then(|row| abi.number(row));
    let last = profile.syscalls.iter().flat_map(|rule| &rule.names).filter_map(|name| number(name)).max();
    let permissive = [SeccompAction::Allow, SeccompAction::Log, SeccompAction::Trace];
    if last.is_some_and(|last| call.number > last && last != abi.base())
        && !permissive.contains(&profile.default_action)
    {
        return ENOSYS;
    }
    let rules = profile.syscalls.iter().filter(|rule| judged(rule.action, rule.errno_ret) != default);
    let rules = rules.filter(|rule| rule.names.iter().any(|name| number(name) == Some(call.number)));
    let tautology = |arg: &SeccompArg| arg.op == SeccompOperator::MaskedEqual && narrow(abi, arg.value) == 0;
    let any_of = |rule: &SeccompSyscall| (0..6).any(|n| rule.args.iter().filter(|arg| arg.index == n).count() > 1);
    let is_unconditional =
        |rule: &&SeccompSyscall| rule.args.iter().all(tautology) || any_of(rule) && rule.args.iter().any(tautology);
    let holds = |arg: &SeccompArg| {
        let (actual, value) = (narrow(abi, call.args[arg.index as usize]), narrow(abi, arg.value));
        match arg.op {
            SeccompOperator::Equal => actual == value,
            SeccompOperator::NotEqual => actual != value,
            SeccompOperator::Less => actual < value,
            SeccompOperator::LessOrEqual => actual <= value,
            SeccompOperator::Greater => actual > value,
            SeccompOperator::GreaterOrEqual => actual >= value,
            SeccompOperator::MaskedEqual => actual & value == narrow(abi, arg.value_two) & value,
        }
    };
    let fits = |rule: &&SeccompSyscall| match any_of(rule) {
        true => rule.args.iter().any(holds),
        false => rule.args.iter().all(holds),
    };
    let rule = rules.clone().find(is_unconditional).or_else(|| rules.clone().find(fits));
    rule.map_or(default, |rule| judged(rule.action, rule.errno_ret))
}

impl Abi {
    fn is_x86_64(self) -> bool {
        self.audit() == Abi::X86_64.audit()
    }
}

impl Call {
    fn is_x32(&self) -> bool {
        self.number >= X32_BIT
    }
}

fn narrow(abi: Abi, value: u64) -> u64 {
    if abi.is_wide() { value } else { value & 0xffff_ffff }
}

fn judged(action: SeccompAction, number: Option<u32>) -> u32 {
    match action {
        SeccompAction::KillThread => 0,
        SeccompAction::KillProcess => 0x8000_0000,
        SeccompAction::Trap => 0x0003_0000,
        SeccompAction::Errno => 0x0005_0000 | number.unwrap_or(1),
        SeccompAction::Trace => 0x7ff0_0000 | number.unwrap_or(1),
        SeccompAction::Allow => 0x7fff_0000,
        SeccompAction::Log => 0x7ffc_0000,
        SeccompAction::Notify => 0x7fc0_0000,
    }
}

/// A profile with `rules` rules, about few names, so that rules meet.
fn random_profile(random: &mut fastrand::Rng, rules: usize) -> Seccomp {
    let names = (0..3 + rules / 2).map(|_| random_name(random)).collect::<Vec<_>>();
    let (default_action, default_errno_ret) = random_action(random);
    let archs = Abi::ALL.map(Abi::name).into_iter().chain(["SCMP_ARCH_S390X"]);
    let rule = |random: &mut fastrand::Rng| {
        let (action, errno_ret) = random_action(random);
        let names = (0..random.usize(1..4)).map(|_| names[random.usize(..names.len())].clone()).collect();
        let args = (0..[0, 0, 1, 1, 2, 3][random.usize(..6)]).map(|_| random_arg(random)).collect();
        SeccompSyscall { names, action, errno_ret, args }
    };
    Seccomp {
        default_action,
        default_errno_ret,
        architectures: archs.filter(|_| random.bool()).map(|name| Arch(name.into())).collect(),
        syscalls: (0..rules).map(|_| rule(random)).collect(),
        ..Seccomp::default()
    }
}

/// No socket call, as those of x86 have twins that `judge` does not know.
fn random_name(random: &mut fastrand::Rng) -> String {
    loop {
        let name = TABLE[random.usize(..TABLE.len())].0;
        let is_multiplexed = ["sock", "send", "recv", "sem", "msg", "shm", "shutdown", "ipc", "bind", "connect"];
        if !is_multiplexed.iter().any(|part| name.starts_with(part))
            && !["accept", "accept4", "getsockname", "getpeername", "getsockopt", "setsockopt", "listen"]
                .contains(&name)
        {
            return name.into();
        }
    }
}

fn random_action(random: &mut fastrand::Rng) -> (SeccompAction, Option<u32>) {
    let action = [
        SeccompAction::KillThread,
        SeccompAction::KillProcess,
        SeccompAction::Trap,
        SeccompAction::Errno,
        SeccompAction::Errno,
        SeccompAction::Trace,
        SeccompAction::Allow,
        SeccompAction::Allow,
        SeccompAction::Log,
    ][random.usize(..9)];
    let numbered = [SeccompAction::Errno, SeccompAction::Trace].contains(&action);
    (action, (numbered && random.bool()).then(|| random.u32(0..5)))
}

fn random_arg(random: &mut fastrand::Rng) -> SeccompArg {
    let op = [
        SeccompOperator::NotEqual,
        SeccompOperator::Less,
        SeccompOperator::LessOrEqual,
        SeccompOperator::Equal,
        SeccompOperator::GreaterOrEqual,
        SeccompOperator::Greater,
        SeccompOperator::MaskedEqual,
    ][random.usize(..7)];
    SeccompArg { index: random.u32(0..6), value: random_value(random), value_two: random_value(random), op }
}

/// Values that meet each other and the borders of halves.
fn random_value(random: &mut fastrand::Rng) -> u64 {
    let half =
        |random: &mut fastrand::Rng| u64::from([0, 1, 2, 3, 0x7fff_ffff, u32::MAX - 1, u32::MAX][random.usize(..7)]);
    half(random) << 32 | half(random)
}

fn assert_agrees(filter: &Filter, profile: &Seccomp, native: Abi, call: &Call) {
    let (actual, expected) = (run(&filter.program, call), judge(profile, native, call));
    assert_eq!(actual, expected, "{actual:#x} instead of {expected:#x} for {call:x?} on {native:?} with {profile:#?}");
}

#[test]
fn a_program_says_what_its_profile_says() {
    let mut random = fastrand::Rng::with_seed(1);
    for round in 0..400 {
        let profile = random_profile(&mut random, round % 40);
        let native = NATIVES[round % 4];
        let filter = compile::compile(&profile, native).unwrap();
        let named = profile.syscalls.iter().flat_map(|rule| &rule.names).filter_map(|name| row(name));
        let rows = named.collect::<Vec<_>>();
        for _ in 0..400 {
            let abi = Abi::ALL[random.usize(..5)];
            let number = match rows.get(random.usize(..rows.len() + 1)).and_then(|row| abi.number(row)) {
                Some(number) if random.u8(..8) > 0 => number.wrapping_add(random.u32(0..3)).wrapping_sub(1),
                _ => [random.u32(..500), X32_BIT | random.u32(..500), random.u32(..)][random.usize(..3)],
            };
            let args = [0; 6].map(|_: u64| random_value(&mut random));
            assert_agrees(&filter, &profile, native, &Call { arch: abi.audit(), number, args });
        }
    }
}

#[test]
fn a_long_program_jumps_as_far_as_it_must() {
    let mut random = fastrand::Rng::with_seed(2);
    for round in 0..8 {
        let native = NATIVES[round % 2];
        let architectures = native.family().iter().map(|abi| Arch(abi.name().into())).collect();
        let profile = Seccomp { architectures, ..random_profile(&mut random, 200) };
        let filter = compile::compile(&profile, native).unwrap();
        assert!(filter.program.iter().any(|instruction| instruction.code == op::JUMP), "{}", filter.program.len());
        for abi in native.family() {
            for number in (0..600).map(|number| abi.base() | number) {
                let args = [0; 6].map(|_: u64| random_value(&mut random));
                assert_agrees(&filter, &profile, native, &Call { arch: abi.audit(), number, args });
            }
        }
    }
}

#[test]
fn a_profile_that_makes_too_many_instructions_is_refused() {
    let args = |value| vec![SeccompArg { value, ..SeccompArg::default() }];
    let rule = |value| SeccompSyscall {
        names: vec!["read".into()],
        action: SeccompAction::Allow,
        args: args(value),
        errno_ret: None,
    };
    let profile = Seccomp { syscalls: (0..2000).map(rule).collect(), ..Seccomp::default() };
    let error = compile::compile(&profile, Abi::Aarch64).unwrap_err();
    assert!(error.starts_with("seccomp: the profile makes ") && error.contains("4096"), "{error}");
}

/// What Docker's default profile says of a call by its name.
fn by_default(capabilities: &[&str], native: Abi, call: Call) -> u32 {
    let capabilities = CapSet::from_names(capabilities).unwrap();
    run(&default::default_filter(capabilities, native).unwrap().program, &call)
}

#[test]
fn the_default_profile_is_dockers() {
    let table: [(&[&str], &str, &[u64], u32); 32] = [
        (&[], "read", &[], ALLOW),
        (&[], "execve", &[], ALLOW),
        (&[], "ptrace", &[], ALLOW),
        (&[], "landlock_create_ruleset", &[], ALLOW),
        (&[], "mount", &[], EPERM),
        (&[], "keyctl", &[], EPERM),
        (&["ALL"], "keyctl", &[], EPERM),
        (&["ALL"], "io_uring_setup", &[], EPERM),
        (&[], "unshare", &[], EPERM),
        (&["SYS_ADMIN"], "unshare", &[], ALLOW),
        (&["SYS_ADMIN"], "mount", &[], ALLOW),
        (&[], "chroot", &[], EPERM),
        (&["SYS_CHROOT"], "chroot", &[], ALLOW),
        (&["SYS_PTRACE"], "kcmp", &[], ALLOW),
        (&["SYS_TIME"], "clock_settime", &[], ALLOW),
        (&[], "bpf", &[], EPERM),
        (&["SYS_ADMIN"], "bpf", &[], ALLOW),
        (&["BPF"], "bpf", &[], ALLOW),
        (&["PERFMON"], "perf_event_open", &[], ALLOW),
        (&["SYSLOG"], "syslog", &[], ALLOW),
        (&["DAC_READ_SEARCH"], "open_by_handle_at", &[], ALLOW),
        (&[], "clone", &[17], ALLOW),
        (&[], "clone", &[17 | CLONE_NEWUSER], EPERM),
        (&["SYS_ADMIN"], "clone", &[17 | CLONE_NEWUSER], ALLOW),
        (&[], "clone3", &[], ENOSYS),
        (&["SYS_ADMIN"], "clone3", &[], ALLOW),
        (&[], "socket", &[2], ALLOW),
        (&[], "socket", &[40], EPERM),
        (&[], "socket", &[0x1_0000_0028], EPERM),
        (&[], "socket", &[38], EPERM),
        (&[], "personality", &[0xffff_ffff], ALLOW),
        (&[], "personality", &[0x40_0000], EPERM),
    ];
    for native in [Abi::X86_64, Abi::Aarch64] {
        for abi in native.family() {
            for (capabilities, name, args, expected) in table {
                let actual = by_default(capabilities, native, Call::new(*abi, name, args));
                assert_eq!(actual, expected, "{actual:#x}: {name}{args:x?} in {abi:?} with {capabilities:?}");
            }
            let newer = Call::numbered(*abi, abi.base() | 0x10_0000, &[]);
            assert_eq!(by_default(&[], native, newer), ENOSYS, "{abi:?}");
        }
    }
    assert_eq!(by_default(&[], Abi::X86_64, Call::new(Abi::X86_64, "arch_prctl", &[])), ALLOW);
    assert_eq!(by_default(&[], Abi::X86_64, Call::new(Abi::Aarch64, "read", &[])), verdict::KILL_THREAD);
    assert_eq!(by_default(&[], Abi::Aarch64, Call::new(Abi::Arm, "set_tls", &[])), ALLOW);
}

/// The table's column as a profile, for `judge`.
fn default_profile(capabilities: CapSet, native: Abi) -> Seccomp {
    let machine = if native == Abi::X86_64 { X86 } else { ARM };
    let allowed = TABLE.iter().filter(|row| row.6 & (capabilities.bits() | machine | ANY) != 0);
    let rule = |names: &[&str], action, errno_ret, args: &[(u64, u64, SeccompOperator)]| SeccompSyscall {
        names: names.iter().map(|name| (*name).into()).collect(),
        action,
        errno_ret,
        args: args
            .iter()
            .map(|(value, value_two, op)| SeccompArg { index: 0, value: *value, value_two: *value_two, op: *op })
            .collect(),
    };
    let allow = |name, value, op| rule(&[name], SeccompAction::Allow, None, &[(value, 0, op)]);
    let mut syscalls = vec![rule(&allowed.map(|row| row.0).collect::<Vec<_>>(), SeccompAction::Allow, None, &[])];
    if !capabilities.contains(CapSet::from_names(&["SYS_ADMIN"]).unwrap()) {
        syscalls.push(allow("clone", 0x7e02_0000, SeccompOperator::MaskedEqual));
        syscalls.push(rule(&["clone3"], SeccompAction::Errno, Some(38), &[]));
    }
    syscalls.extend(
        [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff].map(|value| allow("personality", value, SeccompOperator::Equal)),
    );
    syscalls.push(allow("socket", 38, SeccompOperator::Less));
    syscalls.push(allow("socket", 39, SeccompOperator::Equal));
    syscalls.push(allow("socket", 40, SeccompOperator::Greater));
    assert_eq!(TABLE.iter().filter(|row| row.6 & ARGS != 0).count(), 4);
    Seccomp {
        architectures: native.family().iter().map(|abi| Arch(abi.name().into())).collect(),
        syscalls,
        ..Seccomp::default()
    }
}

#[test]
fn the_default_filter_is_that_of_the_profile_as_a_document() {
    let sets: [&[&str]; 4] = [&[], &["SYS_ADMIN"], &["ALL"], &["SYS_PTRACE", "BPF", "SYS_CHROOT"]];
    let values = [0, 8, 17, 38, 39, 40, 41, 0x2_0008, CLONE_NEWUSER, 0xffff_ffff];
    for (native, capabilities) in
        [Abi::X86_64, Abi::Aarch64].into_iter().flat_map(|native| sets.map(|set| (native, set)))
    {
        let capabilities = CapSet::from_names(capabilities).unwrap();
        let filter = default::default_filter(capabilities, native).unwrap();
        let profile = default_profile(capabilities, native);
        assert!(filter.program.len() < 400, "{}", filter.program.len());
        for abi in native.family() {
            for number in (0..600).map(|number| abi.base() | number).chain([0xf_0001, 0xf_0005, u32::MAX]) {
                let looks = TABLE.iter().any(|row| row.6 & ARGS != 0 && abi.number(row) == Some(number));
                for value in &values[..if looks { values.len() } else { 1 }] {
                    assert_agrees(&filter, &profile, native, &Call::numbered(*abi, number, &[*value]));
                }
            }
        }
    }
}

fn profile(json: &str) -> Seccomp {
    serde_json::from_str(json).unwrap()
}

#[test]
fn a_rule_about_sockets_is_about_socketcall_too() {
    let denies = profile(
        r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"], "syscalls": [
            {"names": ["socket", "shmat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13}
        ]}"#,
    );
    let filter = compile::compile(&denies, Abi::X86_64).unwrap();
    let table: [(Abi, &str, &[u64], u32); 6] = [
        (Abi::X86_64, "socket", &[], verdict::ERRNO | 13),
        (Abi::X86, "socket", &[], verdict::ERRNO | 13),
        (Abi::X86, "socketcall", &[1], verdict::ERRNO | 13),
        (Abi::X86, "socketcall", &[2], ALLOW),
        (Abi::X86, "ipc", &[21], verdict::ERRNO | 13),
        (Abi::X86, "ipc", &[1], ALLOW),
    ];
    for (abi, name, args, expected) in table {
        assert_eq!(run(&filter.program, &Call::new(abi, name, args)), expected, "{abi:?} {name} {args:?}");
    }
}

#[test]
fn what_a_profile_cannot_have_is_named() {
    let allow = r#""defaultAction": "SCMP_ACT_ALLOW""#;
    let table = [
        (format!(r#"{{{allow}, "architectures": ["SCMP_ARCH_Z80"]}}"#), "architecture \"SCMP_ARCH_Z80\""),
        (format!(r#"{{{allow}, "flags": ["SECCOMP_FILTER_FLAG_FAST"]}}"#), "flag \"SECCOMP_FILTER_FLAG_FAST\""),
        (format!(r#"{{{allow}, "defaultErrnoRet": 1}}"#), "the action Allow has no errnoRet"),
        (r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 5000}"#.into(), "errnoRet 5000 is more than 4095"),
        (r#"{"defaultAction": "SCMP_ACT_NOTIFY", "listenerPath": "/s"}"#.into(), "cannot be the default action"),
        (format!(r#"{{{allow}, "listenerMetadata": "m"}}"#), "no listenerPath"),
        (format!(r#"{{{allow}, "syscalls": [{{"names": ["bpf"], "action": "SCMP_ACT_NOTIFY"}}]}}"#), "no listenerPath"),
        (
            format!(
                r#"{{{allow}, "listenerPath": "/s", "syscalls": [{{"names": ["write"], "action": "SCMP_ACT_NOTIFY"}}]}}"#
            ),
            "SCMP_ACT_NOTIFY cannot be used for the write syscall",
        ),
        (
            format!(
                r#"{{{allow}, "syscalls": [{{"names": ["read"], "action": "SCMP_ACT_LOG", "args": [{{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}}]}}]}}"#
            ),
            "a rule is about 6",
        ),
    ];
    for (json, expected) in table {
        let error = compile::compile(&profile(&json), Abi::X86_64).unwrap_err();
        assert!(error.starts_with("seccomp: ") && error.contains(expected), "{json}: {error}");
    }
}

#[test]
fn what_features_tell_of_is_understood() {
    let profile = Seccomp {
        architectures: SECCOMP_ARCHITECTURES.map(|name| Arch(name.into())).into(),
        flags: SECCOMP_FLAGS.map(Into::into).into(),
        ..Seccomp::default()
    };
    assert!(Abi::ALL.iter().all(|abi| SECCOMP_ARCHITECTURES.contains(&abi.name())));
    assert!(compile::compile(&profile, Abi::Aarch64).is_ok());
}

#[test]
fn a_listener_is_told_of_and_flags_are_the_kernels() {
    let asks = profile(
        r#"{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/agent", "listenerMetadata": "m",
            "flags": ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC"],
            "syscalls": [{"names": ["mkdir", "no_such_call"], "action": "SCMP_ACT_NOTIFY"}]}"#,
    );
    let filter = compile::compile(&asks, Abi::X86_64).unwrap();
    assert_eq!(filter.flags, flag::LOG | flag::NEW_LISTENER);
    assert_eq!(filter.listener, Some(Listener { path: "/run/agent".into(), metadata: "m".into() }));
    assert_eq!(run(&filter.program, &Call::new(Abi::X86_64, "mkdir", &[])), verdict::NOTIFY);
    let plain = compile::compile(&profile(r#"{"defaultAction": "SCMP_ACT_ALLOW"}"#), Abi::X86_64).unwrap();
    assert_eq!((plain.flags, plain.listener), (flag::SPEC_ALLOW, None));
}

#[allow(clippy::disallowed_macros)]
fn native() -> Option<Abi> {
    let native = Abi::native();
    native.inspect_err(|why| eprintln!("skipped: {why}")).ok()
}

#[test]
fn the_kernel_loads_the_default_filter_and_keeps_to_it() {
    let Some(native) = native() else { return };
    let filter = default::default_filter(CapSet::docker_default(), native).unwrap();
    let under = |name, args| {
        let number = abi_number(native, name);
        call_under(&filter.program, filter.flags, number, args)
    };
    assert_eq!(under("getuid", [0; 3]), Ok(0));
    assert_eq!(under("unshare", [0x0400_0000, 0, 0]), Ok(1));
    assert_eq!(under("socket", [40, 1, 0]), Ok(1));
    assert_eq!(under("clone3", [0; 3]), Ok(38));
    assert_eq!(call_under(&filter.program, filter.flags, 0x10_0000, [0; 3]), Ok(38));
}

#[test]
fn the_kernel_loads_what_is_compiled() {
    let Some(native) = native() else { return };
    let mut random = fastrand::Rng::with_seed(3);
    for rules in [0, 3, 30, 300] {
        let mut profile = random_profile(&mut random, rules);
        profile.default_action = SeccompAction::Allow;
        profile.default_errno_ret = None;
        profile.syscalls.retain(|rule| !rule.names.iter().any(|name| name.starts_with("exit")));
        profile.syscalls.push(SeccompSyscall {
            names: vec!["getsid".into()],
            action: SeccompAction::Errno,
            errno_ret: Some(99),
            args: vec![SeccompArg { index: 0, value: 0x1_0000_0000, ..SeccompArg::default() }],
        });
        let filter = compile::compile(&profile, native).unwrap();
        let number = abi_number(native, "getsid");
        let expected = if native.is_wide() { 99 } else { 0 };
        assert_eq!(call_under(&filter.program, filter.flags, number, [0x1_0000_0000, 0, 0]), Ok(expected));
    }
}

fn abi_number(abi: Abi, name: &str) -> u32 {
    row(name).and_then(|row| abi.number(row)).unwrap()
}
