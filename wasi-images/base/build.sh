#!/bin/sh
# Builds base.oci.tar: wasi-images/base/build.sh [OUT]
#
# Without OUT the committed image and its records (inputs.json, inputs.sha256) are replaced; with it they stay, and the new image is written there.
# The same inputs give the same bytes in any folder. Inputs are the files listed in inputs.sha256, the crate below with its own lock file and our patches, and the
# toolchain that inputs.json names: another rustc or LLVM builds an image that works as well, of other bytes.
#
# Needs cargo with the target wasm32-wasip1, or WASI_RUST=PREFIX as made by ../toolchain.sh; a C compiler for the packer's zstd; 5 minutes of one
# core. WORK (default: ../target/base) is where it builds; what is there already is used again.
set -eu
export LC_ALL=C
# uucore would compile in the messages of the builder's language.
unset LANG

folder=$(cd "$(dirname "$0")" && pwd -P)
images=$(dirname "$folder")
image=$folder/base.oci.tar
out=${1:-$image}
case $out in /*) ;; *) out=$PWD/$out ;; esac
work=${WORK:-$images/target/base}
mkdir -p "$work"
work=$(cd "$work" && pwd -P)
if [ -n "${WASI_RUST:-}" ]; then
    WASI_RUST=$(cd "$WASI_RUST" && pwd -P)
    export WASI_RUST
fi

crate=coreutils-0.12.0
checksum=a179dc3f3af0389cbd0a8d238ea047abbd72b47225bb49cbadb9a3824a44938e
features="--no-default-features --features feat_wasm"
# 2026-11-22T00:00:00Z: every time in the image.
SOURCE_DATE_EPOCH=1795305600
export SOURCE_DATE_EPOCH
# Loops over bytes use vectors; every runtime has had them for years.
WASI_RUSTFLAGS="-Ctarget-feature=+simd128"
export WASI_RUSTFLAGS

sha256() { if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }
digest() { sha256 "$1" | cut -d' ' -f1; }

# The sources, as the registry has them.
cargo_home=${CARGO_HOME:-$HOME/.cargo}
downloaded() { find "$cargo_home/registry/cache" -name "$crate.crate" 2>/dev/null | head -n 1; }
if [ -z "$(downloaded)" ]; then
    mkdir -p "$work/download/src"
    : > "$work/download/src/lib.rs"
    printf '[package]\nname = "download"\nedition = "2024"\n[workspace]\n[dependencies.%s]\nversion = "=%s"\ndefault-features = false\n' \
        "${crate%-*}" "${crate##*-}" > "$work/download/Cargo.toml"
    (cd "$work/download" && cargo fetch --quiet)
fi
archive=$(downloaded)
[ "$(digest "$archive")" = "$checksum" ] || { echo "$0: $archive is not the $crate recorded here" >&2; exit 1; }
source=$work/$crate
vendor=$source/vendor
# Unpacking takes a while; what is there from these very inputs stays.
prepared=$(cat "$folder"/patches/*.patch "$folder/build.sh" | sha256 | cut -d' ' -f1)-${WASI_RUST:-rustup}
if [ "$(cat "$work/prepared" 2>/dev/null)" != "$prepared" ]; then
    rm -rf "$source" "$work/prepared"
    tar -xzf "$archive" -C "$work"

    # All it depends on beside it, by its lock file. Not out of the registry's folder: uucore compiles in the messages of each uu_* package it finds there.
    cd "$source"
    # Where std is built too, what it depends on (its manifest uses features that a stable cargo has to be told to allow).
    set --
    [ -z "${WASI_RUST:-}" ] || set -- --sync "$WASI_RUST/usr/lib/rustlib/src/rust/library/sysroot/Cargo.toml"
    RUSTC_BOOTSTRAP=1 cargo vendor --quiet --locked --versioned-dirs "$@" vendor > /dev/null
    for change in "$folder"/patches/*.patch; do
        package=$vendor/$(basename "$change" .patch)
        patch --silent --directory "$package" -p1 < "$change"
        # cargo compares each file with the registry's, but for those not listed.
        printf '{"files":{},%s' "$(sed 's/.*\("package":\)/\1/' "$package/.cargo-checksum.json")" > "$work/checksum.json"
        mv "$work/checksum.json" "$package/.cargo-checksum.json"
    done
    cat > "$work/vendor.toml" <<T
[source.crates-io]
replace-with = "vendored"
[source.vendored]
directory = "$vendor"
T
    printf '%s\n' "$prepared" > "$work/prepared"
fi

# The module.
cd "$source"
# shellcheck disable=SC2086  # several arguments
"$images/wasi-cargo" build --release --locked $features --bin coreutils --config "$work/vendor.toml" --config "$folder/profile.toml" \
    --target-dir "$work/target"
module=$work/target/wasm32-wasip1/release/coreutils.wasm

# The licences of all that is compiled into it: for each text the packages that bring it.
echo "$0: collecting licences" >&2
cp LICENSE "$work/LICENSE"
# shellcheck disable=SC2086
cargo tree --quiet --offline --locked $features --config "$work/vendor.toml" --target wasm32-wasip1 -e normal,no-proc-macro --prefix none --format '{p}|{l}' |
    sed 's/ (\*)$//; s/ ([^|]*)|/|/; s/ v/-/' | sort -u > "$work/packages"
rm -rf "$work/licences"
mkdir "$work/licences"
while IFS='|' read -r package _; do
    for text in "$vendor/$package"/*; do
        case $(printf '%s' "${text##*/}" | tr '[:lower:]' '[:upper:]') in
        LICEN[CS]E* | COPYING* | UNLICENSE* | NOTICE*)
            [ -f "$text" ] || continue
            name=$(tr -d '\r' < "$text" | sha256 | cut -d' ' -f1)
            tr -d '\r' < "$text" > "$work/licences/$name.text"
            printf '%s\n' "$package" >> "$work/licences/$name.packages"
            ;;
        esac
    done
