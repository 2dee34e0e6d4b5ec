#!/bin/sh
# GNU make 4.3 from Debian's source package, compiled with guest-sdk/c: fetch-make.sh DEST
#
# root: /bin/make. files: make/Makefile. Changed are the two places in make/make.patch; fork is said to be missing, so that make uses posix_spawn.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
start "$0" "${1:-}" make "$sdk_sources"
need autoreconf automake autopoint patch

debian_source make-dfsg=4.3-4.1 make-dfsg_4.3.orig.tar.gz be4c17542578824e745f83bcd2a9ba264206187247cb6a5f5df99b0a9d1f9047
debian_source make-dfsg=4.3-4.1 make-dfsg_4.3-4.1.diff.gz 753c254ecaba425ebe2e0a0fb4d299847701e1c3eeb43df563e39975cae56b4c
sdk
tar -xzf "$cache/make-dfsg_4.3.orig.tar.gz" -C "$dest/work"
cd "$dest/work/make-dfsg-4.3"
gzip -dc "$cache/make-dfsg_4.3-4.1.diff.gz" | patch -s -p1
patch -s -p1 < "$programs/make/make.patch"
# The glob in it is of 1999, and passes a char ** where a char * is taken.
build() {
    autoreconf -fi &&
        ./configure --host=wasm32-unknown-wasi --build="$(uname -m)-linux" --prefix=/usr --disable-nls --without-guile CC="$cowbox_cc" \
            CFLAGS='-O2 -Wno-incompatible-pointer-types' LDFLAGS=-Wl,--strip-all AR=llvm-ar RANLIB=llvm-ranlib ac_cv_func_fork=no ac_cv_func_vfork=no &&
        make -C lib &&
        make make
}
build > "$dest/work/build.log" 2>&1 || { tail -n 20 "$dest/work/build.log" >&2; exit 1; }
mkdir -p "$dest/root/bin"
cp make "$dest/root/bin/make"
mkdir -p "$dest/root/usr/share/licenses/make"
cp COPYING "$dest/root/usr/share/licenses/make/"
cp "$programs/make/Makefile" "$dest/files/"
finish
