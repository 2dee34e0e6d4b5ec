//! `Chunks`: the content of a file in memory, of which only what was written takes space.

use std::collections::BTreeMap;

/// The unit of allocation. A chunk is as long as the last byte written in it; the rest reads as zeros.
const CHUNK: u64 = 64 << 10;

/// A sparse sequence of bytes.
#[derive(Default)]
pub(super) struct Chunks {
    chunks: BTreeMap<u64, Vec<u8>>,
    len: u64,
    held: u64,
}

impl Chunks {
    /// The length, holes included.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// How many bytes are really held.
    pub(super) fn held(&self) -> u64 {
        self.held
    }

    /// How many bytes more a write would hold.
    pub(super) fn growth(&self, len: usize, offset: u64) -> u64 {
        pieces(len, offset)
            .map(|piece| {
                let held = self.chunks.get(&piece.index).map_or(0, Vec::len);
                (piece.begin + piece.len).saturating_sub(held) as u64
            })
            .sum()
    }

    /// Reads at `offset`; returns how much, less than asked for only at the end.
    pub(super) fn read_at(&self, buf: &mut [u8], offset: u64) -> usize {
        let len = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX).min(buf.len());
        let mut rest = &mut buf[..len];
        for piece in pieces(len, offset) {
            let (now, later) = rest.split_at_mut(piece.len);
            let chunk = self.chunks.get(&piece.index).map_or(&[][..], |chunk| chunk.get(piece.begin..).unwrap_or(&[]));
            let held = chunk.len().min(piece.len);
            now[..held].copy_from_slice(&chunk[..held]);
            now[held..].fill(0);
            rest = later;
        }
        len
    }

    /// Writes all of `buf` at `offset`.
    pub(super) fn write_at(&mut self, buf: &[u8], offset: u64) {
        let mut rest = buf;
        for piece in pieces(buf.len(), offset) {
            let (now, later) = rest.split_at(piece.len);
            let chunk = self.chunks.entry(piece.index).or_default();
            let end = piece.begin + piece.len;
            if end > chunk.len() {
                self.held += (end - chunk.len()) as u64;
            }
            if piece.begin == chunk.len() {
                chunk.extend_from_slice(now);
            } else {
                if end > chunk.len() {
                    chunk.resize(end, 0);
                }
                chunk[piece.begin..end].copy_from_slice(now);
            }
            rest = later;
        }
        if !buf.is_empty() {
            self.len = self.len.max(offset + buf.len() as u64);
        }
    }

    /// Cuts, or extends with a hole.
    pub(super) fn set_len(&mut self, len: u64) {
        if len < self.len {
            let gone = self.chunks.split_off(&len.div_ceil(CHUNK));
            self.held -= gone.values().map(|chunk| chunk.len() as u64).sum::<u64>();
            if let Some(chunk) = self.chunks.get_mut(&(len / CHUNK)) {
                let keep = (len % CHUNK) as usize;
                self.held -= chunk.len().saturating_sub(keep) as u64;
                chunk.truncate(keep);
            }
        }
        self.len = len;
    }
}

/// The part of a range that lies in one chunk.
struct Piece {
    index: u64,
    begin: usize,
    len: usize,
}

fn pieces(len: usize, offset: u64) -> impl Iterator<Item = Piece> {
    let (mut offset, mut left) = (offset, len);
    std::iter::from_fn(move || {
        let begin = offset % CHUNK;
        let len = usize::try_from(CHUNK - begin).unwrap_or(usize::MAX).min(left);
        let piece = Piece { index: offset / CHUNK, begin: begin as usize, len };
        offset += len as u64;
        left -= len;
        (len > 0).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_written_takes_space() {
        let mut chunks = Chunks::default();
        assert_eq!(chunks.growth(3, 1 << 40), 3);
        chunks.write_at(b"far", 1 << 40);
        assert_eq!((chunks.len(), chunks.held()), ((1 << 40) + 3, 3));
        let mut buf = [7; 5];
        assert_eq!(chunks.read_at(&mut buf, (1 << 40) - 1), 4);
        assert_eq!(&buf, b"\0far\x07");
        chunks.set_len(10);
        assert_eq!((chunks.len(), chunks.held()), (10, 0));
    }

    #[test]
    fn bytes_behind_a_cut_do_not_come_back() {
        let mut chunks = Chunks::default();
        chunks.write_at(&[1; 200_000], 0);
        chunks.set_len(100_000);
        chunks.set_len(200_000);
        let mut buf = vec![9; 200_000];
        assert_eq!(chunks.read_at(&mut buf, 0), 200_000);
        assert!(buf[..100_000].iter().all(|&byte| byte == 1) && buf[100_000..].iter().all(|&byte| byte == 0));
        assert_eq!(chunks.held(), 100_000);
    }

    #[test]
    fn it_reads_as_an_array_would_after_random_writes_and_cuts() {
        let mut random = fastrand::Rng::with_seed(1);
        let (mut chunks, mut model) = (Chunks::default(), Vec::new());
        for _ in 0..2000 {
            let (offset, len) = (random.usize(..300_000), random.usize(..100_000));
            match random.u8(..3) {
                0 => {
                    let bytes = vec![random.u8(..); len];
                    let before = chunks.held();
                    let growth = chunks.growth(len, offset as u64);
                    chunks.write_at(&bytes, offset as u64);
                    assert_eq!(chunks.held(), before + growth);
                    if len > 0 {
                        model.resize(model.len().max(offset + len), 0);
                        model[offset..offset + len].copy_from_slice(&bytes);
                    }
                }
                1 => {
                    chunks.set_len(offset as u64);
                    model.resize(offset, 0);
                }
                _ => {
                    let mut buf = vec![0xaa; len];
                    let read = chunks.read_at(&mut buf, offset as u64);
                    assert_eq!(buf[..read], model[offset.min(model.len())..(offset + len).min(model.len())]);
                }
            }
            assert_eq!(chunks.len(), model.len() as u64);
        }
    }
}
