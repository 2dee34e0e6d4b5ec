//! The terminal of a new process.

use std::ffi::{CStr, c_int};

use super::Walk;
use crate::sys::linux::calls::{Outcome, check};
use crate::sys::linux::channel::MASTER;
use crate::sys::linux::ids::streams;
use crate::sys::linux::mounts_raw::{
    MOVE_MOUNT_F_EMPTY_PATH, MOVE_MOUNT_T_EMPTY_PATH, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE, move_mount, open_tree,
};
use crate::sys::linux::place::{self, Place};

impl Walk {
    #[allow(unsafe_code)]
    pub(super) unsafe fn terminal(
        &self,
        (rows, columns): (u16, u16),
        owner: u32,
        console: bool,
        plain: bool,
    ) -> Outcome {
        // SAFETY: system calls on descriptors that are open, and structures on this stack.
        unsafe {
            let master = Place::of(place::open_file(self.root, c"dev/pts/ptmx", libc::O_RDWR | libc::O_NOCTTY)?);
            let unlocked: c_int = 0;
            check(libc::ioctl(master.fd(), libc::TIOCSPTLCK, &raw const unlocked))?;
            // By descriptor: nothing that the container has put at the name can be opened instead.
            let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
            let slave = Place::of(check(libc::ioctl(master.fd(), libc::TIOCGPTPEER, flags))?);
            if rows > 0 && columns > 0 {
                let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
                check(libc::ioctl(master.fd(), libc::TIOCSWINSZ, &raw const size))?;
            }
            if plain {
                let mut settings: libc::termios = std::mem::zeroed();
                check(libc::tcgetattr(slave.fd(), &raw mut settings))?;
                settings.c_oflag &= !libc::ONLCR;
                check(libc::tcsetattr(slave.fd(), libc::TCSANOW, &raw const settings))?;
            }
            // Where the id is not of this user namespace the terminal stays root's, as Docker's does.
            libc::fchown(slave.fd(), owner, u32::MAX);
            self.tell(MASTER, 0, master.fd())?;
            // It fails where the process leads a session already, which is as well.
            libc::setsid();
            check(libc::ioctl(slave.fd(), libc::TIOCSCTTY, 0))?;
            if console {
                let mut number: c_int = 0;
                check(libc::ioctl(master.fd(), libc::TIOCGPTN, &raw mut number))?;
                let mut path = [0_u8; 32];
                place::write_number(&mut path, b"dev/pts/", number as u32);
                let path = CStr::from_bytes_until_nul(&path).map_err(|_| libc::EINVAL)?;
                let place = place::open_at(self.root, path)?;
                let flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | libc::AT_EMPTY_PATH as u32;
                let tree = Place::of(open_tree(place.fd(), c"", flags)?);
                let target = place::make_file(self.root, c"dev/console")?;
                let flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
                move_mount(tree.fd(), c"", target.fd(), c"", flags)?;
            }
            streams(&[slave.fd(); 3])
        }
    }
}
