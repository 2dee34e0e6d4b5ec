//! `/proc`: the processes of a container, and the few other files of it that programs read (proc(5)).

use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use super::attr::{Attr, Device, FileKind, Timespec, new_dev};
use super::errno::{Errno, Result};
use super::fixed::Fixed;
use super::inode::{Cookie, DirEntry, Inode, InodeRef};
use super::path::Name;
use super::rules::not_a_file;

/// What `/proc` tells beside its processes. The caller decides how much of the host shows.
#[derive(Clone, Debug)]
pub struct ProcInfo {
    /// The host name of the container.
    pub hostname: String,
    /// The release that `uname -r` would tell.
    pub release: String,
    /// How many processors there are.
    pub processors: usize,
    /// Bytes of memory that there are.
    pub memory_total: u64,
    /// Bytes of memory that are free.
    pub memory_free: u64,
    /// Mounts as `(device, path, type, options)`.
    pub mounts: Vec<(String, String, String, String)>,
    /// When the container started.
    pub started: Instant,
}

/// What `/proc` tells of one process.
#[derive(Clone, Debug)]
pub struct ProcEntry {
    /// Numbers: the parent's, its group's, its session's.
    pub parent: u32,
    /// See `parent`.
    pub group: u32,
    /// See `parent`.
    pub session: u32,
    /// The number of its session's terminal, as a device, and the group in the foreground there; none where it has none.
    pub terminal: Option<(Device, u32)>,
    /// `R`, `S`, `T` or `Z`.
    pub state: char,
    /// The arguments, the name of the program first.
    pub arguments: Vec<Vec<u8>>,
    /// The environment, each `NAME=value`.
    pub environment: Vec<Vec<u8>>,
    /// The path of the program.
    pub executable: Vec<u8>,
    /// The user and the group.
    pub uid: u32,
    /// See `uid`.
    pub gid: u32,
    /// CPU time.
    pub cpu: Duration,
    /// Bytes of memory.
    pub memory: u64,
    /// When it was made.
    pub started: Instant,
}

/// The processes that there are: what runs them tells.
pub trait Processes: Send + Sync {
    /// All numbers, in order.
    fn numbers(&self) -> Vec<u32>;

    /// The number of the process whose thread calls.
    fn current(&self) -> Option<u32>;

    /// What is known of a process.
    fn entry(&self, pid: u32) -> Option<ProcEntry>;

    /// The numbers of the pseudo-terminals, in order.
    fn terminals(&self) -> Vec<u32> {
        Vec::new()
    }
}

/// Where a `/proc` finds its processes. It is mounted before there are any.
#[derive(Default)]
pub struct ProcessSource(OnceLock<Weak<dyn Processes>>);

impl ProcessSource {
    /// Shows these from now on. The first call counts.
    pub fn set(&self, processes: Weak<dyn Processes>) {
        let _ = self.0.set(processes);
    }

    pub(super) fn get(&self) -> Option<Arc<dyn Processes>> {
        self.0.get()?.upgrade()
    }
}

/// A directory for `/proc`. Files tell a size of 0, as on Linux, and are made anew for each read.
pub fn procfs(info: ProcInfo, processes: Arc<ProcessSource>) -> InodeRef {
    let info = Arc::new(info);
    let fixed = Fixed::new();
    let file = |content: fn(&ProcInfo) -> Vec<u8>| {
        let info = info.clone();
        fixed.file(move || content(&info))
    };
    let kernel = fixed.directory(vec![
        ("hostname", file(|info| format!("{}\n", info.hostname).into())),
        ("osrelease", file(|info| format!("{}\n", info.release).into())),
        ("ostype", file(|_| b"Linux\n".to_vec())),
        ("pid_max", file(|_| b"4194304\n".to_vec())),
    ]);
    let others = vec![
        ("cpuinfo", file(cpuinfo)),
        ("filesystems", file(|_| b"nodev\toverlay\nnodev\tproc\nnodev\ttmpfs\n".to_vec())),
        ("loadavg", file(|_| b"0.00 0.00 0.00 1/1 1\n".to_vec())),
        ("meminfo", file(meminfo)),
        ("mounts", fixed.symlink("self/mounts")),
        ("stat", file(stat)),
        ("sys", fixed.directory(vec![("kernel", kernel)])),
        ("uptime", file(uptime)),
        ("version", file(|info| format!("Linux version {} (cowbox)\n", info.release).into())),
    ];
    let fs = Arc::new(ProcFs { dev: new_dev(), made: Timespec::stamp(), info, processes, others });
    Arc::new(ProcInode { fs, node: Node::Root })
}

