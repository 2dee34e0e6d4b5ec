//! `cowbox runtime`: containers of bundles whose program is a wasm module, as root on Linux.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;

use super::support::bundle::Bundle;

/// Prints its environment and the file that its argument names, and ends with the errno of what went wrong.
const CAT: &str = r#"(module
    (import "wasi_snapshot_preview1" "environ_sizes_get" (func $env_sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get" (func $env (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 2)
    (func $print (param $from i32) (param $len i32)
        (i32.store (i32.const 16) (local.get $from))
        (i32.store (i32.const 20) (local.get $len))
        (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))
    (func $must (param $errno i32)
        (if (local.get $errno) (then (call $exit (local.get $errno)))))
    (func (export "_start") (local $path i32) (local $len i32)
        (call $must (call $env_sizes (i32.const 0) (i32.const 4)))
        (call $must (call $env (i32.const 1024) (i32.const 8192)))
        (call $print (i32.const 8192) (i32.load (i32.const 4)))
        (call $must (call $args (i32.const 1024) (i32.const 32768)))
        ;; Without the slash before it: below the directory that is the root.
        (local.set $path (i32.add (i32.load (i32.const 1028)) (i32.const 1)))
        (block $end (loop $next
            (br_if $end (i32.eqz (i32.load8_u (i32.add (local.get $path) (local.get $len)))))
            (local.set $len (i32.add (local.get $len) (i32.const 1)))
            (br $next)))
        (call $must (call $open (i32.const 3) (i32.const 1) (local.get $path) (local.get $len)
            (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 8)))
        (i32.store (i32.const 16) (i32.const 65536))
        (i32.store (i32.const 20) (i32.const 65536))
        (call $must (call $read (i32.load (i32.const 8)) (i32.const 16) (i32.const 1) (i32.const 12)))
        (call $print (i32.const 65536) (i32.load (i32.const 12)))))"#;

/// Runs until it is killed.
const SPIN: &str = r#"(module (memory (export "memory") 1) (func (export "_start") (loop $again (br $again))))"#;

/// Takes a gigabyte, and uses it.
const GREEDY: &str = r#"(module (memory (export "memory") 1) (func (export "_start")
    (drop (memory.grow (i32.const 16384)))
    (memory.fill (i32.const 0) (i32.const 1) (i32.const 1073741824))))"#;

/// Calls of the system that the runtime for wasm makes, all of which Docker's default profile allows; clone3 it hides.
const PROFILE: &str =
    "access arch_prctl brk clock_getres clock_gettime clock_nanosleep clone close dup dup3 epoll_create1 epoll_ctl epoll_wait execve execveat exit exit_group fcntl
    fstat fstatfs futex getcwd getdents64 getegid geteuid getgid getpid getrandom getrlimit gettid getuid ioctl lseek lstat
    madvise membarrier mmap mprotect mremap munmap nanosleep newfstatat open openat openat2 pipe2 poll ppoll pread64 prctl
    prlimit64 read readlink readlinkat restart_syscall rseq rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity
    sched_yield set_robust_list set_tid_address sigaltstack stat statx sysinfo tgkill uname write writev";

