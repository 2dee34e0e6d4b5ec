#!/bin/sh
# Builds the tests of libcowbox and runs them in a container: guest-sdk/c/tests/run.sh [TEST...]
#
# COWBOX names the binary (default: `cowbox` in PATH), IMAGE an image with /etc/passwd, /etc/group and, for shell.c, /bin/sh (default: base).
# NATIVE=1 runs the same tests on this system instead, which shows that they expect what POSIX has. Needs libcowbox.a (`make` in the folder above)
# and what cowbox-cc needs. Each test ends in `ok` or says what was not so.
set -eu
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd -P)
cowbox=${COWBOX:-cowbox}
image=${IMAGE:-base}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
[ $# -gt 0 ] || set -- processes programs descriptors signals files users terminals shell system jumps
failed=0

for test in "$@"; do
    if [ -n "${NATIVE:-}" ]; then
        ${CC:-cc} -O1 -w "$here/$test.c" -lutil -o "$scratch/$test"
        run() { timeout 60 "$scratch/$test"; }
    else
        "$here/../cowbox-cc" -O1 -Wall -Wextra -Wno-deprecated-declarations "$here/$test.c" -o "$scratch/$test"
        run() { timeout 60 "$cowbox" run --rm -v "$scratch:/w:ro" "$image" "/w/$test"; }
    fi
    status=0
    output=$(run 2>&1 < /dev/null) || status=$?
    printf '%s: %s\n' "$test" "$output"
    [ "$status" -eq 0 ] || { echo "$test: left with $status"; failed=$((failed + 1)); }
done
[ "$failed" -eq 0 ] || { echo "$failed failed"; exit 1; }