/// One `/proc`.
struct ProcFs {
    dev: u64,
    made: Timespec,
    info: Arc<ProcInfo>,
    processes: Arc<ProcessSource>,
    others: Vec<(&'static str, InodeRef)>,
}

/// A file below `/proc/PID`.
type Content = fn(&ProcInfo, u32, &ProcEntry) -> Vec<u8>;

/// What there is of each process, `fd` beside it.
const FILES: [(&str, FileKind, u16, Content); 8] = [
    ("cmdline", FileKind::Regular, 0o444, |_, _, entry| with_ends(&entry.arguments)),
    ("comm", FileKind::Regular, 0o444, |_, _, entry| [command(entry), b"\n".to_vec()].concat()),
    ("environ", FileKind::Regular, 0o400, |_, _, entry| with_ends(&entry.environment)),
    ("exe", FileKind::Symlink, 0o777, |_, _, entry| entry.executable.clone()),
    ("mounts", FileKind::Regular, 0o444, |info, _, _| mounts(info)),
    ("root", FileKind::Symlink, 0o777, |_, _, _| b"/".to_vec()),
    ("stat", FileKind::Regular, 0o444, process_stat),
    ("status", FileKind::Regular, 0o444, status),
];

#[derive(Clone, Copy)]
enum Node {
    Root,
    /// `self`.
    Current,
    Process(u32),
    /// One of [`FILES`], by its place there.
    File(u32, usize),
    Descriptors(u32),
    /// A descriptor, whether it is open or not: only its process knows.
    Descriptor(u32, u32),
}

struct ProcInode {
    fs: Arc<ProcFs>,
    node: Node,
}

/// Entries of the root that are made up: `self` and the processes come behind them.
impl ProcInode {
    fn entry(&self, pid: u32) -> Result<ProcEntry> {
        self.fs.processes.get().and_then(|processes| processes.entry(pid)).ok_or(Errno::NoEnt)
    }

    fn node(&self, node: Node) -> InodeRef {
        Arc::new(ProcInode { fs: self.fs.clone(), node })
    }

    fn ino(&self) -> u64 {
        // Small numbers for what is one, and room for the files and descriptors of each process.
        let of = |pid: u32| (u64::from(pid) + 1) << 32;
        match self.node {
            Node::Root => 1,
            Node::Current => 2,
            Node::Process(pid) => of(pid),
            Node::File(pid, at) => of(pid) + 1 + at as u64,
            Node::Descriptors(pid) => of(pid) + 99,
            Node::Descriptor(pid, fd) => of(pid) + 100 + u64::from(fd),
        }
    }

    /// The entries behind `from`, by name, number and kind. Processes are listed in the order of their numbers.
    fn list(&self, from: Cookie, sink: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>) -> Result<()> {
        /// Where processes begin among the cookies of the root.
        const PROCESSES: Cookie = 1 << 20;
        let mut emit = |name: &str, node: &dyn Inode, next| match Name::new(name.as_bytes()) {
            Ok(name) => {
                let ino = node.attr().map_or(0, |attr| attr.ino);
                sink(DirEntry { name, ino, kind: node.kind(), next })
            }
            Err(_) => ControlFlow::Continue(()),
        };
        match self.node {
            Node::Root => {
                let current = self.node(Node::Current);
                let made_up = self.fs.others.iter().map(|(name, inode)| (*name, inode)).chain([("self", &current)]);
                for (at, (name, inode)) in (1..).zip(made_up) {
                    if at > from && emit(name, &**inode, at).is_break() {
                        return Ok(());
                    }
                }
                for pid in self.fs.processes.get().map(|processes| processes.numbers()).unwrap_or_default() {
                    let next = PROCESSES + Cookie::from(pid);
                    if next > from && emit(&pid.to_string(), &*self.node(Node::Process(pid)), next).is_break() {
                        return Ok(());
                    }
                }
                Ok(())
            }
            Node::Process(pid) => {
                self.entry(pid)?;
                let files = FILES.iter().enumerate().map(|(at, (name, ..))| (*name, Node::File(pid, at)));
                for (at, (name, node)) in (1..).zip(files.chain([("fd", Node::Descriptors(pid))])) {
                    if at > from && emit(name, &*self.node(node), at).is_break() {
                        return Ok(());
                    }
                }
                Ok(())
            }
            // Which are open only the process itself knows.
            Node::Descriptors(_) => Ok(()),
            _ => Err(Errno::NotDir),
        }
    }

