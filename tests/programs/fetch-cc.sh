#!/bin/sh
# A C and C++ compiler with make, and libcowbox to compile with: fetch-cc.sh DEST
#
# root: clang 22 and wasm-ld at /usr/lib/llvm (fetch-clang.sh), /bin/make (fetch-make.sh), wasi-libc's sysroot in /usr, the headers and the library of
# guest-sdk/c, and /bin/cc, the driver in wasi-images/cc, with its names. files: the sources of Lua and zlib as they are, and hello.c. What it is made of is laid
# out beside DEST.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
start "$0" "${1:-}" cc "$sdk_sources $programs/../../wasi-images/cc/cc.c"
beside=$(dirname "$dest")
for part in clang make; do
    status=0
    "$programs/fetch-$part.sh" "$beside/$part" > "$dest/work/$part" || status=$?
    [ "$status" -eq 0 ] || { cat "$dest/work/$part"; exit "$status"; }
done
debian_source lua5.4=5.4.4-3+deb12u1 lua5.4_5.4.4.orig.tar.gz 164c7849653b80ae67bec4b7473b884bf5cc8d2dca05653475ec2ed27b9ebf61
debian_source zlib=1:1.2.13.dfsg-1 zlib_1.2.13.dfsg.orig.tar.bz2 71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1

root=$dest/root
rm -rf "$root/tmp"
mkdir -p "$root/bin" "$root/usr/lib/llvm" "$root/usr/lib/cowbox"
cp -R "$beside/clang/root/usr/." "$root/usr"
cp -R "$beside/make/root/bin" "$beside/make/root/usr" "$root"
# One module for all, which looks at the name it is called by.
cp "$beside/clang/root/bin/llvm.wasm" "$root/usr/lib/llvm/llvm"
for tool in clang clang++ wasm-ld llvm-ar llvm-ranlib llvm-nm llvm-objdump llvm-size llvm-strip; do ln -s llvm "$root/usr/lib/llvm/$tool"; done
for tool in ar ranlib nm objdump size strip; do ln -s "../usr/lib/llvm/llvm-$tool" "$root/bin/$tool"; done
ln -s ../usr/lib/llvm/wasm-ld "$root/bin/wasm-ld"

# The SDK, and the driver compiled with it.
WASI_SYSROOT=$beside/clang/root/usr
sdk
cp "$COWBOX_LIB/libcowbox.a" "$root/usr/lib/wasm32-wasip1/"
cp -R "$sdk/include" "$root/usr/lib/cowbox/include"
"$cowbox_cc" -O2 -Wl,--strip-all "$programs/../../wasi-images/cc/cc.c" -o "$root/bin/cc"
for driver in c++ clang clang++ gcc g++ c99; do ln -s cc "$root/bin/$driver"; done

tar -xzf "$cache/lua5.4_5.4.4.orig.tar.gz" -C "$dest/files"
mv "$dest/files/lua-5.4.4" "$dest/files/lua"
mkdir "$dest/files/zlib"
tar -xjf "$cache/zlib_1.2.13.dfsg.orig.tar.bz2" -C "$dest/files/zlib" --strip-components=1
cp "$programs/cc/hello.c" "$dest/files/"
finish
