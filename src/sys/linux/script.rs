//! What a new process does between its clone and its exec, written down beforehand: a list of steps with all their texts.
//!
//! The process runs in a copy of a memory in which other threads may have held locks, so that it must neither allocate nor
//! lock anything. Whatever it needs is therefore part of a [`Script`], and a step that fails is told to the parent by its
//! number: the parent has the words for it.

use std::cell::Cell;
use std::ffi::{CStr, CString, c_char};
use std::os::fd::RawFd;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;

/// A path below the container's root, relative to it, resolved there: symbolic links lead nowhere else, and magic links
/// (`/proc/self/fd/N`) are refused.
#[derive(Clone, Debug)]
pub struct Target {
    /// The path without a leading `/`; `.` is the root.
    pub path: CString,
    /// What is made where nothing is.
    pub make: Make,
}

/// What is made at a [`Target`] where nothing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    /// A directory, and those above it.
    Directory,
    /// The same, where a symbolic link that is there already is an error (`ENOTDIR`) as anything but a directory is.
    PlainDirectory,
    /// What the source of a bind is: a directory or a file.
    AsSource,
    /// An empty file, and directories above it.
    File,
    /// Nothing: it is an error.
    Nothing,
    /// Nothing: the step is passed over.
    Skip,
}

/// Attributes of a mount that is there: mount_setattr(2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MountAttributes {
    /// `MOUNT_ATTR_*` that are set.
    pub set: u64,
    /// `MOUNT_ATTR_*` that are cleared.
    pub clear: u64,
    /// `MS_SHARED`, `MS_SLAVE`, `MS_PRIVATE` or `MS_UNBINDABLE`; 0 leaves it.
    pub propagation: u64,
    /// Whether mounts below change, too.
    pub recursive: bool,
    /// A user namespace whose ids the mount shows (`MOUNT_ATTR_IDMAP`).
    pub id_map: Option<RawFd>,
}

impl MountAttributes {
    /// Whether there is nothing to change.
    pub fn is_empty(&self) -> bool {
        self.set == 0 && self.clear == 0 && self.propagation == 0 && self.id_map.is_none()
    }
}

/// What a bind mount shows.
#[derive(Clone, Debug)]
pub enum BindSource {
    /// A path of the host.
    Path(CString),
    /// A mount that has no place yet.
    Detached(RawFd),
    /// The mount that came with the parent's last word.
    Received,
}

/// A program to run, with all that execve(2) takes.
#[derive(Debug)]
pub struct Program {
    /// The files that are tried, in this order.
    pub candidates: Vec<CString>,
    /// Device and inode of the binary that this process is, which no container may run.
    pub(super) own: Option<(u64, u64)>,
    /// Whether the kernel can run a file by its descriptor and name the process after the file: Linux 6.14.
    pub(super) by_descriptor: bool,
    arguments: Strings,
    environment: Strings,
}

impl Program {
    /// A program that is looked for at these paths.
    pub fn new(candidates: Vec<CString>, arguments: Vec<CString>, environment: Vec<CString>) -> Program {
        Program {
            candidates,
            own: own_binary(),
            by_descriptor: super::process::is_kernel_at_least(6, 14),
            arguments: Strings::new(arguments),
            environment: Strings::new(environment),
        }
    }

    pub(super) fn argv(&self) -> *const *const c_char {
        self.arguments.pointers.as_ptr().cast()
    }

    pub(super) fn envp(&self) -> *const *const c_char {
        self.environment.pointers.as_ptr().cast()
    }

    /// Adds a variable to the environment, in the place of one that was added so before. It has to outlive the program's start.
    pub(super) fn add_variable(&self, variable: *const c_char) {
        let spare = self.environment.pointers.len() - 2;
        self.environment.pointers[spare].set(variable);
    }
}

fn own_binary() -> Option<(u64, u64)> {
    static OWN: OnceLock<Option<(u64, u64)>> = OnceLock::new();
    *OWN.get_or_init(|| std::fs::metadata("/proc/self/exe").ok().map(|own| (own.dev(), own.ino())))
}

/// A list of texts as C takes them: pointers, a null that may become a pointer, and a null at the end.
#[derive(Debug)]
struct Strings {
    pointers: Vec<Cell<*const c_char>>,
    _texts: Vec<CString>,
}

