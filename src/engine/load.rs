//! Bringing images in: `load` of image archives, `import` of file trees.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::change::Change;
use super::error::{About, Error, Result};
use super::{Engine, Progress};
use crate::archive::{self, Compression, Encoder, TarIndex};
use crate::oci::{
    ArchiveManifest, Descriptor, DiffId, Digest, Document, HistoryEntry, ImageConfig, Index, LayoutMarker, Manifest,
    MediaType, Platform, Raw, Reference, WasmConfig, WasmShape, annotation, pick, wasm_shape,
};
use crate::store::{DOCUMENT_MAX, LayerInfo};
use crate::vfs::{HostOptions, host};

/// Where an image archive is read from.
pub enum LoadSource {
    /// A file (a tar, compressed or not), or a folder with an OCI layout or an unpacked docker-archive.
    Path(PathBuf),
    /// A tar, compressed or not.
    Stream(Box<dyn Read + Send>),
}

/// An image that was brought in.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The digest of its config.
    pub id: Digest,
    /// Its manifest, with the platform.
    pub manifest: Descriptor,
    /// The names it has now; none where the archive has none, or gives them to another image of the same index first.
    pub names: Vec<Reference>,
}

/// What `import` makes an image of.
pub enum ImportSource {
    /// A folder, or a tar file, compressed or not.
    Path(PathBuf),
    /// A tar, compressed or not.
    Stream(Box<dyn Read + Send>),
}

/// How `import` makes the image.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// The name of the new image.
    pub name: Option<String>,
    /// Instructions for its config.
    pub changes: Vec<Change>,
    /// The message of its history.
    pub message: String,
    /// The platform; `wasi/wasm` where none is given.
    pub platform: Option<Platform>,
}

/// An archive as named parts.
enum Parts {
    Tar(TarIndex),
    Folder(PathBuf),
}

type Part = (Box<dyn Read + Send>, u64);

impl Parts {
    fn has(&self, name: &str) -> bool {
        match self {
            Parts::Tar(index) => index.has(name),
            Parts::Folder(folder) => inside(folder, name).is_some_and(|path| path.is_file()),
        }
    }

    fn open(&self, name: &str) -> Result<Part> {
        let missing = || Error::invalid(format!("{name} is missing in the archive"));
        match self {
            Parts::Tar(index) => {
                let (reader, size) = index.part(name).ok_or_else(missing)?;
                Ok((Box::new(reader), size))
            }
            Parts::Folder(folder) => {
                let path = inside(folder, name).ok_or_else(missing)?;
                let file = File::open(&path).about(|| path.display().to_string())?;
                let size = file.metadata()?.len();
                Ok((Box::new(file), size))
            }
        }
    }

    fn read(&self, name: &str) -> Result<Vec<u8>> {
        let (reader, size) = self.open(name)?;
        if size > DOCUMENT_MAX {
            return Err(Error::invalid(format!(
                "{name}: a document of {size} bytes (at most {DOCUMENT_MAX} are read)"
            )));
        }
        let mut bytes = Vec::new();
        reader.take(DOCUMENT_MAX).read_to_end(&mut bytes).about(|| name.to_owned())?;
        Ok(bytes)
    }

    fn document<T: Document>(&self, name: &str) -> Result<Raw<T>> {
        Raw::parse(self.read(name)?, DOCUMENT_MAX as usize).about(|| name.to_owned())
    }

    /// A document of the layout that a descriptor promises.
    fn blob<T: Document>(&self, descriptor: &Descriptor) -> Result<Raw<T>> {
        let name = crate::oci::blob_path(&descriptor.digest);
        Raw::parse_verified(self.read(&name)?, descriptor.digest).about(|| name)
    }
}

/// `name` below `folder`; none where it would leave it.
fn inside(folder: &Path, name: &str) -> Option<PathBuf> {
    let mut path = folder.to_owned();
    for component in Path::new(name).components() {
        match component {
            std::path::Component::Normal(component) => path.push(component),
            std::path::Component::CurDir => {}
            _ => return None,
        }
    }
    Some(path)
}

