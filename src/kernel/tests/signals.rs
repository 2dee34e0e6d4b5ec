//! Signals: sent, blocked, handled, waited for; and what they break off.

use std::time::{Duration, Instant};

use super::*;

const USR1: Signal = Signal(10);
const USR2: Signal = Signal(12);

fn set(signals: &[Signal]) -> SignalSet {
    let mut set = SignalSet::default();
    for signal in signals {
        set.insert(*signal);
    }
    set
}

#[test]
fn a_read_goes_on_or_fails_after_a_handler_as_its_flags_say() {
    World::new()
        .program("child", |child| {
            child.handle(USR1, Action::RESTART);
            child.handle(USR2, 0);
            child.write(1, b".").unwrap();
            assert_eq!(child.read(0), Ok(b"late".to_vec()));
            assert_eq!(child.handled, [USR1]);
            child.write(1, b".").unwrap();
            assert_eq!(child.read(0), Err(Errno::Intr));
            assert_eq!((child.handled[0], child.handled[1]), (USR1, USR2));
            assert_eq!(child.task.process.blocked(), SignalSet::default());
            0
        })
        .passes(|init| {
            let (reads, input) = init.pipe();
            let (output, writes) = init.pipe();
            let actions = [FileAction::Dup { from: reads, to: 0 }, FileAction::Dup { from: writes, to: 1 }];
            let child = init.start("child", &actions);
            init.meet(output);
            init.kill(child, USR1);
            init.write(input, b"late").unwrap();
            init.meet(output);
            // One that comes before the child reads again breaks nothing off.
            let what = WaitFor { pid: child, no_hang: true, stopped: false, continued: false };
            let waited = loop {
                init.kill(child, USR2);
                if let Some(waited) = init.call(|task| task.wait(what)).unwrap() {
                    break waited;
                }
                std::thread::yield_now();
            };
            assert_eq!(waited.status, exited(0));
            0
        });
}

#[test]
fn blocked_signals_wait_and_act_when_they_are_let_through() {
    World::new().passes(|init| {
        init.handle(USR1, 0);
        init.task.set_mask(set(&[USR1, Signal::TERM]));
        for _ in 0..3 {
            init.kill(1, USR1);
        }
        assert_eq!((init.handled.len(), init.task.process.pending()), (0, set(&[USR1])));
        init.call(|task| {
            task.set_mask(SignalSet::default());
            Ok(())
        })
        .unwrap();
        assert_eq!((init.handled.as_slice(), init.task.process.pending()), (&[USR1][..], SignalSet::default()));
        0
    });
}

#[test]
fn a_handler_that_was_taken_back_leaves_the_signal_to_its_default() {
    let world = World::new().program("child", |child| {
        child.handle(USR1, 0);
        child.task.set_mask(set(&[USR1]));
        child.task.kill(child.pid(), Some(USR1)).unwrap();
        // As if it came between the last call and this one: pending, not blocked, and without a handler.
        child.task.set_mask(SignalSet::default());
        child.task.set_action(USR1, Action::default()).unwrap();
        child.call(|_| Ok(())).unwrap();
        0
    });
    world.passes(|init| {
        let child = init.start("child", &[]);
        assert_eq!(init.status(child), 10);
        0
    });
}

#[test]
fn suspending_swaps_the_mask_for_as_long_as_it_waits() {
    World::new()
        .program("child", |child| {
            child.handle(USR1, Action::RESTART);
            child.task.set_mask(set(&[USR1]));
            child.write(1, b".").unwrap();
            let errno = child.call(|task| Err::<(), _>(task.suspend(SignalSet::default())));
            assert_eq!(errno, Err(Errno::Intr));
            assert_eq!((child.handled.as_slice(), child.task.process.blocked()), (&[USR1][..], set(&[USR1])));
            0
        })
        .passes(|init| {
            let (output, writes) = init.pipe();
            let child = init.start("child", &[FileAction::Dup { from: writes, to: 1 }]);
            init.meet(output);
            init.kill(child, USR1);
            assert_eq!(init.status(child), exited(0));
            0
        });
}

#[test]
fn a_signal_is_waited_for() {
    World::new().program("child", |_| 0).passes(|init| {
        init.task.set_mask(set(&[Signal::CHLD, USR1]));
        let child = init.start("child", &[]);
        let taken = init.call(|task| task.take_signal(set(&[Signal::CHLD]), None));
        assert_eq!(taken, Ok(Some(Signal::CHLD)));
        assert_eq!(init.status(child), exited(0));
        let soon = Some(Instant::now() + Duration::from_millis(1));
        assert_eq!(init.call(|task| task.take_signal(set(&[USR1]), soon)), Ok(None));
        init.kill(1, USR1);
        assert_eq!(init.call(|task| task.take_signal(set(&[USR1]), soon)), Ok(Some(USR1)));
        0
    });
}

