//! `cowbox commit`: an image of what a container changed.

use crate::cli::context::{Context, Failure, Outcome};
use crate::engine::{Change, CommitOptions, Engine, EngineOptions, Held};
use crate::store::Status;
use crate::sys::signals;

const EXAMPLES: &str = r#"Examples:
  cowbox commit job notes:1
  cowbox commit -m "new default" --change 'CMD ["cat", "/etc/motd"]' job notes:2"#;

/// Create a new image from a container's changes
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Author (such as "Ada <ada@example.org>")
    #[arg(short, long, default_value = "")]
    author: String,
    /// Commit message
    #[arg(short, long, default_value = "")]
    message: String,
    /// Apply a Dockerfile instruction to the image
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,
    /// Pause the container during the commit [default: where that is possible]
    #[arg(short, long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", conflicts_with = "no_pause")]
    pause: Option<bool>,
    /// Disable pausing the container during the commit
    #[arg(long)]
    no_pause: bool,
    /// The container
    container: String,
    /// The name of the new image
    #[arg(value_name = "REPOSITORY[:TAG]")]
    name: Option<String>,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let changes = self.change.iter().map(|text| text.parse::<Change>()).collect::<Result<_, _>>()?;
        let engine = context.engine()?;
        let held = if self.no_pause { None } else { self.hold(context, engine)? };
        let options = CommitOptions { name: self.name, author: self.author, message: self.message, changes };
        let image = engine.commit(&self.container, &options)?;
        drop(held);
        context.print_line(&image.id.to_string())?;
        Ok(0)
    }

    /// Pauses a native container that runs. What would end this process lets it go on before.
    fn hold<'e>(&self, context: &Context, engine: &'e Engine) -> Result<Option<Held<'e>>, Failure> {
        let container = engine.container(&self.container)?;
        if self.pause == Some(false) || container.state.status != Status::Running || container.state.paused {
            return Ok(None);
        }
        let (id, other) = (container.record.id, Engine::open(EngineOptions::new(context.root()?))?);
        let paused = id.clone();
        let caught = signals::catch_termination(move |number| {
            // Where it is not paused yet or any more there is nothing to do.
            let _ = other.unpause(paused.as_str());
            std::process::exit(128 + i32::from(number));
        });
        let held = match (engine.hold(id.as_str()), self.pause) {
            (Err(error), Some(true)) => return Err(error.into()),
            (held, _) => held.ok().flatten(),
        };
        // Not before: a process with threads cannot become another user's root.
        if let Some(caught) = caught {
            caught.detach();
        }
        Ok(held)
    }
}
