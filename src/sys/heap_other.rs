//! How the C library manages the memory of a program that ends soon: as it likes.

/// Has the heap of this process keep what was freed, where it can be told so.
pub fn keep_freed() {}
