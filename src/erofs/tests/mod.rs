//! Tests of whole images: written, merged, read back, checked by `fsck.erofs` and mounted by the kernel.

mod names;
mod support;
mod trees;
