//! Where an entry belongs: the path below the root that its name stands for.

use super::error::{Error, Result};
use super::limits::Limits;
use crate::vfs::{Errno, GuestPath};

/// The path of the entry, or the target of the hard link, called `written`. `entry` is for errors.
///
/// A slash in front means nothing, as for Docker and tar(1): every path starts at the root the archive is for. `.` and
/// doubled slashes are passed over, `a/../b` is `b`. A name that climbs above the root is refused, as Docker does: no
/// honest tool writes one. There are no host files behind any of these paths.
pub(super) fn locate(written: &[u8], entry: &[u8], limits: &Limits) -> Result<GuestPath> {
    let mut depth = 0usize;
    let mut deepest = 0;
    for component in written.split(|&byte| byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => {
                depth = depth
                    .checked_sub(1)
                    .ok_or_else(|| Error::entry(entry, "its path leads out of the archive's root"))?;
            }
            _ => {
                depth += 1;
                deepest = deepest.max(depth);
            }
        }
    }
    if deepest > limits.depth {
        return Err(Error::entry(entry, format!("its path has more than {} components", limits.depth)));
    }
    GuestPath::new(written).map_err(|errno| match errno {
        Errno::NameTooLong => Error::entry(entry, "a name longer than 255 bytes, or a path longer than 4,095"),
        _ => Error::entry(entry, "a NUL in its path"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_root() {
        let limits = Limits { depth: 3, ..Limits::default() };
        let of = |text: &str| locate(text.as_bytes(), b"e", &limits).map(|path| path.to_string());
        for (written, path) in [("", "/"), ("./", "/"), ("/etc//x/", "/etc/x"), ("a/../b", "/b"), ("a/b/../..", "/")] {
            assert_eq!(of(written).ok().as_deref(), Some(path), "{written}");
        }
        for bad in ["..", "../x", "a/../../x", "/..", "a/b/c/d", "a\0b", &"x".repeat(256)] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