/// A bundle of a module as `/bin/it`, which can be read by nobody but root; none where such containers cannot run.
fn with_module(text: &str) -> Option<Bundle> {
    let bundle = Bundle::empty();
    let write = |text: &str| fs::write(bundle.root().join("bin/it"), wat::parse_str(text).unwrap()).unwrap();
    fs::create_dir_all(bundle.root().join("bin")).unwrap();
    write(r#"(module (memory (export "memory") 1) (func (export "_start")))"#);
    let runs = bundle.begin(&["it"]);
    write(text);
    runs.then_some(bundle)
}

#[test]
fn a_module_sees_the_root_of_its_bundle_and_nothing_else() {
    let Some(bundle) = with_module(CAT) else { return };
    let root = bundle.root();
    fs::write(root.join("given"), "given\n").unwrap();
    symlink("/given", root.join("link")).unwrap();
    symlink("../../../../../../../../etc/passwd", root.join("out")).unwrap();
    let volume = bundle.path("volume");
    fs::write(&volume, "from outside\n").unwrap();
    bundle.mount("/mnt/file", "bind", volume.to_str().unwrap(), &["bind"]);
    bundle.change(|config| config["process"]["env"] = json!(["LD_PRELOAD=./evil.so", "A=b=c"]));
    let env = "LD_PRELOAD=./evil.so\0A=b=c\0";
    for (path, code, content) in [
        ("/given", 0, "given\n"),
        ("/link", 0, "given\n"),
        ("/mnt/file", 0, "from outside\n"),
        ("/proc/1/comm", 0, "it\n"),
        ("/out", 44, ""),
        ("/proc/self/mem", 44, ""),
        ("/proc/1/root/etc", 44, ""),
    ] {
        bundle.args(&["/bin/it", path]);
        let ended = bundle.run("one");
        assert_eq!((ended.code, ended.out), (code, format!("{env}{content}")), "{path}: {}", ended.err);
    }
    bundle.mount("/mnt/host", "bind", "/proc", &["rbind"]);
    let refused = bundle.run("two");
    assert!(refused.code == 1 && refused.err.contains("remove the mount of /mnt/host"), "{refused:?}");
    bundle.is_gone();
}

#[test]
fn a_module_is_created_started_killed_and_deleted() {
    let Some(bundle) = with_module(SPIN) else { return };
    bundle.change(|config| {
        config["process"]["user"] = json!({"uid": 1234, "gid": 567, "additionalGids": [8]});
        config["process"]["rlimits"] = json!([{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]);
        config["linux"]["seccomp"] = json!({
            "defaultAction": "SCMP_ACT_ERRNO",
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
            "syscalls": [
                {"names": PROFILE.split_whitespace().collect::<Vec<_>>(), "action": "SCMP_ACT_ALLOW"},
                {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
            ],
        });
    });
    let folder = bundle.path("");
    bundle.runtime(["create", "--bundle", folder.to_str().unwrap(), "one"]).ok();
    assert_eq!(bundle.status("one"), "created");
    bundle.runtime(["start", "one"]).ok();
    assert_eq!(bundle.status("one"), "running");
    let refused = bundle.runtime(["exec", "one", "/bin/it"]);
    assert!(refused.err.contains("exec is not possible in the container of a wasm module"), "{refused:?}");
    let status = fs::read_to_string(format!("/proc/{}/status", bundle.pid("one"))).unwrap();
    for line in [
        "Uid:\t1234\t1234\t1234\t1234",
        "Gid:\t567\t567\t567\t567",
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
    ] {
        assert!(status.lines().any(|found| found == line), "{line} is not in {status}");
    }
    bundle.runtime(["kill", "one", "TERM"]).ok();
    bundle.wait("one");
    bundle.runtime(["delete", "one"]).ok();
    bundle.is_gone();
}

#[test]
fn a_module_that_takes_too_much_memory_is_killed() {
    let Some(bundle) = with_module(GREEDY) else { return };
    bundle.change(|config| config["linux"]["resources"]["memory"] = json!({"limit": 128 << 20}));
    let ended = bundle.run("one");
    if ended.err.contains("memory") {
        return println!("skipped: {}", ended.err.trim_end());
    }
    assert_eq!(ended.code, 137, "{}", ended.err);
    bundle.is_gone();
}

#[test]
fn what_is_no_module_in_spite_of_an_annotation_says_so() {
    let Some(bundle) = with_module(SPIN) else { return };
    fs::write(bundle.root().join("bin/it"), "text").unwrap();
    bundle.change(|config| config["annotations"] = json!({"run.oci.handler": "wasm"}));
    let ended = bundle.run("one");
    assert_eq!(ended.code, 126, "{}", ended.err);
    bundle.args(&["missing"]);
    assert_eq!(bundle.run("two").code, 127);
    assert!(bundle.runtime(["features"]).ok().contains("\"cowbox.wasm\": \"true\""));
    bundle.is_gone();
}
