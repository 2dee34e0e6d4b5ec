//! Manifests and indexes (image-spec manifest.md, image-index.md; Docker's version 2 schema 2).

use serde::{Deserialize, Serialize};

use super::MediaType;
use super::descriptor::{Annotations, Descriptor};
use super::json::{Extra, is_default, nullable};
use super::raw::{Document, DocumentError};

/// The layers an image may have.
pub const MAX_LAYERS: usize = 4096;

/// The entries an index may have.
pub const MAX_MANIFESTS: usize = 65_536;

/// One image: its config and its layers, the lowest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// What the document says it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// What kind of artifact this is, where it is no image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The config blob.
    pub config: Descriptor,
    /// The layers, the lowest first.
    #[serde(default, deserialize_with = "nullable")]
    pub layers: Vec<Descriptor>,
    /// The manifest that this one describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Notes.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub annotations: Annotations,
    /// Fields we do not know.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Manifest {
    /// An OCI manifest of `config` and `layers`.
    pub fn new(config: Descriptor, layers: Vec<Descriptor>) -> Manifest {
        Manifest {
            schema_version: 2,
            media_type: Some(MediaType::Manifest),
            artifact_type: None,
            config,
            layers,
            subject: None,
            annotations: Annotations::new(),
            extra: Extra::new(),
        }
    }

    /// What the document is, where it does not say: Docker's if its config is Docker's.
    pub fn media_type(&self) -> MediaType {
        match (&self.media_type, &self.config.media_type) {
            (Some(media_type), _) => media_type.clone(),
            (None, MediaType::DockerConfig) => MediaType::DockerManifest,
            (None, _) => MediaType::Manifest,
        }
    }
}

impl Document for Manifest {
    const KIND: &'static str = "manifest";

    fn check(&self) -> Result<(), DocumentError> {
        let wrong = |field: &str, why: String| DocumentError::Field { kind: Self::KIND, field: field.to_owned(), why };
        check_head(Self::KIND, self.schema_version, self.media_type.as_ref(), MediaType::is_manifest)?;
        if self.layers.len() > MAX_LAYERS {
            return Err(wrong("layers", format!("{} layers are more than {MAX_LAYERS}", self.layers.len())));
        }
        check_size(Self::KIND, "config", &self.config)?;
        for (at, layer) in self.layers.iter().enumerate() {
            check_size(Self::KIND, &format!("layers[{at}]"), layer)?;
        }
        Ok(())
    }
}

/// Several images under one name, one for each platform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// What the document says it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// What kind of artifact this is, where it holds no images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The entries.
    #[serde(default, deserialize_with = "nullable")]
    pub manifests: Vec<Descriptor>,
    /// The manifest that this index describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Notes.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub annotations: Annotations,
    /// Fields we do not know.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Index {
    /// An OCI index of `manifests`.
    pub fn new(manifests: Vec<Descriptor>) -> Index {
        Index {
            schema_version: 2,
            media_type: Some(MediaType::Index),
            artifact_type: None,
            manifests,
            subject: None,
            annotations: Annotations::new(),
            extra: Extra::new(),
        }
    }
}

impl Document for Index {
    const KIND: &'static str = "index";

    fn check(&self) -> Result<(), DocumentError> {
        check_head(Self::KIND, self.schema_version, self.media_type.as_ref(), MediaType::is_index)?;
        if self.manifests.len() > MAX_MANIFESTS {
            return Err(DocumentError::Field {
                kind: Self::KIND,
                field: "manifests".to_owned(),
                why: format!("{} entries are more than {MAX_MANIFESTS}", self.manifests.len()),
            });
        }
        for (at, entry) in self.manifests.iter().enumerate() {
            check_size(Self::KIND, &format!("manifests[{at}]"), entry)?;
        }
        Ok(())
    }
}

fn check_head(
    kind: &'static str,
    version: u32,
    media_type: Option<&MediaType>,
    fits: fn(&MediaType) -> bool,
) -> Result<(), DocumentError> {
    let wrong = |field: &str, why: String| Err(DocumentError::Field { kind, field: field.to_owned(), why });
    if version != 2 {
        return wrong("schemaVersion", format!("version {version} is not supported (only 2 is)"));
    }
    match media_type {
        Some(found) if !fits(found) => wrong("mediaType", format!("{found:?} is no {kind}", found = found.as_str())),
        _ => Ok(()),
    }
}

fn check_size(kind: &'static str, field: &str, descriptor: &Descriptor) -> Result<(), DocumentError> {
    if i64::try_from(descriptor.size).is_err() {
        let why = format!("{} is larger than any blob", descriptor.size);
        return Err(DocumentError::Field { kind, field: format!("{field}.size"), why });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{Digest, MAX_DOCUMENT, Raw};

    const HEX: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn manifest(layers: &str, more: &str) -> String {
        format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:{HEX}","size":7,"x-note":[1,{{"b":1,"a":2}}]}},"layers":{layers}{more}}}"#
        )
    }

    fn parse(text: &str) -> Result<Raw<Manifest>, String> {
        Raw::parse(text.as_bytes(), MAX_DOCUMENT).map_err(|error| error.to_string())
    }

    #[test]
    fn what_we_do_not_know_survives_in_its_order() {
        let text = manifest("[]", r#","zeta":{"y":1,"x":null},"alpha":1.5"#);
        let raw = parse(&text).unwrap();
        assert_eq!(raw.bytes(), text.as_bytes());
        assert_eq!(raw.digest(), Digest::of(text.as_bytes()));
        assert_eq!(serde_json::to_string(&raw.view).unwrap(), text);
    }

    #[test]
    fn null_layers_are_no_layers() {
        assert_eq!(parse(&manifest("null", "")).unwrap().view.layers, vec![]);
    }

    #[test]
    fn a_refused_manifest_says_which_field_is_wrong() {
        let error = |text: &str| parse(text).unwrap_err();
        let good = manifest("[]", "");
        assert_eq!(
            error(&good.replace("\"schemaVersion\":2", "\"schemaVersion\":1")),
            "manifest: schemaVersion: version 1 is not supported (only 2 is)"
        );
        assert_eq!(
            error(&good.replacen("manifest.v1+json", "index.v1+json", 1)),
            "manifest: mediaType: \"application/vnd.oci.image.index.v1+json\" is no manifest"
        );
        assert_eq!(
            error(&good.replace(":7", ":18446744073709551615")),
            "manifest: config.size: 18446744073709551615 is larger than any blob"
        );
        assert!(error(&good.replace(":7", ":-7")).contains("size"), "{}", error(&good.replace(":7", ":-7")));
        assert!(error("{\"schemaVersion\":2}").contains("missing field `config`"));
        let layer = format!(r#"{{"mediaType":"a","digest":"sha256:{HEX}","size":1}}"#);
        let many = format!("[{}]", vec![layer; MAX_LAYERS + 1].join(","));
        assert_eq!(error(&manifest(&many, "")), "manifest: layers: 4097 layers are more than 4096");
    }

    #[test]
    fn a_docker_manifest_list_is_an_index() {
        let text = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.list.v2+json","manifests":[{{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","digest":"sha256:{HEX}","size":1,"platform":{{"architecture":"amd64","os":"linux"}}}}]}}"#
        );
        let raw = Raw::<Index>::parse(text.as_bytes(), MAX_DOCUMENT).unwrap();
        assert_eq!(serde_json::to_string(&raw.view).unwrap(), text);
        assert!(raw.view.manifests[0].media_type.is_manifest());
    }
}
