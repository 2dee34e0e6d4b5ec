//! Interactive use: prompts, a line editor, jobs that are told of.

mod complete;
mod history;
mod keys;
mod line;
mod prompt;
mod screen;

use cowbox_guest::signal;
use cowbox_guest::sys::{self, Disposition, Fd, SigAction, SigFlags, SigSet};
use cowbox_guest::term::RawMode;

use self::keys::{Key, Keys};
use self::line::Line;
use self::screen::Screen;
use crate::exec::traps;
use crate::run::Source;
use crate::shell::{Run, Shell, Stop};
use crate::syntax::lexer::Text;

/// The terminal that is typed on.
const INPUT: Fd = 0;
/// Where prompts go: what commands write is somebody else's.
const OUTPUT: Fd = 2;

/// How many completions are listed without asking.
const LISTED: usize = 200;

/// Reads and runs commands until the user leaves.
pub fn run(shell: &mut Shell) -> Run {
    let edits = sys::isatty(INPUT) && sys::isatty(OUTPUT) && shell.get("TERM").is_none_or(|term| &*term != "dumb");
    if edits {
        shell.load_history();
    }
    let mut source = Typed { edits, keys: Keys::new(INPUT), line: Line::default(), abandoned: false };
    let mut text = Text::new(String::new(), 1);
    let mut refused = 0;
    loop {
        shell.tell_jobs();
        source.abandoned = false;
        let result = match shell.next_command(&mut text, &mut source) {
            _ if source.abandoned => {
                // Nothing of what was typed before counts.
                text = Text::new(String::new(), text.line);
                shell.status = 130;
                continue;
            }
            Ok(Some(list)) => {
                refused = 0;
                shell.list(&list)
            }
            Ok(None) => {
                let stopped =
                    shell.jobs.all.iter().any(|job| matches!(job.state(), crate::exec::jobs::State::Stopped(_)));
                let again = edits && ((stopped && refused == 0) || (shell.options.ignoreeof && refused < 10));
                if !again {
                    return Ok(());
                }
                refused += 1;
                shell.write_error(if stopped {
                    "There are stopped jobs.\n"
                } else {
                    "Use \"exit\" to leave the shell.\n"
                });
                text = Text::new(String::new(), text.line);
                continue;
            }
            Err(stop) => Err(stop),
        };
        shell.flush();
        shell.depth = 0;
        shell.loops = 0;
        if result == Err(Stop::Exit) {
            return result;
        }
        // The keyboard's signal has done what it was for.
        traps::take(signal::SIGINT);
    }
}

struct Typed {
    edits: bool,
    keys: Keys,
    line: Line,
    /// ctrl-C: the command is not to be run.
    abandoned: bool,
}

impl Source for Typed {
    fn line(&mut self, shell: &mut Shell, continued: bool) -> Option<String> {
        if self.abandoned {
            return None;
        }
        shell.flush();
        let prompt = shell.prompt(if continued { "PS2" } else { "PS1" });
        if !self.edits {
            shell.write_error(&prompt.replace(['\x01', '\x02'], ""));
            return crate::builtins::read::line(shell, INPUT);
        }
        let raw = RawMode::with(INPUT, |before| {
            let mut raw = before.raw();
            raw.oflag = before.oflag;
            raw
        });
        let before = watch_window();
        let line = self.edit(shell, &prompt);
        unwatch_window(before);
        drop(raw);
        let line = line?;
        shell.remember(&line);
        Some(line + "\n")
    }
}

fn watch_window() -> Option<SigAction> {
    sys::sigaction(
        signal::SIGWINCH,
        SigAction { disposition: Disposition::Handler(traps::note), flags: SigFlags::empty(), mask: SigSet::EMPTY },
    )
    .ok()
}

fn unwatch_window(before: Option<SigAction>) {
    if let Some(before) = before {
        // It was so before, so it can be so again.
        let _ = sys::sigaction(signal::SIGWINCH, before);
    }
}

