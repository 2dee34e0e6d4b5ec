//! Native containers on systems that have none.
