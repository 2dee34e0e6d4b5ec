//! Works Rust's standard library and the file system, and prints what must come out on every machine: `workout DIR`.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

fn main() -> ExitCode {
    let Some(dir) = std::env::args_os().nth(1) else {
        eprintln!("usage: workout DIR");
        return ExitCode::from(2);
    };
    let top = Path::new(&dir).join("workout");
    match run(&top) {
        Ok(()) => {
            println!("workout: done");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("workout: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(top: &Path) -> io::Result<()> {
    fs::create_dir(top)?;
    tree(top)?;
    files(top)?;
    words(top)?;
    clocks();
    fs::remove_dir_all(top)
}

/// Many small files in nested directories: written, walked, removed.
fn tree(top: &Path) -> io::Result<()> {
    let tree = top.join("tree");
    for n in 0..3000 {
        let dir = tree.join(format!("a{}", n % 10)).join(format!("b{}", n / 10 % 10));
        fs::create_dir_all(&dir)?;
        fs::write(dir.join(format!("f{n}")), format!("file {n}\n").repeat(n % 5 + 1))?;
    }
    let (mut files, mut bytes, mut sum, mut pending) = (0, 0, 0_u64, vec![tree.clone()]);
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                pending.push(entry.path());
            } else {
                files += 1;
                bytes += entry.metadata()?.len();
                sum += fs::read(entry.path())?.iter().map(|&byte| u64::from(byte)).sum::<u64>();
            }
        }
    }
    fs::remove_dir_all(&tree)?;
    println!("tree: {files} files, {bytes} bytes, sum {sum}, gone: {}", !tree.exists());
    Ok(())
}

/// Offsets, truncation, append, links, times, errors.
fn files(top: &Path) -> io::Result<()> {
    let (path, other) = (top.join("file"), top.join("other"));
    let mut file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
    file.seek(SeekFrom::Start(1 << 20))?;
    file.write_all(b"end")?;
    file.rewind()?;
    file.write_all(b"0123456789")?;
    let end = file.seek(SeekFrom::End(-3))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    file.set_len(6)?;
    OpenOptions::new().append(true).open(&path)?.write_all(b"more")?;
    fs::hard_link(&path, &other)?;
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_millis(1_234_567_890_500))?;
    let modified = fs::metadata(&other)?.modified()?.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    fs::rename(&path, top.join("renamed"))?;
    fs::remove_file(top.join("renamed"))?;
    println!(
        "files: {end} {text} {:?} {} ms, old name there: {}",
        fs::read_to_string(&other)?,
        modified.as_millis(),
        path.exists()
    );
    let kinds = [
        File::open(&path).map(drop),
        fs::create_dir(top),
        File::open(other.join("below")).map(drop),
        File::create_new(&other).map(drop),
    ]
    .map(|result| result.map_or_else(|error| error.kind(), |()| ErrorKind::Other));
    println!("errors: {kinds:?}");
    fs::copy(&other, &path)?;
    println!("copied: {}", fs::read(&path)? == fs::read(&other)?);
    Ok(())
}

/// A big text file, written and read through buffers.
fn words(top: &Path) -> io::Result<()> {
    let path = top.join("words");
    let mut file = BufWriter::new(File::create(&path)?);
    for n in 0_u64..50_000 {
        writeln!(file, "word{} word{}", n * n % 89, n * 7 % 31)?;
    }
    file.into_inner()?.sync_all()?;
    let mut counts = HashMap::new();
    for line in BufReader::new(File::open(&path)?).lines() {
        for word in line?.split(' ') {
            *counts.entry(word.to_owned()).or_insert(0_u32) += 1;
        }
    }
    let mut sorted: Vec<_> = counts.into_iter().map(|(word, count)| (u32::MAX - count, word)).collect();
    sorted.sort();
    println!("words: {} different, {} {}", sorted.len(), sorted[0].1, u32::MAX - sorted[0].0);
    Ok(())
}

/// Clocks that run, and sleep that sleeps.
fn clocks() {
    let start = Instant::now();
    std::thread::sleep(Duration::from_millis(10));
    let year_2020 = SystemTime::UNIX_EPOCH + Duration::from_secs(1_577_836_800);
    println!(
        "clocks: slept {}, later than 2020 {}",
        start.elapsed() >= Duration::from_millis(10),
        SystemTime::now() > year_2020
    );
}
