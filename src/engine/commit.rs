//! `commit`: what a container changed becomes a layer, and with its image's layers a new image. `export`: all its files.

use std::io::{self, BufWriter, Write};

use super::Engine;
use super::change::Change;
use super::error::{About, Result};
use super::files::ContainerFiles;
use super::load::Loaded;
use super::rootless;
use crate::archive;
use crate::oci::{Descriptor, DiffId, HistoryEntry, Raw, Reference};

/// How a container becomes an image.
#[derive(Clone, Debug, Default)]
pub struct CommitOptions {
    /// The name of the new image; untagged where none is given.
    pub name: Option<String>,
    /// Who made it.
    pub author: String,
    /// The message of its history.
    pub message: String,
    /// Instructions for its config.
    pub changes: Vec<Change>,
}

impl Engine {
    /// Makes an image of a container: its image with one more layer. Takes as long as what was changed, however large the
    /// image is.
    pub fn commit(&self, key: &str, options: &CommitOptions) -> Result<Loaded> {
        let _lease = self.store.lease()?;
        let name = options.name.as_deref().map(str::parse::<Reference>).transpose()?;
        self.with_files(key, |files| self.commit_files(files, options, name.as_ref()))
    }

    fn commit_files(
        &self,
        files: &ContainerFiles<'_>,
        options: &CommitOptions,
        name: Option<&Reference>,
    ) -> Result<Loaded> {
        let container = &files.container;
        let record = &container.record;
        let image = self.store.image(&record.manifest)?;
        let layer = self.layer_of(files).about(|| format!("container {}", container.name))?;
        let now = jiff::Timestamp::now();
        let mut config = image.config.view.clone();
        config.created = Some(now.to_string());
        config.author = options.author.clone();
        let process = &mut config.config;
        let (entrypoint, cmd) = record.args.split_at(record.entrypoint_len);
        process.entrypoint = entrypoint.to_vec();
        process.cmd = cmd.to_vec();
        process.env = record.env.iter().filter(|line| !line.starts_with("HOSTNAME=")).cloned().collect();
        process.working_dir = record.working_dir.clone();
        if !rootless::is_callers(record) {
            process.user = record.user.clone();
        }
        process.labels = record.labels.clone();
        process.exposed_ports.0.extend(record.exposed_ports.iter().cloned());
        options.changes.iter().for_each(|change| change.apply(process));
        let mut history = HistoryEntry::commit(now, &record.args, &options.author, &options.message);
        let mut layers = image.manifest.view.layers.clone();
        match layer {
            Some((descriptor, diff_id)) => {
                layers.push(descriptor);
                config.rootfs.diff_ids.push(diff_id);
            }
            None => history.empty_layer = true,
        }
        config.history.push(history);
        let config = Raw::from_value(config)?;
        let mut manifest = image.manifest.view.clone();
        // Docker's and OCI's documents are not mixed.
        manifest.config = config.descriptor(manifest.config.media_type.clone());
        manifest.layers = layers;
        self.add_image(&Raw::from_value(manifest)?, &config, name)
    }

    /// The layer of all changes; none where there is none.
    fn layer_of(&self, files: &ContainerFiles<'_>) -> Result<Option<(Descriptor, DiffId)>> {
        let changes = files.changes()?;
        if changes.is_empty() {
            return Ok(None);
        }
        let (layer, diff_id, _) = self.add_written_layer(move |out| archive::write_layer(changes, out).map(|_| ()))?;
        Ok(Some((layer, diff_id)))
    }

    /// A layer that `write` writes as a tar, read while it is written.
    pub(super) fn add_written_layer(
        &self,
        write: impl FnOnce(&mut dyn Write) -> archive::Result<()> + Send,
    ) -> Result<(Descriptor, DiffId, crate::store::LayerInfo)> {
        let (reader, writer) = io::pipe()?;
        std::thread::scope(|scope| {
            let written = scope.spawn(move || {
                let mut out = BufWriter::with_capacity(1 << 17, writer);
                write(&mut out)?;
                out.flush().map_err(archive::Error::from)
            });
            let layer = self.add_layer(reader, None);
            let written = written.join().expect("writing a tar does not panic");
            // Where reading fails, writing fails too, of a broken pipe: the error of reading is the cause. Where writing
            // fails, reading sees a tar that is cut off: then that of writing is.
            match (layer, written) {
                (Ok(layer), Ok(())) => Ok(layer),
                (_, Err(error)) if !error.is_broken_pipe() => Err(error.into()),
                (Err(error), _) => Err(error),
                (_, Err(error)) => Err(error.into()),
            }
        })
    }

    /// All files of a container as one tar, as `export` writes it.
    pub fn export(&self, key: &str, out: &mut (dyn Write + Send)) -> Result<()> {
        self.with_files(key, |files| {
            archive::write_tree(&files.root()?, out)?;
            Ok(())
        })
    }
}