impl Engine {
    /// Loads every image of an archive: an OCI layout or a docker-archive. Of an image for several platforms the one for
    /// `platform` is taken, or one for each runtime: wasm first, which is then what the name means unless another platform is
    /// asked for. An image appears with its name when all of it is there.
    pub fn load(&self, source: LoadSource, platform: Option<&Platform>) -> Result<Vec<Loaded>> {
        let _lease = self.store.lease()?;
        let parts = match source {
            LoadSource::Path(path) if path.is_dir() => Parts::Folder(path),
            LoadSource::Path(path) => {
                let file = File::open(&path).about(|| path.display().to_string())?;
                self.parts_of_file(file).about(|| path.display().to_string())?
            }
            LoadSource::Stream(stream) => self.spool(stream).about(|| "standard input".into())?,
        };
        if parts.has(crate::oci::INDEX_FILE) {
            return self.load_layout(&parts, platform);
        }
        if parts.has("manifest.json") {
            return self.load_docker(&parts);
        }
        Err(Error::invalid(
            "no image archive: neither index.json (OCI layout) nor manifest.json (docker-archive) is in it",
        )
        .hint("`cowbox import` makes an image of a plain file tree"))
    }

    /// A tar is read where it lies; anything else is decompressed first.
    fn parts_of_file(&self, mut file: File) -> Result<Parts> {
        if file.metadata()?.is_file() && archive::is_tar(&mut file)? {
            return Ok(Parts::Tar(TarIndex::open(file)?));
        }
        self.spool(Box::new(BufReader::with_capacity(1 << 17, file)))
    }

    /// Parts come in any order: a stream is written to a file first.
    fn spool(&self, stream: Box<dyn Read + Send>) -> Result<Parts> {
        let mut decoder = archive::Decoder::new(stream, &archive::Limits::default())?;
        let mut file = self.store.temporary_file()?;
        io::copy(&mut decoder, &mut file)?;
        if !archive::is_tar(&mut file)? {
            return Err(Error::invalid("this is no tar archive"));
        }
        Ok(Parts::Tar(TarIndex::open(file)?))
    }

    fn load_layout(&self, parts: &Parts, platform: Option<&Platform>) -> Result<Vec<Loaded>> {
        if parts.has(crate::oci::LAYOUT_FILE) {
            parts.document::<LayoutMarker>(crate::oci::LAYOUT_FILE)?;
        }
        let index: Raw<Index> = parts.document(crate::oci::INDEX_FILE)?;
        let mut loaded: Vec<Loaded> = Vec::new();
        for entry in index.view.manifests.iter().filter(|entry| !entry.is_attestation()) {
            let name = name_of(&entry.annotations)?;
            for image in self.load_entry(parts, entry, platform, name.as_ref())? {
                match loaded.iter_mut().find(|other| other.id == image.id) {
                    Some(other) => other.names.extend(image.names),
                    None => loaded.push(image),
                }
            }
        }
        if loaded.is_empty() {
            return Err(Error::invalid("the archive holds no image"));
        }
        Ok(loaded)
    }

    /// The images of one name: of an index one for each runtime that has one, the first of which the name means where nobody
    /// asks for a platform.
    fn load_entry(
        &self,
        parts: &Parts,
        entry: &Descriptor,
        platform: Option<&Platform>,
        name: Option<&Reference>,
    ) -> Result<Vec<Loaded>> {
        if !entry.media_type.is_index() {
            return Ok(vec![self.load_manifest(parts, &parts.blob(entry)?, name)?]);
        }
        let all = Index::new(manifests_below(parts, entry, 0)?);
        let groups = platform.map_or_else(|| self.platforms_by_runtime(), |platform| vec![vec![platform.clone()]]);
        let mut picked = vec![pick(&all, &groups.concat())?];
        for wanted in &groups {
            let is_there = |entry: &&Descriptor| {
                let fits = |platform: &Platform| wanted.iter().any(|wanted| platform.matches(wanted));
                // An archive may name images of which it holds nothing.
                entry.platform.as_ref().is_some_and(fits) && parts.has(&crate::oci::blob_path(&entry.digest))
            };
            let is_covered = picked.iter().any(is_there);
            picked.extend(all.manifests.iter().find(is_there).filter(|_| !is_covered));
        }
        if let [one] = picked[..] {
            return Ok(vec![self.load_manifest(parts, &parts.blob(one)?, name)?]);
        }
        let load = |entry: &&Descriptor| self.load_manifest(parts, &parts.blob(entry)?, None);
        let mut loaded = picked.iter().map(load).collect::<Result<Vec<_>>>()?;
        let manifests = loaded.iter().map(|image| image.manifest.clone()).collect::<Vec<_>>();
        self.store.tag_images(&manifests, name)?;
        loaded[0].names.extend(name.cloned());
        Ok(loaded)
    }

