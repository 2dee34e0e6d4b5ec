//! The stages a layer passes while it is read: decompressing and hashing run beside whoever takes the archive apart.
//!
//! ```text
//! stream -> [decompress] -+-> chunks -> the caller
//!                         +-> chunks -> [diff id]      a chunk both are done with goes back to be filled again
//! ```

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::compression::{Decoder, read_some};
use super::error::Result;
use super::limits::Limits;
use crate::oci::{Digest, Hasher};

/// The size of a chunk: large against what passing one on costs, small enough that a few stay in the CPU's cache.
const CHUNK_SIZE: usize = 256 << 10;
/// How many chunks there are: how far decompressing may run ahead.
const CHUNKS: usize = 12;

/// What was read.
pub(super) struct Streamed<T> {
    pub(super) value: T,
    /// The digest of the whole decompressed stream.
    pub(super) diff_id: Digest,
    /// Its length.
    pub(super) size: u64,
}

/// Runs `body` on the decompressed `stream`. `body` has to read to the end where it succeeds.
pub(super) fn run<T>(
    stream: impl Read + Send,
    limits: &Limits,
    body: impl FnOnce(&mut Chunks) -> Result<T>,
) -> Result<Streamed<T>> {
    thread::scope(|scope| {
        let (give, take) = channel();
        let (give_hasher, take_hasher) = channel();
        let (home, free) = channel();
        for _ in 0..CHUNKS {
            home.send(None).expect("the receiver is alive");
        }
        scope.spawn(move || decompress(stream, limits, &Pool { home, free }, &give, &give_hasher));
        let hasher = scope.spawn(move || hash(&take_hasher));
        // When `body` fails, dropping the chunks ends both threads.
        let value = body(&mut Chunks { take, current: None, position: 0 })?;
        let (diff_id, size) = hasher.join().expect("hashing does not panic");
        Ok(Streamed { value, diff_id, size })
    })
}

/// A part of the decompressed stream.
struct Chunk {
    bytes: Option<Box<[u8]>>,
    length: usize,
    home: Sender<Option<Box<[u8]>>>,
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        self.bytes.as_deref().map_or(&[], |bytes| &bytes[..self.length])
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // Nobody waits for chunks any more once decompressing is over.
        let _ = self.home.send(self.bytes.take());
    }
}

/// The chunks that nobody uses; those never used are not even allocated.
struct Pool {
    home: Sender<Option<Box<[u8]>>>,
    free: Receiver<Option<Box<[u8]>>>,
}

type Message = io::Result<Arc<Chunk>>;

fn decompress(stream: impl Read, limits: &Limits, pool: &Pool, give: &Sender<Message>, hasher: &Sender<Arc<Chunk>>) {
    let result = Decoder::new(stream, limits).and_then(|mut decoder| {
        while let Ok(bytes) = pool.free.recv() {
            let mut bytes = bytes.unwrap_or_else(|| vec![0; CHUNK_SIZE].into());
            let mut length = 0;
            let mut result = Ok(());
            while length < bytes.len() {
                match read_some(&mut decoder, &mut bytes[length..]) {
                    Ok(0) => break,
                    Ok(count) => length += count,
                    Err(error) => {
                        result = Err(error);
                        break;
                    }
                }
            }
            let is_last = length < bytes.len();
            let chunk = Arc::new(Chunk { bytes: Some(bytes), length, home: pool.home.clone() });
            // That a receiver is gone means that the caller gave up.
            if length > 0 && (hasher.send(chunk.clone()).is_err() || give.send(Ok(chunk)).is_err()) {
                break;
            }
            result?;
            if is_last {
                break;
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        // The caller may have given up already.
        let _ = give.send(Err(error));
    }
}

fn hash(take: &Receiver<Arc<Chunk>>) -> (Digest, u64) {
    let (mut hasher, mut size) = (Hasher::new(), 0);
    for chunk in take {
        hasher.update(chunk.bytes());
        size += chunk.bytes().len() as u64;
    }
    (hasher.digest(), size)
}

/// The decompressed stream. An error of it comes once, then the stream ends.
pub(super) struct Chunks {
    take: Receiver<Message>,
    current: Option<Arc<Chunk>>,
    position: usize,
}

impl BufRead for Chunks {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.current.as_ref().is_none_or(|chunk| self.position == chunk.length) {
            self.current = None;
            self.position = 0;
            self.current = self.take.recv().ok().transpose()?;
        }
        Ok(self.current.as_ref().map_or(&[], |chunk| &chunk.bytes()[self.position..]))
    }

    fn consume(&mut self, count: usize) {
        let left = self.current.as_ref().map_or(0, |chunk| chunk.length - self.position);
        self.position += count.min(left);
    }
}

impl Read for Chunks {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buf)?;
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::Error;
    use super::*;

    fn whole(stream: &[u8]) -> Result<Streamed<Vec<u8>>> {
        run(stream, &Limits::default(), |chunks| {
            let mut all = Vec::new();
            chunks.read_to_end(&mut all)?;
            Ok(all)
        })
    }

    #[test]
    fn the_caller_and_the_diff_id_see_the_whole_stream() {
        for size in [0, 1, CHUNK_SIZE - 1, CHUNK_SIZE, 5 * CHUNKS * CHUNK_SIZE + 7] {
            let bytes: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
            let streamed = whole(&bytes).unwrap();
            assert!(streamed.value == bytes);
            assert_eq!((streamed.diff_id, streamed.size), (Digest::of(&bytes), size as u64));
        }
    }

    #[test]
    fn a_caller_that_gives_up_early_ends_the_threads() {
        let result = run(io::repeat(7), &Limits::default(), |_| Err::<(), _>(Error::Invalid("enough".to_owned())));
        assert_eq!(result.err().map(|error| error.to_string()).as_deref(), Some("enough"));
    }

    #[test]
    fn a_failing_stream_fails_the_caller() {
        let error = whole(b"\x1f\x8b\x08\0\0\0").err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("gzip: the stream is cut short"));
    }
}