done < "$work/packages"
{
    printf 'What is compiled into /bin/coreutils beside uutils coreutils, and under which licences. The standard library of Rust is under\n'
    printf 'MIT OR Apache-2.0, wasi-libc under Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT, the musl parts of it under MIT.\n\n'
    sed 's/|/: /' "$work/packages"
    # Ordered by the packages' names, not by digests, so that the text reads well.
    for list in "$work"/licences/*.packages; do
        printf '%s|%s\n' "$(sort -u "$list" | tr '\n' ' ')" "${list%.packages}.text"
    done | sort | while IFS='|' read -r names text; do
        printf '\n%s\n%s\n\n' "==== $names" "----"
        cat "$text"
    done
} > "$work/THIRD-PARTY"

# The image.
(cd "$images/pack" && cargo build --quiet --release --locked --target-dir "$work/pack")
facts=$("$work/pack/release/pack" "$folder" base:latest "$SOURCE_DATE_EPOCH" "$out" \
    "coreutils=$module" "licence=$work/LICENSE" "third-party=$work/THIRD-PARTY")
printf '%s  %s (%s bytes)\n' "$(digest "$out")" "$out" "$(($(wc -c < "$out")))"
[ "$out" = "$image" ] || exit 0

# The records.
if [ -n "${WASI_RUST:-}" ]; then
    rustc=$WASI_RUST/rustc origin=toolchain.sh linker=$("$WASI_RUST/wasm-ld" --version)
else
    rustc=${RUSTC:-rustc} origin=rustup linker=rust-lld
fi
{
    printf '{\n'
    printf '  "crate": { "name": "%s", "sha256": "%s", "lock_sha256": "%s" },\n' "$crate" "$checksum" "$(digest "$source/Cargo.lock")"
    printf '  "rustc": "%s",\n  "cargo": "%s",\n  "toolchain": "%s",\n' "$("$rustc" --version)" "$(cargo --version)" "$origin"
    printf '  "llvm": "%s",\n' "$("$rustc" --version --verbose | sed -n 's/^LLVM version: //p')"
    printf '  "linker": "%s",\n' "$linker"
    printf '  "module": { "sha256": "%s", "size": %s },\n' "$(digest "$module")" "$(($(wc -c < "$module")))"
    printf '  "archive": { "sha256": "%s", "size": %s },\n' "$(digest "$image")" "$(($(wc -c < "$image")))"
    printf '  "image": %s\n}\n' "$(printf '%s' "$facts" | tr -s ' \n' ' ')"
} > "$folder/inputs.json"
cd "$images"
{
    printf '%s\n' toolchain.sh wasi-cargo pack/Cargo.toml pack/Cargo.lock base/build.sh base/profile.toml base/files.txt base/config.json base/inputs.json base/base.oci.tar
    find pack/src base/rootfs base/patches -type f
} | sort | while read -r file; do sha256 "$file"; done > "$work/inputs.sha256"
mv "$work/inputs.sha256" "$folder/inputs.sha256"