#[test]
fn a_write_that_nobody_reads_is_a_signal_or_an_error() {
    World::new()
        .program("child", |child| {
            child.close(3);
            child.write(4, b"x").unwrap();
            0
        })
        .program("ignoring", |child| {
            let ignore = Action { disposition: Disposition::Ignore, ..Action::default() };
            child.task.set_action(Signal::PIPE, ignore).unwrap();
            child.close(3);
            assert_eq!(child.write(4, b"x"), Err(Errno::Pipe));
            assert_eq!(child.write(4, b""), Ok(0));
            0
        })
        .passes(|init| {
            assert_eq!(init.pipe(), (3, 4));
            init.close(3);
            let keeps =
                |program: &str| Spawn { actions: vec![FileAction::Dup { from: 0, to: 3 }], ..super::program(program) };
            let child = init.spawn(keeps("child")).unwrap();
            assert_eq!(init.status(child), 13);
            let child = init.spawn(keeps("ignoring")).unwrap();
            assert_eq!(init.status(child), exited(0));
            0
        });
}

#[test]
fn ignored_signals_stay_ignored_in_children_unless_they_are_reset() {
    World::new()
        .program("child", |child| {
            child.kill(child.pid(), Signal::TERM);
            0
        })
        .passes(|init| {
            let ignore = Action { disposition: Disposition::Ignore, ..Action::default() };
            init.task.set_action(Signal::TERM, ignore).unwrap();
            let child = init.start("child", &[]);
            assert_eq!(init.status(child), exited(0));
            let child = init.spawn(Spawn { defaults: set(&[Signal::TERM]), ..program("child") }).unwrap();
            assert_eq!(init.status(child), 15);
            let blocked =
                Spawn { defaults: set(&[Signal::TERM]), mask: Some(set(&[Signal::TERM])), ..program("child") };
            let child = init.spawn(blocked).unwrap();
            assert_eq!(init.status(child), exited(0));
            assert_eq!(init.task.set_action(Signal::KILL, ignore), Err(Errno::Inval));
            assert_eq!(init.task.set_action(Signal::STOP, ignore), Err(Errno::Inval));
            0
        });
}

#[test]
fn a_signal_goes_to_a_process_a_group_or_all() {
    World::new()
        .program("child", |child| {
            child.read(0).unwrap();
            0
        })
        .passes(|init| {
            let (reads, _) = init.pipe();
            let stdin = vec![FileAction::Dup { from: reads, to: 0 }, FileAction::CloseFrom(3)];
            let spawn = |group| Spawn { group, actions: stdin.clone(), ..program("child") };
            let one = init.spawn(spawn(Some(0))).unwrap();
            let two = init.spawn(spawn(Some(one))).unwrap();
            let three = init.spawn(spawn(None)).unwrap();
            assert_eq!(init.call(|task| task.kill(-one, None)), Ok(()));
            init.kill(-one, Signal::HUP);
            assert_eq!((init.status(one), init.status(two)), (1, 1));
            assert_eq!(init.call(|task| task.kill(-one, None)), Err(Errno::Srch));
            assert_eq!(init.call(|task| task.kill(one, Some(Signal::HUP))), Err(Errno::Srch));
            // All but the first process and the caller.
            init.kill(-1, USR1);
            assert_eq!(init.status(three), 10);
            0
        });
}

#[test]
fn users_signal_their_own_processes_alone() {
    World::new()
        .program("child", |child| {
            child.meet(0);
            0
        })
        .program("user", |user| {
            let own = user.start("child", &[]);
            assert_eq!(user.call(|task| task.kill(2, Some(Signal::TERM))), Err(Errno::Perm));
            assert_eq!(user.call(|task| task.kill(1, None)), Err(Errno::Perm));
            user.kill(own, Signal::KILL);
            assert_eq!(user.status(own), 9);
            0
        })
        .passes(|init| {
            let (reads, writes) = init.pipe();
            let stdin = vec![FileAction::Dup { from: reads, to: 0 }];
            let child = init.start("child", &stdin);
            assert_eq!(child, 2);
            let user = Users::new(1000, 1000, Vec::new());
            let root = std::mem::replace(&mut init.task.users, user);
            let other = init.start("user", &stdin);
            init.task.users = root;
            assert_eq!(init.status(other), exited(0));
            init.write(writes, b".").unwrap();
            assert_eq!(init.status(child), exited(0));
            0
        });
}

