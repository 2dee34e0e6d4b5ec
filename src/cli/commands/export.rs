//! `cowbox export`: all files of a container as a tar.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use crate::cli::context::{Context, Failure, Outcome};

/// Export a container's file system as a tar archive
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Write to a file, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The container
    container: String,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        with_output(context, self.output.as_deref(), |out| Ok(context.engine()?.export(&self.container, out)?))
    }
}

/// Calls `write` with the file, or with standard output where none is named. A file appears whole or not at all.
pub(super) fn with_output(
    context: &Context,
    path: Option<&std::path::Path>,
    write: impl FnOnce(&mut (dyn Write + Send)) -> Result<(), Failure>,
) -> Outcome {
    let Some(path) = path else {
        context.check_redirected()?;
        let mut out = BufWriter::with_capacity(1 << 17, io::stdout());
        write(&mut out)?;
        out.flush()?;
        return Ok(0);
    };
    let about = |error: io::Error| Failure::new(format!("{}: {error}", path.display()));
    if path.exists() && !path.is_file() {
        // A device or a pipe is written to as it is.
        let mut out = File::options().write(true).open(path).map_err(about)?;
        write(&mut out)?;
        return Ok(0);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
    let temporary = tempfile::NamedTempFile::new_in(folder).map_err(about)?;
    let mut out = BufWriter::with_capacity(1 << 17, temporary);
    write(&mut out)?;
    let temporary = out.into_inner().map_err(|error| about(error.into_error()))?;
    temporary.persist(path).map_err(|error| about(error.error))?;
    Ok(0)
}
