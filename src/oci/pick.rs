//! Which image of an index fits a host.

use super::{Descriptor, Index, Platform};

/// No entry of an index fits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no image for {wanted} (there is {available})")]
pub struct NoPlatform {
    /// The platforms that were looked for, the best first.
    pub wanted: String,
    /// The platforms that are there.
    pub available: String,
}

/// The entry for the first platform of `wanted` that has one. Attestations are never picked; of two entries for one
/// platform the first is. An entry without a platform fits anything, after all that have one.
pub fn pick<'a>(index: &'a Index, wanted: &[Platform]) -> Result<&'a Descriptor, NoPlatform> {
    let images = || index.manifests.iter().filter(|entry| !entry.is_attestation());
    let platform = |entry: &Descriptor| entry.platform.as_ref().filter(|platform| !platform.is_empty()).cloned();
    for wanted in wanted {
        if let Some(found) = images().find(|entry| platform(entry).is_some_and(|platform| platform.matches(wanted))) {
            return Ok(found);
        }
    }
    if let Some(found) = images().find(|entry| platform(entry).is_none()) {
        return Ok(found);
    }
    let mut available: Vec<String> = images().filter_map(platform).map(|platform| platform.to_string()).collect();
    available.dedup();
    available.truncate(20);
    Err(NoPlatform {
        wanted: wanted.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        available: if available.is_empty() { "none at all".to_owned() } else { available.join(", ") },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::MediaType;

    fn index(platforms: &[&str]) -> Index {
        let entry = |text: &&str| {
            let mut entry = Descriptor::of(MediaType::Manifest, text.as_bytes());
            entry.platform = (*text).split_once('/').map(|_| match *text {
                "unknown/unknown" => {
                    Platform { os: "unknown".into(), architecture: "unknown".into(), ..Platform::default() }
                }
                text => text.parse().unwrap(),
            });
            entry
        };
        Index::new(platforms.iter().map(entry).collect())
    }

    fn picked(platforms: &[&str], wanted: &[&str]) -> Result<String, String> {
        let wanted: Vec<Platform> = wanted.iter().map(|text| text.parse().unwrap()).collect();
        let index = index(platforms);
        let found = pick(&index, &wanted).map_err(|error| error.to_string())?;
        Ok(found.platform.as_ref().map(ToString::to_string).unwrap_or_default())
    }

    #[test]
    fn the_first_wanted_platform_that_is_there_wins() {
        let there = ["linux/amd64", "unknown/unknown", "linux/arm64/v8", "wasi/wasm32"];
        assert_eq!(picked(&there, &["wasi/wasm", "linux/amd64"]).unwrap(), "wasi/wasm");
        assert_eq!(picked(&there, &["linux/arm64"]).unwrap(), "linux/arm64");
        assert_eq!(picked(&there, &["wasip1/wasm", "linux/amd64"]).unwrap(), "linux/amd64");
    }

    #[test]
    fn an_entry_without_platform_fits_anything_but_comes_last() {
        assert_eq!(picked(&["", "linux/amd64"], &["linux/amd64"]).unwrap(), "linux/amd64");
        assert_eq!(picked(&["", "linux/amd64"], &["wasi/wasm"]).unwrap(), "");
    }

    #[test]
    fn attestations_are_never_picked() {
        assert_eq!(
            picked(&["unknown/unknown"], &["linux/amd64"]).unwrap_err(),
            "no image for linux/amd64 (there is none at all)"
        );
        assert_eq!(
            picked(&["linux/s390x", "unknown/unknown"], &["wasi/wasm", "linux/amd64"]).unwrap_err(),
            "no image for wasi/wasm, linux/amd64 (there is linux/s390x)"
        );
    }
}
