//! Makes the image's documents and the OCI layout around them (image-spec 1.1: config.md, manifest.md, image-layout.md).

use crate::tar::{Kind, Writer};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// The layer is read on every machine and compressed on one: as small as it gets.
const ZSTD_LEVEL: i32 = 19;

/// An image of one layer.
pub struct Image {
    blobs: BTreeMap<String, Vec<u8>>,
    index: Vec<u8>,
    facts: Value,
}

impl Image {
    /// The image called `name` (`NAME:TAG`) with this config and this layer's tar.
    pub fn new(name: &str, epoch: u64, config: &str, layer: &[u8]) -> Result<Self, String> {
        let mut blobs = BTreeMap::new();
        let mut add = |media_type: &str, bytes: Vec<u8>| {
            let digest = hex(&bytes);
            let descriptor =
                json!({ "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len() });
            blobs.insert(digest, bytes);
            descriptor
        };
        let diff_id = format!("sha256:{}", hex(layer));
        let layer = add(LAYER, compressed(layer)?);
        let (config, platform) = config_document(config, epoch, &diff_id)?;
        let config = add(CONFIG, config);
        let document = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": &config, "layers": [&layer] });
        let mut manifest = add(MANIFEST, bytes(&document)?);
        let facts = json!({
            "manifest": manifest["digest"], "config": config["digest"], "layer": layer["digest"], "diff_id": diff_id,
        });
        manifest["annotations"] = json!({
            "io.containerd.image.name": format!("docker.io/library/{name}"),
            "org.opencontainers.image.ref.name": name,
        });
        manifest["platform"] = platform;
        let index = bytes(&json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest] }))?;
        Ok(Self { blobs, index, facts })
    }

    /// The OCI layout as a tar.
    pub fn archive(&self, epoch: u64) -> Vec<u8> {
        let mut tar = Writer::new(epoch);
        let mut append = |path: &str, mode, kind| tar.append(path, mode, kind).expect("these paths are short");
        append("oci-layout", 0o644, Kind::File(br#"{"imageLayoutVersion":"1.0.0"}"#));
        append("index.json", 0o644, Kind::File(&self.index));
        append("blobs", 0o755, Kind::Dir);
        append("blobs/sha256", 0o755, Kind::Dir);
        for (digest, bytes) in &self.blobs {
            append(&format!("blobs/sha256/{digest}"), 0o644, Kind::File(bytes));
        }
        tar.finish()
    }

    /// The digests of the parts, as JSON.
    pub fn facts(&self) -> String {
        format!("{:#}", self.facts)
    }
}

/// The finished config, and the platform it names.
fn config_document(template: &str, epoch: u64, diff_id: &str) -> Result<(Vec<u8>, Value), String> {
    let template =
        serde_json::from_str::<Map<String, Value>>(template).map_err(|error| format!("config.json: {error}"))?;
    let platform = json!({ "architecture": template.get("architecture"), "os": template.get("os") });
    let created = rfc3339(epoch);
    let mut document = Map::new();
    document.insert("created".to_owned(), json!(created));
    document.extend(template);
    document.insert("rootfs".to_owned(), json!({ "type": "layers", "diff_ids": [diff_id] }));
    document.insert("history".to_owned(), json!([{ "created": created, "created_by": "wasi-images/base/build.sh" }]));
    Ok((bytes(&Value::Object(document))?, platform))
}

/// RFC 3339 in UTC; the calendar is Howard Hinnant's `civil_from_days`.
fn rfc3339(epoch: u64) -> String {
    let (days, second) = (epoch / 86400 + 719_468, epoch % 86400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

fn compressed(layer: &[u8]) -> Result<Vec<u8>, String> {
    zstd::bulk::compress(layer, ZSTD_LEVEL).map_err(|error| format!("compress the layer: {error}"))
}

fn bytes(document: &Value) -> Result<Vec<u8>, String> {
    serde_json::to_vec(document).map_err(|error| format!("write a document: {error}"))
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
