//! Patterns in filters: globs for references (Go `path.Match`), simple regular expressions for names.

/// What one character of a text is compared with.
#[derive(Clone, Debug, PartialEq)]
enum Unit {
    Any,
    Char(char),
    /// Runs of characters, and whether one outside of them is meant.
    Class(Vec<(char, char)>, bool),
}

impl Unit {
    fn fits(&self, c: char) -> bool {
        match self {
            Unit::Any => true,
            Unit::Char(own) => *own == c,
            Unit::Class(runs, outside) => runs.iter().any(|(from, to)| (*from..=*to).contains(&c)) != *outside,
        }
    }
}

/// A unit and how often it stands there.
type Step = (Unit, Many);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Many {
    Once,
    Optional,
    Repeated,
}

/// Whether `glob` fits the whole of `text`: `*` is any run and `?` any one character but `/`, `[a-z]` and `[^a-z]` are
/// classes, `\` takes the next character as it is. A broken glob fits nothing.
pub fn fits_glob(glob: &str, text: &str) -> bool {
    let mut steps: Vec<Step> = Vec::new();
    let mut rest = glob.chars();
    let not_slash = || Unit::Class(vec![('/', '/')], true);
    while let Some(c) = rest.next() {
        let step = match c {
            '*' if steps.last() == Some(&(not_slash(), Many::Repeated)) => continue,
            '*' => (not_slash(), Many::Repeated),
            '?' => (not_slash(), Many::Once),
            '[' => match class(&mut rest) {
                Some(class) => (class, Many::Once),
                None => return false,
            },
            '\\' => match rest.next() {
                Some(c) => (Unit::Char(c), Many::Once),
                None => return false,
            },
            c => (Unit::Char(c), Many::Once),
        };
        steps.push(step);
    }
    ends(&steps, text, true) == Some(true)
}

/// Whether `pattern` is found in `text`. Of regular expressions it takes `^ $ . [] * + ? |` and `\`; a text with other
/// signs in it, or a broken one, is looked for as it is, and so is any in a text longer than names are.
pub fn finds(pattern: &str, text: &str) -> bool {
    if text.len() > 4096 || pattern.contains(['(', ')', '{', '}']) {
        return text.contains(pattern);
    }
    match pattern.split('|').map(expression).collect::<Option<Vec<_>>>() {
        Some(branches) => branches.iter().any(|(steps, at_start, at_end)| {
            let starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            let mut starts = starts.take(if *at_start { 1 } else { usize::MAX });
            starts.any(|at| ends(steps, &text[at..], *at_end) == Some(true))
        }),
        None => text.contains(pattern),
    }
}

/// The steps of one branch, and whether it must stand at the start and at the end.
fn expression(branch: &str) -> Option<(Vec<Step>, bool, bool)> {
    let (branch, at_start) = branch.strip_prefix('^').map_or((branch, false), |rest| (rest, true));
    let (branch, at_end) = match branch.strip_suffix('$') {
        Some(rest) if !rest.ends_with('\\') => (rest, true),
        _ => (branch, false),
    };
    let mut steps: Vec<Step> = Vec::new();
    let mut rest = branch.chars();
    while let Some(c) = rest.next() {
        let unit = match c {
            '*' | '+' | '?' => {
                let (unit, many) = steps.pop()?;
                if many != Many::Once {
                    return None;
                }
                match c {
                    '*' => steps.push((unit, Many::Repeated)),
                    '?' => steps.push((unit, Many::Optional)),
                    _ => steps.extend([(unit.clone(), Many::Once), (unit, Many::Repeated)]),
                }
                continue;
            }
            '.' => Unit::Any,
            '[' => class(&mut rest)?,
            '\\' => Unit::Char(rest.next()?),
            c => Unit::Char(c),
        };
        steps.push((unit, Many::Once));
    }
    Some((steps, at_start, at_end))
}

/// The rest of a class after its `[`.
fn class(rest: &mut std::str::Chars<'_>) -> Option<Unit> {
    let mut runs = Vec::new();
    let outside = rest.as_str().starts_with('^');
    if outside {
        rest.next();
    }
    let one = |rest: &mut std::str::Chars<'_>| match rest.next()? {
        '\\' => rest.next(),
        c => Some(c),
    };
    while runs.is_empty() || !rest.as_str().starts_with(']') {
        let from = one(rest)?;
        let to = if rest.as_str().starts_with('-') && !rest.as_str().starts_with("-]") {
            rest.next();
            one(rest)?
        } else {
            from
        };
        runs.push((from, to));
    }
    rest.next();
    Some(Unit::Class(runs, outside))
}

/// Whether the steps fit the start of `text`, or the whole of it. All states are followed at once, so the time is the
/// product of both lengths at most; `None` where that is too long.
fn ends(steps: &[Step], text: &str, whole: bool) -> Option<bool> {
    if steps.len().checked_mul(text.len())? > 10_000_000 {
        return None;
    }
    let mut states = vec![false; steps.len() + 1];
    states[0] = true;
    let skip = |states: &mut Vec<bool>| {
        for (at, (_, many)) in steps.iter().enumerate() {
            if states[at] && *many != Many::Once {
                states[at + 1] = true;
            }
        }
    };
    skip(&mut states);
    for c in text.chars() {
        if states[steps.len()] && !whole {
            return Some(true);
        }
        let mut next = vec![false; steps.len() + 1];
        for (at, (unit, many)) in steps.iter().enumerate() {
            if states[at] && unit.fits(c) {
                next[if *many == Many::Repeated { at } else { at + 1 }] = true;
            }
        }
        skip(&mut next);
        states = next;
    }
    Some(states[steps.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_fit_whole_texts_and_stop_at_slashes() {
        for (glob, text, fits) in [
            ("alpine", "alpine", true),
            ("alpine", "alpine:3", false),
            ("al*", "alpine:3", true),
            ("*", "a/b", false),
            ("*/*", "a/b", true),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("**a**b", "xxaxxb", true),
            ("[", "[", false),
            ("[a", "a", false),
            ("[]a]", "]", true),
            ("a\\", "a", false),
            ("", "", true),
        ] {
            assert_eq!(fits_glob(glob, text), fits, "{glob} {text}");
        }
    }

    #[test]
    fn names_are_found_by_simple_expressions() {
        for (pattern, text, found) in [
            ("eb", "web", true),
            ("^eb", "web", false),
            ("^web$", "web", true),
            ("^web$", "web1", false),
            ("web-[0-9]+$", "my-web-12", true),
            ("web-[0-9]+$", "web-", false),
            ("^a.*z$", "abcz", true),
            ("^a|b$", "xxb", true),
            ("a?b", "b", true),
            ("a\\.b", "axb", false),
            ("a.b", "axb", true),
            ("*", "a*b", true),
            ("(x", "a(x", true),
            ("", "anything", true),
            ("ä+ö", "xääö", true),
        ] {
            assert_eq!(finds(pattern, text), found, "{pattern} {text}");
        }
    }

    #[test]
    fn no_pattern_takes_long() {
        let text = "a".repeat(3000);
        assert!(!fits_glob(&format!("{}b", "*a".repeat(1000)), &text));
        assert!(finds(&"a*".repeat(5000), "b"));
    }
}
