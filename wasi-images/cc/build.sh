#!/bin/sh
# Makes the image `cc`: wasi-images/cc/build.sh [NAME]
#
# In it: clang 22 and wasm-ld (one WASI module, from npm), GNU make (from Debian's source, compiled here), the sysroot of wasi-libc, guest-sdk's
# headers and libcowbox.a, and the driver cc.c. COWBOX names the binary; `base` has to be in its store. WORK (default: ../target/cc) keeps what was
# fetched and built. Needs what tests/programs/fetch-make.sh needs.
set -eu
export LC_ALL=C
folder=$(cd "$(dirname "$0")" && pwd -P)
images=$(dirname "$folder")
programs=$images/../tests/programs
sdk=$(cd "$images/../guest-sdk/c" && pwd -P)
work=${WORK:-$images/target/cc}
mkdir -p "$work"
work=$(cd "$work" && pwd -P)

"$programs/fetch-clang.sh" "$work/clang" >&2
"$programs/fetch-make.sh" "$work/make" >&2

root=$work/root
rm -rf "$root"
mkdir -p "$root/bin" "$root/usr/lib/llvm" "$root/usr/lib/cowbox"
cp -R "$work/clang/root/usr/." "$root/usr"
cp -R "$work/make/root/." "$root"
rm -rf "$root/tmp"
# One module for all, which looks at the name it is called by.
ln "$work/clang/root/bin/llvm.wasm" "$root/usr/lib/llvm/llvm"
for tool in clang clang++ wasm-ld llvm-ar llvm-ranlib llvm-nm llvm-objdump llvm-size llvm-strip; do ln -s llvm "$root/usr/lib/llvm/$tool"; done
for tool in ar ranlib nm objdump size strip; do ln -s "../usr/lib/llvm/llvm-$tool" "$root/bin/$tool"; done
ln -s ../usr/lib/llvm/wasm-ld "$root/bin/wasm-ld"

# The SDK, and the driver compiled with it.
WASI_SYSROOT=$work/clang/root/usr
export WASI_SYSROOT COWBOX_LIB="$work/sdk"
make -s -C "$sdk" OUT="$COWBOX_LIB" >&2
cp "$COWBOX_LIB/libcowbox.a" "$root/usr/lib/wasm32-wasip1/"
cp -R "$sdk/include" "$root/usr/lib/cowbox/include"
"$sdk/cowbox-cc" -O2 -Wl,--strip-all "$folder/cc.c" -o "$root/bin/cc"
for driver in c++ clang clang++ gcc g++ c99; do ln -s cc "$root/bin/$driver"; done

"$images/from-dockerfile.sh" "$folder" "$root" "${1:-cc}"
