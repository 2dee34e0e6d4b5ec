//! Many processes at once, killed at random: nothing is left of them.

use std::sync::Weak;
use std::sync::atomic::AtomicU64;

use super::*;

/// A pipeline of three: one writes without end, one passes on, one counts.
fn pipeline(init: &mut Program, pipes: &Mutex<Vec<Weak<OpenFile>>>) -> [Pid; 3] {
    let ends: Vec<u32> = (0..2).flat_map(|_| <[u32; 2]>::from(init.pipe())).collect();
    pipes.lock().unwrap().extend(ends.iter().map(|fd| Arc::downgrade(init.task.fds.file(*fd).unwrap())));
    let stdio = |input: Option<u32>, output: Option<u32>| {
        let mut actions: Vec<_> = input.map(|from| FileAction::Dup { from, to: 0 }).into_iter().collect();
        actions.extend(output.map(|from| FileAction::Dup { from, to: 1 }));
        actions.push(FileAction::CloseFrom(3));
        actions
    };
    let children = [
        init.start("source", &stdio(None, Some(ends[1]))),
        init.start("filter", &stdio(Some(ends[0]), Some(ends[3]))),
        init.start("sink", &stdio(Some(ends[2]), None)),
    ];
    for fd in ends {
        init.close(fd);
    }
    children
}

#[test]
fn pipelines_under_random_kills_leave_nothing_behind() {
    const PIPELINES: usize = 1000;
    const AT_ONCE: usize = 100;
    let mut world = World::new()
        .program("source", |source| {
            // Half of them end by themselves.
            let rounds = if source.pid() % 2 == 0 { 5 } else { usize::MAX };
            for _ in 0..rounds {
                source.write(1, &[1; 10_000]).unwrap();
            }
            0
        })
        .program("filter", |filter| {
            loop {
                let bytes = filter.read(0).unwrap();
                if bytes.is_empty() {
                    return 0;
                }
                filter.write(1, &bytes).unwrap();
            }
        })
        .program("sink", |sink| {
            while !sink.read(0).unwrap().is_empty() {}
            0
        });
    world.quota.processes = 3 * AT_ONCE as u32 + 1;
    let pipes: Arc<Mutex<Vec<Weak<OpenFile>>>> = Arc::default();
    let (seen, random) = (pipes.clone(), AtomicU64::new(0x9e37_79b9_7f4a_7c15));
    let next = move || {
        let step = |x: u64| x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |x| Some(step(x))).unwrap() >> 33) as usize
    };
    world.passes(move |init| {
        for _ in 0..PIPELINES / AT_ONCE {
            let children: Vec<[Pid; 3]> = (0..AT_ONCE).map(|_| pipeline(init, &pipes)).collect();
            for pipeline in &children {
                // One that would run for ever is always killed; the others sometimes.
                if pipeline[0] % 2 != 0 || next() % 3 == 0 {
                    let signal = [Signal::KILL, Signal::TERM, Signal::PIPE][next() % 3];
                    // It may have ended, but nobody has waited for it.
                    init.kill(pipeline[next() % 3], signal);
                }
            }
            for pid in children.into_iter().flatten() {
                let status = init.status(pid);
                assert!([0, 9, 13, 15].contains(&status), "{status}");
            }
            assert_eq!(init.task.kernel.numbers(), [1]);
            assert_eq!(init.open_fds().len(), 3);
        }
        0
    });
    let seen = seen.lock().unwrap();
    assert_eq!((seen.len(), seen.iter().filter(|pipe| pipe.strong_count() > 0).count()), (PIPELINES * 4, 0));
}

#[test]
fn a_fork_bomb_meets_the_limit_and_ends_with_the_container() {
    let mut world = World::new().program("bomb", |bomb| {
        loop {
            while bomb.spawn(program("bomb")).is_ok() {}
            bomb.call(|_| Ok(())).unwrap();
            std::thread::yield_now();
        }
    });
    world.quota.processes = 200;
    let started = std::time::Instant::now();
    let world = world.program("init", |init| {
        init.start("bomb", &[]);
        init.read(init.task.fds.limit() - 1).unwrap_err();
        while init.task.kernel.numbers().len() < 200 {
            init.call(|_| Ok(())).unwrap();
            std::thread::yield_now();
        }
        let (reads, _) = init.pipe();
        init.read(reads).unwrap();
        0
    });
    let (kernel, _) = world.start();
    while kernel.numbers().len() < 200 {
        std::thread::yield_now();
    }
    kernel.kill(None, INIT, Some(Signal::TERM)).unwrap();
    assert_eq!(kernel.wait_for_end(), End::new(Cause::Signaled(Signal::TERM)));
    world.check_empty(&kernel);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}
