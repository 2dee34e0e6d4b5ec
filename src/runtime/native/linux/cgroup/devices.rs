//! Which devices a cgroup may use: lines of v1, and a program of eBPF for v2.
//!
//! The rules are read as v1 reads them, from a cgroup that may use nothing: of each of reading, writing and making a node, the
//! last rule that names it decides.

use std::collections::BTreeSet;
use std::os::fd::BorrowedFd;
use std::path::Path;

use super::hierarchy::write_file;
use crate::oci::runtime::DeviceRule;
use crate::sys::linux::cgroup_device;

/// `BPF_DEVCG_DEV_BLOCK` and `BPF_DEVCG_DEV_CHAR`.
const BLOCK: u32 = 1;
const CHAR: u32 = 2;
/// `BPF_DEVCG_ACC_MKNOD`, `BPF_DEVCG_ACC_READ` and `BPF_DEVCG_ACC_WRITE`.
const MAKE: u32 = 1;
const READ: u32 = 2;
const WRITE: u32 = 4;

/// Instructions of a program: `BPF_MAXINSNS`, which holds for whoever has no `CAP_BPF`.
const PROGRAM_MAX: usize = 4096;

/// What every container may use (config-linux.md "Default Devices"): any node may be made, for the kernel asks again when it
/// is opened.
const DEFAULT: [(&str, Option<i64>, Option<i64>, &str); 10] = [
    ("c", None, None, "m"),
    ("b", None, None, "m"),
    ("c", Some(1), Some(3), "rwm"),
    ("c", Some(1), Some(5), "rwm"),
    ("c", Some(1), Some(7), "rwm"),
    ("c", Some(1), Some(8), "rwm"),
    ("c", Some(1), Some(9), "rwm"),
    ("c", Some(5), Some(0), "rwm"),
    ("c", Some(5), Some(2), "rwm"),
    ("c", Some(136), None, "rwm"),
];

/// A rule that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    allow: bool,
    /// [`BLOCK`] or [`CHAR`]; both where it is none.
    kind: Option<u32>,
    major: Option<u32>,
    minor: Option<u32>,
    /// Of [`MAKE`], [`READ`] and [`WRITE`].
    access: u32,
}

impl Rule {
    fn new(rule: &DeviceRule) -> Result<Rule, String> {
        let kind = match rule.kind.as_str() {
            "" | "a" => None,
            "b" => Some(BLOCK),
            "c" | "u" => Some(CHAR),
            kind => return Err(format!("{kind:?} is no type of devices in a rule; write a, b or c")),
        };
        let number = |number: Option<i64>| match number {
            None | Some(-1) => Ok(None),
            Some(number) => {
                u32::try_from(number).map(Some).map_err(|_| format!("{number} is no number of a device in a rule"))
            }
        };
        let mut access = 0;
        for letter in rule.access.chars() {
            access |= match letter {
                'r' => READ,
                'w' => WRITE,
                'm' => MAKE,
                // As runc has it.
                _ => 0,
            };
        }
        if access == 0 && !rule.access.is_empty() {
            return Err(format!("{:?} is no access to devices; write letters of rwm", rule.access));
        }
        // A rule for all devices means all access, whatever it says.
        let is_for_all = kind.is_none();
        let (major, minor) = if is_for_all { (None, None) } else { (number(rule.major)?, number(rule.minor)?) };
        Ok(Rule {
            allow: rule.allow,
            kind,
            major,
            minor,
            access: if access == 0 || is_for_all { READ | WRITE | MAKE } else { access },
        })
    }

    /// The line of `devices.allow` or `devices.deny`.
    fn line(&self) -> String {
        let Some(kind) = self.kind else { return "a".to_owned() };
        let number = |number: Option<u32>| number.map_or_else(|| "*".to_owned(), |number| number.to_string());
        let kind = if kind == BLOCK { 'b' } else { 'c' };
        format!("{kind} {}:{} {}", number(self.major), number(self.minor), letters(self.access))
    }

