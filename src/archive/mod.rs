//! Archives: tar to layer and back, tar to inodes and back, compression, whiteout names.

mod apply;
mod compression;
mod copy;
mod error;
mod header;
mod index;
mod layer;
mod limits;
mod location;
mod pax;
mod pipeline;
mod place;
mod plain;
mod reader;
mod sparse;
mod tree;
mod unpack;
mod whiteout;
mod write;

pub use apply::{Applied, ApplyOptions, apply, apply_within};
pub use compression::{Compression, Decoder, Encoder, UnsupportedCompression};
pub use copy::{check_out, copy_children, copy_tree};
pub use error::{Error, Result};
pub use index::{PartReader, PartsWriter, TarIndex, is_tar, single_file_tar};
pub use layer::write_layer;
pub use limits::Limits;
pub use place::Conflict;
pub use plain::{ArchiveReader, ArchiveWriter, Member, MemberKind};
pub use tree::{Written, write_subtree, write_tree};
pub use unpack::{LayerSink, Unpacked, unpack};

#[cfg(test)]
mod tests;
