//! The rules of `docs/architecture.md`, read off the sources: who imports whom, where crates live, where `unsafe`, `cfg`
//! and the process's own streams and environment may stand.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// What each module may import of the others.
const IMPORTS: &[(&str, &[&str])] = &[
    ("sys", &[]),
    ("oci", &[]),
    ("vfs", &["sys"]),
    ("erofs", &["sys", "vfs"]),
    ("archive", &["erofs", "oci", "sys", "vfs"]),
    ("store", &["archive", "erofs", "oci", "sys", "vfs"]),
    ("kernel", &["sys", "vfs"]),
    ("runtime", &["kernel", "oci", "sys", "vfs"]),
    ("engine", &["archive", "oci", "runtime", "store", "sys", "vfs"]),
    ("cli", &["engine", "oci", "runtime", "store", "sys", "vfs"]),
];

/// Where each outside crate may be named.
const HOMES: &[(&str, &[&str])] = &[
    ("wasmtime", &["runtime/wasm/"]),
    // What a host file has differs between systems, and the types are those of cap-std.
    ("cap_std", &["vfs/hostdir", "sys/host_"]),
    ("sha2", &["oci/digest.rs"]),
    ("tar", &["archive/"]),
    ("flate2", &["archive/compression"]),
    ("zstd", &["archive/compression"]),
    ("walkdir", &["store/"]),
    ("crc32c", &["erofs/", "vfs/upper/", "runtime/wasm/compiled.rs"]),
    ("jiff", &["oci/", "engine/", "cli/"]),
    ("smallvec", &["vfs/"]),
    ("serde", &["oci/", "store/", "engine/", "cli/", "runtime/native/"]),
    ("serde_json", &["oci/", "store/", "engine/", "cli/", "runtime/native/"]),
    ("clap", &["cli/"]),
    ("clap_complete", &["cli/"]),
    ("etcetera", &["cli/"]),
    ("rustix", &["sys/"]),
    ("libc", &["sys/"]),
    ("windows_sys", &["sys/"]),
    ("memmap2", &["sys/"]),
    ("getrandom", &["sys/"]),
];

/// Crates that any module may name.
const AT_HOME_EVERYWHERE: &[&str] = &["thiserror", "tempfile"];

/// The files outside `sys/` that choose between systems: the one line that picks the native runtime's backend.
const SYSTEM_FILES: &[&str] = &["runtime/native/mod.rs"];

/// Files outside `sys/` that hold `unsafe`, each for the one reason that is written at its top.
const UNSAFE_FILES: &[&str] = &["runtime/wasm/compiled.rs"];

struct Source {
    /// The path below `src`, with `/` on every system.
    path: String,
    /// The code, without comments and what stands in quotes, and without the tests at the end.
    code: String,
    /// Whether the whole file is compiled for tests only.
    is_test: bool,
}

impl Source {
    fn module(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap_or_default()
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files: Vec<PathBuf> = vec![root.clone()];
    let mut sources = Vec::new();
    let mut tests = Vec::new();
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
            tests.extend(test_modules(&name, &text));
            sources.push(Source { path: name, code: bare(&text), is_test: false });
        }
    }
    for source in &mut sources {
        source.is_test = tests.iter().any(|test| source.path.starts_with(test.as_str()));
    }
    assert!(sources.len() > 20, "the sources were not found");
    sources
}

/// The files and folders of the modules that the file at `path` declares for tests only, as beginnings of paths.
fn test_modules(path: &str, text: &str) -> Vec<String> {
    let folder = match path.strip_suffix("/mod.rs") {
        Some(folder) => format!("{folder}/"),
        None if matches!(path, "lib.rs" | "main.rs") => String::new(),
        None => format!("{}/", path.trim_end_matches(".rs")),
    };
    let mut modules = Vec::new();
    let mut is_for_tests = false;
    for line in text.lines() {
        let words: Vec<_> = line.trim_end_matches(';').split(' ').collect();
        match words.as_slice() {
            ["#[cfg(test)]"] => is_for_tests = true,
            [] => {}
            [first, ..] if first.starts_with("#[") => {}
            ["mod", name] | [_, "mod", name] if is_for_tests && line.ends_with(';') => {
                modules.extend([format!("{folder}{name}.rs"), format!("{folder}{name}/")]);
                is_for_tests = false;
            }
            _ => is_for_tests = false,
        }
    }
    modules
}

/// The code without line comments, strings and the tests at the end of the file.
fn bare(text: &str) -> String {
    let text = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut code = String::new();
    for line in text.lines() {
        let mut in_string = false;
        let mut letters = line.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' if in_string => {
                    letters.next();
                }
                '\'' if !in_string && letters.peek() == Some(&'"') => {
                    letters.next();
                }
                '"' => in_string = !in_string,
                '/' if !in_string && letters.peek() == Some(&'/') => break,
                letter if !in_string => code.push(letter),
                _ => {}
            }
        }
        code.push('\n');
    }
    code
}