    /// Whether there are devices that both are about.
    fn meets(&self, other: &Rule) -> bool {
        let can_be_same = |one: Option<u32>, other: Option<u32>| one.is_none() || other.is_none() || one == other;
        can_be_same(self.kind, other.kind)
            && can_be_same(self.major, other.major)
            && can_be_same(self.minor, other.minor)
    }
}

fn letters(access: u32) -> String {
    let letters = [(READ, 'r'), (WRITE, 'w'), (MAKE, 'm')];
    letters.into_iter().filter(|(bit, _)| access & bit != 0).map(|(_, letter)| letter).collect()
}

/// Devices that may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Allowed {
    pub(super) is_block: bool,
    /// All of them where there is none.
    pub(super) major: Option<u32>,
    pub(super) minor: Option<u32>,
    /// Letters of `rwm`.
    pub(super) access: String,
}

/// What rules allow as a list from which nothing is taken away again: less than they do where a later rule takes something from an
/// earlier one. None where they allow everything.
pub(super) fn allowed_alone(rules: &[DeviceRule]) -> Result<Option<Vec<Allowed>>, String> {
    let all = complete(rules)?;
    if all.iter().all(|rule| rule.allow) {
        return Ok(None);
    }
    let mut list = Vec::new();
    for (at, rule) in all.iter().enumerate().filter(|(_, rule)| rule.allow) {
        let taken = all[at..].iter().filter(|later| !later.allow && later.meets(rule));
        let access = taken.fold(rule.access, |access, later| access & !later.access);
        let kinds = [CHAR, BLOCK].into_iter().filter(|kind| access != 0 && rule.kind.is_none_or(|of| of == *kind));
        list.extend(kinds.map(|kind| Allowed {
            is_block: kind == BLOCK,
            major: rule.major,
            minor: rule.minor,
            access: letters(access),
        }));
    }
    Ok(Some(list))
}

/// The rules of a spec between "nothing" and what every container may use, without those that a later one overrules.
fn complete(rules: &[DeviceRule]) -> Result<Vec<Rule>, String> {
    let mut all = vec![Rule { allow: false, kind: None, major: None, minor: None, access: READ | WRITE | MAKE }];
    for rule in rules {
        let rule = Rule::new(rule)?;
        if rule.kind.is_none() {
            all.clear();
        }
        all.push(rule);
    }
    for (kind, major, minor, access) in DEFAULT {
        let rule = DeviceRule { allow: true, kind: kind.to_owned(), major, minor, access: access.to_owned() };
        all.push(Rule::new(&rule)?);
    }
    Ok(all)
}

/// Writes rules to the directory of the controller devices of v1.
pub(super) fn set_v1(dir: &Path, rules: &[DeviceRule]) -> Result<(), String> {
    for rule in complete(rules)? {
        let file = if rule.allow { "devices.allow" } else { "devices.deny" };
        write_file(&dir.join(file), &rule.line())?;
    }
    Ok(())
}

/// Lets a program with these rules decide for a cgroup of v2, instead of an earlier one.
pub(super) fn set_v2(cgroup: BorrowedFd<'_>, rules: &[DeviceRule]) -> Result<(), String> {
    let program = compile(&complete(rules)?)?;
    cgroup_device::set_program(cgroup, &program).map_err(|error| {
        format!("cannot limit devices by a program of eBPF: {error}; it needs CAP_BPF or root, and a kernel with CONFIG_CGROUP_BPF")
    })
}

