//! The terminal, on Unix.
//!
//! Whoever makes a terminal raw may die without warning. So [`RawMode::prepare`] forks a watcher, which holds nothing but
//! the terminal and one end of a pipe: a byte tells it that all is well; an end of the pipe without one that this process
//! is gone. The watcher has a session of its own, so that a signal to this process's group leaves it alone. It puts the
//! terminal back only if nobody else has changed it meanwhile, such as a shell that tidies up itself.

use std::io::{self, PipeWriter};
use std::os::fd::{AsRawFd, IntoRawFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::process::{Pid, WaitOptions, waitpid};

use super::terminal::Size;

const TERMINAL: RawFd = libc::STDIN_FILENO;

/// The modes of the terminal outside of raw mode and in it, for handlers of signals. What they once pointed at is never freed.
static OUTSIDE: AtomicPtr<libc::termios> = AtomicPtr::new(std::ptr::null_mut());
static RAW: AtomicPtr<libc::termios> = AtomicPtr::new(std::ptr::null_mut());
static IS_RAW: AtomicBool = AtomicBool::new(false);
/// The pipe that tells of resizes.
static RESIZES: AtomicI32 = AtomicI32::new(-1);

pub(super) fn is_raw() -> bool {
    IS_RAW.load(Ordering::SeqCst)
}

pub(super) fn size() -> Option<Size> {
    let of = |fd| rustix::termios::tcgetwinsize(fd).ok();
    let found =
        of(rustix::stdio::stdout()).or_else(|| of(rustix::stdio::stdin())).or_else(|| of(rustix::stdio::stderr()));
    found.map(|size| Size { rows: size.ws_row, columns: size.ws_col })
}

pub(super) fn on_resize(mut handler: Box<dyn FnMut() + Send>) {
    let Ok((reader, writer)) = io::pipe() else { return };
    let writer = writer.into_raw_fd();
    // A pipe that is full of bytes that nobody has read tells as much as one byte: the handler never waits.
    set_nonblocking(writer);
    RESIZES.store(writer, Ordering::SeqCst);
    install(libc::SIGWINCH, note_resize);
    install(libc::SIGCONT, go_on);
    std::thread::spawn(move || {
        handler();
        let mut bytes = [0; 64];
        while rustix::io::retry_on_intr(|| rustix::io::read(&reader, &mut bytes)).is_ok_and(|len| len > 0) {
            handler();
        }
    });
}

pub(super) struct RawMode {
    watcher: Option<Watcher>,
}

impl RawMode {
    pub(super) fn prepare() -> io::Result<RawMode> {
        let outside = modes()?;
        let raw = raw_of(outside);
        OUTSIDE.store(Box::into_raw(Box::new(outside)), Ordering::SeqCst);
        RAW.store(Box::into_raw(Box::new(raw)), Ordering::SeqCst);
        // Without a watcher raw mode is left by all but crashes and kills: better than not to run at all.
        Ok(RawMode { watcher: Watcher::start(outside, raw).ok() })
    }

    pub(super) fn enter(&self) -> io::Result<()> {
        install(libc::SIGTSTP, stop);
        install(libc::SIGCONT, go_on);
        IS_RAW.store(true, Ordering::SeqCst);
        let entered = set_from(&RAW);
        if entered.is_err() {
            IS_RAW.store(false, Ordering::SeqCst);
        }
        entered
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        if IS_RAW.swap(false, Ordering::SeqCst) {
            // A terminal that is gone needs nothing.
            let _ = undisturbed(|| set_from(&OUTSIDE));
        }
        if let Some(watcher) = self.watcher.take() {
            watcher.dismiss();
        }
    }
}

#[allow(unsafe_code)]
fn modes() -> io::Result<libc::termios> {
    // SAFETY: any bytes are a termios, and tcgetattr(3) fills it where it succeeds.
    unsafe {
        let mut modes = std::mem::zeroed();
        check(libc::tcgetattr(TERMINAL, &raw mut modes))?;
        Ok(modes)
    }
}

#[allow(unsafe_code)]
fn raw_of(mut modes: libc::termios) -> libc::termios {
    // SAFETY: cfmakeraw(3) changes the termios it is given.
    unsafe { libc::cfmakeraw(&raw mut modes) };
    modes
}

/// Sets the modes that `of` points at. Async-signal-safe.
#[allow(unsafe_code)]
fn set_from(of: &AtomicPtr<libc::termios>) -> io::Result<()> {
    let modes = of.load(Ordering::SeqCst);
    if modes.is_null() {
        return Ok(());
    }
    loop {
        // SAFETY: the pointer was stored by `prepare`, and what it points at is neither changed nor freed.
        match check(unsafe { libc::tcsetattr(TERMINAL, libc::TCSANOW, modes) }) {
            // In the background: this process was stopped before it could, and tries again in the foreground.
            Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
            done => return done.map(|_| ()),
        }
    }
}

/// Calls `call` with all signals blocked. A process in the background that blocks SIGTTOU may set its terminal, and is not
/// stopped for it.
#[allow(unsafe_code)]
fn undisturbed<T>(call: impl FnOnce() -> T) -> T {
    // SAFETY: both sets live on this stack, are filled before they are read, and the mask of this thread is put back.
    unsafe {
        let (mut all, mut before): (libc::sigset_t, libc::sigset_t) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        let value = call();
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
        value
    }
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[allow(unsafe_code)]
fn set_nonblocking(fd: RawFd) {
    // SAFETY: fcntl(2) with these commands takes and returns flags of the descriptor, which is ours.
    unsafe { libc::fcntl(fd, libc::F_SETFL, libc::fcntl(fd, libc::F_GETFL) | libc::O_NONBLOCK) };
}

// Handlers of signals. They keep errno, and call nothing that is not async-signal-safe.

#[allow(unsafe_code)]
fn install(signal: libc::c_int, handler: extern "C" fn(libc::c_int)) {
    // SAFETY: the action is zeroed and then filled as sigaction(2) asks; the handlers here are async-signal-safe.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(signal, &action, std::ptr::null_mut());
    }
}

extern "C" fn note_resize(_: libc::c_int) {
    keeping_errno(tell_resize);
}

/// SIGCONT: the terminal becomes raw again, and may have another size.
extern "C" fn go_on(_: libc::c_int) {
    keeping_errno(|| {
        if is_raw() {
            // There is nobody to tell that it cannot be.
            let _ = set_from(&RAW);
        }
        tell_resize();
    });
}

/// SIGTSTP: the terminal is as it was while this process is stopped.
#[allow(unsafe_code)]
extern "C" fn stop(signal: libc::c_int) {
    keeping_errno(|| {
        if is_raw() {
            let _ = undisturbed(|| set_from(&OUTSIDE));
        }
        // SAFETY: these calls are async-signal-safe; the set lives on this stack and is filled before it is read. The
        // signal is raised with its default action, not blocked, and so stops this process until SIGCONT.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, signal);
            libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
            libc::kill(libc::getpid(), signal);
        }
        install(signal, stop);
    });
}

