//! tar: archives of files, with their modes and owners.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Component, Path, PathBuf};

use cowbox_guest::os::{MetadataExt, OsStrExt};
use cowbox_guest::{sys, users};
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use regex::Regex;
use tar::{Builder, Entry, EntryType, Header};

use crate::arguments::{Arguments, Flag, unknown};

const USAGE: &str =
    "tar c|x|t [zvpkOh] [-f ARCHIVE] [-C DIRECTORY] [--exclude PATTERN] [--strip-components N] [-T FILE] [FILE...]";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Create,
    Append,
    Extract,
    List,
}

struct Options {
    archive: Option<PathBuf>,
    is_compressed: bool,
    verbosity: u32,
    /// Modes without the umask, and owners.
    preserves: bool,
    has_owners: bool,
    keeps_old: bool,
    to_stdout: bool,
    follows: bool,
    numeric: bool,
    strip: usize,
    excludes: Vec<Regex>,
    /// What to pack, or to unpack, each seen from a directory.
    files: Vec<(PathBuf, PathBuf)>,
    failed: bool,
}

pub fn run(name: &str, mut arguments: Vec<OsString>) -> i32 {
    // The first word may do without its dash.
    if let Some(first) = arguments.first_mut() {
        if !first.to_string_lossy().starts_with('-') {
            *first = spread(&first.to_string_lossy());
        }
    }
    let mut options = Options {
        archive: None,
        is_compressed: false,
        verbosity: 0,
        preserves: sys::geteuid() == 0,
        has_owners: sys::geteuid() == 0,
        keeps_old: false,
        to_stdout: false,
        follows: false,
        numeric: false,
        strip: 0,
        excludes: Vec::new(),
        files: Vec::new(),
        failed: false,
    };
    let action = match parsed(name, arguments, &mut options) {
        Ok(action) => action,
        Err(status) => return status,
    };
    let done = match action {
        Action::Create => create(&mut options),
        Action::Append => Err(io::Error::other("appending is not supported: make a new archive")),
        Action::Extract => extract(&mut options),
        Action::List => list(&options),
    };
    match done {
        Ok(()) if options.failed => {
            eprintln!("{name}: Exiting with failure status due to previous errors");
            2
        }
        Ok(()) => 0,
        Err(error) => {
            let archive = options.archive.as_deref().map_or("-".into(), Path::to_string_lossy);
            eprintln!("{name}: {archive}: {error}");
            2
        }
    }
}

/// `xzf` as the options `-xzf`, whose last letter may take a value.
fn spread(word: &str) -> OsString {
    // A letter with a value has to be the last one of its group.
    let (values, others): (Vec<char>, Vec<char>) = word.chars().partition(|letter| matches!(letter, 'f' | 'C' | 'T'));
    format!("-{}{}", String::from_iter(others), String::from_iter(values)).into()
}

