//! What programs rely on, wherever they run.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use cowbox_guest::process::{Command, Stdio};
use cowbox_guest::sys::{
    self, Action, Errno, OpenFlags, PollEvents, PollFd, SigFlags, SigSet, Spawn, Status, WaitOptions,
};
use cowbox_guest::{fs, pipe, signal, term};

/// All checks by their names.
pub const CHECKS: &[(&str, fn())] = &[
    ("output_reads_both_streams_at_once", output_reads_both_streams_at_once),
    ("a_child_reads_what_is_written_to_it", a_child_reads_what_is_written_to_it),
    ("environment_directory_and_name_are_the_commands", environment_directory_and_name_are_the_commands),
    ("a_program_that_is_missing_is_an_error_of_spawn", a_program_that_is_missing_is_an_error_of_spawn),
    ("streams_can_be_exchanged", streams_can_be_exchanged),
    ("a_killed_child_says_by_what", a_killed_child_says_by_what),
    ("umask_and_groups_are_the_childs", umask_and_groups_are_the_childs),
    ("a_handler_is_called_and_put_back", a_handler_is_called_and_put_back),
    ("masks_are_given_back", masks_are_given_back),
    ("poll_tells_what_can_be_read", poll_tells_what_can_be_read),
    ("descriptors_carry_their_flags", descriptors_carry_their_flags),
    ("modes_types_and_links_are_told", modes_types_and_links_are_told),
    ("raw_mode_is_given_back", raw_mode_is_given_back),
];

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(script);
    command
}

pub fn output_reads_both_streams_at_once() {
    let output = shell("head -c 200000 /dev/zero; head -c 300000 /dev/zero >&2; exit 3").output().unwrap();
    assert_eq!((output.stdout.len(), output.stderr.len(), output.status.code()), (200_000, 300_000, Some(3)));
}

pub fn a_child_reads_what_is_written_to_it() {
    let mut child = Command::new("sort").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"b\na\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"a\nb\n");
}

pub fn environment_directory_and_name_are_the_commands() {
    let output = shell("echo $A-$B $(pwd) $0")
        .args(["name"])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("A", "1")
        .current_dir("/")
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "1- / name\n");
}

pub fn a_program_that_is_missing_is_an_error_of_spawn() {
    let error = Command::new("/nonexistent/program").spawn().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert_eq!(sys::spawn(&Spawn::new("/dev/null/x")), Err(Errno::ENOTDIR));
    assert_eq!(sys::spawn(&Spawn::new("/")), Err(Errno::EACCES));
}

pub fn streams_can_be_exchanged() {
    let (reader, writer) = pipe::pipe().unwrap();
    let mut spawn = Spawn::new("sh");
    spawn.arg("-c").arg("echo out; echo err >&2");
    spawn.search = Some(b"/usr/bin:/bin".to_vec());
    spawn.actions = vec![
        Action::Dup2 { from: writer.raw(), to: 2 },
        Action::Open { fd: 1, path: b"/dev/null".to_vec(), flags: OpenFlags::WRONLY, mode: 0 },
        Action::CloseFrom(3),
    ];
    let pid = sys::spawn(&spawn).unwrap();
    drop(writer);
    let mut text = String::new();
    (&reader).read_to_string(&mut text).unwrap();
    assert_eq!(text, "err\n");
    assert_eq!(sys::retry(|| sys::wait(pid, WaitOptions::empty())).unwrap().unwrap().status, Status::from_code(0));
}

pub fn a_killed_child_says_by_what() {
    let mut child = Command::new("sleep").arg("30").spawn().unwrap();
    assert_eq!(child.try_wait().unwrap(), None);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert_eq!((status.code(), status.signal()), (None, Some(signal::SIGKILL)));
    assert_eq!(status.to_string(), "signal: 9 (SIGKILL)");
}

pub fn umask_and_groups_are_the_childs() {
    let output = shell("umask").umask(0o027).process_group(0).output().unwrap();
    assert_eq!(output.stdout.trim_ascii(), b"0027");
}

static CAME: AtomicI32 = AtomicI32::new(0);

