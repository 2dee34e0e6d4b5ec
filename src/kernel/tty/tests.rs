//! Terminals with processes on them, and nobody but the test to type and look.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use super::jobs::Jobs;
use super::termios::{Termios, cc, local};
use super::*;
use crate::kernel::open_file::{Ready, Stream};
use crate::kernel::process::{About, Inherited, Pid, Process};
use crate::kernel::signal::{Action, Disposition, Signal};
use crate::kernel::stdio::{Input, Output};
use crate::kernel::table::Ids;
use crate::vfs::Errno;

/// A process table that only remembers what was sent.
#[derive(Default)]
struct Table {
    ids: BTreeMap<Pid, Ids>,
    orphaned: Vec<Pid>,
    sent: Mutex<Vec<(Pid, Signal)>>,
}

impl Jobs for Table {
    fn standing(&self, pid: Pid) -> Option<Ids> {
        self.ids.get(&pid).copied()
    }

    fn is_group_of(&self, group: Pid, session: Pid) -> bool {
        self.ids.values().any(|ids| ids.group == group && ids.session == session)
    }

    fn is_orphaned(&self, group: Pid) -> bool {
        self.orphaned.contains(&group)
    }

    fn signal_group(&self, group: Pid, signal: Signal) {
        self.sent.lock().unwrap().push((-group, signal));
    }

    fn signal(&self, pid: Pid, signal: Signal) {
        self.sent.lock().unwrap().push((pid, signal));
    }
}

impl Table {
    fn sent(&self) -> Vec<(Pid, Signal)> {
        std::mem::take(&mut self.sent.lock().unwrap())
    }
}

/// A session 1 with a shell (1), a job in the foreground (2) and one in the background (3); a session 9 of its own.
fn table() -> Arc<Table> {
    let ids = |pid, parent, session| (pid, Ids { pid, parent, group: pid, session });
    Arc::new(Table { ids: [ids(1, 0, 1), ids(2, 1, 1), ids(3, 1, 1), ids(9, 1, 9)].into(), ..Table::default() })
}

fn process(pid: Pid) -> Process {
    let process = Process::new(pid, About::default(), Inherited::default());
    process.sleeper.adopt();
    process
}

/// The console of session 1, with 2 in the foreground.
fn console(table: &Arc<Table>) -> (Arc<Tty>, Terminal) {
    let jobs: Weak<dyn Jobs> = Arc::<Table>::downgrade(table);
    let tty =
        Terminals::default().add_console(jobs, WindowSize { rows: 24, columns: 80, ..WindowSize::default() }, None);
    tty.give_to(1, 2);
    let terminal = Terminal::open(&tty);
    (tty, terminal)
}

fn raw(least: u8, time: u8) -> Termios {
    let mut termios = Termios::default();
    termios.lflag &= !(local::ICANON | local::ECHO | local::ISIG);
    (termios.cc[cc::MIN], termios.cc[cc::TIME]) = (least, time);
    termios
}

fn shown(tty: &Tty) -> String {
    let mut buf = [0; 4096];
    let len = tty.take_output(&mut buf).unwrap_or(0);
    String::from_utf8_lossy(&buf[..len]).into_owned()
}

fn read(terminal: &Terminal, process: &Process) -> Result<String, Errno> {
    let mut buf = [0; 100];
    terminal.read(process, &mut buf, true).map(|len| String::from_utf8_lossy(&buf[..len]).into_owned())
}

#[test]
fn a_line_is_read_once_it_is_ended() {
    let (table, job) = (table(), process(2));
    let (tty, terminal) = console(&table);
    tty.type_in("gr\u{fc}\x7f\u{fc}n".as_bytes());
    assert_eq!((read(&terminal, &job), terminal.ready()), (Err(Errno::Again), Ready(Ready::OUT)));
    tty.type_in(b"\rnext");
    assert_eq!((terminal.available(), terminal.ready()), (6, Ready(Ready::IN | Ready::OUT)));
    assert_eq!(read(&terminal, &job).unwrap(), "gr\u{fc}n\n");
    assert_eq!(terminal.write(&job, b"out\n", false), Ok(4));
    assert_eq!(shown(&tty), "gr\u{fc}\x08 \x08\u{fc}n\r\nnextout\r\n");
    assert_eq!(table.sent(), []);
}

#[test]
fn a_wait_ends_with_what_is_typed() {
    let (table, job) = (table(), process(2));
    let (tty, terminal) = console(&table);
    let other = tty.clone();
    let typist = std::thread::spawn(move || {
        other.type_in(b"a");
        other.type_in(b"b\n");
    });
    let mut buf = [0; 10];
    assert_eq!(terminal.read(&job, &mut buf, false), Ok(3));
    typist.join().unwrap();
    assert_eq!(&buf[..3], b"ab\n");
}