/// Whether `word` stands in `code` as a path's beginning: not as a part of a longer name or path.
fn names(code: &str, word: &str) -> bool {
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = &code[at + word.len()..];
        !before.is_some_and(|letter| is_name(letter) || letter == ':' || letter == '.') && after.starts_with("::")
    })
}

fn check(broken: Vec<String>) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn imports_point_downward() {
    let mut broken = Vec::new();
    for source in sources() {
        let Some((module, allowed)) = IMPORTS.iter().find(|(module, _)| *module == source.module()) else { continue };
        for (other, _) in IMPORTS.iter().filter(|(other, _)| other != module && !allowed.contains(other)) {
            if source.code.contains(&format!("crate::{other}::")) || source.code.contains(&format!("crate::{other};")) {
                broken.push(format!("src/{}: {module} must not import {other}", source.path));
            }
        }
        if source.code.contains("use crate::{") && source.module() != "engine" {
            broken.push(format!("src/{}: import one module a line, so that this test can read it", source.path));
        }
    }
    check(broken);
}

#[test]
fn every_module_has_its_line_in_the_table() {
    let known = |name: &str| IMPORTS.iter().any(|(module, _)| *module == name) || matches!(name, "lib" | "main");
    let strangers = sources().into_iter().filter(|source| !known(source.module())).map(|source| source.path);
    check(strangers.collect());
}

#[test]
fn outside_crates_stay_in_their_homes() {
    let mut broken = Vec::new();
    for source in sources() {
        for (name, homes) in HOMES {
            if names(&source.code, name) && !homes.iter().any(|home| source.path.starts_with(home)) {
                broken.push(format!("src/{}: {name} belongs in {}", source.path, homes.join(", ")));
            }
        }
    }
    check(broken);
}

#[test]
fn every_dependency_has_a_home_and_a_comment() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let (mut is_list, mut above, mut broken) = (false, "", Vec::new());
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_list = line.ends_with("dependencies]") && !line.contains("dev-");
        } else if is_list && let Some((name, _)) = line.split_once(" = ").filter(|(name, _)| !name.contains(' ')) {
            let crate_name = name.replace('-', "_");
            let has_home = HOMES.iter().any(|(known, _)| *known == crate_name);
            if !has_home && !AT_HOME_EVERYWHERE.contains(&crate_name.as_str()) {
                broken.push(format!("Cargo.toml: {name} has no home in tests/architecture.rs"));
            }
            // Crates that belong together share a comment.
            let is_explained = above.starts_with("# ") || above.contains(name) || name.contains(package(above));
            if !is_explained {
                broken.push(format!("Cargo.toml: {name} is not said to be for anything"));
            }
        }
        above = line;
    }
    check(broken);
}

/// The name that a line of a list of dependencies begins with.
fn package(line: &str) -> &str {
    line.split_once(" = ").map_or("\n", |(name, _)| name)
}

#[test]
fn unsafe_code_and_differences_between_systems_stay_in_sys() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| source.module() != "sys") {
        let is_exempt = UNSAFE_FILES.contains(&source.path.as_str());
        if !is_exempt && (source.code.contains("unsafe {") || source.code.contains("allow(unsafe_code)")) {
            broken.push(format!("src/{}: unsafe code belongs in sys", source.path));
        }
        for word in ["cfg(unix", "cfg(windows", "target_os", "target_family", "cfg!(", "std::os::"] {
            // What lies in the native runtime's folder for Linux is compiled on Linux alone, and may name descriptors.
            let is_linux = source.path.starts_with("runtime/native/linux/") && word == "std::os::";
            if source.code.contains(word) && !is_linux && !SYSTEM_FILES.contains(&source.path.as_str()) {
                broken.push(format!("src/{}: `{word}` belongs in sys", source.path));
            }
        }
    }
    check(broken);
}

#[test]
fn the_library_prints_nothing_and_reads_no_environment() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| !matches!(source.module(), "cli" | "main")) {
        // What this program was built for is no part of the environment.
        let code = source.code.replace("std::env::consts", "");
        for word in ["println!", "print!", "std::env", "env::var", "process::exit", "clap"] {
            // A test that cannot run prints why, and one that counts what its process has runs itself in one of its own.
            let is_for_tests = source.is_test && !matches!(word, "process::exit" | "clap");
            if code.contains(word) && !is_for_tests {
                broken.push(format!("src/{}: `{word}` belongs in cli", source.path));
            }
        }
    }
    check(broken);
}

#[test]
fn whiteout_names_are_known_to_the_archive_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let knows = |source: &&Source| {
        let text = fs::read_to_string(root.join(&source.path)).unwrap();
        !source.path.starts_with("archive/") && text.contains("\".wh.")
    };
    check(sources().iter().filter(knows).map(|source| format!("src/{} knows whiteout names", source.path)).collect());
}

#[test]
fn every_file_says_what_it_is_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let is_silent = |source: &&Source| !fs::read_to_string(root.join(&source.path)).unwrap().starts_with("//! ");
    check(
        sources().iter().filter(is_silent).map(|source| format!("src/{} has no first sentence", source.path)).collect(),
    );
}
