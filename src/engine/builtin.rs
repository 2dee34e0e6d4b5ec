//! Images that come with cowbox: loaded from the program itself when they are first asked for.

use super::Engine;
use super::error::Result;
use super::load::LoadSource;
use crate::oci::Reference;

struct BuiltIn {
    name: &'static str,
    archive: &'static [u8],
}

#[cfg(feature = "base")]
const IMAGES: &[BuiltIn] = &[BuiltIn {
    name: "docker.io/library/base:latest",
    archive: include_bytes!("../../wasi-images/base/base.oci.tar"),
}];

#[cfg(not(feature = "base"))]
const IMAGES: &[BuiltIn] = &[];

impl Engine {
    /// Whether an image of this name comes with cowbox.
    pub(super) fn is_built_in(&self, reference: &Reference) -> bool {
        IMAGES.iter().any(|image| image.name == reference.to_string())
    }

    /// Loads the image of this name.
    pub(super) fn load_built_in(&self, reference: &Reference) -> Result<()> {
        for image in IMAGES.iter().filter(|image| image.name == reference.to_string()) {
            self.load(LoadSource::Stream(Box::new(image.archive)), None)?;
        }
        Ok(())
    }
}