#[test]
fn least_bytes_and_time_say_when_a_read_is_done() {
    let (table, job) = (table(), process(2));
    let (tty, terminal) = console(&table);
    let mut buf = [0; 10];
    // A read without anything typed takes the time and no longer.
    tty.set_termios(raw(0, 1), false);
    let begun = Instant::now();
    assert_eq!(terminal.read(&job, &mut buf, false), Ok(0));
    assert!(begun.elapsed() >= Duration::from_millis(100));
    // Bytes end a read, or a pause behind the first of them does.
    tty.set_termios(raw(3, 1), false);
    tty.type_in(b"abcd");
    assert_eq!(terminal.read(&job, &mut buf, false), Ok(4));
    tty.type_in(b"x");
    let begun = Instant::now();
    assert_eq!(terminal.read(&job, &mut buf, false), Ok(1));
    assert!(begun.elapsed() >= Duration::from_millis(100));
    tty.set_termios(raw(0, 0), false);
    assert_eq!((read(&terminal, &job).unwrap().as_str(), terminal.read(&job, &mut buf, false)), ("", Ok(0)));
    tty.set_termios(raw(3, 0), false);
    tty.type_in(b"12");
    assert!(!terminal.ready().has(Ready::IN));
    assert_eq!(read(&terminal, &job).unwrap(), "12");
}

#[test]
fn keys_signal_the_foreground() {
    let (table, job) = (table(), process(2));
    let (tty, terminal) = console(&table);
    tty.type_in(b"typed\x03\x1c\x1a");
    assert_eq!(table.sent(), [(-2, Signal::INT), (-2, Signal::QUIT), (-2, Signal::TSTP)]);
    assert_eq!((shown(&tty).as_str(), read(&terminal, &job)), ("^Z", Err(Errno::Again)));
    tty.resize(WindowSize { rows: 50, columns: 100, ..WindowSize::default() });
    tty.resize(WindowSize { rows: 50, columns: 100, ..WindowSize::default() });
    assert_eq!((table.sent(), tty.size().columns), (vec![(-2, Signal::WINCH)], 100));
}

#[test]
fn the_keyboard_interrupts_also_what_reads_nothing() {
    let table = table();
    let (tty, _terminal) = console(&table);
    let line = [b"a".repeat(60).as_slice(), b"\n"].concat();
    // Lines that nobody reads fill the discipline, and then the queue before it.
    while tty.type_in(&line) == line.len() {}
    assert!(!tty.has_room_to_type());
    assert_eq!(table.sent(), []);
    let (tty, _terminal) = console(&table);
    for _ in 0..100 {
        tty.type_in(&line);
    }
    tty.type_in(b"\x03");
    assert_eq!(table.sent(), [(-2, Signal::INT)]);
    assert!(tty.has_room_to_type());
}

#[test]
fn the_background_is_stopped() {
    let (mut table, job) = (table(), process(3));
    let (tty, terminal) = console(&table);
    tty.type_in(b"x\n");
    assert_eq!(read(&terminal, &job), Err(Errno::Intr));
    assert_eq!(terminal.write(&job, b"shown", false), Ok(5));
    assert_eq!(tty.set_attributes(&job, Apply::Now, Termios::default()), Err(Errno::Intr));
    assert_eq!(table.sent(), [(-3, Signal::TTIN), (-3, Signal::TTOU)]);
    tty.set_termios(Termios { lflag: Termios::default().lflag | local::TOSTOP, ..Termios::default() }, false);
    assert_eq!(terminal.write(&job, b"not shown", false), Err(Errno::Intr));
    // Whoever ignores it is let through, or refused.
    for signal in [Signal::TTIN, Signal::TTOU] {
        job.set_action(signal, Action { disposition: Disposition::Ignore, ..Action::default() });
    }
    assert_eq!(read(&terminal, &job), Err(Errno::Io));
    assert_eq!(terminal.write(&job, b"!", false), Ok(1));
    assert_eq!((shown(&tty).as_str(), table.sent()), ("x\r\nshown!", vec![(-3, Signal::TTOU)]));
    // Nobody would let an orphan go on.
    drop((tty, terminal));
    Arc::get_mut(&mut table).unwrap().orphaned.push(3);
    let (_tty, terminal) = console(&table);
    assert_eq!((read(&terminal, &process(3)), table.sent()), (Err(Errno::Io), vec![]));
}

#[test]
fn a_session_has_one_terminal_and_a_group_in_its_foreground() {
    let table = table();
    let jobs: Weak<dyn Jobs> = Arc::<Table>::downgrade(&table);
    let terminals = Terminals::default();
    let (shell, job, other) = (process(1), process(2), process(9));
    let console = terminals.add_console(jobs.clone(), WindowSize::default(), None);
    let pty = terminals.add_pty(jobs).unwrap();
    assert_eq!((console.name().as_str(), pty.name().as_str()), ("/dev/console", "/dev/pts/0"));
    assert_eq!(console.owners(&shell), Err(Errno::NotTty));
    assert_eq!(terminals.claim(&job, &console), Err(Errno::Perm), "it leads no session");
    assert_eq!((terminals.claim(&shell, &console), terminals.claim(&shell, &console)), (Ok(()), Ok(())));
    assert_eq!(terminals.claim(&shell, &pty), Err(Errno::Perm), "it has a terminal");
    assert_eq!(terminals.claim(&other, &console), Err(Errno::Perm), "it is somebody else's");
    assert_eq!(terminals.claim(&other, &pty), Ok(()));
    assert_eq!((console.owners(&job), console.owners(&other)), (Ok((1, 1)), Err(Errno::NotTty)));
    assert_eq!(console.put_in_foreground(&shell, 9), Err(Errno::Perm));
    assert_eq!(console.put_in_foreground(&shell, 0), Err(Errno::Inval));
    assert_eq!((console.put_in_foreground(&shell, 2), console.foreground()), (Ok(()), 2));
    assert!(Arc::ptr_eq(&terminals.of_session(9).unwrap(), &pty) && terminals.of_session(0).is_none());
    terminals.leader_ended(9);
    assert_eq!((table.sent(), pty.session()), (vec![(-9, Signal::HUP), (-9, Signal::CONT)], 0));
}

