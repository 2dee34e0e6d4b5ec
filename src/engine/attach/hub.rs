//! The end of the process that runs a container: shows its output to all who are attached, and takes what they type.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use super::SOCKET;
use super::message::{Kind, Peer};
use crate::engine::logs::{Log, LogTee};
use crate::runtime::{Input, Output, Running, Stdio, TerminalSize};
use crate::sys::local_socket::{self, Listener};

/// How many messages may be typed ahead.
const TYPED_AHEAD: usize = 16;

/// The streams of one run.
pub(crate) struct Hub {
    shared: Arc<Shared>,
    folder: PathBuf,
}

struct Shared {
    attached: Mutex<Vec<Arc<Peer>>>,
    typed: SyncSender<Vec<u8>>,
    process: OnceLock<Weak<dyn Running>>,
    is_closed: AtomicBool,
}

impl Hub {
    /// The streams of a container whose folder is `folder`: nobody is attached. With `takes_input` what is typed is the
    /// container's input, which never ends by itself; else it has none.
    pub(crate) fn new(folder: PathBuf, takes_input: bool, log: &Arc<Log>) -> (Hub, Stdio) {
        let (typed, to_read) = sync_channel(TYPED_AHEAD);
        let shared = Arc::new(Shared {
            attached: Mutex::default(),
            typed,
            process: OnceLock::new(),
            is_closed: AtomicBool::default(),
        });
        let shown = |kind, stream| {
            let out = Broadcast { shared: shared.clone(), kind };
            Output::Writer(Box::new(LogTee::new(out, log.clone(), stream)))
        };
        let stdin = match takes_input {
            true => Input::Reader(Box::new(Typed { to_read, rest: Vec::new() })),
            false => Input::Null,
        };
        let stdio = Stdio { stdin, stdout: shown(Kind::Output, "stdout"), stderr: shown(Kind::Error, "stderr") };
        (Hub { shared, folder }, stdio)
    }

    /// Lets others attach from now on. The container's lock is held, so that nobody else listens there.
    pub(crate) fn listen(&self) -> io::Result<()> {
        let listener = local_socket::listen(&self.folder, SOCKET)?;
        let shared = self.shared.clone();
        // It ends when the hub is closed.
        std::thread::Builder::new().spawn(move || shared.take(&listener))?;
        Ok(())
    }

    /// Who is told of sizes.
    pub(crate) fn serve(&self, process: &Arc<dyn Running>) {
        // There was none before.
        let _ = self.shared.process.set(Arc::downgrade(process));
    }

    /// Lets nobody attach any more. The container's lock is held.
    pub(crate) fn close(&self) {
        self.shared.is_closed.store(true, Ordering::SeqCst);
        // Nobody listens where this fails.
        let _ = local_socket::connect(&self.folder, SOCKET);
        // One that stays is found to lead nowhere.
        let _ = std::fs::remove_file(self.folder.join(SOCKET));
    }

    /// Tells all who are attached how the container has ended.
    pub(crate) fn end(&self, code: i32) {
        self.shared.show(Kind::End, &code.to_le_bytes());
        for peer in self.shared.list().drain(..) {
            peer.end();
        }
    }
}

impl Shared {
    /// Takes all who attach.
    fn take(self: Arc<Self>, listener: &Listener) {
        while let Ok(connection) = listener.accept() {
            if self.is_closed.load(Ordering::SeqCst) {
                return;
            }
            let peer = Arc::new(Peer::new(connection));
            self.list().push(peer.clone());
            let shared = self.clone();
            // It ends when the other end does.
            let begun = std::thread::Builder::new().spawn(move || {
                // One that says what makes no sense is let go as one that leaves.
                let _ = shared.listen_to(&peer);
                shared.let_go(&peer);
            });
            if begun.is_err() {
                return;
            }
        }
    }

    fn listen_to(&self, peer: &Peer) -> io::Result<()> {
        while let Some((kind, bytes)) = peer.receive()? {
            match (kind, &bytes[..]) {
                // Without a reader the container takes no input.
                (Kind::Input, _) => drop(self.typed.send(bytes)),
                (Kind::Size, [a, b, c, d]) => {
                    let size =
                        TerminalSize { rows: u16::from_le_bytes([*a, *b]), columns: u16::from_le_bytes([*c, *d]) };
                    if let Some(process) = self.process.get().and_then(Weak::upgrade) {
                        process.resize(size);
                    }
                }
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        Ok(())
    }

    fn show(&self, kind: Kind, bytes: &[u8]) {
        let attached = self.list().clone();
        for peer in attached {
            if peer.send(kind, bytes).is_err() {
                self.let_go(&peer);
            }
        }
    }

    fn let_go(&self, peer: &Arc<Peer>) {
        peer.end();
        self.list().retain(|other| !Arc::ptr_eq(other, peer));
    }

    fn list(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Peer>>> {
        self.attached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One stream of the container, shown to all who are attached. Nobody needs to be.
struct Broadcast {
    shared: Arc<Shared>,
    kind: Kind,
}

impl Write for Broadcast {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.shared.show(self.kind, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What all who are attached type, in the order in which it comes.
struct Typed {
    to_read: Receiver<Vec<u8>>,
    rest: Vec<u8>,
}

impl Read for Typed {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.to_read.recv() {
                Ok(bytes) => self.rest = bytes,
                // The run is over.
                Err(_) => return Ok(0),
            }
        }
        let len = self.rest.len().min(buf.len());
        buf[..len].copy_from_slice(&self.rest[..len]);
        self.rest.drain(..len);
        Ok(len)
    }
}
