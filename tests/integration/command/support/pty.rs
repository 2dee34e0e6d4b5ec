//! A terminal with the program on it: keys in, what is shown out, and a time limit on every wait.

use std::ffi::CStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

/// How long anything may take. Only a failure takes that long.
const LIMIT: Duration = Duration::from_secs(120);

/// A terminal, and the program that was started on it as the leader of a session of its own.
pub struct Pty {
    master: Option<File>,
    terminal: File,
    child: Child,
    seen: Vec<u8>,
}

impl Pty {
    /// Starts `command` on a new terminal of this size.
    pub fn spawn(mut command: Command, rows: u16, columns: u16) -> Pty {
        let (master, terminal) = open();
        set_size(&terminal, rows, columns);
        let stream = || Stdio::from(terminal.try_clone().unwrap());
        command.stdin(stream()).stdout(stream()).stderr(stream());
        own_terminal(&mut command);
        let child = command.spawn().unwrap();
        Pty { master: Some(master), terminal, child, seen: Vec::new() }
    }

    /// The host's number of the program.
    #[cfg(target_os = "linux")]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn kill(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub fn keys(&mut self, keys: &str) {
        self.master.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    pub fn resize(&self, rows: u16, columns: u16) {
        set_size(&self.terminal, rows, columns);
    }

    /// Waits until `text` is shown, and returns all that was shown up to it since the last time.
    #[track_caller]
    pub fn shows(&mut self, text: &str) -> String {
        let begun = Instant::now();
        loop {
            if let Some(at) = self.seen.windows(text.len()).position(|window| window == text.as_bytes()) {
                let shown = self.seen.drain(..at + text.len()).collect();
                return String::from_utf8(shown).unwrap();
            }
            let is_read = self.read_for(Duration::from_millis(100));
            let seen = self.seen.escape_ascii();
            assert!(begun.elapsed() < LIMIT, "{text:?} is not shown: {seen}");
            assert!(is_read || self.child.try_wait().unwrap().is_none(), "it ended without {text:?}: {seen}");
        }
    }

    /// Reads what comes within some time; false where nothing does.
    fn read_for(&mut self, time: Duration) -> bool {
        let master = self.master.as_mut().unwrap();
        let mut fds = [PollFd::new(&*master, PollFlags::IN)];
        let ready = poll(&mut fds, Some(&Timespec::try_from(time).unwrap())).unwrap_or(0);
        let mut buf = [0; 4096];
        let len = if ready > 0 { master.read(&mut buf).unwrap_or(0) } else { 0 };
        self.seen.extend_from_slice(&buf[..len]);
        len > 0
    }

    /// Waits for the end of the program: its exit code, or 1000 and the signal it died of, with what was shown since the last
    /// time.
    #[track_caller]
    pub fn ends(&mut self) -> (i32, String) {
        let status = wait(|| {
            // A program may wait for what it writes to be read.
            if self.master.is_some() {
                self.read_for(Duration::from_millis(20));
            }
            self.child.try_wait().unwrap()
        });
        while self.master.is_some() && self.read_for(Duration::from_millis(20)) {}
        let code = status.code().unwrap_or_else(|| 1000 + status.signal().unwrap());
        (code, String::from_utf8_lossy(&std::mem::take(&mut self.seen)).into_owned())
    }

    /// The terminal's window is closed.
    pub fn vanish(&mut self) {
        self.master = None;
    }

    /// Whether keys are edited and echoed by the host's terminal.
    pub fn is_cooked(&self) -> bool {
        use rustix::termios::{InputModes, LocalModes, OutputModes};
        let Termios { input_modes, output_modes, local_modes, .. } = tcgetattr(&self.terminal).unwrap();
        let local = LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN;
        let cooked = [
            local_modes.contains(local),
            output_modes.contains(OutputModes::OPOST),
            input_modes.contains(InputModes::ICRNL),
        ];
        assert!(cooked == [true; 3] || cooked == [false; 3], "something in between: {cooked:?}");
        cooked[0]
    }

    /// Waits until the terminal is as it was found.
    #[track_caller]
    pub fn becomes_cooked(&self) {
        wait(|| self.is_cooked().then_some(()));
    }

    /// Waits until it is not.
    #[track_caller]
    pub fn becomes_raw(&self) {
        wait(|| (!self.is_cooked()).then_some(()));
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        // A test that has failed leaves nothing running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks again and again until there is something.
#[track_caller]
pub fn wait<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < LIMIT, "it takes too long");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn set_size(terminal: &File, rows: u16, columns: u16) {
    tcsetwinsize(terminal, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
}

/// Both ends of a new terminal.
#[allow(unsafe_code)]
fn open() -> (File, File) {
    static NAME: Mutex<()> = Mutex::new(());
    let _alone = NAME.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: the descriptor is new and belongs to the file; the name is static memory of the C library, which nobody else
    // asks for while the lock is held, and is copied.
    let (master, name) = unsafe {
        let master = libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY);
        assert!(master >= 0, "{}", io::Error::last_os_error());
        libc::fcntl(master, libc::F_SETFD, libc::FD_CLOEXEC);
        let master = File::from_raw_fd(master);
        assert_eq!((libc::grantpt(master.as_raw_fd()), libc::unlockpt(master.as_raw_fd())), (0, 0));
        let name = CStr::from_ptr(libc::ptsname(master.as_raw_fd())).to_owned();
        (master, name)
    };
    let path = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
    let terminal = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY).open(path).unwrap();
    (master, terminal)
}

/// Has the program begin a session, whose terminal is its standard input.
#[allow(unsafe_code)]
fn own_terminal(command: &mut Command) {
    // SAFETY: both calls are async-signal-safe and concern the new process alone.
    unsafe {
        command.pre_exec(|| {
            if libc::setsid() < 0 || libc::ioctl(0, libc::TIOCSCTTY as _, 0) < 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
}

/// The processes that `pid` has started and that still run.
#[cfg(target_os = "linux")]
pub fn children(pid: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// Whether a process runs, and is no zombie.
#[cfg(target_os = "linux")]
pub fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}
