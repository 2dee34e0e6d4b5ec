//! Writes tar archives of the ustar format (POSIX.1-1988), every field fixed but for what is given.

/// What an entry is.
#[derive(Clone, Copy)]
pub enum Kind<'a> {
    /// A regular file with this content.
    File(&'a [u8]),
    /// A directory.
    Dir,
    /// A symbolic link to this target.
    Symlink(&'a str),
}

/// A growing archive whose entries all belong to root and are of one time.
pub struct Writer {
    bytes: Vec<u8>,
    epoch: u64,
}

impl Writer {
    /// An empty archive; `epoch` is the time of its entries, in seconds.
    pub fn new(epoch: u64) -> Self {
        Self { bytes: Vec::new(), epoch }
    }

    /// Appends one entry; `path` is relative, without a slash at its end.
    pub fn append(&mut self, path: &str, mode: u32, kind: Kind<'_>) -> Result<(), String> {
        let (flag, content, target, suffix) = match kind {
            Kind::File(content) => (b'0', content, "", ""),
            Kind::Dir => (b'5', &[][..], "", "/"),
            Kind::Symlink(target) => (b'2', &[][..], target, ""),
        };
        let name = format!("{path}{suffix}");
        if name.len() > 100 || target.len() > 100 {
            return Err(format!("{path}: longer than the 100 bytes of a plain ustar header"));
        }
        let mut header = [0_u8; 512];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, name.as_bytes());
        put(100, format!("{mode:07o}").as_bytes());
        put(108, b"0000000");
        put(116, b"0000000");
        put(124, format!("{:011o}", content.len()).as_bytes());
        put(136, format!("{:011o}", self.epoch).as_bytes());
        put(148, b"        ");
        put(156, &[flag]);
        put(157, target.as_bytes());
        put(257, b"ustar\x0000");
        put(265, b"root");
        put(297, b"root");
        put(329, b"0000000");
        put(337, b"0000000");
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.bytes.extend_from_slice(&header);
        self.bytes.extend_from_slice(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        Ok(())
    }

    /// The archive, ended by two empty blocks.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len() + 1024, 0);
        self.bytes
    }
}
