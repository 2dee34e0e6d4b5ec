//! Patterns: `*`, `?`, `[...]`, and with extended patterns `@(a|b)` and its like.

/// A pattern, ready to be matched.
#[derive(Clone, Debug)]
pub struct Pattern {
    items: Vec<Item>,
    extended: bool,
}

#[derive(Clone, Debug)]
enum Item {
    Character(char),
    /// `?`
    One,
    /// `*`
    Any,
    /// `[...]`
    Set {
        negated: bool,
        members: Vec<Member>,
    },
    /// `?(...)` and so on: the character in front, and the alternatives.
    Group(char, Vec<Vec<Item>>),
}

#[derive(Clone, Debug)]
enum Member {
    Range(char, char),
    Class(fn(char) -> bool),
}

/// How often matching may try something before it gives up: nested groups take exponentially long.
const PATIENCE: u32 = 1_000_000;
const DEPTH: u32 = 50;

impl Pattern {
    /// Reads a pattern in which `\` takes away the meaning of what follows.
    pub fn new(text: &str, extended: bool) -> Pattern {
        let chars: Vec<char> = text.chars().collect();
        let mut reader = Reader { chars: &chars, at: 0, extended };
        let items = reader.items(false, 0);
        let extended = items.iter().any(|item| matches!(item, Item::Group(..)));
        Pattern { items, extended }
    }

    /// The text this pattern is, if it is nothing else.
    pub fn literal(&self) -> Option<String> {
        self.items.iter().map(|item| if let Item::Character(c) = item { Some(*c) } else { None }).collect()
    }

    /// Whether a file name has to begin with a dot for this to match it.
    pub fn begins_with_dot(&self) -> bool {
        matches!(self.items.first(), Some(Item::Character('.')))
    }

    pub fn matches(&self, text: &str) -> bool {
        let chars: Vec<char> = text.chars().collect();
        self.matches_chars(&chars)
    }

    pub fn matches_chars(&self, text: &[char]) -> bool {
        if self.extended {
            let mut patience = PATIENCE;
            return matches_extended(&self.items, text, &mut patience, 0);
        }
        matches_plain(&self.items, text)
    }

    /// How many characters at the start match: the fewest, or the most.
    pub fn prefix(&self, text: &[char], longest: bool) -> Option<usize> {
        let mut lengths: Box<dyn Iterator<Item = usize>> =
            if longest { Box::new((0..=text.len()).rev()) } else { Box::new(0..=text.len()) };
        if let Some(fixed) = self.fixed_length() {
            lengths = Box::new(std::iter::once(fixed).filter(|&length| length <= text.len()));
        }
        lengths.into_iter().find(|&length| self.matches_chars(&text[..length]))
    }

    /// Where what matches at the end begins: the shortest, or the longest.
    pub fn suffix(&self, text: &[char], longest: bool) -> Option<usize> {
        let mut starts: Box<dyn Iterator<Item = usize>> =
            if longest { Box::new(0..=text.len()) } else { Box::new((0..=text.len()).rev()) };
        if let Some(fixed) = self.fixed_length() {
            starts = Box::new(text.len().checked_sub(fixed).into_iter());
        }
        starts.into_iter().find(|&start| self.matches_chars(&text[start..]))
    }

    fn fixed_length(&self) -> Option<usize> {
        self.items.iter().all(|item| !matches!(item, Item::Any | Item::Group(..))).then_some(self.items.len())
    }
}

struct Reader<'a> {
    chars: &'a [char],
    at: usize,
    /// Whether groups are known. They are no longer where one had no end: then no other that is left has one.
    extended: bool,
}

