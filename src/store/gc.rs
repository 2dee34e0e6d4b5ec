//! Removing what nobody names any more, and repacking packs that are half dead.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Store;
use super::error::{Context, Error, Result};
use super::layers::{pack_ids, tree_name};
use super::lock;
use crate::erofs::{self, ContentRef, PackId, PackWriter};
use crate::oci::{DiffId, Digest};
use crate::sys::durable;

/// A pack is rewritten when less than this share of its contents is alive.
const LIVE_SHARE: f64 = 0.5;

/// What a [`gc`](Store::gc) removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reclaimed {
    /// Bytes of files.
    pub bytes: u64,
    /// Blobs, layers, packs and trees.
    pub files: u64,
}

/// What images and containers need.
#[derive(Default)]
pub(super) struct Live {
    pub(super) blobs: HashSet<Digest>,
    pub(super) layers: HashSet<DiffId>,
    pub(super) trees: HashSet<String>,
}

impl Store {
    /// Removes whatever no image and no container needs. With `wait` it waits for everybody who adds to the store;
    /// without, it does nothing (`None`) while somebody does.
    pub fn gc(&self, wait: bool) -> Result<Option<Reclaimed>> {
        let path = self.layout.lock();
        let _lock = match wait {
            true => lock::exclusive(&path)?,
            false => match lock::try_exclusive(&path)? {
                Some(lock) => lock,
                None => return Ok(None),
            },
        };
        self.open_packs.lock().expect("no panic while it is held").clear();
        *self.all_packs.lock().expect("no panic while it is held") = None;
        let live = self.live()?;
        let mut sweep = Sweep::default();
        sweep.folder(&self.layout.blobs(), |name| live.blobs.iter().any(|digest| digest.hex() == name))?;
        let layers = live.layers.iter().map(|layer| layer.0.hex()).collect::<HashSet<_>>();
        sweep.folder(&self.layout.layers(), |name| layers.contains(name.trim_end_matches(".json")))?;
        sweep.folder(&self.layout.trees(), |name| live.trees.contains(name))?;
        let checkouts = self.layout.checkouts();
        if checkouts.exists() {
            let chain = |name: &str| name.split('-').next().unwrap_or_default().to_owned();
            sweep.folder(&checkouts, |name| live.trees.contains(&chain(name)))?;
        }
        self.repack(&live, &mut sweep)?;
        sweep.folder(&self.layout.tmp(), |_| false)?;
        if self.layout.spares().exists() {
            sweep.folder(&self.layout.spares(), |_| false)?;
        }
        for entry in fs::read_dir(self.root()).context("list", self.root())? {
            let entry = entry.context("list", self.root())?;
            // A file of the root that was being replaced when its writer was killed.
            if entry.file_name().to_string_lossy().starts_with(".tmp") {
                sweep.file(&entry.path())?;
            }
        }
        for name in self.stale_names() {
            sweep.file(&name)?;
        }
        self.remove_half_made(&mut sweep)?;
        Ok(Some(sweep.reclaimed))
    }

    /// Removes all compiled code: it is made again when it is needed.
    pub fn remove_compiled(&self) -> Result<Reclaimed> {
        let mut sweep = Sweep::default();
        sweep.folder(&self.layout.compiled(), |_| false)?;
        Ok(sweep.reclaimed)
    }

    /// Everything that the index and the containers lead to. A damaged document stops the search: nothing is removed
    /// while it is not known what is needed.
    pub(super) fn live(&self) -> Result<Live> {
        let mut live = Live::default();
        let named = self.image_entries()?.into_iter().map(|entry| entry.manifest.digest);
        let used = self.all_containers()?.into_iter().map(|container| Ok(container?.record.manifest));
        let used = used.collect::<Result<Vec<_>>>()?;
        for digest in named.chain(used).collect::<HashSet<_>>() {
            let image = self.image(&digest)?;
            live.blobs.insert(digest);
            live.blobs.insert(image.id);
            live.blobs.extend(image.manifest.view.layers.iter().map(|layer| layer.digest));
            let layers = &image.config.view.rootfs.diff_ids;
            live.layers.extend(layers);
            live.trees.insert(tree_name(layers));
        }
        Ok(live)
    }

