//! Archives: tar to layer and back, tar to inodes and back, compression, whiteout names.

mod compression;
mod error;
mod header;
mod limits;
mod pax;
mod pipeline;
mod reader;
mod sparse;
mod tree;
mod whiteout;
mod write;

pub use compression::{Compression, Decoder, Encoder, UnsupportedCompression};
pub use error::{Error, Result};
pub use limits::Limits;
pub use tree::{Written, write_subtree, write_tree};
