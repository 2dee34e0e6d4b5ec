//! `cowbox runtime` in a program that was built without native containers.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::cli::context::{Context, Failure, Outcome};

/// Run containers from OCI bundles; not in this build
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(in crate::cli) struct Args {
    /// The arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    _arguments: Vec<OsString>,
}

impl Args {
    pub(in crate::cli) fn run(self, _context: &Context) -> Outcome {
        Err(Failure::new("this cowbox was built without native containers"))
    }
}

/// None: there is nobody to take them.
pub(in crate::cli) fn arguments(_args: &[OsString]) -> Option<&[OsString]> {
    None
}

/// Never called, as there are no [`arguments`].
pub(in crate::cli) fn exit_code(_arguments: &[OsString]) -> ExitCode {
    ExitCode::FAILURE
}
