//! timeout: runs a command and ends it when a time is over.

use std::ffi::OsString;
use std::io;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use cowbox_guest::process::Command;
use cowbox_guest::sys::{self, Errno, SigFlags, SigSet, WaitOptions};
use cowbox_guest::{signal, signal::SIGALRM};

use crate::arguments::{Arguments, Flag, unknown};

const USAGE: &str =
    "timeout [-s SIGNAL] [-k DURATION] [-v] [--preserve-status] [--foreground] DURATION COMMAND [ARGUMENT...]";

/// The signal that came last.
static CAME: AtomicI32 = AtomicI32::new(0);

struct Options {
    signal: i32,
    kill_after: Option<Duration>,
    is_verbose: bool,
    preserves_status: bool,
    is_foreground: bool,
}

pub fn run(name: &str, arguments: Vec<OsString>) -> i32 {
    let mut options = Options {
        signal: signal::SIGTERM,
        kill_after: None,
        is_verbose: false,
        preserves_status: false,
        is_foreground: false,
    };
    let mut arguments = Arguments::of_command(arguments);
    while let Some(flag) = arguments.flag() {
        match flag {
            Flag::Short('s') | Flag::Long(_, _) if matches!(&flag, Flag::Short(_)) || is_long(&flag, "signal") => {
                let text = long_value(&flag).or_else(|| arguments.value()).unwrap_or_default();
                let Some(number) = signal::from_name(&text) else {
                    eprintln!("{name}: '{text}': invalid signal");
                    return 125;
                };
                options.signal = number;
            }
            Flag::Short('k') | Flag::Long(_, _) if matches!(&flag, Flag::Short(_)) || is_long(&flag, "kill-after") => {
                let text = long_value(&flag).or_else(|| arguments.value()).unwrap_or_default();
                let Some(duration) = duration(&text) else {
                    eprintln!("{name}: invalid time interval '{text}'");
                    return 125;
                };
                options.kill_after = Some(duration);
            }
            Flag::Short('v') => options.is_verbose = true,
            Flag::Short('p') => options.preserves_status = true,
            Flag::Short('f') => options.is_foreground = true,
            flag if is_long(&flag, "verbose") => options.is_verbose = true,
            flag if is_long(&flag, "preserve-status") => options.preserves_status = true,
            flag if is_long(&flag, "foreground") => options.is_foreground = true,
            flag => {
                unknown(name, &flag, USAGE);
                return 125;
            }
        }
    }
    let operands = arguments.operands();
    let [time, program, rest @ ..] = &operands[..] else {
        eprintln!("usage: {USAGE}");
        return 125;
    };
    let Some(time) = duration(&time.to_string_lossy()) else {
        eprintln!("{name}: invalid time interval '{}'", time.to_string_lossy());
        return 125;
    };
    let mut command = Command::new(program);
    command.args(rest).default_signals(SigSet::of(signal::SIGTTIN).with(signal::SIGTTOU));
    match watched(name, command, time, &options) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("{name}: failed to run command '{}': {error}", program.to_string_lossy());
            if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 }
        }
    }
}

fn is_long(flag: &Flag, name: &str) -> bool {
    matches!(flag, Flag::Long(long, _) if long == name)
}

fn long_value(flag: &Flag) -> Option<String> {
    match flag {
        Flag::Long(_, value) => value.clone(),
        Flag::Short(_) => None,
    }
}

fn watched(name: &str, mut command: Command, time: Duration, options: &Options) -> io::Result<i32> {
    if !options.is_foreground {
        // So that all the command starts can be ended with it. The leader of a session has a group already.
        let _ = sys::setpgid(0, 0);
    }
    for number in [SIGALRM, signal::SIGTERM, signal::SIGINT, signal::SIGHUP, signal::SIGQUIT] {
        signal::handle(number, |number| CAME.store(number, Ordering::Relaxed), SigFlags::empty())?;
    }
    let mut child = command.spawn()?;
    if !time.is_zero() {
        sys::alarm(time, Duration::ZERO)?;
    }
    let pid = child.id().cast_signed();
    let mut is_over = false;
    let mut was_killed = false;
    let status = loop {
        match sys::wait(pid, WaitOptions::empty()) {
            Ok(Some(waited)) => break waited.status,
            Ok(None) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let came = CAME.swap(0, Ordering::Relaxed);
        if came == 0 {
            continue;
        }
        let sent = match (came, is_over) {
            (SIGALRM, false) => options.signal,
            (SIGALRM, true) => signal::SIGKILL,
            (other, _) => other,
        };
        is_over |= came == SIGALRM;
        was_killed |= sent == signal::SIGKILL;
        if options.is_verbose {
            eprintln!("{name}: sending signal {} to the command", signal::name(sent).unwrap_or("?"));
        }
        // It may have ended meanwhile.
        let _ = child.send_signal(sent);
        if !options.is_foreground && sent != signal::SIGKILL {
            signal::ignore(sent)?;
            let _ = sys::kill(0, sent);
        }
        // A stopped command sees nothing else.
        let _ = child.send_signal(signal::SIGCONT);
        if let Some(after) = options.kill_after.take_if_first(was_killed) {
            sys::alarm(after, Duration::ZERO)?;
        }
    };
    if is_over && !options.preserves_status {
        return Ok(if was_killed { 137 } else { 124 });
    }
    Ok(status.shell_code())
}

trait TakeIfFirst {
    fn take_if_first(&self, is_done: bool) -> Option<Duration>;
}

impl TakeIfFirst for Option<Duration> {
    /// The time after which to kill, where that has not been done.
    fn take_if_first(&self, is_done: bool) -> Option<Duration> {
        if is_done { None } else { *self }
    }
}

/// A number of seconds, or of what a letter behind it says.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = match text.chars().last()? {
        's' => (&text[..text.len() - 1], 1.0),
        'm' => (&text[..text.len() - 1], 60.0),
        'h' => (&text[..text.len() - 1], 3600.0),
        'd' => (&text[..text.len() - 1], 86400.0),
        _ => (text, 1.0),
    };
    let seconds = number.parse::<f64>().ok().filter(|seconds| *seconds >= 0.0)? * unit;
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(u64::from(u32::MAX))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(duration("1.5"), Some(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Some(Duration::from_secs(120)));
        assert_eq!(duration("-1"), None);
        assert_eq!(duration("x"), None);
    }
}
