//! Labels of SELinux in a container's record.

use serde::{Deserialize, Serialize};

/// A part of a container's labels that can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelPart {
    /// The user, of processes and of files.
    User,
    /// The role of processes.
    Role,
    /// The type of processes.
    Type,
    /// The level, of processes and of files.
    Level,
    /// The type of files.
    FileType,
}

impl LabelPart {
    const WORDS: [(&'static str, LabelPart); 5] = [
        ("user", LabelPart::User),
        ("role", LabelPart::Role),
        ("type", LabelPart::Type),
        ("level", LabelPart::Level),
        ("filetype", LabelPart::FileType),
    ];

    /// The one that `--security-opt label=` has this word for.
    pub fn from_word(word: &str) -> Option<LabelPart> {
        LabelPart::WORDS.iter().find(|(known, _)| *known == word).map(|(_, part)| *part)
    }

    /// The word of `--security-opt label=`.
    pub fn word(self) -> &'static str {
        LabelPart::WORDS.iter().find(|(_, known)| *known == self).map_or("", |(word, _)| word)
    }
}

/// The labels of SELinux that a container was created with; empty for none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LabelsRecord {
    /// That of its processes.
    pub process: String,
    /// That of the files in its own file systems.
    pub mount: String,
}

/// Which label the files of a bind or a volume get before they are mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Relabel {
    /// One that all containers may use.
    Shared,
    /// The container's own.
    Private,
}

impl Relabel {
    /// The letter of `-v`.
    pub fn letter(self) -> &'static str {
        match self {
            Relabel::Shared => "z",
            Relabel::Private => "Z",
        }
    }
}
