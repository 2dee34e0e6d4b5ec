//! Scripts that want to bring the shell down: it says what is wrong, and ends.

use std::io::Write;
use std::process::{Command, Stdio};

/// How the shell ends on a script, which it gets by its standard input.
fn ends(script: &[u8]) -> Option<i32> {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut child = Command::new(env!("CARGO_BIN_EXE_sh"))
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the shell starts");
    // It may end before it has read everything.
    let _ = child.stdin.take().expect("it is a pipe").write_all(script);
    child.wait().expect("the shell ends").code()
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    let n = 20_000;
    for script in [
        format!("{}:{}", "(".repeat(n), ")".repeat(n)),
        format!("{}:{}", "( ".repeat(n), " )".repeat(n)),
        format!("{}:{}", "{ ".repeat(n), "; }".repeat(n)),
        format!("echo {}{}", "$(".repeat(n), ")".repeat(n)),
        format!("echo {}x{}", "${x:-".repeat(n), "}".repeat(n)),
        format!("echo {}x{}", "\"$(echo ".repeat(n), ")\"".repeat(n)),
        format!("echo $(({}1{}))", "(".repeat(n), ")".repeat(n)),
        format!("echo $(({}1))", "-".repeat(n)),
        format!("echo {}", "$((".repeat(n)),
        format!("echo {}", "$((a;".repeat(n)),
        format!("{}:{}", "if ".repeat(n), "; then :; fi".repeat(n)),
        format!("{}:{}", "case a in b) ".repeat(n), ";; esac".repeat(n)),
        format!("{}:{}", "case a in b) ".repeat(100), " ; esac".repeat(100)),
        format!("echo {}", "a[".repeat(n)),
        format!("{}=1", "a[".repeat(n)),
        format!("[[ {} a {} ]]", "( ".repeat(n), " )".repeat(n)),
        format!("test {} a {}", "\\( ".repeat(n), " \\)".repeat(n)),
        format!("echo {}", "{a,".repeat(n)),
        format!("echo {}", "{a,b}".repeat(200)),
        "echo {1..999999999999}".to_owned(),
        format!("case x in {}) ;; esac", "*(".repeat(n)),
        format!("cat {}", "<<a ".repeat(500)),
    ] {
        let status = ends(script.as_bytes());
        assert!(status.is_some(), "killed by a signal: {}", &script[..60.min(script.len())]);
    }
}

#[test]
fn endless_recursion_is_an_error_and_no_crash() {
    for script in [
        "f() { f; }; f",
        "f() { f \"$@\" x; }; f",
        "f() { (f); }; f",
        "f() { x=$(f); }; f",
        "f() { if f; then :; fi; }; f",
        "f() { eval f; }; f",
        "f() { case x in *) f;; esac; }; f",
        "f() { command eval f; }; f",
        "x='y=$(eval \"$x\")'; eval \"$x\"",
        "a=b b=a; echo $((a))",
        "trap 'false' ERR; f() { trap f ERR; false; }; f",
        "alias a=b b=a; a",
        "PS4='$(echo x)'; set -x; echo y",
        "declare -n a=b b=a; echo $a; a=1",
    ] {
        assert!(ends(script.as_bytes()).is_some(), "killed by a signal: {script}");
    }
}

#[test]
fn numbers_and_bytes_of_any_kind_are_taken() {
    for script in [
        &b"echo 99999999999999999999>x"[..],
        b"echo ~99999999999999999999",
        b"echo $99999999999999999999 ${99999999999999999999}",
        b"exec 99999999999>&1; exec 2147483647>&1; echo >&99999999999",
        b"echo $((9223372036854775807+1)) $((-9223372036854775808/-1)) $((1<<999)) $((2**9999)) $((-9223372036854775808 % -1))",
        b"printf '%*d' 99999999999 1; printf '%.99999999999d' 1; printf %99999999999s x",
        b"shift 99999999999; break 99999999999; exit 99999999999999999999999",
        b"x=abc; echo ${x:99999999999:99999999999} ${x: -99999999999} ${x:0:-9223372036854775808}",
        b"a[9223372036854775807]=x; a+=(y); a[-99]=z; echo ${a[-99999]}",
        b"\xff\xfe\x80 \xc3 '\xe2\x82",
        b"echo $'\\xff\\u{}\\U99999999\\777\\c'",
        b"read -n 99999999999999999999 x; read -t 1e400 x; read -u 99999 x",
        b"umask 99999999999; ulimit -n 99999999999999999999; kill -99999 $$; wait 99999999999; trap x 9999",
        b"${", b"$(", b"`", b"'", b"\"", b"<<", b"<<<", b"((", b"[[", b"case", b"for", b"a=(", b"\\", b"$((", b"f()", b"!", b"time", b"{", b"}", b";;", b"function", b"select",
        b"getopts", b"getopts : x", b"OPTIND=99999999999; getopts a x -a", b"OPTIND=-5; getopts a x -a",
    ] {
        assert!(ends(script).is_some(), "killed by a signal: {}", String::from_utf8_lossy(script));
    }
}