/// The program: register 2 holds the access, 3 the type, 4 and 5 the numbers. It looks for the numbers, and compares the access
/// with what is allowed there. What is allowed is known beforehand: a program that went through the rules would cost the kernel
/// ten times as long to check, at each start of a container.
fn compile(rules: &[Rule]) -> Result<Vec<u64>, String> {
    // struct bpf_cgroup_dev_ctx { access_type, major, minor }: access << 16 | type.
    let start = vec![load(2, 0), move_register(3, 2), and(3, 0xffff), shift_right(2, 16), load(4, 4), load(5, 8)];
    let mut program = Program { code: start, ends: Vec::new() };
    for kind in [CHAR, BLOCK] {
        let past = program.code.len();
        program.code.push(jump_not_equal(3, kind, 0));
        for major in named(rules, |rule| rule.kind.is_none_or(|of| of == kind).then_some(rule.major)?) {
            let past = program.code.len();
            program.code.push(jump_not_equal(4, major, 0));
            program.choose_minor(rules, kind, Some(major));
            program.land(past);
        }
        program.choose_minor(rules, kind, None);
        program.land(past);
    }
    program.finish().ok_or_else(|| format!("there are too many rules of devices: {}", rules.len()))
}

/// The numbers that rules name, each once.
fn named(rules: &[Rule], number: impl Fn(&Rule) -> Option<u32>) -> BTreeSet<u32> {
    rules.iter().filter_map(number).collect()
}

/// What rules allow of devices with these numbers; none stands for all that no rule names.
fn allowed(rules: &[Rule], kind: u32, major: Option<u32>, minor: Option<u32>) -> u32 {
    let (mut decided, mut allowed) = (0, 0);
    for rule in rules.iter().rev() {
        let names = |named: Option<u32>, number| named.is_none() || named == number;
        if names(rule.kind, Some(kind)) && names(rule.major, major) && names(rule.minor, minor) {
            if rule.allow {
                allowed |= rule.access & !decided;
            }
            decided |= rule.access;
        }
    }
    allowed
}

/// Instructions, some of which jump to an end that is not there yet.
struct Program {
    code: Vec<u64>,
    /// Where they are, and what is allowed at that end.
    ends: Vec<(usize, u32)>,
}

impl Program {
    /// Goes on to the end that fits the minor number.
    fn choose_minor(&mut self, rules: &[Rule], kind: u32, major: Option<u32>) {
        let fits = |rule: &Rule| rule.kind.is_none_or(|of| of == kind) && (rule.major.is_none() || rule.major == major);
        let other = allowed(rules, kind, major, None);
        for minor in named(rules, |rule| fits(rule).then_some(rule.minor)?) {
            let allowed = allowed(rules, kind, major, Some(minor));
            if allowed != other {
                self.ends.push((self.code.len(), allowed));
                self.code.push(jump_equal(5, minor, 0));
            }
        }
        self.ends.push((self.code.len(), other));
        self.code.push(JUMP);
    }

    /// Lets the jump at `from` land here.
    fn land(&mut self, from: usize) {
        self.code[from] |= past(self.code.len() - from - 1);
    }

    /// The whole program; none where the kernel would not take it.
    fn finish(mut self) -> Option<Vec<u64>> {
        let refused = self.code.len();
        self.code.extend([set(0, 0), EXIT]);
        let ends = std::mem::take(&mut self.ends);
        for allowed in ends.iter().map(|(_, allowed)| *allowed).collect::<BTreeSet<_>>() {
            for (from, _) in ends.iter().filter(|(_, end)| *end == allowed) {
                match allowed {
                    0 => self.code[*from] |= past(refused - from - 1),
                    _ => self.land(*from),
                }
            }
            if allowed != 0 {
                self.code.extend([and(2, !allowed), jump_equal(2, 0, 2), set(0, 0), EXIT, set(0, 1), EXIT]);
            }
        }
        (self.code.len() <= PROGRAM_MAX).then_some(self.code)
    }
}

// Instructions of eBPF (Documentation/bpf/standardization/instruction-set.rst): the operation, its registers (source << 4 |
// destination), an offset, a constant. All work on 32 bits.

