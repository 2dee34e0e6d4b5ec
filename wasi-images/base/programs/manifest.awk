# Drops the sections of a published manifest that only tests, benchmarks and builds elsewhere need, and what makes a package a workspace of its own.
/^\[/ { skip = ($0 ~ /dev-dependencies|^\[\[test\]\]|^\[\[bench\]\]|^\[profile|^\[workspace\]|^\[lints|^\[\[example\]\]/) }
!skip
