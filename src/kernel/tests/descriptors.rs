//! Descriptors, pipes, locks and named pipes between processes.

use std::time::{Duration, Instant};

use super::*;

#[test]
fn a_pipe_holds_back_who_writes_until_somebody_reads() {
    World::new()
        .program("child", |child| {
            child.close(3);
            assert_eq!(child.write(4, &[7; 1_000_000]), Ok(1_000_000));
            0
        })
        .passes(|init| {
            let (reads, writes) = init.pipe();
            let child = init.start("child", &[]);
            init.close(writes);
            let mut len = 0;
            loop {
                let bytes = init.read(reads).unwrap();
                if bytes.is_empty() {
                    break;
                }
                len += bytes.len();
            }
            assert_eq!((len, init.status(child)), (1_000_000, exited(0)));
            0
        });
}

#[test]
fn a_pipe_that_does_not_wait_says_so() {
    World::new().passes(|init| {
        let (reads, writes) = init.call(|task| task.pipe(flags::NONBLOCK | flags::CLOEXEC)).unwrap();
        assert_eq!(init.read(reads), Err(Errno::Again));
        let mut len = 0;
        while let Ok(more) = init.write(writes, &[0; 5000]) {
            len += more;
        }
        assert_eq!(init.write(writes, b"x"), Err(Errno::Again));
        assert_eq!(init.read(reads).map(|bytes| bytes.len()), Ok(len.min(1 << 16)));
        assert_eq!(init.write(writes, b""), Ok(0));
        init.close(writes);
        while init.read(reads) != Ok(Vec::new()) {}
        0
    });
}

#[test]
fn the_place_in_a_file_is_shared_by_copies_and_children() {
    let world = World::new().program("child", |child| {
        assert_eq!(child.write(5, b"child "), Ok(6));
        0
    });
    world.file("/tmp/file", b"", 0o644);
    world.passes(|init| {
        let fd = init.open("/tmp/file", flags::READ_WRITE).unwrap();
        init.write(fd, b"first ").unwrap();
        init.call(|task| task.dup_to(fd, 5, false)).unwrap();
        let child = init.start("child", &[]);
        assert_eq!(init.status(child), exited(0));
        init.write(fd, b"last").unwrap();
        let again = init.open("/tmp/file", flags::READ_ONLY).unwrap();
        assert_eq!(init.read(again), Ok(b"first child last".to_vec()));
        let appends = init.open("/tmp/file", flags::WRITE_ONLY | flags::APPEND).unwrap();
        init.write(appends, b"!").unwrap();
        assert_eq!(init.read(again), Ok(b"!".to_vec()));
        0
    });
}

#[test]
fn copies_take_the_number_they_are_given() {
    World::new().passes(|init| {
        assert_eq!(init.call(|task| task.dup(0, 10, true)), Ok(10));
        assert!(init.task.fds.descriptor(10).unwrap().cloexec);
        assert_eq!(init.call(|task| task.dup(10, 0, false)), Ok(3));
        assert_eq!(init.call(|task| task.dup_to(10, 3, false)), Ok(()));
        assert!(!init.task.fds.descriptor(3).unwrap().cloexec);
        // Nothing happens where both are the same.
        assert_eq!(init.call(|task| task.dup_to(10, 10, false)), Ok(()));
        assert!(init.task.fds.descriptor(10).unwrap().cloexec);
        assert_eq!(init.call(|task| task.dup_to(11, 11, false)), Err(Errno::BadF));
        assert_eq!(init.call(|task| task.dup(11, 0, false)), Err(Errno::BadF));
        assert_eq!(init.call(|task| task.close(11)), Err(Errno::BadF));
        0
    });
}

#[test]
fn a_lock_is_one_open_file_s_and_goes_with_it() {
    let world = World::new()
        .program("waiter", |child| {
            let fd = child.open("/tmp/file", flags::READ_ONLY).unwrap();
            assert_eq!(child.call(|task| task.lock_file(fd, LockMode::Shared, true)), Err(Errno::Again));
            child.write(1, b".").unwrap();
            child.call(|task| task.lock_file(fd, LockMode::Shared, false)).unwrap();
            0
        })
        .program("holder", |child| {
            child.meet(0);
            0
        });
    world.file("/tmp/file", b"", 0o644);
    world.passes(|init| {
        let (output, writes) = init.pipe();
        let (reads, input) = init.pipe();
        let ways: [fn(&mut Program, u32); 5] = [
            |init, fd| init.close(fd),
            |init, fd| init.call(|task| task.lock_file(fd, LockMode::Unlocked, false)).unwrap(),
            |init, fd| init.call(|task| task.dup_to(0, fd, false)).unwrap(),
            |init, fd| init.task.fds.remove_from(fd),
            |init, fd| {
                init.task.fds.descriptor_mut(fd).unwrap().cloexec = true;
                init.task.fds.close_on_exec();
            },
        ];
        for (way, release) in ways.into_iter().enumerate() {
            let fd = init.open("/tmp/file", flags::READ_ONLY).unwrap();
            init.call(|task| task.lock_file(fd, LockMode::Exclusive, false)).unwrap();
            // The same open file may change its mind, another may not have it.
            init.call(|task| task.lock_file(fd, LockMode::Shared, true)).unwrap();
            init.call(|task| task.lock_file(fd, LockMode::Exclusive, true)).unwrap();
            let stdio = [FileAction::Dup { from: writes, to: 1 }, FileAction::CloseFrom(3)];
            let waiter = init.start("waiter", &stdio);
            init.meet(output);
            release(init, fd);
            assert_eq!(init.status(waiter), exited(0), "way {way}");
            drop(init.task.fds.remove(fd));
        }
        // A child that has it keeps the lock.
        let fd = init.open("/tmp/file", flags::READ_ONLY).unwrap();
        init.call(|task| task.lock_file(fd, LockMode::Exclusive, false)).unwrap();
        let holder = init.start("holder", &[FileAction::Dup { from: reads, to: 0 }]);
        init.close(fd);
        let waiter = init.start("waiter", &[FileAction::Dup { from: writes, to: 1 }, FileAction::CloseFrom(3)]);
        init.meet(output);
        init.write(input, b".").unwrap();
        assert_eq!((init.status(holder), init.status(waiter)), (exited(0), exited(0)));
        0
    });
}

