//! Starts and exits: what is left is the cost of running a program at all.

fn main() {}
