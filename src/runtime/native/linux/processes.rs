//! The processes of a container, of what `/proc` tells: proc_pid_stat(5).

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use super::cgroup::Cgroup;
use super::plan::refuse;
use crate::runtime::native::{CgroupRecord, HostProcess};
use crate::runtime::{InitProcess, Result};
use crate::sys::linux::process;

/// Ticks of a second: USER_HZ, which is the same on all processors that run cowbox.
const TICKS: u64 = 100;

/// The processes of a container by their numbers on the host: those in the PID namespace of its first process, or in its cgroup
/// where that namespace is not its own.
pub fn processes(init: InitProcess, cgroup: Option<&CgroupRecord>) -> Result<Vec<HostProcess>> {
    let gone = |error: std::io::Error| refuse(format!("process {} of the container: {error}", init.pid));
    let namespace = process::namespace(init.pid, "pid").map_err(gone)?;
    let is_first = process::is_first(init.pid).map_err(gone)?;
    if !super::is_alive(init) {
        return Err(refuse("the container is not running"));
    }
    let stat = fs::read_to_string("/proc/stat").map_err(gone)?;
    let boot = stat.lines().find_map(|line| line.strip_prefix("btime ")?.parse().ok()).unwrap_or(0);
    let numbers: Vec<u32> = match cgroup.filter(|_| !is_first) {
        Some(cgroup) => Cgroup::from_record(cgroup).map_err(refuse)?.processes(),
        None => {
            let all = fs::read_dir("/proc").map_err(gone)?;
            let all = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
            all.filter(|pid| process::namespace(*pid, "pid").is_ok_and(|other| other == namespace)).collect()
        }
    };
    let mut found = numbers.into_iter().filter_map(|pid| read(pid, boot)).collect::<Vec<_>>();
    found.sort_by_key(|process| process.pid);
    Ok(found)
}

/// None where it has ended meanwhile.
fn read(pid: u32, boot: i64) -> Option<HostProcess> {
    let folder = Path::new("/proc").join(pid.to_string());
    let uid = fs::metadata(&folder).ok()?.uid();
    let line = fs::read(folder.join("cmdline")).ok()?;
    let words = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
    let stat = String::from_utf8_lossy(&fs::read(folder.join("stat")).ok()?).into_owned();
    parse(pid, uid, words.trim_end(), &stat, boot)
}

fn parse(pid: u32, uid: u32, line: &str, stat: &str, boot: i64) -> Option<HostProcess> {
    // The name may hold anything, parentheses too.
    let (head, fields) = stat.rsplit_once(") ")?;
    let (_, name) = head.split_once(" (")?;
    let fields = fields.split(' ').collect::<Vec<_>>();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let device = number(4)?;
    let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xfff00);
    Some(HostProcess {
        pid,
        parent: u32::try_from(number(1)?).ok()?,
        uid,
        terminal: (136..144).contains(&major).then(|| format!("pts/{}", (major - 136) << 20 | minor)),
        cpu_time: Duration::from_millis((number(11)? + number(12)?) * (1000 / TICKS)),
        started: boot + i64::try_from(number(19)? / TICKS).ok()?,
        // One whose command line is empty has ended, or is the kernel's.
        command: if line.is_empty() { format!("[{name}]") } else { line.to_owned() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_proc_tells_of_a_process_is_understood() {
        let stat = "31 (a) b (c) S 7 31 31 34817 31 4194560 1 0 0 0 150 50 0 0 20 0 1 0 4200 1 1 1";
        let process = parse(31, 5, "sleep 9", stat, 1000).unwrap();
        let expected = HostProcess {
            pid: 31,
            parent: 7,
            uid: 5,
            terminal: Some("pts/1".into()),
            cpu_time: Duration::from_secs(2),
            started: 1042,
            command: "sleep 9".into(),
        };
        assert_eq!(process, expected);
        assert_eq!(parse(31, 5, "", &stat.replace("34817", "0"), 0).unwrap().command, "[a) b (c]");
        assert_eq!(parse(31, 5, "", "31 (short) S 7", 0), None);
    }
}
