//! `cowbox info`: what cowbox runs on and with.

use serde_json::json;

use crate::cli::context::{Context, Outcome};
use crate::cli::template::{Data, Template};

/// Show what cowbox runs on and with
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Format output: 'json', or a template
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let info = context.engine()?.info()?;
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        if let Some(format) = &self.format {
            let value = json!({
                "Containers": info.containers,
                "ContainersRunning": info.running,
                "ContainersPaused": 0,
                "ContainersStopped": info.stopped,
                "Images": info.images,
                "Driver": "erofs",
                "DockerRootDir": info.root,
                "Runtimes": info.runtimes.iter().map(|name| (name.to_string(), json!({}))).collect::<serde_json::Map<_, _>>(),
                "DefaultRuntime": info.runtimes.first(),
                "NCPU": processors,
                "OSType": std::env::consts::OS,
                "Architecture": std::env::consts::ARCH,
                "ServerVersion": env!("CARGO_PKG_VERSION"),
            });
            let text = match format.as_str() {
                "json" => value.to_string(),
                format => Template::parse(format)?.execute(&Data::new(&value))?,
            };
            context.print_line(&text)?;
            return Ok(0);
        }
        let runtimes = if info.runtimes.is_empty() { "none".into() } else { info.runtimes.join(" ") };
        context.print(&format!(
            "Containers: {}\n Running: {}\n Stopped: {}\nImages: {}\nVersion: {}\nRuntimes: {runtimes}\n\
             Operating System: {}\nArchitecture: {}\nCPUs: {processors}\nRoot Dir: {}{}\n",
            info.containers,
            info.running,
            info.stopped,
            info.images,
            env!("CARGO_PKG_VERSION"),
            std::env::consts::OS,
            std::env::consts::ARCH,
            info.root,
            if info.read_only { " (read-only)" } else { "" },
        ))?;
        Ok(0)
    }
}