fn parsed(name: &str, arguments: Vec<OsString>, options: &mut Options) -> Result<Action, i32> {
    let mut action = None;
    let mut directory = PathBuf::from(".");
    let mut lists = Vec::new();
    let fail = |text: &str| {
        eprintln!("{name}: {text}\nusage: {USAGE}");
        2
    };
    // Operands are seen from the directory named before them, so these are taken one by one.
    let mut rest = arguments;
    while !rest.is_empty() {
        let first = rest[0].to_string_lossy().into_owned();
        if first == "--" {
            options.files.extend(rest.drain(1..).map(|file| (directory.clone(), file.into())));
            break;
        }
        if !first.starts_with('-') || first == "-" {
            options.files.push((directory.clone(), rest.remove(0).into()));
            continue;
        }
        let mut one = Arguments::of_command(std::mem::take(&mut rest));
        while let Some(flag) = one.flag() {
            let (letter, given) = match &flag {
                Flag::Short(letter) => (*letter, None),
                Flag::Long(long, value) => (long_letter(long).unwrap_or('?'), value.clone()),
            };
            let mut value =
                || given.clone().or_else(|| one.value()).ok_or_else(|| fail(&format!("{flag} takes a value")));
            match letter {
                'c' => action = Some(Action::Create),
                'r' | 'u' => action = Some(Action::Append),
                'x' => action = Some(Action::Extract),
                't' => action = Some(Action::List),
                'z' => options.is_compressed = true,
                'v' => options.verbosity += 1,
                'p' => options.preserves = true,
                'k' => options.keeps_old = true,
                'O' => options.to_stdout = true,
                'h' => options.follows = true,
                'm' | 'a' | 'S' => {}
                'o' => options.has_owners = false,
                'n' => options.numeric = true,
                's' => options.has_owners = true,
                'f' => options.archive = Some(value()?.into()),
                'C' => directory = directory.join(value()?),
                'T' => lists.push((directory.clone(), PathBuf::from(value()?))),
                'E' => options.excludes.push(pattern(&value()?)),
                'X' => {
                    let file = value()?;
                    let text = fs::read_to_string(&file).map_err(|error| fail(&format!("{file}: {error}")))?;
                    options.excludes.extend(text.lines().map(pattern));
                }
                'N' => options.strip = value()?.parse().map_err(|_| fail("--strip-components takes a number"))?,
                'P' => {}
                'j' | 'J' => return Err(fail("only gzip is known here")),
                _ => return Err(unknown(name, &flag, USAGE)),
            }
            if matches!(flag, Flag::Long(..)) || one.is_between() {
                break;
            }
        }
        rest = one.into_rest();
    }
    for (directory, file) in lists {
        let text = if file == Path::new("-") { io::read_to_string(io::stdin()) } else { fs::read_to_string(&file) };
        let text = text.map_err(|error| fail(&format!("{}: {error}", file.display())))?;
        options.files.extend(text.lines().map(|line| (directory.clone(), line.into())));
    }
    if options.files.is_empty() && directory != Path::new(".") {
        options.files.push((directory, PathBuf::new()));
    }
    if options.archive.as_deref() == Some(Path::new("-")) {
        options.archive = None;
    }
    if let (Some(archive), Some(Action::Create)) = (&options.archive, action) {
        let text = archive.to_string_lossy();
        options.is_compressed |= text.ends_with(".gz") || text.ends_with(".tgz");
    }
    action.ok_or_else(|| fail("one of c, x and t has to be given"))
}

fn long_letter(name: &str) -> Option<char> {
    Some(match name {
        "create" => 'c',
        "extract" | "get" => 'x',
        "list" => 't',
        "gzip" | "gunzip" => 'z',
        "verbose" => 'v',
        "preserve-permissions" | "same-permissions" => 'p',
        "keep-old-files" => 'k',
        "to-stdout" => 'O',
        "dereference" => 'h',
        "touch" => 'm',
        "auto-compress" => 'a',
        "sparse" => 'S',
        "no-same-owner" => 'o',
        "same-owner" => 's',
        "numeric-owner" => 'n',
        "file" => 'f',
        "directory" => 'C',
        "files-from" => 'T',
        "exclude" => 'E',
        "exclude-from" => 'X',
        "strip-components" => 'N',
        "absolute-names" => 'P',
        _ => return None,
    })
}

/// A shell pattern, for a name or for the end of a path.
fn pattern(glob: &str) -> Regex {
    let mut source = String::from("(?s)(^|/)");
    let mut characters = glob.trim_end_matches('/').chars();
    while let Some(character) = characters.next() {
        match character {
            '*' => source.push_str(".*"),
            '?' => source.push('.'),
            '[' => {
                let rest = characters.as_str();
                match rest[1.min(rest.len())..].find(']') {
                    Some(end) => {
                        let (inside, after) = (&rest[..=end], &rest[end + 2..]);
                        source.push('[');
                        source.push_str(
                            &inside.replacen('!', "^", usize::from(inside.starts_with('!'))).replace('\\', "\\\\"),
                        );
                        source.push(']');
                        characters = after.chars();
                    }
                    None => source.push_str("\\["),
                }
            }
            '\\' => source.push_str(&regex::escape(&characters.next().unwrap_or('\\').to_string())),
            other => source.push_str(&regex::escape(&other.to_string())),
        }
    }
    source.push_str("(/|$)");
    Regex::new(&source).unwrap_or_else(|_| Regex::new(&regex::escape(glob)).expect("escaped text is a pattern"))
}

impl Options {
    fn is_excluded(&self, path: &Path) -> bool {
        let text = path.to_string_lossy();
        self.excludes.iter().any(|pattern| pattern.is_match(&text))
    }

