#!/bin/sh
# The program in rust/, built for wasm32-wasip1 with this machine's Rust, or with WASI_RUST=PREFIX (see wasi-images/toolchain.sh): fetch-rust.sh DEST
#
# root: /bin/workout.wasm and its link /bin/workout.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
start "$0" "${1:-}" rust
need cargo

if [ -z "${WASI_RUST:-}" ] && [ ! -d "$(rustc --print sysroot)/lib/rustlib/wasm32-wasip1" ]; then
    skip "this Rust has no target wasm32-wasip1 (rustup target add wasm32-wasip1), and WASI_RUST is not set"
fi
(cd "$programs/rust" && ../../../wasi-images/wasi-cargo build --quiet --release --target-dir "$cache/rust-target")
mkdir -p "$dest/root/bin"
cp "$cache/rust-target/wasm32-wasip1/release/workout.wasm" "$dest/root/bin/"
ln -s workout.wasm "$dest/root/bin/workout"
finish
