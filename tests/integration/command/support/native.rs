//! An image of a real program (busybox), for native containers.

use std::fs;
use std::os::unix::fs::symlink;

use super::{Cowbox, Ended};

/// A store with the image `box` of a static busybox; none where native containers cannot run, and then it says why.
pub fn with_box() -> Option<Cowbox> {
    let skip = |why: &str| {
        println!("skipped: {why}");
        None
    };
    let Ok(program) = fs::read("/bin/busybox") else {
        return skip("/bin/busybox (Debian: busybox-static) is not there");
    };
    // The path of its loader would be at the beginning.
    if program[..program.len().min(4096)].windows(4).any(|bytes| bytes == b"/ld-") {
        return skip("/bin/busybox is not static (Debian: busybox-static)");
    }
    let cowbox = Cowbox::empty();
    let folder = cowbox.path("box");
    for name in ["bin", "etc", "dev"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    fs::copy("/bin/busybox", folder.join("bin/busybox")).unwrap();
    for name in
        ["sh", "cat", "echo", "false", "grep", "hostname", "id", "mount", "pwd", "sleep", "tail", "touch", "true"]
    {
        symlink("busybox", folder.join("bin").join(name)).unwrap();
    }
    symlink("/proc/self/exe", folder.join("bin/runtime")).unwrap();
    fs::write(folder.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\nann:x:1000:1001::/home/ann:/bin/sh\n").unwrap();
    fs::write(folder.join("etc/group"), "root:x:0:\nstaff:x:50:ann\n").unwrap();
    let platform = format!("linux/{}", std::env::consts::ARCH);
    cowbox.run(["import", "--platform", &platform, folder.to_str().unwrap(), "box"]).ok();
    let probe = cowbox.run(["run", "--rm", "box", "true"]);
    match probe.code {
        0 => Some(cowbox),
        _ => skip(&format!("native containers cannot run here: {}", probe.err.trim_end())),
    }
}

/// Runs a script in a container that goes when it ends.
pub fn run(cowbox: &Cowbox, options: &[&str], script: &str) -> Ended {
    cowbox.run([&["run", "--rm"], options, &["box", "sh", "-c", script]].concat())
}
