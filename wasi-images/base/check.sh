#!/bin/sh
# Checks that the committed image belongs to the committed inputs, without building it: wasi-images/base/check.sh [--list]
#
# inputs.sha256 was written by build.sh together with the image. A changed input without a rebuilt image fails here; `build.sh` mends it.
# With --list the inputs as they are now are printed, in the form of inputs.sha256.
set -eu
export LC_ALL=C

cd "$(dirname "$0")/.."
sha256() { if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }
failed() { echo "wasi-images/base: $1; run wasi-images/base/build.sh" >&2; exit 1; }
# All that goes into the image.
inputs() {
    printf '%s\n' toolchain.sh wasi-cargo pack/Cargo.toml pack/Cargo.lock base/build.sh base/check.sh base/profile.toml base/files.txt base/config.json \
        base/onig/Cargo.toml base/sh/Cargo.toml base/sh/build.rs base/tools/Cargo.toml ../guest-sdk/rust/Cargo.toml
    find pack/src base/rootfs base/patches base/programs base/onig/src base/sh/src base/tools/src ../guest-sdk/rust/src -type f
}

if [ "${1:-}" = --list ]; then
    { inputs; printf '%s\n' base/inputs.json base/base.oci.tar; } | sort | while read -r file; do sha256 "$file"; done
    exit
fi
sha256 -c base/inputs.sha256 > /dev/null || failed "the image was not built from these inputs"
# A new input must be on the list too.
inputs | while read -r file; do
    grep -q "  $file\$" base/inputs.sha256 || failed "$file was added after the image was built"
done
grep -q "\"archive\": { \"sha256\": \"$(sha256 base/base.oci.tar | cut -d' ' -f1)\"" base/inputs.json || failed "inputs.json is of another image"
[ "$(wc -c < base/base.oci.tar)" -lt 8388608 ] || failed "the image is larger than 8 MiB"
echo "wasi-images/base: the image is the one recorded"
