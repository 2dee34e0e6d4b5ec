//! The WASI test suite (github.com/WebAssembly/wasi-testsuite, branch `prod/testsuite-base`): every prebuilt preview 1 test
//! as a container with its fixture as the root file system.
//!
//! `COWBOX_WASI_TESTSUITE` names a checkout; without it the test says so and returns.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use cowbox::runtime::wasm::{Wasm, WasmOptions};
use cowbox::runtime::{Bundle, Input, Limits, Output, Process, Rootfs, Runtime, Stdio, Workload};
use cowbox::vfs::{InodeRef, MemFsOptions, Name, Namespace, NewInode, NewKind, memfs};
use serde_json::Value;

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Copies a directory of the host into `dir`.
fn copy(from: &Path, dir: &InodeRef) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let name = Name::new(name.as_bytes()).unwrap();
        if entry.file_type().unwrap().is_dir() {
            let made = dir.create(name, &NewInode::new(NewKind::Directory, 0o755)).unwrap();
            copy(&entry.path(), &made);
        } else {
            let made = dir.create(name, &NewInode::new(NewKind::Regular, 0o644)).unwrap();
            made.write_at(&fs::read(entry.path()).unwrap(), 0).unwrap();
        }
    }
}

/// Runs one test; what differs from what its description expects.
fn run(wasm: &Wasm, module: &Path) -> Result<(), String> {
    let description: Value = match fs::read(module.with_extension("json")) {
        Ok(text) => serde_json::from_slice(&text).unwrap(),
        Err(_) => Value::Null,
    };
    let root = memfs(&MemFsOptions::default());
    if let Some(folder) = description["root"].as_str() {
        copy(&module.parent().unwrap().join(folder), &root);
    }
    // The program lies on a file system of its own: tests count what is in the root directory.
    let program = memfs(&MemFsOptions::default())
        .create(Name::new(b"main").unwrap(), &NewInode::new(NewKind::Regular, 0o755))
        .unwrap();
    program.write_at(&fs::read(module).unwrap(), 0).unwrap();
    let mut namespace = Namespace::new(root);
    let name = format!("/{}", module.file_name().unwrap().to_str().unwrap());
    namespace.mount(&cowbox::vfs::GuestPath::new(&name).unwrap(), program).unwrap();

    let strings = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let env = description["env"].as_object().into_iter().flatten();
    let process = Process {
        args: [name].into_iter().chain(strings(&description["args"])).collect(),
        env: env.map(|(key, value)| format!("{key}={}", value.as_str().unwrap())).collect(),
        ..Process::default()
    };
    let (stdout, stderr) = (Sink::default(), Sink::default());
    let stdio = Stdio {
        stdin: Input::Null,
        stdout: Output::Writer(Box::new(stdout.clone())),
        stderr: Output::Writer(Box::new(stderr.clone())),
    };
    let bundle = Bundle {
        name: "testsuite".to_owned(),
        workload: Workload::Guest {
            process,
            rootfs: Rootfs { namespace: Arc::new(namespace), processes: Arc::default() },
        },
        limits: Limits::default(),
        stdio,
        terminal: None,
    };
    let status = wasm.create(bundle).map_err(|error| error.to_string())?.start().map_err(|e| e.to_string())?.wait();
    let text = |sink: &Sink| String::from_utf8_lossy(&sink.0.lock().unwrap()).into_owned();
    let expected = description["exit_code"].as_i64().unwrap_or(0);
    if i64::from(status.code) != expected {
        let message = status.message.unwrap_or_default();
        return Err(format!("exit code {} instead of {expected}\n{}{message}", status.code, text(&stderr)));
    }
    match description["stdout"].as_str() {
        Some(expected) if text(&stdout) != expected => Err(format!("stdout {:?}", text(&stdout))),
        _ => Ok(()),
    }
}

fn modules(checkout: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for language in ["assemblyscript", "c", "rust"] {
        let folder = checkout.join("tests").join(language).join("testsuite/wasm32-wasip1");
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let files = entries.map(|entry| entry.unwrap().path());
        found.extend(files.filter(|path| path.extension().is_some_and(|extension| extension == "wasm")));
    }
    found.sort();
    found
}

#[test]
#[allow(clippy::disallowed_macros)] // It prints why it is skipped, and a list for people.
fn the_wasi_testsuite_passes() {
    let Ok(checkout) = std::env::var("COWBOX_WASI_TESTSUITE") else {
        println!("skipped: COWBOX_WASI_TESTSUITE names no checkout of WebAssembly/wasi-testsuite");
        return;
    };
    let wasm = Wasm::new(WasmOptions::default()).unwrap();
    let modules = modules(Path::new(&checkout));
    let failed: Vec<String> = modules
        .iter()
        .filter_map(|module| run(&wasm, module).err().map(|why| format!("{}: {why}", module.display())))
        .collect();
    println!("{} of {} pass", modules.len() - failed.len(), modules.len());
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}
