//! What this shell does, against what dash and bash do on the same commands. A shell that is not installed is left out, and the test says so.

use std::path::Path;
use std::process::{Command, Stdio};

/// What a shell writes and how it ends, in an empty directory of its own.
fn outcome(shell: &[&str], script: &str) -> (String, Option<i32>) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let output = Command::new(shell[0])
        .args(&shell[1..])
        .args(["-c", script, "sh", "first", "second word"])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", "/nowhere")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .output()
        .expect("the shell starts");
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
}

fn is_installed(shell: &str) -> bool {
    ["/bin", "/usr/bin", "/usr/local/bin"].iter().any(|folder| Path::new(folder).join(shell).exists())
}

/// Compares on each script of a file; they are separated by lines of `====`. On each of them one of the oracles has to do the same.
fn compare(scripts: &str, oracles: &[&[&str]]) {
    if let Some(missing) = oracles.iter().find(|oracle| !is_installed(oracle[0])) {
        println!("skipped: {} is not installed", missing[0]);
        return;
    }
    let ours = env!("CARGO_BIN_EXE_sh");
    let mut different = Vec::new();
    let mut count = 0;
    for script in scripts.trim_end().split("\n====\n") {
        count += 1;
        let got = outcome(&[ours], script);
        let expected: Vec<_> = oracles.iter().map(|oracle| outcome(oracle, script)).collect();
        if !expected.contains(&got) {
            different.push(format!("{script}\n  expected: {expected:?}\n  ours: {got:?}"));
        }
    }
    assert!(count > 10, "the scripts were not found");
    assert!(different.is_empty(), "{} of {count} differ:\n\n{}", different.len(), different.join("\n\n"));
}

#[test]
fn what_posix_says_is_done_as_dash_or_bash_does_it() {
    compare(include_str!("scripts/posix.txt"), &[&["dash"], &["bash", "--posix"]]);
}

#[test]
fn what_bash_adds_is_done_as_bash_does_it() {
    compare(include_str!("scripts/bash.txt"), &[&["bash"]]);
}
