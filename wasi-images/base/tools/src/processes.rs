//! The processes of the container, as `/proc` tells them.

use std::fs;
use std::os::fd::AsRawFd;

use cowbox_guest::os::MetadataExt;
use cowbox_guest::sys::Pid;

/// One process.
pub struct Process {
    pub pid: Pid,
    pub ppid: Pid,
    pub group: Pid,
    pub session: Pid,
    pub uid: u32,
    pub state: char,
    /// The number of its terminal, 0 for none.
    pub terminal: i64,
    /// Processor time in hundredths of a second.
    pub ticks: u64,
    pub memory: u64,
    /// The name of its program.
    pub name: String,
    /// Its arguments with spaces between them; the name in brackets where there are none.
    pub command: String,
}

/// All processes, the lowest number first.
pub fn all() -> std::io::Result<Vec<Process>> {
    let mut processes: Vec<Process> = fs::read_dir("/proc")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(process)
        .collect();
    processes.sort_by_key(|process| process.pid);
    Ok(processes)
}

/// What is known of one. `None` where it has ended.
fn process(pid: Pid) -> Option<Process> {
    let directory = format!("/proc/{pid}");
    let stat = String::from_utf8_lossy(&fs::read(format!("{directory}/stat")).ok()?).into_owned();
    // The name may hold anything, so what follows the last parenthesis is what can be counted.
    let (before, after) = stat.rsplit_once(')')?;
    let name = before.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = after.split_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<i64>().ok()).unwrap_or(0);
    let arguments = fs::read(format!("{directory}/cmdline")).unwrap_or_default();
    let command = String::from_utf8_lossy(arguments.strip_suffix(b"\0").unwrap_or(&arguments)).replace('\0', " ");
    Some(Process {
        pid,
        ppid: number(1) as Pid,
        group: number(2) as Pid,
        session: number(3) as Pid,
        uid: uid(&directory),
        state: fields.first().and_then(|state| state.chars().next()).unwrap_or('?'),
        terminal: number(4),
        ticks: (number(11) + number(12)).max(0) as u64,
        memory: number(20).max(0) as u64,
        command: if command.is_empty() { format!("[{name}]") } else { command },
        name,
    })
}

fn uid(directory: &str) -> u32 {
    let status = fs::read_to_string(format!("{directory}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    line.and_then(|ids| ids.split_whitespace().next()?.parse().ok())
        .or_else(|| fs::metadata(directory).ok().map(|metadata| metadata.uid()))
        .unwrap_or(0)
}

/// The controlling terminal of the caller, as `/proc` numbers it.
pub fn own_terminal() -> i64 {
    let own = cowbox_guest::sys::getpid();
    let from_list = process(own).map_or(0, |process| process.terminal);
    if from_list != 0 {
        return from_list;
    }
    // A terminal without a number in the list is known by its device.
    fs::File::open("/dev/tty")
        .ok()
        .and_then(|file| cowbox_guest::sys::fstat(file.as_raw_fd()).ok())
        .map_or(0, |stat| i64::from(stat.rdev_major) << 8 | i64::from(stat.rdev_minor))
}

/// The name of a terminal by its number.
pub fn terminal_name(terminal: i64) -> String {
    match (terminal >> 8 & 0xfff, terminal & 0xff) {
        (0, 0) => "?".into(),
        (136, minor) => format!("pts/{minor}"),
        (5, 1) => "console".into(),
        (4, minor) => format!("tty{minor}"),
        (major, minor) => format!("{major}:{minor}"),
    }
}
