//! Text for people, in Docker's words: ages, sizes, times, tables.

pub mod float;
pub mod human;
pub mod table;
pub mod text;
pub mod time;
pub mod units;
