#!/bin/sh
# Whether libcowbox.a replaces whole members of wasi-libc's libc.a: guest-sdk/c/check-symbols.sh SYSROOT [LIBRARY]
#
# A linker takes members, not functions. A member of libc.a of which we define one function and not the others would be taken for those, and its copy of
# ours would clash. Prints each such function; needs llvm-nm. __wasilibc_cwd may stay: nothing but what we replace uses it.
set -eu
export LC_ALL=C
sysroot=$1
library=${2:-$(dirname "$0")/build/libcowbox.a}
nm=${NM:-llvm-nm}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$nm" --defined-only --extern-only --format=posix "$library" | awk 'NF >= 2 && $2 ~ /[TDBW]/ { print $1 }' | sort -u > "$scratch/ours"
# Member and symbol; a weak one may be defined twice.
"$nm" --defined-only --extern-only --print-file-name --format=posix "$sysroot/lib/wasm32-wasip1/libc.a" 2>/dev/null |
    sed -n 's/^.*\[\(.*\)\]: \([^ ]*\) [TDB] .*/\1 \2/p' | sort -u > "$scratch/libc"
awk 'NR == FNR { ours[$1]; next } $2 in ours { print $1 }' "$scratch/ours" "$scratch/libc" | sort -u > "$scratch/members"
awk 'FILENAME == ARGV[1] { ours[$1]; next } FILENAME == ARGV[2] { member[$1]; next } $1 in member && !($2 in ours) && $2 != "__wasilibc_cwd" { print $1, $2 }' \
    "$scratch/ours" "$scratch/members" "$scratch/libc" > "$scratch/missing"
cat "$scratch/missing"
[ ! -s "$scratch/missing" ] || { echo "$0: these would be linked beside ours" >&2; exit 1; }
echo "libcowbox.a replaces $(wc -l < "$scratch/members" | tr -d ' ') members of libc.a whole"