    fn warn(&mut self, path: &Path, error: &io::Error) {
        eprintln!("tar: {}: {error}", path.display());
        self.failed = true;
    }
}

// Creating.

fn create(options: &mut Options) -> io::Result<()> {
    if options.files.is_empty() {
        return Err(io::Error::other("cowardly refusing to create an empty archive"));
    }
    let output: Box<dyn Write> = match &options.archive {
        Some(path) => Box::new(File::create(path)?),
        None if cowbox_guest::term::is_terminal(1) => {
            return Err(io::Error::other("refusing to write archive contents to a terminal"));
        }
        None => Box::new(io::stdout().lock()),
    };
    let output = BufWriter::with_capacity(128 * 1024, output);
    if options.is_compressed {
        let mut encoder = GzEncoder::new(output, Compression::default());
        pack(options, &mut encoder)?;
        encoder.finish()?.flush()
    } else {
        let mut output = output;
        pack(options, &mut output)?;
        output.flush()
    }
}

fn pack(options: &mut Options, output: &mut dyn Write) -> io::Result<()> {
    let mut builder = Builder::new(output);
    let archive =
        options.archive.as_ref().and_then(|path| fs::metadata(path).ok()).map(|file| (file.dev(), file.ino()));
    let mut packer = Packer { seen: archive.into_iter().collect(), links: HashMap::new(), names: Names::default() };
    for (directory, file) in options.files.clone() {
        packer.add(options, &mut builder, &directory, &file)?;
    }
    builder.finish()
}

struct Packer {
    /// The archive itself.
    seen: HashSet<(u64, u64)>,
    /// Where a file with several names was packed.
    links: HashMap<(u64, u64), PathBuf>,
    names: Names,
}

impl Packer {
    /// Packs a file, and what is below it. Fails where the archive cannot be written.
    fn add(
        &mut self,
        options: &mut Options,
        builder: &mut Builder<&mut dyn Write>,
        directory: &Path,
        file: &Path,
    ) -> io::Result<()> {
        let path = directory.join(file);
        if options.is_excluded(file) {
            return Ok(());
        }
        let metadata = if options.follows { fs::metadata(&path) } else { fs::symlink_metadata(&path) };
        let metadata = match metadata {
            Ok(metadata) => metadata,
            Err(error) => {
                options.warn(&path, &error);
                return Ok(());
            }
        };
        let key = (metadata.dev(), metadata.ino());
        if self.seen.contains(&key) {
            return Ok(());
        }
        let name = packed_name(file);
        if options.verbosity > 0 {
            let name = if metadata.is_dir() { format!("{}/", name.display()) } else { name.display().to_string() };
            if options.archive.is_some() { println!("{name}") } else { eprintln!("{name}") }
        }
        self.entry(options, builder, &path, &name, &metadata, key)?;
        if metadata.is_dir() {
            let names = match cowbox_guest::fs::names(&path) {
                Ok(names) => names,
                Err(error) => {
                    options.warn(&path, &error);
                    return Ok(());
                }
            };
            for name in names {
                self.add(options, builder, directory, &file.join(name))?;
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        options: &mut Options,
        builder: &mut Builder<&mut dyn Write>,
        path: &Path,
        name: &Path,
        metadata: &fs::Metadata,
        key: (u64, u64),
    ) -> io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_mode(metadata.mode() & 0o7777);
        header.set_uid(metadata.uid().into());
        header.set_gid(metadata.gid().into());
        header.set_mtime(metadata.mtime().max(0).cast_unsigned());
        header.set_size(0);
        // Names too long for their fields go without; the numbers are there.
        let _ = header.set_username(&self.names.user(metadata.uid()));
        let _ = header.set_groupname(&self.names.group(metadata.gid()));
        match metadata.mode() & sys::S_IFMT {
            sys::S_IFDIR => {
                header.set_entry_type(EntryType::Directory);
                builder.append_data(&mut header, directory_name(name), io::empty())
            }
            sys::S_IFLNK => {
                header.set_entry_type(EntryType::Symlink);
                match fs::read_link(path) {
                    Ok(target) => builder.append_link(&mut header, name, target),
                    Err(error) => Ok(options.warn(path, &error)),
                }
            }
            sys::S_IFIFO => {
                header.set_entry_type(EntryType::Fifo);
                builder.append_data(&mut header, name, io::empty())
            }
            sys::S_IFREG => {
                if metadata.nlink() > 1 {
                    if let Some(first) = self.links.get(&key) {
                        header.set_entry_type(EntryType::Link);
                        return builder.append_link(&mut header, name, first);
                    }
                    self.links.insert(key, name.to_owned());
                }
                let file = match File::open(path) {
                    Ok(file) => file,
                    Err(error) => return Ok(options.warn(path, &error)),
                };
                header.set_entry_type(EntryType::Regular);
                header.set_size(metadata.len());
                // Exactly as much as was announced, should the file change meanwhile.
                let content = file.chain(io::repeat(0)).take(metadata.len());
                builder.append_data(&mut header, name, content)
            }
            _ => Ok(options.warn(path, &io::Error::other("neither a file nor a directory: not packed"))),
        }
    }
}

/// Names of users and groups, each looked up once.
#[derive(Default)]
struct Names {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
}

impl Names {
    fn user(&mut self, uid: u32) -> String {
        let name = || users::user_by_id(uid).map_or_else(String::new, |user| user.name);
        self.users.entry(uid).or_insert_with(name).clone()
    }