    fn content(&self) -> Result<Vec<u8>> {
        match self.node {
            Node::File(pid, at) => Ok(FILES[at].3(&self.fs.info, pid, &self.entry(pid)?)),
            _ => Err(not_a_file(self.kind())),
        }
    }
}

impl Inode for ProcInode {
    fn kind(&self) -> FileKind {
        match self.node {
            Node::Root | Node::Process(_) | Node::Descriptors(_) => FileKind::Directory,
            Node::Current | Node::Descriptor(..) => FileKind::Symlink,
            Node::File(_, at) => FILES[at].1,
        }
    }

    fn attr(&self) -> Result<Attr> {
        let (uid, gid) = match self.node {
            Node::Process(pid) | Node::File(pid, _) | Node::Descriptors(pid) | Node::Descriptor(pid, _) => {
                let entry = self.entry(pid)?;
                (entry.uid, entry.gid)
            }
            Node::Root | Node::Current => (0, 0),
        };
        let mode = match self.node {
            Node::Root | Node::Process(_) => 0o555,
            Node::Descriptors(_) => 0o500,
            Node::Current | Node::Descriptor(..) => 0o777,
            Node::File(_, at) => FILES[at].2,
        };
        Ok(Attr {
            dev: self.fs.dev,
            ino: self.ino(),
            kind: self.kind(),
            mode,
            nlink: if self.kind() == FileKind::Directory { 2 } else { 1 },
            uid,
            gid,
            rdev: Device::default(),
            size: 0,
            atime: self.fs.made,
            mtime: self.fs.made,
            ctime: self.fs.made,
        })
    }

    fn lookup(&self, name: Name<'_>) -> Result<InodeRef> {
        let number = || str::from_utf8(name.as_bytes()).ok()?.parse::<u32>().ok();
        match self.node {
            Node::Root if name.as_bytes() == b"self" => Ok(self.node(Node::Current)),
            Node::Root => {
                if let Some((_, inode)) = self.fs.others.iter().find(|(other, _)| other.as_bytes() == name.as_bytes()) {
                    return Ok(inode.clone());
                }
                let pid = number().ok_or(Errno::NoEnt)?;
                self.entry(pid).map(|_| self.node(Node::Process(pid)))
            }
            Node::Process(pid) if name.as_bytes() == b"fd" => Ok(self.node(Node::Descriptors(pid))),
            Node::Process(pid) => {
                let at =
                    FILES.iter().position(|(other, ..)| other.as_bytes() == name.as_bytes()).ok_or(Errno::NoEnt)?;
                self.entry(pid).map(|_| self.node(Node::File(pid, at)))
            }
            Node::Descriptors(pid) => {
                let fd = number().ok_or(Errno::NoEnt)?;
                Ok(self.node(Node::Descriptor(pid, fd)))
            }
            _ => Err(Errno::NotDir),
        }
    }

