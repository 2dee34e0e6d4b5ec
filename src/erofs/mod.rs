//! Images in the kernel's read-only format: layers, and the trees that merged layers make.
//!
//! A *layer* is an EROFS image of metadata alone. Its regular files point into *packs*, extra devices in the words of EROFS,
//! that hold the contents of files. A *tree* is the same, made of all layers of an image by [`merge`]. A tree is read through
//! [`Inode`](crate::vfs::Inode)s straight from its mapping, and the Linux kernel mounts the same bytes.
//!
//! Nothing here hashes: whoever brings contents brings their digests.

mod builder;
mod children;
mod dir;
mod draft;
mod error;
mod format;
mod image;
mod merge;
mod pack;
#[cfg(test)]
mod tests;
mod trailer;
mod tree;
mod walk;
mod writer;
mod xattr;

pub use builder::{LayerBuilder, Node, NodeKind};
pub use error::{Error, Fault};
pub use image::Image;
pub use merge::{merge, relocate};
pub use pack::{ContentRef, InvalidPackId, Pack, PackEntry, PackId, PackStats, PackWriter};
pub use trailer::Trailer;
pub use tree::Tree;
pub use writer::ImageStats;