impl Reader<'_> {
    /// Reads items up to the end, or within a group up to `|` or `)`.
    fn items(&mut self, in_group: bool, depth: u32) -> Vec<Item> {
        let mut items = Vec::new();
        while let Some(&c) = self.chars.get(self.at) {
            if in_group && matches!(c, '|' | ')') {
                break;
            }
            self.at += 1;
            if self.extended
                && depth < DEPTH
                && matches!(c, '?' | '*' | '+' | '@' | '!')
                && self.chars.get(self.at) == Some(&'(')
            {
                let before = self.at;
                if let Some(alternatives) = self.group(depth) {
                    items.push(Item::Group(c, alternatives));
                    continue;
                }
                self.extended = false;
                self.at = before;
            }
            match c {
                '\\' => {
                    if let Some(&next) = self.chars.get(self.at) {
                        self.at += 1;
                        items.push(Item::Character(next));
                    } else {
                        items.push(Item::Character('\\'));
                    }
                }
                '?' => items.push(Item::One),
                '*' => {
                    if !matches!(items.last(), Some(Item::Any)) {
                        items.push(Item::Any);
                    }
                }
                '[' => match set(self.chars, &mut self.at) {
                    Some(set) => items.push(set),
                    None => items.push(Item::Character('[')),
                },
                c => items.push(Item::Character(c)),
            }
        }
        items
    }

    /// The alternatives of a group, whose parenthesis comes next. Nothing where it has no end.
    fn group(&mut self, depth: u32) -> Option<Vec<Vec<Item>>> {
        self.at += 1;
        let mut alternatives = Vec::new();
        loop {
            alternatives.push(self.items(true, depth + 1));
            match self.chars.get(self.at) {
                Some('|') => self.at += 1,
                Some(_) => {
                    self.at += 1;
                    return Some(alternatives);
                }
                None => return None,
            }
        }
    }
}

/// A bracket expression, whose bracket has been passed. Nothing, and nothing passed, where it has no end.
fn set(chars: &[char], at: &mut usize) -> Option<Item> {
    let mut i = *at;
    let negated = matches!(chars.get(i), Some('!' | '^'));
    if negated {
        i += 1;
    }
    let first = i;
    let mut members = Vec::new();
    loop {
        let c = *chars.get(i)?;
        if c == ']' && i > first {
            *at = i + 1;
            return Some(Item::Set { negated, members });
        }
        if c == '[' && matches!(chars.get(i + 1), Some(':' | '.' | '=')) {
            let kind = chars[i + 1];
            if let Some(end) =
                (i + 2..chars.len().saturating_sub(1)).find(|&end| chars[end] == kind && chars[end + 1] == ']')
            {
                let name: String = chars[i + 2..end].iter().collect();
                i = end + 2;
                if kind == ':' {
                    members.push(Member::Class(class(&name)));
                    continue;
                }
                let mut inner = name.chars();
                if let (Some(c), None) = (inner.next(), inner.next()) {
                    i = range(chars, i, c, &mut members);
                }
                continue;
            }
        }
        // A slash in it makes it no set at all when files are matched; names have none anyway.
        let (c, next) = character(chars, i)?;
        i = range(chars, next, c, &mut members);
    }
}

/// A character and what comes behind it, with a backslash taken as an escape.
fn character(chars: &[char], at: usize) -> Option<(char, usize)> {
    match *chars.get(at)? {
        '\\' => Some((*chars.get(at + 1)?, at + 2)),
        c => Some((c, at + 1)),
    }
}

/// Adds `c`, or the range it begins. Where to go on.
fn range(chars: &[char], at: usize, c: char, members: &mut Vec<Member>) -> usize {
    if chars.get(at) == Some(&'-')
        && chars.get(at + 1).is_some_and(|&next| next != ']')
        && let Some((last, next)) = character(chars, at + 1)
    {
        members.push(Member::Range(c, last));
        return next;
    }
    members.push(Member::Range(c, c));
    at
}

fn class(name: &str) -> fn(char) -> bool {
    match name {
        "alpha" => char::is_alphabetic,
        "digit" => |c| c.is_ascii_digit(),
        "alnum" => char::is_alphanumeric,
        "upper" => char::is_uppercase,
        "lower" => char::is_lowercase,
        "space" => |c| c.is_whitespace() || c == '\x0b',
        "blank" => |c| matches!(c, ' ' | '\t'),
        "punct" => |c| c.is_ascii_punctuation(),
        "print" => |c| !c.is_control(),
        "graph" => |c| !c.is_control() && !c.is_whitespace(),
        "cntrl" => char::is_control,
        "xdigit" => |c| c.is_ascii_hexdigit(),
        "word" => |c| c.is_alphanumeric() || c == '_',
        _ => |_| false,
    }
}

fn matches_one(item: &Item, c: char) -> bool {
    match item {
        Item::Character(own) => *own == c,
        Item::One => true,
        Item::Set { negated, members } => {
            members.iter().any(|member| match member {
                Member::Range(first, last) => (*first..=*last).contains(&c),
                Member::Class(class) => class(c),
            }) != *negated
        }
        Item::Any | Item::Group(..) => false,
    }
}

