//! `--filter key=value`: what lists and prunes take, with Docker's meaning.
//!
//! Values of one key are alternatives; keys, and all `label` values, must hold together.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::output::time::{InvalidTime, parse_moment};
use super::pattern;

/// A filter that is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFilter {
    /// No `=`.
    #[error("invalid filter {0:?}: bad format of filter (expected name=value)")]
    Form(String),
    /// A key this command does not have.
    #[error("invalid filter '{key}' (this command takes {known})")]
    Key {
        /// The key.
        key: String,
        /// The keys it has.
        known: String,
    },
    /// A value the key does not take.
    #[error("invalid filter '{key}={value}'")]
    Value {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// No moment.
    #[error("invalid filter '{key}': {source}")]
    Time {
        /// The key.
        key: String,
        /// What is wrong.
        source: InvalidTime,
    },
}

/// The filters of one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters(BTreeMap<String, Vec<String>>);

impl Filters {
    /// Reads `key=value` words; `known` are the keys of the command. A command that knows `label` knows `label!` too.
    pub fn parse<S: AsRef<str>>(words: &[S], known: &[&str]) -> Result<Filters, InvalidFilter> {
        let mut filters = Filters::default();
        for word in words.iter().map(AsRef::as_ref).filter(|word| !word.is_empty()) {
            let (key, value) = word.split_once('=').ok_or_else(|| InvalidFilter::Form(word.to_owned()))?;
            let (key, value) = (key.trim().to_lowercase(), value.trim());
            let known_as = if key == "label!" { "label" } else { &key };
            if !known.contains(&known_as) {
                return Err(InvalidFilter::Key { key, known: known.join(", ") });
            }
            filters.0.entry(key).or_default().push(value.to_owned());
        }
        Ok(filters)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values of a key, in their order.
    pub fn values(&self, key: &str) -> &[String] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    /// Whether the key is not filtered, or `fits` holds for one of its values.
    pub fn any(&self, key: &str, fits: impl Fn(&str) -> bool) -> bool {
        let values = self.values(key);
        values.is_empty() || values.iter().any(|value| fits(value))
    }

    /// Whether the key is not filtered, or `text` is one of its values.
    pub fn is(&self, key: &str, text: &str) -> bool {
        self.any(key, |value| value == text)
    }

    /// Whether the key is not filtered, or one of its values starts the id `digits`; a `sha256:` does not matter.
    pub fn starts_id(&self, key: &str, digits: &str) -> bool {
        self.any(key, |value| bare_id(digits).starts_with(bare_id(value)))
    }

    /// Whether the key is not filtered, or one of its values is found in `name`, as Docker finds names: a leading `/`
    /// does not matter, and a value may be a simple regular expression (`^web-[0-9]+$`).
    pub fn finds(&self, key: &str, name: &str) -> bool {
        self.any(key, |value| pattern::finds(value, name) || pattern::finds(value, &format!("/{name}")))
    }

    /// Whether the key is not filtered, or one of its values is a glob that fits one of `texts` (`*` stops at `/`).
    pub fn fits_glob<'t>(&self, key: &str, texts: impl IntoIterator<Item = &'t str> + Clone) -> bool {
        self.any(key, |value| texts.clone().into_iter().any(|text| pattern::fits_glob(value, text)))
    }

    /// Whether `labels` have all of `label=k`, `label=k=v` and none of `label!=k`, `label!=k=v`.
    pub fn fit_labels(&self, labels: &BTreeMap<String, String>) -> bool {
        let has = |wanted: &String| match wanted.split_once('=') {
            Some((key, value)) => labels.get(key).is_some_and(|found| found == value),
            None => labels.contains_key(wanted),
        };
        self.values("label").iter().all(has) && !self.values("label!").iter().any(has)
    }