#[allow(unsafe_code)]
fn tell_resize() {
    let byte = 0u8;
    let pipe = RESIZES.load(Ordering::SeqCst);
    // SAFETY: write(2) is async-signal-safe, the byte lives on this stack, and the descriptor is never closed.
    unsafe { libc::write(pipe, (&raw const byte).cast(), 1) };
}

#[allow(unsafe_code)]
fn keeping_errno(call: impl FnOnce()) {
    // SAFETY: the location is that of this thread's errno.
    unsafe {
        let errno = *super::signals::errno_location();
        call();
        *super::signals::errno_location() = errno;
    }
}

/// A process that puts the terminal back when this one is gone.
struct Watcher {
    pid: Pid,
    pipe: PipeWriter,
}

/// Held while a watcher is forked, so that none has the pipe of another.
static FORKING: Mutex<()> = Mutex::new(());

impl Watcher {
    #[allow(unsafe_code)]
    fn start(outside: libc::termios, raw: libc::termios) -> io::Result<Watcher> {
        let _alone = FORKING.lock().unwrap_or_else(PoisonError::into_inner);
        let (reader, writer) = io::pipe()?;
        // SAFETY: sysconf(3) takes a number.
        let descriptors = unsafe { libc::sysconf(libc::_SC_OPEN_MAX) }.clamp(256, 1 << 16) as RawFd;
        // SAFETY: the child is a copy of a process with many threads, and has one: it calls nothing but `watch`, which is
        // async-signal-safe and does not return.
        let fork = || unsafe {
            match libc::fork() {
                0 => watch(reader.as_raw_fd(), descriptors, &outside, &raw),
                pid => check(pid),
            }
        };
        // The child never unblocks them: it lives on where all processes of this terminal are told to end.
        let pid = undisturbed(fork)?;
        let pid = Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Watcher { pid, pipe: writer })
    }

    /// Sends it home.
    fn dismiss(self) {
        // Where it is gone already, nothing is left to do.
        let _ = rustix::io::write(&self.pipe, &[1]);
        drop(self.pipe);
        let _ = rustix::io::retry_on_intr(|| waitpid(Some(self.pid), WaitOptions::empty()));
    }
}

/// What the watcher does, in the memory of a process whose other threads stand still for ever: no allocation, no lock, no
/// panic.
///
/// # Safety
///
/// To be called in a process that was just forked, with all signals blocked.
#[allow(unsafe_code)]
unsafe fn watch(pipe: RawFd, descriptors: RawFd, outside: &libc::termios, raw: &libc::termios) -> ! {
    // SAFETY: all of these calls are async-signal-safe (signal-safety(7)), take
    // numbers, or pointers to what lives in this process until it ends.
    unsafe {
        libc::setsid();
        // It must not hold what this process holds: locks, pipes, standard output.
        close_others(pipe, descriptors);
        let mut byte = 0u8;
        let told = loop {
            let len = libc::read(pipe, (&raw mut byte).cast(), 1);
            if len >= 0 || *super::signals::errno_location() != libc::EINTR {
                break len > 0;
            }
        };
        let mut now: libc::termios = std::mem::zeroed();
        if !told && libc::tcgetattr(TERMINAL, &raw mut now) == 0 && are_same(&now, raw) {
            libc::tcsetattr(TERMINAL, libc::TCSANOW, outside);
        }
        libc::_exit(0)
    }
}

fn are_same(one: &libc::termios, other: &libc::termios) -> bool {
    one.c_iflag == other.c_iflag
        && one.c_oflag == other.c_oflag
        && one.c_lflag == other.c_lflag
        && one.c_cc[libc::VMIN] == other.c_cc[libc::VMIN]
        && one.c_cc[libc::VTIME] == other.c_cc[libc::VTIME]
}

/// Closes all descriptors but the terminal and `kept`.
///
/// # Safety
///
/// Whoever uses them must be gone.
#[allow(unsafe_code)]
unsafe fn close_others(kept: RawFd, descriptors: RawFd) {
    // SAFETY: close(2) takes a number, and may fail.
    unsafe {
        for fd in (1..descriptors).filter(|&fd| fd != kept) {
            libc::close(fd);
        }
    }
}
