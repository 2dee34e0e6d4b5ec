//! The shapes in which wasm is published in OCI images.
//!
//! | shape | config | layers |
//! | --- | --- | --- |
//! | artifact | `application/vnd.wasm.config.v0+json` | one `application/wasm` (CNCF Wasm OCI Artifact) |
//! | image | an image config | tars; the platform is wasm, or crun's annotation says so |
//! | bare layer | an image config | `application/vnd.bytecodealliance.wasm…+wasm` (runwasi before 1.0) |
//! | wasm-to-oci | `application/vnd.wasm.config.v1+json` | one `application/vnd.wasm.content.layer.v1+wasm` |

use serde::{Deserialize, Serialize};

use super::config::ImageConfig;
use super::descriptor::{Descriptor, annotation};
use super::json::{Extra, is_default, nullable};
use super::manifest::Manifest;
use super::media_type::MediaType;
use super::platform::Platform;
use super::raw::{Document, DocumentError};

/// Where an image's program is, when it is wasm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WasmShape {
    /// Files in tar layers, as any image.
    Image(WasmEvidence),
    /// One layer blob is the program itself.
    Module {
        /// The place of the layer in the manifest.
        layer: usize,
        /// The guest path to put the program at.
        path: String,
        /// How a container starts it, where the config does not say: the path alone.
        entrypoint: Vec<String>,
        /// What is written of the program's platform; empty where nothing is.
        platform: Platform,
    },
}

/// Why an image of tar layers is taken for wasm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WasmEvidence {
    /// Its platform is.
    Platform,
    /// It is annotated `compat`: the program is wasm whatever the platform.
    Annotation,
    /// It is annotated `compat-smart`: the program is wasm if its file is.
    AnnotationIfBinary,
}

/// The config of a wasm artifact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WasmConfig {
    /// When it was made, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who made it.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// Always `wasm`.
    #[serde(default, deserialize_with = "nullable")]
    pub architecture: String,
    /// `wasip1` or `wasip2`.
    #[serde(default, deserialize_with = "nullable")]
    pub os: String,
    /// The digests of the layers.
    #[serde(default, deserialize_with = "nullable")]
    pub layer_digests: Vec<String>,
    /// What a component imports and exports.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub component: Extra,
    /// Fields we do not know.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Document for WasmConfig {
    const KIND: &'static str = "wasm config";

    fn check(&self) -> Result<(), DocumentError> {
        Ok(())
    }
}

/// Finds out whether and how an image holds wasm. `config` is the image config where the manifest has one, `artifact`
/// the wasm config where it has that. An image that is not wasm is `None`.
///
/// # Errors
/// An artifact must have one layer (CNCF Wasm OCI Artifact "Manifest").
pub fn wasm_shape(
    manifest: &Manifest,
    config: Option<&ImageConfig>,
    artifact: Option<&WasmConfig>,
) -> Result<Option<WasmShape>, DocumentError> {
    let mut modules = manifest.layers.iter().enumerate().filter(|(_, layer)| layer.media_type.is_wasm_binary());
    if let Some((layer, descriptor)) = modules.next() {
        if modules.next().is_some() {
            return Err(DocumentError::Field {
                kind: Manifest::KIND,
                field: "layers".to_owned(),
                why: "more than one layer is a wasm program".to_owned(),
            });
        }
        let path = module_path(descriptor, config);
        return Ok(Some(WasmShape::Module {
            layer,
            entrypoint: vec![path.clone()],
            path,
            platform: module_platform(config, artifact),
        }));
    }
    if matches!(manifest.config.media_type, MediaType::WasmConfig | MediaType::WasmToOciConfig) {
        return Err(DocumentError::Field {
            kind: Manifest::KIND,
            field: "layers".to_owned(),
            why: "no layer is a wasm program, yet the config says so".to_owned(),
        });
    }
    if config.is_some_and(|config| config.platform().is_wasm()) {
        return Ok(Some(WasmShape::Image(WasmEvidence::Platform)));
    }
    let note = |key: &str| manifest.annotations.get(key).or_else(|| config.and_then(|c| c.config.labels.get(key)));
    Ok(match (note(annotation::WASM_VARIANT).map(String::as_str), note(annotation::CRUN_HANDLER).map(String::as_str)) {
        (Some("compat"), _) | (_, Some("wasm")) => Some(WasmShape::Image(WasmEvidence::Annotation)),
        (Some("compat-smart"), _) | (_, Some("wasm-smart")) => Some(WasmShape::Image(WasmEvidence::AnnotationIfBinary)),
        _ => None,
    })
}

