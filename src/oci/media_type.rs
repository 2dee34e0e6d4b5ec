//! Media types: what a blob is, by its descriptor.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How the tar of a layer is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LayerEncoding {
    /// Plain tar.
    Plain,
    /// gzip (RFC 1952).
    Gzip,
    /// zstd (RFC 8878).
    Zstd,
}

macro_rules! media_types {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A media type. Types we do not know are kept as they were written.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum MediaType {
            $($(#[$doc])* $name,)*
            /// Any other.
            Other(String),
        }

        impl MediaType {
            /// The text of the type.
            pub fn as_str(&self) -> &str {
                match self {
                    $(MediaType::$name => $text,)*
                    MediaType::Other(text) => text,
                }
            }
        }

        impl From<&str> for MediaType {
            fn from(text: &str) -> MediaType {
                match text {
                    $($text => MediaType::$name,)*
                    other => MediaType::Other(other.to_owned()),
                }
            }
        }
    };
}

media_types! {
    /// image-spec manifest.md.
    Manifest = "application/vnd.oci.image.manifest.v1+json",
    /// image-spec image-index.md.
    Index = "application/vnd.oci.image.index.v1+json",
    /// image-spec config.md.
    Config = "application/vnd.oci.image.config.v1+json",
    /// The two bytes `{}` (image-spec manifest.md "Guidance for an Empty Descriptor").
    Empty = "application/vnd.oci.empty.v1+json",
    /// A plain tar (image-spec layer.md).
    Layer = "application/vnd.oci.image.layer.v1.tar",
    /// A tar in gzip.
    LayerGzip = "application/vnd.oci.image.layer.v1.tar+gzip",
    /// A tar in zstd.
    LayerZstd = "application/vnd.oci.image.layer.v1.tar+zstd",
    /// A plain tar that was not to be pushed (deprecated in image-spec 1.1).
    LayerNondistributable = "application/vnd.oci.image.layer.nondistributable.v1.tar",
    /// The same in gzip.
    LayerNondistributableGzip = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    /// The same in zstd.
    LayerNondistributableZstd = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    /// Docker's image manifest, version 2 schema 2.
    DockerManifest = "application/vnd.docker.distribution.manifest.v2+json",
    /// Docker's manifest list.
    DockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json",
    /// Docker's image config.
    DockerConfig = "application/vnd.docker.container.image.v1+json",
    /// Docker's plain tar layer.
    DockerLayer = "application/vnd.docker.image.rootfs.diff.tar",
    /// Docker's gzip layer.
    DockerLayerGzip = "application/vnd.docker.image.rootfs.diff.tar.gzip",
    /// Docker's zstd layer.
    DockerLayerZstd = "application/vnd.docker.image.rootfs.diff.tar.zstd",
    /// Docker's layer that is fetched from elsewhere.
    DockerForeignGzip = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    /// The config of a wasm artifact (CNCF TAG Runtime, Wasm OCI Artifact layout).
    WasmConfig = "application/vnd.wasm.config.v0+json",
    /// A module or a component as the one layer of a wasm artifact.
    Wasm = "application/wasm",
    /// The config wasm-to-oci writes.
    WasmToOciConfig = "application/vnd.wasm.config.v1+json",
    /// The layer wasm-to-oci writes.
    WasmToOciLayer = "application/vnd.wasm.content.layer.v1+wasm",
    /// The layer older runwasi tools wrote.
    WasmComponentLayer = "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
}

impl MediaType {
    /// Whether the document is one image's manifest.
    pub fn is_manifest(&self) -> bool {
        matches!(self, MediaType::Manifest | MediaType::DockerManifest)
    }

    /// Whether the document lists manifests.
    pub fn is_index(&self) -> bool {
        matches!(self, MediaType::Index | MediaType::DockerIndex)
    }

    /// Whether the document is an image config.
    pub fn is_image_config(&self) -> bool {
        matches!(self, MediaType::Config | MediaType::DockerConfig)
    }

    /// How a tar layer is compressed; `None` for what is no tar layer.
    pub fn layer_encoding(&self) -> Option<LayerEncoding> {
        use MediaType as M;
        match self {
            M::Layer | M::LayerNondistributable | M::DockerLayer => Some(LayerEncoding::Plain),
            M::LayerGzip | M::LayerNondistributableGzip | M::DockerLayerGzip | M::DockerForeignGzip => {
                Some(LayerEncoding::Gzip)
            }
            M::LayerZstd | M::LayerNondistributableZstd | M::DockerLayerZstd => Some(LayerEncoding::Zstd),
            _ => None,
        }
    }

    /// Whether the blob itself is a wasm binary.
    pub fn is_wasm_binary(&self) -> bool {
        match self {
            MediaType::Wasm | MediaType::WasmToOciLayer | MediaType::WasmComponentLayer => true,
            MediaType::Other(text) => {
                text.starts_with("application/vnd.bytecodealliance.wasm.") && text.ends_with("+wasm")
            }
            _ => false,
        }
    }
}

impl From<String> for MediaType {
    fn from(text: String) -> MediaType {
        MediaType::from(text.as_str())
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for MediaType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for MediaType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MediaType, D::Error> {
        Ok(MediaType::from(std::borrow::Cow::<'de, str>::deserialize(deserializer)?.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_read_as_it_is_written() {
        for text in ["application/vnd.oci.image.layer.v1.tar+zstd", "application/wasm", "text/plain", ""] {
            let quoted = format!("{text:?}");
            let parsed: MediaType = serde_json::from_str(&quoted).unwrap();
            assert_eq!(serde_json::to_string(&parsed).unwrap(), quoted);
        }
        assert_eq!(MediaType::from("application/wasm"), MediaType::Wasm);
    }

    #[test]
    fn a_layer_says_how_it_is_compressed() {
        let encoding = |text: &str| MediaType::from(text).layer_encoding();
        assert_eq!(encoding("application/vnd.oci.image.layer.v1.tar"), Some(LayerEncoding::Plain));
        assert_eq!(encoding("application/vnd.docker.image.rootfs.diff.tar.gzip"), Some(LayerEncoding::Gzip));
        assert_eq!(encoding("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"), Some(LayerEncoding::Zstd));
        assert_eq!(encoding("application/wasm"), None);
    }
}
