//! A user of this system who is not root: the tests run as root and act as them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

use super::native::busybox;
use super::{Ended, tool};

/// Accounts are made and removed one at a time.
static ACCOUNTS: Mutex<()> = Mutex::new(());

/// A user of this system who has the program, a store and the image `box`.
pub struct Person {
    pub home: TempDir,
    pub uid: u32,
    /// Made for this test; with the right to be the only one.
    account: Option<(String, MutexGuard<'static, ()>)>,
}

impl Person {
    /// Somebody whom the system does not know, and who has no other ids; none where that cannot be, and then it says why.
    pub fn stranger() -> Option<Person> {
        Person { home: tempfile::tempdir().unwrap(), uid: 12345, account: None }.prepared()
    }

    /// A user with ranges of ids.
    pub fn with_ranges() -> Option<Person> {
        for program in ["useradd", "newuidmap"] {
            if Command::new(program).arg("--help").output().is_err() {
                println!("skipped: {program} is not installed");
                return None;
            }
        }
        let alone = ACCOUNTS.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("cowbox{}", std::process::id());
        let made = Command::new("useradd").args(["--no-create-home", "--user-group", &name]).output().unwrap();
        if !made.status.success() {
            println!("skipped: useradd: {}", String::from_utf8_lossy(&made.stderr).trim_end());
            return None;
        }
        let mut person = Person { home: tempfile::tempdir().unwrap(), uid: 0, account: Some((name.clone(), alone)) };
        person.uid = tool("id", ["-u", &name]).trim().parse().unwrap();
        if !fs::read_to_string("/etc/subuid").unwrap_or_default().contains(&format!("{name}:")) {
            println!("skipped: useradd gives no ranges of ids here");
            return None;
        }
        person.prepared()
    }

    fn prepared(self) -> Option<Person> {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: only root can act as somebody else");
            return None;
        }
        let image = self.path("box");
        if let Err(why) = busybox(&image) {
            println!("skipped: {why}");
            return None;
        }
        // What would do harm, if it could.
        fs::create_dir(image.join("set")).unwrap();
        fs::copy(image.join("bin/busybox"), image.join("set/id")).unwrap();
        fs::set_permissions(image.join("set/id"), fs::Permissions::from_mode(0o4755)).unwrap();
        tool("mknod", [image.join("etc/disk").to_str().unwrap(), "b", "8", "0"]);
        fs::create_dir_all(image.join("home/ann")).unwrap();
        chown(image.join("home/ann"), Some(1000), Some(1001)).unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_cowbox"));
        fs::hard_link(program, self.path("cowbox"))
            .or_else(|_| fs::copy(program, self.path("cowbox")).map(drop))
            .unwrap();
        fs::set_permissions(self.home.path(), fs::Permissions::from_mode(0o755)).unwrap();
        chown(self.home.path(), Some(self.uid), Some(self.uid)).unwrap();
        let platform = format!("linux/{}", std::env::consts::ARCH);
        self.run(["import", "--platform", &platform, image.to_str().unwrap(), "box"]).ok();
        let probe = self.run(["run", "--rm", "box", "true"]);
        if probe.code == 0 {
            return Some(self);
        }
        println!("skipped: native containers of users cannot run here: {}", probe.err.trim_end());
        None
    }

    /// The first of the further users and groups that they have.
    pub fn first_sub_ids(&self) -> [u32; 2] {
        let name = &self.account.as_ref().unwrap().0;
        ["/etc/subuid", "/etc/subgid"].map(|path| {
            let all = fs::read_to_string(path).unwrap();
            let own = all.lines().find_map(|line| line.strip_prefix(&format!("{name}:"))).unwrap();
            own.split_once(':').unwrap().0.parse().unwrap()
        })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn run<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Ended {
        Ended::from(self.command(self.path("cowbox")).args(args).output().unwrap())
    }

    /// A program that they run, in their home.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("COWBOX_HOME", self.path("store"));
        command.uid(self.uid).gid(self.uid).current_dir(self.home.path()).stdin(Stdio::null());
        command
    }

    /// Runs a script in a container that goes when it ends.
    pub fn sh(&self, options: &[&str], script: &str) -> Ended {
        self.run([&["run", "--rm"], options, &["box", "sh", "-c", script]].concat())
    }

    /// The names in a folder of the store.
    pub fn stored(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path("store").join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        if let Some((name, _)) = &self.account {
            let removed = Command::new("userdel").arg(name).output().unwrap();
            assert!(removed.status.success() || std::thread::panicking(), "userdel {name}");
        }
    }
}
