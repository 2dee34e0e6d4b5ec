//! Making processes, waiting for them, becoming another program, and limits.

use super::*;

#[test]
fn a_child_has_its_arguments_and_tells_its_end() {
    World::new()
        .program("child", |program| {
            assert_eq!(*program.task.args, [b"child".to_vec(), b"x".to_vec()]);
            assert_eq!(*program.task.env, [b"A=b".to_vec()]);
            assert_eq!(program.task.kernel.ids(2).unwrap(), Ids { pid: 2, parent: 1, group: 1, session: 1 });
            7
        })
        .passes(|init| {
            let spawn =
                Spawn { args: vec![b"child".into(), b"x".into()], env: vec![b"A=b".into()], ..program("child") };
            let pid = init.spawn(spawn).unwrap();
            assert_eq!((pid, init.status(pid)), (2, exited(7)));
            assert_eq!(init.wait_for(pid).unwrap_err(), Errno::Child);
            assert_eq!(init.wait_for(-1).unwrap_err(), Errno::Child);
            0
        });
}

#[test]
fn what_cannot_be_started_is_an_error_of_the_caller() {
    let world = World::new().program("child", |_| 0);
    world.file("/bin/text", b"no function", 0o755);
    world.file("/bin/plain", b"function", 0o644);
    world.file("/bin/script", b"#!/bin/missing\n", 0o755);
    world.file("/bin/self", b"#!/bin/self\n", 0o755);
    world.passes(|init| {
        let mut errno = |path: &str| init.spawn(Spawn { path: path.into(), ..program("child") }).unwrap_err();
        assert_eq!(errno("/bin/none"), Errno::NoEnt);
        assert_eq!(errno(""), Errno::NoEnt);
        assert_eq!(errno("/bin"), Errno::Access);
        assert_eq!(errno("/bin/child/x"), Errno::NotDir);
        assert_eq!(errno("/bin/plain"), Errno::Access);
        assert_eq!(errno("/bin/text"), Errno::NoExec);
        assert_eq!(errno("/bin/script"), Errno::NoEnt);
        assert_eq!(errno("/bin/self"), Errno::Loop);
        let giant = Spawn { args: vec![vec![b'x'; 3 << 20]], ..program("child") };
        assert_eq!(init.spawn(giant).unwrap_err(), Errno::TooBig);
        let many = Spawn { env: vec![Vec::new(); 300_000], ..program("child") };
        assert_eq!(init.spawn(many).unwrap_err(), Errno::TooBig);
        assert_eq!(init.wait_for(-1).unwrap_err(), Errno::Child);
        0
    });
}

#[test]
fn a_script_is_run_by_its_interpreter() {
    let world = World::new().program("sh", |program| {
        let args: Vec<_> = program.task.args.iter().map(|arg| String::from_utf8_lossy(arg).into_owned()).collect();
        assert_eq!(args, ["/bin/sh", "-e x", "/bin/second", "/bin/first", "arg"]);
        5
    });
    world.file("/bin/second", b"#! /bin/sh -e x \nrest", 0o755);
    world.file("/bin/first", b"#!/bin/second", 0o755);
    world.passes(|init| {
        let spawn = Spawn { args: vec![b"called".into(), b"arg".into()], ..program("first") };
        let pid = init.spawn(spawn).unwrap();
        assert_eq!(init.status(pid), exited(5));
        0
    });
}

#[test]
fn a_name_is_looked_up_where_it_was_said() {
    let world = World::new().program("child", |_| 4);
    world.file("/tmp/child", b"function", 0o644);
    world.passes(|init| {
        for (search, found) in
            [("/bin", Ok(())), ("/none:/tmp:/bin", Ok(())), ("/tmp", Err(Errno::Access)), ("/none", Err(Errno::NoEnt))]
        {
            let spawn = Spawn { path: b"child".into(), search: Some(search.into()), ..program("child") };
            let started = init.spawn(spawn);
            assert_eq!(started.map(drop), found, "{search}");
            if let Ok(pid) = started {
                assert_eq!(init.status(pid), exited(4));
            }
        }
        0
    });
}

