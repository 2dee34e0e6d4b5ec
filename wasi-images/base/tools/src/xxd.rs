//! xxd: bytes as hexadecimal digits, and back.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

use crate::arguments::{Arguments, Flag, unknown};

const USAGE: &str = "xxd [-p] [-r] [-u] [-c COLUMNS] [-g BYTES] [-l LENGTH] [-s OFFSET] [FILE [OUTPUT]]";

struct Options {
    is_plain: bool,
    reverts: bool,
    is_upper: bool,
    columns: usize,
    group: usize,
    length: u64,
    offset: u64,
}

pub fn run(name: &str, arguments: Vec<OsString>) -> i32 {
    let mut options =
        Options { is_plain: false, reverts: false, is_upper: false, columns: 0, group: 2, length: u64::MAX, offset: 0 };
    let mut arguments = Arguments::new(arguments);
    while let Some(flag) = arguments.flag() {
        let mut number = || arguments.value().and_then(|text| parsed(&text));
        let value = match flag {
            Flag::Short('p') => Some(options.is_plain = true),
            Flag::Short('r') => Some(options.reverts = true),
            Flag::Short('u') => Some(options.is_upper = true),
            Flag::Short('c') => number().map(|number| options.columns = number as usize),
            Flag::Short('g') => number().map(|number| options.group = number as usize),
            Flag::Short('l') => number().map(|number| options.length = number),
            Flag::Short('s') => number().map(|number| options.offset = number),
            ref flag => return unknown(name, flag, USAGE),
        };
        if value.is_none() {
            eprintln!("{name}: {flag} takes a number");
            return 1;
        }
    }
    let operands = arguments.operands();
    match converted(&options, &operands) {
        Ok(()) => 0,
        Err(error) => {
            let file = operands.first().map_or("stdin".into(), |file| file.to_string_lossy());
            eprintln!("{name}: {file}: {error}");
            1
        }
    }
}

fn parsed(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn converted(options: &Options, operands: &[OsString]) -> io::Result<()> {
    let mut input: Box<dyn Read> = match operands.first() {
        Some(path) if path != "-" => {
            let mut file = File::open(path)?;
            if !options.reverts && options.offset > 0 {
                file.seek(SeekFrom::Start(options.offset))?;
            }
            Box::new(file)
        }
        _ => {
            let mut stdin = io::stdin().lock();
            if !options.reverts {
                io::copy(&mut stdin.by_ref().take(options.offset), &mut io::sink())?;
            }
            Box::new(stdin)
        }
    };
    let output: Box<dyn Write> = match operands.get(1) {
        Some(path) if path != "-" => Box::new(File::create(path)?),
        _ => Box::new(io::stdout().lock()),
    };
    let mut output = BufWriter::new(output);
    if options.reverts {
        let mut text = String::new();
        input.read_to_string(&mut text)?;
        output.write_all(&reverted(&text, options.is_plain))?;
    } else {
        dump(options, &mut input, &mut output)?;
    }
    output.flush()
}

fn dump(options: &Options, input: &mut dyn Read, output: &mut impl Write) -> io::Result<()> {
    let columns = match (options.columns, options.is_plain) {
        (0, true) => 30,
        (0, false) => 16,
        (columns, _) => columns.min(256),
    };
    let group = if options.group == 0 { columns } else { options.group };
    let mut input = input.take(options.length);
    let mut at = options.offset;
    loop {
        let mut row = Vec::with_capacity(columns);
        input.by_ref().take(columns as u64).read_to_end(&mut row)?;
        if row.is_empty() {
            return Ok(());
        }
        let digits = |byte: &u8| if options.is_upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
        if options.is_plain {
            writeln!(output, "{}", row.iter().map(digits).collect::<String>())?;
            continue;
        }
        let groups: Vec<String> = row.chunks(group).map(|bytes| bytes.iter().map(digits).collect()).collect();
        let width = columns * 2 + columns.div_ceil(group) - 1;
        let text: String =
            row.iter().map(|byte| if (0x20..0x7f).contains(byte) { *byte as char } else { '.' }).collect();
        writeln!(output, "{at:08x}: {:<width$}  {text}", groups.join(" "))?;
        at += row.len() as u64;
    }
}

/// The bytes of a dump.
fn reverted(text: &str, is_plain: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in text.lines() {
        let digits = if is_plain {
            line
        } else {
            let rest = line.split_once(": ").map_or(line, |(_, rest)| rest);
            rest.split_once("  ").map_or(rest, |(digits, _)| digits)
        };
        let digits: Vec<u8> = digits.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
        bytes.extend(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_dumped_comes_back() {
        let options = Options {
            is_plain: false,
            reverts: false,
            is_upper: false,
            columns: 0,
            group: 2,
            length: u64::MAX,
            offset: 0,
        };
        let bytes: Vec<u8> = (0..=255).collect();
        let mut text = Vec::new();
        dump(&options, &mut &bytes[..], &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.starts_with("00000000: 0001 0203 0405 0607 0809 0a0b 0c0d 0e0f  ................\n"));
        assert_eq!(reverted(&text, false), bytes);
    }
}
