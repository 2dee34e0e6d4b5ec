//! What the files of `archive` do together: archives of other programs, round trips, hostile input.

mod dialects;
mod hostile;
mod layers;
pub(super) mod support;
mod trees;
mod unpacking;
