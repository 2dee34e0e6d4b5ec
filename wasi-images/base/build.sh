#!/bin/sh
# Builds base.oci.tar: wasi-images/base/build.sh [OUT]
#
# Without OUT the committed image and its records (inputs.json, inputs.sha256) are replaced; with it they stay, and the new image is written there.
# The same inputs give the same bytes in any folder. Inputs are the files listed in inputs.sha256, the packages of programs/Cargo.lock, and the
# toolchain that inputs.json names: another rustc or LLVM builds an image that works as well, of other bytes.
#
# Needs cargo with the target wasm32-wasip1, or WASI_RUST=PREFIX as made by ../toolchain.sh; a C compiler for the packer's zstd; 10 minutes of one
# core. WORK (default: ../target/base) is where it builds; what is there already is used again. PROFILE (default: profile.toml) is how the programs
# are compiled. UPDATE=1 resolves the packages anew where a manifest has changed, and writes programs/Cargo.lock.
set -eu
export LC_ALL=C
# uucore would compile in the messages of the builder's language.
unset LANG

folder=$(cd "$(dirname "$0")" && pwd -P)
images=$(dirname "$folder")
repository=$(dirname "$images")
image=$folder/base.oci.tar
out=${1:-$image}
case $out in /*) ;; *) out=$PWD/$out ;; esac
work=${WORK:-$images/target/base}
profile=${PROFILE:-$folder/profile.toml}
mkdir -p "$work"
work=$(cd "$work" && pwd -P)
if [ -n "${WASI_RUST:-}" ]; then
    WASI_RUST=$(cd "$WASI_RUST" && pwd -P)
    export WASI_RUST
fi

# Of coreutils what runs on WASI by itself, and what does with the guest interface.
features=coreutils/feat_wasm
for name in chgrp chmod chown df du env groups id install kill mkfifo stat sync tac whoami; do
    features=$features,coreutils/$name
done
selection="-p awk-rs -p coreutils -p diffutils -p findutils -p kibi -p sed -p uu_grep -p sh -p tools --no-default-features --features $features,sed/feat_common_core"
programs="awk-rs coreutils diffutils find grep kibi sed sh tools xargs"
# 2026-11-22T00:00:00Z: every time in the image.
SOURCE_DATE_EPOCH=1795305600
export SOURCE_DATE_EPOCH
# Loops over bytes use vectors; every runtime has had them for years.
WASI_RUSTFLAGS="-Ctarget-feature=+simd128"
export WASI_RUSTFLAGS

sha256() { if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }
digest() { sha256 "$1" | cut -d' ' -f1; }
listed() { grep -v '^#' "$folder/programs/sources.txt"; }

# The packages as the registry has them.
cargo_home=${CARGO_HOME:-$HOME/.cargo}
archive() { find "$cargo_home/registry/cache" -name "$1.crate" 2>/dev/null | head -n 1; }
if listed | while read -r package _; do [ -n "$(archive "$package")" ] || exit 1; done; then :; else
    mkdir -p "$work/download/src"
    : > "$work/download/src/lib.rs"
    {
        printf '[package]\nname = "download"\nedition = "2024"\n[workspace]\n'
        listed | while read -r package _; do
            printf '[dependencies.%s]\nversion = "=%s"\ndefault-features = false\n' "${package%-*}" "${package##*-}"
        done
    } > "$work/download/Cargo.toml"
    (cd "$work/download" && cargo fetch --quiet)
fi

# The workspace, laid out as programs/Cargo.toml has it. A file that has not changed keeps its time, so that cargo builds nothing anew for it.
source=$work/src
new=$work/src.new
rm -rf "$new"
mkdir -p "$new/crates" "$new/guest-sdk/rust" "$new/wasi-images/base"
listed | while read -r package checksum; do
    file=$(archive "$package")
    [ "$(digest "$file")" = "$checksum" ] || { echo "$0: $file is not the $package recorded in programs/sources.txt" >&2; exit 1; }
    tar -xzf "$file" -C "$new/crates"
    rm -f "$new/crates/$package/Cargo.lock" "$new/crates/$package/Cargo.toml.orig"
done
cp -R "$repository/guest-sdk/rust/src" "$repository/guest-sdk/rust/Cargo.toml" "$new/guest-sdk/rust/"
for package in onig sh tools; do
    mkdir "$new/wasi-images/base/$package"
    cp -R "$folder/$package/src" "$folder/$package/Cargo.toml" "$new/wasi-images/base/$package/"
    [ ! -e "$folder/$package/build.rs" ] || cp "$folder/$package/build.rs" "$new/wasi-images/base/$package/"
done
for manifest in "$new"/crates/*/Cargo.toml "$new"/guest-sdk/rust/Cargo.toml "$new"/wasi-images/base/*/Cargo.toml; do
    awk -f "$folder/programs/manifest.awk" "$manifest" > "$work/manifest"
    cp "$work/manifest" "$manifest"
done
for change in "$folder"/patches/*.patch; do
    patch --silent --directory "$new/crates/$(basename "$change" .patch)" -p1 < "$change"
done
cp "$folder/programs/Cargo.toml" "$new/"
[ ! -e "$folder/programs/Cargo.lock" ] || cp "$folder/programs/Cargo.lock" "$new/"
mkdir -p "$source"
(cd "$new" && find . -type f) | sort > "$work/files"
(cd "$source" && find . -type f) | sort | comm -23 - "$work/files" | while read -r file; do rm "$source/$file"; done
while read -r file; do
    cmp -s "$new/$file" "$source/$file" || { mkdir -p "$source/$(dirname "$file")" && cp "$new/$file" "$source/$file"; }
done < "$work/files"
rm -rf "$new"

cd "$source"
locked=--locked
if [ -n "${UPDATE:-}" ]; then
    cargo metadata --quiet --format-version 1 > /dev/null
    cp Cargo.lock "$folder/programs/Cargo.lock"
fi
cargo fetch --quiet "$locked"
# uucore compiles in the messages of each uu_* package that it finds beside it.
registry() { find "$cargo_home/registry/src" -maxdepth 2 -name "$1" | head -n 1; }
awk '/^name = "uu_/ { name = $3 } /^version = / && name { print name, $3; name = "" }' Cargo.lock | tr -d '"' | while read -r name version; do
    [ -e "crates/$name-$version" ] || ln -s "$(registry "$name-$version")" "crates/$name-$version"
done

# The modules.
bins=
for program in $programs; do bins="$bins --bin $program"; done
# shellcheck disable=SC2086  # several arguments
"$images/wasi-cargo" build --release "$locked" $selection $bins --config "$profile" --target-dir "$work/target"
modules=$work/target/wasm32-wasip1/release

# The licences of all that is compiled into them: for each text the packages that bring it.
echo "$0: collecting licences" >&2
# shellcheck disable=SC2086
cargo tree --quiet --offline "$locked" $selection --target wasm32-wasip1 -e normal,no-proc-macro --prefix none --format '{p}|{l}' |
    sed '/^$/d; s/ (\*)$//; s/ ([^|]*)|/|/; s/ v/-/' | grep -v '^\(sh\|tools\|onig\|cowbox-guest\)-' | sort -u > "$work/packages"
rm -rf "$work/licences"
mkdir "$work/licences"
while IFS='|' read -r package _; do
    directory=crates/$package
    [ -e "$directory" ] || directory=$(registry "$package")
    for text in "$directory"/*; do
        case $(printf '%s' "${text##*/}" | tr '[:lower:]' '[:upper:]') in
        LICEN[CS]E* | COPYING* | COPYRIGHT* | UNLICENSE* | NOTICE*)
            [ -f "$text" ] || continue
            name=$(tr -d '\r' < "$text" | sha256 | cut -d' ' -f1)
            tr -d '\r' < "$text" > "$work/licences/$name.text"
            printf '%s\n' "$package" >> "$work/licences/$name.packages"
            ;;
        esac
    done
