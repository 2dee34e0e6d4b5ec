#!/bin/sh
# Checks that the committed image belongs to the committed inputs, without building it: wasi-images/base/check.sh
#
# inputs.sha256 was written by build.sh together with the image. A changed input without a rebuilt image fails here; `build.sh` mends it.
set -eu
export LC_ALL=C

cd "$(dirname "$0")/.."
sha256() { if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }
failed() { echo "wasi-images/base: $1; run wasi-images/base/build.sh" >&2; exit 1; }

sha256 -c base/inputs.sha256 > /dev/null || failed "the image was not built from these inputs"
# A new input must be on the list too.
find pack/src base/rootfs base/patches -type f | while read -r file; do
    grep -q "  $file\$" base/inputs.sha256 || failed "$file was added after the image was built"
done
grep -q "\"archive\": { \"sha256\": \"$(sha256 base/base.oci.tar | cut -d' ' -f1)\"" base/inputs.json || failed "inputs.json is of another image"
[ "$(wc -c < base/base.oci.tar)" -lt 6291456 ] || failed "the image is larger than 6 MiB"
echo "wasi-images/base: the image is the one recorded"
