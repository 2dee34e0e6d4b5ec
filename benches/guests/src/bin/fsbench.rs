//! Measures file operations through the standard library, as a WASI guest or natively: one line `name value unit` each.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const USAGE: &str = "\
usage: fsbench [OPTION...] DIR
  --prepare        only lay out the files to be read (DIR/many, DIR/deep, DIR/data), as for an image
  --only A,B,...   these measurements alone (names: see --list)
  --list           print the names of the measurements
  --seconds S      how long each measurement runs (0.5)
  --entries N      files in the directory that is listed (2000)
  --mib N          size of the file that is read and written (64)
The files are laid out when they are missing. What is written goes to DIR/scratch, which is removed at the end.";

type Measurement = fn(&Bench) -> io::Result<Rate>;

/// The measurements in the order they run; the first ones need no writable directory once the files are there.
const MEASUREMENTS: &[(&str, Measurement)] = &[
    ("stat", stat),
    ("stat_deep", stat_deep),
    ("stat_missing", stat_missing),
    ("open_close", open_close),
    ("readdir", readdir),
    ("read_small_file", read_small_file),
    ("read_4k", |bench| read(bench, 4 << 10)),
    ("read_64k", |bench| read(bench, 64 << 10)),
    ("pread_4k_random", pread_random),
    ("write_100", write_small),
    ("write_64k", write_large),
    ("rename", rename),
    ("create_unlink", create_unlink),
    ("mkdir_rmdir", mkdir_rmdir),
];

/// What the loops need to know.
struct Bench {
    /// The directory all of it happens in.
    dir: PathBuf,
    /// How long a measurement runs at least.
    time: Duration,
    /// Files in `many`.
    entries: usize,
    /// Bytes in `data`.
    size: usize,
}

/// So much of something in so much time.
struct Rate {
    amount: f64,
    unit: &'static str,
    elapsed: Duration,
}

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("fsbench: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut args: impl Iterator<Item = String>) -> Result<(), String> {
    let mut bench = Bench { dir: PathBuf::new(), time: Duration::from_millis(500), entries: 2000, size: 64 << 20 };
    let (mut only, mut prepare_only) = (None, false);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} wants a value"));
        match arg.as_str() {
            "--help" => {
                println!("{USAGE}");
                return Ok(());
            }
            "--list" => {
                MEASUREMENTS.iter().for_each(|(name, _)| println!("{name}"));
                return Ok(());
            }
            "--prepare" => prepare_only = true,
            "--only" => only = Some(value()?.split(',').map(str::to_owned).collect::<Vec<_>>()),
            "--seconds" => bench.time = Duration::from_secs_f64(number(&value()?)?),
            "--entries" => bench.entries = number::<usize>(&value()?)?.max(1),
            "--mib" => bench.size = number::<usize>(&value()?)?.max(1) << 20,
            option if option.starts_with('-') => return Err(format!("unknown option {option}\n{USAGE}")),
            dir => bench.dir = PathBuf::from(dir),
        }
    }
    if bench.dir.as_os_str().is_empty() {
        return Err(USAGE.to_owned());
    }
    if let Some(unknown) = only.iter().flatten().find(|name| MEASUREMENTS.iter().all(|(known, _)| known != name)) {
        return Err(format!("no measurement is called {unknown}"));
    }
    bench.prepare().map_err(|error| format!("lay out {}: {error}", bench.dir.display()))?;
    if prepare_only {
        return Ok(());
    }
    for (name, measurement) in MEASUREMENTS {
        if only.as_ref().is_some_and(|only| only.iter().all(|wanted| wanted != name)) {
            continue;
        }
        let rate = measurement(&bench).map_err(|error| format!("{name}: {error}"))?;
        println!("{name} {:.1} {}", rate.amount / rate.elapsed.as_secs_f64(), rate.unit);
    }
    match fs::remove_dir_all(bench.dir.join("scratch")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(format!("remove scratch: {error}")),
        _ => Ok(()),
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is not a number that fits"))
}

impl Bench {
    /// Makes what the measurements read, unless it is there.
    fn prepare(&self) -> io::Result<()> {
        let many = self.dir.join("many");
        if !self.file_name(self.entries - 1).exists() {
            fs::create_dir_all(&many)?;
            for index in 0..self.entries {
                fs::write(self.file_name(index), format!("the content of file {index}\n"))?;
            }
        }
        let deep = self.deep();
        if !deep.exists() {
            fs::create_dir_all(deep.parent().expect("it has components"))?;
            fs::write(&deep, "deep\n")?;
        }
        let data = self.dir.join("data");
        if fs::metadata(&data).map_or(true, |meta| meta.len() != self.size as u64) {
            let mut file = File::create(&data)?;
            let mut random = Random(1);
            let block: Vec<u8> = (0..1_usize << 20).map(|_| random.next() as u8).collect();
            for _ in 0..self.size >> 20 {
                file.write_all(&block)?;
            }
        }
        Ok(())
    }

    fn file_name(&self, index: usize) -> PathBuf {
        self.dir.join("many").join(format!("file-{index:06}"))
    }

    fn deep(&self) -> PathBuf {
        self.dir.join("deep/er/and/deeper/down/the/tree/file")
    }

    fn scratch(&self, name: &str) -> io::Result<PathBuf> {
        let dir = self.dir.join("scratch");
        fs::create_dir_all(&dir)?;
        Ok(dir.join(name))
    }

    /// Some of the names in `many`, so that making the names is not measured.
    fn names(&self) -> Vec<PathBuf> {
        let mut random = Random(7);
        (0..256).map(|_| self.file_name(random.next() as usize % self.entries)).collect()
    }

