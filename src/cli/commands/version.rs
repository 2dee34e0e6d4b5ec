//! `cowbox version`.

use serde_json::json;

use crate::cli::context::{Context, Outcome};
use crate::cli::template::{Data, Template};

/// Show the version
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Format output: 'json', or a template
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let (version, os, arch) = (env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH);
        let text = match self.format.as_deref() {
            None => format!(
                "cowbox {version}\n {:<12}{os}/{arch}\n {:<12}WASI preview 1 (wasmtime 48)",
                "OS/Arch:", "Runs:"
            ),
            Some(format) => {
                // There is one program, which is client and server: scripts that ask for either get an answer.
                let both = json!({ "Version": version, "Os": os, "Arch": arch });
                let value = json!({ "Client": both, "Server": both });
                match format {
                    "json" => value.to_string(),
                    format => Template::parse(format)?.execute(&Data::new(&value))?,
                }
            }
        };
        context.print_line(&text)?;
        Ok(0)
    }
}
