//! Runs commands.

pub mod capture;
pub mod handover;
pub mod jobs;
mod pipeline;
pub mod redirect;
pub mod simple;
pub mod subshell;
mod test;
pub mod traps;

use std::rc::Rc;

use crate::expand::pattern::Pattern;
use crate::shell::{Run, Shell, Stop};
use crate::syntax::ast::{CaseAfter, CaseItem, Command, Compound, Connector, Function, Item, List, Pipeline, Word};
use crate::syntax::quote;

impl Shell {
    /// Runs commands one after another.
    pub fn list(&mut self, list: &List) -> Run {
        for item in list.iter() {
            self.item(item)?;
        }
        Ok(())
    }

    pub fn item(&mut self, item: &Item) -> Run {
        if self.options.noexec {
            return Ok(());
        }
        if item.background {
            self.background(item)?;
            return self.run_pending_traps();
        }
        let last = item.rest.len();
        self.pipeline(&item.first, last == 0)?;
        for (at, (connector, pipeline)) in item.rest.iter().enumerate() {
            if (*connector == Connector::And) == (self.status == 0) {
                self.pipeline(pipeline, at + 1 == last)?;
            }
        }
        self.run_pending_traps()
    }

    /// Runs a pipeline. `last`: nothing behind it depends on how it ends, so `set -e` applies.
    fn pipeline(&mut self, pipeline: &Pipeline, last: bool) -> Run {
        let ignored = !last || pipeline.negated;
        self.errexit_ignored += u32::from(ignored);
        let started =
            pipeline.timed.map(|_| (std::time::Instant::now(), cowbox_guest::sys::times().unwrap_or_default()));
        let result = match pipeline.commands.as_slice() {
            [] => {
                self.status = 0;
                Ok(())
            }
            [command] => {
                let result = self.command(command, &pipeline.text);
                self.pipe_status = vec![self.status];
                result
            }
            commands => self.run_pipeline(commands, &pipeline.text),
        };
        self.errexit_ignored -= u32::from(ignored);
        if let (Some(timed), Some((instant, times))) = (pipeline.timed, started) {
            crate::builtins::times::report(self, timed, instant.elapsed(), times);
        }
        result?;
        if pipeline.negated {
            self.status = i32::from(self.status == 0);
            return Ok(());
        }
        if self.status != 0 && !ignored && self.errexit_ignored == 0 && checks_errors(&pipeline.commands) {
            self.failed()?;
        }
        Ok(())
    }

    /// A command has failed where that matters.
    fn failed(&mut self) -> Run {
        if self.functions_running == 0 || self.options.errtrace {
            self.run_trap(traps::ERR)?;
        }
        if self.options.errexit {
            return Err(Stop::Exit);
        }
        Ok(())
    }

    pub fn command(&mut self, command: &Command, text: &Rc<str>) -> Run {
        self.dive()?;
        let result = match command {
            Command::Simple(simple) => self.simple(simple, text),
            Command::Compound(compound, redirects) if redirects.is_empty() => self.compound(compound, text),
            Command::Compound(compound, redirects) => match self.redirect(redirects) {
                Ok(saved) => {
                    let result = self.compound(compound, text);
                    self.flush();
                    self.restore(saved);
                    result
                }
                Err(stop) => {
                    self.status = 1;
                    stop.map_or(Ok(()), Err)
                }
            },
            Command::Function(name, function) => {
                Rc::make_mut(&mut self.functions).insert(name.clone(), function.clone());
                self.status = 0;
                Ok(())
            }
        };
        self.depth -= 1;
        result
    }

