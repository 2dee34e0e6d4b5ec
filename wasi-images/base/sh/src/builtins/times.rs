//! What the shell and its children used, and what they may use: `times`, `time`, `ulimit`.

use std::rc::Rc;
use std::time::Duration;

use cowbox_guest::sys::{self, Limit, Resource, Times};

use crate::shell::{Run, Shell, describe};
use crate::syntax::ast::Timed;

pub fn run(shell: &mut Shell, _: &[Rc<str>]) -> Run<i32> {
    let times = sys::times().unwrap_or_default();
    let shown =
        |time: Duration| format!("{}m{}.{:03}s", time.as_secs() / 60, time.as_secs() % 60, time.subsec_millis());
    shell.print(&format!(
        "{} {}\n{} {}\n",
        shown(times.user),
        shown(times.system),
        shown(times.children_user),
        shown(times.children_system)
    ));
    Ok(0)
}

/// What `time` says.
pub fn report(shell: &mut Shell, timed: Timed, real: Duration, before: Times) {
    let now = sys::times().unwrap_or_default();
    let user = (now.user + now.children_user).saturating_sub(before.user + before.children_user);
    let system = (now.system + now.children_system).saturating_sub(before.system + before.children_system);
    let text = match timed {
        Timed::Posix => {
            format!("real {:.2}\nuser {:.2}\nsys {:.2}\n", real.as_secs_f64(), user.as_secs_f64(), system.as_secs_f64())
        }
        Timed::Long => {
            let shown = |time: Duration| {
                format!("{}m{}.{:03}s", time.as_secs() / 60, time.as_secs() % 60, time.subsec_millis())
            };
            format!("\nreal\t{}\nuser\t{}\nsys\t{}\n", shown(real), shown(user), shown(system))
        }
    };
    shell.flush();
    shell.write_error(&text);
}

/// The letter, the resource, how many bytes its unit has, what it is called.
const LIMITS: [(char, Resource, u64, &str); 10] = [
    ('t', Resource::Cpu, 1, "time(seconds)"),
    ('f', Resource::FileSize, 512, "file(blocks)"),
    ('d', Resource::Data, 1024, "data(kbytes)"),
    ('s', Resource::Stack, 1024, "stack(kbytes)"),
    ('c', Resource::Core, 512, "coredump(blocks)"),
    ('m', Resource::Rss, 1024, "memory(kbytes)"),
    ('l', Resource::MemLock, 1024, "locked memory(kbytes)"),
    ('u', Resource::Processes, 1, "process"),
    ('n', Resource::Files, 1, "nofiles"),
    ('v', Resource::AddressSpace, 1024, "vmemory(kbytes)"),
];

pub fn ulimit(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let (options, rest) = match super::letters(words, "HSatfdscmlunvp") {
        Ok(found) => found,
        Err(letter) => return shell.usage("ulimit", &format!("Illegal option -{letter}")),
    };
    let (hard, soft) = (options.contains(&'H'), options.contains(&'S'));
    let shown = |limit: Limit, unit: u64| {
        let value = if hard { limit.hard } else { limit.soft };
        if value == u64::MAX { "unlimited".to_owned() } else { (value / unit).to_string() }
    };
    if options.contains(&'a') {
        for (_, resource, unit, name) in LIMITS {
            if let Ok(limit) = sys::rlimit(resource, None) {
                let line = format!("{name:<20} {}\n", shown(limit, unit));
                shell.print(&line);
            }
        }
        return Ok(0);
    }
    let letter = options.iter().copied().find(|letter| !matches!(letter, 'H' | 'S')).unwrap_or('f');
    let Some((_, resource, unit, _)) = LIMITS.into_iter().find(|(known, ..)| *known == letter) else {
        return shell.usage("ulimit", &format!("Illegal option -{letter}"));
    };
    let limit = match sys::rlimit(resource, None) {
        Ok(limit) => limit,
        Err(errno) => {
            shell.complain(&format!("ulimit: {}", describe(errno)));
            return Ok(1);
        }
    };
    let Some(word) = rest.first() else {
        let line = format!("{}\n", shown(limit, unit));
        shell.print(&line);
        return Ok(0);
    };
    let value = match &**word {
        "unlimited" => u64::MAX,
        "hard" => limit.hard,
        "soft" => limit.soft,
        word => match word.parse::<u64>().ok().and_then(|value| value.checked_mul(unit)) {
            Some(value) => value,
            None => {
                shell.complain(&format!("ulimit: bad number: {word}"));
                return Ok(1);
            }
        },
    };
    let new = Limit {
        soft: if hard && !soft { limit.soft.min(value) } else { value },
        hard: if soft && !hard { limit.hard } else { value },
    };
    if let Err(errno) = sys::rlimit(resource, Some(new)) {
        shell.complain(&format!("ulimit: error setting limit: {}", describe(errno)));
        return Ok(1);
    }
    Ok(0)
}