#[test]
fn file_actions_are_done_in_order_in_the_child() {
    let world = World::new().program("child", |child| {
        assert_eq!(child.open_fds(), [0, 1, 5, 7]);
        assert_eq!(child.read(5), Ok(b"content".to_vec()));
        assert_eq!(child.task.namespace.path_of(&child.task.cwd).unwrap().as_bytes(), b"/tmp");
        assert_eq!(child.write(1, b"out"), Ok(3));
        assert_eq!(child.write(7, b"!"), Ok(1));
        0
    });
    world.file("/tmp/file", b"content", 0o644);
    world.passes(|init| {
        let (reads, writes) = init.pipe();
        let open = FileAction::Open { fd: 5, path: b"file".into(), status: flags::READ_ONLY, mode: 0 };
        let actions = [
            FileAction::ChangeDirectory(b"/tmp".into()),
            open,
            FileAction::Dup { from: writes, to: 1 },
            FileAction::Dup { from: 1, to: 7 },
            FileAction::Close(2),
            FileAction::Close(writes),
            FileAction::Close(reads),
            FileAction::Close(33),
            FileAction::CloseFrom(8),
        ];
        let child = init.start("child", &actions);
        init.close(writes);
        assert_eq!(init.status(child), exited(0));
        assert_eq!(init.read(reads), Ok(b"out!".to_vec()));
        assert_eq!(init.read(reads), Ok(Vec::new()));
        let mut errno =
            |action: FileAction| init.spawn(Spawn { actions: vec![action], ..program("child") }).unwrap_err();
        assert_eq!(errno(FileAction::Dup { from: 40, to: 1 }), Errno::BadF);
        assert_eq!(errno(FileAction::Dup { from: 1, to: 64 }), Errno::BadF);
        assert_eq!(errno(FileAction::ChangeDirectory(b"/none".into())), Errno::NoEnt);
        assert_eq!(errno(FileAction::EnterDirectory(1)), Errno::NotDir);
        let missing = FileAction::Open { fd: 3, path: b"/none".into(), status: 0, mode: 0 };
        assert_eq!(errno(missing), Errno::NoEnt);
        0
    });
}

#[test]
fn descriptors_marked_so_do_not_reach_the_child() {
    World::new()
        .program("child", |child| {
            assert_eq!(child.open_fds(), [0, 1, 2, 4]);
            0
        })
        .passes(|init| {
            let (reads, writes) = init.pipe();
            assert_eq!((reads, writes), (3, 4));
            init.task.fds.descriptor_mut(reads).unwrap().cloexec = true;
            // A copy under the same number is kept, and so is one under another.
            let pid = init.start("child", &[]);
            assert_eq!(init.status(pid), exited(0));
            let pid = init.start("child", &[FileAction::Dup { from: 4, to: 4 }]);
            assert_eq!(init.status(pid), exited(0));
            0
        });
}

#[test]
fn a_process_becomes_another_program_and_stays_itself() {
    World::new()
        .program("next", |next| {
            assert_eq!(*next.task.args, [b"renamed".to_vec()]);
            assert_eq!(next.open_fds(), [0, 1, 2, 4]);
            assert_eq!(next.task.process.action(Signal::INT), Action::default());
            assert_eq!(next.task.process.action(Signal::QUIT).disposition, Disposition::Ignore);
            assert!(next.task.process.blocked().contains(Signal::TERM));
            let (group, parent) = (next.task.kernel.ids(2).unwrap().group, next.task.kernel.ids(2).unwrap().parent);
            assert_eq!((next.pid(), group, parent, next.task.umask), (2, 2, 1, 0o77));
            9
        })
        .program("first", |first| {
            let (reads, _) = first.pipe();
            first.task.fds.descriptor_mut(reads).unwrap().cloexec = true;
            first.handle(Signal::INT, 0);
            let ignore = Action { disposition: Disposition::Ignore, ..Action::default() };
            first.task.set_action(Signal::QUIT, ignore).unwrap();
            first.task.set_mask(SignalSet(1 << 14));
            first.task.umask = 0o77;
            let failed = first.task.prepare_exec(b"/bin/none", None, Vec::new(), Vec::new());
            assert_eq!(failed.map(drop), Err(Errno::NoEnt));
            let exec = first.task.prepare_exec(b"/bin/next", None, vec![b"renamed".into()], Vec::new()).unwrap();
            resume_unwind(Box::new(Leaving::Replaced(exec)))
        })
        .passes(|init| {
            let pid = init.spawn(Spawn { group: Some(0), ..program("first") }).unwrap();
            assert_eq!(init.status(pid), exited(9));
            0
        });
}