impl Strings {
    fn new(texts: Vec<CString>) -> Strings {
        let pointers = texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null(); 2]);
        Strings { pointers: pointers.map(Cell::new).collect(), _texts: texts }
    }
}

/// One step. Those that fail end the process; the parent is told which and why.
#[derive(Debug)]
#[allow(missing_docs, reason = "the fields are the arguments of the system call that is named")]
pub enum Step {
    /// Ends with its parent from now on (`PR_SET_PDEATHSIG`); at once where the parent is gone.
    DieWithParent,
    /// Tells the parent that it has come here, and waits for its word.
    Sync(u32),
    /// Waits for the parent's word, which may be there already.
    Hear,
    /// Becomes root of its user namespace, with no further groups unless they are kept.
    BecomeRoot { keeps_groups: bool },
    /// setns(2).
    Join { namespace: RawFd, kind: u64 },
    /// unshare(2).
    Unshare(u64),
    /// setsid(2).
    NewSession,
    /// The session keyring of this name, which is made where it is not there yet, if the kernel has keyrings: keyctl(2)
    /// `KEYCTL_JOIN_SESSION_KEYRING`. Other processes of its user find it by the name.
    JoinKeyring(CString),
    /// Writes a text to a file of the host.
    Write { path: CString, text: Vec<u8> },
    /// Makes a file of the host's tree with this content and exactly this mode.
    MakeFile { path: CString, text: Vec<u8>, mode: u32 },
    /// mount(2) on a path of the host.
    Mount { source: Option<CString>, target: CString, kind: Option<CString>, flags: u64, data: Option<CString> },
    /// Puts a mount that has no place yet on a directory of the host's tree.
    Attach { mount: RawFd, target: CString },
    /// The directory at this path of the host is the root that all targets lie below.
    OpenRoot(CString),
    /// mount(2) on a target. With `copy_up` the new file system gets what the target held, with `keep_mode` its root the mode of
    /// a target that was there.
    MountAt {
        source: Option<CString>,
        target: Target,
        kind: CString,
        flags: u64,
        data: Option<CString>,
        copy_up: bool,
        keep_mode: bool,
    },
    /// Shows a file or directory at a target, as a mount of its own. It gets `attributes` before and `spread` after it is attached:
    /// what it is attached to takes part in how changes spread.
    Bind { source: BindSource, target: Target, recursive: bool, attributes: MountAttributes, spread: MountAttributes },
    /// Changes the mount at a target.
    SetMount { target: Target, attributes: MountAttributes },
    /// A target that can be read and not written to: a mount of itself.
    ReadOnly(Target),
    /// A target that shows nothing: an empty directory, a tmpfs with these options, or file.
    Mask { target: Target, options: CString },
    /// Gives a target this label of SELinux.
    Label { target: Target, label: CString },
    /// A device node or a fifo; what is there stays if it is the same device.
    MakeNode { target: CString, mode: u32, device: u64, owner: (u32, u32) },
    /// A symbolic link.
    MakeLink { target: CString, link: CString },
    /// A directory with those above it.
    MakeDirectory { target: CString, mode: u32 },
    /// Runs a hook with what the parent said last as its input, perhaps with the home that was found.
    Hook { program: Program, timeout: Option<u32>, has_home: bool },
    /// Opens a terminal in the root's `/dev/pts`, sends the parent its master, and makes it the streams and the controlling
    /// terminal; with `console` it is shown at `/dev/console`, and with `plain` it ends lines as they were written.
    Terminal { rows: u16, columns: u16, owner: u32, console: bool, plain: bool },
    /// These descriptors become 0, 1 and 2.
    Streams([RawFd; 3]),
    /// The root becomes the process's root, and nothing of the host's tree stays.
    PivotRoot { read_only: bool, propagation: u64 },
    /// The root becomes the process's root, over the host's tree: `MS_MOVE`.
    MoveRoot { read_only: bool, propagation: u64 },
    /// Unmounts a path of the host's, with all that is mounted below.
    Unmount(CString),
    /// chroot(2) into the root, where the tree of mounts is another's.
    ChangeRoot,
    /// The root becomes the working directory, and the process keeps the host's tree.
    WorkInRoot,
    /// sethostname(2).
    HostName(CString),
    /// setdomainname(2).
    DomainName(CString),
    /// Brings the loopback interface up.
    LoopbackUp,
    /// setrlimit(2); where the hard limit may not be raised, what may be set.
    Limit { resource: u32, soft: u64, hard: u64 },
    /// umask(2).
    Umask(u32),
    /// personality(2).
    Personality(u64),
    /// ioprio_set(2).
    IoPriority(u32),
    /// sched_setattr(2), its structure.
    Scheduler([u8; 56]),
    /// Capabilities that can never be gained: all but these are dropped from the bounding set.
    Bounding(u64),
    /// setgroups(2), setresgid(2), setresuid(2), keeping capabilities. Where groups may not be chosen, `groups` of none but `gid`
    /// are no error; without `groups` those stay that there are.
    Identity { uid: u32, gid: u32, groups: Option<Vec<u32>> },
    /// capset(2), and the ambient set.
    Capabilities { effective: u64, permitted: u64, inheritable: u64, ambient: u64 },
    /// `PR_SET_NO_NEW_PRIVS`.
    NoNewPrivileges,
    /// Loads a filter; `notify` sends its listener to the parent, and keeps others in the container from looking into the process,
    /// which may wait with no other rights than theirs.
    Filter { program: Vec<super::seccomp::SockFilter>, flags: u32, notify: bool },
    /// chdir(2), within the root.
    WorkingDirectory { path: CString, must: bool },
    /// Descriptors from this one on are closed when the program starts.
    CloseFrom(u32),
    /// Looks for the home of this user, which the program's environment gets as `HOME`.
    FindHome(u32),
    /// Looks for the program of the last step, which runs what was found last.
    FindProgram,
    /// Tells the parent that all is prepared, waits for its word (and ends where the parent is gone instead), closes the way to
    /// it, and waits until somebody connects to `socket`; from now on whoever that is hears of failures. Meanwhile it holds
    /// none of the descriptors from `first` on open, but for `file` and a program that was found: nobody who reads a pipe of the caller's waits for it.
    WaitForStart { socket: RawFd, first: u32, file: Option<RawFd> },
    /// Stays as the first process and runs what follows in a child.
    Init,
    /// Runs the program. Nothing follows it.
    Execute(Program),
    /// Runs what a descriptor is open on, with the arguments and the environment of `program`. Nothing follows it.
    ExecuteOpen { file: RawFd, program: Program },
}

