//! A cowbox of one's own for each test: the built program on a store in a temporary folder.

#[cfg(all(feature = "native", target_os = "linux"))]
pub mod bundle;
#[cfg(all(feature = "native", target_os = "linux"))]
pub mod native;
#[cfg(all(feature = "native", target_os = "linux"))]
pub mod person;
#[cfg(unix)]
pub mod pty;
#[cfg(all(feature = "native", target_os = "linux"))]
pub mod steps;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

/// A store, and the program on it.
pub struct Cowbox {
    folder: TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Ended {
        Ended {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ended {
    /// Standard output of a command that has to succeed.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// The one line of a command that has to fail with `code`.
    #[track_caller]
    pub fn fails(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "an error is one line: {self:?}");
        assert!(self.err.starts_with("cowbox: "), "{self:?}");
        self.err.trim_end().to_owned()
    }
}

impl Cowbox {
    /// An empty store.
    pub fn empty() -> Cowbox {
        Cowbox { folder: tempfile::tempdir().unwrap() }
    }

    /// A store in which the base image is loaded and compiled: that is done once for all tests.
    pub fn with_base() -> Cowbox {
        static SEED: OnceLock<Cowbox> = OnceLock::new();
        let seed = SEED.get_or_init(|| {
            let seed = Cowbox::empty();
            seed.run(["run", "--rm", "base", "true"]).ok();
            seed
        });
        let cowbox = Cowbox::empty();
        copy_folder(&seed.root(), &cowbox.root());
        cowbox
    }

    /// A folder for files of the test.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder of the store.
    pub fn root(&self) -> PathBuf {
        self.path("store")
    }

    /// The program with these arguments, ready to be started.
    pub fn command<A: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cowbox"));
        command.args(args).env("COWBOX_HOME", self.root()).env_remove("TZ").current_dir(self.folder.path());
        command
    }

    /// Runs the program to its end without input.
    pub fn run<A: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Ended {
        self.run_with(args, b"")
    }

    /// Runs the program to its end with this input.
    pub fn run_with<A: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = A>, input: &[u8]) -> Ended {
        let mut command = self.command(args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || {
            // A program that does not read its input is no failure.
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Ended::from(output)
    }

    /// Makes the image `name` of one program, written in the text format of wasm.
    pub fn program(&self, name: &str, text: &str) {
        let folder = self.path(&format!("{name}.d"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("main.wasm"), wat::parse_str(text).unwrap()).unwrap();
        let folder = folder.to_str().unwrap();
        self.run(["import", "--change", r#"ENTRYPOINT ["/main.wasm"]"#, folder, name]).ok();
    }

    /// Nothing in the store is damaged.
    #[track_caller]
    pub fn is_clean(&self) {
        assert_eq!(self.run(["system", "fsck"]).ok(), "the store is clean\n");
    }
}

/// A guest that prints `text` and exits with `code`.
pub fn printing(text: &str, code: i32) -> String {
    format!(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1)
            (data (i32.const 0) "\10\00\00\00{length}\00\00\00")
            (data (i32.const 16) "{text}")
            (func (export "_start")
                (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
                (call $exit (i32.const {code}))))"#,
        length = format_args!("\\{:02x}", text.len()),
        text = text.replace('\n', "\\n"),
    )
}

/// A guest that never ends.
pub const SPINNING: &str =
    r#"(module (memory (export "memory") 1) (func (export "_start") (loop $again (br $again))))"#;

pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Whether a tool can be started here; where it cannot, the reason is printed.
pub fn has_tool(name: &str) -> bool {
    let found = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        println!("skipped: {name} is not installed");
    }
    found
}

/// Runs a tool that has to succeed, and returns its standard output.
#[track_caller]
pub fn tool<A: AsRef<std::ffi::OsStr>>(name: &str, args: impl IntoIterator<Item = A>) -> String {
    let output = Command::new(name).args(args).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits until `text` appears in what `child` writes, byte by byte: for guests that say when they are ready.
pub fn wait_for_output(child: &mut Child, text: &str) {
    use std::io::Read;
    let out = child.stdout.as_mut().unwrap();
    let mut seen = Vec::new();
    let mut byte = [0];
    while !String::from_utf8_lossy(&seen).contains(text) {
        assert_eq!(out.read(&mut byte).unwrap(), 1, "the output ended");
        seen.push(byte[0]);
    }
}
