//! `cowbox inspect`: everything that is known, as JSON.

use serde_json::Value;

use crate::cli::context::{Context, Failure, Outcome};
use crate::cli::template::format::InspectFormat;
use crate::engine::{Engine, ErrorKind};

const EXAMPLES: &str = r#"Examples:
  cowbox inspect -f '{{.State.Status}} {{.State.ExitCode}}' job
  cowbox inspect --type image -f '{{json .Config.Env}}' base"#;

/// Return low-level information on containers, images and volumes
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Format output: 'json', or a template
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
    /// Show sizes of containers
    #[arg(short, long)]
    size: bool,
    /// What the names stand for: container, image or volume
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Containers, images or volumes
    #[arg(required = true, value_name = "NAME|ID")]
    names: Vec<String>,
}

impl Args {
    /// `image inspect` and its like.
    pub(super) fn of_kind(self, kind: &str) -> Args {
        Args { kind: Some(kind.to_owned()), ..self }
    }

    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let kinds: &[&str] = match self.kind.as_deref() {
            None => &["container", "image", "volume"],
            Some("container") => &["container"],
            Some("image") => &["image"],
            Some("volume") => &["volume"],
            Some(kind) => return Err(Failure::new(format!("{kind:?} is not a valid value for --type"))),
        };
        let engine = context.engine()?;
        let mut found = Vec::new();
        let code = context.for_each(&self.names, |name| {
            found.push(self.find(engine, kinds, name)?);
            Ok(())
        })?;
        let text = InspectFormat::parse(self.format.as_deref().unwrap_or_default())?.render(&found)?;
        context.print(&text)?;
        Ok(code)
    }

    fn find(&self, engine: &Engine, kinds: &[&str], name: &str) -> Result<Value, Failure> {
        for kind in kinds {
            let found = match *kind {
                "container" => engine.container(name).and_then(|it| engine.inspect_container(&it, self.size)),
                "image" => engine.image(name).map(|it| engine.inspect_image(&it)),
                _ => engine.volume(name).map(|it| engine.inspect_volume(&it)),
            };
            match found {
                Err(error) if error.kind == ErrorKind::NotFound && kinds.len() > 1 => {}
                found => return Ok(found?),
            }
        }
        Err(Failure::new(format!("no such object: {name}")))
    }
}
