#!/bin/sh
# Makes an image as a Dockerfile says, with cowbox's own verbs: wasi-images/from-dockerfile.sh FOLDER ROOT NAME
#
# FOLDER has the Dockerfile, ROOT is what its `COPY root/ /` copies. Beside that and FROM, instructions are those that `cowbox commit --change` takes.
# COWBOX names the binary (default: `cowbox` in PATH); the image FROM names has to be in the store.
set -eu
export LC_ALL=C
[ $# -eq 3 ] || { echo "usage: $0 FOLDER ROOT NAME" >&2; exit 2; }
folder=$1 root=$2 name=$3
cowbox=${COWBOX:-cowbox}
container=

trap '[ -z "$container" ] || "$cowbox" rm "$container" > /dev/null' EXIT
trap 'exit 1' HUP INT TERM
changes=$(mktemp)
while read -r instruction value; do
    case $instruction in
    '' | '#'*) ;;
    FROM) container=$("$cowbox" create "$value" true) ;;
    COPY)
        [ "$value" = 'root/ /' ] || { echo "$0: COPY $value" >&2; exit 1; }
        tar -C "$root" --owner=0 --group=0 --numeric-owner -cf - . | "$cowbox" cp - "$container:/"
        ;;
    *) printf '%s %s\n' "$instruction" "$value" >> "$changes" ;;
    esac
done < "$folder/Dockerfile"
set --
while IFS= read -r change; do set -- "$@" --change "$change"; done < "$changes"
rm "$changes"
"$cowbox" commit "$@" "$container" "$name"