pub fn a_handler_is_called_and_put_back() {
    let before =
        signal::handle(signal::SIGUSR1, |number| CAME.store(number, Ordering::SeqCst), SigFlags::RESTART).unwrap();
    assert!(before.disposition.is_default());
    sys::kill(sys::getpid(), signal::SIGUSR1).unwrap();
    while CAME.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    assert_eq!(CAME.load(Ordering::SeqCst), signal::SIGUSR1);
    sys::sigaction(signal::SIGUSR1, before).unwrap();
}

pub fn masks_are_given_back() {
    let set = SigSet::of(signal::SIGUSR2);
    {
        let _blocked = signal::Blocked::new(set).unwrap();
        assert!(sys::blocked().unwrap().contains(signal::SIGUSR2));
    }
    assert!(!sys::blocked().unwrap().contains(signal::SIGUSR2));
}

pub fn poll_tells_what_can_be_read() {
    let (reader, mut writer) = pipe::pipe().unwrap();
    let mut list = [PollFd::new(reader.raw(), PollEvents::IN)];
    assert_eq!(sys::poll(&mut list, Some(Duration::ZERO)), Ok(0));
    writer.write_all(b"x").unwrap();
    assert_eq!(sys::poll(&mut list, None), Ok(1));
    assert!(list[0].revents.contains(PollEvents::IN));
}

pub fn descriptors_carry_their_flags() {
    let fd = sys::memory_file(OpenFlags::CLOEXEC).unwrap();
    assert!(sys::cloexec(fd).unwrap());
    let copy = sys::dup(fd, 50, false).unwrap();
    assert!(copy >= 50 && !sys::cloexec(copy).unwrap());
    sys::write_all(fd, b"text").unwrap();
    sys::seek(copy, std::io::SeekFrom::Start(0)).unwrap();
    assert_eq!(sys::read_to_end(copy).unwrap(), b"text");
    sys::close(fd).unwrap();
    sys::close(copy).unwrap();
    assert_eq!(sys::close(copy), Err(Errno::EBADF));
}

pub fn modes_types_and_links_are_told() {
    let directory = std::path::Path::new("/tmp").join(format!("cowbox-guest-{}", cowbox_guest::process::id()));
    std::fs::create_dir(&directory).unwrap();
    let file = directory.join("file");
    std::fs::write(&file, "abc").unwrap();
    fs::set_mode(&file, 0o640).unwrap();
    std::fs::hard_link(&file, directory.join("second")).unwrap();
    fs::symlink("file", directory.join("link")).unwrap();
    fs::mkfifo(directory.join("fifo"), 0o600).unwrap();
    let stat = fs::stat(directory.join("link")).unwrap();
    assert_eq!((stat.mode, stat.nlink, stat.size), (sys::S_IFREG | 0o640, 2, 3));
    assert!(fs::lstat(directory.join("link")).unwrap().is_symlink());
    assert_eq!(fs::stat(directory.join("fifo")).unwrap().file_type(), sys::S_IFIFO);
    assert_eq!(fs::rename_new(&file, directory.join("second")).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(fs::names(&directory).unwrap().len(), 4);
    std::fs::remove_dir_all(&directory).unwrap();
}

pub fn raw_mode_is_given_back() {
    let (master, terminal) = sys::openpty(OpenFlags::CLOEXEC).unwrap();
    assert!(sys::isatty(terminal) && !sys::isatty(std::fs::File::open("/dev/null").unwrap().as_raw_fd()));
    let before = sys::tcgetattr(terminal).unwrap();
    {
        let raw = term::RawMode::new(terminal).unwrap();
        assert_eq!(sys::tcgetattr(terminal).unwrap().lflag & term::flag::ICANON, 0);
        assert_eq!(raw.before(), &before);
    }
    assert_eq!(sys::tcgetattr(terminal).unwrap(), before);
    let size = sys::WinSize { rows: 30, columns: 100, ..sys::WinSize::default() };
    sys::set_winsize(terminal, size).unwrap();
    assert_eq!(term::size(master), Some(size));
}