    fn compound(&mut self, compound: &Compound, text: &Rc<str>) -> Run {
        match compound {
            Compound::Brace(list) => self.list(list),
            Compound::Subshell(list) => self.subshell(list, text),
            Compound::If { branches, otherwise } => {
                for (condition, body) in branches {
                    if self.condition(condition)? {
                        return self.list(body);
                    }
                }
                self.status = 0;
                otherwise.as_ref().map_or(Ok(()), |body| self.list(body))
            }
            Compound::While { until, condition, body } => {
                let mut status = 0;
                self.looping(|shell| {
                    loop {
                        let goes_on = shell.in_loop(|shell| {
                            if shell.condition(condition)? == *until {
                                return Ok(false);
                            }
                            shell.list(body)?;
                            status = shell.status;
                            Ok(true)
                        })?;
                        if !goes_on {
                            break;
                        }
                    }
                    Ok(())
                })?;
                self.status = status;
                Ok(())
            }
            Compound::For { line, name, words, body } => {
                let values = self.loop_words(words.as_deref())?;
                self.status = 0;
                self.looping(|shell| {
                    for value in values {
                        shell.line = *line;
                        if !shell.set(name, &value) {
                            shell.status = 2;
                            return Err(Stop::Abort);
                        }
                        if shell.options.xtrace {
                            let words: Vec<String> = words.iter().flatten().map(source_of).collect();
                            shell.trace(&format!("for {name} in {}", words.join(" ")));
                        }
                        if !shell.in_loop(|shell| shell.list(body).map(|()| true))? {
                            break;
                        }
                    }
                    Ok(())
                })
            }
            Compound::Select { line, name, words, body } => {
                self.line = *line;
                let values = self.loop_words(words.as_deref())?;
                self.looping(|shell| shell.select(name, &values, body))
            }
            Compound::ArithmeticFor { line, start, condition, step, body } => {
                self.line = *line;
                if let Some(start) = start {
                    self.arithmetic(start)?;
                }
                self.status = 0;
                self.looping(|shell| {
                    loop {
                        if let Some(condition) = condition
                            && shell.arithmetic(condition)? == 0
                        {
                            break;
                        }
                        if !shell.in_loop(|shell| shell.list(body).map(|()| true))? {
                            break;
                        }
                        if let Some(step) = step {
                            shell.arithmetic(step)?;
                        }
                        shell.run_pending_traps()?;
                    }
                    Ok(())
                })
            }
            Compound::Case { line, word, items } => {
                self.line = *line;
                self.case(word, items)
            }
            Compound::Arithmetic { line, expression } => {
                self.line = *line;
                let result = self.arithmetic(expression);
                match result {
                    Ok(value) => self.status = i32::from(value == 0),
                    // It is an error of this command alone.
                    Err(Stop::Abort) => self.status = 1,
                    Err(stop) => return Err(stop),
                }
                Ok(())
            }
            Compound::Test { line, expression } => {
                self.line = *line;
                let result = self.test_expression(expression);
                self.status = match result {
                    Ok(holds) => i32::from(!holds),
                    Err(Stop::Abort) => 2,
                    Err(stop) => return Err(stop),
                };
                Ok(())
            }
        }
    }

    /// Runs commands whose failure decides what is done next.
    fn condition(&mut self, list: &List) -> Run<bool> {
        self.errexit_ignored += 1;
        let result = self.list(list);
        self.errexit_ignored -= 1;
        result?;
        Ok(self.status == 0)
    }

    fn looping(&mut self, run: impl FnOnce(&mut Shell) -> Run) -> Run {
        self.loops += 1;
        let result = run(self);
        self.loops -= 1;
        result
    }

    /// Runs a turn of a loop. False where it was the last, because of `break`.
    fn in_loop(&mut self, run: impl FnOnce(&mut Shell) -> Run<bool>) -> Run<bool> {
        match run(self) {
            Err(Stop::Break(1)) => Ok(false),
            Err(Stop::Break(levels)) => Err(Stop::Break(levels - 1)),
            Err(Stop::Continue(1)) => Ok(true),
            Err(Stop::Continue(levels)) => Err(Stop::Continue(levels - 1)),
            result => result,
        }
    }

    fn loop_words(&mut self, words: Option<&[Word]>) -> Run<Vec<Rc<str>>> {
        let Some(words) = words else { return Ok(self.positional.to_vec()) };
        let mut values = Vec::new();
        for word in words {
            self.expand_fields(word, &mut values)?;
        }
        Ok(values)
    }

