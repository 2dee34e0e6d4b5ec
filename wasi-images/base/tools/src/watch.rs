//! watch: runs a command again and again and shows what it writes.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::time::Duration;

use cowbox_guest::process::{Command, Stdio};
use cowbox_guest::sys::{self, PollEvents, PollFd};
use cowbox_guest::term;

use crate::arguments::{Arguments, Flag, unknown};

const USAGE: &str = "watch [-n SECONDS] [-e] [-t] [-x] COMMAND [ARGUMENT...]";

pub fn run(name: &str, arguments: Vec<OsString>) -> i32 {
    let mut interval = 2.0;
    let (mut ends_on_error, mut has_title, mut is_direct) = (false, true, false);
    let mut arguments = Arguments::of_command(arguments);
    while let Some(flag) = arguments.flag() {
        match flag {
            Flag::Short('n') => match arguments.value().and_then(|text| text.parse::<f64>().ok()) {
                Some(seconds) if seconds > 0.0 => interval = seconds.max(0.1),
                _ => {
                    eprintln!("{name}: -n takes a number of seconds");
                    return 2;
                }
            },
            Flag::Short('e') => ends_on_error = true,
            Flag::Short('t') => has_title = false,
            Flag::Short('x') => is_direct = true,
            flag => return unknown(name, &flag, USAGE),
        }
    }
    let words = arguments.operands();
    let Some((program, rest)) = words.split_first() else {
        eprintln!("usage: {USAGE}");
        return 2;
    };
    let line = words.join(OsStr::new(" "));
    loop {
        let mut command = if is_direct { Command::new(program) } else { Command::new("sh") };
        if is_direct {
            command.args(rest);
        } else {
            command.arg("-c").arg(&line);
        }
        let output = match command.stdin(Stdio::null()).output() {
            Ok(output) => output,
            Err(error) => {
                eprintln!("{name}: {}: {error}", program.to_string_lossy());
                return 1;
            }
        };
        let title = has_title.then(|| format!("Every {interval}s: {}", line.to_string_lossy()));
        if show(title, &[output.stdout, output.stderr].concat()).is_err() {
            return 1;
        }
        if ends_on_error && !output.status.success() {
            return 8;
        }
        // q ends it, where there is a terminal to type it on.
        let mut keys = [PollFd::new(0, PollEvents::IN)];
        let keys = if term::is_terminal(0) { &mut keys[..] } else { &mut [] };
        let _ = sys::poll(keys, Some(Duration::from_secs_f64(interval)));
        let mut key = [0];
        if keys.iter().any(|entry| entry.revents.contains(PollEvents::IN))
            && (sys::read(0, &mut key) == Ok(0) || key == *b"q")
        {
            return 0;
        }
    }
}

fn show(title: Option<String>, text: &[u8]) -> io::Result<()> {
    let size = term::size(1);
    let mut screen = b"\x1b[H\x1b[2J".to_vec();
    let mut rows = size.map_or(usize::MAX, |size| usize::from(size.rows));
    if let Some(title) = title {
        screen.extend_from_slice(title.as_bytes());
        screen.extend_from_slice(b"\r\n\r\n");
        rows = rows.saturating_sub(2);
    }
    let text = String::from_utf8_lossy(text);
    let columns = size.map_or(usize::MAX, |size| usize::from(size.columns));
    let lines: Vec<String> = text.lines().take(rows).map(|line| line.chars().take(columns).collect()).collect();
    screen.extend_from_slice(lines.join("\r\n").as_bytes());
    let mut output = io::stdout().lock();
    output.write_all(&screen)?;
    output.flush()
}