    fn load_manifest(&self, parts: &Parts, manifest: &Raw<Manifest>, name: Option<&Reference>) -> Result<Loaded> {
        let what = || name.map_or_else(|| manifest.digest().to_string(), Reference::familiar);
        let config_type = &manifest.view.config.media_type;
        let artifact = match config_type {
            MediaType::WasmConfig | MediaType::WasmToOciConfig => {
                Some(parts.blob::<WasmConfig>(&manifest.view.config)?)
            }
            _ => None,
        };
        let config = match &artifact {
            Some(_) => None,
            None => Some(parts.blob::<ImageConfig>(&manifest.view.config).about(what)?),
        };
        let shape =
            wasm_shape(&manifest.view, config.as_ref().map(|raw| &raw.view), artifact.as_ref().map(|raw| &raw.view))?;
        if let Some(WasmShape::Module { layer, path, entrypoint, platform }) = shape {
            let layer = &manifest.view.layers[layer];
            let (module, _) = parts.open(&crate::oci::blob_path(&layer.digest))?;
            let module = crate::oci::VerifyReader::new(module, layer.digest, layer.size);
            let config = config.map(|raw| raw.view).unwrap_or_default();
            return self.wrap_module(module, layer.size, &path, &entrypoint, &platform, config, name).about(what);
        }
        let config = config.ok_or_else(|| Error::invalid(format!("{}: it has no image config", what())))?;
        let diff_ids = &config.view.rootfs.diff_ids;
        if diff_ids.len() != manifest.view.layers.len() {
            let (layers, ids) = (manifest.view.layers.len(), diff_ids.len());
            return Err(Error::invalid(format!("{}: {layers} layers in the manifest, {ids} in the config", what())));
        }
        let jobs = manifest.view.layers.iter().zip(diff_ids).collect::<Vec<_>>();
        self.side_by_side(&jobs, |(layer, diff_id)| {
            self.load_layer(layer, diff_id, || parts.open(&crate::oci::blob_path(&layer.digest)))
        })
        .about(what)?;
        self.finish_image(manifest, &config, name)
    }

    /// A layer with its blob. What is there already is not read again.
    fn load_layer(&self, layer: &Descriptor, diff_id: &DiffId, open: impl FnOnce() -> Result<Part>) -> Result<()> {
        let (has_layer, has_blob) = (self.store.has_layer(diff_id), self.store.has_blob(&layer.digest));
        if has_layer && has_blob {
            return Ok(());
        }
        self.tell(Progress::Layer { digest: layer.digest.to_string(), size: layer.size });
        let (reader, size) = open()?;
        if size != layer.size {
            return Err(Error::invalid(format!("blob {}: {size} bytes long, {} promised", layer.digest, layer.size)));
        }
        let mut blob = self.store.blob_writer()?;
        let mut tee = Tee { reader, writer: &mut blob };
        if !has_layer {
            self.store.add_layer(&mut tee, Some(diff_id), &archive::Limits::default())?;
        }
        io::copy(&mut tee, &mut io::sink())?;
        let (digest, _) = blob.commit()?;
        if digest != layer.digest {
            return Err(Error::invalid(format!("blob {}: digest differs (found {digest})", layer.digest)));
        }
        Ok(())
    }

