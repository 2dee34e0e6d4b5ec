//! Platforms: what an image needs of its host (image-spec image-index.md "platform").

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::json::{Extra, nullable};

/// An operating system and a processor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// The processor, by Go's names: `amd64`, `arm64`, `wasm`.
    #[serde(default, deserialize_with = "nullable")]
    pub architecture: String,
    /// The operating system, by Go's names: `linux`, `windows`, `wasi`, `wasip1`.
    #[serde(default, deserialize_with = "nullable")]
    pub os: String,
    /// The version of the operating system; Windows needs it.
    #[serde(rename = "os.version", default, deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub os_version: String,
    /// Features the operating system must have.
    #[serde(rename = "os.features", default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
    /// The variant of the processor: `v7`, `v8`.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// Fields we do not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A text that is no platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no platform (expected `os/architecture` or `os/architecture/variant`, as linux/arm64 or wasi/wasm)")]
pub struct InvalidPlatform(pub String);

impl Platform {
    /// A platform without a variant, in its usual names.
    pub fn new(os: &str, architecture: &str) -> Platform {
        Platform { os: os.to_owned(), architecture: architecture.to_owned(), ..Platform::default() }.normalize()
    }

    /// `wasi/wasm`, what cowbox writes.
    pub fn wasi() -> Platform {
        Platform::new("wasi", "wasm")
    }

    /// The platforms under which WASI preview 1 programs are published, the most usual first.
    pub fn wasi_preview1() -> Vec<Platform> {
        ["wasi", "wasip1"].map(|os| Platform::new(os, "wasm")).into()
    }

    /// The platform of Linux programs for this machine's processor.
    pub fn host() -> Platform {
        Platform::new("linux", std::env::consts::ARCH)
    }

    /// The same platform by its usual names: `x86_64` is `amd64`, `linux/arm64/v8` is `linux/arm64`.
    #[must_use]
    pub fn normalize(mut self) -> Platform {
        let os = self.os.to_ascii_lowercase();
        let architecture = self.architecture.to_ascii_lowercase();
        let variant = self.variant.to_ascii_lowercase();
        let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
            ("x86_64" | "x86-64" | "amd64", "" | "v1") => ("amd64", ""),
            ("x86_64" | "x86-64" | "amd64", variant) => ("amd64", variant),
            ("i386" | "i486" | "i586" | "i686" | "x86" | "386", _) => ("386", ""),
            ("aarch64" | "arm64", "" | "8" | "v8" | "v8.0") => ("arm64", ""),
            ("aarch64" | "arm64", variant) => ("arm64", variant),
            ("armhf", _) | ("arm", "" | "7" | "v7") => ("arm", "v7"),
            ("armel", _) | ("arm", "6" | "v6") => ("arm", "v6"),
            ("arm", "5") => ("arm", "v5"),
            ("arm", "8") => ("arm", "v8"),
            ("wasm32", variant) => ("wasm", variant),
            (architecture, variant) => (architecture, variant),
        };
        (self.architecture, self.variant) = (architecture.to_owned(), variant.to_owned());
        self.os = if os == "macos" { "darwin".to_owned() } else { os };
        self
    }

    /// Whether programs of this platform are wasm.
    pub fn is_wasm(&self) -> bool {
        matches!(self.architecture.as_str(), "wasm" | "wasm32" | "wasm64")
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.os.is_empty() && self.architecture.is_empty()
    }

    /// Whether both are one platform; versions and features of the system are not looked at.
    pub fn matches(&self, other: &Platform) -> bool {
        let (a, b) = (self.clone().normalize(), other.clone().normalize());
        a.os == b.os && a.architecture == b.architecture && a.variant == b.variant
    }

    /// What a host of this platform runs, the best first: a processor runs the programs of its older variants.
    pub fn runs(&self) -> Vec<Platform> {
        let own = self.clone().normalize();
        let older: &[(&str, &str)] = match (own.architecture.as_str(), own.variant.as_str()) {
            ("amd64", "v4") => &[("amd64", "v3"), ("amd64", "v2"), ("amd64", ""), ("386", "")],
            ("amd64", "v3") => &[("amd64", "v2"), ("amd64", ""), ("386", "")],
            ("amd64", "v2") => &[("amd64", ""), ("386", "")],
            ("amd64", _) => &[("386", "")],
            ("arm64", "") => &[("arm", "v8"), ("arm", "v7"), ("arm", "v6"), ("arm", "v5")],
            ("arm64", _) => &[("arm64", ""), ("arm", "v8"), ("arm", "v7"), ("arm", "v6"), ("arm", "v5")],
            ("arm", "v8") => &[("arm", "v7"), ("arm", "v6"), ("arm", "v5")],
            ("arm", "v7") => &[("arm", "v6"), ("arm", "v5")],
            ("arm", "v6") => &[("arm", "v5")],
            _ => &[],
        };
        let mut all = vec![own.clone()];
        all.extend(older.iter().map(|(architecture, variant)| Platform {
            architecture: (*architecture).to_owned(),
            variant: (*variant).to_owned(),
            ..own.clone()
        }));
        all
    }
}

impl FromStr for Platform {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> Result<Platform, InvalidPlatform> {
        let invalid = || InvalidPlatform(text.chars().take(200).collect());
        let parts: Vec<&str> = text.splitn(4, '/').collect();
        let is_word = |part: &&str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        };
        if !(2..=3).contains(&parts.len()) || !parts.iter().all(is_word) {
            return Err(invalid());
        }
        let variant = parts.get(2).copied().unwrap_or_default().to_owned();
        let (os, architecture) = (parts[0].to_owned(), parts[1].to_owned());
        Ok(Platform { os, architecture, variant, ..Platform::default() }.normalize())
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, "/{}", self.variant) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_read_into_their_usual_names() {
        for (text, shown) in [
            ("linux/amd64", "linux/amd64"),
            ("Linux/x86_64", "linux/amd64"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/armhf", "linux/arm/v7"),
            ("linux/arm/6", "linux/arm/v6"),
            ("linux/i686", "linux/386"),
            ("macos/arm64", "darwin/arm64"),
            ("wasi/wasm", "wasi/wasm"),
            ("wasi/wasm32", "wasi/wasm"),
            ("wasip1/wasm", "wasip1/wasm"),
            ("linux/riscv64", "linux/riscv64"),
        ] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), shown);
        }
        for bad in ["", "linux", "linux/", "/amd64", "a/b/c/d", "linux/amd 64", "linux/amd64/"] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
    }

    #[test]
    fn fields_are_written_only_where_they_say_something() {
        let text = r#"{"architecture":"amd64","os":"windows","os.version":"10.0.1"}"#;
        let platform: Platform = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&platform).unwrap(), text);
    }

    #[test]
    fn a_processor_runs_its_older_variants() {
        let runs = |text: &str| -> Vec<String> {
            text.parse::<Platform>().unwrap().runs().iter().map(ToString::to_string).collect()
        };
        assert_eq!(runs("linux/amd64"), ["linux/amd64", "linux/386"]);
        assert_eq!(runs("linux/arm/v6"), ["linux/arm/v6", "linux/arm/v5"]);
        assert_eq!(runs("wasi/wasm"), ["wasi/wasm"]);
    }
}
