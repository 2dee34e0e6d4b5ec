//! The store: everything cowbox keeps on disk, and the rules by which it appears and goes.
//!
//! Every file appears whole or not at all, and names come last: a crash leaves content without a name, which
//! [`gc`](Store::gc) removes, and never an image with something missing. Several processes use one store at once; who
//! adds holds a [`lease`](Store::lease), and gc waits for all of them.

mod blobs;
mod containers;
mod error;
mod fsck;
mod gc;
mod id_ranges;
mod images;
mod labels;
mod layers;
mod layout;
mod lock;
mod native;
mod sharing;
mod spares;
mod usage;
mod volumes;

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

pub use blobs::{BlobWriter, DOCUMENT_MAX};
pub use containers::{
    ContainerId, ContainerRecord, ContainerState, InitRecord, LimitsRecord, MountRecord, MountSource, Status,
    StoredContainer,
};
pub use error::{Error, Result};
pub use fsck::Fault;
pub use gc::Reclaimed;
pub use id_ranges::IdRange;
pub use images::{ImageEntry, StoredImage};
pub use labels::{LabelPart, LabelsRecord, Relabel};
pub use layers::LayerInfo;
pub use lock::{Lock, Watched};
pub use native::{
    ETC_FILES, ImageFiles, IsolationRecord, NativeFolders, NativeImage, RateRecord, ResourcesRecord, WeightRecord,
};
pub use sharing::{
    BindRecord, DeviceRecord, IdMapRecord, NamespaceMode, Propagation, Recursion, ResolverRecord, SecurityRecord,
    SharingRecord,
};
pub use spares::Spares;
pub use usage::Usage;
pub use volumes::Volume;

use crate::erofs::{Pack, PackId};
use error::Context;
use layout::{Access, Layout};

/// A store on disk.
pub struct Store {
    layout: Layout,
    access: Access,
    /// Packs that were opened, by id.
    open_packs: Mutex<HashMap<PackId, Arc<Pack>>>,
    /// All packs, once they were listed; none after one was added.
    all_packs: Mutex<Option<Arc<Vec<Arc<Pack>>>>>,
}

impl Store {
    /// Opens the store in `root`, which is made where it does not exist. A store that cannot be written to can be looked
    /// at.
    pub fn open(root: &Path) -> Result<Store> {
        let (layout, access) = Layout::open(root)?;
        Ok(Store { layout, access, open_packs: Mutex::default(), all_packs: Mutex::default() })
    }

    /// The folder of the store.
    pub fn root(&self) -> &Path {
        self.layout.root()
    }

    /// Whether the store can only be looked at.
    pub fn is_read_only(&self) -> bool {
        self.access == Access::ReadOnly
    }

    /// The folder of compiled code, which belongs to the user alone.
    pub fn compiled_folder(&self) -> PathBuf {
        self.layout.compiled()
    }

    /// A file without a name, for what has to be written down for a while.
    pub fn temporary_file(&self) -> Result<File> {
        let folder = self.layout.tmp();
        tempfile::tempfile_in(&folder).context("create a file in", &folder)
    }

    /// While a lease is held nothing of the store is removed that nobody names yet: whoever adds content holds one until
    /// the content has a name. Leases nest.
    pub fn lease(&self) -> Result<Lock> {
        if self.is_read_only() {
            return Err(Error::ReadOnly(self.root().to_owned()));
        }
        lock::shared(&self.layout.lock())
    }
}
