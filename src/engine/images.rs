//! The verbs on images that are there: look up, list, tag, remove, history.

use std::collections::BTreeMap;

use super::Engine;
use super::error::{Error, Result};
use crate::oci::{Descriptor, Digest, HistoryEntry, ImageConfig, Manifest, Platform, Raw, Reference};
use crate::store::{ImageEntry, StoredImage};

/// An image of the store with all its names.
#[derive(Clone, Debug)]
pub struct Image {
    /// The digest of the config.
    pub id: Digest,
    /// The manifest.
    pub manifest: Raw<Manifest>,
    /// The config.
    pub config: Raw<ImageConfig>,
    /// Its names; none for an untagged image.
    pub names: Vec<Reference>,
}

impl Image {
    /// The platform it is for.
    pub fn platform(&self) -> Platform {
        self.config.view.platform()
    }

    /// The descriptor of its manifest.
    pub fn descriptor(&self) -> Descriptor {
        let mut descriptor = self.manifest.descriptor(self.manifest.view.media_type());
        descriptor.platform = Some(self.platform());
        descriptor
    }

    /// A name for people: the first one, or the short id.
    pub fn display_name(&self) -> String {
        self.names.first().map_or_else(|| self.id.short(), |name| name.familiar())
    }
}

/// One line of an image's history, newest first.
#[derive(Clone, Debug)]
pub struct HistoryLine {
    /// The image's id on the newest line.
    pub id: Option<Digest>,
    /// What the config says.
    pub entry: HistoryEntry,
    /// Bytes of the files its layer adds.
    pub size: u64,
}

/// One thing that removing an image did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// A name was taken away.
    Untagged(Reference),
    /// The image is gone.
    Deleted(Digest),
}

impl Engine {
    /// All images, newest first.
    pub fn images(&self) -> Result<Vec<Image>> {
        let mut images: BTreeMap<Digest, Image> = BTreeMap::new();
        for entry in self.store.image_entries()? {
            // One damaged image does not hide the others; `fsck` names it.
            let Ok(image) = self.store.image(&entry.manifest.digest) else { continue };
            let image = images.entry(entry.manifest.digest).or_insert_with(|| Image::from_stored(image));
            image.names.extend(entry.name);
        }
        let mut images = images.into_values().collect::<Vec<_>>();
        images.sort_by(|a, b| (&b.config.view.created, b.id).cmp(&(&a.config.view.created, a.id)));
        Ok(images)
    }

    /// The image of a name, an id, the beginning of an id, or a digest. The images that come with cowbox are loaded when
    /// they are first asked for.
    pub fn image(&self, key: &str) -> Result<Image> {
        if let Some(image) = self.find_image(key)? {
            return Ok(image);
        }
        let missing = || Error::not_found(format!("no such image: {key}"));
        if let Some(reference) = key.parse::<Reference>().ok().filter(|reference| self.is_built_in(reference)) {
            self.load_built_in(&reference)?;
            return self.find_image(key)?.ok_or_else(missing);
        }
        Err(missing().hint("`cowbox images` lists what is there; `cowbox load -i FILE` brings an image in"))
    }

    /// The image of a name that several may have, one for each runtime: the first for a platform that `fits`, or else the
    /// first. As [`Engine::image`] otherwise.
    pub(super) fn image_that(&self, key: &str, fits: impl Fn(&Platform) -> bool) -> Result<Image> {
        let first = self.image(key)?;
        if fits(&first.platform()) {
            return Ok(first);
        }
        let entries = self.store.image_entries()?;
        for digest in manifests_of(&entries, key) {
            let image = Image::named(self.store.image(&digest)?, &entries);
            if fits(&image.platform()) {
                return Ok(image);
            }
        }
        Ok(first)
    }

