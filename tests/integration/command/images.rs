//! Images in and out: archives of other programs, names, listings, and what is refused.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::support::{Cowbox, has_tool, printing, tool};

fn digest_of(bytes: &[u8]) -> String {
    cowbox::oci::Digest::of(bytes).to_string()
}

/// Writes an OCI layout of blobs and an index.
struct Layout<'p>(&'p Path);

impl Layout<'_> {
    fn new(path: &Path) -> Layout<'_> {
        fs::create_dir_all(path.join("blobs/sha256")).unwrap();
        fs::write(path.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Layout(path)
    }

    /// Adds a blob and returns its descriptor.
    fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = digest_of(bytes);
        fs::write(self.0.join("blobs/sha256").join(digest.trim_start_matches("sha256:")), bytes).unwrap();
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    }

    fn json(&self, media_type: &str, value: &Value) -> Value {
        self.blob(media_type, &serde_json::to_vec(value).unwrap())
    }

    fn index(&self, manifests: &[Value]) {
        let index = json!({ "schemaVersion": 2, "manifests": manifests });
        fs::write(self.0.join("index.json"), index.to_string()).unwrap();
    }
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// A tar of one file.
fn tar_of(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o755);
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header, name, content).unwrap();
    builder.into_inner().unwrap()
}

#[test]
fn what_is_saved_is_loaded_again_with_the_same_digests() {
    let cowbox = Cowbox::with_base();
    cowbox.run(["tag", "base", "localhost:5000/team/base:1"]).ok();
    let digest =
        |cowbox: &Cowbox| cowbox.run(["images", "--digests", "--no-trunc", "--format", "{{.Digest}} {{.ID}}"]).ok();
    let before = digest(&cowbox);
    cowbox.run(["save", "-o", "all.tar", "base", "localhost:5000/team/base:1"]).ok();
    let other = Cowbox::empty();
    let archive = cowbox.path("all.tar");
    let loaded = other.run(["load", "-i", archive.to_str().unwrap()]).ok();
    assert_eq!(loaded, "Loaded image: base:latest\nLoaded image: localhost:5000/team/base:1\n");
    assert_eq!(digest(&other), before);
    // Through standard input, and compressed.
    for filter in ["gzip -c", "zstd -qc"] {
        if !has_tool(filter.split(' ').next().unwrap()) {
            continue;
        }
        let packed =
            std::process::Command::new("sh").arg("-c").arg(format!("{filter} < {}", archive.display())).output();
        let third = Cowbox::empty();
        third.run_with(["load"], &packed.unwrap().stdout).ok();
        assert_eq!(digest(&third), before);
        third.is_clean();
    }
    other.is_clean();
}

