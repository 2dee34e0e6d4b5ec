//! Regular expressions in the syntaxes of POSIX and GNU, by way of Rust's regex crates.
//!
//! Programs of the base image use onig, a binding to a C library, for which a build would need a C compiler for the target. This package takes its place.

mod translate;

use std::cell::OnceCell;
use std::fmt;
use std::ops::{BitOr, BitOrAssign};

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::{Anchored, Input, MatchKind};

pub use translate::Syntax;
use translate::{Translation, translate};

/// How letters and ends of lines are treated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RegexOptions(u32);

#[allow(non_upper_case_globals)]
impl RegexOptions {
    pub const REGEX_OPTION_NONE: RegexOptions = RegexOptions(0);
    /// Letters of both cases are the same.
    pub const REGEX_OPTION_IGNORECASE: RegexOptions = RegexOptions(1);
    /// A dot is an end of a line too.
    pub const REGEX_OPTION_MULTILINE: RegexOptions = RegexOptions(4);

    fn has(self, other: RegexOptions) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for RegexOptions {
    type Output = RegexOptions;
    fn bitor(self, other: RegexOptions) -> RegexOptions {
        RegexOptions(self.0 | other.0)
    }
}

impl BitOrAssign for RegexOptions {
    fn bitor_assign(&mut self, other: RegexOptions) {
        self.0 |= other.0;
    }
}

/// Why a pattern is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error(String);

impl Error {
    /// The reason, without a name of this crate.
    pub fn description(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

enum Engine {
    /// In time that grows with the text alone.
    Plain(regex::bytes::Regex),
    /// With back-references and looks around, on text.
    Fancy(Box<fancy_regex::Regex>),
}

/// A compiled pattern.
pub struct Regex {
    engine: Engine,
    /// The same, that has to match a whole text.
    whole: OnceCell<Engine>,
    /// The same, that goes on to the longest match. `None` within where the pattern has none.
    longest: OnceCell<Option<Longest>>,
    source: String,
    /// Whether the leftmost match may not be the longest.
    has_choices: bool,
}

struct Longest {
    dfa: DFA,
    cache: std::cell::RefCell<Cache>,
}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Regex").field(&self.source).finish()
    }
}

fn engine(source: &str, fancy: bool) -> Result<Engine, Error> {
    if fancy {
        return match fancy_regex::Regex::new(source) {
            Ok(regex) => Ok(Engine::Fancy(Box::new(regex))),
            Err(error) => Err(Error(error.to_string())),
        };
    }
    match regex::bytes::Regex::new(source) {
        Ok(regex) => Ok(Engine::Plain(regex)),
        // The last line of a syntax error says what is wrong; the others draw where.
        Err(error) => {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default();
            Err(Error(reason.strip_prefix("error: ").unwrap_or(reason).to_owned()))
        }
    }
}

impl Regex {
    /// Compiles a pattern in the syntax of Ruby, as far as it is Perl's.
    pub fn new(pattern: &str) -> Result<Regex, Error> {
        Regex::with_options(pattern, RegexOptions::REGEX_OPTION_NONE, Syntax::perl_ng())
    }

    /// Compiles a pattern.
    pub fn with_options(pattern: &str, options: RegexOptions, syntax: &Syntax) -> Result<Regex, Error> {
        let Translation { source, is_fancy, has_choices } = translate(pattern, syntax).map_err(Error)?;
        let mut flags = String::new();
        if options.has(RegexOptions::REGEX_OPTION_IGNORECASE) {
            flags.push('i');
        }
        if options.has(RegexOptions::REGEX_OPTION_MULTILINE) {
            flags.push('s');
        }
        let source = if flags.is_empty() { source } else { format!("(?{flags}){source}") };
        Ok(Regex {
            engine: engine(&source, is_fancy)?,
            whole: OnceCell::new(),
            longest: OnceCell::new(),
            source,
            has_choices,
        })
    }

    /// Whether the pattern matches all of `text`.
    pub fn is_match(&self, text: &str) -> bool {
        let whole = self.whole.get_or_init(|| {
            let source = format!(r"\A(?:{})\z", self.source);
            // A dot in a path may be an end of a line.
            engine(&format!("(?s){source}"), matches!(self.engine, Engine::Fancy(_)))
                .expect("a pattern that compiled does so between anchors")
        });
        match whole {
            Engine::Plain(regex) => regex.is_match(text.as_bytes()),
            // A pattern that takes too long matches nothing.
            Engine::Fancy(regex) => regex.is_match(text).unwrap_or(false),
        }
    }

    /// Where the leftmost match in `text` is.
    pub fn find(&self, text: &str) -> Option<(usize, usize)> {
        self.find_at(text.as_bytes(), 0)
    }

    /// Whether the pattern matches somewhere in `line`.
    pub fn is_found(&self, line: &[u8]) -> bool {
        match &self.engine {
            Engine::Plain(regex) => regex.is_match(line),
            Engine::Fancy(_) => self.find_at(line, 0).is_some(),
        }
    }

    /// The leftmost match that begins at `offset` or after it.
    pub fn find_at(&self, line: &[u8], offset: usize) -> Option<(usize, usize)> {
        match &self.engine {
            Engine::Plain(regex) => regex.find_at(line, offset).map(|found| (found.start(), found.end())),
            Engine::Fancy(regex) => {
                // What is no text is matched as far as it is one.
                let text = match std::str::from_utf8(line) {
                    Ok(text) => text,
                    Err(error) => std::str::from_utf8(&line[..error.valid_up_to()]).unwrap_or_default(),
                };
                let offset = (offset..=text.len()).find(|at| text.is_char_boundary(*at))?;
                let found = regex.find_from_pos(text, offset).ok()??;
                Some((found.start(), found.end()))
            }
        }
    }

