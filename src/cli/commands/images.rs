//! `cowbox images`: the images.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::context::{Context, Failure, Outcome};
use crate::cli::filter::Filters;
use crate::cli::listing::{render, row};
use crate::cli::output::human;
use crate::cli::output::time::{created_at, parse_moment};
use crate::cli::template::format::Row;
use crate::cli::template::listings::{IMAGES, IMAGES_WITH_DIGESTS};
use crate::engine::{Engine, Image};
use crate::oci::{Digest, Reference};

const FILTERS: &[&str] = &["dangling", "label", "before", "since", "until", "reference"];

/// List images
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Show all images (intermediate ones are never kept)
    #[arg(short = 'a', long = "all")]
    _all: bool,
    /// Show ids only
    #[arg(short, long)]
    quiet: bool,
    /// Show digests
    #[arg(long)]
    digests: bool,
    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,
    /// Filter output
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Format output: 'table', 'table TEMPLATE', 'json', or a template
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Only images of this repository
    #[arg(value_name = "REPOSITORY[:TAG]")]
    repository: Option<String>,
}

impl Args {
    pub(in crate::cli) fn run(self, context: &Context) -> Outcome {
        let filters = Filters::parse(&self.filter, FILTERS)?;
        let engine = context.engine()?;
        let mut users: HashMap<Digest, usize> = HashMap::new();
        for container in engine.containers()? {
            *users.entry(container.record.manifest).or_default() += 1;
        }
        let images = engine.images()?;
        let mut rows = Vec::new();
        for image in &images {
            if !fits(&filters, image, engine)? {
                continue;
            }
            let used = users.get(&image.manifest.digest()).copied().unwrap_or(0);
            let names = image.names.iter().filter(|name| self.shows(&filters, name)).map(Some).collect::<Vec<_>>();
            match (names.is_empty(), image.names.is_empty()) {
                (true, true) if self.repository.is_none() && filters.values("reference").is_empty() => {
                    rows.push(self.row(engine, image, None, used));
                }
                _ => rows.extend(names.into_iter().map(|name| self.row(engine, image, name, used))),
            }
        }
        if self.quiet && self.format.is_none() {
            // An image with several names is one image.
            rows.dedup_by(|a, b| a.fields.get("ID") == b.fields.get("ID"));
        }
        let quiet = self.quiet.then_some("ID").filter(|_| self.format.is_none());
        let format = self.format.as_deref().or((self.digests && !self.quiet).then_some(IMAGES_WITH_DIGESTS));
        context.print(&render(&IMAGES, &rows, format, quiet)?)?;
        Ok(0)
    }

    /// Whether a name is asked for.
    fn shows(&self, filters: &Filters, name: &Reference) -> bool {
        let asked = self.repository.as_deref().is_none_or(|asked| match asked.parse::<Reference>() {
            Ok(reference) if asked.contains(':') => reference == *name,
            Ok(reference) => reference.name() == name.name(),
            Err(_) => crate::cli::pattern::fits_glob(asked, &name.familiar_name()),
        });
        let (short, full) = (name.familiar_name(), name.familiar());
        asked && filters.fits_glob("reference", [short.as_str(), full.as_str()])
    }

    fn row(&self, engine: &Engine, image: &Image, name: Option<&Reference>, used: usize) -> Row {
        let now = Timestamp::now();
        let none = || "<none>".to_owned();
        let created = image.config.view.created_time();
        let size = human::size(engine.image_size(image));
        let row = row([
            ("Containers", used.to_string()),
            ("CreatedAt", created.map_or_else(|| "N/A".into(), |time| created_at(time, &TimeZone::system()))),
            ("CreatedSince", created.map_or_else(|| "N/A".into(), |time| human::ago(time, now))),
            ("Digest", image.manifest.digest().to_string()),
            ("ID", if self.no_trunc { image.id.to_string() } else { image.id.short() }),
            ("Platform", image.platform().to_string()),
            ("Repository", name.map_or_else(none, |name| name.familiar_name())),
            ("SharedSize", "N/A".into()),
            ("Size", size.clone()),
            ("Tag", name.and_then(|name| name.tag()).map_or_else(none, str::to_owned)),
            ("UniqueSize", "N/A".into()),
            ("VirtualSize", size),
        ]);
        Row { labels: image.config.view.config.labels.clone(), ..row }
    }
}

/// Whether the image as such is asked for.
fn fits(filters: &Filters, image: &Image, engine: &Engine) -> Result<bool, Failure> {
    let created = image.config.view.created_time();
    let created_of = |key: &String| -> Result<_, Failure> { Ok(engine.image(key)?.config.view.created_time()) };
    for key in filters.values("before") {
        if created >= created_of(key)? {
            return Ok(false);
        }
    }
    for key in filters.values("since") {
        if created <= created_of(key)? {
            return Ok(false);
        }
    }
    for text in filters.values("until") {
        let until = parse_moment(text, Timestamp::now(), &TimeZone::system())?;
        if created.is_some_and(|created| created >= until) {
            return Ok(false);
        }
    }
    let is_dangling = image.names.is_empty();
    Ok(filters.any("dangling", |value| matches!(value, "true" | "1") == is_dangling)
        && filters.fit_labels(&image.config.view.config.labels))
}