#[test]
fn waiting_knows_groups_and_does_not_hang_when_told() {
    World::new()
        .program("child", |child| {
            child.meet(0);
            0
        })
        .passes(|init| {
            let (reads, writes) = init.pipe();
            let stdin = [FileAction::Dup { from: reads, to: 0 }, FileAction::CloseFrom(3)];
            let own = init.start("child", &stdin);
            let other = init.spawn(Spawn { group: Some(0), actions: stdin.to_vec(), ..program("child") }).unwrap();
            let look = |init: &mut Program, pid| {
                let what = WaitFor { pid, no_hang: true, stopped: false, continued: false };
                init.call(|task| task.wait(what)).map(|waited| waited.map(|waited| waited.pid))
            };
            for pid in [own, other, -1, 0, -other] {
                assert_eq!(look(init, pid), Ok(None));
            }
            for pid in [own + 50, -own - 50, -4_000_000, Pid::MIN] {
                assert_eq!(look(init, pid), Err(Errno::Child));
            }
            assert_eq!(init.call(|task| task.kill(Pid::MIN, None)), Err(Errno::Srch));
            init.write(writes, b"..").unwrap();
            assert_eq!(init.wait_for(-other).unwrap().pid, other);
            assert_eq!(look(init, -other), Err(Errno::Child));
            assert_eq!(init.wait_for(0).unwrap().pid, own);
            0
        });
}

#[test]
fn a_child_that_stops_and_goes_on_is_told_of_to_who_asks() {
    World::new()
        .program("child", |child| {
            assert_eq!(child.read(0), Ok(Vec::new()));
            3
        })
        .passes(|init| {
            let (reads, writes) = init.pipe();
            let child = init.start("child", &[FileAction::Dup { from: reads, to: 0 }, FileAction::CloseFrom(3)]);
            let wait = |init: &mut Program, stopped, continued| {
                let what = WaitFor { pid: child, no_hang: false, stopped, continued };
                init.call(|task| task.wait(what)).unwrap().unwrap().status
            };
            init.kill(child, Signal::TSTP);
            assert_eq!(wait(init, true, false), 0x147f);
            assert_eq!(init.task.kernel.entry(child as u32).unwrap().state, 'T');
            // What would end it waits until it goes on.
            init.kill(child, Signal::CONT);
            assert_eq!(wait(init, false, true), 0xffff);
            init.kill(child, Signal::STOP);
            init.kill(child, Signal::CONT);
            init.close(writes);
            init.close(reads);
            assert_eq!(wait(init, false, false), exited(3));
            0
        });
}

#[test]
fn a_stopped_process_ends_when_it_goes_on_and_is_killed_at_once() {
    let stopped = || {
        World::new().program("child", |child| {
            child.read(0).unwrap();
            0
        })
    };
    stopped().passes(|init| {
        let (reads, _) = init.pipe();
        let child = init.start("child", &[FileAction::Dup { from: reads, to: 0 }]);
        init.kill(child, Signal::STOP);
        init.kill(child, Signal::TERM);
        let what = WaitFor { pid: child, no_hang: true, stopped: true, continued: false };
        assert_eq!(init.call(|task| task.wait(what)).unwrap().unwrap().status, 0x137f);
        assert_eq!(init.call(|task| task.wait(what)), Ok(None));
        init.kill(child, Signal::CONT);
        assert_eq!(init.status(child), 15);
        0
    });
    stopped().passes(|init| {
        let (reads, _) = init.pipe();
        let child = init.start("child", &[FileAction::Dup { from: reads, to: 0 }]);
        init.kill(child, Signal::STOP);
        init.kill(child, Signal::KILL);
        assert_eq!(init.status(child), 9);
        0
    });
}

#[test]
fn the_limit_of_processes_holds_and_frees_again() {
    let mut world = World::new().program("child", |child| {
        child.read(0).unwrap();
        0
    });
    world.quota.processes = 4;
    world.passes(|init| {
        let (reads, writes) = init.pipe();
        let stdin = [FileAction::Dup { from: reads, to: 0 }, FileAction::CloseFrom(3)];
        let children: Vec<_> = (0..3).map(|_| init.start("child", &stdin)).collect();
        assert_eq!(init.spawn(program("child")).unwrap_err(), Errno::Again);
        init.kill(children[0], Signal::KILL);
        init.status(children[0]);
        let next = init.start("child", &stdin);
        init.close(writes);
        init.close(reads);
        for child in [children[1], children[2], next] {
            assert_eq!(init.status(child), exited(0));
        }
        0
    });
}