#[test]
fn skopeo_and_umoci_read_what_is_saved_and_their_images_load() {
    if !has_tool("skopeo") {
        return;
    }
    let cowbox = Cowbox::empty();
    let folder = cowbox.path("tree");
    fs::create_dir_all(folder.join("etc")).unwrap();
    fs::write(folder.join("etc/passwd"), "root:x:0:0:root:/:\n").unwrap();
    cowbox.run(["import", folder.to_str().unwrap(), "base"]).ok();
    let manifest = cowbox.run(["images", "--digests", "--format", "{{.Digest}}"]).ok().trim().to_owned();
    cowbox.run(["save", "-o", "base.tar", "base"]).ok();
    let path = |name: &str| cowbox.path(name).to_str().unwrap().to_owned();
    let digest =
        |reference: String| tool("skopeo", ["inspect", "--format", "{{.Digest}}", &reference]).trim().to_owned();
    assert_eq!(digest(format!("oci-archive:{}", path("base.tar"))), manifest);
    let (layout, docker) = (format!("oci:{}:one", path("layout")), format!("docker-archive:{}", path("docker.tar")));
    let archive = format!("oci-archive:{}", path("base.tar"));
    tool("skopeo", ["copy", "-q", &archive, &layout]);
    tool("skopeo", ["copy", "-q", &archive, &format!("{docker}:example.org/base:2")]);
    assert_eq!(digest(layout), manifest);
    let other = Cowbox::empty();
    assert_eq!(other.run(["load", "-i", &path("layout")]).ok(), "Loaded image: one:latest\n");
    assert_eq!(other.run(["load", "-i", &path("docker.tar")]).ok(), "Loaded image: example.org/base:2\n");
    let ids = other.run(["images", "-q"]).ok();
    assert_eq!(ids.lines().collect::<std::collections::BTreeSet<_>>().len(), 1, "one config, one image id: {ids}");
    other.is_clean();
    if has_tool("umoci") {
        let image = format!("{}:one", path("layout"));
        tool("umoci", ["raw", "unpack", "--image", &image, &path("rootfs")]);
        assert!(Path::new(&path("rootfs/etc/passwd")).exists());
        fs::write(path("added"), "by umoci\n").unwrap();
        tool("umoci", ["insert", "--image", &image, "--tag", "two", &path("added"), "/etc/added"]);
        other.run(["load", "-i", &path("layout")]).ok();
        let tree = other.run(["create", "--name", "box", "two", "x"]);
        tree.ok();
        let tar = other.run(["cp", "box:/etc/added", "-"]).ok();
        assert!(tar.contains("by umoci"), "{tar}");
    }
}

#[test]
fn every_shape_of_wasm_in_images_runs() {
    let module = wat::parse_str(printing("shaped\n", 0)).unwrap();
    let cowbox = Cowbox::empty();
    let shapes = [
        ("application/vnd.wasm.config.v0+json", json!({"architecture": "wasm", "os": "wasip1"}), "application/wasm"),
        ("application/vnd.wasm.config.v1+json", json!({}), "application/vnd.wasm.content.layer.v1+wasm"),
        (
            CONFIG,
            json!({"architecture": "wasm", "os": "wasi", "rootfs": {"type": "layers", "diff_ids": []},
                   "config": {"Entrypoint": ["/hello.wasm"]}}),
            "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
        ),
    ];
    for (at, (config_type, config, layer_type)) in shapes.iter().enumerate() {
        let path = cowbox.path(&format!("shape{at}"));
        let layout = Layout::new(&path);
        let (layer, config) = (layout.blob(layer_type, &module), layout.json(config_type, config));
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
        let mut entry = layout.json(MANIFEST, &manifest);
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": format!("shape:{at}")});
        layout.index(&[entry]);
        cowbox.run(["load", "-i", path.to_str().unwrap()]).ok();
        assert_eq!(cowbox.run(["run", "--rm", &format!("shape:{at}")]).ok(), "shaped\n", "shape {at}");
    }
    // A wasm program in an image that says linux.
    let path = cowbox.path("compat");
    let layout = Layout::new(&path);
    let tar = tar_of("hello.wasm", &module);
    let layer = layout.blob("application/vnd.oci.image.layer.v1.tar", &tar);
    let config = json!({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/hello.wasm"]},
                        "rootfs": {"type": "layers", "diff_ids": [digest_of(&tar)]}});
    let config = layout.json(CONFIG, &config);
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": [layer],
                          "annotations": {"module.wasm.image/variant": "compat"}});
    layout.index(&[layout.json(MANIFEST, &manifest)]);
    let loaded = cowbox.run(["load", "-i", path.to_str().unwrap()]).ok();
    let id = loaded.trim().strip_prefix("Loaded image ID: ").unwrap();
    assert_eq!(cowbox.run(["run", "--rm", id]).ok(), "shaped\n");
    cowbox.is_clean();
}

