//! Blobs: bytes named by their digest, in an OCI image layout.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::PathBuf;

use tempfile::NamedTempFile;

use super::Store;
use super::error::{Context, Error, Result};
use crate::oci::{Digest, HashWriter, Raw};
use crate::sys::durable;

/// The largest document (manifest, index, config) that is read into memory, in bytes.
pub const DOCUMENT_MAX: u64 = 4 << 20;

/// A blob on its way into the store: written piece by piece, it appears with [`commit`](BlobWriter::commit) or not at all.
pub struct BlobWriter<'s> {
    store: &'s Store,
    out: HashWriter<NamedTempFile>,
}

impl Write for BlobWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl BlobWriter<'_> {
    /// Gives the blob its name; returns it with the size.
    pub fn commit(self) -> Result<(Digest, u64)> {
        let store = self.store;
        let (temporary, digest, size) = self.out.finish();
        let path = store.blob_path(&digest)?;
        if path.exists() {
            return Ok((digest, size));
        }
        durable::publish(temporary, &path).context("write", &path)?;
        Ok((digest, size))
    }
}

impl Store {
    /// Where the blob lies. Blobs are kept by SHA-256 alone.
    pub(crate) fn blob_path(&self, digest: &Digest) -> Result<PathBuf> {
        match digest {
            Digest::Sha256(_) => Ok(self.layout.blobs().join(digest.hex())),
            Digest::Sha512(_) => Err(Error::NotFound(format!("blob {digest} (only sha256 is kept)"))),
        }
    }

    /// Whether the blob is there.
    pub fn has_blob(&self, digest: &Digest) -> bool {
        self.blob_path(digest).is_ok_and(|path| path.exists())
    }

    /// The blob's size in bytes.
    pub fn blob_size(&self, digest: &Digest) -> Result<u64> {
        let path = self.blob_path(digest)?;
        match fs::metadata(&path) {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::NotFound(format!("blob {digest}"))),
            Err(error) => Err(error).context("read", &path),
        }
    }

    /// The blob's bytes, unverified: they were verified when they came, and `fsck` verifies them again.
    pub fn open_blob(&self, digest: &Digest) -> Result<File> {
        let path = self.blob_path(digest)?;
        match File::open(&path) {
            Ok(file) => Ok(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::NotFound(format!("blob {digest}"))),
            Err(error) => Err(error).context("open", &path),
        }
    }

    /// A small blob whole. [`Error::Damaged`] beyond [`DOCUMENT_MAX`].
    pub fn read_blob(&self, digest: &Digest) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(8 << 10);
        let file = self.open_blob(digest)?;
        file.take(DOCUMENT_MAX + 1).read_to_end(&mut bytes).context("read", &self.blob_path(digest)?)?;
        if bytes.len() as u64 > DOCUMENT_MAX {
            return Err(Error::damaged(format!("blob {digest}"), "a document of more than 4 MiB"));
        }
        Ok(bytes)
    }

    /// A blob that is a document. [`Error::Damaged`] where it is not what `T` expects.
    pub fn read_document<T: crate::oci::Document>(&self, digest: &Digest) -> Result<Raw<T>> {
        let bytes = self.read_blob(digest)?;
        Raw::parse(bytes, DOCUMENT_MAX as usize).map_err(|error| Error::damaged(format!("blob {digest}"), error))
    }

    /// Starts a blob.
    pub fn blob_writer(&self) -> Result<BlobWriter<'_>> {
        let temporary = NamedTempFile::new_in(self.layout.tmp()).context("create a file in", &self.layout.tmp())?;
        Ok(BlobWriter { store: self, out: HashWriter::new(temporary) })
    }

    /// Adds a small blob.
    pub fn add_blob(&self, bytes: &[u8]) -> Result<Digest> {
        let digest = Digest::of(bytes);
        if !self.has_blob(&digest) {
            let mut writer = self.blob_writer()?;
            writer.write_all(bytes).context("write", &self.blob_path(&digest)?)?;
            writer.commit()?;
        }
        Ok(digest)
    }
}
