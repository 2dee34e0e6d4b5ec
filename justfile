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

# Rebuild the base image from source, byte for byte.
base:
    wasi-images/base/build.sh

# Type-check for macOS and Windows.
cross:
    .ci/cross