    /// Where the longest match that begins at `start` ends. `None` where the leftmost one has to do.
    pub fn longest_end_at(&self, line: &[u8], start: usize) -> Option<usize> {
        if !self.has_choices || matches!(self.engine, Engine::Fancy(_)) {
            return None;
        }
        let longest = self.longest.get_or_init(|| {
            let config =
                DFA::config().match_kind(MatchKind::All).unicode_word_boundary(true).skip_cache_capacity_check(true);
            let syntax = regex_automata::util::syntax::Config::new().utf8(false);
            let dfa = DFA::builder().configure(config).syntax(syntax).build(&self.source).ok()?;
            let cache = std::cell::RefCell::new(dfa.create_cache());
            Some(Longest { dfa, cache })
        });
        let longest = longest.as_ref()?;
        let input = Input::new(line).range(start..).anchored(Anchored::Yes);
        // It gives up at word boundaries beside letters that are not ASCII.
        let found = longest.dfa.try_search_fwd(&mut longest.cache.borrow_mut(), &input).ok()??;
        Some(found.offset())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regex(pattern: &str, syntax: &Syntax) -> Regex {
        Regex::with_options(pattern, RegexOptions::REGEX_OPTION_NONE, syntax).expect(pattern)
    }

    fn found<'t>(pattern: &str, syntax: &Syntax, text: &'t str) -> Option<&'t str> {
        let regex = regex(pattern, syntax);
        let (start, end) = regex.find_at(text.as_bytes(), 0)?;
        Some(&text[start..regex.longest_end_at(text.as_bytes(), start).unwrap_or(end)])
    }

    #[test]
    fn basic_expressions_escape_what_extended_ones_do_not() {
        let (basic, extended) = (Syntax::grep(), Syntax::gnu_regex());
        for (pattern, syntax, text, expected) in [
            ("a+b", basic, "xa+b", Some("a+b")),
            ("a+b", extended, "xaab", Some("aab")),
            (r"a\+b", basic, "xaab", Some("aab")),
            (r"a\+b", extended, "xa+b", Some("a+b")),
            (r"\(ab\)*c", basic, "ababc", Some("ababc")),
            ("(ab)*c", basic, "ab(ab)c", Some("(ab)c")),
            ("(ab)*c", extended, "ababc", Some("ababc")),
            (r"a\{2\}", basic, "baaa", Some("aa")),
            ("a{2}", extended, "baaa", Some("aa")),
            ("a{2}", basic, "a{2}", Some("a{2}")),
            ("a{,2}b", extended, "aaab", Some("aab")),
            (r"a\|b", basic, "b", Some("b")),
            ("a|b", basic, "a|b", Some("a|b")),
            ("*a", basic, "b*a", Some("*a")),
            (r"\(*a\)", basic, "b*a", Some("*a")),
            ("a^b$c", basic, "a^b$c", Some("a^b$c")),
            ("^a$", basic, "a", Some("a")),
            (r"\(^a\)", basic, "ba", None),
            ("x{", extended, "x{", Some("x{")),
            ("a+?b", extended, "b", Some("b")),
            ("a**", extended, "aa", Some("aa")),
        ] {
            assert_eq!(found(pattern, syntax, text), expected, "{pattern} in {text}");
        }
    }

    #[test]
    fn brackets_are_those_of_posix() {
        let basic = Syntax::grep();
        for (pattern, text, expected) in [
            ("[]a]*", "]a]b", Some("]a]")),
            ("[^]a]", "]ab", Some("b")),
            (r"[\d]", "d", Some("d")),
            (r"[\.]", "\\", Some("\\")),
            ("[[:digit:]]*x", "12x", Some("12x")),
            ("[a&&b]", "&", Some("&")),
            ("[a-]", "-", Some("-")),
            ("[[=a=]b]", "a", Some("a")),
            ("[[.-.]]", "-", Some("-")),
            ("[[]", "[", Some("[")),
            ("[~-]", "~", Some("~")),
        ] {
            assert_eq!(found(pattern, basic, text), expected, "{pattern} in {text}");
        }
    }

    #[test]
    fn the_longest_of_the_leftmost_is_taken() {
        let extended = Syntax::gnu_regex();
        assert_eq!(found("a|ab", extended, "xab"), Some("ab"));
        assert_eq!(found("a?(ab)?", extended, "ab"), Some("ab"));
        assert_eq!(found("(a|ab)(c|bcd)", extended, "abcd"), Some("abcd"));
    }

    #[test]
    fn references_words_and_anchors_are_gnus() {
        let basic = Syntax::grep();
        assert_eq!(found(r"\(a*\)b\1", basic, "aabaa"), Some("aabaa"));
        assert_eq!(found(r"\<b", basic, "ab b"), Some("b"));
        assert_eq!(regex(r"\<b\>", basic).find_at(b"ab b", 0), Some((3, 4)));
        assert_eq!(found(r"\w\+", basic, "-ab-"), Some("ab"));
    }

    #[test]
    fn is_match_is_of_the_whole() {
        assert!(regex(".*/ab+c", Syntax::emacs()).is_match("x/abbc"));
        assert!(!regex("ab", Syntax::posix_extended()).is_match("xab"));
        assert!(regex(r".*/ab\{1,3\}c", Syntax::posix_basic()).is_match("./abbc"));
        assert!(regex("a|ab", Syntax::posix_extended()).is_match("ab"));
    }
}
