//! Docker's default profile: which calls are allowed is in the table of system calls, those with conditions are here.
//!
//! Follows `seccomp/default_linux.go` of github.com/moby/profiles. Arguments that the kernel reads as `int` are looked at as
//! such, so that their upper halves get nobody past a rule.

use super::Filter;
use super::abi::{Abi, X32_BIT};
use super::program::{Compare, Outcome, Rule, Table, Test, assemble};
use super::syscalls::{ANY, ARGS, ARM, Row, TABLE, X86};
use crate::runtime::native::CapSet;
use crate::sys::linux::seccomp::{errno, flag, verdict};

const AF_ALG: u64 = 38;
const AF_VSOCK: u64 = 40;

/// `CLONE_NEWNS | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET | NEWCGROUP`.
const NEW_NAMESPACES: u64 = 0x7e02_0000;

/// The filter for a process with these capabilities in its bounding set, on a machine whose own ABI is `native`.
pub(super) fn default_filter(capabilities: CapSet, native: Abi) -> Result<Filter, String> {
    let machine = match native {
        Abi::X86 => 0,
        Abi::X86_64 | Abi::X32 => X86,
        Abi::Arm | Abi::Aarch64 => ARM,
    };
    let given = capabilities.bits() | machine | ANY;
    let tables = native.family().iter().map(|abi| table(*abi, given)).collect::<Vec<_>>();
    Ok(Filter { program: assemble(&tables)?, flags: flag::SPEC_ALLOW, listener: None })
}

fn table(abi: Abi, given: u64) -> Table {
    let is_named = |row: &&Row| row.6 & (given | ARGS) != 0;
    let rows = in_order(TABLE.iter().filter(is_named).filter_map(|row| Some((abi.number(row)?, row))));
    let last = rows.last().map(|(number, _)| *number);
    let outcome = |row: &Row| if row.6 & given != 0 { Outcome::Verdict(verdict::ALLOW) } else { conditions(row.0) };
    Table {
        abi,
        otherwise: verdict::ERRNO | errno::EPERM,
        beyond: last.map(|last| (last, verdict::ERRNO | errno::ENOSYS)),
        calls: rows.into_iter().map(|(number, row)| (number, outcome(row))).collect(),
    }
}

/// Numbered rows by their numbers. But for the bits that all of them have, most are so small that nothing needs to be compared.
fn in_order<'a>(rows: impl Iterator<Item = (u32, &'a Row)>) -> Vec<(u32, &'a Row)> {
    const SMALL: u32 = 1 << 10;
    let (mut small, mut others) = (vec![None; SMALL as usize], Vec::new());
    for (number, row) in rows {
        match small.get_mut((number & !X32_BIT) as usize) {
            Some(place) => *place = Some((number, row)),
            None => others.push((number, row)),
        }
    }
    others.sort_unstable_by_key(|(number, _)| *number);
    small.into_iter().flatten().chain(others).collect()
}

/// What a call that depends on its arguments gets.
fn conditions(name: &str) -> Outcome {
    match name {
        "clone" => Outcome::Rules(vec![allow(Test { mask: NEW_NAMESPACES, ..first(Compare::Equal, 0) })]),
        "personality" => Outcome::Rules(
            [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff].map(|value| allow(first(Compare::Equal, value))).into(),
        ),
        "socket" => Outcome::Rules(vec![
            allow(Test { negated: true, ..first(Compare::GreaterOrEqual, AF_ALG) }),
            allow(first(Compare::Equal, AF_ALG + 1)),
            allow(first(Compare::Greater, AF_VSOCK)),
        ]),
        // clone3: its flags are in memory, where a filter does not see them. Programs fall back to clone.
        _ => Outcome::Verdict(verdict::ERRNO | errno::ENOSYS),
    }
}

fn allow(test: Test) -> Rule {
    Rule { tests: vec![test], verdict: verdict::ALLOW }
}

fn first(compare: Compare, value: u64) -> Test {
    Test { argument: 0, mask: u64::MAX, compare, value, is_wide: false, negated: false }
}
