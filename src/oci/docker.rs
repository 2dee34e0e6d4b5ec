//! The archive of `docker save` (moby image/spec "Combined Image JSON + Filesystem Changeset Format").

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::json::{Extra, is_default, nullable};
use super::manifest::MAX_LAYERS;
use super::raw::{Document, DocumentError};
use super::{Descriptor, Digest};

/// The file `manifest.json` of an archive: its images.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ArchiveManifest(pub Vec<ArchiveEntry>);

/// One image of an archive. Paths are names within the archive, with `/` between their parts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ArchiveEntry {
    /// The path of the image config.
    pub config: String,
    /// The names of the image: `alpine:3.20`.
    #[serde(default, deserialize_with = "nullable")]
    pub repo_tags: Vec<String>,
    /// The paths of the layers, the lowest first; most are plain tars.
    #[serde(default, deserialize_with = "nullable")]
    pub layers: Vec<String>,
    /// The id of the parent image.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub parent: String,
    /// Layers by diff id that are to be had elsewhere, or that need a media type.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub layer_sources: BTreeMap<Digest, Descriptor>,
    /// Fields we do not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The file `repositories` of archives older than Docker 1.10: names to tags to layer ids. It is written for old readers
/// and never read.
pub type Repositories = BTreeMap<String, BTreeMap<String, String>>;

impl ArchiveManifest {
    /// The name of the file.
    pub const FILE: &'static str = "manifest.json";
}

impl Document for ArchiveManifest {
    const KIND: &'static str = "manifest.json";

    fn check(&self) -> Result<(), DocumentError> {
        let wrong = |field: String, why: String| Err(DocumentError::Field { kind: Self::KIND, field, why });
        for (at, entry) in self.0.iter().enumerate() {
            if entry.layers.len() > MAX_LAYERS {
                return wrong(
                    format!("[{at}].Layers"),
                    format!("{} layers are more than {MAX_LAYERS}", entry.layers.len()),
                );
            }
            for path in entry.layers.iter().chain([&entry.config]) {
                if !is_archive_path(path) {
                    return wrong(format!("[{at}]"), format!("{path:?} is no path within the archive"));
                }
            }
        }
        Ok(())
    }
}

fn is_archive_path(path: &str) -> bool {
    let clean = path.strip_prefix("./").unwrap_or(path);
    !clean.contains(['\0', '\\']) && clean.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{MAX_DOCUMENT, Raw};

    fn parse(text: &str) -> Result<ArchiveManifest, String> {
        Raw::parse(text.as_bytes(), MAX_DOCUMENT).map(|raw| raw.view).map_err(|error| error.to_string())
    }

    #[test]
    fn an_archive_lists_its_images() {
        let text = r#"[{"Config":"blobs/sha256/aa","RepoTags":["a:1","b:2"],"Layers":["bb/layer.tar"]}]"#;
        let manifest = parse(text).unwrap();
        assert_eq!(manifest.0[0].repo_tags, ["a:1", "b:2"]);
        assert_eq!(serde_json::to_string(&manifest).unwrap(), text);
        assert_eq!(
            parse(r#"[{"Config":"c","RepoTags":null,"Layers":null}]"#).unwrap().0[0].layers,
            Vec::<String>::new()
        );
    }

    #[test]
    fn paths_that_lead_out_of_the_archive_are_refused() {
        for path in ["../c", "/c", "a/../../c", "", "a//b", "a\\b"] {
            let path = serde_json::to_string(path).unwrap();
            let error = parse(&format!(r#"[{{"Config":"c","Layers":[{path}]}}]"#)).unwrap_err();
            assert_eq!(error, format!("manifest.json: [0]: {path} is no path within the archive"));
        }
    }
}
