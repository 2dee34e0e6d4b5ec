//! An image of a real program (busybox), for native containers.

use std::fs;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};

use super::{Cowbox, Ended};

/// The programs of busybox that tests run.
const PROGRAMS: &str =
    "sh cat chmod chown cp cut echo env false find grep head hostname id kill ln ls mkdir mknod mount mv ps pwd
    readlink rm rmdir sed sleep sort stat stty sync tail test touch tr true umount wc";

/// Makes a root with a static busybox in `folder`; the error is why there can be none.
pub fn busybox(folder: &Path) -> Result<(), String> {
    if !fs::exists("/bin/busybox").unwrap() {
        return Err("/bin/busybox (Debian: busybox-static) is not there".into());
    }
    for name in ["bin", "etc", "dev", "proc", "sys"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    fs::copy("/bin/busybox", folder.join("bin/busybox")).unwrap();
    for name in PROGRAMS.split_whitespace() {
        symlink("busybox", folder.join("bin").join(name)).unwrap();
    }
    symlink("/proc/self/exe", folder.join("bin/runtime")).unwrap();
    fs::write(folder.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\nann:x:1000:1001::/home/ann:/bin/sh\n").unwrap();
    fs::write(folder.join("etc/group"), "root:x:0:\nstaff:x:50:ann\n").unwrap();
    Ok(())
}

/// A store with the image `box` of a static busybox; none where native containers cannot run, and then it says why.
pub fn with_box() -> Option<Cowbox> {
    let cowbox = Cowbox::empty();
    let folder = cowbox.path("box");
    if let Err(why) = busybox(&folder) {
        println!("skipped: {why}");
        return None;
    }
    let platform = format!("linux/{}", std::env::consts::ARCH);
    cowbox.run(["import", "--platform", &platform, folder.to_str().unwrap(), "box"]).ok();
    let probe = cowbox.run(["run", "--rm", "box", "true"]);
    match probe.code {
        0 => return Some(cowbox),
        127 => println!("skipped: /bin/busybox is not static (Debian: busybox-static)"),
        _ => println!("skipped: native containers cannot run here: {}", probe.err.trim_end()),
    }
    None
}

/// The descriptor that is sent over a socket.
pub fn received_descriptor(socket: &UnixStream) -> OwnedFd {
    received(socket).1
}

/// The text that came through a socket, and the descriptor that came with it.
pub fn received(socket: &UnixStream) -> (String, OwnedFd) {
    let mut bytes = [0; 4096];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let len = rustix::net::recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::empty())
        .unwrap()
        .bytes;
    match control.drain().next() {
        Some(RecvAncillaryMessage::ScmRights(mut fds)) => {
            (String::from_utf8_lossy(&bytes[..len]).into_owned(), fds.next().unwrap())
        }
        _ => panic!("no descriptor came"),
    }
}

/// Runs a script in a container that goes when it ends.
pub fn run(cowbox: &Cowbox, options: &[&str], script: &str) -> Ended {
    cowbox.run([&["run", "--rm"], options, &["box", "sh", "-c", script]].concat())
}
