//! `/proc`: the few files of it that programs read.

use std::sync::Arc;
use std::time::Instant;

use super::fixed::Fixed;
use super::inode::InodeRef;

/// What `/proc` tells. The caller decides how much of the host shows.
#[derive(Clone, Debug)]
pub struct ProcInfo {
    /// The number of the process that `/proc/self` stands for.
    pub pid: u32,
    /// Its arguments, the name of the program first.
    pub arguments: Vec<Vec<u8>>,
    /// Its environment, each `NAME=value`.
    pub environment: Vec<Vec<u8>>,
    /// The path of its program.
    pub executable: Vec<u8>,
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

/// A directory for `/proc`. Files tell a size of 0, as on Linux, and are made anew for each read.
pub fn procfs(info: ProcInfo) -> InodeRef {
    let info = Arc::new(info);
    let fixed = Fixed::new();
    let file = |content: fn(&ProcInfo) -> Vec<u8>| {
        let info = info.clone();
        fixed.file(move || content(&info))
    };
    let pid = info.pid.to_string();
    let process = fixed.directory(vec![
        ("cmdline", file(|info| with_ends(&info.arguments, 0))),
        ("comm", file(|info| [command(info), b"\n".to_vec()].concat())),
        ("environ", file(|info| with_ends(&info.environment, 0))),
        ("exe", fixed.symlink(info.executable.clone())),
        ("mounts", file(mounts)),
        ("root", fixed.symlink("/")),
        ("stat", file(process_stat)),
        ("status", file(status)),
    ]);
    let kernel = fixed.directory(vec![
        ("hostname", file(|info| format!("{}\n", info.hostname).into())),
        ("osrelease", file(|info| format!("{}\n", info.release).into())),
        ("ostype", file(|_| b"Linux\n".to_vec())),
        ("pid_max", file(|_| b"32768\n".to_vec())),
    ]);
    fixed.directory(vec![
        (&pid, process),
        ("cpuinfo", file(cpuinfo)),
        ("filesystems", file(|_| b"nodev\toverlay\nnodev\tproc\nnodev\ttmpfs\n".to_vec())),
        ("loadavg", file(|info| format!("0.00 0.00 0.00 1/1 {}\n", info.pid).into())),
        ("meminfo", file(meminfo)),
        ("mounts", fixed.symlink("self/mounts")),
        ("self", fixed.symlink(pid.clone())),
        ("stat", file(stat)),
        ("sys", fixed.directory(vec![("kernel", kernel)])),
        ("uptime", file(uptime)),
        ("version", file(|info| format!("Linux version {} (cowbox)\n", info.release).into())),
    ])
}

/// All of `parts`, each with `end` behind it.
fn with_ends(parts: &[Vec<u8>], end: u8) -> Vec<u8> {
    parts.iter().flat_map(|part| part.iter().copied().chain([end])).collect()
}

/// The name of the program, at most 15 bytes of it (Linux `TASK_COMM_LEN`).
fn command(info: &ProcInfo) -> Vec<u8> {
    let name = info.executable.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
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

fn process_stat(info: &ProcInfo) -> Vec<u8> {
    let (pid, name) = (info.pid, String::from_utf8_lossy(&command(info)).into_owned());
    // proc_pid_stat(5): pid, command, state, parent, group, session; the other 46 fields are zeros.
    format!("{pid} ({name}) R 0 {pid} {pid}{}\n", " 0".repeat(46)).into()
}

fn status(info: &ProcInfo) -> Vec<u8> {
    let name = String::from_utf8_lossy(&command(info)).into_owned();
    format!(
        "Name:\t{name}\nState:\tR (running)\nTgid:\t{pid}\nPid:\t{pid}\nPPid:\t0\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n\
         Threads:\t1\n",
        pid = info.pid
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
    use crate::vfs::contract::{check_read_only, name};
    use crate::vfs::{GuestPath, Namespace};

    fn info() -> ProcInfo {
        ProcInfo {
            pid: 7,
            arguments: vec![b"tool".to_vec(), b"--flag".to_vec()],
            environment: vec![b"A=1".to_vec()],
            executable: b"/bin/tool.wasm".to_vec(),
            hostname: "box".to_owned(),
            release: "6.1".to_owned(),
            processors: 2,
            memory_total: 1 << 30,
            memory_free: 1 << 29,
            mounts: vec![("overlay".to_owned(), "/a b".to_owned(), "overlay".to_owned(), "rw".to_owned())],
            started: Instant::now(),
        }
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
    fn files_tell_what_the_caller_gave() {
        let mut space = Namespace::new(crate::vfs::memfs(&crate::vfs::MemFsOptions::default()));
        space.mount(&GuestPath::new("/proc").unwrap(), procfs(info())).unwrap();
        for (path, expected) in [
            ("/proc/self/cmdline", "tool\0--flag\0"),
            ("/proc/7/environ", "A=1\0"),
            ("/proc/self/comm", "tool.wasm\n"),
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
        assert_eq!(read(&space, "/proc/self/stat").split(' ').count(), 52);
    }

    #[test]
    fn nothing_of_it_can_be_changed() {
        let proc = procfs(info());
        check_read_only(&proc);
        assert_eq!(proc.lookup(name("self")).unwrap().read_link().unwrap(), b"7");
    }
}
