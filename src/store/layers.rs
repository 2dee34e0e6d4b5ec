//! Layers and packs: what a layer tar becomes, and how the trees of images are made of them.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::Store;
use super::error::{Context, Error, Result};
use crate::archive;
use crate::erofs::{self, ContentRef, ImageStats, LayerBuilder, Pack, PackId, PackWriter, Trailer, Tree};
use crate::oci::{DiffId, Digest, HashWriter, chain_ids, from_hex};
use crate::sys::durable;
use crate::vfs::{ContentId, InodeRef};

/// What is known of a layer without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerInfo {
    /// Bytes of the contents of its files, each file counted.
    pub content_size: u64,
    /// Bytes of its uncompressed tar.
    pub tar_size: u64,
    /// How many entries it has.
    pub entries: u64,
}

impl Store {
    fn layer_path(&self, diff_id: &DiffId) -> PathBuf {
        self.layout.layers().join(diff_id.0.hex())
    }

    fn layer_info_path(&self, diff_id: &DiffId) -> PathBuf {
        self.layout.layers().join(format!("{}.json", diff_id.0.hex()))
    }

    fn pack_path(&self, id: &PackId) -> PathBuf {
        self.layout.packs().join(id.to_string())
    }

    fn tree_path(&self, layers: &[DiffId]) -> PathBuf {
        self.layout.trees().join(tree_name(layers))
    }

    /// Whether the layer is there.
    pub fn has_layer(&self, diff_id: &DiffId) -> bool {
        self.layer_path(diff_id).exists()
    }

    /// Sizes of a layer; zeros where they are not known.
    pub fn layer_info(&self, diff_id: &DiffId) -> LayerInfo {
        let read = || serde_json::from_slice(&fs::read(self.layer_info_path(diff_id)).ok()?).ok();
        read().unwrap_or_default()
    }

    /// Unpacks a layer tar, compressed or not, and returns its diff id. Where `expected` is given the layer appears only
    /// if the diff id is that one. Memory does not grow with the size of files, and contents that are in the store
    /// already are referred to.
    pub fn add_layer(
        &self,
        stream: impl Read + Send,
        expected: Option<&DiffId>,
        limits: &archive::Limits,
    ) -> Result<(DiffId, LayerInfo)> {
        let _lease = self.lease()?;
        self.forget_removed_packs();
        let what = || match expected {
            Some(expected) => format!("layer {}", expected.0),
            None => "layer".to_owned(),
        };
        let mut ingest = Ingest::start(self)?;
        let known = |id: &ContentId| self.find_content(id);
        let mut sink = archive::LayerSink { layer: &mut ingest.builder, pack: &mut ingest.pack, known: &known };
        let unpacked = archive::unpack(stream, &mut sink, limits)
            .map_err(|source| Error::Unpack { what: what(), source: Box::new(source) })?;
        let diff_id = DiffId(unpacked.diff_id);
        if expected.is_some_and(|expected| *expected != diff_id) {
            return Err(Error::damaged(what(), format!("its content has the diff id {}", diff_id.0)));
        }
        let info = LayerInfo { content_size: unpacked.content, tar_size: unpacked.size, entries: unpacked.entries };
        ingest.finish(self, &diff_id, &info)?;
        Ok((diff_id, info))
    }

    /// Where a content lies, if any pack of the store has it.
    pub(super) fn find_content(&self, id: &ContentId) -> Option<ContentRef> {
        self.packs().iter().find_map(|pack| pack.get(id))
    }

    /// Another process may have removed packs since they were listed here: nothing new may refer to them. Under a lease,
    /// what is there stays.
    fn forget_removed_packs(&self) {
        *self.all_packs.lock().expect("no panic while it is held") = None;
        let mut open = self.open_packs.lock().expect("no panic while it is held");
        open.retain(|id, _| self.pack_path(id).exists());
    }

    /// All packs of the store that can be read; what was opened once stays open.
    fn packs(&self) -> Arc<Vec<Arc<Pack>>> {
        let mut all = self.all_packs.lock().expect("no panic while it is held");
        if let Some(all) = &*all {
            return all.clone();
        }
        let ids = pack_ids(&self.layout.packs()).unwrap_or_default();
        let opened = Arc::new(ids.iter().filter_map(|id| self.pack(id).ok()).collect::<Vec<_>>());
        *all = Some(opened.clone());
        opened
    }

    /// The pack of this id.
    pub(super) fn pack(&self, id: &PackId) -> Result<Arc<Pack>> {
        if let Some(pack) = self.open_packs.lock().expect("no panic while it is held").get(id) {
            return Ok(pack.clone());
        }
        let path = self.pack_path(id);
        let pack = Pack::open(&path)
            .map_err(|source| Error::Erofs { what: format!("pack {id}"), source: Box::new(source) })?;
        let pack = Arc::new(pack);
        self.open_packs.lock().expect("no panic while it is held").insert(*id, pack.clone());
        Ok(pack)
    }

    /// The root of the merged tree of these layers, from the bottom up. The tree is made where it is missing.
    pub fn tree(&self, layers: &[DiffId]) -> Result<InodeRef> {
        Ok(self.open_tree(layers)?.0)
    }