done < "$work/packages"
{
    printf 'What is compiled into the programs of /bin beside what is cowbox'"'"'s own, and under which licences. The standard library of Rust is under\n'
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
    "awk=$modules/awk-rs.wasm" "coreutils=$modules/coreutils.wasm" "diffutils=$modules/diffutils.wasm" "edit=$modules/kibi.wasm" \
    "find=$modules/find.wasm" "grep=$modules/grep.wasm" "sed=$modules/sed.wasm" "sh=$modules/sh.wasm" "tools=$modules/tools.wasm" \
    "xargs=$modules/xargs.wasm" "licence=crates/coreutils-0.12.0/LICENSE" "third-party=$work/THIRD-PARTY")
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
    printf '  "rustc": "%s",\n  "cargo": "%s",\n  "toolchain": "%s",\n' "$("$rustc" --version)" "$(cargo --version)" "$origin"
    printf '  "llvm": "%s",\n' "$("$rustc" --version --verbose | sed -n 's/^LLVM version: //p')"
    printf '  "linker": "%s",\n' "$linker"
    printf '  "modules": {\n'
    for program in $programs; do
        [ "$program" = awk-rs ] || printf ',\n'
        module=$modules/$program.wasm
        printf '    "%s": { "sha256": "%s", "size": %s }' "$program" "$(digest "$module")" "$(($(wc -c < "$module")))"
    done
    printf '\n  },\n'
    printf '  "archive": { "sha256": "%s", "size": %s },\n' "$(digest "$image")" "$(($(wc -c < "$image")))"
    printf '  "image": %s\n}\n' "$(printf '%s' "$facts" | tr -s ' \n' ' ')"
} > "$folder/inputs.json"
"$folder/check.sh" --list > "$work/inputs.sha256"
mv "$work/inputs.sha256" "$folder/inputs.sha256"