    /// Runs `job` for each of `jobs`, as many at a time as there are processors.
    fn side_by_side<T: Sync>(&self, jobs: &[T], job: impl Fn(&T) -> Result<()> + Sync) -> Result<()> {
        let workers = std::thread::available_parallelism().map_or(1, usize::from).min(4).min(jobs.len());
        let next = Mutex::new(jobs.iter());
        let failed = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while failed.lock().expect("no panic while it is held").is_none() {
                        let Some(one) = next.lock().expect("no panic while it is held").next() else { return };
                        if let Err(error) = job(one) {
                            failed.lock().expect("no panic while it is held").get_or_insert(error);
                        }
                    }
                });
            }
        });
        failed.into_inner().expect("no panic while it was held").map_or(Ok(()), Err)
    }

    /// The tree, so that the first start need not make it, and the image.
    fn finish_image(
        &self,
        manifest: &Raw<Manifest>,
        config: &Raw<ImageConfig>,
        name: Option<&Reference>,
    ) -> Result<Loaded> {
        self.store.merge(&config.view.rootfs.diff_ids)?;
        self.add_image(manifest, config, name)
    }

    /// An image whose layers are there: config, manifest, and the name last.
    pub(super) fn add_image(
        &self,
        manifest: &Raw<Manifest>,
        config: &Raw<ImageConfig>,
        name: Option<&Reference>,
    ) -> Result<Loaded> {
        self.store.add_blob(config.bytes())?;
        self.store.add_blob(manifest.bytes())?;
        let mut descriptor = manifest.descriptor(manifest.view.media_type());
        descriptor.platform = Some(config.view.platform());
        self.store.tag_image(&descriptor, name)?;
        Ok(Loaded { id: config.digest(), manifest: descriptor, names: name.cloned().into_iter().collect() })
    }

    fn load_docker(&self, parts: &Parts) -> Result<Vec<Loaded>> {
        let archive: Raw<ArchiveManifest> = parts.document("manifest.json")?;
        let mut loaded = Vec::new();
        for entry in &archive.view.0 {
            let what = || entry.repo_tags.first().cloned().unwrap_or_else(|| entry.config.clone());
            let config: Raw<ImageConfig> = parts.document(&entry.config)?;
            let diff_ids = &config.view.rootfs.diff_ids;
            if diff_ids.len() != entry.layers.len() {
                let (layers, ids) = (entry.layers.len(), diff_ids.len());
                return Err(Error::invalid(format!(
                    "{}: {layers} layers in manifest.json, {ids} in the config",
                    what()
                )));
            }
            let jobs = entry.layers.iter().zip(diff_ids).enumerate().collect::<Vec<_>>();
            let layers = Mutex::new(vec![None; jobs.len()]);
            self.side_by_side(&jobs, |(at, (part, diff_id))| {
                let (reader, size) = parts.open(part)?;
                self.tell(Progress::Layer { digest: diff_id.0.to_string(), size });
                let (descriptor, _, _) = self.add_layer(reader, Some(diff_id)).about(|| format!("layer {part}"))?;
                layers.lock().expect("no panic while it is held")[*at] = Some(descriptor);
                Ok(())
            })
            .about(what)?;
            let layers = layers.into_inner().expect("no panic while it was held").into_iter().flatten().collect();
            let manifest = Raw::from_value(Manifest::new(config.descriptor(MediaType::Config), layers))?;
            let names =
                entry.repo_tags.iter().map(|name| Ok(name.parse::<Reference>()?)).collect::<Result<Vec<_>>>()?;
            let mut image = self.finish_image(&manifest, &config, names.first())?;
            for name in names.iter().skip(1) {
                image.names.extend(self.finish_image(&manifest, &config, Some(name))?.names);
            }
            loaded.push(image);
        }
        if loaded.is_empty() {
            return Err(Error::invalid("the archive holds no image"));
        }
        Ok(loaded)
    }

    /// A layer tar of whatever compression, kept as a gzip blob beside its layer.
    pub(super) fn add_layer(
        &self,
        stream: impl Read + Send,
        expected: Option<&DiffId>,
    ) -> Result<(Descriptor, DiffId, LayerInfo)> {
        let limits = archive::Limits::default();
        let decoder = archive::Decoder::new(stream, &limits)?;
        let mut encoder = Encoder::new(self.store.blob_writer()?, Compression::Gzip)?;
        let mut tee = Tee { reader: decoder, writer: &mut encoder };
        let (diff_id, info) = self.store.add_layer(&mut tee, expected, &limits)?;
        io::copy(&mut tee, &mut io::sink())?;
        let (digest, size) = encoder.finish()?.commit()?;
        Ok((Descriptor::new(MediaType::LayerGzip, digest, size), diff_id, info))
    }

    /// An image of one module: the shapes in which a layer blob is the program itself become an image with one file.
    #[allow(clippy::too_many_arguments)]
    fn wrap_module(
        &self,
        module: impl Read + Send,
        size: u64,
        path: &str,
        entrypoint: &[String],
        platform: &Platform,
        mut config: ImageConfig,
        name: Option<&Reference>,
    ) -> Result<Loaded> {
        let tar = archive::single_file_tar(path, size, 0o755, module)?;
        let (layer, diff_id, _) = self.add_layer(tar, None)?;
        let platform = if platform.is_empty() { Platform::wasi() } else { platform.clone() };
        config.set_platform(&platform);
        config.rootfs.diff_ids = vec![diff_id];
        config.history = vec![HistoryEntry::layer(jiff::Timestamp::UNIX_EPOCH, &format!("wasm artifact {path}"))];
        if config.config.entrypoint.is_empty() {
            config.config.entrypoint = entrypoint.to_vec();
        }
        let config = Raw::from_value(config)?;
        let manifest = Raw::from_value(Manifest::new(config.descriptor(MediaType::Config), vec![layer]))?;
        self.finish_image(&manifest, &config, name)
    }

    /// Makes an image of one layer from a file tree.
    pub fn import(&self, source: ImportSource, options: &ImportOptions) -> Result<Loaded> {
        let _lease = self.store.lease()?;
        let name = options.name.as_deref().map(str::parse::<Reference>).transpose()?;
        let (label, (layer, diff_id, _)) = match source {
            ImportSource::Path(path) if path.is_dir() => {
                let label = path.display().to_string();
                let layer = self.import_folder(&path).about(|| label.clone())?;
                (label, layer)
            }
            ImportSource::Path(path) => {
                let label = path.display().to_string();
                let file = File::open(&path).about(|| label.clone())?;
                let layer = self.add_layer(file, None).about(|| label.clone())?;
                (label, layer)
            }
            ImportSource::Stream(stream) => {
                ("-".into(), self.add_layer(stream, None).about(|| "standard input".into())?)
            }
        };
        let now = jiff::Timestamp::now();
        let mut config = ImageConfig { created: Some(now.to_string()), ..ImageConfig::default() };
        config.set_platform(options.platform.as_ref().unwrap_or(&Platform::wasi()));
        config.rootfs.diff_ids = vec![diff_id];
        let message =
            if options.message.is_empty() { format!("Imported from {label}") } else { options.message.clone() };
        config.history = vec![HistoryEntry::import(now, &label, &message)];
        for change in &options.changes {
            change.apply(&mut config.config);
        }
        let config = Raw::from_value(config)?;
        let manifest = Raw::from_value(Manifest::new(config.descriptor(MediaType::Config), vec![layer]))?;
        self.finish_image(&manifest, &config, name.as_ref())
    }

    /// The folder goes through a pipe as a tar, so that a folder and the tar of it make the same image.
    fn import_folder(&self, folder: &Path) -> Result<(Descriptor, DiffId, LayerInfo)> {
        let root = host(folder, &HostOptions { read_only: true })?;
        self.add_written_layer(move |out| archive::write_tree(&root, out).map(|_| ()))
    }
}