    fn read_dir(&self, from: Cookie, sink: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>) -> Result<()> {
        self.list(from, sink)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        let content = self.content()?;
        let rest = usize::try_from(offset).ok().and_then(|offset| content.get(offset..)).unwrap_or(&[]);
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn write_at(&self, _buf: &[u8], _offset: u64) -> Result<usize> {
        Err(if self.kind() == FileKind::Regular { Errno::RoFs } else { not_a_file(self.kind()) })
    }

    fn append(&self, buf: &[u8]) -> Result<(usize, u64)> {
        self.write_at(buf, 0).map(|written| (written, 0))
    }

    fn set_len(&self, _len: u64) -> Result<()> {
        self.write_at(&[], 0).map(drop)
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        match self.node {
            Node::Current => {
                let current = self.fs.processes.get().and_then(|processes| processes.current()).ok_or(Errno::NoEnt)?;
                Ok(current.to_string().into_bytes())
            }
            Node::File(_, at) if FILES[at].1 == FileKind::Symlink => self.content(),
            Node::Descriptor(_, fd) => Ok(format!("/dev/fd/{fd}").into_bytes()),
            _ => Err(Errno::Inval),
        }
    }

    /// Those of others lead nowhere.
    fn descriptor_link(&self) -> Option<u32> {
        let current = || self.fs.processes.get().and_then(|processes| processes.current());
        match self.node {
            Node::Descriptor(pid, fd) => Some(if current() == Some(pid) { fd } else { u32::MAX }),
            _ => None,
        }
    }

    fn set_xattr(&self, _name: &[u8], _value: &[u8]) -> Result<()> {
        Err(Errno::NotSup)
    }
}

/// All of `parts`, each with a zero behind it.
fn with_ends(parts: &[Vec<u8>]) -> Vec<u8> {
    parts.iter().flat_map(|part| part.iter().copied().chain([0])).collect()
}

/// The name of the program, at most 15 bytes of it (Linux `TASK_COMM_LEN`): that it was called by, as several programs can
/// be one file.
fn command(entry: &ProcEntry) -> Vec<u8> {
    let called = entry.arguments.first().filter(|name| !name.is_empty()).unwrap_or(&entry.executable);
    let name = called.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    name[..name.len().min(15)].to_vec()
}

fn mounts(info: &ProcInfo) -> Vec<u8> {
    let escaped =
        |text: &str| text.replace('\\', "\\134").replace(' ', "\\040").replace('\t', "\\011").replace('\n', "\\012");
    let line = |(device, path, kind, options): &(String, String, String, String)| {
        format!("{} {} {kind} {options} 0 0\n", escaped(device), escaped(path))
    };
    info.mounts.iter().map(line).collect::<String>().into()
}

/// Clock ticks a second, in which times are told (`_SC_CLK_TCK`).
const TICKS: u128 = 100;

fn process_stat(info: &ProcInfo, pid: u32, entry: &ProcEntry) -> Vec<u8> {
    let name = String::from_utf8_lossy(&command(entry)).into_owned();
    let ticks = |time: Duration| time.as_millis() * TICKS / 1000;
    let ProcEntry { parent, group, session, state, .. } = entry;
    // As Linux packs the numbers of a device.
    let device = |device: Device| device.minor & 0xff | device.major << 8 | (device.minor & !0xff) << 12;
    let (terminal, foreground) = entry.terminal.map_or((0, -1), |(of, group)| (device(of), i64::from(group)));
    // proc_pid_stat(5): fields 1 to 8, five others, user time (14), seven others, start (22), virtual and resident size.
    format!(
        "{pid} ({name}) {state} {parent} {group} {session} {terminal} {foreground}{} {}{} {} {} {}{}\n",
        " 0".repeat(5),
        ticks(entry.cpu),
        " 0".repeat(7),
        ticks(entry.started.saturating_duration_since(info.started)),
        entry.memory,
        entry.memory / 4096,
        " 0".repeat(28)
    )
    .into()
}

fn status(_: &ProcInfo, pid: u32, entry: &ProcEntry) -> Vec<u8> {
    let name = String::from_utf8_lossy(&command(entry)).into_owned();
    let state = match entry.state {
        'R' => "R (running)",
        'T' => "T (stopped)",
        'Z' => "Z (zombie)",
        _ => "S (sleeping)",
    };
    let ProcEntry { parent, uid, gid, memory, .. } = entry;
    format!(
        "Name:\t{name}\nState:\t{state}\nTgid:\t{pid}\nPid:\t{pid}\nPPid:\t{parent}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n\
         Gid:\t{gid}\t{gid}\t{gid}\t{gid}\nVmSize:\t{size:8} kB\nVmRSS:\t{size:8} kB\nThreads:\t1\n",
        size = memory >> 10
    )
    .into()
}

fn cpuinfo(info: &ProcInfo) -> Vec<u8> {
    let one = |number| format!("processor\t: {number}\nvendor_id\t: cowbox\nmodel name\t: WebAssembly\n\n");
    (0..info.processors).map(one).collect::<String>().into()
}

fn meminfo(info: &ProcInfo) -> Vec<u8> {
    let (total, free) = (info.memory_total >> 10, info.memory_free >> 10);
    let line = |name: &str, kib: u64| format!("{:<16}{kib:>8} kB\n", format!("{name}:"));
    let lines = [("MemTotal", total), ("MemFree", free), ("MemAvailable", free), ("Buffers", 0), ("Cached", 0)];
    let swap = [("SwapTotal", 0), ("SwapFree", 0)];
    lines.iter().chain(&swap).map(|(name, kib)| line(name, *kib)).collect::<String>().into()
}

fn stat(info: &ProcInfo) -> Vec<u8> {
    let zeros = " 0".repeat(10);
    let each = (0..info.processors).map(|number| format!("cpu{number}{zeros}\n")).collect::<String>();
    format!("cpu {zeros}\n{each}processes 1\nprocs_running 1\nprocs_blocked 0\n").into()
}

fn uptime(info: &ProcInfo) -> Vec<u8> {
    format!("{:.2} 0.00\n", info.started.elapsed().as_secs_f64()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::contract::{list, name};
    use crate::vfs::{Follow, GuestPath, Namespace, Scope};

    struct One;

    impl Processes for One {
        fn numbers(&self) -> Vec<u32> {
            vec![7]
        }

        fn current(&self) -> Option<u32> {
            Some(7)
        }

        fn entry(&self, pid: u32) -> Option<ProcEntry> {
            (pid == 7).then(|| ProcEntry {
                terminal: None,
                parent: 1,
                group: 7,
                session: 1,
                state: 'R',
                arguments: vec![b"tool".to_vec(), b"--flag".to_vec()],
                environment: vec![b"A=1".to_vec()],
                executable: b"/bin/tool.wasm".to_vec(),
                uid: 5,
                gid: 6,
                cpu: Duration::from_millis(120),
                memory: 8192,
                started: Instant::now(),
            })
        }
    }

    fn info() -> ProcInfo {
        ProcInfo {
            hostname: "box".to_owned(),
            release: "6.1".to_owned(),
            processors: 2,
            memory_total: 1 << 30,
            memory_free: 1 << 29,
            mounts: vec![("overlay".to_owned(), "/a b".to_owned(), "overlay".to_owned(), "rw".to_owned())],
            started: Instant::now(),
        }
    }

    fn space() -> (Namespace, Arc<dyn Processes>) {
        let (source, processes): (Arc<ProcessSource>, Arc<dyn Processes>) = (Arc::default(), Arc::new(One));
        let mut space = Namespace::new(crate::vfs::memfs(&crate::vfs::MemFsOptions::default()));
        space.mount(&GuestPath::new("/proc").unwrap(), procfs(info(), source.clone())).unwrap();
        source.set(Arc::downgrade(&processes));
        (space, processes)
    }

    fn read(space: &Namespace, path: &str) -> String {
        let inode = space.find(path.as_bytes()).unwrap();
        assert_eq!(inode.attr().unwrap().size, 0);
        let mut buf = vec![0; 4096];
        let len = inode.read_at(&mut buf, 0).unwrap();
        assert_eq!(inode.read_at(&mut [0; 8], len as u64), Ok(0));
        String::from_utf8(buf[..len].to_vec()).unwrap()
    }

    #[test]
    fn files_tell_what_is_known() {
        let (space, _processes) = space();
        for (path, expected) in [
            ("/proc/self/cmdline", "tool\0--flag\0"),
            ("/proc/7/environ", "A=1\0"),
            ("/proc/self/comm", "tool\n"),
            ("/proc/mounts", "overlay /a\\040b overlay rw 0 0\n"),
            ("/proc/sys/kernel/hostname", "box\n"),
            ("/proc/version", "Linux version 6.1 (cowbox)\n"),
        ] {
            assert_eq!(read(&space, path), expected, "{path}");
        }
        assert!(
            read(&space, "/proc/meminfo").starts_with("MemTotal:        1048576 kB\nMemFree:          524288 kB\n")
        );
        assert_eq!(read(&space, "/proc/cpuinfo").matches("processor").count(), 2);
        assert!(read(&space, "/proc/uptime").ends_with(" 0.00\n"));
        let stat = read(&space, "/proc/self/stat");
        let fields: Vec<_> = stat.trim_end().split(' ').collect();
        assert_eq!((fields.len(), fields[3], fields[13], fields[22]), (52, "1", "12", "8192"));
        let environ = space.find(b"/proc/7/environ").unwrap().attr().unwrap();
        assert_eq!((environ.mode, environ.uid), (0o400, 5));
    }

    #[test]
    fn processes_are_listed_and_those_that_are_gone_are_not() {
        let (space, processes) = space();
        let proc = space.find(b"/proc").unwrap();
        for (name, kind) in [("7", FileKind::Directory), ("self", FileKind::Symlink)] {
            assert!(list(&proc).contains(&(name.to_owned(), kind)), "{name}");
        }
        assert_eq!(proc.lookup(name("8")).err(), Some(Errno::NoEnt));
        assert_eq!(proc.lookup(name("self")).unwrap().read_link().unwrap(), b"7");
        let place = space.walk(space.root(), b"/proc/7", Follow::Yes, Scope::Namespace).unwrap().place().unwrap();
        assert_eq!(space.path_of(&place).unwrap().as_bytes(), b"/proc/7");
        drop(processes);
        assert_eq!(space.find(b"/proc/7").err(), Some(Errno::NoEnt));
    }

    #[test]
    fn a_descriptor_is_a_link_that_its_process_alone_can_follow() {
        let (space, _processes) = space();
        let link = space.find(b"/proc/self/fd/2").unwrap();
        assert_eq!((link.kind(), link.descriptor_link()), (FileKind::Symlink, Some(2)));
    }

    #[test]
    fn nothing_of_it_can_be_changed() {
        let (space, _processes) = space();
        let proc = space.find(b"/proc").unwrap();
        assert_eq!(proc.unlink(name("self")), Err(Errno::RoFs));
        assert_eq!(space.find(b"/proc/self/cmdline").unwrap().write_at(b"x", 0), Err(Errno::RoFs));
    }
}