#[test]
fn a_terminal_without_another_side_hangs_up() {
    let (table, job) = (table(), process(2));
    let terminals = Terminals::default();
    let jobs: Weak<dyn Jobs> = Arc::<Table>::downgrade(&table);
    let tty = terminals.add_pty(jobs.clone()).unwrap();
    tty.give_to(1, 2);
    let (master, terminal) = (Master::new(tty.clone()), Terminal::open(&tty));
    assert_eq!(master.write(&job, b"in\n", false), Ok(3));
    assert_eq!((read(&terminal, &job).unwrap().as_str(), terminal.write(&job, b"out", false)), ("in\n", Ok(3)));
    let mut buf = [0; 100];
    assert_eq!((master.read(&job, &mut buf, false), &buf[..7]), (Ok(7), &b"in\r\nout"[..]));
    assert_eq!(master.read(&job, &mut buf, true), Err(Errno::Again));
    drop(terminal);
    assert_eq!((master.read(&job, &mut buf, false), master.ready().has(Ready::HUP)), (Err(Errno::Io), true));
    let terminal = Terminal::open(&terminals.pty(0).unwrap());
    drop(master);
    let hang_up = [(1, Signal::HUP), (-2, Signal::HUP), (1, Signal::CONT), (-2, Signal::CONT)];
    assert_eq!(table.sent(), hang_up);
    assert_eq!((read(&terminal, &job).unwrap().as_str(), terminal.write(&job, b"x", false)), ("", Err(Errno::Io)));
    assert!(terminal.ready().has(Ready::HUP) && terminals.pty(0).is_none());
    assert_eq!(tty.set_attributes(&job, Apply::Now, Termios::default()), Err(Errno::Io));
    // Its number is free once nobody has it open.
    drop((terminal, tty));
    assert_eq!(terminals.add_pty(jobs).unwrap().name(), "/dev/pts/0");
}

#[test]
fn a_writer_waits_for_who_looks() {
    let (table, job) = (table(), process(2));
    let (tty, terminal) = console(&table);
    let text = b"x".repeat(100_000);
    assert!(terminal.write(&job, &text, true).unwrap() < text.len());
    assert_eq!(terminal.write(&job, &text, true), Err(Errno::Again));
    assert!(!terminal.ready().has(Ready::OUT));
    let other = tty.clone();
    let watcher = std::thread::spawn(move || {
        let (mut seen, mut buf) = (0, [0; 1000]);
        while seen < 100_000 {
            seen += other.take_output(&mut buf).unwrap_or(0);
        }
    });
    assert_eq!(terminal.write(&job, &text, false), Ok(text.len()));
    watcher.join().unwrap();
}

/// What was written to it.
#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_console_shows_all_before_it_is_finished() {
    let (table, job) = (table(), process(2));
    let (tty, terminal) = console(&table);
    let screen = Screen::default();
    let keys = Input::Reader(Box::new(&b"keys\r"[..]));
    let console = Console::start(&tty, keys, Output::Writer(Box::new(screen.clone()))).unwrap();
    let mut buf = [0; 10];
    assert_eq!(terminal.read(&job, &mut buf, false), Ok(5));
    assert_eq!(terminal.write(&job, &b"line\n".repeat(10_000), false), Ok(50_000));
    console.finish();
    let seen = screen.0.lock().unwrap();
    assert!(seen.starts_with(b"keys\r\nline\r\n") && seen.len() == 60_006, "{}", seen.len());
}

/// A screen that takes nothing more until it is dropped with the test.
struct Stuck(std::sync::mpsc::Receiver<()>);

impl std::io::Write for Stuck {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        let _ = self.0.recv();
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_console_that_is_stuck_can_be_cut() {
    let (table, job) = (table(), process(2));
    let (tty, terminal) = console(&table);
    let (release, stuck) = std::sync::mpsc::channel();
    let console = Console::start(&tty, Input::Null, Output::Writer(Box::new(Stuck(stuck)))).unwrap();
    terminal.write(&job, b"never seen", false).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| console.cut());
        console.finish();
    });
    // A screen that is gone hangs up.
    drop(release);
    let mut buf = [0; 10];
    assert_eq!(terminal.read(&job, &mut buf, false), Ok(0));
}