#[test]
fn the_first_process_is_safe_from_what_it_does_not_handle() {
    World::new()
        .program("child", |child| {
            for signal in [Signal::KILL, Signal::TERM, Signal::STOP] {
                child.kill(1, signal);
            }
            child.kill(1, USR1);
            0
        })
        .passes(|init| {
            init.handle(USR1, Action::RESTART);
            let child = init.start("child", &[]);
            assert_eq!(init.status(child), exited(0));
            assert_eq!(init.handled, [USR1]);
            0
        });
}

#[test]
fn children_that_nobody_wants_leave_no_zombies() {
    World::new().program("child", |_| 0).passes(|init| {
        let ignore = Action { disposition: Disposition::Ignore, ..Action::default() };
        init.task.set_action(Signal::CHLD, ignore).unwrap();
        let child = init.start("child", &[]);
        assert_eq!(init.wait_for(child).unwrap_err(), Errno::Child);
        assert_eq!(init.task.kernel.numbers(), [1]);
        0
    });
}

#[test]
fn alarms_ring_once_or_again_and_again() {
    World::new().passes(|init| {
        init.handle(Signal::ALRM, 0);
        let (reads, _) = init.pipe();
        let second = Duration::from_secs(3600);
        init.call(|task| task.set_alarm(second, Duration::ZERO)).unwrap();
        let (left, interval) =
            init.call(|task| task.set_alarm(Duration::from_millis(1), Duration::from_millis(1))).unwrap();
        assert!(left > Duration::from_secs(3590) && left <= second && interval.is_zero());
        for _ in 0..3 {
            assert_eq!(init.read(reads), Err(Errno::Intr));
        }
        init.call(|task| task.set_alarm(Duration::ZERO, Duration::ZERO)).unwrap();
        // One that is set again by who was woken stays set.
        for _ in 0..50 {
            init.call(|task| task.set_alarm(Duration::from_micros(100), Duration::ZERO)).unwrap();
            assert_eq!(init.read(reads), Err(Errno::Intr));
        }
        init.call(|task| task.set_alarm(second, Duration::ZERO)).unwrap();
        let (left, _) = init.call(|task| task.set_alarm(Duration::ZERO, Duration::ZERO)).unwrap();
        assert!(!left.is_zero());
        0
    });
}

#[test]
fn nothing_that_a_process_waits_for_keeps_it_from_being_killed() {
    /// Returns whether it was over without a signal.
    type Wait = fn(&mut Program) -> bool;
    let waits: [(&str, Wait); 9] = [
        ("read", |child| child.read(3).is_ok()),
        ("write", |child| {
            loop {
                child.write(4, &[0; 1 << 16]).unwrap();
            }
        }),
        ("wait", |child| {
            child.start("sleeper", &[]);
            child.wait_for(-1).is_ok()
        }),
        ("suspend", |child| child.call(|task| Err::<(), _>(task.suspend(SignalSet::default()))).is_ok()),
        ("take", |child| child.call(|task| task.take_signal(set(&[USR1]), None)).is_ok()),
        ("fifo", |child| child.open("/tmp/fifo", flags::READ_ONLY).is_ok()),
        ("poll", |child| {
            let files = [child.task.fds.file(3).unwrap().clone()];
            child.call(|task| task.process.poll(&files, None, || None::<()>)).is_ok()
        }),
        ("lock", |child| {
            let fd = child.open("/tmp/file", flags::READ_ONLY).unwrap();
            child.call(|task| task.lock_file(fd, LockMode::Exclusive, false)).is_ok()
        }),
        ("sleep", |child| {
            let late = Some(Instant::now() + Duration::from_secs(3600));
            child.call(|task| task.process.wait(&[], late, || None::<()>)).is_ok()
        }),
    ];
    let mut world = World::new().program("sleeper", |child| {
        i32::from(child.call(|task| Err::<(), _>(task.suspend(SignalSet::default()))).is_ok())
    });
    world.file("/tmp/file", b"", 0o644);
    for (name, wait) in waits {
        world = world.program(name, move |child| {
            child.write(6, b".").unwrap();
            i32::from(wait(child))
        });
    }
    world.passes(move |init| {
        assert_eq!((init.pipe(), init.pipe()), ((3, 4), (5, 6)));
        let walked = init.task.resolve(None, b"/tmp/fifo", Follow::No).unwrap();
        init.task.make_node(&walked, 0o010_644).unwrap();
        drop(walked);
        let locked = init.open("/tmp/file", flags::READ_ONLY).unwrap();
        init.call(|task| task.lock_file(locked, LockMode::Exclusive, false)).unwrap();
        for (name, _) in waits {
            let child = init.start(name, &[FileAction::Close(locked)]);
            init.meet(5);
            // Whether it waits already is not to be seen; most do.
            for _ in 0..100 {
                std::thread::yield_now();
            }
            init.kill(child, Signal::KILL);
            assert_eq!(init.status(child), 9, "{name}");
        }
        0
    });
}
