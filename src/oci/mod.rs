//! The documents of the OCI specifications as plain types: no files, no network.

mod config;
mod descriptor;
mod digest;
mod docker;
mod history;
mod json;
mod layout;
mod manifest;
mod media_type;
mod pick;
mod platform;
mod raw;
mod reference;
pub mod runtime;
mod wasm;

pub use config::{ChainId, ContainerConfig, DiffId, Healthcheck, ImageConfig, RootFs, chain_ids};
pub use descriptor::{Annotations, Descriptor, annotation};
pub use digest::{Digest, HashWriter, Hasher, InvalidDigest, VerifyReader, from_hex, hex};
pub use docker::{ArchiveEntry, ArchiveManifest, Repositories};
pub use history::{HistoryEntry, HistoryStep};
pub use json::{Extra, NameSet};
pub use layout::{IMAGE_LAYOUT_VERSION, INDEX_FILE, LAYOUT_FILE, LayoutMarker, blob_path};
pub use manifest::{Index, MAX_LAYERS, MAX_MANIFESTS, Manifest};
pub use media_type::{LayerEncoding, MediaType};
pub use pick::{NoPlatform, pick};
pub use platform::{InvalidPlatform, Platform};
pub use raw::{Document, DocumentError, MAX_DOCUMENT, Raw};
pub use reference::{InvalidReference, Reference, id_prefix};
pub use wasm::{WasmConfig, WasmEvidence, WasmShape, wasm_shape};
