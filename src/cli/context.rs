//! What every command needs: the engine, the streams, and how commands end.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::engine::{self, Engine, EngineOptions, Progress};

/// How a command ends: with an exit code, or an error that is printed.
pub(super) type Outcome = Result<i32, Failure>;

/// An error on its way to the user.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) message: String,
    pub(super) hint: Option<String>,
    pub(super) code: i32,
}

impl Failure {
    pub(super) fn new(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), hint: None, code: 1 }
    }

    /// The exit codes that `run` and its like have.
    pub(super) fn of_run(error: engine::Error) -> Failure {
        let code = error.exit_code();
        Failure { code, ..Failure::from(error) }
    }

    /// The same, of a `run` before there is a container.
    pub(super) fn before_run(self) -> Failure {
        Failure { code: 125, ..self }
    }

    /// The error in one line, with what to do about it.
    pub(super) fn line(&self) -> String {
        match &self.hint {
            Some(hint) => format!("cowbox: {} ({hint})", self.message),
            None => format!("cowbox: {}", self.message),
        }
    }
}

impl From<engine::Error> for Failure {
    fn from(error: engine::Error) -> Failure {
        if error.kind == engine::ErrorKind::BrokenPipe {
            return Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        }
        Failure { message: error.message, hint: error.hint, code: 1 }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            // Whoever read our output has seen enough.
            io::ErrorKind::BrokenPipe => Failure { message: String::new(), hint: None, code: 141 },
            _ => Failure::new(error.to_string()),
        }
    }
}

macro_rules! plain_failures {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Failure {
                Failure::new(error.to_string())
            }
        }
    )*};
}

plain_failures!(
    super::filter::InvalidFilter,
    super::output::time::InvalidTime,
    super::output::units::InvalidQuantity,
    super::template::TemplateError,
    crate::oci::InvalidPlatform,
    crate::store::Error,
);

/// The surroundings of one command.
pub(super) struct Context {
    root: Option<PathBuf>,
    engine: OnceLock<Engine>,
}

impl Context {
    pub(super) fn new(root: Option<PathBuf>) -> Context {
        Context { root, engine: OnceLock::new() }
    }

    /// The folder of the store.
    pub(super) fn root(&self) -> Result<PathBuf, Failure> {
        match &self.root {
            Some(root) => Ok(root.clone()),
            None => default_root(),
        }
    }

    /// The engine, opened when it is first asked for.
    pub(super) fn engine(&self) -> Result<&Engine, Failure> {
        if let Some(engine) = self.engine.get() {
            return Ok(engine);
        }
        let engine = Engine::open(EngineOptions { root: self.root()?, progress: Some(Arc::new(report)) })?;
        Ok(self.engine.get_or_init(|| engine))
    }

    /// Writes to standard output.
    pub(super) fn print(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }

    /// Writes a line to standard output.
    pub(super) fn print_line(&self, line: &str) -> Result<(), Failure> {
        self.print(&format!("{line}\n"))
    }

    /// Writes a line to standard error.
    pub(super) fn note(&self, line: &str) {
        note(line);
    }

    /// Refuses to pour an archive over a terminal.
    pub(super) fn check_redirected(&self) -> Result<(), Failure> {
        match io::stdout().is_terminal() {
            true => Err(Failure::new("cowardly refusing to save to a terminal: use the -o flag or redirect")),
            false => Ok(()),
        }
    }

    /// Runs `one` for each key; what fails is printed, and the exit code is then 1.
    pub(super) fn for_each(&self, keys: &[String], mut one: impl FnMut(&str) -> Result<(), Failure>) -> Outcome {
        let mut code = 0;
        for key in keys {
            if let Err(failure) = one(key) {
                if failure.message.is_empty() {
                    return Err(failure);
                }
                self.note(&failure.line());
                code = 1;
            }
        }
        Ok(code)
    }
}

/// Prints a line on standard error. That standard error is closed is nothing one could say anywhere.
pub(super) fn note(line: &str) {
    let end = if crate::sys::terminal::is_raw() { "\r\n" } else { "\n" };
    let _ = write!(io::stderr(), "{line}{end}");
}

/// The per-user data folder of the system.
fn default_root() -> Result<PathBuf, Failure> {
    use etcetera::BaseStrategy;
    let strategy = etcetera::choose_base_strategy().map_err(|error| {
        Failure::new(format!("no home folder is known for the store: {error} (name one with --root or COWBOX_HOME)"))
    })?;
    Ok(strategy.data_dir().join("cowbox"))
}

/// Progress is for people: it is shown on a terminal only.
fn report(progress: Progress) {
    if !io::stderr().is_terminal() {
        return;
    }
    match progress {
        Progress::Compiling { program, size } if size > 1 << 20 => {
            note(&format!("compiling {program} ({}), once", super::output::human::size(size)));
        }
        _ => {}
    }
}
