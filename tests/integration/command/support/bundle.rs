//! A bundle of the OCI runtime specification, and `cowbox runtime` for it.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::native::busybox;
use super::{Cowbox, Ended, tool};

/// A bundle with a folder of states beside it.
pub struct Bundle {
    pub cowbox: Cowbox,
    /// Who runs it, if that is not the caller.
    user: Option<u32>,
}

impl Bundle {
    /// A bundle of a static busybox. None where such containers cannot run, and then it says why.
    pub fn new() -> Option<Bundle> {
        let bundle = Bundle::empty();
        if let Err(why) = busybox(&bundle.root()) {
            println!("skipped: {why}");
            return None;
        }
        bundle.begin(&["true"]).then_some(bundle)
    }

    /// A bundle with nothing in its root, and no configuration.
    pub fn empty() -> Bundle {
        Bundle { cowbox: Cowbox::empty(), user: None }
    }

    /// A bundle of a user who is not root, with the program beside it. None where they cannot run it, and then it says why.
    pub fn of_user(uid: u32) -> Option<Bundle> {
        let bundle = Bundle { cowbox: Cowbox::empty(), user: Some(uid) };
        if let Err(why) = busybox(&bundle.root()) {
            println!("skipped: {why}");
            return None;
        }
        let (built, own) = (Path::new(env!("CARGO_BIN_EXE_cowbox")), bundle.path("cowbox"));
        fs::hard_link(built, &own).or_else(|_| fs::copy(built, &own).map(drop)).unwrap();
        fs::set_permissions(bundle.path(""), fs::Permissions::from_mode(0o755)).unwrap();
        tool("chown", ["-R", &format!("{uid}:{uid}"), bundle.root().to_str().unwrap()]);
        tool("chown", [&format!("{uid}:{uid}"), bundle.path("").to_str().unwrap()]);
        bundle.begin(&["true"]).then_some(bundle)
    }

    /// Makes the configuration, with a program that ends with 0. False where it cannot run, and then it says why.
    pub fn begin(&self, program: &[&str]) -> bool {
        let rootless = self.user.map(|_| "--rootless");
        self.runtime(["spec", "--bundle", self.path("").to_str().unwrap()].into_iter().chain(rootless)).ok();
        self.change(|config| config["process"]["terminal"] = json!(false));
        self.args(program);
        let probe = self.run("probe");
        if probe.code != 0 {
            println!("skipped: containers cannot run here: {}", probe.err.trim_end());
        }
        probe.code == 0
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.cowbox.path("").join(name)
    }

    pub fn root(&self) -> PathBuf {
        self.path("rootfs")
    }

    /// Changes the configuration.
    pub fn change(&self, change: impl FnOnce(&mut Value)) {
        let path = self.path("config.json");
        let mut config = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut config);
        fs::write(path, config.to_string()).unwrap();
    }

    pub fn args(&self, args: &[&str]) {
        self.change(|config| config["process"]["args"] = json!(args));
    }

    pub fn script(&self, script: &str) {
        self.args(&["sh", "-c", script]);
    }

    pub fn mount(&self, destination: &str, kind: &str, source: &str, options: &[&str]) {
        let mount = json!({"destination": destination, "type": kind, "source": source, "options": options});
        self.change(|config| config["mounts"].as_array_mut().unwrap().push(mount));
    }

    pub fn command<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        let states = self.path("states");
        let first = ["runtime", "--root", states.to_str().unwrap()];
        let mut command = match self.user {
            None => self.cowbox.command(first),
            Some(user) => {
                let mut command = Command::new(self.path("cowbox"));
                command.args(first).current_dir(self.path("")).uid(user).gid(user);
                command
            }
        };
        command.args(args);
        command
    }

    pub fn runtime<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Ended {
        // Files, not pipes: what a created container has for streams lives as long as it does.
        let (out, err) = (self.path("out"), self.path("err"));
        let mut command = self.command(args);
        command.stdin(Stdio::null()).stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
        let status = command.status().unwrap();
        let text = |path| fs::read_to_string(path).unwrap();
        Ended { code: status.code().unwrap_or(-1), out: text(out), err: text(err) }
    }

    pub fn run(&self, id: &str) -> Ended {
        self.runtime(["run", id])
    }

    pub fn status(&self, id: &str) -> String {
        let state: Value = serde_json::from_str(&self.runtime(["state", id]).ok()).unwrap();
        state["status"].as_str().unwrap().to_owned()
    }

    pub fn pid(&self, id: &str) -> u32 {
        let state: Value = serde_json::from_str(&self.runtime(["state", id]).ok()).unwrap();
        state["pid"].as_u64().unwrap().try_into().unwrap()
    }

    /// Waits until the container's process has ended.
    pub fn wait(&self, id: &str) {
        let until = Instant::now() + Duration::from_secs(120);
        while self.status(id) != "stopped" {
            assert!(Instant::now() < until, "{id} does not end");
            std::thread::yield_now();
        }
    }

    /// Nothing is left of any container.
    #[track_caller]
    pub fn is_gone(&self) {
        let names = fs::read_dir(self.path("states")).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.filter(|name| name != "~filters").count(), 0);
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(self.path("rootfs").to_str().unwrap()), "{mounts}");
    }
}
