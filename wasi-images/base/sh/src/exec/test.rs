//! `[[ ... ]]`

use crate::expand::pattern::Pattern;
use crate::shell::{Run, Shell};
use crate::syntax::ast::{Test, TestOperator};
use crate::syntax::quote;
use crate::variables::Value;

impl Shell {
    pub fn test_expression(&mut self, test: &Test) -> Run<bool> {
        Ok(match test {
            Test::And(left, right) => self.test_expression(left)? && self.test_expression(right)?,
            Test::Or(left, right) => self.test_expression(left)? || self.test_expression(right)?,
            Test::Not(inner) => !self.test_expression(inner)?,
            Test::Unary(operator, word) => {
                let text = self.expand_text(word)?;
                if self.options.xtrace {
                    self.trace(&format!("[[ -{operator} {} ]]", quote::if_needed(&text)));
                }
                crate::builtins::test::unary(self, *operator, &text)
            }
            Test::Binary(operator, left, right) => {
                let left = self.expand_text(left)?;
                match operator {
                    TestOperator::Matches | TestOperator::Differs => {
                        let pattern = self.expand_pattern_text(right)?;
                        if self.options.xtrace {
                            let sign = if *operator == TestOperator::Matches { "==" } else { "!=" };
                            self.trace(&format!("[[ {} {sign} {pattern} ]]", quote::if_needed(&left)));
                        }
                        let matches = if self.options.nocasematch {
                            Pattern::new(&pattern.to_lowercase(), true).matches(&left.to_lowercase())
                        } else {
                            Pattern::new(&pattern, true).matches(&left)
                        };
                        matches == (*operator == TestOperator::Matches)
                    }
                    TestOperator::Regex => {
                        let regex = self.expand_regex(right)?;
                        self.match_regex(&left, &regex)?
                    }
                    TestOperator::Before => *left < *self.expand_text(right)?,
                    TestOperator::After => *left > *self.expand_text(right)?,
                    TestOperator::SameFile | TestOperator::Newer | TestOperator::Older => {
                        let right = self.expand_text(right)?;
                        let name = match operator {
                            TestOperator::SameFile => "-ef",
                            TestOperator::Newer => "-nt",
                            _ => "-ot",
                        };
                        crate::builtins::test::files(name, &left, &right)
                    }
                    _ => {
                        let right = self.expand_text(right)?;
                        let (left, right) = (self.evaluate_text(&left)?, self.evaluate_text(&right)?);
                        match operator {
                            TestOperator::Equal => left == right,
                            TestOperator::NotEqual => left != right,
                            TestOperator::Less => left < right,
                            TestOperator::LessOrEqual => left <= right,
                            TestOperator::Greater => left > right,
                            _ => left >= right,
                        }
                    }
                }
            }
        })
    }

    /// `=~`: sets BASH_REMATCH.
    fn match_regex(&mut self, text: &str, regex: &str) -> Run<bool> {
        let compiled = regex_lite::RegexBuilder::new(&as_rust_has_it(regex))
            .case_insensitive(self.options.nocasematch)
            .dot_matches_new_line(true)
            .build();
        let Ok(compiled) = compiled else { return self.abort(&format!("{regex}: not a regular expression")) };
        let captures = compiled.captures(text);
        let mut groups = std::collections::BTreeMap::new();
        if let Some(captures) = &captures {
            for (at, group) in captures.iter().enumerate() {
                groups.insert(at as i64, group.map_or("", |group| group.as_str()).into());
            }
        }
        let matched = captures.is_some();
        self.vars().entry("BASH_REMATCH").value = Value::Array(groups.into());
        Ok(matched)
    }
}

/// A regular expression of POSIX as the crate takes it: within brackets `[` and `\\` are nothing special, and `&&`, `--` and `~~` neither.
fn as_rust_has_it(regex: &str) -> String {
    let chars: Vec<char> = regex.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        at += 1;
        out.push(c);
        if c == '\\' {
            out.extend(chars.get(at));
            at += 1;
        }
        if c != '[' {
            continue;
        }
        if chars.get(at) == Some(&'^') {
            out.push('^');
            at += 1;
        }
        let first = at;
        while let Some(&c) = chars.get(at) {
            at += 1;
            match c {
                ']' if at - 1 > first => {
                    out.push(']');
                    break;
                }
                '[' if chars.get(at) == Some(&':') => {
                    let length = chars[at..].iter().position(|&c| c == ']').map_or(0, |length| length + 1);
                    out.push('[');
                    out.extend(&chars[at..at + length]);
                    at += length;
                }
                '\\' if chars.get(at).is_some_and(|next| matches!(next, ']' | '[' | '\\' | '^' | '-')) => {
                    // What quotes have put there.
                    out.push('\\');
                    out.push(chars[at]);
                    at += 1;
                }
                '[' | ']' | '\\' | '&' | '~' => {
                    out.push('\\');
                    out.push(c);
                }
                c => out.push(c),
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn brackets_are_read_as_in_posix() {
        for (regex, text, expected) in [
            ("^[x[]$", "[", true),
            ("^[]a]$", "]", true),
            ("^[^]a]$", "b", true),
            ("[[:digit:]]+", "a1", true),
            ("^[a&&b]$", "&", true),
            ("^[.]$", "x", false),
        ] {
            let regex = regex_lite::Regex::new(&super::as_rust_has_it(regex)).expect("it is one");
            assert_eq!(regex.is_match(text), expected, "{regex}");
        }
    }
}