    fn group(&mut self, gid: u32) -> String {
        let name = || users::group_by_id(gid).map_or_else(String::new, |group| group.name);
        self.groups.entry(gid).or_insert_with(name).clone()
    }
}

/// The path without what would lead out of where it is unpacked.
fn packed_name(path: &Path) -> PathBuf {
    let text = path.as_os_str().as_bytes();
    let inner: PathBuf = path.components().filter(|part| matches!(part, Component::Normal(_))).collect();
    if inner.as_os_str().is_empty() {
        return PathBuf::from("./");
    }
    if text.starts_with(b"./") { Path::new(".").join(inner) } else { inner }
}

fn directory_name(name: &Path) -> PathBuf {
    let mut name = name.as_os_str().to_owned();
    if !name.as_bytes().ends_with(b"/") {
        name.push("/");
    }
    name.into()
}

// Reading.

fn input(options: &Options) -> io::Result<Box<dyn Read>> {
    let input: Box<dyn Read> = match &options.archive {
        Some(path) => Box::new(File::open(path)?),
        None => Box::new(io::stdin().lock()),
    };
    let mut input = BufReader::with_capacity(128 * 1024, input);
    let start = io::BufRead::fill_buf(&mut input)?;
    if options.is_compressed || start.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(BufReader::with_capacity(128 * 1024, MultiGzDecoder::new(input))));
    }
    Ok(Box::new(input))
}

/// Whether an entry is one of those asked for: all where none was.
fn is_wanted(options: &Options, path: &Path) -> bool {
    let clean = |path: &Path| path.components().filter(|part| *part != Component::CurDir).collect::<PathBuf>();
    let path = clean(path);
    !options.is_excluded(&path)
        && (options.files.iter().all(|(_, file)| file.as_os_str().is_empty())
            || options.files.iter().any(|(_, file)| path.starts_with(clean(file))))
}

fn list(options: &Options) -> io::Result<()> {
    let mut archive = tar::Archive::new(input(options)?);
    let mut output = BufWriter::new(io::stdout().lock());
    for entry in archive.entries()? {
        let entry = entry?;
        let path = entry.path()?.into_owned();
        if is_wanted(options, &path) {
            describe(options, &entry, options.verbosity > 0, &mut output)?;
        }
    }
    output.flush()
}

