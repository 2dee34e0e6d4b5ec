//! Checking every byte of the store that has a digest.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read};

use super::Store;
use super::error::{Context, Error, Result};
use super::layers::{check_trailer, pack_ids};
use crate::erofs::{Image, Pack};
use crate::oci::{Digest, Hasher, from_hex};

/// Something that is damaged or missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The blob, layer, pack, tree, image, container or volume.
    pub what: String,
    /// What is wrong with it.
    pub detail: String,
    /// What to do about it.
    pub fix: &'static str,
}

const LOAD_AGAIN: &str = "remove the image and load or pull it again";

impl Store {
    /// Reads everything and checks it against its digests. Calls `progress` with the name of each thing before it is read.
    pub fn fsck(&self, progress: &mut dyn FnMut(&str)) -> Result<Vec<Fault>> {
        let mut faults = Faults(Vec::new());
        self.check_blobs(&mut faults, progress)?;
        self.check_packs(&mut faults, progress)?;
        self.check_metadata(&mut faults, progress)?;
        self.check_images(&mut faults);
        self.check_containers(&mut faults)?;
        Ok(faults.0)
    }

    fn check_blobs(&self, faults: &mut Faults, progress: &mut dyn FnMut(&str)) -> Result<()> {
        for name in file_names(&self.layout.blobs())? {
            let Some(digest) = from_hex(&name).map(Digest::Sha256) else {
                faults.add(format!("blobs/sha256/{name}"), "its name is no digest", "remove it");
                continue;
            };
            progress(&format!("blob {digest}"));
            match hash_file(&self.layout.blobs().join(&name)) {
                Ok(found) if found == digest => {}
                Ok(found) => faults.add(format!("blob {digest}"), format!("its digest is {found}"), LOAD_AGAIN),
                Err(error) => faults.add(format!("blob {digest}"), error, LOAD_AGAIN),
            }
        }
        Ok(())
    }

    fn check_packs(&self, faults: &mut Faults, progress: &mut dyn FnMut(&str)) -> Result<()> {
        for id in pack_ids(&self.layout.packs())? {
            let what = format!("pack {id}");
            progress(&what);
            let pack = match Pack::open(&self.layout.packs().join(id.to_string())) {
                Ok(pack) => pack,
                Err(error) => {
                    faults.add(what, error, LOAD_AGAIN);
                    continue;
                }
            };
            if let Err(error) = pack.check_index() {
                faults.add(what, error, LOAD_AGAIN);
                continue;
            }
            let damaged = pack.entries().filter(|entry| {
                let bytes = pack.bytes(entry.content.block, entry.content.len);
                bytes.is_none_or(|bytes| Digest::of(bytes) != Digest::Sha256(entry.id.0))
            });
            let count = damaged.count();
            if count > 0 {
                faults.add(what, format!("{count} of its contents have another digest"), LOAD_AGAIN);
            }
        }
        Ok(())
    }

    /// Layers and trees: their bytes, and that the packs they refer to hold what they refer to.
    fn check_metadata(&self, faults: &mut Faults, progress: &mut dyn FnMut(&str)) -> Result<()> {
        for (folder, kind, fix) in [
            (self.layout.layers(), "layer", LOAD_AGAIN),
            (self.layout.trees(), "tree", "remove the file: it is made again when it is needed"),
        ] {
            for name in file_names(&folder)? {
                if name.ends_with(".json") {
                    continue;
                }
                let what = format!("{kind} sha256:{name}");
                progress(&what);
                let path = folder.join(&name);
                match Image::open(&path) {
                    Ok(image) => match check_trailer(&image) {
                        Ok(()) => self.check_contents(&what, &image, faults),
                        Err(detail) => faults.add(what, detail, fix),
                    },
                    Err(error) => faults.add(what, error, fix),
                }
            }
        }
        Ok(())
    }

    fn check_contents(&self, what: &str, image: &Image, faults: &mut Faults) {
        for id in image.devices() {
            if let Err(error) = self.pack(id) {
                faults.add(what.to_owned(), error, LOAD_AGAIN);
                return;
            }
        }
        let mut seen = HashSet::new();
        for content in image.contents() {
            let Ok(content) = content else {
                faults.add(what.to_owned(), "a file of it cannot be read", LOAD_AGAIN);
                return;
            };
            let found = self.pack(&content.pack).ok().and_then(|pack| pack.content_at(content.block));
            if content.len > 0 && found.is_none_or(|found| found.content.len < content.len) && seen.insert(content.pack)
            {
                faults.add(what.to_owned(), format!("pack {} lacks a content of it", content.pack), LOAD_AGAIN);
            }
        }
    }

    /// That every image has all its parts.
    fn check_images(&self, faults: &mut Faults) {
        let entries = match self.image_entries() {
            Ok(entries) => entries,
            Err(error) => return faults.add("index.json".into(), error, "restore it, or load the images again"),
        };
        for entry in entries {
            let name = entry.name.map_or_else(|| entry.manifest.digest.to_string(), |name| name.familiar());
            let what = format!("image {name}");
            let image = match self.image(&entry.manifest.digest) {
                Ok(image) => image,
                Err(error) => {
                    faults.add(what, error, LOAD_AGAIN);
                    continue;
                }
            };
            for layer in image.manifest.view.layers.iter().filter(|layer| !self.has_blob(&layer.digest)) {
                faults.add(what.clone(), format!("blob {} is missing", layer.digest), LOAD_AGAIN);
            }
            for layer in image.config.view.rootfs.diff_ids.iter().filter(|layer| !self.has_layer(layer)) {
                faults.add(what.clone(), format!("layer {} is missing", layer.0), LOAD_AGAIN);
            }
        }
    }

    fn check_containers(&self, faults: &mut Faults) -> Result<()> {
        for container in self.all_containers()? {
            let container = match container {
                Ok(container) => container,
                Err(error) => {
                    faults.add("a container".into(), error, "remove its folder below containers/");
                    continue;
                }
            };
            if let Err(error) = self.image(&container.record.manifest) {
                let what = format!("container {} ({})", container.record.id.short(), container.name);
                faults.add(what, format!("its image cannot be read: {error}"), "load the image again, or remove it");
            }
        }
        Ok(())
    }
}

struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, what: String, detail: impl ToString, fix: &'static str) {
        self.0.push(Fault { what, detail: detail.to_string(), fix });
    }
}

fn file_names(folder: &std::path::Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).context("list", folder)? {
        names.push(entry.context("list", folder)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn hash_file(path: &std::path::Path) -> io::Result<Digest> {
    let mut file = fs::File::open(path)?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.digest()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        Error::damaged(fault.what, fault.detail)
    }
}
