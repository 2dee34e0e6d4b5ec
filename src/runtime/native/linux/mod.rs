//! Native containers on Linux.