#[test]
fn the_limit_of_descriptors_holds() {
    let mut world = World::new();
    world.quota.open_files = 6;
    world.passes(|init| {
        assert_eq!(init.pipe(), (3, 4));
        // Both ends or none.
        assert_eq!(init.call(|task| task.pipe(0)), Err(Errno::MFile));
        assert_eq!(init.open("/bin", flags::READ_ONLY), Ok(5));
        assert_eq!(init.open("/bin", flags::READ_ONLY), Err(Errno::MFile));
        assert_eq!(init.open("/tmp/new", flags::CREATE | flags::WRITE_ONLY), Err(Errno::MFile));
        init.close(5);
        assert_eq!(init.open("/tmp/new", flags::READ_ONLY), Err(Errno::NoEnt));
        assert_eq!(init.call(|task| task.dup(0, 6, false)), Err(Errno::Inval));
        assert_eq!(init.call(|task| task.dup_to(0, 6, false)), Err(Errno::BadF));
        init.task.set_limit(7, (4, 6)).unwrap();
        assert_eq!(init.call(|task| task.dup(0, 0, false)), Err(Errno::MFile));
        0
    });
}

#[test]
fn orphans_are_reaped_and_the_last_word_is_the_first_process_s() {
    World::new()
        .program("grandchild", |orphan| {
            orphan.meet(0);
            1
        })
        .program("child", |child| {
            child.start("grandchild", &[]);
            0
        })
        .passes(|init| {
            let (reads, writes) = init.pipe();
            let child = init.start("child", &[FileAction::Dup { from: reads, to: 0 }]);
            assert_eq!(init.status(child), exited(0));
            assert_eq!(init.wait_for(-1).unwrap_err(), Errno::Child);
            init.write(writes, b".").unwrap();
            while init.task.kernel.numbers().len() > 1 {
                std::thread::yield_now();
            }
            0
        });
}

#[test]
fn all_processes_end_with_the_first() {
    let world = World::new()
        .program("child", |child| {
            // The first process may be gone by now: then nothing begins any more.
            if child.spawn(super::program("reader")) != Err(Errno::Again) {
                child.read(3).unwrap();
            }
            0
        })
        .program("reader", |reader| {
            reader.read(3).unwrap();
            0
        });
    let (end, _) = world.run(|init| {
        init.pipe();
        for _ in 0..10 {
            init.start("child", &[]);
        }
        6
    });
    assert_eq!(end, End::new(Cause::Exited(6)));
}

#[test]
fn sessions_and_groups_are_made_and_joined_as_allowed() {
    World::new()
        .program("child", |child| {
            child.meet(0);
            0
        })
        .program("leader", |leader| {
            assert_eq!(leader.call(|task| task.set_session()), Ok(leader.pid()));
            let ids = leader.task.kernel.ids(leader.pid()).unwrap();
            assert_eq!((ids.group, ids.session), (leader.pid(), leader.pid()));
            assert_eq!(leader.call(|task| task.set_group(0, 0)), Err(Errno::Perm));
            assert_eq!(leader.call(|task| task.set_session()), Err(Errno::Perm));
            0
        })
        .passes(|init| {
            let (reads, writes) = init.pipe();
            let stdin = vec![FileAction::Dup { from: reads, to: 0 }];
            let first = init.spawn(Spawn { group: Some(0), actions: stdin.clone(), ..program("child") }).unwrap();
            let second = init.spawn(Spawn { group: Some(first), actions: stdin.clone(), ..program("child") }).unwrap();
            assert_eq!(init.task.kernel.ids(second).unwrap().group, first);
            let third = Spawn { session: true, actions: stdin, ..program("child") };
            let third = init.spawn(third).unwrap();
            assert_eq!(init.task.kernel.ids(third).unwrap().session, third);
            let joins = Spawn { group: Some(third), ..program("child") };
            assert_eq!(init.spawn(joins).unwrap_err(), Errno::Perm);
            let joins = Spawn { group: Some(999), ..program("child") };
            assert_eq!(init.spawn(joins).unwrap_err(), Errno::Perm);
            init.write(writes, b"...").unwrap();
            for pid in [first, second, third] {
                assert_eq!(init.status(pid), exited(0));
            }
            let leader = init.start("leader", &[]);
            assert_eq!(init.status(leader), exited(0));
            0
        });
}

#[test]
fn the_time_and_memory_of_children_are_added_up() {
    World::new()
        .program("child", |child| {
            child.task.process.note_cpu(std::time::Duration::from_nanos(5));
            child.task.process.note_memory(70);
            0
        })
        .passes(|init| {
            let pid = init.start("child", &[]);
            let waited = init.wait_for(pid).unwrap();
            assert_eq!((waited.cpu, waited.memory), (5, 70));
            assert_eq!(init.task.process.cpu(), (0, 5));
            0
        });
}
