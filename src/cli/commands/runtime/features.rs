//! `cowbox runtime features`: what this runtime understands.

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::{Failure, Outcome, print};
use crate::runtime::native::Lifecycle;

/// Print what this runtime understands
#[derive(clap::Args)]
pub(super) struct Args {}

impl Args {
    pub(super) fn run(self) -> Outcome {
        let mut features = Lifecycle::features()?;
        let runs_modules = super::module::runner().is_some().to_string();
        features.annotations.get_or_insert_default().insert("cowbox.wasm".into(), runs_modules);
        print(&indented(&features, b"    ")?)?;
        Ok(0)
    }
}

/// A document with `indent` before its members, and a line's end.
pub(super) fn indented(document: &impl Serialize, indent: &[u8]) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let mut writer = Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(indent));
    document.serialize(&mut writer).map_err(|error| Failure::new(error.to_string()))?;
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(|error| Failure::new(error.to_string()))
}
