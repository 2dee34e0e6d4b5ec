#!/bin/sh
# Runs the real programs in containers and compares what they print: tests/programs/check.sh [PROGRAM...]
#
# PROGRAM is one of agentos python quickjs yosys clang c go rust make lua cc; without any, all of them. COWBOX names the binary (default: `cowbox` in PATH); the
# images go into a store of their own that is removed at the end. PROGRAMS (default: a temporary directory) keeps what the fetch scripts lay out. BASE is
# the archive of the image that others stand on (default: that of wasi-images/base). A program that cannot be fetched here is skipped. The last line counts.
set -eu
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd -P)
cowbox=${COWBOX:-cowbox}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
programs=${PROGRAMS:-$scratch/programs}
COWBOX_HOME=$scratch/store
export COWBOX_HOME
passed=0 failed=0 skipped=0

# expect WHAT EXPECTED-FILE COMMAND...: the command succeeds and prints that.
expect() {
    what=$1 expected=$2
    shift 2
    if "$@" > "$scratch/out" 2> "$scratch/err" < /dev/null && cmp -s "$scratch/out" "$expected"; then
        echo "ok $what"
        passed=$((passed + 1))
    else
        echo "FAILED $what: $*"
        diff "$expected" "$scratch/out" | head -n 20 || true
        tail -n 20 "$scratch/err"
        failed=$((failed + 1))
    fi
}

# in_container IMAGE ARGUMENT...: runs it with the program's files at /w.
in_container() {
    "$cowbox" run --rm -v "$scratch/w:/w" "$@"
}

import() {
    "$cowbox" import --platform wasi/wasm --change 'ENV PATH=/bin' "$1" "$2" > /dev/null
}

# on_base IMAGE FOLDER: an image of wasi-images, as its Dockerfile says, with the program's files.
on_base() {
    COWBOX=$cowbox "$here/../../wasi-images/from-dockerfile.sh" "$2" "$programs/$program/root" "$1" > /dev/null
}

check_python() {
    expect python "$here/python/workout.expected" in_container python python3 /w/workout.py /tmp
    expect 'python in a bind mount' "$here/python/workout.expected" in_container python python3 /w/workout.py /w
    # Packages as a further layer, by way of a container; then the whole of it through export and import.
    "$cowbox" create --name packages python python3 > /dev/null
    "$cowbox" cp - packages:/ < "$scratch/w/packages.tar"
    "$cowbox" commit packages python-packages > /dev/null
    expect 'python with packages' "$here/python/packages.expected" in_container -e PYTHONPATH=/opt/site-packages python-packages python3 /w/packages.py
    "$cowbox" export packages > "$scratch/export.tar"
    import "$scratch/export.tar" python-again
    expect 'python exported and imported' "$here/python/packages.expected" \
        in_container -e PYTHONPATH=/opt/site-packages python-again python3 /w/packages.py
    on_base python-image "$here/../../wasi-images/python"
    expect 'the image python' "$here/python/workout.expected" in_container python-image python3 /w/workout.py /tmp
}

check_quickjs() {
    expect quickjs "$here/quickjs/workout.expected" in_container quickjs qjs --std -m /w/workout.js /w
    expect 'quickjs without a bind mount' "$here/quickjs/workout.expected" in_container quickjs qjs --std -m /w/workout.js /tmp
    on_base js "$here/../../wasi-images/js"
    expect 'the image js' "$here/quickjs/workout.expected" in_container js qjs --std -m /w/workout.js /tmp
}

check_yosys() {
    expect yosys /dev/null in_container yosys yosys -q /w/synth.ys
    expect 'what yosys found' "$here/yosys/synth.expected" cat "$scratch/w/stat.txt"
    expect 'yosys with the design from its arguments' /dev/null \
        in_container yosys yosys -q -p 'synth_ice40 -top counter -json /w/counter.json' /w/counter.v
}

# link NAME FLAG...: /w/NAME.wasm from objects and libraries.
link() {
    name=$1
    shift
    expect "wasm-ld: $name" /dev/null in_container clang wasm-ld -L/usr/lib/wasm32-wasip1 /usr/lib/wasm32-wasip1/crt1-command.o "$@" -lc \
        /usr/lib/wasm32-unknown-wasip1/libclang_rt.builtins.a -o "/w/$name.wasm"
}

