"""Writes and rewrites OCI image layouts (image-spec image-layout.md) without any tool, for images that the measurements need."""

import hashlib
import io
import json
import random
import tarfile
from pathlib import Path

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
NAME = "org.opencontainers.image.ref.name"


def many_layers(layers, files, program):
    """The layers of an image with `files` small files spread over `layers` layers, and `/nop.wasm` in the last one."""
    each = files // layers
    for number in range(layers):
        extra = [("nop.wasm", program)] if number == layers - 1 else []
        yield tar(small_files(number, each), extra)


def small_files(seed, files):
    """Names and contents: folders of 100, contents of 20 to 4,000 bytes that compress about as text does."""
    chance = random.Random(seed)
    words = [bytes(chance.choices(b"abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _ in range(2000)]
    for number in range(files):
        content = b" ".join(chance.choices(words, k=chance.randint(3, 700)))
        yield f"srv/part-{seed:02}/{number // 100:04}/file-{number:06}.txt", content


def tar(*groups):
    """A layer of files. The folders above them are left to be implied, as builders that write such layers do."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in (pair for group in groups for pair in group):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), 0o644, 1_700_000_000
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def write(folder, name, layers, entrypoint, platform=("wasi", "wasm")):
    """Writes a layout of one image with uncompressed layers."""
    layout = Layout(folder)
    (folder / "blobs/sha256").mkdir(parents=True)
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    descriptors = [layout.put(layer, LAYER) for layer in layers]
    config = {
        "os": platform[0],
        "architecture": platform[1],
        "config": {"Entrypoint": entrypoint},
        "rootfs": {"type": "layers", "diff_ids": [descriptor["digest"] for descriptor in descriptors]},
    }
    layout.put_image(name, config, {"schemaVersion": 2, "mediaType": MANIFEST, "layers": descriptors})


class Layout:
    """An image layout with one image."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def blob(self, digest):
        return self.folder / "blobs/sha256" / digest.removeprefix("sha256:")

    def put(self, content, media_type):
        """Stores a blob; its descriptor."""
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        self.blob(digest).write_bytes(content)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def put_document(self, document, media_type):
        return self.put(json.dumps(document).encode(), media_type)

    def put_image(self, name, config, manifest):
        """Makes the layout's one image out of a config and a manifest, whose own config is filled in."""
        manifest["config"] = self.put_document(config, CONFIG)
        descriptor = self.put_document(manifest, manifest.get("mediaType", MANIFEST))
        descriptor["annotations"] = {NAME: name}
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor]}
        (self.folder / "index.json").write_text(json.dumps(index))

    def image(self):
        """The config and the manifest of the first image."""
        index = json.loads((self.folder / "index.json").read_text())
        manifest = json.loads(self.blob(index["manifests"][0]["digest"]).read_text())
        return json.loads(self.blob(manifest["config"]["digest"]).read_text()), manifest
