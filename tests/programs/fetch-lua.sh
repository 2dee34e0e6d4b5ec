#!/bin/sh
# Lua 5.4 from Debian's source package, compiled with guest-sdk/c, and its source: fetch-lua.sh DEST
#
# root: /bin/lua and /bin/luac, nothing changed. files: lua/, the source as it is, for a compiler in a container; and workout.lua.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
start "$0" "${1:-}" lua "$sdk_sources"

debian_source lua5.4=5.4.4-3+deb12u1 lua5.4_5.4.4.orig.tar.gz 164c7849653b80ae67bec4b7473b884bf5cc8d2dca05653475ec2ed27b9ebf61
sdk
tar -xzf "$cache/lua5.4_5.4.4.orig.tar.gz" -C "$dest/files"
mv "$dest/files/lua-5.4.4" "$dest/files/lua"
cp -R "$dest/files/lua" "$dest/work/lua"
make -C "$dest/work/lua/src" all CC="$cowbox_cc -std=gnu99" SYSCFLAGS=-DLUA_USE_POSIX SYSLDFLAGS=-Wl,--strip-all AR='llvm-ar rcu' RANLIB=llvm-ranlib \
    > "$dest/work/build.log" 2>&1 || { tail -n 20 "$dest/work/build.log" >&2; exit 1; }
mkdir -p "$dest/root/bin"
cp "$dest/work/lua/src/lua" "$dest/work/lua/src/luac" "$dest/root/bin/"
cp "$programs/lua/workout.lua" "$dest/files/"
finish
