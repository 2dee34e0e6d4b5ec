#!/bin/sh
# The shell and the commands of agentOS, built by others for a process interface of their own: fetch-agentos.sh DEST
#
# root: /bin with 118 programs, /etc/passwd and /etc/group. files: nothing.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
start "$0" "${1:-}" agentos

need python3
tarball=agentos-software-coreutils-0.3.4.tgz
npm_package @agentos-software/coreutils@0.3.4 $tarball 600f8f9ebdf55b6d834102320a639c6974b1f51a78bb58a889206e9f638eeecd
tar -xzf "$cache/$tarball" -C "$dest/work"
# The package file is a header, two lengths, two documents of these lengths, and a tar.
python3 - "$dest/work/package/dist/package.aospkg" > "$dest/work/programs.tar" <<'END'
import struct, sys

data = open(sys.argv[1], "rb").read()
magic, _, manifest, index = struct.unpack_from("<4sIII", data)
assert magic == b"\x89AOS", magic
sys.stdout.buffer.write(data[16 + manifest + index:])
END
tar -xf "$dest/work/programs.tar" -C "$dest/root"
mkdir -p "$dest/root/etc" "$dest/root/home/user"
printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n' > "$dest/root/etc/passwd"
printf 'root:x:0:\nusers:x:1000:user\n' > "$dest/root/etc/group"
finish
