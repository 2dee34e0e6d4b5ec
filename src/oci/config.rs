//! Image configs (image-spec config.md, and what Docker adds to it).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Platform;
use super::digest::{Digest, Hasher, InvalidDigest};
use super::history::HistoryEntry;
use super::json::{Extra, NameSet, is_default, nullable, words};
use super::manifest::{MAX_LAYERS, Manifest};
use super::raw::{Document, DocumentError};

/// The digest of a layer's plain tar (image-spec config.md "Layer DiffID").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DiffId(pub Digest);

/// Names a stack of layers (image-spec config.md "Layer ChainID").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChainId(pub Digest);

impl ChainId {
    /// The stack of `layer` alone, or of `layer` on `below`.
    pub fn stack(below: Option<ChainId>, layer: DiffId) -> ChainId {
        let Some(below) = below else { return ChainId(layer.0) };
        let mut hasher = Hasher::new();
        hasher.update(format!("{below} {layer}").as_bytes());
        ChainId(hasher.digest())
    }
}

/// The names of all stacks of `layers`, the lowest layer first: the last is the whole image.
pub fn chain_ids(layers: &[DiffId]) -> Vec<ChainId> {
    let mut below = None;
    let stack = |layer: &DiffId| {
        let chain = ChainId::stack(below, *layer);
        below = Some(chain);
        chain
    };
    layers.iter().map(stack).collect()
}

macro_rules! digest_names {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidDigest;

            fn from_str(text: &str) -> Result<$name, InvalidDigest> {
                text.parse().map($name)
            }
        }
    )*};
}
digest_names!(DiffId ChainId);

/// What an image is made of and how its container starts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// When it was made, RFC 3339 as it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who made it.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// The processor.
    #[serde(default, deserialize_with = "nullable")]
    pub architecture: String,
    /// The operating system.
    #[serde(default, deserialize_with = "nullable")]
    pub os: String,
    /// The version of the operating system.
    #[serde(rename = "os.version", default, deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub os_version: String,
    /// Features of the operating system.
    #[serde(rename = "os.features", default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
    /// The variant of the processor.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// How a container starts.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub config: ContainerConfig,
    /// The layers.
    #[serde(default, deserialize_with = "nullable")]
    pub rootfs: RootFs,
    /// How each layer came to be.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<HistoryEntry>,
    /// Fields we do not know.
    #[serde(flatten)]
    pub extra: Extra,
}

impl ImageConfig {
    /// What the image needs of its host.
    pub fn platform(&self) -> Platform {
        Platform {
            architecture: self.architecture.clone(),
            os: self.os.clone(),
            os_version: self.os_version.clone(),
            os_features: self.os_features.clone(),
            variant: self.variant.clone(),
            extra: Extra::new(),
        }
        .normalize()
    }

    /// Sets what the image needs of its host.
    pub fn set_platform(&mut self, platform: &Platform) {
        self.architecture.clone_from(&platform.architecture);
        self.os.clone_from(&platform.os);
        self.os_version.clone_from(&platform.os_version);
        self.os_features.clone_from(&platform.os_features);
        self.variant.clone_from(&platform.variant);
    }

    /// When it was made; `None` where that is not said, or is no time.
    pub fn created_time(&self) -> Option<jiff::Timestamp> {
        self.created.as_deref()?.parse().ok()
    }

    /// Checks that the config speaks of as many layers as the manifest of the same image.
    pub fn check_layers(&self, manifest: &Manifest) -> Result<(), DocumentError> {
        let (own, listed) = (self.rootfs.diff_ids.len(), manifest.layers.len());
        if own == listed {
            return Ok(());
        }
        let why = format!("{own} layers, but the manifest has {listed}");
        Err(DocumentError::Field { kind: Self::KIND, field: "rootfs.diff_ids".to_owned(), why })
    }

    /// The name of the whole stack of layers; `None` for an image without layers.
    pub fn chain_id(&self) -> Option<ChainId> {
        chain_ids(&self.rootfs.diff_ids).pop()
    }
}

