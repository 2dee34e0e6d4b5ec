//! Rules about system calls as a program in classic BPF: a search tree over the calls' numbers.
//!
//! ```text
//! load arch ── x86-64? ── load number ── number >= 0x40000000? ── … ── verdict, or tests of arguments
//!           └─ x86? ───── load number ── …
//!           └─ the thread ends
//! ```
//! Neighbours with one verdict are one leaf. The program is written from its end, so that each jump knows its target.

use super::abi::{Abi, X32_BIT};
use crate::sys::linux::seccomp::{MAX_INSTRUCTIONS, SockFilter, data, op, verdict};

/// What one ABI's calls get.
pub(super) struct Table {
    /// The ABI.
    pub abi: Abi,
    /// What calls get that are not named.
    pub otherwise: u32,
    /// What calls get whose numbers are above this one.
    pub beyond: Option<(u32, u32)>,
    /// What calls get by number, which is in order.
    pub calls: Vec<(u32, Outcome)>,
}

/// What a call gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// This verdict, whatever its arguments.
    Verdict(u32),
    /// That of the first rule whose tests all hold, else what calls get that are not named.
    Rules(Vec<Rule>),
}

/// A verdict, if all tests hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// What must hold.
    pub tests: Vec<Test>,
    /// `SECCOMP_RET_…`.
    pub verdict: u32,
}

/// A test of one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Test {
    /// Which, 0 to 5.
    pub argument: u32,
    /// The bits that are looked at; all, but for [`Compare::Equal`].
    pub mask: u64,
    /// How those are compared with `value`.
    pub compare: Compare,
    /// What they are compared with.
    pub value: u64,
    /// Whether the argument has 64 bits; only the lower 32 are looked at otherwise.
    pub is_wide: bool,
    /// Whether it must not be so.
    pub negated: bool,
}

/// A comparison, unsigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    Greater,
    GreaterOrEqual,
}

/// Writes the program; the machine's own ABI is first among `tables`, and x32 comes after x86-64.
pub(super) fn assemble(tables: &[Table]) -> Result<Vec<SockFilter>, String> {
    let mut code = Code::default();
    let mut entry = code.verdict(verdict::KILL_THREAD);
    for table in tables.iter().rev().filter(|table| table.abi != Abi::X32) {
        let mut leaves = Leaves::default();
        leaves.add(table);
        if table.abi == Abi::X86_64 {
            match tables.iter().find(|table| table.abi == Abi::X32) {
                Some(x32) => leaves.add(x32),
                None => leaves.push(X32_BIT, Leaf { rules: &[], otherwise: verdict::KILL_THREAD }),
            }
        }
        let tree = code.tree(&leaves.runs());
        let tree = code.then(op::LOAD, data::NUMBER, tree);
        entry = code.branch(op::IF_EQUAL, table.abi.audit(), tree, entry);
    }
    code.then(op::LOAD, data::ARCH, entry);
    if code.code.len() > MAX_INSTRUCTIONS {
        return Err(format!(
            "seccomp: the profile makes {} instructions, and the kernel takes {MAX_INSTRUCTIONS}; leave out some rules",
            code.code.len()
        ));
    }
    code.code.reverse();
    Ok(code.code)
}

/// What calls from one number up to the next leaf get: [`Outcome`] with its verdict where no rule holds.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Leaf<'a> {
    rules: &'a [Rule],
    otherwise: u32,
}

/// Leaves with the first number of each, in order; no two neighbours are the same.
#[derive(Default)]
struct Leaves<'a>(Vec<(u32, Leaf<'a>)>);

impl<'a> Leaves<'a> {
    fn add(&mut self, table: &'a Table) {
        let otherwise = Leaf { rules: &[], otherwise: table.otherwise };
        self.push(table.abi.base(), otherwise);
        for (number, outcome) in &table.calls {
            let leaf = match outcome {
                Outcome::Verdict(verdict) => Leaf { rules: &[], otherwise: *verdict },
                Outcome::Rules(rules) => Leaf { rules, otherwise: table.otherwise },
            };
            self.push(*number, leaf);
            self.push(number + 1, otherwise);
        }
        if let Some((last, verdict)) = table.beyond {
            self.push(last + 1, Leaf { rules: &[], otherwise: verdict });
        }
    }

    fn push(&mut self, first: u32, leaf: Leaf<'a>) {
        if self.0.last().is_some_and(|last| last.0 == first) {
            self.0.pop();
        }
        if self.0.last().is_none_or(|last| last.1 != leaf) {
            self.0.push((first, leaf));
        }
    }

    /// Runs of leaves that single comparisons tell apart, as all but single numbers among them are alike: the first, the
    /// third, and so on. The last leaf of a run can be the first of the next.
    fn runs(&self) -> Vec<&[(u32, Leaf<'a>)]> {
        /// A longer run has fewer instructions, but more that a call meets.
        const SINGLES: usize = 4;
        let (mut runs, mut from) = (Vec::new(), 0);
        while from < self.0.len() {
            let mut to = from;
            while let [base, single, next, ..] = &self.0[to..]
                && base.1 == next.1
                && single.0 + 1 == next.0
                && to - from < 2 * SINGLES
            {
                to += 2;
            }
            runs.push(&self.0[from..=to]);
            from = if to - from == 2 * SINGLES && to + 1 < self.0.len() { to } else { to + 1 };
        }
        runs
    }
}

/// A program from its last instruction to its first.
#[derive(Default)]
struct Code {
    code: Vec<SockFilter>,
    /// Where each verdict is, last.
    verdicts: Vec<(u32, Label)>,
}

/// An instruction by its place in a [`Code`].
#[derive(Clone, Copy, PartialEq, Eq)]
struct Label(usize);

impl Code {
    /// How far a branch is sure to reach, with another instruction or two in between: its offsets have 8 bits.
    const REACH: usize = 250;