#[test]
fn of_an_index_the_wasm_image_is_taken_and_attestations_are_not() {
    let cowbox = Cowbox::empty();
    let path = cowbox.path("multi");
    let layout = Layout::new(&path);
    let image = |platform: Value, text: &str| {
        let tar = tar_of("main.wasm", &wat::parse_str(printing(text, 0)).unwrap());
        let layer = layout.blob("application/vnd.oci.image.layer.v1.tar", &tar);
        let config = json!({"architecture": platform["architecture"], "os": platform["os"],
            "config": {"Cmd": ["/main.wasm"]}, "rootfs": {"type": "layers", "diff_ids": [digest_of(&tar)]}});
        let manifest = json!({"schemaVersion": 2, "config": layout.json(CONFIG, &config), "layers": [layer]});
        let mut entry = layout.json(MANIFEST, &manifest);
        entry["platform"] = platform;
        entry
    };
    let entries = [
        image(json!({"os": "unknown", "architecture": "unknown"}), "attestation\n"),
        image(json!({"os": "linux", "architecture": "amd64"}), "linux\n"),
        image(json!({"os": "wasi", "architecture": "wasm"}), "wasi\n"),
    ];
    let index = json!({"schemaVersion": 2, "manifests": entries});
    let mut entry = layout.json("application/vnd.oci.image.index.v1+json", &index);
    entry["annotations"] = json!({"io.containerd.image.name": "docker.io/library/multi:1"});
    layout.index(&[entry]);
    let archive = path.to_str().unwrap();
    cowbox.run(["load", "-i", archive]).ok();
    assert_eq!(cowbox.run(["run", "--rm", "multi:1"]).ok(), "wasi\n");
    cowbox.run(["load", "--platform", "linux/amd64", "-i", archive]).ok();
    assert_eq!(cowbox.run(["inspect", "-f", "{{.Os}}/{{.Architecture}}", "multi:1"]).ok(), "linux/amd64\n");
    let error = cowbox.run(["load", "--platform", "plan9/386", "-i", archive]).fails(1);
    assert!(error.contains("plan9/386") && error.contains("linux/amd64"), "{error}");
}

#[test]
fn a_linux_image_says_what_would_run_it() {
    let cowbox = Cowbox::empty();
    let folder = cowbox.path("rootfs");
    fs::create_dir_all(folder.join("bin")).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_cowbox"), folder.join("bin/tool")).unwrap();
    let folder = folder.to_str().unwrap();
    cowbox.run(["import", "--platform", "linux/s390x", "--change", "CMD [\"/bin/tool\"]", folder, "elf"]).ok();
    let error = cowbox.run(["run", "--rm", "elf"]).fails(126);
    assert!(error.contains("linux/s390x") && error.contains("a host of that platform runs it"), "{error}");
}

#[test]
fn names_move_and_images_without_a_name_are_dangling() {
    let cowbox = Cowbox::empty();
    cowbox.program("a", &printing("a\n", 0));
    cowbox.program("b", &printing("b\n", 0));
    cowbox.run(["tag", "b", "a"]).ok();
    let list = cowbox.run(["images", "--format", "{{.Repository}}:{{.Tag}}"]).ok();
    let mut lines = list.lines().collect::<Vec<_>>();
    lines.sort_unstable();
    assert_eq!(lines, ["<none>:<none>", "a:latest", "b:latest"]);
    assert_eq!(cowbox.run(["images", "-q", "-f", "dangling=true"]).ok().lines().count(), 1);
    assert_eq!(cowbox.run(["images", "--format", "{{.Tag}}", "-f", "reference=a*"]).ok(), "latest\n");
    assert_eq!(cowbox.run(["run", "--rm", "a"]).ok(), "b\n");
    assert_eq!(cowbox.run(["rmi", "a"]).ok(), "Untagged: a:latest\n");
    assert!(cowbox.run(["rmi", "b"]).ok().contains("Deleted: sha256:"));
    assert!(cowbox.run(["rmi", "b"]).fails(1).contains("no such image: b"));
    let reclaimed = cowbox.run(["system", "prune", "-f"]).ok();
    assert!(reclaimed.contains("deleted: sha256:") && reclaimed.contains("Total reclaimed space: "), "{reclaimed}");
    assert_eq!(cowbox.run(["images", "-q"]).ok(), "");
    cowbox.is_clean();
}