/// Steps, each with what it is called where it fails.
#[derive(Debug, Default)]
pub struct Script {
    steps: Vec<Step>,
    words: Vec<String>,
    /// Numbers of steps that may fail.
    optional: Vec<usize>,
}

impl Script {
    /// Adds a step; `words` says what it attempts, on what.
    pub fn push(&mut self, step: Step, words: impl Into<String>) {
        self.steps.push(step);
        self.words.push(words.into());
    }

    /// Adds all steps of another script.
    pub fn append(&mut self, other: Script) {
        self.optional.extend(other.optional.iter().map(|step| step + self.steps.len()));
        self.steps.extend(other.steps);
        self.words.extend(other.words);
    }

    /// Adds a step that is passed over where it fails.
    pub fn push_optional(&mut self, step: Step) {
        self.optional.push(self.steps.len());
        self.push(step, "");
    }

    pub(super) fn is_optional(&self, step: usize) -> bool {
        self.optional.contains(&step)
    }

    /// What the step of this number attempts.
    pub fn words(&self, step: u32) -> &str {
        self.words.get(step as usize).map_or("start a process", String::as_str)
    }

    /// The words of all steps, for whoever hears of failures later than the parent.
    pub fn into_words(self) -> Vec<String> {
        self.words
    }

    /// The steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

// SAFETY: the pointers of a `Program` lead to texts that it owns and never changes.
#[allow(unsafe_code)]
unsafe impl Send for Strings {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl Sync for Strings {}

/// Whether a text can be part of a script: C texts hold no NUL.
pub fn c_string(text: impl Into<Vec<u8>>) -> Result<CString, std::io::Error> {
    CString::new(text)
        .map_err(|_| std::io::Error::new(std::io::ErrorKind::InvalidInput, "a text with a NUL byte in it"))
}

pub(super) fn or_null(text: &Option<CString>) -> *const c_char {
    text.as_deref().map_or(std::ptr::null(), CStr::as_ptr)
}
