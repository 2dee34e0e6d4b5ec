//! `kill -9` of cowbox at each step that changes something: nothing stays behind, and what is told is true.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::support::bundle::Bundle;
use super::support::native::with_box;
use super::support::steps::{End, kill_at};
use super::support::{Cowbox, Ended};

/// Runs the command and kills it at each of its steps, or every so many of them, one after the other; after each, `check` is called with what it was
/// about to do. Says so where programs cannot be traced.
fn at_each_step(every: usize, make: impl Fn() -> Command, check: impl Fn(usize, &str)) {
    let run = |step| kill_at(make().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()), step);
    let steps = match run(usize::MAX) {
        Ok(End::Ended(steps)) => steps,
        end => return println!("skipped: a program cannot be traced here: {end:?}"),
    };
    // The first run may have made more, folders that stay among them.
    for step in (0..steps).step_by(every) {
        if let End::Killed(what) = run(step).unwrap() {
            check(step, &format!("step {step} of {steps}, {what}"));
        } else {
            assert!(step > steps / 2, "it ended at {step} of {steps}");
        }
    }
}

/// What one store's containers have of the host.
struct Host<'a> {
    cowbox: &'a Cowbox,
    /// The folder of all their cgroups, and a word on all their command lines.
    name: String,
}

impl Host<'_> {
    /// The cgroups of containers, in all hierarchies.
    fn cgroups(&self) -> Vec<PathBuf> {
        let hierarchies = entries(Path::new("/sys/fs/cgroup")).into_iter().chain(["/sys/fs/cgroup".into()]);
        hierarchies.flat_map(|root| entries(&root.join(&self.name))).filter(|path| path.is_dir()).collect()
    }

    /// Processes that were made for containers, as soon as they have had time to end.
    fn processes(&self) -> Vec<String> {
        let until = Instant::now() + Duration::from_secs(120);
        loop {
            let lines = entries(Path::new("/proc"));
            let lines = lines.iter().filter_map(|pid| fs::read_to_string(pid.join("cmdline")).ok());
            let found: Vec<String> = lines.filter(|line| line.contains(&self.name)).collect();
            if found.is_empty() || Instant::now() > until {
                return found;
            }
            std::thread::yield_now();
        }
    }

    /// Waits for the end of what the kernel ends after a kill: to the last, it holds the lock of its container.
    #[track_caller]
    fn settles(&self, when: &str) {
        assert_eq!(self.processes(), [] as [&str; 0], "{when}");
        let until = Instant::now() + Duration::from_secs(120);
        let locks = entries(&self.cowbox.root().join("containers")).into_iter().map(|folder| folder.join("lock"));
        for lock in locks.filter_map(|path| fs::File::open(path).ok()) {
            while lock.try_lock().is_err() {
                assert!(Instant::now() < until, "a lock is held, {when}");
                std::thread::yield_now();
            }
        }
    }

    /// Lines of a list of the host that name something of the store.
    fn of_store(&self, text: &str) -> Vec<String> {
        let root = self.cowbox.root();
        text.lines().filter(|line| line.contains(root.to_str().unwrap())).map(str::to_owned).collect()
    }

    fn mounts(&self) -> Vec<String> {
        self.of_store(&fs::read_to_string("/proc/self/mountinfo").unwrap())
    }

    fn loop_devices(&self) -> Vec<String> {
        let backing = entries(Path::new("/sys/block")).into_iter().map(|device| device.join("loop/backing_file"));
        self.of_store(&backing.filter_map(|file| fs::read_to_string(file).ok()).collect::<String>())
    }

    /// All files of the store but those that say how they are used.
    fn files(&self) -> BTreeSet<PathBuf> {
        let (mut found, mut folders) = (BTreeSet::new(), vec![self.cowbox.root()]);
        while let Some(folder) = folders.pop() {
            for path in entries(&folder) {
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path.clone());
                }
                found.insert(path);
            }
        }
        found
    }

    /// Nothing of containers is on the host.
    #[track_caller]
    fn is_free(&self, when: &str) {
        assert_eq!(self.processes(), [] as [&str; 0], "{when}");
        assert_eq!(self.cgroups(), [] as [PathBuf; 0], "{when}");
        assert_eq!(self.mounts(), [] as [&str; 0], "{when}");
        assert_eq!(self.loop_devices(), [] as [&str; 0], "{when}");
    }
}

