//! `Limits`: how much an archive may ask for before it is refused.

/// Bounds on what one archive may contain. The defaults are far beyond real images; memory stays small whatever they are,
/// as nothing is allocated on the word of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries in all.
    pub entries: u64,
    /// Bytes of the decompressed stream.
    pub stream: u64,
    /// Decompressed bytes for each compressed one, once the stream is beyond [`Limits::RATIO_FLOOR`].
    pub ratio: u64,
    /// Bytes of holes of sparse files in all: they cost no archive bytes, but have to be hashed and stored.
    pub holes: u64,
    /// Bytes of one extended header (PAX records, GNU long names, sparse maps). Go's reader stops at the same 1 MiB.
    pub header: u64,
    /// Bytes of names, link targets and attributes of all entries.
    pub metadata: u64,
    /// Bytes of the names and values of one entry's extended attributes.
    pub xattrs: usize,
    /// Components of one path. No path of 4,095 bytes has more than the default.
    pub depth: usize,
}

impl Limits {
    /// Decompressed bytes below which no ratio is too high: 1 GiB.
    pub const RATIO_FLOOR: u64 = 1 << 30;
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            entries: 5_000_000,
            stream: 1 << 40,
            ratio: 2_000,
            holes: 16 << 30,
            header: 1 << 20,
            metadata: 1 << 30,
            xattrs: 256 << 10,
            depth: 2_048,
        }
    }
}
