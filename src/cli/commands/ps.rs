//! `cowbox ps`: the containers.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::context::{Context, Failure, Outcome};
use crate::cli::filter::Filters;
use crate::cli::listing::{render, row};
use crate::cli::output::time::created_at;
use crate::cli::output::{human, text};
use crate::cli::template::format::Row;
use crate::cli::template::listings::{CONTAINERS, CONTAINERS_WITH_SIZE};
use crate::engine::{Container, Engine};
use crate::store::{MountSource, Status};

const FILTERS: &[&str] = &["id", "name", "label", "exited", "status", "ancestor", "before", "since", "volume"];

const EXAMPLES: &str = r#"Examples:
  cowbox ps -a --filter exited=0 --format '{{.Names}}: {{.Status}}'
  cowbox ps -a --format 'table {{.ID}}\t{{.Image}}\t{{.Size}}'"#;

/// List containers
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Show all containers, not only those that run
    #[arg(short, long)]
    all: bool,
    /// Show ids only
    #[arg(short, long)]
    quiet: bool,
    /// Show the latest container, whatever its state
    #[arg(short, long)]
    latest: bool,
    /// Show the last containers, whatever their state
    #[arg(short = 'n', long, value_name = "NUMBER")]
    last: Option<usize>,
    /// Show sizes
    #[arg(short, long)]
    size: bool,
    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,
    /// Filter output
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Format output: 'table', 'table TEMPLATE', 'json', or a template
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let filters = Filters::parse(&self.filter, FILTERS)?;
        let engine = context.engine()?;
        let all = engine.containers()?;
        let last = if self.latest { Some(1) } else { self.last };
        let shows_all = self.all || last.is_some() || !filters.values("status").is_empty();
        let shows_all = shows_all || !filters.values("exited").is_empty();
        let mut shown = Vec::new();
        for container in &all {
            let is_running = container.state.status == Status::Running;
            if (shows_all || is_running) && self.fits(&filters, container, &all, engine)? {
                shown.push(container);
            }
        }
        shown.truncate(last.unwrap_or(usize::MAX));
        let wants_size = self.size || self.format.as_deref().is_some_and(|format| format.contains(".Size"));
        let rows = shown.into_iter().map(|container| self.row(engine, container, wants_size));
        let rows = rows.collect::<Result<Vec<_>, Failure>>()?;
        let format = self.format.as_deref().or(self.size.then_some(CONTAINERS_WITH_SIZE));
        let quiet = self.quiet.then_some("ID").filter(|_| self.format.is_none());
        context.print(&render(&CONTAINERS, &rows, if quiet.is_some() { None } else { format }, quiet)?)?;
        Ok(0)
    }

    fn row(&self, engine: &Engine, container: &Container, wants_size: bool) -> Result<Row, Failure> {
        let (record, now) = (&container.record, Timestamp::now());
        let command = record.args.join(" ");
        let created = record.created.parse::<Timestamp>().unwrap_or(now);
        let labels = record.labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>();
        let mounts = record.mounts.iter().filter_map(|mount| match &mount.source {
            MountSource::Bind { path } => Some(path.display().to_string()),
            MountSource::Volume { name, .. } => Some(name.clone()),
            MountSource::Tmpfs { .. } => None,
        });
        let shorten = |text: String, columns| if self.no_trunc { text } else { text::ellipsis(&text, columns) };
        let mounts = mounts.map(|mount| shorten(mount, 15)).collect::<Vec<_>>();
        let volumes = record.mounts.iter().filter(|mount| matches!(mount.source, MountSource::Volume { .. })).count();
        let size = match wants_size {
            true => {
                let (own, root) = engine.container_sizes(container)?;
                format!("{} (virtual {})", human::size(own), human::size(root))
            }
            false => "0B".into(),
        };
        let row = row([
            ("Command", text::quote(&shorten(command, 20))),
            ("CreatedAt", created_at(created, &TimeZone::system())),
            ("ID", if self.no_trunc { record.id.to_string() } else { record.id.short().to_owned() }),
            ("Image", familiar(&record.image)),
            ("Labels", labels.join(",")),
            ("LocalVolumes", volumes.to_string()),
            ("Mounts", mounts.join(",")),
            ("Names", container.name.clone()),
            ("Networks", "none".into()),
            ("Platform", record.platform.clone()),
            ("Ports", String::new()),
            ("RunningFor", human::ago(created, now)),
            ("Size", size),
            ("State", crate::engine::state_word(&container.state).into()),
            ("Status", status(container, now)),
        ]);
        Ok(Row { labels: record.labels.clone(), ..row })
    }

    fn fits(
        &self,
        filters: &Filters,
        container: &Container,
        all: &[Container],
        engine: &Engine,
    ) -> Result<bool, Failure> {
        let record = &container.record;
        let uses = |wanted: &str| {
            record.mounts.iter().any(|mount| {
                mount.target == wanted || matches!(&mount.source, MountSource::Volume { name, .. } if name == wanted)
            })
        };
        let ancestor = |wanted: &str| {
            engine.image(wanted).is_ok_and(|image| image.id == record.image_id) || record.image == wanted
        };
        let exited =
            |wanted: &str| container.state.status == Status::Exited && wanted.parse() == Ok(container.state.exit_code);
        let place =
            |key: &str| all.iter().position(|other| other.name == key || other.record.id.as_str().starts_with(key));
        let own = all.iter().position(|other| other.record.id == record.id);
        for key in filters.values("before").iter().chain(filters.values("since")) {
            if place(key).is_none() {
                return Err(Failure::new(format!("no such container: {key}")));
            }
        }
        // The list is newest first.
        Ok(filters.starts_id("id", record.id.as_str())
            && filters.finds("name", &container.name)
            && filters.fit_labels(&record.labels)
            && filters.any("exited", exited)
            && filters.is("status", crate::engine::state_word(&container.state))
            && filters.any("ancestor", ancestor)
            && filters.any("volume", uses)
            && filters.any("before", |key| own > place(key))
            && filters.any("since", |key| own < place(key)))
    }
}

/// The name without what Docker Hub's short names leave out; ids stay.
fn familiar(image: &str) -> String {
    match image.parse::<crate::oci::Reference>() {
        Ok(reference) if !image.contains(':') => reference.familiar_name(),
        Ok(reference) => reference.familiar(),
        Err(_) => image.to_owned(),
    }
}

/// `Up 3 minutes`, `Up 3 minutes (Paused)`, `Exited (0) 2 minutes ago`, `Created`.
fn status(container: &Container, now: Timestamp) -> String {
    let state = &container.state;
    let ago = |time: &str| human::duration((now.as_second()) - time.parse::<Timestamp>().unwrap_or(now).as_second());
    match state.status {
        Status::Created => "Created".into(),
        Status::Running if state.paused => format!("Up {} (Paused)", ago(&state.started)),
        Status::Running => format!("Up {}", ago(&state.started)),
        Status::Exited if state.finished.is_empty() => format!("Exited ({})", state.exit_code),
        Status::Exited => format!("Exited ({}) {} ago", state.exit_code, ago(&state.finished)),
    }
}