check_clang() {
    for source in workout table; do
        expect "clang: $source.c" /dev/null in_container clang clang -O2 -c "/w/$source.c" -o "/w/$source.o"
    done
    link workout /w/workout.o /w/table.o
    expect 'clang++: words.cc' /dev/null in_container clang clang++ -O1 -std=c++17 -fno-exceptions -c /w/words.cc -o /w/words.o
    link words /w/words.o -lc++ -lc++abi
    # What was compiled, as an image of its own.
    mkdir -p "$scratch/compiled/bin" "$scratch/compiled/tmp"
    for program in workout words; do
        [ ! -f "$scratch/w/$program.wasm" ] || cp "$scratch/w/$program.wasm" "$scratch/compiled/bin/$program"
    done
    import "$scratch/compiled" compiled
    expect 'compiled C' "$here/clang/workout.expected" in_container compiled workout /tmp
    expect 'compiled C++' "$here/clang/words.expected" in_container compiled words /tmp
}

check_c() {
    expect c "$here/clang/workout.expected" in_container c workout /tmp
    expect 'c in a bind mount' "$here/clang/workout.expected" in_container c workout /w
    expect c++ "$here/clang/words.expected" in_container c words /tmp
}

check_go() {
    expect go "$here/go/workout.expected" in_container go workout /tmp
    expect 'go in a bind mount' "$here/go/workout.expected" in_container go workout /w
}

check_rust() {
    expect rust "$here/rust/workout.expected" in_container rust workout /tmp
    expect 'rust in a bind mount' "$here/rust/workout.expected" in_container rust workout /w
}

check_agentos() {
    status=0
    "$here/agentos.sh" agentos > "$scratch/agentos" 2>&1 || status=$?
    case $status in
    77)
        echo "skipped agentos: $(sed -n 's/^skipped: //p' "$scratch/agentos")"
        skipped=$((skipped + 1))
        ;;
    *)
        sed -n '/^FAILED/p' "$scratch/agentos"
        expect "agentos: $(tail -n 1 "$scratch/agentos")" /dev/null test $status -eq 0
        ;;
    esac
}

check_make() {
    on_base make "$here/plain"
    expect make "$here/make/workout.expected" in_container make make -s -C /w
}

check_lua() {
    on_base lua "$here/plain"
    expect lua "$here/lua/workout.expected" in_container -w /tmp lua lua /w/workout.lua
}

check_cc() {
    on_base cc "$here/../../wasi-images/cc"
    expect 'cc: hello' /dev/null in_container -w /w cc cc -O2 -Wall -Werror hello.c -o hello
    expect 'what cc made' "$here/cc/hello.expected" in_container cc /w/hello
    expect 'make: Lua, 30,000 lines' /dev/null in_container -w /w/lua cc make -s -j2 generic
    expect 'configure, make, make test: zlib' "$here/cc/zlib.expected" \
        in_container -w /w/zlib cc sh -c './configure --static > log && make -s 2>> log && make -s test'
    expect 'the Lua of make and cc' "$here/cc/lua.expected" in_container cc /w/lua/src/lua -e 'print(_VERSION, pcall(error, "caught", 0))'
}

[ $# -gt 0 ] || set -- rust c quickjs go python clang yosys make lua cc agentos
"$cowbox" load -i "${BASE:-$here/../../wasi-images/base/base.oci.tar}" > /dev/null
for program in "$@"; do
    [ -f "$here/fetch-$program.sh" ] || { echo "$0: there is no program $program" >&2; exit 2; }
    status=0
    "$here/fetch-$program.sh" "$programs/$program" > "$scratch/fetch" 2>&1 || status=$?
    case $status in
    0) ;;
    77)
        echo "skipped $program: $(sed -n 's/^skipped: //p' "$scratch/fetch")"
        skipped=$((skipped + 1))
        continue
        ;;
    *)
        echo "FAILED $program: fetch"
        cat "$scratch/fetch"
        failed=$((failed + 1))
        continue
        ;;
    esac
    rm -rf "$scratch/w"
    cp -R "$programs/$program/files" "$scratch/w"
    case $program in
    make | lua | cc)
        # These want a shell, and stand on the base image.
        "check_$program"
        continue
        ;;
    esac
    if import "$programs/$program/root.tar" "$program"; then
        "check_$program"
    else
        echo "FAILED $program: import"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
