//! Programs run by an interpreter, against the profiles they were made of.