    fn case(&mut self, word: &Word, items: &[CaseItem]) -> Run {
        let text = self.expand_text(word)?;
        if self.options.xtrace {
            self.trace(&format!("case {} in", quote::if_needed(&text)));
        }
        let fold = self.options.nocasematch;
        let chars: Vec<char> = if fold { text.to_lowercase().chars().collect() } else { text.chars().collect() };
        self.status = 0;
        let mut runs = false;
        for item in items {
            if !runs {
                for pattern in &item.patterns {
                    let matches = match pattern.as_literal() {
                        Some(literal)
                            if !fold
                                && !crate::expand::pattern::is_active(literal, self.options.extglob)
                                && !literal.contains('\\') =>
                        {
                            *literal == *text
                        }
                        _ => {
                            let mut pattern = self.expand_pattern_text(pattern)?;
                            if fold {
                                pattern = pattern.to_lowercase();
                            }
                            Pattern::new(&pattern, self.options.extglob).matches_chars(&chars)
                        }
                    };
                    if matches {
                        runs = true;
                        break;
                    }
                }
            }
            if runs {
                self.list(&item.body)?;
                match item.after {
                    CaseAfter::Leave => return Ok(()),
                    CaseAfter::FallThrough => {}
                    CaseAfter::GoOn => runs = false,
                }
            }
        }
        Ok(())
    }

    fn select(&mut self, name: &str, values: &[Rc<str>], body: &List) -> Run {
        self.status = 0;
        loop {
            self.flush();
            let menu: String = values.iter().enumerate().map(|(at, value)| format!("{}) {value}\n", at + 1)).collect();
            self.write_error(&menu);
            let prompt = self.get("PS3").unwrap_or_else(|| "#? ".into());
            self.write_error(&prompt);
            let Some(line) = crate::builtins::read::line(self, 0) else {
                self.status = 1;
                return Ok(());
            };
            let line = line.trim().to_owned();
            self.set("REPLY", &line);
            if line.is_empty() {
                continue;
            }
            let chosen = line
                .parse::<usize>()
                .ok()
                .and_then(|number| values.get(number.wrapping_sub(1)))
                .cloned()
                .unwrap_or_default();
            self.set(name, &chosen);
            if !self.in_loop(|shell| shell.list(body).map(|()| true))? {
                return Ok(());
            }
        }
    }

    /// Runs a function with these parameters.
    pub fn call(&mut self, name: &Rc<str>, function: &Rc<Function>, parameters: Vec<Rc<str>>) -> Run {
        let positional = std::mem::replace(&mut self.positional, Rc::new(parameters));
        let loops = std::mem::take(&mut self.loops);
        self.functions_running += 1;
        self.function_names.push(name.clone());
        self.vars().enter();
        let result = match self.redirect(&function.redirects) {
            Ok(saved) => {
                let result = self.compound_of_function(&function.body);
                self.flush();
                self.restore(saved);
                result
            }
            Err(stop) => {
                self.status = 1;
                stop.map_or(Ok(()), Err)
            }
        };
        for name in self.vars().leave() {
            match &*name {
                "PATH" => self.hash.clear(),
                "OPTIND" => self.getopts_at = (0, 0),
                _ => {}
            }
        }
        self.function_names.pop();
        self.functions_running -= 1;
        self.loops = loops;
        self.positional = positional;
        match result {
            Err(Stop::Return | Stop::Break(_) | Stop::Continue(_)) => Ok(()),
            result => result,
        }
    }

    fn compound_of_function(&mut self, body: &Compound) -> Run {
        self.compound(body, &"".into())
    }

    /// Writes what `set -x` tells.
    pub fn trace(&mut self, text: &str) {
        let prompt = self.get("PS4").unwrap_or_else(|| "+ ".into());
        // Tracing what the prompt runs would never end.
        self.options.xtrace = false;
        let prompt = self.prompt_text(&prompt);
        self.options.xtrace = true;
        self.flush();
        self.write_error(&format!("{prompt}{text}\n"));
    }
}

/// Whether `set -e` looks at how these end: compound commands have done so for what they ran, but for subshells.
fn checks_errors(commands: &[Command]) -> bool {
    match commands {
        [Command::Compound(compound, redirects)] => {
            matches!(**compound, Compound::Subshell(_) | Compound::Arithmetic { .. } | Compound::Test { .. })
                || !redirects.is_empty()
        }
        _ => true,
    }
}

/// Roughly how a word was written, for `set -x`.
fn source_of(word: &Word) -> String {
    word.as_literal().map_or_else(|| "...".to_owned(), str::to_owned)
}
