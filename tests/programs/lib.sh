# Shared by the fetch scripts beside this file: downloads through the registries' own clients, checked and kept. Sourced, not run.
#
# A fetch script is called with DEST and leaves there `root/` (what is in the image), `root.tar` (the same, to be imported), and `files/` (what a test
# binds or copies into the container). It prints `skipped: REASON` and exits 77 when this machine cannot do it, and does nothing when it is done.
# Downloads are kept in COWBOX_PROGRAMS_CACHE (default: ~/.cache/cowbox-programs).
# shellcheck shell=sh

set -eu
export LC_ALL=C
programs=$(cd "$(dirname "$0")" && pwd -P)
# What a program compiled with the SDK is made of, beside its own sources.
sdk_sources=$(echo "$programs"/../../guest-sdk/c/src/* "$programs"/../../guest-sdk/c/include/*.h "$programs"/../../guest-sdk/c/include/*/*.h)
cache=${COWBOX_PROGRAMS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cowbox-programs}

skip() {
    echo "skipped: $*"
    exit 77
}

need() {
    for tool in "$@"; do
        command -v "$tool" >/dev/null 2>&1 || skip "$tool is missing"
    done
}

sha256() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1" | cut -d' ' -f1; else shasum -a 256 "$1" | cut -d' ' -f1; fi
}

# start SCRIPT DEST SOURCES [FILES]: the destination, absolute in $dest, is emptied; exits when it was made by this very script from these very files.
# SOURCES is the folder beside this file that the script takes its own files from, FILES are words that name others.
start() {
    [ -n "${2:-}" ] || { echo "usage: $1 DEST" >&2; exit 2; }
    mkdir -p "$2" "$cache"
    dest=$(cd "$2" && pwd -P)
    # Sources are flat, apart from Rust's.
    # shellcheck disable=SC2086  # several files
    set -- "$1" "$2" "$3" "${4:-}"
    stamp=$(for file in "$1" "$programs/lib.sh" "$programs/$3"/* "$programs/$3"/src/* $4; do
        [ ! -f "$file" ] || sha256 "$file"
    done)
    if [ "$(cat "$dest/complete" 2>/dev/null)" = "$stamp" ]; then
        echo "ready: $dest"
        exit 0
    fi
    rm -rf "$dest/root" "$dest/root.tar" "$dest/files" "$dest/complete" "$dest/work"
    mkdir -p "$dest/root/tmp" "$dest/files" "$dest/work"
    chmod 1777 "$dest/root/tmp"
}

# kept FILE SUM: whether the cache has the file as it should be.
kept() {
    [ -f "$cache/$1" ] && [ "$(sha256 "$cache/$1")" = "$2" ]
}

# arrived FILE SUM: moves a download from $dest/work into the cache, when it is the recorded one.
arrived() {
    [ -f "$dest/work/$1" ] || skip "the registry has no $1 now"
    found=$(sha256 "$dest/work/$1")
    [ "$found" = "$2" ] || { echo "$1: digest differs (expected $2, found $found)" >&2; exit 1; }
    mv "$dest/work/$1" "$cache/$1"
}

# pypi PACKAGE==VERSION FILE SUM: a wheel, at $cache/FILE.
pypi() {
    kept "$2" "$3" && return
    need python3
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$dest/work" "$1" >"$dest/work/pip.log" 2>&1 ||
        skip "pip cannot download $1: $(tail -n 1 "$dest/work/pip.log")"
    arrived "$2" "$3"
}

# npm_package PACKAGE@VERSION FILE SUM: a package's tarball, at $cache/FILE.
npm_package() {
    kept "$2" "$3" && return
    need npm
    (cd "$dest/work" && npm pack --silent "$1" >npm.log 2>&1) || skip "npm cannot download $1: $(tail -n 1 "$dest/work/npm.log")"
    arrived "$2" "$3"
}

# debian_source PACKAGE=VERSION FILE SUM: a file of a source package, at $cache/FILE, from where this machine's packages come.
debian_source() {
    kept "$2" "$3" && return
    need apt-get
    apt=$cache/apt
    mkdir -p "$apt/lists/partial" "$apt/archives/partial"
    # Lists of our own: a machine seldom has those of sources, and we change nothing of it. What archives of updates have is replaced without notice.
    # shellcheck disable=SC2016  # apt-get expands them
    apt-get indextargets --format 'deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' | sort -u |
        grep -v -e '-security ' -e '-updates ' > "$apt/sources.list"
    set -- "$@" -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt" \
        -o APT::Sandbox::User="$(id -un)"
    package=$1 file=$2 sum=$3
    shift 3
    (cd "$dest/work" && apt-get -qq "$@" update && apt-get -qq "$@" source --download-only "$package") > "$dest/work/apt.log" 2>&1 ||
        skip "apt-get has no source package $package: $(tail -n 1 "$dest/work/apt.log")"
    arrived "$file" "$sum"
}

# sysroot: wasi-libc with its headers, at $WASI_SYSROOT; that of the environment, or npm's.
sysroot() {
    if [ -z "${WASI_SYSROOT:-}" ]; then
        npm_package @yowasp/clang@22.0.0-git20542-10 yowasp-clang-22.0.0-git20542-10.tgz \
            6230ea1afa9691fa065935cf68c01642ff9b31c183fe8ac64cdfda025df06009
        mkdir -p "$dest/work/sysroot"
        tar -xzf "$cache/yowasp-clang-22.0.0-git20542-10.tgz" -C "$dest/work" package/gen/llvm-resources.tar
        tar -xf "$dest/work/package/gen/llvm-resources.tar" -C "$dest/work/sysroot"
        WASI_SYSROOT=$dest/work/sysroot
    fi
    export WASI_SYSROOT
}

# sdk: libcowbox.a, and the compiler for programs that use it, at $cowbox_cc.
sdk() {
    sysroot
    need make llvm-ar
    for WASI_CC in "${WASI_CC:-}" clang-22 clang-21 clang-20 skip; do
        [ -z "$WASI_CC" ] || ! command -v "$WASI_CC" >/dev/null 2>&1 || break
    done
    [ "$WASI_CC" != skip ] || skip 'clang 20 or later is missing'
    export WASI_CC COWBOX_LIB="$dest/work/sdk"
    sdk=$programs/../../guest-sdk/c
    make -s -C "$sdk" OUT="$COWBOX_LIB" >"$dest/work/sdk.log" 2>&1 || { tail -n 20 "$dest/work/sdk.log" >&2; exit 1; }
    cowbox_cc=$(cd "$sdk" && pwd -P)/cowbox-cc
}

# unzip_to FILE DIR: unpacks a wheel from the cache.
unzip_to() {
    need python3
    python3 -m zipfile -e "$cache/$1" "$2"
}

# tree_tar DIR TAR: packs a directory as root's.
tree_tar() {
    if tar --version 2>/dev/null | grep -q 'GNU tar'; then
        tar -C "$1" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@1795305600 -cf "$2" .
    else
        tar -C "$1" --uid 0 --gid 0 -cf "$2" .
    fi
}

# finish: packs root/ and marks the destination as complete.
finish() {
    rm -rf "$dest/work"
    tree_tar "$dest/root" "$dest/root.tar"
    printf '%s\n' "$stamp" > "$dest/complete"
    echo "ready: $dest"
}
