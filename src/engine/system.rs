//! The verbs on the whole store: `df`, `prune`, `fsck`, `info`.

use std::collections::HashSet;

use super::Engine;
use super::Progress;
use super::error::Result;
use crate::oci::{DiffId, Reference};
use crate::store::{Fault, Status};

/// One row of `system df`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskUsageRow {
    /// How many there are.
    pub total: u64,
    /// How many are in use.
    pub active: u64,
    /// Bytes on disk.
    pub size: u64,
    /// Bytes that `prune` could free.
    pub reclaimable: u64,
}

/// How much room everything takes. The sizes add up to what the files of the store take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskUsage {
    /// Images: blobs, layers, packs and trees.
    pub images: DiskUsageRow,
    /// Containers.
    pub containers: DiskUsageRow,
    /// Volumes.
    pub volumes: DiskUsageRow,
    /// Compiled code.
    pub compiled: DiskUsageRow,
}

/// What `system prune` removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Containers, by id.
    pub containers: Vec<String>,
    /// Volumes, by name.
    pub volumes: Vec<String>,
    /// Names that were taken from images.
    pub untagged: Vec<Reference>,
    /// Images, by id.
    pub images: Vec<String>,
    /// Bytes.
    pub reclaimed: u64,
}

/// What `info` tells.
#[derive(Clone, Debug)]
pub struct SystemInfo {
    /// How many containers there are.
    pub containers: usize,
    /// How many of them run.
    pub running: usize,
    /// How many of them have ended or never ran.
    pub stopped: usize,
    /// How many images there are.
    pub images: usize,
    /// The runtimes of this build.
    pub runtimes: Vec<&'static str>,
    /// The folder of the store.
    pub root: String,
    /// Whether the store can only be looked at.
    pub read_only: bool,
}

impl Engine {
    /// How much room everything takes.
    pub fn disk_usage(&self) -> Result<DiskUsage> {
        let usage = self.store_as_root()?.usage();
        let images = self.images()?;
        let containers = self.containers()?;
        let used = containers.iter().map(|container| container.record.manifest).collect::<HashSet<_>>();
        let is_used = |image: &&super::Image| used.contains(&image.manifest.digest());
        let kept: HashSet<&DiffId> =
            images.iter().filter(is_used).flat_map(|image| &image.config.view.rootfs.diff_ids).collect();
        let all: HashSet<&DiffId> = images.iter().flat_map(|image| &image.config.view.rootfs.diff_ids).collect();
        let size = |layers: &HashSet<&DiffId>| -> u64 {
            layers.iter().map(|layer| self.store.layer_info(layer).content_size).sum()
        };
        // Contents are shared between layers: what would go is estimated by the share of the layers that nobody uses.
        let share = 1.0 - size(&kept) as f64 / size(&all).max(1) as f64;
        let stopped = containers.iter().filter(|container| container.state.status != Status::Running);
        let volumes = self.store.volumes()?;
        let unused = volumes
            .iter()
            .filter(|volume| self.store.volume_users(&volume.name).is_ok_and(|users| users.is_empty()))
            .collect::<Vec<_>>();
        Ok(DiskUsage {
            images: DiskUsageRow {
                total: images.len() as u64,
                active: images.iter().filter(is_used).count() as u64,
                size: usage.images,
                reclaimable: (usage.images as f64 * share) as u64,
            },
            containers: DiskUsageRow {
                total: containers.len() as u64,
                active: containers.iter().filter(|container| container.state.status == Status::Running).count() as u64,
                size: usage.containers,
                reclaimable: stopped.map(|container| self.store.container_usage(&container.record.id)).sum(),
            },
            volumes: DiskUsageRow {
                total: volumes.len() as u64,
                active: (volumes.len() - unused.len()) as u64,
                size: usage.volumes,
                reclaimable: unused.iter().map(|volume| self.store.volume_usage(&volume.name)).sum(),
            },
            compiled: DiskUsageRow { total: 0, active: 0, size: usage.compiled, reclaimable: usage.compiled },
        })
    }

    /// Removes containers that have ended, images that are untagged (with `all` every image that no container uses), with
    /// `volumes` the anonymous volumes that no container uses (with `all` every such volume), with `all` compiled code, and
    /// all content that is left without a user.
    pub fn prune(&self, all: bool, volumes: bool) -> Result<Pruned> {
        let mut pruned = self.prune_containers()?;
        self.forget_images(all, &mut pruned)?;
        if volumes {
            let gone = self.prune_volumes(all)?;
            pruned.volumes = gone.volumes;
            pruned.reclaimed += gone.reclaimed;
        }
        if all {
            pruned.reclaimed += self.store.remove_compiled()?.bytes;
        }
        pruned.reclaimed += self.store_as_root()?.gc(true)?.unwrap_or_default().bytes;
        Ok(pruned)
    }

    /// Removes containers that have ended or never ran.
    pub fn prune_containers(&self) -> Result<Pruned> {
        let mut pruned = Pruned::default();
        for container in self.containers()?.iter().filter(|container| container.state.status != Status::Running) {
            let id = container.record.id.as_str();
            let size = self.store.container_usage(&container.record.id);
            match self.remove(id, false, false) {
                Ok(()) => {
                    pruned.reclaimed += size;
                    pruned.containers.push(id.to_owned());
                }
                // It was started meanwhile, or has gone.
                Err(error) if matches!(error.kind, super::ErrorKind::Conflict | super::ErrorKind::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(pruned)
    }

    /// Removes images that are untagged, with `all` every image that no container uses, and their content.
    pub fn prune_images(&self, all: bool) -> Result<Pruned> {
        let mut pruned = Pruned::default();
        self.forget_images(all, &mut pruned)?;
        pruned.reclaimed = self.store_as_root()?.gc(true)?.unwrap_or_default().bytes;
        Ok(pruned)
    }

    /// Removes anonymous volumes that no container uses, with `all` every volume that no container uses.
    pub fn prune_volumes(&self, all: bool) -> Result<Pruned> {
        let mut pruned = Pruned::default();
        for volume in self.store_as_root()?.volumes()?.iter().filter(|volume| volume.anonymous || all) {
            let size = self.store.volume_usage(&volume.name);
            if self.store.remove_volume(&volume.name).is_ok() {
                pruned.reclaimed += size;
                pruned.volumes.push(volume.name.clone());
            }
        }
        Ok(pruned)
    }

    fn forget_images(&self, all: bool, pruned: &mut Pruned) -> Result<()> {
        let used = self.containers()?.iter().map(|container| container.record.manifest).collect::<HashSet<_>>();
        for image in self.images()? {
            if used.contains(&image.manifest.digest()) || (!all && !image.names.is_empty()) {
                continue;
            }
            self.store.forget_image(&image.manifest.digest())?;
            pruned.images.push(image.id.to_string());
            pruned.untagged.extend(image.names);
        }
        Ok(())
    }

    /// Reads everything in the store and names what is damaged or missing.
    pub fn fsck(&self) -> Result<Vec<Fault>> {
        Ok(self.store.fsck(&mut |what| self.tell(Progress::Checking(what.to_owned())))?)
    }

    /// Numbers and names of this engine.
    pub fn info(&self) -> Result<SystemInfo> {
        let containers = self.containers()?;
        let running = containers.iter().filter(|container| container.state.status == Status::Running).count();
        Ok(SystemInfo {
            containers: containers.len(),
            running,
            stopped: containers.len() - running,
            images: self.images()?.len(),
            runtimes: super::runtimes::names(),
            root: self.store.root().display().to_string(),
            read_only: self.store.is_read_only(),
        })
    }
}
