//! `save`: images as an archive that is both an OCI layout and a docker-archive, as Docker writes it.

use std::collections::BTreeSet;
use std::io::Write;

use super::Engine;
use super::error::{Error, Result};
use super::images::Image;
use crate::archive::PartsWriter;
use crate::oci::{
    ArchiveEntry, ArchiveManifest, Digest, INDEX_FILE, Index, LAYOUT_FILE, LayoutMarker, MediaType, Raw, Reference,
    annotation, blob_path,
};

impl Engine {
    /// Writes images with everything they need. Blobs are copied as they are: digests stay equal. An image that is asked
    /// for by name has this name in the archive, one that is asked for by id has none.
    pub fn save(&self, keys: &[String], out: &mut dyn Write) -> Result<()> {
        let _lease = match self.store.is_read_only() {
            true => None,
            false => Some(self.store.lease()?),
        };
        let mut images: Vec<(Image, Vec<Reference>)> = Vec::new();
        for key in keys {
            let image = self.image(key)?;
            let named = key.parse::<Reference>().ok().filter(|reference| image.names.contains(reference));
            match images.iter_mut().find(|(other, _)| other.manifest.digest() == image.manifest.digest()) {
                Some((_, names)) => names.extend(named.filter(|name| !names.contains(name))),
                None => images.push((image, named.into_iter().collect())),
            }
        }
        if images.is_empty() {
            return Err(Error::invalid("no image to save"));
        }
        let mut parts = PartsWriter::new(out);
        self.save_blobs(&images, &mut parts)?;
        let index = Raw::from_value(index(&images))?;
        parts.bytes(INDEX_FILE, index.bytes())?;
        let docker = images.iter().map(|(image, names)| docker_entry(image, names)).collect();
        parts.bytes("manifest.json", Raw::from_value(ArchiveManifest(docker))?.bytes())?;
        parts.bytes(LAYOUT_FILE, Raw::from_value(LayoutMarker::default())?.bytes())?;
        Ok(parts.finish()?)
    }

    fn save_blobs(&self, images: &[(Image, Vec<Reference>)], parts: &mut PartsWriter<&mut dyn Write>) -> Result<()> {
        let of_image = |(image, _): &(Image, _)| -> Vec<Digest> {
            let layers = image.manifest.view.layers.iter().map(|layer| layer.digest);
            layers.chain([image.id, image.manifest.digest()]).collect()
        };
        parts.folder("blobs")?;
        parts.folder("blobs/sha256")?;
        for digest in images.iter().flat_map(of_image).collect::<BTreeSet<_>>() {
            let size = self.store.blob_size(&digest)?;
            parts.part(&blob_path(&digest), size, &mut self.store.open_blob(&digest)?)?;
        }
        Ok(())
    }
}

/// One entry for each name.
fn index(images: &[(Image, Vec<Reference>)]) -> Index {
    let mut entries = Vec::new();
    for (image, names) in images {
        let mut entry = image.descriptor();
        if names.is_empty() {
            entries.push(entry.clone());
        }
        for name in names {
            entry.annotations.insert(annotation::CONTAINERD_NAME.into(), name.to_string());
            entry.annotations.insert(annotation::REF_NAME.into(), name.tag().unwrap_or("latest").into());
            entries.push(entry.clone());
        }
    }
    let mut index = Index::new(entries);
    index.media_type = Some(MediaType::Index);
    index
}

fn docker_entry(image: &Image, names: &[Reference]) -> ArchiveEntry {
    ArchiveEntry {
        config: blob_path(&image.id),
        repo_tags: names.iter().map(Reference::familiar).collect(),
        layers: image.manifest.view.layers.iter().map(|layer| blob_path(&layer.digest)).collect(),
        ..ArchiveEntry::default()
    }
}
