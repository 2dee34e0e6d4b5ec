//! How guests end: exit codes, traps, limits, signals.

use super::World;
use crate::runtime::{ExitReason, ExitStatus};

const HELLO: &str = r#"
    (memory (export "memory") 1)
    (data (i32.const 64) "hello, world\n")
    (func (export "_start")
        (i32.store (i32.const 0) (i32.const 64))
        (i32.store (i32.const 4) (i32.const 13))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
"#;

#[test]
fn a_program_writes_and_returns() {
    let ended = World::new(HELLO).run();
    assert_eq!(ended.stdout, "hello, world\n");
    assert_eq!(ended.status, ExitStatus { code: 0, reason: ExitReason::Exited, message: None });
}