fn describe<R: Read>(
    options: &Options,
    entry: &Entry<'_, R>,
    is_long: bool,
    output: &mut impl Write,
) -> io::Result<()> {
    let path = entry.path()?;
    if is_long {
        let header = entry.header();
        let kind = match header.entry_type() {
            EntryType::Directory => sys::S_IFDIR,
            EntryType::Symlink => sys::S_IFLNK,
            EntryType::Fifo => sys::S_IFIFO,
            EntryType::Char => sys::S_IFCHR,
            EntryType::Block => sys::S_IFBLK,
            _ => sys::S_IFREG,
        };
        let mut mode = cowbox_guest::fs::mode_text(header.mode()? & 0o7777 | kind);
        if header.entry_type() == EntryType::Link {
            mode.replace_range(..1, "h");
        }
        let name = |name: Option<&str>, number: u64| match name {
            Some(name) if !name.is_empty() && !options.numeric => name.to_owned(),
            _ => number.to_string(),
        };
        let user = name(header.username().ok().flatten(), header.uid()?);
        let group = name(header.groupname().ok().flatten(), header.gid()?);
        let owners = format!("{user}/{group}");
        write!(output, "{mode} {owners:<14} {:>9} {} ", entry.size(), date(header.mtime()?))?;
    }
    output.write_all(path.as_os_str().as_bytes())?;
    if is_long {
        if let Some(target) = entry.link_name()? {
            let arrow: &[u8] = if entry.header().entry_type() == EntryType::Link { b" link to " } else { b" -> " };
            output.write_all(arrow)?;
            output.write_all(target.as_os_str().as_bytes())?;
        }
    }
    output.write_all(b"\n")
}

/// A time as `2026-11-22 18:00`, in UTC.
fn date(seconds: u64) -> String {
    let (days, rest) = ((seconds / 86400) as i64, seconds % 86400);
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", rest / 3600, rest / 60 % 60)
}

fn extract(options: &mut Options) -> io::Result<()> {
    let mut archive = tar::Archive::new(input(options)?);
    let root = options.files.first().map_or_else(|| PathBuf::from("."), |(directory, _)| directory.clone());
    let mut unpacker = Unpacker { root, umask: sys::current_umask(), directories: Vec::new() };
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        if !is_wanted(options, &path) {
            continue;
        }
        if options.verbosity > 0 {
            let mut output = io::stdout().lock();
            describe(options, &entry, options.verbosity > 1, &mut output)?;
        }
        if options.to_stdout {
            io::copy(&mut entry, &mut io::stdout().lock())?;
            continue;
        }
        let Some(inner) = unpacked_name(&path, options.strip) else { continue };
        if let Err(error) = unpacker.unpack(options, &mut entry, &inner) {
            options.warn(&path, &error);
        }
    }
    // Deepest first: a directory without the right to write gets its mode when all is in it.
    for (path, mode, mtime) in unpacker.directories.into_iter().rev() {
        let _ = cowbox_guest::fs::set_mode(&path, mode);
        let _ = touch(&path, mtime);
    }
    Ok(())
}

/// The path below where it is unpacked. `None` where nothing is left of it.
fn unpacked_name(path: &Path, strip: usize) -> Option<PathBuf> {
    let inner: PathBuf = path.components().filter(|part| matches!(part, Component::Normal(_))).skip(strip).collect();
    // What would lead out of it is no name.
    let leads_out = path.components().any(|part| part == Component::ParentDir);
    (!inner.as_os_str().is_empty() && !leads_out).then_some(inner)
}

struct Unpacker {
    root: PathBuf,
    umask: u32,
    /// Directories, with the modes and times they get at the end.
    directories: Vec<(PathBuf, u32, u64)>,
}