    fn find_image(&self, key: &str) -> Result<Option<Image>> {
        let entries = self.store.image_entries()?;
        let with_names = |stored: StoredImage| Image::named(stored, &entries);
        let reference = key.parse::<Reference>().ok();
        if let Some(reference) = &reference {
            let by_name = entries.iter().find(|entry| entry.name.as_ref() == Some(reference));
            let by_digest = || entries.iter().find(|entry| reference.digest() == Some(entry.manifest.digest));
            if let Some(entry) = by_name.or_else(by_digest) {
                return Ok(Some(with_names(self.store.image(&entry.manifest.digest)?)));
            }
        }
        let prefix = key.strip_prefix("sha256:").unwrap_or(key);
        if prefix.len() < 4 || prefix.len() > 64 || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(None);
        }
        let mut found: Option<StoredImage> = None;
        for entry in &entries {
            let Ok(image) = self.store.image(&entry.manifest.digest) else { continue };
            if !image.id.hex().starts_with(prefix) && !image.manifest.digest().hex().starts_with(prefix) {
                continue;
            }
            if found.as_ref().is_some_and(|found| found.id != image.id) {
                return Err(Error::conflict(format!("multiple images have an id that starts with {prefix}")));
            }
            found = Some(image);
        }
        Ok(found.map(with_names))
    }

    /// Gives an image another name, which another image may lose.
    pub fn tag(&self, source: &str, target: &str) -> Result<()> {
        let reference: Reference = target.parse()?;
        if reference.digest().is_some() {
            return Err(Error::invalid(format!("{target}: a new name cannot have a digest")));
        }
        let _lease = self.store.lease()?;
        let image = self.image(source)?;
        let entries = self.store.image_entries()?;
        let mut all = vec![image.descriptor()];
        for digest in manifests_of(&entries, source).filter(|digest| *digest != image.manifest.digest()) {
            all.push(Image::named(self.store.image(&digest)?, &entries).descriptor());
        }
        Ok(self.store.tag_images(&all, Some(&reference))?)
    }

    /// Removes a name, or, by id or with its last name, an image. An image that containers use is kept, untagged with
    /// `force`. A name goes from all images that have it, which are for several platforms.
    pub fn remove_image(&self, key: &str, force: bool) -> Result<Vec<Removed>> {
        let mut removed = self.remove_one_image(key, force)?;
        while manifests_of(&self.store.image_entries()?, key).next().is_some() {
            let more = self.remove_one_image(key, force)?;
            removed.extend(more.into_iter().filter(|one| !matches!(one, Removed::Untagged(_))));
        }
        Ok(removed)
    }

    fn remove_one_image(&self, key: &str, force: bool) -> Result<Vec<Removed>> {
        let image = self.find_image(key)?.ok_or_else(|| {
            Error::not_found(format!("no such image: {key}")).hint("`cowbox images` lists what is there")
        })?;
        let digest = image.manifest.digest();
        let named = key.parse::<Reference>().ok().filter(|reference| image.names.contains(reference));
        let going: Vec<Reference> = match &named {
            Some(name) => vec![name.clone()],
            None if image.names.len() > 1 && !force => {
                return Err(Error::conflict(format!(
                    "unable to delete {} (must be forced) - image is referenced in multiple repositories",
                    image.id.short()
                )));
            }
            None => image.names.clone(),
        };
        let is_last = going.len() == image.names.len();
        let users = self.store.containers()?.into_iter().filter(|container| container.record.manifest == digest);
        let mut users = users.collect::<Vec<_>>();
        users.sort_by_key(|container| container.state.status != crate::store::Status::Running);
        if let Some(user) = users.first().filter(|_| is_last) {
            let is_running = user.state.status == crate::store::Status::Running;
            let id = user.record.id.short();
            if is_running && (named.is_none() || !force) {
                return Err(Error::conflict(format!(
                    "unable to remove {key} (cannot be forced) - container {id} is running and uses it"
                )));
            }
            if !force {
                return Err(Error::conflict(format!(
                    "unable to remove {key} (must force) - container {id} is using it"
                ))
                .hint(format!("`cowbox rm {id}` removes the container")));
            }
        }
        let mut removed = Vec::new();
        for name in going {
            self.store.untag_image(&name)?;
            removed.push(Removed::Untagged(name));
        }
        if is_last && users.is_empty() {
            self.store.forget_image(&digest)?;
            removed.push(Removed::Deleted(image.id));
            self.store_as_root()?.gc(false)?;
        }
        Ok(removed)
    }

    /// How an image came to be, newest first.
    pub fn history(&self, key: &str) -> Result<Vec<HistoryLine>> {
        let image = self.image(key)?;
        let config = &image.config.view;
        let mut layers = config.rootfs.diff_ids.iter();
        let mut lines = Vec::new();
        for entry in &config.history {
            let layer = if entry.empty_layer { None } else { layers.next() };
            let size = layer.map_or(0, |layer| self.store.layer_info(layer).content_size);
            lines.push(HistoryLine { id: None, entry: entry.clone(), size });
        }
        for layer in layers {
            let size = self.store.layer_info(layer).content_size;
            lines.push(HistoryLine { id: None, entry: HistoryEntry::default(), size });
        }
        lines.reverse();
        if let Some(newest) = lines.first_mut() {
            newest.id = Some(image.id);
        }
        Ok(lines)
    }

    /// Bytes of the files of an image, layer by layer, each counted.
    pub fn image_size(&self, image: &Image) -> u64 {
        image.config.view.rootfs.diff_ids.iter().map(|layer| self.store.layer_info(layer).content_size).sum()
    }
}

/// The manifests of the images that have this name, in their order.
fn manifests_of<'e>(entries: &'e [ImageEntry], name: &str) -> impl Iterator<Item = Digest> + 'e {
    let name = name.parse::<Reference>().ok();
    entries.iter().filter(move |entry| name.is_some() && entry.name == name).map(|entry| entry.manifest.digest)
}

impl Image {
    /// An image with its names.
    fn named(stored: StoredImage, entries: &[ImageEntry]) -> Image {
        let mut image = Image::from_stored(stored);
        let digest = image.manifest.digest();
        let named = entries.iter().filter(|entry| entry.manifest.digest == digest);
        image.names = named.filter_map(|entry| entry.name.clone()).collect();
        image
    }

    fn from_stored(stored: StoredImage) -> Image {
        Image { id: stored.id, manifest: stored.manifest, config: stored.config, names: Vec::new() }
    }
}