#[test]
fn the_ends_of_a_named_pipe_wait_for_each_other() {
    World::new()
        .program("reader", |child| {
            let fd = child.open("/tmp/fifo", flags::READ_ONLY).unwrap();
            assert_eq!(child.read(fd), Ok(b"through".to_vec()));
            assert_eq!(child.read(fd), Ok(Vec::new()));
            0
        })
        .program("writer", |child| {
            let fd = child.open("/tmp/fifo", flags::WRITE_ONLY).unwrap();
            child.write(fd, b"through").unwrap();
            0
        })
        .passes(|init| {
            let walked = init.task.resolve(None, b"/tmp/fifo", Follow::No).unwrap();
            init.task.make_node(&walked, 0o010_644).unwrap();
            assert_eq!(init.task.make_node(&walked, 0o020_644), Err(Errno::Perm));
            drop(walked);
            assert_eq!(init.open("/tmp/fifo", flags::WRITE_ONLY | flags::NONBLOCK), Err(Errno::Nxio));
            for order in [["reader", "writer"], ["writer", "reader"]] {
                for _ in 0..20 {
                    let children = order.map(|name| init.start(name, &[]));
                    for child in children {
                        assert_eq!(init.status(child), exited(0));
                    }
                }
            }
            let fd = init.open("/tmp/fifo", flags::READ_ONLY | flags::NONBLOCK).unwrap();
            let writer = init.start("writer", &[]);
            assert_eq!(init.status(writer), exited(0));
            assert_eq!(init.read(fd), Ok(b"through".to_vec()));
            let both = init.open("/tmp/fifo", flags::READ_WRITE).unwrap();
            init.write(both, b"own").unwrap();
            assert_eq!(init.read(both), Ok(b"own".to_vec()));
            0
        });
}

#[test]
fn polling_sees_what_can_be_done() {
    World::new()
        .program("child", |child| {
            child.meet(0);
            child.write(1, b".").unwrap();
            0
        })
        .passes(|init| {
            let (output, writes) = init.pipe();
            let (reads, input) = init.pipe();
            let child = init.start(
                "child",
                &[
                    FileAction::Dup { from: reads, to: 0 },
                    FileAction::Dup { from: writes, to: 1 },
                    FileAction::CloseFrom(3),
                ],
            );
            let file = |init: &Program, fd| init.task.fds.file(fd).unwrap().clone();
            let (output_file, input_file) = (file(init, output), file(init, input));
            assert_eq!((output_file.ready(), input_file.ready()), (Ready(0), Ready(Ready::OUT)));
            let poll = |init: &mut Program, deadline| {
                let files = [output_file.clone()];
                init.call(|task| {
                    task.process.poll(&files, deadline, || Some(output_file.ready().0).filter(|bits| *bits != 0))
                })
            };
            assert_eq!(poll(init, Some(Instant::now() + Duration::from_millis(1))), Ok(None));
            init.write(input, b".").unwrap();
            assert_eq!(poll(init, None), Ok(Some(Ready::IN)));
            init.meet(output);
            assert_eq!(init.status(child), exited(0));
            init.close(writes);
            assert_eq!(poll(init, None), Ok(Some(Ready::HUP)));
            init.close(reads);
            assert!(input_file.ready().has(Ready::ERR));
            0
        });
}

#[test]
fn a_pair_of_sockets_goes_both_ways() {
    World::new()
        .program("child", |child| {
            let text = child.read(0).unwrap();
            child.write(0, &text.to_ascii_uppercase()).unwrap();
            0
        })
        .passes(|init| {
            let (own, other) = init.call(|task| task.socket_pair(0)).unwrap();
            let child = init.start("child", &[FileAction::Dup { from: other, to: 0 }, FileAction::CloseFrom(3)]);
            init.close(other);
            init.write(own, b"text").unwrap();
            assert_eq!((init.read(own), init.status(child)), (Ok(b"TEXT".to_vec()), exited(0)));
            assert_eq!(init.read(own), Ok(Vec::new()));
            0
        });
}

#[test]
fn streams_reach_the_host() {
    let mut world = World::new();
    world.stdin = b"typed";
    let (_, text) = world.run(|init| {
        let text = init.read(0).unwrap();
        init.write(1, &text).unwrap();
        assert_eq!(init.read(0), Ok(Vec::new()));
        0
    });
    assert_eq!(text, "typed");
}
