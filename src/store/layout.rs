//! Where everything lies below the root of a store, and the format file that says so.
//!
//! ```text
//! ROOT/
//! ├── format                  {"version":1,"incompatible":[]}
//! ├── lock                    held shared by whoever adds, exclusively by gc
//! ├── oci-layout  index.json  names of images; with blobs/ an OCI image layout
//! ├── index.lock              held by whoever changes index.json
//! ├── blobs/sha256/<hex>      manifests, configs, compressed layers
//! ├── layers/<diff id hex>    layer metadata
//! ├── packs/<pack id hex>     file contents
//! ├── trees/<chain id hex>    merged trees, rebuilt when missing
//! ├── containers/<id>/        config.json state.json lock log upper/
//! ├── names/<escaped name>    the id of the container of that name
//! ├── volumes/<escaped name>/ volume.json data/
//! ├── compiled/               machine code of modules, rebuilt when missing
//! ├── mounts/<chain id hex>   where native containers find the mount of their image, made when missing
//! ├── checkouts/<chain id hex>/ an image as real files, where the kernel cannot mount it: of other users than root; with
//! │                           `-UID.GID` behind the name for containers whose caller is that user inside
//! ├── users                   processes that are in the namespace of the store's user; locked by who enters it
//! └── tmp/                    files on their way to their name; their writers hold the store's lock shared
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::{Context, Error, Result};
use super::lock;
use crate::sys::durable;

/// The version that this code writes.
const VERSION: u32 = 1;

/// What a store holds: with nothing but these, a folder without a `format` file is a store that was being made, or that
/// another process has made since.
const OWN_NAMES: &[&str] = &[
    "format",
    "index.json",
    "index.lock",
    "lock",
    "oci-layout",
    "blobs",
    "layers",
    "packs",
    "trees",
    "containers",
    "names",
    "volumes",
    "compiled",
    "mounts",
    "checkouts",
    "users",
    "tmp",
];

/// Features a store may have that an older version could not cope with. None so far.
const KNOWN_FEATURES: &[&str] = &[];

#[derive(Serialize, Deserialize)]
struct Format {
    version: u32,
    #[serde(default)]
    incompatible: Vec<String>,
}

/// The folders of a store.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

/// Whether the store can be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    ReadWrite,
    ReadOnly,
}

impl Layout {
    /// The layout below `root`, made where it is missing.
    pub(crate) fn open(root: &Path) -> Result<(Layout, Access)> {
        let layout = Layout { root: std::path::absolute(root).context("find", root)? };
        let format = layout.root.join("format");
        match fs::read(&format) {
            Ok(bytes) => {
                layout.check_format(&bytes)?;
                return Ok((layout.clone(), layout.access()));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).context("read", &format),
        }
        layout.create()?;
        layout.check_format(&fs::read(&format).context("read", &format)?)?;
        Ok((layout, Access::ReadWrite))
    }

    /// Refuses to adopt a folder with somebody else's files in it.
    fn create(&self) -> Result<()> {
        if let Ok(mut entries) = fs::read_dir(&self.root) {
            let is_ours = |name: &std::ffi::OsStr| {
                let name = name.to_string_lossy();
                OWN_NAMES.contains(&&*name) || name.starts_with(".tmp")
            };
            if let Some(entry) = entries.find_map(|entry| entry.ok().filter(|entry| !is_ours(&entry.file_name()))) {
                let detail = format!(
                    "it holds {} and no `format` file; name an empty folder, or one that does not exist",
                    entry.file_name().to_string_lossy()
                );
                return Err(Error::Format { path: self.root.clone(), detail });
            }
        }
        durable::create_private_directory(&self.root).context("create the store", &self.root)?;
        let _lock = lock::exclusive(&self.lock())?;
        if self.root.join("format").exists() {
            // Another process was first.
            return Ok(());
        }
        for folder in [
            self.root.join("blobs"),
            self.blobs(),
            self.layers(),
            self.packs(),
            self.trees(),
            self.containers(),
            self.names(),
            self.volumes(),
            self.tmp(),
        ] {
            fs::create_dir_all(&folder).context("create", &folder)?;
        }
        durable::create_private_directory(&self.compiled()).context("create", &self.compiled())?;
        let write = |name: &str, text: &str| {
            let path = self.root.join(name);
            durable::replace(&path, text.as_bytes()).context("write", &path)
        };
        write("oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}\n")?;
        let format = Format { version: VERSION, incompatible: Vec::new() };
        write("format", &serde_json::to_string(&format).expect("a plain structure serialises"))
    }