    /// As [`Store::tree`], with the packs in the order that the tree refers to them.
    pub(super) fn open_tree(&self, layers: &[DiffId]) -> Result<(InodeRef, Vec<PackId>)> {
        let path = self.tree_path(layers);
        if !path.exists() {
            self.merge(layers)?;
        }
        let what = || format!("tree {}", tree_name(layers));
        let image =
            erofs::Image::open(&path).map_err(|source| Error::Erofs { what: what(), source: Box::new(source) })?;
        let ids = image.devices().to_vec();
        let packs = ids.iter().map(|id| self.pack(id)).collect::<Result<Vec<_>>>()?;
        let tree = Tree::open(Arc::new(image), packs)
            .map_err(|source| Error::Erofs { what: what(), source: Box::new(source) })?;
        Ok((tree, ids))
    }

    /// Makes the merged tree of these layers, from the bottom up, where it is missing.
    pub fn merge(&self, layers: &[DiffId]) -> Result<()> {
        let _lease = self.lease()?;
        let path = self.tree_path(layers);
        if path.exists() {
            return Ok(());
        }
        let images = layers.iter().map(|layer| self.layer(layer)).collect::<Result<Vec<_>>>()?;
        let images = images.iter().collect::<Vec<_>>();
        self.write_metadata(&path, &format!("tree {}", tree_name(layers)), |out| erofs::merge(&images, out))
    }

    /// The metadata of a layer.
    pub(super) fn layer(&self, diff_id: &DiffId) -> Result<erofs::Image> {
        if !self.has_layer(diff_id) {
            return Err(Error::NotFound(format!("layer {}", diff_id.0)));
        }
        erofs::Image::open(&self.layer_path(diff_id))
            .map_err(|source| Error::Erofs { what: format!("layer {}", diff_id.0), source: Box::new(source) })
    }

    /// Writes metadata to `path`, followed by its digest, so that damage shows.
    pub(super) fn write_metadata(
        &self,
        path: &std::path::Path,
        what: &str,
        write: impl FnOnce(&mut MetadataWriter) -> std::result::Result<ImageStats, erofs::Error>,
    ) -> Result<()> {
        durable::publish(self.stage_metadata(what, write)?, path).context("write", path)
    }

    /// Writes metadata to a temporary file, as [`Store::write_metadata`] does.
    pub(super) fn stage_metadata(
        &self,
        what: &str,
        write: impl FnOnce(&mut MetadataWriter) -> std::result::Result<ImageStats, erofs::Error>,
    ) -> Result<NamedTempFile> {
        let folder = self.layout.tmp();
        let temporary = NamedTempFile::new_in(&folder).context("create a file in", &folder)?;
        let mut out = HashWriter::new(BufWriter::with_capacity(1 << 20, temporary));
        write(&mut out).map_err(|source| Error::Erofs { what: what.to_owned(), source: Box::new(source) })?;
        let (mut out, sha256, image_len) = out.finish_sha256();
        out.write_all(&Trailer { image_len, sha256 }.encode()).context("write a file in", &folder)?;
        out.into_inner().map_err(|error| error.into_error()).context("write a file in", &folder)
    }
}

/// The file name of the tree of these layers: the hex digits of their chain id.
pub(super) fn tree_name(layers: &[DiffId]) -> String {
    chain_ids(layers).last().map_or_else(|| "empty".into(), |chain_id| chain_id.0.hex())
}

/// Metadata on its way to its file.
pub(super) type MetadataWriter = HashWriter<BufWriter<NamedTempFile>>;

/// A layer on its way into the store.
struct Ingest {
    builder: LayerBuilder,
    pack: PackWriter,
    pack_id: PackId,
    pack_file: NamedTempFile,
}

impl Ingest {
    fn start(store: &Store) -> Result<Ingest> {
        let folder = store.layout.tmp();
        let pack_file = NamedTempFile::new_in(&folder).context("create a file in", &folder)?;
        let pack_id = PackId::random().context("name a pack in", &folder)?;
        let file: File = pack_file.reopen().context("open a file in", &folder)?;
        Ok(Ingest { builder: LayerBuilder::new(), pack: PackWriter::new(file, pack_id), pack_id, pack_file })
    }

    /// Publishes the pack, then the layer that refers to it.
    fn finish(self, store: &Store, diff_id: &DiffId, info: &LayerInfo) -> Result<()> {
        let pack_path = store.pack_path(&self.pack_id);
        let stats = self.pack.finish().context("write", &pack_path)?;
        if stats.contents > 0 {
            durable::publish(self.pack_file, &pack_path).context("write", &pack_path)?;
            *store.all_packs.lock().expect("no panic while it is held") = None;
        }
        let info_path = store.layer_info_path(diff_id);
        let text = serde_json::to_vec(info).expect("sizes serialise");
        fs::write(&info_path, text).context("write", &info_path)?;
        let builder = self.builder;
        store.write_metadata(&store.layer_path(diff_id), &format!("layer {}", diff_id.0), |out| builder.write(out))
    }
}

/// Whether the metadata is what was written.
pub(super) fn check_trailer(image: &erofs::Image) -> std::result::Result<(), &'static str> {
    let trailer = image.trailer().ok_or("its digest is missing")?;
    match Digest::of(image.body()) == Digest::Sha256(trailer.sha256) {
        true => Ok(()),
        false => Err("its digest differs"),
    }
}

/// The ids of the packs in `folder`, in order.
pub(super) fn pack_ids(folder: &std::path::Path) -> Result<Vec<PackId>> {
    let mut ids = Vec::new();
    for entry in fs::read_dir(folder).context("list", folder)? {
        let name = entry.context("list", folder)?.file_name();
        ids.extend(name.to_str().and_then(from_hex).map(PackId));
    }
    ids.sort_unstable_by_key(|id| id.0);
    Ok(ids)
}
