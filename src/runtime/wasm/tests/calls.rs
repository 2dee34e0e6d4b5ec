//! The calls of WASI preview 1, one family after another.
