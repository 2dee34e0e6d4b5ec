//! The OCI image layout: a directory or an archive of blobs (image-spec image-layout.md).

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::json::Extra;
use super::raw::{Document, DocumentError};

/// The file that makes a directory a layout.
pub const LAYOUT_FILE: &str = "oci-layout";

/// The file that lists the images.
pub const INDEX_FILE: &str = "index.json";

/// The version of the layout.
pub const IMAGE_LAYOUT_VERSION: &str = "1.0.0";

/// What [`LAYOUT_FILE`] holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LayoutMarker {
    /// The version of the layout.
    pub image_layout_version: String,
    /// Fields we do not know.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Default for LayoutMarker {
    fn default() -> LayoutMarker {
        LayoutMarker { image_layout_version: IMAGE_LAYOUT_VERSION.to_owned(), extra: Extra::new() }
    }
}

impl Document for LayoutMarker {
    const KIND: &'static str = LAYOUT_FILE;

    fn check(&self) -> Result<(), DocumentError> {
        if self.image_layout_version.starts_with("1.") {
            return Ok(());
        }
        Err(DocumentError::Field {
            kind: Self::KIND,
            field: "imageLayoutVersion".to_owned(),
            why: format!("{:?} is not supported (only {IMAGE_LAYOUT_VERSION} is)", self.image_layout_version),
        })
    }
}

/// Where a layout keeps a blob, with `/` between the names.
pub fn blob_path(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.hex())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{MAX_DOCUMENT, Raw};

    #[test]
    fn the_marker_is_the_one_of_the_specification() {
        let raw = Raw::from_value(LayoutMarker::default()).unwrap();
        assert_eq!(raw.bytes(), br#"{"imageLayoutVersion":"1.0.0"}"#);
        let error =
            Raw::<LayoutMarker>::parse(br#"{"imageLayoutVersion":"2.0"}"#.as_slice(), MAX_DOCUMENT).unwrap_err();
        assert_eq!(error.to_string(), "oci-layout: imageLayoutVersion: \"2.0\" is not supported (only 1.0.0 is)");
    }

    #[test]
    fn a_blob_lies_under_its_algorithm() {
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(blob_path(&Digest::of(b"abc")), format!("blobs/sha256/{hex}"));
    }
}
