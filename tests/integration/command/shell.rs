//! Living in `base`: its shell with the programs around it.

use super::support::{Cowbox, Ended};

fn sh(cowbox: &Cowbox, script: &str) -> Ended {
    cowbox.run(["run", "--rm", "base", "sh", "-c", script])
}

#[test]
fn programs_of_the_image_work_together() {
    let cowbox = Cowbox::with_base();
    let script = r#"
        mkdir /srv/a; echo x=a > /srv/a/one.conf; echo y > /srv/two.conf; echo 'x = aa' > '/srv/a/three.conf'
        find /srv -name '*.conf' | xargs grep -l x | sort > /tmp/out
        for f in $(cat /tmp/out); do sed -i s/a/b/ "$f"; done; echo $?
        cat /tmp/out /srv/a/*.conf
        awk -F= '{ n += NF } END { print n }' /srv/a/*.conf
        tar -C /srv -cz a | tar -tz | sort
        printf '%s\n' b a | (read first; echo "first $first"; sort)
        exit 3"#;
    let ended = sh(&cowbox, script);
    assert_eq!((ended.code, ended.err.as_str()), (3, ""), "{ended:?}");
    let lines = "0\n/srv/a/one.conf\n/srv/a/three.conf\nx=b\nx = ba\n4\na/\na/one.conf\na/three.conf\nfirst b\na\n";
    assert_eq!(ended.out, lines);
}

#[test]
fn modes_and_owners_are_what_they_are_said_to_be() {
    let cowbox = Cowbox::with_base();
    let script = "umask 027; touch /tmp/f; stat -c '%a %U' /tmp/f; chown 7:8 /tmp/f; chmod u+s,o+r /tmp/f; ls -n /tmp/f | cut -c1-18";
    assert_eq!(sh(&cowbox, script).ok(), "640 root\n-rwSr--r-- 1 7 8 0\n");
    let denied = cowbox.run(["run", "--rm", "-u", "1000", "base", "sh", "-c", "cat /etc/shadow; echo > /etc/x; id -u"]);
    assert_eq!(denied.out, "1000\n", "{denied:?}");
    assert!(denied.err.contains("ermission denied"), "{denied:?}");
}

#[test]
fn what_cannot_run_is_explained_by_the_shell() {
    let cowbox = Cowbox::with_base();
    let elf = r"printf '\177ELF\002\001\001\0\0\0\0\0\0\0\0\0\002\0\076\0' > /tmp/elf; chmod +x /tmp/elf; /tmp/elf";
    let ended = sh(&cowbox, elf);
    assert_eq!(ended.code, 126);
    assert!(ended.err.contains("/tmp/elf") && ended.err.contains("linux/amd64"), "{ended:?}");
    let ended = sh(&cowbox, r"printf '#!/bin/nosuch\n' > /tmp/s; chmod +x /tmp/s; /tmp/s");
    assert!(matches!(ended.code, 126 | 127) && ended.err.contains("/tmp/s"), "{ended:?}");
    let ended = sh(&cowbox, "nosuch");
    assert!(ended.code == 127 && ended.err.contains("nosuch: not found"), "{ended:?}");
}

#[test]
fn a_pipe_that_nobody_reads_ends_its_writer() {
    let cowbox = Cowbox::with_base();
    assert_eq!(sh(&cowbox, "yes | head -n 1; yes | true; echo done").ok(), "y\ndone\n");
}

#[test]
fn a_fork_bomb_stays_in_its_container() {
    let cowbox = Cowbox::with_base();
    let bomb = "f() { f | f & wait; }; f";
    let ended = cowbox.run(["run", "--rm", "--pids-limit", "40", "--timeout", "20s", "base", "sh", "-c", bomb]);
    assert!(ended.err.contains("Resource temporarily unavailable") || ended.code == 124, "{ended:?}");
    assert_eq!(sh(&cowbox, "echo fine").ok(), "fine\n");
}

#[cfg(unix)]
#[test]
fn a_shell_on_a_terminal_edits_lines_stops_jobs_and_leaves_with_its_status() {
    use super::support::pty::Pty;

    let cowbox = Cowbox::with_base();
    let mut terminal = Pty::spawn(cowbox.command(["run", "-it", "--rm", "base"]), 24, 80);
    terminal.shows("# ");
    terminal.keys("echo a$((40+2))b\r");
    terminal.shows("a42b");
    // Interrupted once it says that it is in the foreground.
    terminal.keys("sh -c 'echo in; echo side; sleep 100'\r");
    terminal.shows("in\r\nside\r\n");
    terminal.keys("\x03");
    terminal.shows("# ");
    terminal.keys("echo status $?\r");
    terminal.shows("status 130");
    terminal.shows("# ");
    // The line before the last two, out of the history.
    terminal.keys("\x1b[A\x1b[A\x1b[A\r");
    terminal.shows("a42b");
    terminal.keys("exit 3\r");
    assert_eq!(terminal.ends().0, 3);
}