    fn check_format(&self, bytes: &[u8]) -> Result<()> {
        let refuse = |detail: String| Err(Error::Format { path: self.root.clone(), detail });
        let format: Format = match serde_json::from_slice(bytes) {
            Ok(format) => format,
            Err(error) => return refuse(format!("its `format` file cannot be read: {error}")),
        };
        if format.version > VERSION {
            return refuse(format!(
                "it has format {}, this version knows {VERSION}: use a newer cowbox",
                format.version
            ));
        }
        match format.incompatible.iter().find(|feature| !KNOWN_FEATURES.contains(&feature.as_str())) {
            Some(feature) => {
                refuse(format!("it uses `{feature}`, which this version does not know: use a newer cowbox"))
            }
            None => Ok(()),
        }
    }

    /// Whether a file can be made in the store.
    fn access(&self) -> Access {
        match fs::File::options().append(true).create(true).open(self.lock()) {
            Ok(_) => Access::ReadWrite,
            Err(_) => Access::ReadOnly,
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.root.join("index.json")
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.root.join("blobs").join("sha256")
    }

    pub(crate) fn layers(&self) -> PathBuf {
        self.root.join("layers")
    }

    pub(crate) fn packs(&self) -> PathBuf {
        self.root.join("packs")
    }

    pub(crate) fn trees(&self) -> PathBuf {
        self.root.join("trees")
    }

    pub(crate) fn containers(&self) -> PathBuf {
        self.root.join("containers")
    }

    pub(crate) fn names(&self) -> PathBuf {
        self.root.join("names")
    }

    pub(crate) fn volumes(&self) -> PathBuf {
        self.root.join("volumes")
    }

    pub(crate) fn compiled(&self) -> PathBuf {
        self.root.join("compiled")
    }

    pub(crate) fn mounts(&self) -> PathBuf {
        self.root.join("mounts")
    }

    pub(crate) fn stage(&self) -> PathBuf {
        self.root.join("stage")
    }

    pub(crate) fn spares(&self) -> PathBuf {
        self.root.join("spares")
    }

    pub(crate) fn mount_points(&self) -> PathBuf {
        self.root.join("mount-points")
    }

    pub(crate) fn checkouts(&self) -> PathBuf {
        self.root.join("checkouts")
    }

    pub(crate) fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }
}

/// `name` as a file name that differs wherever names differ, also on systems that ignore case: capitals become `=` and the
/// small letter. Names of containers and volumes hold letters, digits, `_`, `.` and `-` only.
pub(crate) fn escape(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len() + 1);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            escaped.push('=');
        }
        escaped.push(letter.to_ascii_lowercase());
    }
    // Windows reserves names such as `con` and `nul.x`, and drops a dot at the end.
    escaped.push('=');
    escaped.insert(0, '=');
    escaped
}

/// The name that [`escape`] made `file` of.
pub(crate) fn unescape(file: &str) -> Option<String> {
    let inner = file.strip_prefix('=')?.strip_suffix('=')?;
    let mut name = String::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '=' => name.push(letters.next()?.to_ascii_uppercase()),
            letter => name.push(letter),
        }
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_case_have_different_files() {
        for name in ["web", "Web", "wEB", "con", "a.b_c-d."] {
            assert_eq!(unescape(&escape(name)).as_deref(), Some(name));
        }
        assert_ne!(escape("Web").to_lowercase(), escape("web").to_lowercase());
    }

    #[test]
    fn a_folder_of_somebody_else_is_not_adopted() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.txt"), "x").unwrap();
        let error = Layout::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("thesis.txt"), "{error}");
    }

    #[test]
    fn a_store_of_the_future_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        Layout::open(folder.path()).unwrap();
        fs::write(folder.path().join("format"), r#"{"version":2}"#).unwrap();
        let error = Layout::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("use a newer cowbox"), "{error}");
    }
}