/// The manifests of an index and of those that it names; one that says no platform is for that of the index which names it.
fn manifests_below(parts: &Parts, entry: &Descriptor, depth: u32) -> Result<Vec<Descriptor>> {
    if depth > 4 {
        return Err(Error::invalid("indexes are nested more than 4 deep"));
    }
    let index: Raw<Index> = parts.blob(entry)?;
    let mut found = Vec::new();
    for inner in index.view.manifests.iter().filter(|inner| !inner.is_attestation()) {
        let mut inner = inner.clone();
        inner.platform = inner.platform.filter(|platform| !platform.is_empty()).or_else(|| entry.platform.clone());
        match inner.media_type.is_index() {
            true => found.extend(manifests_below(parts, &inner, depth + 1)?),
            false => found.push(inner),
        }
    }
    Ok(found)
}

/// The name that an entry of an index carries.
fn name_of(annotations: &crate::oci::Annotations) -> Result<Option<Reference>> {
    let whole = annotations.get(annotation::CONTAINERD_NAME);
    let Some(name) = whole.or_else(|| annotations.get(annotation::REF_NAME)) else { return Ok(None) };
    Ok(Some(name.parse::<Reference>()?))
}

/// Reads from one side, and writes what was read to the other.
struct Tee<R, W> {
    reader: R,
    writer: W,
}

impl<R: Read, W: Write> Read for Tee<R, W> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buf)?;
        self.writer.write_all(&buf[..count])?;
        Ok(count)
    }
}