impl Document for ImageConfig {
    const KIND: &'static str = "image config";

    fn check(&self) -> Result<(), DocumentError> {
        let wrong =
            |field: &str, why: String| Err(DocumentError::Field { kind: Self::KIND, field: field.to_owned(), why });
        if self.rootfs.diff_ids.len() > MAX_LAYERS {
            let why = format!("{} layers are more than {MAX_LAYERS}", self.rootfs.diff_ids.len());
            return wrong("rootfs.diff_ids", why);
        }
        if self.rootfs.kind != "layers" && !self.rootfs.diff_ids.is_empty() {
            return wrong("rootfs.type", format!("{:?} is not supported (only \"layers\" is)", self.rootfs.kind));
        }
        Ok(())
    }
}

/// The layers of an image, the lowest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type", default = "layers")]
    pub kind: String,
    /// The digests of the layers' plain tars.
    #[serde(default, deserialize_with = "nullable")]
    pub diff_ids: Vec<DiffId>,
    /// Fields we do not know.
    #[serde(flatten)]
    pub extra: Extra,
}

fn layers() -> String {
    "layers".to_owned()
}

impl Default for RootFs {
    fn default() -> RootFs {
        RootFs { kind: layers(), diff_ids: Vec::new(), extra: Extra::new() }
    }
}