impl Typed {
    /// Has a line edited. Nothing where the user leaves, or abandons the command.
    fn edit(&mut self, shell: &mut Shell, prompt: &str) -> Option<String> {
        let mut screen = Screen::new(OUTPUT);
        screen.write("\x1b[?2004h");
        let line = self.edit_on(shell, prompt, &mut screen);
        screen.write("\x1b[?2004l");
        line
    }

    fn edit_on(&mut self, shell: &mut Shell, prompt: &str, screen: &mut Screen) -> Option<String> {
        self.line.clear();
        // Where in the history, and what was typed before going there.
        let mut place = shell.history.len();
        let mut typed = String::new();
        let mut tabs = 0;
        loop {
            if !self.keys.more() {
                screen.show(prompt, &self.line.text, self.line.cursor);
            }
            let key = self.keys.next();
            tabs = if key == Key::Tab { tabs + 1 } else { 0 };
            let line = &mut self.line;
            match key {
                Key::Enter => {
                    screen.finish(prompt, &line.text);
                    return Some(line.contents());
                }
                Key::Control('c') | Key::Interrupt => {
                    line.end();
                    line.insert("\u{3}");
                    screen.finish(prompt, &line.text);
                    self.abandoned = true;
                    return None;
                }
                Key::Closed => return None,
                Key::Control('d') if line.text.is_empty() => {
                    screen.finish(prompt, &line.text);
                    return None;
                }
                Key::Control('d') | Key::Delete => line.delete(),
                Key::Character(c) => line.insert(c.encode_utf8(&mut [0; 4])),
                Key::Paste(text) => line.insert(text.trim_end_matches('\n')),
                Key::Backspace => line.backspace(),
                Key::Control('a') | Key::Home => line.home(),
                Key::Control('e') | Key::End => line.end(),
                Key::Control('b') | Key::Left => line.left(),
                Key::Control('f') | Key::Right => line.right(),
                Key::Meta('b') | Key::WordLeft => line.word_left(),
                Key::Meta('f') | Key::WordRight => line.word_right(),
                Key::Control('k') => line.cut_to_end(),
                Key::Control('u') => line.cut_to_start(),
                Key::Control('w') => line.cut_blank_left(),
                Key::MetaBackspace => line.cut_word_left(),
                Key::Meta('d') => line.cut_word_right(),
                Key::Control('y') => line.paste(),
                Key::Control('t') => line.transpose(),
                Key::Control('_') => line.undo(),
                Key::Meta('u') => line.change_word(|c, _| c.to_uppercase().next().unwrap_or(c)),
                Key::Meta('l') => line.change_word(|c, _| c.to_lowercase().next().unwrap_or(c)),
                Key::Meta('c') => line.change_word(|c, first| {
                    if first { c.to_uppercase().next() } else { c.to_lowercase().next() }.unwrap_or(c)
                }),
                Key::Meta('.') | Key::Meta('_') => {
                    let last =
                        shell.history.last().and_then(|line| line.split_whitespace().last()).unwrap_or("").to_owned();
                    line.insert(&last);
                }
                Key::Control('l') => {
                    screen.write("\x1b[H\x1b[2J");
                    screen.start();
                }
                Key::Resize => screen.measure(),
                Key::Up | Key::Control('p') => {
                    if place == shell.history.len() {
                        typed = line.contents();
                    }
                    if place > 0 {
                        place -= 1;
                        line.set(&shell.history[place]);
                    }
                }
                Key::Down | Key::Control('n') => {
                    if place < shell.history.len() {
                        place += 1;
                        let text = shell.history.get(place).cloned().unwrap_or_else(|| typed.clone());
                        line.set(&text);
                    }
                }
                Key::Meta('<') => {
                    if let Some(first) = shell.history.first() {
                        place = 0;
                        line.set(first);
                    }
                }
                Key::Meta('>') => {
                    place = shell.history.len();
                    line.set(&typed);
                }
                Key::Control('r') => {
                    if self.search(shell, prompt, screen) {
                        screen.finish(prompt, &self.line.text);
                        return Some(self.line.contents());
                    }
                    if self.abandoned {
                        return None;
                    }
                }
                Key::Tab => self.complete(shell, prompt, screen, tabs > 1),
                Key::Control(_) | Key::Meta(_) | Key::Unknown => {}
            }
        }
    }

