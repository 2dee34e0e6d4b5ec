#!/bin/sh
# clang 22 and wasm-ld as one WASI module, with the WASI sysroot for C and C++: fetch-clang.sh DEST
#
# root: /bin/llvm.wasm, its links /bin/{clang,clang++,wasm-ld,llvm-*}, and /usr with headers and libraries (1,900 files). files: the sources in clang/.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
start "$0" "${1:-}" clang

npm_package @yowasp/clang@22.0.0-git20542-10 yowasp-clang-22.0.0-git20542-10.tgz \
    6230ea1afa9691fa065935cf68c01642ff9b31c183fe8ac64cdfda025df06009
tar -xzf "$cache/yowasp-clang-22.0.0-git20542-10.tgz" -C "$dest/work" package/gen/llvm-resources.tar package/gen/llvm.core.wasm
mkdir -p "$dest/root/bin" "$dest/root/usr"
mv "$dest/work/package/gen/llvm.core.wasm" "$dest/root/bin/llvm.wasm"
tar -xf "$dest/work/package/gen/llvm-resources.tar" -C "$dest/root/usr"
chmod 755 "$dest/root/bin/llvm.wasm"
# The module looks at the name it is called by.
for name in clang clang++ wasm-ld llvm-ar llvm-nm llvm-objdump llvm-size llvm-strip; do
    ln -s llvm.wasm "$dest/root/bin/$name"
done
cp "$programs"/clang/*.c "$programs"/clang/*.h "$programs"/clang/*.cc "$dest/files/"
finish
