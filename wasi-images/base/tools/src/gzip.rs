//! gzip, gunzip and zcat.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use cowbox_guest::os::{MetadataExt, PermissionsExt};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::arguments::{Arguments, Flag, unknown};

const USAGE: &str = "gzip [-cdfkqtv] [-1..-9] [FILE...]";

struct Options {
    decompresses: bool,
    to_stdout: bool,
    keeps: bool,
    forces: bool,
    tests: bool,
    is_verbose: bool,
    level: u32,
}

pub fn run(name: &str, arguments: Vec<OsString>) -> i32 {
    let mut options = Options {
        decompresses: name != "gzip",
        to_stdout: name == "zcat",
        keeps: false,
        forces: false,
        tests: false,
        is_verbose: false,
        level: 6,
    };
    let mut arguments = Arguments::new(arguments);
    while let Some(flag) = arguments.flag() {
        match flag {
            Flag::Short('c') => options.to_stdout = true,
            Flag::Short('d') => options.decompresses = true,
            Flag::Short('f') => options.forces = true,
            Flag::Short('k') => options.keeps = true,
            Flag::Short('t') => (options.tests, options.decompresses) = (true, true),
            Flag::Short('v') => options.is_verbose = true,
            Flag::Short('n' | 'q' | 'N') => {}
            Flag::Short(digit @ '1'..='9') => options.level = digit.to_digit(10).unwrap_or(6),
            Flag::Long(ref long, _) => match long.as_str() {
                "stdout" | "to-stdout" => options.to_stdout = true,
                "decompress" | "uncompress" => options.decompresses = true,
                "force" => options.forces = true,
                "keep" => options.keeps = true,
                "test" => (options.tests, options.decompresses) = (true, true),
                "verbose" => options.is_verbose = true,
                "fast" => options.level = 1,
                "best" => options.level = 9,
                "quiet" | "no-name" | "name" => {}
                _ => return unknown(name, &flag, USAGE),
            },
            flag => return unknown(name, &flag, USAGE),
        }
    }
    let mut files = arguments.operands();
    if files.is_empty() {
        files.push("-".into());
    }
    let mut status = 0;
    for file in files {
        let done = if file == "-" { streamed(&options) } else { one(Path::new(&file), &options) };
        if let Err(error) = done {
            eprintln!("{name}: {}: {error}", if file == "-" { "stdin".into() } else { file.to_string_lossy() });
            status = 1;
        }
    }
    status
}

fn streamed(options: &Options) -> io::Result<()> {
    if !options.decompresses && !options.forces && cowbox_guest::term::is_terminal(1) {
        return Err(io::Error::other("compressed data not written to a terminal"));
    }
    let output = io::stdout().lock();
    if options.tests {
        converted(io::stdin().lock(), io::sink(), options)
    } else {
        converted(io::stdin().lock(), output, options)
    }
}

fn converted(mut input: impl Read, mut output: impl Write, options: &Options) -> io::Result<()> {
    if options.decompresses {
        io::copy(&mut MultiGzDecoder::new(input), &mut output)?;
    } else {
        let mut encoder = GzEncoder::new(&mut output, Compression::new(options.level));
        io::copy(&mut input, &mut encoder)?;
        encoder.finish()?;
    }
    output.flush()
}

fn one(path: &Path, options: &Options) -> io::Result<()> {
    let input = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && options.decompresses => File::open(with_suffix(path))?,
        opened => opened?,
    };
    let source = if path.exists() { path.to_owned() } else { with_suffix(path) };
    let metadata = input.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::other("is a directory -- ignored"));
    }
    let reader = io::BufReader::with_capacity(64 * 1024, input);
    if options.tests {
        return converted(reader, io::sink(), options);
    }
    if options.to_stdout {
        return converted(reader, io::stdout().lock(), options);
    }
    let target = if options.decompresses { without_suffix(&source)? } else { with_suffix(&source) };
    if !options.decompresses && !options.forces && source.extension().is_some_and(|suffix| suffix == "gz") {
        return Err(io::Error::other("already has .gz suffix -- unchanged"));
    }
    if target.exists() && !options.forces {
        return Err(io::Error::other(format!("{} already exists", target.display())));
    }
    let output = io::BufWriter::with_capacity(64 * 1024, File::create(&target)?);
    if let Err(error) = converted(reader, output, options) {
        // Half a file is worse than none.
        let _ = fs::remove_file(&target);
        return Err(error);
    }
    like(&target, &metadata)?;
    if options.is_verbose {
        let size = fs::metadata(&target)?.len();
        eprintln!("{}: {} -> {} bytes, {}", source.display(), metadata.len(), size, target.display());
    }
    if options.keeps { Ok(()) } else { fs::remove_file(source) }
}

/// Gives a file the mode, the times and, where that may be done, the owners of another.
fn like(path: &Path, metadata: &fs::Metadata) -> io::Result<()> {
    let _ = cowbox_guest::fs::chown(path, Some(metadata.uid()), Some(metadata.gid()));
    cowbox_guest::fs::set_mode(path, metadata.permissions().mode() & 0o7777)?;
    let times = fs::FileTimes::new().set_modified(metadata.modified()?).set_accessed(metadata.accessed()?);
    File::options().write(true).open(path)?.set_times(times)
}

fn with_suffix(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".gz");
    name.into()
}

fn without_suffix(path: &Path) -> io::Result<PathBuf> {
    match path.extension().and_then(|suffix| suffix.to_str()) {
        Some("gz" | "z" | "Z") => Ok(path.with_extension("")),
        Some("tgz") => Ok(path.with_extension("tar")),
        _ => Err(io::Error::other("unknown suffix -- ignored")),
    }
}
