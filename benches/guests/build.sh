#!/bin/sh
# Builds the benchmark guests as WASI modules and for this machine: benches/guests/build.sh [DEST]
#
# DEST (default: target/guests beside this file) receives the modules nop.wasm, fsbench.wasm and procbench.wasm, and the same programs for this machine. The modules need a Rust with the target
# wasm32-wasip1, or WASI_RUST=PREFIX as made by wasi-images/toolchain.sh.
set -eu

cd "$(dirname "$0")"
destination=${1:-target/guests}
mkdir -p "$destination"
programs="nop fsbench procbench"

cargo build --quiet --release --locked
../../wasi-images/wasi-cargo build --quiet --release --locked
for program in $programs; do
    cp "target/release/$program" "$destination/$program"
    cp "target/wasm32-wasip1/release/$program.wasm" "$destination/$program.wasm"
done
ls -l "$destination"
