#!/bin/sh
# A Rust toolchain for wasm32-wasip1 out of Debian's and npm's packages, for machines where rustup cannot add the target.
#
#   wasi-images/toolchain.sh PREFIX
#
# Nothing is installed system-wide and no root is needed. Everything is unpacked below PREFIX (about 1.2 GB, 250 MB of it downloads) and checked
# against recorded SHA-256 sums. Afterwards `WASI_RUST=PREFIX wasi-images/wasi-cargo build --release` builds guests.
# Elsewhere `rustup target add wasm32-wasip1` is all it takes, and this script is not needed.
#
# Needs Debian 12 on x86-64 (apt-get, dpkg-deb), npm, tar, a cargo (any from 1.85 on), and cc as the host's linker for build scripts.
set -eu

[ $# -eq 1 ] || { echo "usage: $0 PREFIX" >&2; exit 2; }
for tool in apt-get dpkg-deb npm tar sha256sum; do
    command -v "$tool" >/dev/null || { echo "$0: $tool is missing" >&2; exit 1; }
done
mkdir -p "$1/downloads"
prefix=$(cd "$1" && pwd -P)
cd "$prefix/downloads"

# rustc, its library for the host, the sources of std, LLVM, and the linker.
rust=1.96.0+dfsg1-1~deb12u2
packages="rustc-web=$rust libstd-rust-web-1.96=$rust libstd-rust-web-dev=$rust rust-web-src=$rust
    libllvm22=1:22.1.8-1~deb12u1 lld-22=1:22.1.8-1~deb12u1"
# clang's WASI sysroot: libc, libc++, headers, compiler-rt. Debian's own wasi-libc is of 2022 and its link() fails.
sysroot=@yowasp/clang@22.0.0-git20542-10

sums='729ec3e943d320515c2bbdc96acfffd7ce34861e62bd5c42726bf586d644dfe2  libllvm22_1%3a22.1.8-1~deb12u1_amd64.deb
3755f30434ae29574c91b0beb86632bee401607b0ac35c3e52810f9a53fae0d1  libstd-rust-web-1.96_1.96.0+dfsg1-1~deb12u2_amd64.deb
e38dbeaaad673fc63fb47c5140cf34da271ac71c3ecafc828b762c2fb01fe77a  libstd-rust-web-dev_1.96.0+dfsg1-1~deb12u2_amd64.deb
13103b3fb3195bfeade9835d3906a4cc91002010f9013d98aa1fc55b841d07b4  lld-22_1%3a22.1.8-1~deb12u1_amd64.deb
9de8597c464d0a9283672973ed7e50092b49a92b95861429043fe8b57468a208  rust-web-src_1.96.0+dfsg1-1~deb12u2_all.deb
8fefe1d6377fe4082f5a9d2a47e095e2d20319eaab9754bd2f0275155c9adf90  rustc-web_1.96.0+dfsg1-1~deb12u2_amd64.deb
6230ea1afa9691fa065935cf68c01642ff9b31c183fe8ac64cdfda025df06009  yowasp-clang-22.0.0-git20542-10.tgz'

verified() { printf '%s\n' "$sums" | sha256sum --check --quiet --status 2>/dev/null; }

if ! verified; then
    # shellcheck disable=SC2086  # one word a package
    apt-get -qq download $packages || { echo "$0: apt-get cannot download rustc-web $rust (apt-get update first?)" >&2; exit 1; }
    npm pack --silent "$sysroot" >/dev/null
    verified || { printf '%s\n' "$sums" | sha256sum --check --quiet; exit 1; }
fi

if [ ! -e "$prefix/complete" ]; then
    for package in *.deb; do dpkg-deb -x "$package" "$prefix"; done
    tar -xzf yowasp-clang-*.tgz package/gen/llvm-resources.tar
    mkdir -p "$prefix/wasi"
    tar -xf package/gen/llvm-resources.tar -C "$prefix/wasi"
    rm -r package
    self_contained=$prefix/usr/lib/rustlib/wasm32-wasip1/lib/self-contained
    mkdir -p "$self_contained"
    for object in libc.a crt1-command.o crt1-reactor.o; do
        cp "$prefix/wasi/lib/wasm32-wasip1/$object" "$self_contained/"
    done

    # rustc takes its sysroot from where its driver library was loaded: without the library path a system-wide rustc-web would win.
    cat > "$prefix/rustc" <<W
#!/bin/sh
export LD_LIBRARY_PATH='$prefix/usr/lib/x86_64-linux-gnu'\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
exec '$prefix/usr/bin/rustc' "\$@"
W
    cat > "$prefix/wasm-ld" <<W
#!/bin/sh
export LD_LIBRARY_PATH='$prefix/usr/lib/x86_64-linux-gnu:$prefix/usr/lib/llvm-22/lib'
exec '$prefix/usr/lib/llvm-22/bin/wasm-ld' "\$@"
W
    chmod +x "$prefix/rustc" "$prefix/wasm-ld"
    "$prefix/rustc" --version > "$prefix/complete.new"
    mv "$prefix/complete.new" "$prefix/complete"
fi
printf '%s in %s\n' "$(cat "$prefix/complete")" "$prefix"
