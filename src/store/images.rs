//! Names of images: the index of the OCI image layout that the store is.

use std::fs;
use std::io;

use super::Store;
use super::error::{Context, Error, Result};
use super::lock;
use crate::oci::annotation::REF_NAME;
use crate::oci::{Descriptor, Digest, ImageConfig, Index, Manifest, Raw, Reference};
use crate::sys::durable;

/// The largest index of names, in bytes.
const INDEX_MAX: usize = 64 << 20;

/// One line of the index: a manifest, and a name for it. Untagged images have a line without a name.
#[derive(Clone, Debug)]
pub struct ImageEntry {
    /// The manifest.
    pub manifest: Descriptor,
    /// The name.
    pub name: Option<Reference>,
}

/// An image as the store knows it.
#[derive(Clone, Debug)]
pub struct StoredImage {
    /// The digest of the config: the image's id.
    pub id: Digest,
    /// The manifest.
    pub manifest: Raw<Manifest>,
    /// The config.
    pub config: Raw<ImageConfig>,
}

impl Store {
    /// All lines of the index, in the order they were added.
    pub fn image_entries(&self) -> Result<Vec<ImageEntry>> {
        let index = self.read_index()?;
        let entries = index.manifests.into_iter().map(|manifest| {
            let name = manifest.annotations.get(REF_NAME).and_then(|name| name.parse().ok());
            ImageEntry { manifest, name }
        });
        Ok(entries.collect())
    }

    /// The image of a manifest.
    pub fn image(&self, manifest: &Digest) -> Result<StoredImage> {
        let manifest: Raw<Manifest> = self.read_document(manifest)?;
        let id = manifest.view.config.digest;
        let config = self.read_document(&id)?;
        Ok(StoredImage { id, manifest, config })
    }

    /// Gives the manifest a name, which another may lose; that one stays, untagged where it was the last name. Without a
    /// name the manifest becomes known, untagged unless it has a name.
    pub fn tag_image(&self, manifest: &Descriptor, name: Option<&Reference>) -> Result<()> {
        self.tag_images(std::slice::from_ref(manifest), name)
    }

    /// As [`Store::tag_image`], for manifests of several platforms that have one name: the first is what it means where
    /// nobody asks for a platform.
    pub fn tag_images(&self, manifests: &[Descriptor], name: Option<&Reference>) -> Result<()> {
        let _lease = self.lease()?;
        self.change_index(|index| {
            let mut lost = Vec::new();
            if let Some(name) = name {
                let name = name.to_string();
                index.manifests.retain(|entry| {
                    let has_name = entry.annotations.get(REF_NAME) == Some(&name);
                    if has_name {
                        lost.push(entry.clone());
                    }
                    !has_name
                });
            }
            for manifest in manifests {
                add_line(index, manifest, name);
            }
            for mut entry in lost {
                if index.manifests.iter().all(|other| other.digest != entry.digest) {
                    entry.annotations.remove(REF_NAME);
                    index.manifests.push(entry);
                }
            }
        })
    }

    /// Takes a name away. The image stays, untagged where it was the last name.
    pub fn untag_image(&self, name: &Reference) -> Result<()> {
        let name = name.to_string();
        self.change_index(|index| {
            let Some(at) = index.manifests.iter().position(|entry| entry.annotations.get(REF_NAME) == Some(&name))
            else {
                return;
            };
            let mut entry = index.manifests.remove(at);
            if index.manifests.iter().all(|other| other.digest != entry.digest) {
                entry.annotations.remove(REF_NAME);
                index.manifests.push(entry);
            }
        })
    }

    /// Forgets an image under all its names. Its content goes with the next [`gc`](Store::gc).
    pub fn forget_image(&self, manifest: &Digest) -> Result<()> {
        self.change_index(|index| index.manifests.retain(|entry| entry.digest != *manifest))
    }

    fn read_index(&self) -> Result<Index> {
        let path = self.layout.index();
        match fs::read(&path) {
            Ok(bytes) => match Raw::<Index>::parse(bytes, INDEX_MAX) {
                Ok(index) => Ok(index.view),
                Err(error) => Err(Error::damaged("index.json, which holds the names of images,", error)),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Index::new(Vec::new())),
            Err(error) => Err(error).context("read", &path),
        }
    }

    fn change_index(&self, change: impl FnOnce(&mut Index)) -> Result<()> {
        let path = self.layout.index();
        let _lock = lock::exclusive(&path.with_extension("lock"))?;
        let mut index = self.read_index()?;
        change(&mut index);
        let bytes = serde_json::to_vec(&index).expect("an index serialises");
        durable::replace(&path, &bytes).context("write", &path)
    }
}

/// A line for a manifest, with a name or, where it has none, without.
fn add_line(index: &mut Index, manifest: &Descriptor, name: Option<&Reference>) {
    // An untagged line is only for what has no name.
    index.manifests.retain(|entry| entry.digest != manifest.digest || entry.annotations.contains_key(REF_NAME));
    let mut entry = manifest.clone();
    entry.annotations.remove(REF_NAME);
    match name {
        Some(name) => {
            entry.annotations.insert(REF_NAME.into(), name.to_string());
            index.manifests.push(entry);
        }
        None if index.manifests.iter().any(|entry| entry.digest == manifest.digest) => {}
        None => index.manifests.push(entry),
    }
}
