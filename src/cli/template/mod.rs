//! Go's template language (`text/template`) as `--format` takes it, with the functions Docker adds.
//!
//! A template is read by `lexer` and `parser` into `node`s and run by `eval` over JSON values. [`mod@format`] is
//! what commands use: `table`, `json`, or a template for each row. Everything is bounded, so that no template and no
//! data hangs or fills the memory.

mod docker_types;
mod error;
mod eval;
pub mod format;
mod functions;
mod lexer;
pub mod listings;
mod node;
mod parser;
mod printf;
mod strings;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::Value;

pub use error::TemplateError;
use node::Node;

/// The longest template that is read.
pub const MAX_TEMPLATE: usize = 64 << 10;

/// The most a template may write, and the most its functions may make.
pub const MAX_OUTPUT: usize = 64 << 20;

/// A template that was read.
#[derive(Clone, Debug)]
pub struct Template {
    source: String,
    main: Vec<Node>,
    named: BTreeMap<String, Vec<Node>>,
}

/// What a template runs over.
#[derive(Clone, Copy)]
pub struct Data<'d> {
    /// The dot at the start, and `$`.
    pub root: &'d Value,
    /// What can be called on the root besides its fields.
    pub methods: Option<&'d dyn Methods>,
    /// What a field that is not there means.
    pub missing: Missing,
    /// Whether this is the header of a table: Docker's functions then pass their first argument on.
    pub header: bool,
}

impl<'d> Data<'d> {
    /// A value in which every field may be missing.
    pub fn new(root: &'d Value) -> Data<'d> {
        Data { root, methods: None, missing: Missing::NoValue, header: false }
    }
}

/// Methods of a template's root, such as `.Label "key"`.
pub trait Methods {
    /// Calls a method; `None` where there is none of that name.
    fn call(&self, name: &str, arguments: &[&Value]) -> Option<Result<Value, String>>;
}

/// What a field that is not there means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It is `<no value>`, as in a Go map.
    NoValue,
    /// An error as of `docker inspect`, except in maps of users' keys (`Labels`); the case of letters does not matter.
    NoKey,
    /// An error that names the Go type of the root, as of the rows of a list.
    NoField(&'static str),
}

impl Template {
    /// Reads a template.
    pub fn parse(source: &str) -> Result<Template, TemplateError> {
        parser::parse(source)
    }

    /// Runs the template.
    pub fn execute(&self, data: &Data<'_>) -> Result<String, TemplateError> {
        eval::execute(self, data)
    }

    /// Whether a field or method of this name is asked for anywhere, so that a costly one need not be made otherwise.
    pub fn uses(&self, field: &str) -> bool {
        self.main.iter().chain(self.named.values().flatten()).any(|node| node.uses(field))
    }
}
