//! Brace expansion: `{a,b}` and `{1..3}`, before all other expansions.

use std::rc::Rc;

use crate::syntax::ast::{Part, Word};

/// How many words one may become.
const MOST: usize = 100_000;

/// A character of the word, or a part in which braces mean nothing.
#[derive(Clone, Debug)]
enum Unit {
    Character(char),
    Part(Part),
}

/// The words this one stands for, if it has braces that say so.
pub fn expand(word: &Word) -> Option<Vec<Word>> {
    if !word.0.iter().any(|part| matches!(part, Part::Literal(text) if text.contains('{'))) {
        return None;
    }
    let mut units = Vec::new();
    for part in &word.0 {
        match part {
            Part::Literal(text) => units.extend(text.chars().map(Unit::Character)),
            part => units.push(Unit::Part(part.clone())),
        }
    }
    let mut found = false;
    let mut budget = MOST;
    let words = alternatives(&units, &mut found, &mut budget, 0)?;
    found.then(|| words.into_iter().map(together).collect())
}

fn together(units: Vec<Unit>) -> Word {
    let mut parts = Vec::new();
    let mut literal = String::new();
    for unit in units {
        match unit {
            Unit::Character(c) => literal.push(c),
            Unit::Part(part) => {
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal).into()));
                }
                parts.push(part);
            }
        }
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(Rc::from(literal)));
    }
    Word(parts)
}

/// All that these units expand to. Nothing where it would be too much.
fn alternatives(units: &[Unit], found: &mut bool, budget: &mut usize, depth: u32) -> Option<Vec<Vec<Unit>>> {
    if depth > 50 {
        return None;
    }
    let Some((start, end, choices)) = first_braces(units, found, budget, depth)? else {
        return Some(vec![units.to_vec()]);
    };
    *found = true;
    let tails = alternatives(&units[end..], found, budget, depth + 1)?;
    let mut all = Vec::new();
    for choice in &choices {
        for tail in &tails {
            *budget = budget.checked_sub(1)?;
            let mut one = units[..start].to_vec();
            one.extend_from_slice(choice);
            one.extend_from_slice(tail);
            all.push(one);
        }
    }
    Some(all)
}

type Braces = Option<(usize, usize, Vec<Vec<Unit>>)>;

/// Where the first braces that expand begin and end, and what they stand for. The outer `None`: too much.
fn first_braces(units: &[Unit], found: &mut bool, budget: &mut usize, depth: u32) -> Option<Braces> {
    let character = |at: usize| if let Some(Unit::Character(c)) = units.get(at) { Some(*c) } else { None };
    // Behind the last closing brace none is closed.
    let last = (0..units.len()).rev().find(|at| character(*at) == Some('}')).unwrap_or(0);
    for start in 0..last {
        if character(start) != Some('{') {
            continue;
        }
        // `${` is not ours, but a dollar in front of a brace is no brace either.
        if start > 0 && character(start - 1) == Some('$') {
            continue;
        }
        let mut nested = 0_usize;
        let mut commas = Vec::new();
        let mut closing = None;
        for at in start + 1..units.len() {
            match character(at) {
                Some('{') => nested += 1,
                Some('}') if nested == 0 => {
                    closing = Some(at);
                    break;
                }
                Some('}') => nested -= 1,
                Some(',') if nested == 0 => commas.push(at),
                _ => {}
            }
        }
        let Some(end) = closing else { continue };
        if commas.is_empty() {
            let text: Option<String> = (start + 1..end).map(character).collect();
            if let Some(sequence) = text.and_then(|text| sequence(&text)) {
                let choices = sequence.into_iter().map(|text| text.chars().map(Unit::Character).collect()).collect();
                return Some(Some((start, end + 1, choices)));
            }
            continue;
        }
        let mut choices = Vec::new();
        let mut from = start + 1;
        for at in commas.into_iter().chain([end]) {
            choices.extend(alternatives(&units[from..at], found, budget, depth + 1)?);
            from = at + 1;
        }
        return Some(Some((start, end + 1, choices)));
    }
    Some(None)
}

/// `1..5`, `a..e..2`: all from the one to the other.
fn sequence(text: &str) -> Option<Vec<String>> {
    let parts: Vec<&str> = text.split("..").collect();
    let (first, last, step) = match parts.as_slice() {
        [first, last] => (*first, *last, 1),
        [first, last, step] => (*first, *last, step.parse::<i64>().ok()?),
        _ => return None,
    };
    let step = step.unsigned_abs().max(1);
    if let (Ok(from), Ok(to)) = (first.parse::<i64>(), last.parse::<i64>()) {
        let padded =
            |text: &str| text.trim_start_matches('-').len() > 1 && text.trim_start_matches('-').starts_with('0');
        let width = if padded(first) || padded(last) { first.len().max(last.len()) } else { 0 };
        if from.abs_diff(to) / step >= MOST as u64 {
            return None;
        }
        return Some(numbers(from, to, step).into_iter().map(|n| format!("{n:0width$}")).collect());
    }
    let one = |text: &str| {
        let mut chars = text.chars();
        chars.next().filter(|c| c.is_ascii_alphabetic() && chars.next().is_none())
    };
    let (from, to) = (one(first)?, one(last)?);
    Some(
        numbers(i64::from(from as u32), i64::from(to as u32), step)
            .into_iter()
            .filter_map(|n| u8::try_from(n).ok())
            .map(|n| char::from(n).to_string())
            .collect(),
    )
}

fn numbers(from: i64, to: i64, step: u64) -> Vec<i64> {
    let count = from.abs_diff(to) / step;
    (0..=count)
        .map(|i| if to >= from { from.wrapping_add((i * step) as i64) } else { from.wrapping_sub((i * step) as i64) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_expand_as_in_bash() {
        let table = [
            ("a{b,c}d", "abd acd"),
            ("{1..3}", "1 2 3"),
            ("{3..1}", "3 2 1"),
            ("{01..3}", "01 02 03"),
            ("{a..e..2}", "a c e"),
            ("{a,b}{1,2}", "a1 a2 b1 b2"),
            ("{a,{b,c}}", "a b c"),
            ("{,x}y", "y xy"),
            ("{a}", "-"),
            ("{}", "-"),
            ("a{b", "-"),
            ("{a,b", "-"),
            ("x{{a,b}", "x{a x{b"),
        ];
        for (text, expected) in table {
            let words = expand(&Word::literal(text));
            let got = words.map_or("-".to_owned(), |words| {
                words.iter().map(|word| word.as_literal().unwrap_or("").to_owned()).collect::<Vec<_>>().join(" ")
            });
            assert_eq!(got, expected, "{text}");
        }
        assert!(expand(&Word::literal(&"{a,b}".repeat(64))).is_none());
    }
}
