//! Volumes: file systems that outlive the containers that use them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Store;
use super::containers::MountSource;
use super::error::{Context, Error, Result};
use super::layout::{escape, unescape};
use crate::sys::durable;

/// A volume.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// When it was created, RFC 3339.
    pub created: String,
    /// Labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Whether it was made without a name, for one container.
    #[serde(default)]
    pub anonymous: bool,
}

impl Store {
    fn volume_folder(&self, name: &str) -> PathBuf {
        self.layout.volumes().join(escape(name))
    }

    /// The folder of a volume's content.
    pub fn volume_data(&self, name: &str) -> PathBuf {
        self.volume_folder(name).join("data")
    }

    /// Makes a volume; one that exists stays as it is. Returns whether it was made.
    pub fn add_volume(&self, volume: &Volume) -> Result<bool> {
        let _lease = self.lease()?;
        let folder = self.volume_folder(&volume.name);
        match fs::create_dir(&folder) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(error).context("create", &folder),
        }
        // The folder of the content is there from the start, so that whoever opens it finds its lock.
        let data = folder.join("data");
        fs::create_dir(&data).context("create", &data)?;
        let path = folder.join("volume.json");
        let bytes = serde_json::to_vec(volume).expect("a volume serialises");
        durable::replace(&path, &bytes).context("write", &path)?;
        Ok(true)
    }

    /// The volume of this name.
    pub fn volume(&self, name: &str) -> Result<Volume> {
        let path = self.volume_folder(name).join("volume.json");
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| Error::damaged(format!("the record of volume {name}"), error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::NotFound(format!("volume {name}"))),
            Err(error) => Err(error).context("read", &path),
        }
    }

    /// All volumes, by name.
    pub fn volumes(&self) -> Result<Vec<Volume>> {
        let folder = self.layout.volumes();
        let mut volumes = Vec::new();
        for entry in fs::read_dir(&folder).context("list", &folder)? {
            let entry = entry.context("list", &folder)?;
            if let Some(name) = entry.file_name().to_str().and_then(unescape)
                && let Ok(volume) = self.volume(&name)
            {
                volumes.push(volume);
            }
        }
        volumes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(volumes)
    }

    /// The ids of the containers that mount the volume.
    pub fn volume_users(&self, name: &str) -> Result<Vec<String>> {
        let uses = |source: &MountSource| matches!(source, MountSource::Volume { name: used, .. } if used == name);
        let containers = self.containers()?.into_iter();
        Ok(containers
            .filter(|container| container.record.mounts.iter().any(|mount| uses(&mount.source)))
            .map(|container| container.record.id.short().to_owned())
            .collect())
    }

    /// Removes a volume with its content. [`Error::Conflict`] where a container uses it.
    pub fn remove_volume(&self, name: &str) -> Result<()> {
        self.volume(name)?;
        let users = self.volume_users(name)?;
        if !users.is_empty() {
            return Err(Error::Conflict(format!("volume {name} is in use by container {}", users.join(", "))));
        }
        let folder = self.volume_folder(name);
        fs::remove_dir_all(&folder).context("remove", &folder)
    }
}