/// Without groups: going back to the last `*` alone is enough.
fn matches_plain(items: &[Item], text: &[char]) -> bool {
    let (mut item, mut at) = (0, 0);
    let mut back = None;
    while at < text.len() {
        if matches!(items.get(item), Some(Item::Any)) {
            back = Some((item, at));
            item += 1;
        } else if items.get(item).is_some_and(|item| matches_one(item, text[at])) {
            item += 1;
            at += 1;
        } else if let Some((star, from)) = back {
            back = Some((star, from + 1));
            item = star + 1;
            at = from + 1;
        } else {
            return false;
        }
    }
    items[item..].iter().all(|item| matches!(item, Item::Any))
}

fn matches_extended(items: &[Item], text: &[char], patience: &mut u32, depth: u32) -> bool {
    *patience = patience.saturating_sub(1);
    if *patience == 0 || depth > 2000 {
        return false;
    }
    let Some(first) = items.first() else { return text.is_empty() };
    let rest = &items[1..];
    match first {
        Item::Any => (0..=text.len()).any(|length| matches_extended(rest, &text[length..], patience, depth + 1)),
        Item::Group(kind, alternatives) => {
            let one = |patience: &mut u32, length: usize| {
                alternatives
                    .iter()
                    .any(|alternative| matches_extended(alternative, &text[..length], patience, depth + 1))
            };
            match kind {
                '@' | '?' => {
                    (*kind == '?' && matches_extended(rest, text, patience, depth + 1))
                        || (0..=text.len()).any(|length| {
                            one(patience, length) && matches_extended(rest, &text[length..], patience, depth + 1)
                        })
                }
                '*' | '+' => {
                    (*kind == '*' && matches_extended(rest, text, patience, depth + 1))
                        || (0..=text.len()).any(|length| {
                            one(patience, length)
                                && (matches_extended(rest, &text[length..], patience, depth + 1)
                                    || (length > 0 && matches_extended(items, &text[length..], patience, depth + 1)))
                        })
                }
                _ => (0..=text.len()).any(|length| {
                    !one(patience, length) && matches_extended(rest, &text[length..], patience, depth + 1)
                }),
            }
        }
        item => {
            text.first().is_some_and(|&c| matches_one(item, c))
                && matches_extended(rest, &text[1..], patience, depth + 1)
        }
    }
}

/// Appends `text` so that it matches itself.
pub fn escape_into(pattern: &mut String, text: &str) {
    for c in text.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\' | '(' | ')' | '|' | '+' | '@' | '!' | '-' | '^') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
}

/// Whether the text holds characters that may mean something in a pattern.
pub fn is_active(text: &str, extended: bool) -> bool {
    text.bytes().any(|b| matches!(b, b'*' | b'?' | b'['))
        || (extended && text.contains('(') && text.contains(['+', '@', '!']))
}

/// Whether the text is a pattern: a bracket alone, as in `[ -f x ]`, makes none.
pub fn is_pattern(text: &str, extended: bool) -> bool {
    is_active(text, extended)
        && (text.contains(['*', '?', '(']) || text.find('[').is_some_and(|at| text[at..].contains(']')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_what_they_describe() {
        let table = [
            ("*", "", true),
            ("a*b*c", "aXXbYYc", true),
            ("a*b*c", "aXXbYY", false),
            ("?", "", false),
            ("?", "\u{e9}", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]x]", "]", true),
            ("[a", "[a", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("[[:digit:]]", "5", true),
            ("[![:digit:]a]", "a", false),
            ("[a-]", "-", true),
            ("[\\]]", "]", true),
            ("**", "x", true),
            ("@(a|b)c", "bc", true),
            ("!(a)", "b", true),
            ("!(a)", "a", false),
            ("*(ab)", "ababab", true),
            ("+(a)", "", false),
            ("a?(b)c", "ac", true),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(Pattern::new(pattern, true).matches(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends() {
        let text = "a".repeat(60);
        assert!(!Pattern::new(&format!("{}b", "*a".repeat(30)), false).matches(&text));
        Pattern::new("+(+(+(a|aa)))b", true).matches(&text);
        Pattern::new(&"@(".repeat(10_000), true).matches("x");
    }
}
