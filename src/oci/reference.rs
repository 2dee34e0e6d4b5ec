//! Names of images, by Docker's grammar and with Docker's short forms (distribution/reference).
//!
//! ```text
//! reference := name [ ":" tag ] [ "@" digest ]
//! name      := [ domain "/" ] component { "/" component }
//! domain    := ( host-part { "." host-part } | "[" IPv6 "]" ) [ ":" port ]
//! component := [a-z0-9]+ { ( "." | "_" | "__" | "-"+ ) [a-z0-9]+ }
//! tag       := [A-Za-z0-9_] { [A-Za-z0-9_.-] }      at most 128
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::digest::Digest;

const HUB: &str = "docker.io";
const HUB_LEGACY: &str = "index.docker.io";
const OFFICIAL: &str = "library/";
const MAX_PATH: usize = 255;

/// The full name of an image: a registry, a repository in it, and a tag or a digest or both.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// A text that names no image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid reference format: {0}")]
pub struct InvalidReference(String);

impl Reference {
    /// Reads a name as people write it (`alpine`, `localhost:5000/a/b:1`), without adding a tag.
    pub fn parse_untagged(text: &str) -> Result<Reference, InvalidReference> {
        let invalid = |why: &str| InvalidReference(format!("{:?}{why}", clip(text)));
        if is_id(text) {
            return Err(invalid(" is an image id, not a name (64 hex digits)"));
        }
        let (domain, rest) = split_domain(text);
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse().map_err(|_| invalid(": the digest is not valid"))?)),
            None => (rest, None),
        };
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(invalid(": the tag is not valid"));
        }
        let is_short = domain == HUB && !path.is_empty() && !path.contains('/');
        let path = if is_short { format!("{OFFICIAL}{path}") } else { path.to_owned() };
        if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(InvalidReference(format!("repository name ({}) must be lowercase", clip(&path))));
        }
        if !is_domain(domain) || !path.split('/').all(is_component) {
            return Err(invalid(""));
        }
        if path.len() > MAX_PATH {
            return Err(InvalidReference(format!("repository name must not be longer than {MAX_PATH} characters")));
        }
        Ok(Reference { domain: domain.to_owned(), path, tag: tag.map(str::to_owned), digest })
    }

    /// The registry: `docker.io`, `localhost:5000`.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The repository in the registry: `library/alpine`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest of the manifest or index.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Registry and repository: `docker.io/library/alpine`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// Registry and repository as people write them: `alpine`, `me/app`, `localhost/app`.
    pub fn familiar_name(&self) -> String {
        if self.domain != HUB {
            return self.name();
        }
        match self.path.strip_prefix(OFFICIAL) {
            Some(name) if !name.contains('/') => name.to_owned(),
            _ => self.path.clone(),
        }
    }

    /// The whole as people write it: `alpine:3.20`.
    pub fn familiar(&self) -> String {
        format!("{}{}", self.familiar_name(), Suffix(self))
    }

    /// With the tag `latest` where there is neither a tag nor a digest.
    #[must_use]
    pub fn or_latest(mut self) -> Reference {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some("latest".to_owned());
        }
        self
    }

    /// The same repository with `tag` alone.
    pub fn with_tag(&self, tag: &str) -> Result<Reference, InvalidReference> {
        if !is_tag(tag) {
            return Err(InvalidReference(format!("{:?} is no tag", clip(tag))));
        }
        Ok(Reference { tag: Some(tag.to_owned()), digest: None, ..self.clone() })
    }

    /// The same repository with `digest` alone.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Reference {
        Reference { tag: None, digest: Some(digest), ..self.clone() }
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    /// Reads a name as people write it; without a tag and a digest it means `latest`.
    fn from_str(text: &str) -> Result<Reference, InvalidReference> {
        Reference::parse_untagged(text).map(Reference::or_latest)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.domain, self.path, Suffix(self))
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Reference, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Reference::parse_untagged(&text).map_err(serde::de::Error::custom)
    }
}

struct Suffix<'a>(&'a Reference);

impl fmt::Display for Suffix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tag) = &self.0.tag {
            write!(f, ":{tag}")?;
        }
        match &self.0.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// The hex digits of a text that may be an image or container id or the start of one: 1 to 64 lower-case hex digits,
/// with or without `sha256:`. Such a text may be a name as well (`cafe`).
pub fn id_prefix(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let is_hex = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (is_hex && (1..=64).contains(&digits.len())).then_some(digits)
}

fn is_id(text: &str) -> bool {
    text.len() == 64 && id_prefix(text).is_some()
}

/// Only what looks like a host is one: it has a dot, a port, an upper-case letter, or is `localhost`.
fn split_domain(text: &str) -> (&str, &str) {
    match text.split_once('/') {
        Some((HUB_LEGACY, rest)) => (HUB, rest),
        Some((domain, rest))
            if domain == "localhost"
                || domain.contains(['.', ':'])
                || domain.bytes().any(|byte| byte.is_ascii_uppercase()) =>
        {
            (domain, rest)
        }
        _ => (HUB, text),
    }
}