    /// Repeats `step` until the time is over; the clock is asked after 1, 2, 4, ... steps, at least every 10 ms or so.
    fn operations(&self, mut step: impl FnMut(usize) -> io::Result<()>) -> io::Result<Rate> {
        step(0)?;
        let (start, mut done, mut batch) = (Instant::now(), 0, 1);
        loop {
            for _ in 0..batch {
                step(done)?;
                done += 1;
            }
            let elapsed = start.elapsed();
            if elapsed >= self.time {
                return Ok(Rate { amount: done as f64, unit: "ops/s", elapsed });
            }
            let longest = (done as f64 * 0.01 / elapsed.as_secs_f64().max(1e-9)) as usize;
            batch = (batch * 2).min(longest.max(1));
        }
    }
}

fn stat(bench: &Bench) -> io::Result<Rate> {
    let names = bench.names();
    bench.operations(|n| fs::metadata(&names[n % names.len()]).map(drop))
}

fn stat_deep(bench: &Bench) -> io::Result<Rate> {
    let name = bench.deep();
    bench.operations(|_| fs::metadata(&name).map(drop))
}

fn stat_missing(bench: &Bench) -> io::Result<Rate> {
    let names: Vec<_> = (0..256).map(|n| bench.dir.join("many").join(format!("missing-{n}"))).collect();
    bench.operations(|n| match fs::metadata(&names[n % names.len()]) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::other("a file that cannot be there is there")),
    })
}

fn open_close(bench: &Bench) -> io::Result<Rate> {
    let names = bench.names();
    bench.operations(|n| File::open(&names[n % names.len()]).map(drop))
}

fn readdir(bench: &Bench) -> io::Result<Rate> {
    let many = bench.dir.join("many");
    let mut listed = 0;
    let rate = bench.operations(|_| {
        listed = 0;
        for entry in fs::read_dir(&many)? {
            listed += usize::from(!entry?.file_name().is_empty());
        }
        Ok(())
    })?;
    if listed < bench.entries {
        return Err(io::Error::other(format!("{listed} entries listed of {}", bench.entries)));
    }
    Ok(Rate { amount: rate.amount * listed as f64, unit: "entries/s", ..rate })
}

fn read_small_file(bench: &Bench) -> io::Result<Rate> {
    let names = bench.names();
    let mut buffer = [0; 256];
    bench.operations(|n| {
        let mut file = File::open(&names[n % names.len()])?;
        while file.read(&mut buffer)? != 0 {}
        Ok(())
    })
}

/// Sequential reads of the big file, over and over.
fn read(bench: &Bench, block: usize) -> io::Result<Rate> {
    let mut file = File::open(bench.dir.join("data"))?;
    let mut buffer = vec![0; block];
    let mut bytes = 0_usize;
    let rate = bench.operations(|_| {
        let count = file.read(&mut buffer)?;
        bytes += count;
        if count == 0 { file.rewind() } else { Ok(()) }
    })?;
    Ok(megabytes(bytes, rate))
}

fn pread_random(bench: &Bench) -> io::Result<Rate> {
    let file = File::open(bench.dir.join("data"))?;
    let blocks = bench.size as u64 / 4096;
    let (mut random, mut buffer) = (Random(3), vec![0; 4096]);
    bench.operations(|_| match read_at(&file, &mut buffer, random.next() % blocks * 4096)? {
        4096 => Ok(()),
        count => Err(io::Error::other(format!("{count} bytes of 4096 read"))),
    })
}

fn write_small(bench: &Bench) -> io::Result<Rate> {
    let path = bench.scratch("small")?;
    let mut file = File::create(&path)?;
    let line = [b'x'; 100];
    let rate = bench.operations(|n| {
        if n % (1 << 18) == 0 {
            file.rewind()?;
        }
        file.write_all(&line)
    })?;
    fs::remove_file(path)?;
    Ok(rate)
}

fn write_large(bench: &Bench) -> io::Result<Rate> {
    let path = bench.scratch("large")?;
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
    let block = vec![0x5a; 64 << 10];
    let blocks = (bench.size / block.len()).max(1);
    let mut bytes = 0;
    let rate = bench.operations(|n| {
        if n % blocks == 0 {
            file.rewind()?;
        }
        bytes += block.len();
        file.write_all(&block)
    })?;
    fs::remove_file(path)?;
    Ok(megabytes(bytes, rate))
}

fn rename(bench: &Bench) -> io::Result<Rate> {
    let names = [bench.scratch("a")?, bench.scratch("b")?];
    fs::write(&names[0], "renamed\n")?;
    let mut at = 0;
    let rate = bench.operations(|_| {
        fs::rename(&names[at], &names[1 - at])?;
        at = 1 - at;
        Ok(())
    })?;
    fs::remove_file(&names[at])?;
    Ok(rate)
}

fn create_unlink(bench: &Bench) -> io::Result<Rate> {
    let name = bench.scratch("new")?;
    bench.operations(|_| {
        File::create_new(&name)?;
        fs::remove_file(&name)
    })
}

fn mkdir_rmdir(bench: &Bench) -> io::Result<Rate> {
    let name = bench.scratch("dir")?;
    bench.operations(|_| {
        fs::create_dir(&name)?;
        fs::remove_dir(&name)
    })
}

fn megabytes(bytes: usize, rate: Rate) -> Rate {
    Rate { amount: bytes as f64 / 1e6, unit: "MB/s", ..rate }
}

#[cfg(any(unix, target_os = "wasi"))]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    use std::os::fd::AsRawFd;
    // SAFETY: the buffer is writable for its whole length, and the file is open.
    let count =
        unsafe { libc::pread(file.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), offset as libc::off_t) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

/// Marsaglia's xorshift64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