/// How a container of an image starts, unless it is told otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerConfig {
    /// `user`, `uid`, `user:group`, `uid:gid`.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// `port/protocol`.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub exposed_ports: NameSet,
    /// `NAME=value`.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// The program and its first arguments.
    #[serde(default, deserialize_with = "words", skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// Arguments after the entry point, or the whole command.
    #[serde(default, deserialize_with = "words", skip_serializing_if = "Vec::is_empty")]
    pub cmd: Vec<String>,
    /// Where volumes are mounted.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub volumes: NameSet,
    /// Where the program starts.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Notes.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The signal that asks the program to end.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
    /// Windows: the command is one line already.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub args_escaped: bool,
    /// Docker: how to tell whether the program is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// Docker: the shell of `RUN` and of commands in shell form.
    #[serde(default, deserialize_with = "words", skip_serializing_if = "Vec::is_empty")]
    pub shell: Vec<String>,
    /// Docker: instructions for builds on top of this image.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub on_build: Vec<String>,
    /// Fields we do not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// How to tell whether a container is well. Times are nanoseconds; zero stands for the default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Healthcheck {
    /// `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", line]`.
    #[serde(default, deserialize_with = "words", skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<String>,
    /// Between two checks.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub interval: i64,
    /// After which a check has failed.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub timeout: i64,
    /// In which failures do not count.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub start_period: i64,
    /// Between two checks in the start period.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub start_interval: i64,
    /// Failures in a row that make the container unhealthy.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub retries: i64,
    /// Fields we do not know.
    #[serde(flatten)]
    pub extra: Extra,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{Descriptor, MAX_DOCUMENT, MediaType, Raw};

    fn parse(text: &str) -> Result<ImageConfig, String> {
        Raw::parse(text.as_bytes(), MAX_DOCUMENT).map(|raw| raw.view).map_err(|error| error.to_string())
    }

    #[test]
    fn the_nulls_of_docker_are_empty() {
        let config = parse(
            r#"{"architecture":"amd64","os":"linux","config":{"Hostname":"","Entrypoint":null,"Cmd":"sh","Labels":null,"Volumes":null,"ExposedPorts":{"80/tcp":{}},"Env":null,"OnBuild":null,"User":null},"rootfs":{"type":"layers","diff_ids":null},"history":null}"#,
        )
        .unwrap();
        assert_eq!(config.config.entrypoint, Vec::<String>::new());
        assert_eq!(config.config.cmd, ["sh"]);
        assert_eq!(config.config.exposed_ports, NameSet::from_iter(["80/tcp"]));
        assert_eq!(
            serde_json::to_string(&config).unwrap(),
            r#"{"architecture":"amd64","os":"linux","config":{"ExposedPorts":{"80/tcp":{}},"Cmd":["sh"],"Hostname":""},"rootfs":{"type":"layers","diff_ids":[]}}"#
        );
    }

    #[test]
    fn a_config_of_every_field_is_written_as_it_was_read() {
        let text = r#"{"created":"2026-01-02T03:04:05.123456789Z","author":"a","architecture":"arm","os":"linux","os.version":"1","os.features":["f"],"variant":"v7","config":{"User":"1:2","ExposedPorts":{"53/udp":{}},"Env":["A=b"],"Entrypoint":["/e"],"Cmd":["c"],"Volumes":{"/v":{}},"WorkingDir":"/w","Labels":{"k":"v"},"StopSignal":"SIGINT","ArgsEscaped":true,"Healthcheck":{"Test":["CMD","t"],"Interval":1,"Timeout":2,"StartPeriod":3,"StartInterval":4,"Retries":5},"Shell":["/s"],"OnBuild":["RUN x"],"Memory":7},"rootfs":{"type":"layers","diff_ids":["sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"]},"history":[{"created":"2026-01-02T03:04:05Z","created_by":"COPY","author":"a","comment":"c","empty_layer":true}],"docker_version":"29"}"#;
        let config = parse(text).unwrap();
        assert_eq!(serde_json::to_string(&config).unwrap(), text);
        assert_eq!(config.created_time().unwrap().to_string(), "2026-01-02T03:04:05.123456789Z");
        assert_eq!(config.platform().to_string(), "linux/arm/v7");
    }

    #[test]
    fn what_buildah_writes_is_read_and_written_the_same() {
        let text = r#"{"created":"2026-11-22T15:41:00.795670428Z","architecture":"wasm","os":"wasi","config":{"User":"1:2","ExposedPorts":{"80/tcp":{}},"Env":["X=y"],"Entrypoint":["/f.wasm"],"Volumes":{"/v":{}},"WorkingDir":"/w","Labels":{"a":"b","io.buildah.version":"1.28.2"},"StopSignal":"SIGINT"},"rootfs":{"type":"layers","diff_ids":["sha256:9da06b71f01b9c9d34a5147bf2a93a43bb3700b766e5a2d0b562b20267a988e5"]},"history":[{"created":"2026-11-22T15:41:00.796783648Z","created_by":"/bin/sh"}]}"#;
        assert_eq!(serde_json::to_string(&parse(text).unwrap()).unwrap(), text);
    }

    #[test]
    fn a_root_of_another_kind_is_refused() {
        let text = r#"{"rootfs":{"type":"layers+base","diff_ids":["sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"]}}"#;
        assert_eq!(
            parse(text).unwrap_err(),
            "image config: rootfs.type: \"layers+base\" is not supported (only \"layers\" is)"
        );
    }

    #[test]
    fn a_config_and_its_manifest_have_the_same_layers() {
        let config = Descriptor::of(MediaType::Config, b"{}");
        let manifest = Manifest::new(config.clone(), vec![config]);
        let error = ImageConfig::default().check_layers(&manifest).unwrap_err();
        assert_eq!(error.to_string(), "image config: rootfs.diff_ids: 0 layers, but the manifest has 1");
    }

    #[test]
    fn a_chain_names_each_layer_together_with_all_below() {
        let [a, b, c] = [b"a", b"b", b"c"].map(|bytes| DiffId(Digest::of(bytes)));
        let ab = Digest::of(format!("{a} {b}").as_bytes());
        let abc = Digest::of(format!("{ab} {c}").as_bytes());
        assert_eq!(chain_ids(&[a, b, c]), [ChainId(a.0), ChainId(ab), ChainId(abc)]);
        assert_eq!(chain_ids(&[]), []);
    }
}