/// Where the config starts a program, else the blob's title at the root, else `/module.wasm`.
fn module_path(layer: &Descriptor, config: Option<&ImageConfig>) -> String {
    let program = config.and_then(|config| config.config.entrypoint.first().or(config.config.cmd.first()));
    if let Some(program) = program.filter(|program| program.ends_with(".wasm")) {
        let parts = program.split('/').filter(|part| !matches!(*part, "" | "."));
        if program.len() < 1024 && !program.contains('\0') && parts.clone().all(|part| part != ".." && part.len() < 256)
        {
            return parts.fold(String::new(), |path, part| path + "/" + part);
        }
    }
    let title = layer.annotations.get(annotation::TITLE).and_then(|title| title.rsplit(['/', '\\']).next());
    let is_name = |name: &&str| {
        !matches!(*name, "" | "." | "..") && name.len() < 256 && name.bytes().all(|byte| byte.is_ascii_graphic())
    };
    format!("/{}", title.filter(is_name).unwrap_or("module.wasm"))
}

fn module_platform(config: Option<&ImageConfig>, artifact: Option<&WasmConfig>) -> Platform {
    match (artifact, config) {
        (Some(artifact), _) => Platform::new(&artifact.os, &artifact.architecture),
        (None, Some(config)) => config.platform(),
        (None, None) => Platform::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(config: &str, layers: &[&str]) -> Manifest {
        let layers = layers.iter().map(|media_type| Descriptor::of(MediaType::from(*media_type), b"x")).collect();
        Manifest::new(Descriptor::of(MediaType::from(config), b"{}"), layers)
    }

    fn config(os: &str, architecture: &str, entrypoint: &[&str]) -> ImageConfig {
        let mut config = ImageConfig { os: os.into(), architecture: architecture.into(), ..ImageConfig::default() };
        config.config.entrypoint = entrypoint.iter().map(ToString::to_string).collect();
        config
    }

    const TAR: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

    #[test]
    fn the_one_layer_of_an_artifact_is_its_program() {
        let artifact = WasmConfig { os: "wasip1".into(), architecture: "wasm".into(), ..WasmConfig::default() };
        let mut manifest = manifest("application/vnd.wasm.config.v0+json", &["application/wasm"]);
        let shape = |manifest: &Manifest| wasm_shape(manifest, None, Some(&artifact)).unwrap().unwrap();
        let expected = |path: &str| WasmShape::Module {
            layer: 0,
            path: path.into(),
            entrypoint: vec![path.into()],
            platform: Platform::new("wasip1", "wasm"),
        };
        assert_eq!(shape(&manifest), expected("/module.wasm"));
        manifest.layers[0].annotations.insert(annotation::TITLE.into(), "out/hello.wasm".into());
        assert_eq!(shape(&manifest), expected("/hello.wasm"));
        manifest.layers[0].annotations.insert(annotation::TITLE.into(), "a/..".into());
        assert_eq!(shape(&manifest), expected("/module.wasm"));
        manifest.layers.push(manifest.layers[0].clone());
        assert_eq!(
            wasm_shape(&manifest, None, None).unwrap_err().to_string(),
            "manifest: layers: more than one layer is a wasm program"
        );
        manifest.layers.clear();
        assert!(wasm_shape(&manifest, None, None).is_err());
    }

    #[test]
    fn a_bare_layer_goes_where_the_config_starts_it() {
        let manifest = manifest(
            "application/vnd.oci.image.config.v1+json",
            &[TAR, "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm"],
        );
        let path = |entrypoint: &[&str]| match wasm_shape(&manifest, Some(&config("wasip1", "wasm", entrypoint)), None)
            .unwrap()
            .unwrap()
        {
            WasmShape::Module { layer: 1, path, .. } => path,
            other => panic!("{other:?}"),
        };
        assert_eq!(path(&["bin/app.wasm", "-x"]), "/bin/app.wasm");
        assert_eq!(path(&["/app.wasm"]), "/app.wasm");
        assert_eq!(path(&["/../app.wasm"]), "/module.wasm");
        assert_eq!(path(&[]), "/module.wasm");
    }

    #[test]
    fn the_layer_of_wasm_to_oci_is_a_program() {
        let manifest = manifest("application/vnd.wasm.config.v1+json", &["application/vnd.wasm.content.layer.v1+wasm"]);
        assert!(matches!(wasm_shape(&manifest, None, None), Ok(Some(WasmShape::Module { layer: 0, .. }))));
    }

    #[test]
    fn an_image_is_wasm_by_its_platform_or_by_crun_s_annotation() {
        let mut manifest = manifest("application/vnd.oci.image.config.v1+json", &[TAR]);
        let shape = |manifest: &Manifest, os: &str, architecture: &str| match wasm_shape(
            manifest,
            Some(&config(os, architecture, &["/a.wasm"])),
            None,
        )
        .unwrap()
        {
            Some(WasmShape::Image(evidence)) => Some(evidence),
            None => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(shape(&manifest, "wasi", "wasm32"), Some(WasmEvidence::Platform));
        assert_eq!(shape(&manifest, "linux", "amd64"), None);
        manifest.annotations.insert(annotation::WASM_VARIANT.into(), "compat".into());
        assert_eq!(shape(&manifest, "linux", "amd64"), Some(WasmEvidence::Annotation));
        manifest.annotations.insert(annotation::WASM_VARIANT.into(), "compat-smart".into());
        assert_eq!(shape(&manifest, "linux", "amd64"), Some(WasmEvidence::AnnotationIfBinary));
    }
}
