//! The end of the process that runs a container: shows its output to all who are attached, and takes what they type.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use super::SOCKET;
use super::handed::HandedEnd;
use super::message::{Kind, Peer, size_of};
use crate::engine::logs::{Log, LogTee};
use crate::runtime::{Input, Output, Running, Stdio};
use crate::sys::local_socket::{self, Listener};

/// How many messages may be typed ahead.
const TYPED_AHEAD: usize = 16;

/// The streams of one run.
pub(crate) struct Hub {
    shared: Arc<Shared>,
    /// Where others attach, if they can.
    folder: Option<PathBuf>,
    /// Who was attached from the start, and is not listened to yet.
    first: Option<Arc<Peer>>,
}

struct Shared {
    attached: Mutex<Vec<Arc<Peer>>>,
    typed: SyncSender<Vec<u8>>,
    process: OnceLock<Weak<dyn Running>>,
    is_closed: AtomicBool,
}

impl Hub {
    /// The streams of a container, or of one more process in it: `first` is attached, or nobody. With `takes_input` what is typed
    /// is its input, which never ends by itself; else it has none. The output is also kept in `log`.
    pub(crate) fn new(takes_input: bool, log: Option<&Arc<Log>>, first: Option<HandedEnd>) -> (Hub, Stdio) {
        let first = first.map(|end| end.0);
        let (typed, to_read) = sync_channel(TYPED_AHEAD);
        let shared = Arc::new(Shared {
            attached: Mutex::new(first.iter().cloned().collect()),
            typed,
            process: OnceLock::new(),
            is_closed: AtomicBool::default(),
        });
        let shown = |kind, stream| {
            let out = Broadcast { shared: shared.clone(), kind };
            Output::Writer(match log {
                Some(log) => Box::new(LogTee::new(out, log.clone(), stream)),
                None => Box::new(out),
            })
        };
        let stdin = match takes_input {
            true => Input::Reader(Box::new(Typed { to_read, rest: Vec::new() })),
            false => Input::Null,
        };
        let stdio = Stdio { stdin, stdout: shown(Kind::Output, "stdout"), stderr: shown(Kind::Error, "stderr") };
        (Hub { shared, folder: None, first }, stdio)
    }

    /// Lets others attach from now on, by the container's folder. The container's lock is held, so that nobody else listens there.
    pub(crate) fn listen(&mut self, folder: PathBuf) -> io::Result<()> {
        let listener = local_socket::listen(&folder, SOCKET)?;
        self.folder = Some(folder);
        let shared = self.shared.clone();
        // It ends when the hub is closed.
        std::thread::Builder::new().spawn(move || shared.take(&listener))?;
        Ok(())
    }

    /// Who is told of sizes. Now that it runs it takes what the first who is attached has typed.
    pub(crate) fn serve(&mut self, process: &Arc<dyn Running>) {
        // There was none before.
        let _ = self.shared.process.set(Arc::downgrade(process));
        if let Some(peer) = self.first.take() {
            // Without a thread its output is shown all the same.
            let _ = self.shared.attend_to(peer);
        }
    }

    /// Lets nobody attach any more. The container's lock is held.
    pub(crate) fn close(&self) {
        let Some(folder) = &self.folder else { return };
        self.shared.is_closed.store(true, Ordering::SeqCst);
        // Nobody listens where this fails.
        let _ = local_socket::connect(folder, SOCKET);
        // One that stays is found to lead nowhere.
        let _ = std::fs::remove_file(folder.join(SOCKET));
    }

    /// Tells all who are attached how the container has ended, and why if there is something to say.
    pub(crate) fn end(&self, code: i32, message: Option<&str>) {
        self.shared.show(Kind::End, &[&code.to_le_bytes(), message.unwrap_or_default().as_bytes()].concat());
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
            if self.attend_to(peer).is_err() {
                return;
            }
        }
    }

    /// Takes what `peer` types, on a thread that ends when the other end does.
    fn attend_to(self: &Arc<Self>, peer: Arc<Peer>) -> io::Result<()> {
        let shared = self.clone();
        let begun = std::thread::Builder::new().spawn(move || {
            // One that says what makes no sense is let go as one that leaves.
            let _ = shared.listen_to(&peer);
            shared.let_go(&peer);
        });
        begun.map(drop)
    }

    fn listen_to(&self, peer: &Peer) -> io::Result<()> {
        while let Some((kind, bytes)) = peer.receive()? {
            match (kind, size_of(&bytes)) {
                // Without a reader the container takes no input.
                (Kind::Input, _) => drop(self.typed.send(bytes)),
                (Kind::Size, Some(size)) => {
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
