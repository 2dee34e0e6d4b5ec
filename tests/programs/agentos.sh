#!/bin/sh
# Programs that others built for a process interface of their own (npm @agentos-software/coreutils: a shell and 117 commands),
# run unchanged: tests/programs/agentos.sh [IMAGE]
#
# Needs a cowbox with the feature `agentos`; says so and exits 77 where it lacks it. COWBOX names the binary; IMAGE is an image that was made of what
# fetch-agentos.sh leaves, otherwise one is made in a store of its own. Prints what failed, then what failed and passed by command.
set -eu
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd -P)
cowbox=${COWBOX:-cowbox}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
image=${1:-}
if [ -z "$image" ]; then
    image=agentos
    COWBOX_HOME=$scratch/store
    export COWBOX_HOME
    status=0
    "$here/fetch-agentos.sh" "${PROGRAMS:-$scratch/programs}/agentos" > "$scratch/fetch" 2>&1 || status=$?
    [ $status -eq 0 ] || { cat "$scratch/fetch"; exit $status; }
    "$cowbox" import --platform wasi/wasm --change 'ENV PATH=/bin' "${PROGRAMS:-$scratch/programs}/agentos/root.tar" $image > /dev/null
fi
if ! "$cowbox" run --rm $image true > "$scratch/out" 2>&1; then
    grep -q 'feature `agentos`' "$scratch/out" || { cat "$scratch/out"; exit 1; }
    echo "skipped: $cowbox is built without the feature agentos"
    exit 77
fi

: > "$scratch/results"
mkdir "$scratch/w"

# check COMMAND SCRIPT LINE...: sh runs SCRIPT in a folder of its own and prints these lines, on whichever stream.
check() {
    command=$1 script=$2
    shift 2
    : > "$scratch/expected"
    [ -z "$*" ] || printf '%s\n' "$@" > "$scratch/expected"
    printf 'mkdir /tmp/x; cd /tmp/x\n%s\n' "$script" > "$scratch/w/script"
    "$cowbox" run --rm --timeout 60s -v "$scratch/w:/w:ro" $image sh /w/script < /dev/null > "$scratch/out" 2>&1 || true
    if cmp -s "$scratch/out" "$scratch/expected"; then
        echo "ok $command" >> "$scratch/results"
    else
        echo "FAILED $command" >> "$scratch/results"
        printf 'FAILED %s: %s\n' "$command" "$script"
        diff "$scratch/expected" "$scratch/out" | head -n 10 || true
    fi
}

. "$here/agentos/checks.sh"

echo "commands of which everything passed: $(sort -u "$scratch/results" | awk '{ all[$2]; if ($1 == "FAILED") bad[$2] }
    END { for (name in all) { n++; if (!(name in bad)) good++ } print good + 0, "of", n }')"
passed=$(grep -c '^ok' "$scratch/results" || true)
failed=$(grep -c '^FAILED' "$scratch/results" || true)
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