const EXIT: u64 = instruction(0x95, 0, 0, 0);
/// A jump, to nowhere yet.
const JUMP: u64 = instruction(0x05, 0, 0, 0);

/// The offset of a jump that is part of no instruction yet.
fn past(count: usize) -> u64 {
    // Programs are far shorter than this, or refused.
    instruction(0, 0, u16::try_from(count).unwrap_or(u16::MAX), 0)
}

fn load(register: u8, offset: u16) -> u64 {
    instruction(0x61, (1 << 4) | register, offset, 0)
}

fn move_register(to: u8, from: u8) -> u64 {
    instruction(0xbc, (from << 4) | to, 0, 0)
}

fn set(register: u8, value: u32) -> u64 {
    instruction(0xb4, register, 0, value)
}

fn and(register: u8, value: u32) -> u64 {
    instruction(0x54, register, 0, value)
}

fn shift_right(register: u8, bits: u32) -> u64 {
    instruction(0x74, register, 0, bits)
}

fn jump_equal(register: u8, value: u32, past: u16) -> u64 {
    instruction(0x16, register, past, value)
}

fn jump_not_equal(register: u8, value: u32, past: u16) -> u64 {
    instruction(0x56, register, past, value)
}

/// One instruction as the kernel has it in memory.
const fn instruction(operation: u8, registers: u8, offset: u16, value: u32) -> u64 {
    // `struct bpf_insn` has the destination in the low bits on little-endian systems, in the high bits on others.
    let is_little_endian = 1u16.to_ne_bytes()[0] == 1;
    let registers = if is_little_endian { registers } else { registers.rotate_left(4) };
    let (offset, value) = (offset.to_ne_bytes(), value.to_ne_bytes());
    u64::from_ne_bytes([operation, registers, offset[0], offset[1], value[0], value[1], value[2], value[3]])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn rule(allow: bool, kind: &str, major: Option<i64>, minor: Option<i64>, access: &str) -> DeviceRule {
        DeviceRule { allow, kind: kind.to_owned(), major, minor, access: access.to_owned() }
    }

    /// What the kernel would do with the program.
    fn run(program: &[u64], kind: u32, numbers: (u32, u32), access: u32) -> bool {
        let context = [(access << 16) | kind, numbers.0, numbers.1];
        let mut registers = [0u32; 11];
        let mut at = 0;
        loop {
            let bytes = program[at].to_ne_bytes();
            let (to, from) = (usize::from(bytes[1] & 15), usize::from(bytes[1] >> 4));
            let offset = usize::from(u16::from_ne_bytes([bytes[2], bytes[3]]));
            let value = u32::from_ne_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
            at += 1;
            match bytes[0] {
                0x61 => registers[to] = context[offset / 4],
                0xbc => registers[to] = registers[from],
                0xb4 => registers[to] = value,
                0x54 => registers[to] &= value,
                0x74 => registers[to] >>= value,
                0x05 => at += offset,
                0x16 if registers[to] == value => at += offset,
                0x56 if registers[to] != value => at += offset,
                0x16 | 0x56 => {}
                0x95 => return registers[0] == 1,
                operation => panic!("{operation:#x} is no operation"),
            }
        }
    }

    #[test]
    fn the_last_rule_that_names_an_access_decides_it() {
        let rules = [
            rule(false, "a", None, None, "rwm"),
            rule(true, "c", Some(10), None, "rw"),
            rule(true, "c", Some(10), Some(229), "m"),
            rule(false, "c", Some(10), Some(200), "w"),
            rule(true, "b", Some(7), Some(0), "r"),
        ];
        let program = compile(&complete(&rules).unwrap()).unwrap();
        for (kind, numbers, access, is_allowed) in [
            (CHAR, (10, 229), READ | WRITE | MAKE, true),
            (CHAR, (10, 200), READ, true),
            (CHAR, (10, 200), READ | WRITE, false),
            (BLOCK, (10, 229), READ, false),
            (BLOCK, (7, 0), READ, true),
            (BLOCK, (7, 0), READ | WRITE, false),
            (BLOCK, (7, 1), READ, false),
            (BLOCK, (7, 1), MAKE, true),
            (CHAR, (1, 3), READ | WRITE, true),
            (CHAR, (136, 77), READ | WRITE, true),
            (CHAR, (1, 1), READ, false),
        ] {
            assert_eq!(run(&program, kind, numbers, access), is_allowed, "{kind} {numbers:?} {access}");
        }
    }

    /// Whether the rules, read one after the other, allow it.
    fn is_allowed(rules: &[Rule], kind: u32, numbers: (u32, u32), access: u32) -> bool {
        let decides = |rule: &Rule, bit| {
            let names = |named: Option<u32>, number| named.is_none_or(|named| named == number);
            names(rule.kind, kind)
                && names(rule.major, numbers.0)
                && names(rule.minor, numbers.1)
                && rule.access & bit != 0
        };
        [READ, WRITE, MAKE]
            .into_iter()
            .filter(|bit| access & bit != 0)
            .all(|bit| rules.iter().rfind(|rule| decides(rule, bit)).is_some_and(|rule| rule.allow))
    }

    #[test]
    fn programs_decide_as_the_rules_do_one_after_the_other() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..500 {
            let number = |random: &mut fastrand::Rng| random.bool().then(|| random.i64(0..4));
            let rules: Vec<Rule> = (0..random.usize(..8))
                .map(|_| {
                    let (major, minor) = (number(&mut random), number(&mut random));
                    let access = ["r", "w", "m", "rw", "rm", "wm", "rwm"][random.usize(..7)];
                    let kind = ["a", "b", "c"][random.usize(..3)];
                    Rule::new(&rule(random.bool(), kind, major, minor, access)).unwrap()
                })
                .collect();
            let program = compile(&rules).unwrap();
            for (kind, major, minor, access) in questions(5) {
                let numbers = (major, minor);
                let expected = is_allowed(&rules, kind, numbers, access);
                assert_eq!(run(&program, kind, numbers, access), expected, "{kind} {numbers:?} {access} of {rules:?}");
            }
        }
    }

    /// Everything that can be asked about the first few numbers.
    fn questions(numbers: u32) -> impl Iterator<Item = (u32, u32, u32, u32)> {
        let pairs = (0..numbers).flat_map(move |major| (0..numbers).map(move |minor| (major, minor)));
        pairs.flat_map(|(major, minor)| {
            [CHAR, BLOCK].into_iter().flat_map(move |kind| (1..8).map(move |access| (kind, major, minor, access)))
        })
    }

    #[test]
    fn a_container_with_all_devices_has_them() {
        let program = compile(&complete(&[rule(true, "a", None, None, "")]).unwrap()).unwrap();
        assert!(run(&program, BLOCK, (8, 0), READ | WRITE | MAKE));
    }

    #[test]
    fn rules_are_lines_of_v1() {
        let rules = [
            rule(true, "c", Some(10), None, "rm"),
            rule(true, "", None, None, "r"),
            rule(false, "b", Some(8), Some(-1), ""),
        ];
        let lines: Vec<String> = complete(&rules).unwrap().iter().map(Rule::line).collect();
        assert_eq!(lines[..3], ["a", "b 8:* rwm", "c *:* m"], "a rule for all overrules what is before it");
    }

    #[test]
    fn rules_that_mean_nothing_are_refused() {
        for bad in
            [rule(true, "x", None, None, ""), rule(true, "c", Some(-2), None, ""), rule(true, "c", None, None, "x")]
        {
            assert!(complete(std::slice::from_ref(&bad)).is_err(), "{bad:?}");
        }
        assert_eq!(Rule::new(&rule(true, "c", None, None, "rx")).unwrap().access, READ, "a letter among others");
    }
}