    /// ctrl-R. True where the line that was found is to be run at once.
    fn search(&mut self, shell: &mut Shell, prompt: &str, screen: &mut Screen) -> bool {
        let before = self.line.contents();
        let mut wanted = String::new();
        let mut at = shell.history.len();
        let find = |wanted: &str, below: usize| shell.history[..below].iter().rposition(|line| line.contains(wanted));
        let mut found = true;
        loop {
            let label = format!("({}reverse-i-search)`{wanted}': ", if found { "" } else { "failed " });
            screen.show(&label, &self.line.text, self.line.cursor);
            match self.keys.next() {
                Key::Character(c) => {
                    wanted.push(c);
                    let below = (at + 1).min(shell.history.len());
                    found = self.show_found(find(&wanted, below), &shell.history, &wanted, &mut at);
                }
                Key::Backspace => {
                    wanted.pop();
                    at = shell.history.len();
                    found = self.show_found(find(&wanted, at), &shell.history, &wanted, &mut at);
                }
                Key::Control('r') => found = self.show_found(find(&wanted, at), &shell.history, &wanted, &mut at),
                Key::Control('g') => {
                    self.line.set(&before);
                    return false;
                }
                Key::Control('c') | Key::Interrupt | Key::Closed => {
                    screen.finish(prompt, &self.line.text);
                    self.abandoned = true;
                    return false;
                }
                Key::Resize => screen.measure(),
                Key::Enter => return true,
                _ => return false,
            }
        }
    }

    fn show_found(&mut self, found: Option<usize>, history: &[String], wanted: &str, at: &mut usize) -> bool {
        let Some(number) = found else { return false };
        *at = number;
        self.line.set(&history[number]);
        let start = history[number].find(wanted).unwrap_or(0);
        self.line.cursor = history[number][..start].chars().count();
        true
    }

    fn complete(&mut self, shell: &mut Shell, prompt: &str, screen: &mut Screen, lists: bool) {
        let completion = shell.complete(&self.line.text, self.line.cursor);
        match completion.choices.as_slice() {
            [] => screen.write("\x07"),
            [one] => {
                let text = format!("{}{}", one.text, one.ending);
                self.line.replace(completion.from, &text);
            }
            many => {
                let common = complete::common(many);
                let there: String = self.line.text[completion.from..self.line.cursor].iter().collect();
                if common.len() > there.len() {
                    self.line.replace(completion.from, &common);
                } else if lists {
                    screen.finish(prompt, &self.line.text);
                    screen.write(&columns(many, screen.columns()));
                } else {
                    screen.write("\x07");
                }
            }
        }
    }
}

/// Choices side by side, as `ls` shows files.
fn columns(choices: &[complete::Choice], width: usize) -> String {
    let shown = &choices[..choices.len().min(LISTED)];
    let widest = shown.iter().map(|choice| screen::width(&choice.shown)).max().unwrap_or(0) + 2;
    let across = (width / widest).max(1);
    let rows = shown.len().div_ceil(across);
    let mut out = String::new();
    for row in 0..rows {
        for choice in shown.iter().skip(row).step_by(rows) {
            let padding = widest - screen::width(&choice.shown);
            out.push_str(&choice.shown);
            out.push_str(&" ".repeat(padding));
        }
        out.truncate(out.trim_end().len());
        out.push_str("\r\n");
    }
    if choices.len() > LISTED {
        out.push_str(&format!("... and {} more\r\n", choices.len() - LISTED));
    }
    out
}