impl Drop for Host<'_> {
    fn drop(&mut self) {
        let hierarchies = entries(Path::new("/sys/fs/cgroup")).into_iter().chain(["/sys/fs/cgroup".into()]);
        for folder in hierarchies.map(|root| root.join(&self.name)) {
            // It was made by a container that asked for it; most hierarchies have none.
            let _ = fs::remove_dir(folder);
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

#[test]
fn a_run_that_is_killed_at_any_step_leaves_nothing() {
    let Some(cowbox) = with_box() else { return };
    let host = Host { cowbox: &cowbox, name: format!("cowbox-killed-{}", std::process::id()) };
    let temporary = cowbox.path("tmp");
    fs::create_dir(&temporary).unwrap();
    let run = |options: &[&str]| {
        let args = [&["run", "--rm", "--cgroup-parent", &host.name], options, &["box", "true", &host.name]].concat();
        let mut command = cowbox.command(args);
        command.env("TMPDIR", &temporary);
        command
    };
    let ended = |mut command: Command| Ended::from(command.output().unwrap());
    ended(run(&[])).ok();
    cowbox.run(["system", "prune", "-f"]).ok();
    let before = host.files();
    at_each_step(
        1,
        || run(&["--name", "job"]),
        |step, when| {
            host.settles(when);
            // It runs no more, if it ever did.
            let listed = cowbox.run(["ps", "-a", "--format", "{{.Names}} {{.Status}}"]).ok();
            let is_known = !listed.is_empty();
            let is_true = !is_known || listed == "job Created\n" || listed.starts_with("job Exited (137)");
            assert!(is_true, "{when}: {listed}");
            if step % 4 == 0 {
                // The next one has nothing of it in its way.
                ended(run(&[])).ok();
            }
            match step % 3 {
                0 if is_known => cowbox.run(["rm", "job"]).ok(),
                1 if is_known => cowbox.run(["rm", "-f", "job"]).ok(),
                _ => cowbox.run(["system", "prune", "-f"]).ok(),
            };
            host.is_free(when);
        },
    );
    cowbox.run(["system", "prune", "-f"]).ok();
    assert_eq!(host.files(), before);
    assert_eq!(entries(&temporary), [] as [PathBuf; 0]);
    cowbox.is_clean();
}

#[test]
fn a_container_whose_run_was_killed_is_started_again() {
    let Some(cowbox) = with_box() else { return };
    let host = Host { cowbox: &cowbox, name: format!("cowbox-killed-again-{}", std::process::id()) };
    let ran = cowbox.path("out/ran");
    fs::create_dir(cowbox.path("out")).unwrap();
    let bind = format!("{}:/out", cowbox.path("out").display());
    let run = || {
        // Mostly it is not there.
        let _ = fs::remove_file(&ran);
        // Limits are kept by cgroups of v1 where there are any: those take more steps.
        let limits = ["--cgroup-parent", &host.name, "-m", "64m", "--cpuset-cpus", "0"];
        let program = ["-v", &bind, "box", "touch", "/out/ran", &host.name];
        cowbox.command([&["run", "--name", "job"][..], &limits, &program].concat())
    };
    if Ended::from(run().output().unwrap()).code != 0 {
        return println!("skipped: limits cannot be kept here");
    }
    cowbox.run(["rm", "job"]).ok();
    at_each_step(3, run, |_, when| {
        host.settles(when);
        let listed = cowbox.run(["ps", "-a", "--format", "{{.Status}}"]).ok();
        if !listed.is_empty() {
            let is_true = ["Created", "Exited (137)", "Exited (0)"].iter().any(|state| listed.starts_with(state));
            assert!(is_true, "{when}: {listed}");
            assert!(!ran.exists() || !listed.starts_with("Created"), "{when}: its program ran");
            assert_eq!(cowbox.run(["start", "-a", "job"]).ok(), "", "{when}");
            cowbox.run(["rm", "job"]).ok();
        }
        host.is_free(when);
    });
}

#[test]
fn a_creation_that_is_killed_at_any_step_leaves_nothing_that_cannot_be_deleted() {
    let Some(bundle) = Bundle::new() else { return };
    let host = Host { cowbox: &bundle.cowbox, name: format!("cowbox-killed-creation-{}", std::process::id()) };
    bundle.args(&["true", &host.name]);
    bundle.change(|config| config["linux"]["cgroupsPath"] = format!("/{}/one", host.name).into());
    at_each_step(
        2,
        || bundle.command(["create", &host.name]),
        |_, when| {
            bundle.runtime(["delete", "--force", &host.name]).ok();
            bundle.is_gone();
            host.is_free(when);
        },
    );
    bundle.runtime(["delete", "--force", &host.name]).ok();
    bundle.is_gone();
    host.is_free("at the end");
}

#[test]
fn a_start_that_is_killed_at_any_step_leaves_a_container_that_can_be_deleted() {
    let Some(bundle) = Bundle::new() else { return };
    let host = Host { cowbox: &bundle.cowbox, name: format!("cowbox-killed-start-{}", std::process::id()) };
    bundle.args(&["true", &host.name]);
    bundle.change(|config| config["linux"]["cgroupsPath"] = format!("/{}/one", host.name).into());
    let create = || {
        let mut create = bundle.command(["create", &host.name]);
        assert!(create.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
    };
    let start = || {
        create();
        bundle.command(["start", &host.name])
    };
    let check = |_, when: &str| {
        let state = bundle.runtime(["state", &host.name]).ok();
        let is_known = ["created", "running", "stopped"].iter().any(|status| state.contains(&format!("\"{status}\"")));
        assert!(is_known, "{when}: {state}");
        bundle.runtime(["delete", "--force", &host.name]).ok();
        bundle.is_gone();
        host.is_free(when);
    };
    // The one that is let through is deleted by the next.
    let make = || {
        bundle.runtime(["delete", "--force", &host.name]).ok();
        start()
    };
    at_each_step(1, make, check);
    bundle.runtime(["delete", "--force", &host.name]).ok();
    bundle.is_gone();
    host.is_free("at the end");
}

#[test]
fn a_deletion_that_is_killed_at_any_step_is_done_by_the_next() {
    let Some(bundle) = Bundle::new() else { return };
    let host = Host { cowbox: &bundle.cowbox, name: format!("cowbox-killed-delete-{}", std::process::id()) };
    bundle.args(&["sleep", "1000", &host.name]);
    bundle.change(|config| config["linux"]["cgroupsPath"] = format!("/{}/one", host.name).into());
    let make = || {
        bundle.runtime(["delete", "--force", &host.name]).ok();
        let mut run = bundle.command(["run", "-d", &host.name]);
        assert!(run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
        bundle.command(["delete", "--force", &host.name])
    };
    at_each_step(1, make, |_, when| {
        bundle.runtime(["delete", "--force", &host.name]).ok();
        bundle.is_gone();
        host.is_free(when);
    });
    bundle.runtime(["delete", "--force", &host.name]).ok();
    bundle.is_gone();
    host.is_free("at the end");
}

#[test]
fn a_process_that_runs_a_container_in_the_background_leaves_nothing_where_it_is_killed() {
    let Some(cowbox) = with_box() else { return };
    let host = Host { cowbox: &cowbox, name: format!("cowbox-killed-monitor-{}", std::process::id()) };
    let make = || {
        // Mostly it is not there.
        let _ = cowbox.run(["rm", "-f", "job"]);
        let create = ["create", "--name", "job", "--cgroup-parent", &host.name, "box", "true", &host.name];
        let id = cowbox.run(create).ok();
        cowbox.command(["monitor", id.trim()])
    };
    at_each_step(2, make, |_, when| {
        host.settles(when);
        let listed = cowbox.run(["ps", "-a", "--format", "{{.Status}}"]).ok();
        let is_true = ["Created", "Exited (137)", "Exited (0)"].iter().any(|state| listed.starts_with(state));
        assert!(is_true, "{when}: {listed}");
        cowbox.run(["rm", "job"]).ok();
        host.is_free(when);
    });
    let _ = cowbox.run(["rm", "-f", "job"]);
    host.is_free("at the end");
    cowbox.is_clean();
}
