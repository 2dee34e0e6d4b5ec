//! Tests of whole images: written, merged, read back, checked by `fsck.erofs` and mounted by the kernel.

mod damage;
mod kernel;
mod merging;
mod model;
mod names;
mod support;
mod trees;