    fn tree(&mut self, runs: &[&[(u32, Leaf<'_>)]]) -> Label {
        if let [run] = runs {
            return self.run(run);
        }
        let (left, right) = runs.split_at(runs.len() / 2);
        let first = right[0][0].0;
        let (right, left) = (self.tree(right), self.tree(left));
        self.branch(op::IF_GREATER_OR_EQUAL, first, right, left)
    }

    fn run(&mut self, run: &[(u32, Leaf<'_>)]) -> Label {
        let mut next = self.leaf(&run[0].1);
        for (number, leaf) in run.iter().skip(1).step_by(2) {
            let leaf = self.leaf(leaf);
            next = self.branch(op::IF_EQUAL, *number, leaf, next);
        }
        next
    }

    fn leaf(&mut self, leaf: &Leaf<'_>) -> Label {
        let mut next = self.verdict(leaf.otherwise);
        for rule in leaf.rules.iter().rev() {
            let hit = self.verdict(rule.verdict);
            next = rule.tests.iter().rev().fold(hit, |hit, test| self.test(test, hit, next));
        }
        next
    }

    /// A test of an argument in halves, as BPF knows words of 32 bits only.
    fn test(&mut self, test: &Test, yes: Label, no: Label) -> Label {
        let (yes, no) = if test.negated { (no, yes) } else { (yes, no) };
        let low_word = data::ARGUMENTS + 8 * test.argument;
        let (low, high) = (test.value as u32, (test.value >> 32) as u32);
        let (low_mask, high_mask) = (test.mask as u32, (test.mask >> 32) as u32);
        let low = match test.compare {
            Compare::Equal => self.masked(low_word, low_mask, low, yes, no),
            Compare::Greater => {
                let branch = self.branch(op::IF_GREATER, low, yes, no);
                self.then(op::LOAD, low_word, branch)
            }
            Compare::GreaterOrEqual => {
                let branch = self.branch(op::IF_GREATER_OR_EQUAL, low, yes, no);
                self.then(op::LOAD, low_word, branch)
            }
        };
        if !test.is_wide {
            return low;
        }
        let high_word = low_word + 4;
        match test.compare {
            Compare::Equal => self.masked(high_word, high_mask, high, low, no),
            Compare::Greater | Compare::GreaterOrEqual => {
                let same = self.branch(op::IF_EQUAL, high, low, no);
                let branch = self.branch(op::IF_GREATER, high, yes, same);
                self.then(op::LOAD, high_word, branch)
            }
        }
    }

    fn masked(&mut self, word: u32, mask: u32, value: u32, yes: Label, no: Label) -> Label {
        if mask == 0 {
            return yes;
        }
        let mut next = self.branch(op::IF_EQUAL, value & mask, yes, no);
        if mask != u32::MAX {
            next = self.then(op::AND, mask, next);
        }
        self.then(op::LOAD, word, next)
    }

    /// A verdict: one that is within reach already, or a new one.
    fn verdict(&mut self, verdict: u32) -> Label {
        if let Some((_, at)) = self.verdicts.iter().find(|known| known.0 == verdict)
            && self.code.len() - at.0 < Self::REACH / 2
        {
            return *at;
        }
        let at = self.push(op::RETURN, verdict, 0, 0);
        self.verdicts.retain(|known| known.0 != verdict);
        self.verdicts.push((verdict, at));
        at
    }

    /// A comparison of the accumulator with two ways on.
    fn branch(&mut self, code: u16, k: u32, yes: Label, no: Label) -> Label {
        if yes == no {
            return yes;
        }
        let no = self.in_reach(no);
        let yes = self.in_reach(yes);
        let (jt, jf) = (self.distance(yes) as u8, self.distance(no) as u8);
        self.push(code, k, jt, jf)
    }

    /// An instruction with one way on.
    fn then(&mut self, code: u16, k: u32, next: Label) -> Label {
        if self.distance(next) > 0 {
            self.jump(next);
        }
        self.push(code, k, 0, 0)
    }

    fn in_reach(&mut self, target: Label) -> Label {
        if self.distance(target) < Self::REACH { target } else { self.jump(target) }
    }

    fn jump(&mut self, target: Label) -> Label {
        let distance = self.distance(target) as u32;
        self.push(op::JUMP, distance, 0, 0)
    }

    /// How many instructions are between the next one that is pushed and `target`.
    fn distance(&self, target: Label) -> usize {
        self.code.len() - 1 - target.0
    }

    fn push(&mut self, code: u16, k: u32, jt: u8, jf: u8) -> Label {
        self.code.push(SockFilter { code, jt, jf, k });
        Label(self.code.len() - 1)
    }
}
