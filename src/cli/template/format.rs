//! `--format`: a table, JSON, or a template for each row; and `inspect`'s.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::value::json;
use super::{Data, Methods, Missing, Template, TemplateError};
use crate::cli::output::table;

/// What a command lists.
pub struct Listing {
    /// The Go type of a row, for errors: `*formatter.ContainerContext`.
    pub type_name: &'static str,
    /// Fields and their headers: `("ID", "CONTAINER ID")`.
    pub headers: &'static [(&'static str, &'static str)],
    /// The template of the table that is printed where no format is given, with or without `table` before it.
    pub table: &'static str,
}

/// One row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Its fields, texts for the most part.
    pub fields: Map<String, Value>,
    /// What `.Label "key"` looks into.
    pub labels: BTreeMap<String, String>,
}

/// A format that was read.
pub struct Format {
    template: Template,
    is_table: bool,
}

impl Format {
    /// Reads what `--format` was given: nothing or `table`, `table TEMPLATE`, `json`, or a template. In all but `json`
    /// `\t` and `\n` stand for a tab and a line break.
    pub fn parse(text: &str, listing: &Listing) -> Result<Format, TemplateError> {
        let (source, is_table) = match (text, text.strip_prefix("table")) {
            ("", _) | ("table", _) => (listing.table.strip_prefix("table").unwrap_or(listing.table), true),
            ("json", _) => ("{{json .}}", false),
            (_, Some(rest)) => (rest, true),
            (text, None) => (text, false),
        };
        let source = source.trim_matches(' ').replace("\\t", "\t").replace("\\n", "\n");
        Ok(Format { template: Template::parse(&source)?, is_table })
    }

    /// Whether a field is asked for, so that a costly one need not be made otherwise.
    pub fn uses(&self, field: &str) -> bool {
        self.template.uses(field)
    }

    /// The whole output: a header for a table, then a line for each row.
    pub fn render(&self, listing: &Listing, rows: &[Row]) -> Result<String, TemplateError> {
        let mut out = String::new();
        if self.is_table {
            out.push_str(&self.header(listing));
            out.push('\n');
        }
        for row in rows {
            let root = Value::Object(if self.is_table { flat(&row.fields) } else { row.fields.clone() });
            let data = Data {
                root: &root,
                methods: Some(&Labels(&row.labels)),
                missing: Missing::NoField(listing.type_name),
                header: false,
            };
            out.push_str(&self.template.execute(&data)?);
            out.push('\n');
        }
        Ok(if self.is_table { table::align(&out) } else { out })
    }

    /// The template over the headers. What goes wrong there (a number is wanted of a header) leaves it empty, as with
    /// Docker.
    fn header(&self, listing: &Listing) -> String {
        let headers = listing.headers.iter().map(|(field, header)| ((*field).to_owned(), Value::from(*header)));
        let root = Value::Object(headers.collect());
        let data = Data { root: &root, methods: Some(&LabelHeaders), missing: Missing::NoValue, header: true };
        self.template.execute(&data).unwrap_or_default()
    }
}

/// Rows whose texts cannot tear the table.
fn flat(fields: &Map<String, Value>) -> Map<String, Value> {
    let flat = |value: &Value| match value {
        Value::String(text) if text.contains(['\t', '\n', '\r', '\x0b', '\x0c']) => {
            Value::from(text.replace(['\t', '\n', '\r', '\x0b', '\x0c'], " "))
        }
        value => value.clone(),
    };
    fields.iter().map(|(field, value)| (field.clone(), flat(value))).collect()
}

fn label_key<'a>(name: &str, arguments: &[&'a Value]) -> Option<Result<&'a str, String>> {
    if name != "Label" {
        return None;
    }
    Some(match arguments {
        [Value::String(key)] => Ok(key),
        [_] => Err("expected string".to_owned()),
        _ => Err(format!("wrong number of args for Label: want 1 got {}", arguments.len())),
    })
}

struct Labels<'a>(&'a BTreeMap<String, String>);

impl Methods for Labels<'_> {
    fn call(&self, name: &str, arguments: &[&Value]) -> Option<Result<Value, String>> {
        let key = label_key(name, arguments)?;
        Some(key.map(|key| Value::from(self.0.get(key).map_or("", String::as_str))))
    }
}

struct LabelHeaders;

impl Methods for LabelHeaders {
    fn call(&self, name: &str, arguments: &[&Value]) -> Option<Result<Value, String>> {
        let key = label_key(name, arguments)?;
        Some(key.map(|key| Value::from(key.rsplit('.').next().unwrap_or(key).replace(['-', '_'], " "))))
    }
}

/// What `inspect` was told to print.
pub enum InspectFormat {
    /// All objects as one indented JSON array.
    Indented,
    /// All objects as one JSON array on a line.
    Json,
    /// A line for each object.
    Template(Template),
}

impl InspectFormat {
    /// Reads what `inspect --format` was given; nothing is [`InspectFormat::Indented`].
    pub fn parse(text: &str) -> Result<InspectFormat, TemplateError> {
        Ok(match text {
            "" => InspectFormat::Indented,
            "json" => InspectFormat::Json,
            text => InspectFormat::Template(Template::parse(text)?),
        })
    }

    /// The whole output. The first object that a template fails on is an error.
    pub fn render(&self, objects: &[Value]) -> Result<String, TemplateError> {
        match self {
            InspectFormat::Indented => Ok(indented(objects) + "\n"),
            InspectFormat::Json => Ok(format!("[{}]\n", objects.iter().map(json).collect::<Vec<_>>().join(","))),
            InspectFormat::Template(template) => {
                let mut out = String::new();
                for object in objects {
                    let data = Data { missing: Missing::NoKey, ..Data::new(object) };
                    out.push_str(&template.execute(&data)?);
                    out.push('\n');
                }
                Ok(if out.is_empty() { "\n".to_owned() } else { out })
            }
        }
    }
}

/// JSON with Docker's four spaces.
fn indented(objects: &[Value]) -> String {
    let mut out = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
    match serde::Serialize::serialize(objects, &mut serializer) {
        Ok(()) => String::from_utf8(out).unwrap_or_default(),
        // Values are JSON already, and memory takes all that is written to it.
        Err(_) => String::new(),
    }
}
