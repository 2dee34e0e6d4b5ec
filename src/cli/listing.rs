//! Lists as `--format` and `-q` ask for them.

use serde_json::Value;

use super::context::Failure;
use super::template::format::{Format, Listing, Row};

/// The text of a list. Without a format, `-q` prints the field `quiet` alone.
pub(super) fn render(
    listing: &Listing,
    rows: &[Row],
    format: Option<&str>,
    quiet: Option<&str>,
) -> Result<String, Failure> {
    if let (Some(field), None) = (quiet, format) {
        let of = |row: &Row| row.fields.get(field).and_then(Value::as_str).unwrap_or_default().to_owned() + "\n";
        return Ok(rows.iter().map(of).collect());
    }
    Ok(Format::parse(format.unwrap_or_default(), listing)?.render(listing, rows)?)
}

/// A row of text fields.
pub(super) fn row<const N: usize>(fields: [(&str, String); N]) -> Row {
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value)));
    Row { fields: fields.collect(), ..Row::default() }
}
