//! Descriptors: how a document names a blob (image-spec descriptor.md).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::json::{Extra, is_default, nullable};
use super::{Digest, MediaType, Platform};

/// Notes on a document or a blob, by key (image-spec annotations.md).
pub type Annotations = BTreeMap<String, String>;

/// The keys of annotations that mean something to us.
pub mod annotation {
    /// The tag or the name of an entry of a layout's index (image-spec annotations.md).
    pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
    /// The full name of an image in an archive that Docker or containerd wrote.
    pub const CONTAINERD_NAME: &str = "io.containerd.image.name";
    /// The file name of a blob.
    pub const TITLE: &str = "org.opencontainers.image.title";
    /// When the image was made, RFC 3339.
    pub const CREATED: &str = "org.opencontainers.image.created";
    /// What an entry of an index is to another one; BuildKit writes `attestation-manifest`.
    pub const DOCKER_REFERENCE_TYPE: &str = "vnd.docker.reference.type";
    /// crun and buildah: `compat` or `compat-smart` where an image of any platform holds wasm.
    pub const WASM_VARIANT: &str = "module.wasm.image/variant";
    /// crun: `wasm` or `wasm-smart` picks the wasm handler.
    pub const CRUN_HANDLER: &str = "run.oci.handler";
}

/// Names a blob by media type, digest and size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the blob is.
    pub media_type: MediaType,
    /// The digest of its bytes.
    pub digest: Digest,
    /// The number of its bytes.
    pub size: u64,
    /// Where else it may be fetched from.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Notes.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub annotations: Annotations,
    /// The blob itself in base64, where it is small.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// What an image needs to run; in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What kind of artifact a manifest describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Fields we do not know.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Descriptor {
    /// A descriptor with no more than what is needed.
    pub fn new(media_type: MediaType, digest: Digest, size: u64) -> Descriptor {
        Descriptor {
            media_type,
            digest,
            size,
            urls: Vec::new(),
            annotations: Annotations::new(),
            data: None,
            platform: None,
            artifact_type: None,
            extra: Extra::new(),
        }
    }

    /// Of `bytes`.
    pub fn of(media_type: MediaType, bytes: &[u8]) -> Descriptor {
        Descriptor::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }

    /// Whether an entry of an index describes another entry (provenance, SBOM) rather than an image.
    pub fn is_attestation(&self) -> bool {
        self.platform.as_ref().is_some_and(|p| p.os == "unknown" && p.architecture == "unknown")
            || self
                .annotations
                .get(annotation::DOCKER_REFERENCE_TYPE)
                .is_some_and(|kind| kind == "attestation-manifest")
    }
}
