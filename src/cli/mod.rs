//! The command line: arguments in, one engine call, text out.

pub mod filter;
pub mod output;
pub mod pattern;
pub mod template;