    /// Removes dead packs and rewrites those of which little is alive.
    fn repack(&self, live: &Live, sweep: &mut Sweep) -> Result<()> {
        let mut used: HashMap<PackId, HashSet<ContentRef>> = HashMap::new();
        for layer in &live.layers {
            for content in self.layer(layer)?.contents() {
                let content = content.map_err(|source| self.layer_error(layer, source))?;
                used.entry(content.pack).or_default().insert(content);
            }
        }
        let mut moved: HashMap<ContentRef, ContentRef> = HashMap::new();
        let mut dead = Vec::new();
        for id in pack_ids(&self.layout.packs())? {
            let path = self.layout.packs().join(id.to_string());
            let Some(contents) = used.get(&id) else {
                dead.push(path);
                continue;
            };
            let size = fs::metadata(&path).context("read", &path)?.len();
            let alive: u64 = contents.iter().map(|content| content.len.next_multiple_of(4096)).sum();
            if (alive as f64) < size as f64 * LIVE_SHARE && size > 1 << 20 {
                self.move_contents(&id, contents, &mut moved)?;
                dead.push(path);
            }
        }
        if !moved.is_empty() {
            let relocate = |content: ContentRef| Some(moved.get(&content).copied().unwrap_or(content));
            for layer in &live.layers {
                let image = self.layer(layer)?;
                if image.devices().iter().any(|id| moved.keys().any(|content| content.pack == *id)) {
                    let path = self.layout.layers().join(layer.0.hex());
                    let moved = self
                        .stage_metadata(&format!("layer {}", layer.0), |out| erofs::relocate(&image, &relocate, out))?;
                    // Not every system replaces a file that is mapped.
                    drop(image);
                    durable::publish(moved, &path).context("write", &path)?;
                }
            }
            // Trees refer to the old packs: they are made again when they are next needed.
            sweep.folder(&self.layout.trees(), |_| false)?;
        }
        // Not every system removes a file that is mapped.
        self.open_packs.lock().expect("no panic while it is held").clear();
        for path in dead {
            sweep.file(&path)?;
        }
        Ok(())
    }

    /// Copies contents of one pack into a new one, and notes where they went.
    fn move_contents(
        &self,
        from: &PackId,
        contents: &HashSet<ContentRef>,
        moved: &mut HashMap<ContentRef, ContentRef>,
    ) -> Result<()> {
        let pack = self.pack(from)?;
        let folder = self.layout.tmp();
        let temporary = tempfile::NamedTempFile::new_in(&folder).context("create a file in", &folder)?;
        let id = PackId::random().context("name a pack in", &folder)?;
        let path = self.layout.packs().join(id.to_string());
        let mut writer = PackWriter::new(temporary.reopen().context("open a file in", &folder)?, id);
        let mut contents = contents.iter().collect::<Vec<_>>();
        contents.sort_unstable_by_key(|content| content.block);
        for content in contents {
            let damaged = || Error::damaged(format!("pack {from}"), format!("nothing lies at block {}", content.block));
            let digest = pack.content_at(content.block).ok_or_else(damaged)?.id;
            let bytes = pack.bytes(content.block, content.len).ok_or_else(damaged)?;
            moved.insert(*content, writer.put(digest, bytes).context("write", &path)?);
        }
        writer.finish().context("write", &path)?;
        durable::publish(temporary, &path).context("write", &path)
    }

    fn layer_error(&self, layer: &DiffId, source: erofs::Error) -> Error {
        Error::Erofs { what: format!("layer {}", layer.0), source: Box::new(source) }
    }

    /// Folders of containers and volumes without a record: a crash left them.
    fn remove_half_made(&self, sweep: &mut Sweep) -> Result<()> {
        for (folder, record) in [(self.layout.containers(), "config.json"), (self.layout.volumes(), "volume.json")] {
            for entry in fs::read_dir(&folder).context("list", &folder)? {
                let path = entry.context("list", &folder)?.path();
                if !path.join(record).exists() {
                    sweep.reclaimed.bytes += super::usage::size_of(&path);
                    fs::remove_dir_all(&path).context("remove", &path)?;
                }
            }
        }
        Ok(())
    }
}

/// Counts what it removes.
#[derive(Default)]
struct Sweep {
    reclaimed: Reclaimed,
}

impl Sweep {
    /// Removes every file of `folder` whose name is not to be kept.
    fn folder(&mut self, folder: &Path, keep: impl Fn(&str) -> bool) -> Result<()> {
        for entry in fs::read_dir(folder).context("list", folder)? {
            let entry = entry.context("list", folder)?;
            if !entry.file_name().to_str().is_some_and(&keep) {
                self.file(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Removes one file, or a directory with all that is in it. One that is mapped cannot be removed on Windows: the next time will do.
    fn file(&mut self, path: &PathBuf) -> Result<()> {
        let metadata = fs::symlink_metadata(path);
        let is_directory = metadata.as_ref().is_ok_and(|metadata| metadata.is_dir());
        let (size, removed) = match is_directory {
            true => (super::usage::size_of(path), fs::remove_dir_all(path)),
            false => (metadata.map_or(0, |metadata| metadata.len()), fs::remove_file(path)),
        };
        match removed {
            Ok(()) => {
                self.reclaimed.bytes += size;
                self.reclaimed.files += 1;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound || durable::is_in_use(&error) => Ok(()),
            Err(error) => Err(error).context("remove", path),
        }
    }
}
