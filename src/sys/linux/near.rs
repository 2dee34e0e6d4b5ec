//! Makes one thing beside the other without looking for their directory again.

use std::ffi::CStr;
use std::os::fd::RawFd;

use super::place::{LINKS_MAX, Name, Path, Place, make_all, make_directories, make_in, open_below, split};

/// A directory in which something was made.
pub(super) struct Near {
    path: Path,
    place: Option<Place>,
}

impl Near {
    pub(super) fn new() -> Near {
        Near { path: Path::new(), place: None }
    }

    /// After whatever may have changed what its path leads to.
    pub(super) fn forget(&mut self) {
        self.place = None;
    }

    /// The directory that a path's last part is in, made where it is missing, and that part.
    pub(super) fn parent(&mut self, root: RawFd, path: &CStr) -> Result<(&Place, Name), i32> {
        let (above, name) = split(path.to_bytes());
        let name = Name::of(name)?;
        let place = match self.place.take().filter(|_| self.path.bytes() == above) {
            Some(place) => place,
            None => {
                self.path.set(above)?;
                make_all(root, above, 0o755, LINKS_MAX)?
            }
        };
        Ok((self.place.insert(place), name))
    }

    /// The directory of a path, which is made where it is missing. What is mounted on it hides nothing that is near then.
    pub(super) fn directory(&mut self, root: RawFd, path: &CStr) -> Result<Place, i32> {
        let (above, name) = split(path.to_bytes());
        let is_near = self.place.is_some() && self.path.bytes() == above && Name::of(name).is_ok();
        if !is_near {
            self.forget();
            match open_below(root, path.to_bytes()) {
                Err(libc::ENOENT) => {}
                place => return place,
            }
        }
        let (parent, name) = self.parent(root, path)?;
        match make_in(parent, &name, 0o755)? {
            Some(made) => Ok(made),
            None => {
                // By a link it may lie anywhere.
                self.forget();
                make_directories(root, path, 0o755)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn what_is_made_beside_other_things_has_its_whole_mode() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::File::open(dir.path()).unwrap();
        let mut near = Near::new();
        for path in [c"a/b", c"a/c/", c"a/b", c"d"] {
            let place = near.directory(root.as_raw_fd(), path).unwrap();
            let found = fs::metadata(dir.path().join(path.to_str().unwrap())).unwrap();
            assert_eq!(
                (place.stat().unwrap().st_ino, found.permissions().mode() & 0o7777),
                (std::os::unix::fs::MetadataExt::ino(&found), 0o755)
            );
        }
    }

    #[test]
    fn a_link_beside_it_leads_where_it_leads_in_the_root() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        symlink("/c", dir.path().join("a/link")).unwrap();
        symlink("..", dir.path().join("a/up")).unwrap();
        let root = fs::File::open(dir.path()).unwrap();
        let mut near = Near::new();
        near.directory(root.as_raw_fd(), c"a/new").unwrap();
        near.directory(root.as_raw_fd(), c"a/link").unwrap();
        assert!(dir.path().join("c").is_dir());
        near.directory(root.as_raw_fd(), c"a/other").unwrap();
        let (up, top) = (near.directory(root.as_raw_fd(), c"a/up").unwrap(), root.metadata().unwrap());
        assert_eq!(up.stat().unwrap().st_ino, std::os::unix::fs::MetadataExt::ino(&top));
        assert!(near.place.is_none(), "what is mounted there hides `a`");
        for path in [c"a/.", c"a/b/.."] {
            near.directory(root.as_raw_fd(), c"a/more").unwrap();
            near.directory(root.as_raw_fd(), path).unwrap();
            assert!(near.place.is_none(), "what is mounted there hides `a`");
        }
    }
}
