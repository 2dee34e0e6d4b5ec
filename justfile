# What can be done here: `just --list`.

# Format, lint, test, document: what CI runs on every change.
check:
    .ci/run

# The tests.
test:
    cargo test --locked

# Side-by-side measurements against the peers that are installed.
bench *ARGS:
    benches/run {{ARGS}}

# A release without shared libraries: target/release/cowbox. It takes the C library's static ones (libc6-dev has them; Fedora: glibc-static).
dist *ARGS:
    cargo rustc --release --locked --bin cowbox {{ARGS}} -- -C target-feature=+crt-static

# Native containers beside crun, runc, podman and the least that one takes; as root, with those from Debian's packages.
bench-native *ARGS: dist
    benches/native/bench.py {{ARGS}}

# Rebuild the base image from source, byte for byte.
base:
    wasi-images/base/build.sh

# Type-check for macOS and Windows.
cross:
    .ci/cross

# libcowbox for C programs, and its tests in containers.
sdk:
    make -C guest-sdk/c
    guest-sdk/c/check-symbols.sh "$WASI_SYSROOT"
    guest-sdk/c/check-headers.sh
    guest-sdk/c/tests/run.sh

# Real programs from registries, in containers.
programs *ARGS:
    tests/programs/check.sh {{ARGS}}

# A script in a virtual machine with an older kernel and cgroup v2, or all checks that there are for it: tests/vm/run says more.
vm *ARGS:
    {{ if ARGS == "" { "for checks in 'run tests/vm/rootless-checks' systemd lsm integration; do tests/vm/$checks || exit; done" } else { "tests/vm/run " + ARGS } }}
