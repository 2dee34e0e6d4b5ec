//! `cowbox cp`: files between containers and the host.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use crate::cli::context::{Context, Failure, Outcome};
use crate::engine::{CopyEnd, CopyOptions};

/// Copy files between a container and the host
///
/// Use '-' as the source to read a tar archive from standard input and unpack it into a directory of a container. Use '-'
/// as the destination to write a tar archive of a container's files to standard output.
#[derive(clap::Args)]
#[command(
    override_usage = "cowbox cp [OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n       cowbox cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH"
)]
pub(in crate::cli) struct Args {
    /// Archive mode: keep owners
    #[arg(short, long)]
    archive: bool,
    /// Follow a symbolic link that the source path names
    #[arg(short = 'L', long)]
    follow_link: bool,
    /// Print nothing (nothing is printed anyway)
    #[arg(short = 'q', long = "quiet")]
    _quiet: bool,
    /// The source
    source: String,
    /// The destination
    destination: String,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let engine = context.engine()?;
        match (end(&self.source), end(&self.destination)) {
            (CopyEnd::Container { key, path }, CopyEnd::Host(to)) if to.as_os_str() == "-" => {
                context.check_redirected()?;
                let mut out = BufWriter::with_capacity(1 << 17, io::stdout());
                engine.copy_out(&key, &path, self.follow_link, &mut out)?;
                out.flush()?;
            }
            (CopyEnd::Host(from), CopyEnd::Container { key, path }) if from.as_os_str() == "-" => {
                engine.copy_in(&key, &path, &mut io::stdin())?;
            }
            (CopyEnd::Host(_), CopyEnd::Host(_)) => {
                return Err(Failure::new("must specify at least one container source or destination (CONTAINER:PATH)"));
            }
            (from, to) => {
                let options = CopyOptions { follow: self.follow_link, keep_owner: self.archive };
                engine.copy(&from, &to, options)?;
            }
        }
        Ok(0)
    }
}

/// `CONTAINER:PATH`, or a path of the host: one that begins with `/`, `.` or a drive letter, or has no colon.
fn end(text: &str) -> CopyEnd {
    let host = || CopyEnd::Host(PathBuf::from(text));
    if text.starts_with(['/', '.']) || PathBuf::from(text).is_absolute() {
        return host();
    }
    match text.split_once(':') {
        Some((key, path)) if !key.contains(['/', '\\']) && !key.is_empty() => {
            CopyEnd::Container { key: key.to_owned(), path: path.to_owned() }
        }
        _ => host(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colon_separates_the_container_from_the_path() {
        assert_eq!(end("web:/a"), CopyEnd::Container { key: "web".into(), path: "/a".into() });
        for host in ["-", "file", "./a:b", "/a:b", "dir/a:b"] {
            assert_eq!(end(host), CopyEnd::Host(host.into()));
        }
    }
}