fn is_domain(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            let is_address = !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
            return is_address && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    host.split('.').all(is_part) && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_component(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = text.bytes().next().is_some_and(is_word) && text.bytes().last().is_some_and(is_word);
    let separators = text.split(|c: char| c.is_ascii() && is_word(c as u8));
    ends && separators.into_iter().all(|s| matches!(s, "" | "." | "_" | "__") || s.bytes().all(|byte| byte == b'-'))
}

fn is_tag(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(is_word)
        && text.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'))
}

fn clip(text: &str) -> String {
    text.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn canonical(text: &str) -> Result<String, InvalidReference> {
        text.parse::<Reference>().map(|reference| reference.to_string())
    }

    #[test]
    fn short_names_mean_docker_hub_and_latest() {
        for (written, full, familiar) in [
            ("alpine", "docker.io/library/alpine:latest", "alpine:latest"),
            ("alpine:3.20", "docker.io/library/alpine:3.20", "alpine:3.20"),
            ("docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest"),
            ("index.docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest"),
            ("library/alpine", "docker.io/library/alpine:latest", "alpine:latest"),
            ("me/app", "docker.io/me/app:latest", "me/app:latest"),
            ("library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"),
            ("localhost/app", "localhost/app:latest", "localhost/app:latest"),
            ("localhost", "docker.io/library/localhost:latest", "localhost:latest"),
            ("host:5000/app", "host:5000/app:latest", "host:5000/app:latest"),
            ("host:5000", "docker.io/library/host:5000", "host:5000"),
            ("ghcr.io/a/b-c/d_e:V1.0", "ghcr.io/a/b-c/d_e:V1.0", "ghcr.io/a/b-c/d_e:V1.0"),
            ("192.168.0.1", "docker.io/library/192.168.0.1:latest", "192.168.0.1:latest"),
            ("192.168.0.1:80/x", "192.168.0.1:80/x:latest", "192.168.0.1:80/x:latest"),
            ("LOCALDOMAIN/debian", "LOCALDOMAIN/debian:latest", "LOCALDOMAIN/debian:latest"),
            ("[fc00::1]:5000/a/b", "[fc00::1]:5000/a/b:latest", "[fc00::1]:5000/a/b:latest"),
            ("[2001:db8::1]/repo:t", "[2001:db8::1]/repo:t", "[2001:db8::1]/repo:t"),
            ("xn--n3h.com/image:xn--n3h.com", "xn--n3h.com/image:xn--n3h.com", "xn--n3h.com/image:xn--n3h.com"),
            ("dock__er/a---b", "docker.io/dock__er/a---b:latest", "dock__er/a---b:latest"),
            ("foo_bar.com:8080", "docker.io/library/foo_bar.com:8080", "foo_bar.com:8080"),
        ] {
            let reference: Reference = written.parse().unwrap_or_else(|error| panic!("{written}: {error}"));
            assert_eq!((reference.to_string().as_str(), reference.familiar().as_str()), (full, familiar));
            assert_eq!(canonical(full).unwrap(), full);
            assert_eq!(canonical(familiar).unwrap(), full);
        }
    }

    #[test]
    fn a_digest_takes_the_place_of_the_tag_or_joins_it() {
        assert_eq!(canonical(&format!("a@{D}")).unwrap(), format!("docker.io/library/a@{D}"));
        let both: Reference = format!("h:1/a:t@{D}").parse().unwrap();
        assert_eq!(both.to_string(), format!("h:1/a:t@{D}"));
        assert_eq!((both.tag(), both.digest()), (Some("t"), Some(D.parse().unwrap())));
        assert_eq!(both.with_tag("u").unwrap().to_string(), "h:1/a:u");
        assert_eq!(both.with_digest(D.parse().unwrap()).to_string(), format!("h:1/a@{D}"));
    }

    #[test]
    fn an_untagged_name_can_stay_so() {
        let name = Reference::parse_untagged("quay.io/a").unwrap();
        assert_eq!((name.to_string().as_str(), name.tag()), ("quay.io/a", None));
    }

    #[test]
    fn texts_outside_the_grammar_are_refused() {
        let id = &D[7..];
        let long = format!("example.com/{}", "a".repeat(256));
        let bad = [
            "",
            ":tag",
            "@",
            "/",
            "a/",
            "/a",
            "a//b",
            "a:",
            "a@",
            "a:b:c",
            "a b",
            "a\n",
            "ä",
            "-a",
            "a-",
            "a/-b",
            "a/b-",
            "____/____",
            "_a/_b",
            "a..b",
            "a_.b/c",
            "a-.b/c",
            "a___b",
            "https://github.com/docker/docker",
            "docker/Docker",
            "Docker",
            "-docker.io/a",
            "docker.io/a/B",
            "[fc00::1]",
            "[fc00::1]:5000",
            "fc00::1:5000/debian",
            "[fe80::1%eth0]:5000/a",
            "[2001:db8::192.0.2.33]:5000/a",
            "[]:5000/a",
            "[::1]x/a",
            "[::1/a",
            "h:/a",
            "h:x/a",
            "aa/asdf$$^/aa",
            "a@sha256:ff",
            "a@md5:00",
            "a:-t",
            "a:.t",
            "a/b:t/u",
            "..",
            "../a",
            ".",
            "a.b./c",
            "docker.io/",
            "docker.io//a",
            id,
            &long,
        ];
        for text in bad {
            assert!(text.parse::<Reference>().is_err(), "{text:?}");
        }
        assert!(format!("a:{}", "t".repeat(128)).parse::<Reference>().is_ok());
        assert!(format!("a:{}", "t".repeat(129)).parse::<Reference>().is_err());
        assert!(format!("example.com/{}", "a".repeat(255)).parse::<Reference>().is_ok());
        assert!(format!("docker.io/{id}").parse::<Reference>().is_ok());
        assert_eq!(
            canonical("me/App").unwrap_err().to_string(),
            "invalid reference format: repository name (me/App) must be lowercase"
        );
    }

    #[test]
    fn hex_digits_may_be_an_id() {
        assert_eq!(id_prefix("cafe"), Some("cafe"));
        assert_eq!(id_prefix(D), Some(&D[7..]));
        assert_eq!(id_prefix("sha256:12"), Some("12"));
        for no in ["", "sha256:", "CAFE", "xyz", &D[6..], &format!("{}0", &D[7..])] {
            assert_eq!(id_prefix(no), None, "{no}");
        }
    }
}
