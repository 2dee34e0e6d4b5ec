//! What a container may use, and what it is told when that is gone.

use super::support::{Cowbox, SPINNING};

#[test]
fn time_memory_and_cpu_have_limits_with_messages_of_their_own() {
    let cowbox = Cowbox::empty();
    cowbox.program("spin", SPINNING);
    let ended = cowbox.run(["run", "--rm", "--timeout", "200ms", "spin"]);
    assert_eq!(ended.code, 124, "{ended:?}");
    assert!(ended.err.contains("time"), "{ended:?}");
    let ended = cowbox.run(["run", "--rm", "--cpu-time", "100ms", "spin"]);
    assert_ne!(ended.code, 0);
    assert!(ended.err.contains("CPU"), "{ended:?}");
    // Grows until it cannot, and then does what it must not.
    cowbox.program(
        "grow",
        r#"(module (memory (export "memory") 1)
            (func (export "_start")
                (loop $again
                    (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
                unreachable))"#,
    );
    let ended = cowbox.run(["run", "--rm", "-m", "8m", "grow"]);
    assert_eq!(ended.code, 137, "{ended:?}");
    assert!(ended.err.contains("memory"), "{ended:?}");
    cowbox.run(["run", "--name", "box", "-m", "8m", "grow"]);
    assert_eq!(cowbox.run(["inspect", "-f", "{{.State.OOMKilled}}", "box"]).ok(), "true\n");
    // It is started with others, which it does not get while it runs.
    cowbox.run(["update", "-m", "16m", "box"]).ok();
    assert_eq!(cowbox.run(["inspect", "-f", "{{.HostConfig.Memory}}", "box"]).ok(), "16777216\n");
    assert!(cowbox.run(["start", "-a", "box"]).err.contains("16 MiB"), "the limit that it ran into");
    assert!(cowbox.run(["update", "--cpu-shares", "2", "box"]).fails(1).contains("is for native containers"));
    cowbox.run(["run", "-d", "--name", "spinning", "spin"]).ok();
    assert!(cowbox.run(["update", "-m", "16m", "spinning"]).fails(1).contains("while they run"));
    cowbox.run(["rm", "-f", "spinning"]).ok();
}

#[test]
fn a_trap_prints_a_backtrace_and_ends_with_134() {
    let cowbox = Cowbox::empty();
    cowbox.program(
        "trap",
        r#"(module (memory (export "memory") 1)
            (func $inner unreachable)
            (func $outer (export "_start") (call $inner)))"#,
    );
    let ended = cowbox.run(["run", "--rm", "trap"]);
    assert_eq!(ended.code, 134, "{ended:?}");
    assert!(ended.err.contains("unreachable"), "{ended:?}");
    assert!(ended.err.contains("inner") && ended.err.contains("outer"), "{ended:?}");
    // A stack that overflows is a trap too.
    cowbox.program("deep", r#"(module (memory (export "memory") 1) (func $f (export "_start") (call $f)))"#);
    assert_eq!(cowbox.run(["run", "--rm", "deep"]).code, 134);
}

#[test]
fn what_is_written_to_the_containers_own_files_has_a_limit() {
    let cowbox = Cowbox::with_base();
    let args = ["run", "--name", "box", "--disk", "1m", "base", "cp", "/bin/coreutils", "/root/copy"];
    let ended = cowbox.run(args);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.to_lowercase().contains("quota"), "{ended:?}");
    assert_eq!(cowbox.run(["run", "--rm", "--disk", "64m", "base", "cp", "/bin/coreutils", "/root/copy"]).code, 0);
    cowbox.is_clean();
}

#[test]
fn limits_that_make_no_sense_are_refused() {
    let cowbox = Cowbox::empty();
    cowbox.program("spin", SPINNING);
    for (flag, value) in [("-m", "much"), ("--cpus", "0"), ("--timeout", "soon"), ("--ulimit", "core=1")] {
        let ended = cowbox.run(["run", "--rm", flag, value, "spin"]);
        assert_eq!(ended.code, 125, "{flag} {value}: {ended:?}");
        assert!(ended.err.contains(value), "{ended:?}");
    }
}
