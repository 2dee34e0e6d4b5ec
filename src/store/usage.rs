//! How much room everything takes.

use std::path::Path;

use walkdir::WalkDir;

use super::Store;
use super::containers::ContainerId;

/// Bytes of files below the folders of a store, as `du --apparent-size` counts files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Blobs, layers, packs, trees and checkouts.
    pub images: u64,
    /// Copy-on-write layers, logs and records.
    pub containers: u64,
    /// Volumes.
    pub volumes: u64,
    /// Compiled code.
    pub compiled: u64,
}

impl Store {
    /// The room that everything takes.
    pub fn usage(&self) -> Usage {
        let layout = &self.layout;
        let images = [layout.root().join("blobs"), layout.layers(), layout.packs(), layout.trees(), layout.checkouts()];
        Usage {
            images: images.iter().map(|folder| size_of(folder)).sum(),
            containers: size_of(&layout.containers()),
            volumes: size_of(&layout.volumes()),
            compiled: size_of(&layout.compiled()),
        }
    }

    /// The room that a container takes besides its image.
    pub fn container_usage(&self, id: &ContainerId) -> u64 {
        size_of(&self.upper_folder(id)) + size_of(&self.native_changes(id))
    }

    /// The room that a volume takes.
    pub fn volume_usage(&self, name: &str) -> u64 {
        size_of(&self.volume_data(name))
    }
}

/// Bytes of all files in and below `path`; what vanishes meanwhile does not count.
pub(super) fn size_of(path: &Path) -> u64 {
    let files = WalkDir::new(path).into_iter().filter_map(|entry| entry.ok());
    files
        .filter_map(|entry| entry.metadata().ok())
        .filter(|metadata| metadata.is_file())
        .map(|metadata| metadata.len())
        .sum()
}