    /// The value of a yes-or-no key: `true`, `1`, `false`, `0`.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, InvalidFilter> {
        let mut flag = None;
        for value in self.values(key) {
            let this = match value.to_ascii_lowercase().as_str() {
                "1" | "t" | "true" => true,
                "0" | "f" | "false" => false,
                _ => return Err(InvalidFilter::Value { key: key.to_owned(), value: value.clone() }),
            };
            if flag.is_some_and(|flag| flag != this) {
                return Err(InvalidFilter::Value { key: key.to_owned(), value: self.values(key).join(",") });
            }
            flag = Some(this);
        }
        Ok(flag)
    }

    /// The numbers a key has as values, as `exited`.
    pub fn numbers(&self, key: &str) -> Result<Vec<i64>, InvalidFilter> {
        let number = |value: &String| {
            value.parse().map_err(|_| InvalidFilter::Value { key: key.to_owned(), value: value.clone() })
        };
        self.values(key).iter().map(number).collect()
    }

    /// The moment of a key, as `until`; the earliest of several.
    pub fn moment(&self, key: &str, now: Timestamp, zone: &TimeZone) -> Result<Option<Timestamp>, InvalidFilter> {
        let mut earliest: Option<Timestamp> = None;
        for value in self.values(key) {
            let moment =
                parse_moment(value, now, zone).map_err(|source| InvalidFilter::Time { key: key.to_owned(), source })?;
            earliest = Some(earliest.map_or(moment, |earliest| earliest.min(moment)));
        }
        Ok(earliest)
    }

    /// Refuses values of `key` that are none of `allowed`, as an unknown `status`.
    pub fn check_values(&self, key: &str, allowed: &[&str]) -> Result<(), InvalidFilter> {
        match self.values(key).iter().find(|value| !allowed.contains(&value.as_str())) {
            Some(value) => Err(InvalidFilter::Value { key: key.to_owned(), value: value.clone() }),
            None => Ok(()),
        }
    }
}

fn bare_id(id: &str) -> &str {
    id.strip_prefix("sha256:").unwrap_or(id)
}

/// Whether something made at `created` lies after `since` and before `before`, the creation times of what these filters
/// name.
pub fn lies_between(created: Timestamp, since: Option<Timestamp>, before: Option<Timestamp>) -> bool {
    since.is_none_or(|since| created > since) && before.is_none_or(|before| created < before)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(words: &[&str]) -> Filters {
        Filters::parse(words, &["label", "name", "id", "status", "dangling", "exited", "until", "reference"]).unwrap()
    }

    #[test]
    fn words_that_are_no_filter_are_refused_in_docker_s_words() {
        let error = |word: &str| Filters::parse(&[word], &["name", "id"]).unwrap_err().to_string();
        assert_eq!(error("foo"), "invalid filter \"foo\": bad format of filter (expected name=value)");
        assert_eq!(error("foo=bar"), "invalid filter 'foo' (this command takes name, id)");
        assert_eq!(error("label!=bar"), "invalid filter 'label!' (this command takes name, id)");
        assert_eq!(
            filters(&["dangling=maybe"]).flag("dangling").unwrap_err().to_string(),
            "invalid filter 'dangling=maybe'"
        );
        assert!(filters(&["dangling=1", "dangling=false"]).flag("dangling").is_err());
        assert!(filters(&["status=gone"]).check_values("status", &["running"]).is_err());
        assert!(filters(&["exited=x"]).numbers("exited").is_err());
        assert!(filters(&["until=soon"]).moment("until", Timestamp::UNIX_EPOCH, &TimeZone::UTC).is_err());
    }

    #[test]
    fn values_of_a_key_are_alternatives() {
        let filters = filters(&[" Status = exited ", "status=created", "exited=1", "dangling=TRUE"]);
        assert!(filters.is("status", "created") && filters.is("status", "exited") && !filters.is("status", "running"));
        assert!(filters.is("name", "whatever is not filtered"));
        assert_eq!((filters.numbers("exited"), filters.flag("dangling")), (Ok(vec![1]), Ok(Some(true))));
    }

    #[test]
    fn all_labels_must_hold() {
        let labels = BTreeMap::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), "x=y".to_owned())]);
        for (words, fit) in [
            (&["label=a"][..], true),
            (&["label=a=1", "label=b=x=y"], true),
            (&["label=a=2"], false),
            (&["label=a", "label=c"], false),
            (&["label!=c"], true),
            (&["label!=a"], false),
            (&["label!=a=2"], true),
        ] {
            assert_eq!(filters(words).fit_labels(&labels), fit, "{words:?}");
        }
    }

    #[test]
    fn names_are_found_and_ids_are_started() {
        assert!(filters(&["name=eb"]).finds("name", "web-1"));
        assert!(filters(&["name=^/web"]).finds("name", "web-1"));
        assert!(!filters(&["name=^eb"]).finds("name", "web-1"));
        assert!(filters(&["id=ab", "id=sha256:cd"]).starts_id("id", "cdef"));
        assert!(!filters(&["id=b"]).starts_id("id", "ab"));
        assert!(filters(&["reference=al*:3*"]).fits_glob("reference", ["alpine", "alpine:3.20"]));
    }

    #[test]
    fn moments_are_compared() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let until = filters(&["until=10s", "until=1m"]).moment("until", at(100), &TimeZone::UTC);
        assert_eq!(until, Ok(Some(at(40))));
        assert!(lies_between(at(5), Some(at(4)), Some(at(6))) && !lies_between(at(5), Some(at(5)), None));
    }
}