#[test]
fn an_image_in_use_is_not_removed() {
    let cowbox = Cowbox::empty();
    cowbox.program("a", &printing("a\n", 0));
    cowbox.run(["create", "--name", "box", "a"]).ok();
    let error = cowbox.run(["rmi", "a"]).fails(1);
    assert!(error.contains("must force") && error.contains("cowbox rm"), "{error}");
    assert_eq!(cowbox.run(["rmi", "-f", "a"]).ok(), "Untagged: a:latest\n");
    assert_eq!(cowbox.run(["start", "-a", "box"]).ok(), "a\n", "its container still runs");
    cowbox.is_clean();
}

#[test]
fn what_is_not_known_of_an_image_survives_a_commit() {
    let cowbox = Cowbox::empty();
    let path = cowbox.path("strange");
    let layout = Layout::new(&path);
    let tar = tar_of("main.wasm", &wat::parse_str(printing("x\n", 0)).unwrap());
    let layer = layout.blob("application/vnd.oci.image.layer.v1.tar", &tar);
    let config = json!({"architecture": "wasm", "os": "wasi", "x-future": {"deep": [1, 2]},
        "config": {"Cmd": ["/main.wasm"], "x-more": "kept", "StopSignal": "SIGINT"},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(&tar)]}});
    let manifest = json!({"schemaVersion": 2, "config": layout.json(CONFIG, &config), "layers": [layer],
        "annotations": {"a": "b"}, "x-manifest": true});
    let mut entry = layout.json(MANIFEST, &manifest);
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": "strange"});
    layout.index(&[entry]);
    cowbox.run(["load", "-i", path.to_str().unwrap()]).ok();
    cowbox.run(["run", "--name", "box", "strange"]).ok();
    cowbox.run(["commit", "box", "next"]).ok();
    cowbox.run(["save", "-o", "next.tar", "next"]).ok();
    let mut texts = String::new();
    let mut archive = tar::Archive::new(fs::File::open(cowbox.path("next.tar")).unwrap());
    for entry in archive.entries().unwrap() {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry.unwrap(), &mut bytes).unwrap();
        texts.push_str(&String::from_utf8_lossy(&bytes));
    }
    for kept in
        [r#""x-future":{"deep":[1,2]}"#, r#""x-more":"kept""#, r#""StopSignal":"SIGINT""#, r#""x-manifest":true"#]
    {
        assert!(texts.contains(kept), "{kept}");
    }
}

#[test]
fn import_takes_folders_tars_and_streams() {
    let cowbox = Cowbox::empty();
    let folder = cowbox.path("tree");
    fs::create_dir_all(folder.join("sub/aux.c")).unwrap();
    fs::write(folder.join("Makefile"), "upper").unwrap();
    fs::write(folder.join("makefile"), "lower").unwrap();
    fs::write(folder.join("sub/a:b"), "colon").unwrap();
    cowbox.run(["import", folder.to_str().unwrap(), "one"]).ok();
    let tar = {
        let mut builder = tar::Builder::new(Vec::new());
        builder.append_dir_all(".", &folder).unwrap();
        builder.into_inner().unwrap()
    };
    cowbox.run_with(["import", "-", "two"], &tar).ok();
    for image in ["one", "two"] {
        cowbox.run(["create", "--name", image, image, "x"]).ok();
        let listing = cowbox.run(["export", image]);
        for name in ["Makefile", "makefile", "sub/a:b", "sub/aux.c"] {
            assert!(listing.out.contains(name), "{image}: {name}");
        }
        assert!(listing.out.contains("upper") && listing.out.contains("lower"));
    }
    assert_eq!(cowbox.run(["image", "inspect", "-f", "{{.Os}}/{{.Architecture}}", "one"]).ok(), "wasi/wasm\n");
    assert!(cowbox.run(["import", "/no/such/file", "x"]).fails(1).contains("/no/such/file"));
}