impl Unpacker {
    fn unpack<R: Read>(&mut self, options: &Options, entry: &mut Entry<'_, R>, inner: &Path) -> io::Result<()> {
        let target = self.root.join(inner);
        self.parents(inner)?;
        let header = entry.header();
        let mode = header.mode()? & 0o7777;
        let mode = if options.preserves { mode } else { mode & 0o777 & !self.umask };
        let mtime = header.mtime()?;
        let kind = header.entry_type();
        let (uid, gid) = owners(header, options.numeric)?;
        let exists = fs::symlink_metadata(&target);
        if let (Ok(metadata), false) = (&exists, kind == EntryType::Directory) {
            if options.keeps_old {
                return Err(io::Error::other("already exists"));
            }
            if metadata.is_dir() {
                fs::remove_dir(&target)?;
            } else {
                fs::remove_file(&target)?;
            }
        }
        match kind {
            EntryType::Directory => {
                if !exists.is_ok_and(|metadata| metadata.is_dir()) {
                    cowbox_guest::fs::create_dir(&target, 0o700)?;
                }
                self.directories.push((target.clone(), mode, mtime));
            }
            EntryType::Symlink => {
                let link = entry.link_name()?.ok_or_else(|| io::Error::other("a link to nothing"))?.into_owned();
                cowbox_guest::fs::symlink(link, &target)?;
            }
            EntryType::Link => {
                let link = entry.link_name()?.ok_or_else(|| io::Error::other("a link to nothing"))?.into_owned();
                let original =
                    unpacked_name(&link, options.strip).ok_or_else(|| io::Error::other("a link that leads out"))?;
                return fs::hard_link(self.root.join(original), &target);
            }
            EntryType::Fifo => cowbox_guest::fs::mkfifo(&target, mode)?,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let flags = sys::OpenFlags::WRONLY | sys::OpenFlags::CREAT | sys::OpenFlags::EXCL;
                let file = cowbox_guest::fs::open(&target, flags, 0o600)?;
                let mut file = BufWriter::with_capacity(128 * 1024, file);
                io::copy(entry, &mut file)?;
                file.flush()?;
            }
            EntryType::Char | EntryType::Block => {
                return Err(io::Error::other("devices cannot be made in a container"));
            }
            // Extensions that mean nothing here.
            _ => return Ok(()),
        }
        if options.has_owners {
            cowbox_guest::fs::lchown(&target, Some(uid), Some(gid))?;
        }
        if !matches!(kind, EntryType::Symlink | EntryType::Directory) {
            // Changing owners takes the special bits away.
            cowbox_guest::fs::set_mode(&target, mode)?;
        }
        // A fifo would wait for its other end.
        if matches!(kind, EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse) {
            touch(&target, mtime)?;
        }
        Ok(())
    }

    /// Makes the directories above a path. None of them may be a link, which could lead anywhere.
    fn parents(&self, inner: &Path) -> io::Result<()> {
        let mut path = self.root.clone();
        for part in inner.parent().into_iter().flat_map(Path::components) {
            path.push(part);
            match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_dir() => {}
                Ok(metadata) if metadata.is_symlink() && fs::metadata(&path).is_ok_and(|target| target.is_dir()) => {
                    let target = fs::canonicalize(&path)?;
                    if !target.starts_with(fs::canonicalize(&self.root)?) {
                        return Err(io::Error::other(format!("{} leads out of the directory", path.display())));
                    }
                }
                Ok(_) => return Err(io::Error::other(format!("{} is no directory", path.display()))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir(&path)?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Who owns an entry here: by name where there is such a user.
fn owners(header: &Header, numeric: bool) -> io::Result<(u32, u32)> {
    let id = |number: u64| u32::try_from(number).map_err(|_| io::Error::other("a user or group of more than 32 bits"));
    let user = header.username().ok().flatten().filter(|_| !numeric).and_then(users::user_by_name);
    let group = header.groupname().ok().flatten().filter(|_| !numeric).and_then(users::group_by_name);
    Ok((
        user.map_or_else(|| id(header.uid()?), |user| Ok(user.uid))?,
        group.map_or_else(|| id(header.gid()?), |group| Ok(group.gid))?,
    ))
}

fn touch(path: &Path, mtime: u64) -> io::Result<()> {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(mtime);
    File::open(path)?.set_times(fs::FileTimes::new().set_modified(time).set_accessed(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out() {
        assert_eq!(packed_name(Path::new("/etc/passwd")), Path::new("etc/passwd"));
        assert_eq!(packed_name(Path::new("./a/b")), Path::new("./a/b"));
        assert_eq!(unpacked_name(Path::new("/etc/passwd"), 0), Some("etc/passwd".into()));
        assert_eq!(unpacked_name(Path::new("a/../../b"), 0), None);
        assert_eq!(unpacked_name(Path::new("a/b/c"), 1), Some("b/c".into()));
    }

    #[test]
    fn patterns_are_of_names() {
        assert!(pattern("*.o").is_match("src/a.o"));
        assert!(!pattern("*.o").is_match("src/a.or"));
        assert!(pattern("target").is_match("a/target/b"));
        assert!(pattern("[!a]x").is_match("bx"));
    }

    #[test]
    fn days_become_dates() {
        assert_eq!(date(0), "1970-01-01 00:00");
        assert_eq!(date(1_795_305_600), "2026-11-22 00:00");
    }
}
