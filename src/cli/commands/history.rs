//! `cowbox history`: how an image came to be.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::context::{Context, Outcome};
use crate::cli::listing::{render, row};
use crate::cli::output::time::created_at;
use crate::cli::output::{human, text};
use crate::cli::template::listings::{HISTORY, HISTORY_NOT_HUMAN};

/// Show the history of an image
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Print sizes and times for people
    #[arg(short = 'H', long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1,
          default_missing_value = "true", require_equals = true)]
    human: bool,
    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,
    /// Show ids only
    #[arg(short, long)]
    quiet: bool,
    /// Format output: 'table', 'table TEMPLATE', 'json', or a template
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// The image
    image: String,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let now = Timestamp::now();
        let lines = context.engine()?.history(&self.image)?;
        let rows = lines.into_iter().map(|line| {
            let id = match (line.id, self.no_trunc) {
                (Some(id), true) => id.to_string(),
                (Some(id), false) => id.short(),
                (None, _) => "<missing>".into(),
            };
            let created = line.entry.created_time();
            let command = line.entry.created_by.replace('\t', " ");
            let none = || "N/A".to_owned();
            row([
                ("Comment", line.entry.comment.clone()),
                (
                    "CreatedAt",
                    created.map_or_else(none, |time| match self.human {
                        true => created_at(time, &TimeZone::system()),
                        false => time.to_zoned(TimeZone::system()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
                    }),
                ),
                ("CreatedBy", if self.no_trunc { command } else { text::ellipsis(&command, 45) }),
                ("CreatedSince", created.map_or_else(none, |time| human::ago(time, now))),
                ("ID", id),
                ("Size", if self.human { human::size(line.size) } else { line.size.to_string() }),
            ])
        });
        let rows = rows.collect::<Vec<_>>();
        let format = self.format.as_deref().or((!self.human && !self.quiet).then_some(HISTORY_NOT_HUMAN));
        context.print(&render(&HISTORY, &rows, format, self.quiet.then_some("ID"))?)?;
        Ok(0)
    }
}
