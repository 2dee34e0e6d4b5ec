//! The history of an image: how each layer came to be (image-spec config.md "history").

use serde::{Deserialize, Serialize};

use super::config::ImageConfig;
use super::json::{Extra, is_default, nullable};

/// How one layer, or a change of the config alone, came to be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When, RFC 3339 as it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The command that did it.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub created_by: String,
    /// Who.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// A message.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// Whether there is no layer to it.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub empty_layer: bool,
    /// Fields we do not know.
    #[serde(flatten)]
    pub extra: Extra,
}

impl HistoryEntry {
    /// Of a layer that `command` made.
    pub fn layer(created: jiff::Timestamp, command: &str) -> HistoryEntry {
        HistoryEntry { created: Some(created.to_string()), created_by: command.to_owned(), ..HistoryEntry::default() }
    }

    /// Of an instruction that changed the config alone.
    pub fn config_change(created: jiff::Timestamp, instruction: &str) -> HistoryEntry {
        HistoryEntry { empty_layer: true, ..HistoryEntry::layer(created, instruction) }
    }

    /// Of a committed container that ran `command`.
    pub fn commit(created: jiff::Timestamp, command: &[String], author: &str, message: &str) -> HistoryEntry {
        HistoryEntry {
            author: author.to_owned(),
            comment: message.to_owned(),
            ..HistoryEntry::layer(created, &command.join(" "))
        }
    }

    /// Of a tree that came from `source`; the message is Docker's unless one is given.
    pub fn import(created: jiff::Timestamp, source: &str, message: &str) -> HistoryEntry {
        let comment = if message.is_empty() { format!("Imported from {source}") } else { message.to_owned() };
        HistoryEntry { comment, ..HistoryEntry::layer(created, "") }
    }

    /// When it was; `None` where that is not said, or is no time.
    pub fn created_time(&self) -> Option<jiff::Timestamp> {
        self.created.as_deref()?.parse().ok()
    }
}

/// A step of an image's history and the layer it made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HistoryStep<'a> {
    /// What is written of it; `None` for a layer nothing is written of.
    pub entry: Option<&'a HistoryEntry>,
    /// The place of its layer, counted from the lowest.
    pub layer: Option<usize>,
}

impl ImageConfig {
    /// Lines the history up with the layers, the oldest first. Layers beyond the history come last without an entry;
    /// entries beyond the layers come without a layer.
    pub fn steps(&self) -> Vec<HistoryStep<'_>> {
        let mut layers = 0..self.rootfs.diff_ids.len();
        let mut steps: Vec<_> = self
            .history
            .iter()
            .map(|entry| HistoryStep {
                entry: Some(entry),
                layer: if entry.empty_layer { None } else { layers.next() },
            })
            .collect();
        steps.extend(layers.map(|layer| HistoryStep { entry: None, layer: Some(layer) }));
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{DiffId, Digest};

    fn config(empty: &[bool], layers: usize) -> ImageConfig {
        let entry = |empty: &bool| HistoryEntry { empty_layer: *empty, ..HistoryEntry::default() };
        let mut config = ImageConfig { history: empty.iter().map(entry).collect(), ..ImageConfig::default() };
        config.rootfs.diff_ids = vec![DiffId(Digest::of(b"")); layers];
        config
    }

    #[test]
    fn entries_and_layers_are_lined_up_however_many_there_are() {
        let steps = |empty: &[bool], layers| -> Vec<(bool, Option<usize>)> {
            config(empty, layers).steps().iter().map(|step| (step.entry.is_some(), step.layer)).collect()
        };
        assert_eq!(steps(&[false, true, false], 2), [(true, Some(0)), (true, None), (true, Some(1))]);
        assert_eq!(steps(&[], 2), [(false, Some(0)), (false, Some(1))]);
        assert_eq!(steps(&[false, false], 1), [(true, Some(0)), (true, None)]);
    }

    #[test]
    fn an_entry_says_what_was_done() {
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        let commit = HistoryEntry::commit(now, &["sh".into(), "-c".into()], "me", "msg");
        assert_eq!(
            serde_json::to_string(&commit).unwrap(),
            r#"{"created":"2026-01-02T03:04:05Z","created_by":"sh -c","author":"me","comment":"msg"}"#
        );
        assert_eq!(HistoryEntry::import(now, "-", "").comment, "Imported from -");
        assert!(HistoryEntry::config_change(now, "ENV A=b").empty_layer);
    }
}
