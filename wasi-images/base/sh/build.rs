//! Asks for a stack that functions which call themselves fit on.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(large_stack)");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("wasi") {
        // The part of the stack that lies in linear memory; only what is touched is taken.
        println!("cargo::rustc-link-arg-bins=-zstack-size=8388608");
        println!("cargo::rustc-cfg=large_stack");
    }
}
