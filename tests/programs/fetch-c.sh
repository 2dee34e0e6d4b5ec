#!/bin/sh
# The programs in clang/, compiled on this machine by the npm package @yowasp/clang in node: fetch-c.sh DEST
#
# root: /bin/workout.wasm (C), /bin/words.wasm (C++), and the links /bin/workout and /bin/words.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
start "$0" "${1:-}" clang
need node

npm_package @yowasp/clang@22.0.0-git20542-10 yowasp-clang-22.0.0-git20542-10.tgz \
    6230ea1afa9691fa065935cf68c01642ff9b31c183fe8ac64cdfda025df06009
tar -xzf "$cache/yowasp-clang-22.0.0-git20542-10.tgz" -C "$dest/work"
cp "$programs"/clang/* "$dest/work/"
(cd "$dest/work" && node compile.mjs >node.log 2>&1) || { tail -n 5 "$dest/work/node.log"; skip "node cannot run the compiler"; }
mkdir -p "$dest/root/bin"
for program in workout words; do
    mv "$dest/work/$program.wasm" "$dest/root/bin/"
    chmod 755 "$dest/root/bin/$program.wasm"
    ln -s "$program.wasm" "$dest/root/bin/$program"
done
finish
