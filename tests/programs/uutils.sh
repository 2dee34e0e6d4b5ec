#!/bin/sh
# uutils' own tests, built for this machine, drive the commands of the image `base` in containers: tests/programs/uutils.sh SOURCE [FILTER...]
#
# SOURCE is a checkout of github.com/uutils/coreutils, best of the version that the image has. FILTER are names of tests; without any, those of the
# commands that are listed below. COWBOX names the binary, BASE the archive of the image (default: that of wasi-images/base), TESTS a binary of the
# tests that was built already. A few hundred crates are compiled: half an hour of CPU. What fails is printed in uutils' own words; the last line counts.
set -eu
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd -P)
source=${1:?the folder of the sources}
shift
cowbox=$(command -v "${COWBOX:-cowbox}")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
COWBOX_HOME=$scratch/store
export COWBOX_HOME
"$cowbox" load -i "${BASE:-$here/../../wasi-images/base/base.oci.tar}" > /dev/null
# The tests want messages with the name of the program that they call.
"$cowbox" run --name named base ln -s coreutils /bin/coreutils.wasm
"$cowbox" commit named named > /dev/null

# The tests call RUNNER --dir=FOLDER::/ --argv0 NAME --env PAIR... PROGRAM ARGUMENT...
cat > "$scratch/runner" <<END
#!/usr/bin/env python3
import os, sys

arguments, flags, folder, name = sys.argv[1:], [], "", ""
while arguments and arguments[0].startswith("--"):
    word = arguments.pop(0)
    if word.startswith("--dir="):
        folder = word.removeprefix("--dir=").removesuffix("::/")
    elif word == "--argv0":
        name = arguments.pop(0)
    elif word == "--env":
        pair = arguments.pop(0)
        if not pair.startswith(("PATH=", "LD_")):
            flags += ["-e", pair]
os.environ["COWBOX_HOME"] = "$COWBOX_HOME"
os.execv("$cowbox", ["cowbox", "run", "--rm", "-i", "-v", folder + ":/w", "-w", "/w", *flags, "named", name, *arguments[1:]])
END
chmod +x "$scratch/runner"

if [ -z "${TESTS:-}" ]; then
    (cd "$source" && RUSTFLAGS="--cfg wasi_runner" CARGO_PROFILE_TEST_DEBUG=0 CARGO_PROFILE_DEV_DEBUG=0 \
        cargo test --no-default-features --features feat_wasm --test tests --no-run --message-format=json) > "$scratch/build"
    TESTS=$(sed -n 's/.*"executable":"\([^"]*\/tests-[^"]*\)".*/\1/p' "$scratch/build" | tail -n 1)
fi
[ $# -gt 0 ] || set -- test_base32:: test_base64:: test_basename:: test_cat:: test_comm:: test_cp:: test_cut:: test_dirname:: test_echo:: test_expand:: \
    test_expr:: test_factor:: test_false:: test_fold:: test_head:: test_link:: test_ln:: test_ls:: test_mkdir:: test_mktemp:: test_mv:: test_nl:: \
    test_od:: test_paste:: test_printf:: test_pwd:: test_readlink:: test_realpath:: test_rm:: test_rmdir:: test_seq:: test_sort:: test_split:: \
    test_sum:: test_tail:: test_tee:: test_test:: test_touch:: test_tr:: test_true:: test_truncate:: test_uniq:: test_unlink:: test_wc:: test_yes::
touch "$scratch/coreutils.wasm"
cd "$source"
UUTESTS_BINARY_PATH=$scratch/coreutils.wasm UUTESTS_WASM_RUNNER=$scratch/runner "$TESTS" --test-threads "${THREADS:-2}" "$@" || true
